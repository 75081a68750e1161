import { assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { importError, textOfThrown } from "../../src/worker/thrown.ts";

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
  "so are those of the executable's scripts": [
    `${FRAMES}\n    at gatehouse:gatehouse.js:1:2\n    at async H.pump (gatehouse:gatehouse_late.js:3:4)`,
    FRAMES,
  ],
  "so is what runs the app in an async context of its own": [
    `${FRAMES}\n    at ${OWN}worker/apps.ts:1:2\n    at AsyncLocalStorage.run (node:async_hooks:69:14)`,
    FRAMES,
  ],
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

Deno.test("what an import fails with has the frames of who imports alone", () => {
  const { prepareStackTrace } = Error as { prepareStackTrace?: unknown };
  const own = `\n    at Modules.import (${OWN}worker/modules.ts:1:2)`;
  const cases = [
    [
      `${own}\n    at async app (file:///srv/app.ts:1:2)${own}\n    at x (ext:core/01_core.js:1:2)`,
      "\n    at async app (file:///srv/app.ts:1:2)",
    ],
    [own, own],
    ["", ""],
  ];
  try {
    for (const [frames, left] of cases) {
      Object.assign(Error, { prepareStackTrace: (error: Error) => `${error}${frames}` });
      assertEquals(importError("no such\nfile").stack, `TypeError: no such\nfile${left}`);
    }
  } finally {
    Object.assign(Error, { prepareStackTrace });
  }
});

for (const workers of ["1", "0"]) {
  Deno.test(`a body that is no JSON is told with the line that reads it (--workers ${workers})`, () =>
    inFolder({
      "app.js": `export default {
  async fetch(request) {
    return Response.json(await request.json());
  },
};`,
    }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, `--workers=${workers}`]);
      for (const body of ["x", "[".repeat(100_000), ""]) {
        const before = gateway.log.length;
        const response = await fetch(gateway.url, { method: "POST", body });
        await response.body?.cancel();
        assertEquals(response.status, 500);
        await gateway.logged(/^ {4}at async Object\.fetch \(file:.*app\.js:3:26\)$/, {
          before,
          timeoutMs: 5_000,
        });
      }
    }));
}
