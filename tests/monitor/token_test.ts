import { assertEquals, assertThrows } from "../support/assert.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { ControlToken } from "../../src/monitor/token.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

Deno.test("a token is matched by itself alone", () => {
  const token = new ControlToken(TOKEN);
  assertEquals(token.matches(TOKEN), true);
  for (
    const other of [null, "", TOKEN.slice(1), `${TOKEN}0`, TOKEN.toUpperCase(), "x".repeat(100_000)]
  ) {
    assertEquals(token.matches(other), false);
  }
});

Deno.test("a file has a token if it is one word that is long enough", async (test) => {
  const cases: Record<string, [string, string | null]> = {
    "a word": [TOKEN, null],
    "a word and a line end": [`${TOKEN}\n`, null],
    "too short": ["secret", "16 or more"],
    "empty": ["\n", "16 or more"],
    "two words": [`${TOKEN} ${TOKEN}`, "one word"],
    "not ASCII": [`${TOKEN}ä`, "ASCII"],
    "no text at all": ["x".repeat(10_000), "one word"],
  };
  const path = await Deno.makeTempFile();
  try {
    for (const [name, [text, fault]] of Object.entries(cases)) {
      await test.step(name, () => {
        Deno.writeTextFileSync(path, text);
        if (fault === null) assertEquals(ControlToken.read(path).matches(TOKEN), true);
        else assertThrows(() => ControlToken.read(path), ConfigError, fault);
      });
    }
  } finally {
    await Deno.remove(path);
  }
  assertThrows(() => ControlToken.read("/nowhere/token"), ConfigError, "cannot be read");
});
