import { NeedHints } from "../../src/pool/need_hints.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("errors are followed by what their packages need, once", async () => {
  const lines: string[] = [];
  const asked: string[] = [];
  const hints = new NeedHints((_, line) => lines.push(line), (message) => {
    asked.push(message);
    return Promise.resolve(message.includes("sharp") ? "sharp needs something" : null);
  });
  for (const message of ["of sharp", "of others", "of sharp again"]) {
    hints.log("error", message);
    await new Promise((resolve) => setTimeout(resolve));
  }
  hints.log("info", "sharp, no error");
  assertEquals(lines, [
    "of sharp",
    "sharp needs something",
    "of others",
    "of sharp again",
    "sharp, no error",
  ]);
  assertEquals(asked, ["of sharp", "of others", "of sharp again"]);
});

Deno.test("a flood of errors is logged, and looked at one by one", async () => {
  let logged = 0;
  let asked = 0;
  const { promise, resolve } = Promise.withResolvers<null>();
  const hints = new NeedHints(() => logged++, () => {
    asked++;
    return promise;
  });
  for (let i = 0; i < 1_000; i++) hints.log("error", `error ${i}`);
  assertEquals([logged, asked], [1_000, 1]);
  resolve(null);
  await promise;
});
