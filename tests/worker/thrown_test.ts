import { assertEquals, assertMatch } from "../support/assert.ts";
import { textOfThrown } from "../../src/worker/thrown.ts";

const OWN = new URL("../../src/", import.meta.url).href;

function thrownWith(stack: unknown): Error {
  return Object.defineProperty(new Error("bad"), "stack", { value: stack });
}

const FRAMES =
  "Error: bad\n    at app (file:///srv/app.ts:1:2)\n    at async file:///srv/lib.ts:3:4";
const CALLERS =
  `\n    at AppRunner.handle (${OWN}worker/apps.ts:1:2)\n    at ${OWN}ring/ring.ts:3:4` +
  "\n    at dispatch (ext:deno_web/02_event.js:1:7177)";
const cases: Record<string, [stack: unknown, text: string]> = {
  "the frames of who called the app are left out": [FRAMES + CALLERS, FRAMES],
  "a trace without them stays": [FRAMES, FRAMES],
  "frames between the app's own stay": [
    `${FRAMES}\n    at ${OWN}worker/request.ts:1:1\n    at file:///srv/app.ts:9:9${CALLERS}`,
    `${FRAMES}\n    at ${OWN}worker/request.ts:1:1\n    at file:///srv/app.ts:9:9`,
  ],
  "a trace of nothing else stays": [`Error: bad${CALLERS}`, `Error: bad${CALLERS}`],
  "a text that is no trace stays": ["what an app\nhas put there", "what an app\nhas put there"],
  "an empty text stays": ["", ""],
};
for (const [name, [stack, text]] of Object.entries(cases)) {
  Deno.test(`what an app throws: ${name}`, () => {
    assertEquals(textOfThrown(thrownWith(stack)), text);
  });
}

Deno.test("what an app throws: an error of its own is told with its place alone", () => {
  const text = textOfThrown(new TypeError("wrong"));
  assertMatch(text, /^TypeError: wrong\n {4}at file:.*\/thrown_test\.ts:\d+:\d+$/);
});
