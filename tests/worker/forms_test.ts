import { assertEquals } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { reframed } from "../../src/worker/forms.ts";
import { CONTENTS, entriesOf, expectedOf, formTests, formWith } from "./forms_cases.ts";

formTests("source", FROM_SOURCE);

const bytesOf = (text: string) => new TextEncoder().encode(text);
const TYPE = "multipart/form-data; boundary=B";

for (const content of CONTENTS) {
  Deno.test(`a form is the same with another boundary: ${JSON.stringify(content)}`, async () => {
    const form = await reframed(bytesOf(formWith(content)), TYPE, "B").formData();
    assertEquals(await entriesOf(form), expectedOf(content));
  });
}

Deno.test("boundaries that begin like themselves are found", async () => {
  for (const boundary of ["---", "-a-a", "aab", "ababac", "-".repeat(70)]) {
    const content = `a--${boundary.slice(0, -1)}--${boundary}b-${boundary}`;
    const body = formWith(content).replaceAll("--B", `--${boundary}`);
    const type = `multipart/form-data; boundary=${boundary}`;
    assertEquals(
      await entriesOf(await reframed(bytesOf(body), type, boundary).formData()),
      expectedOf(content),
      boundary,
    );
  }
});

Deno.test("the work on a form is in proportion to it, whatever its boundary", () => {
  const boundary = `${"-".repeat(8_000)}x`;
  const type = `multipart/form-data; boundary=${boundary}`;
  // Compared one by one, this were 16 billion steps.
  const body = `${formWith("-".repeat(1_000_000)).replaceAll("--B", `--${boundary}`)}`;
  assertEquals(reframed(bytesOf(body), type, boundary).ok, true);
});
