import { assertEquals } from "../support/assert.ts";
import { RequireDesk } from "../../src/pool/require_desk.ts";
import type { Imported, ImportRequest } from "../../src/worker/protocol.ts";

const THREAD = new URL("./requiring_thread.ts", import.meta.url);

/** What a thread gets that requires `specifiers`, when `supply` finds them. */
async function required(
  specifiers: readonly string[],
  supply: (request: ImportRequest, desk: RequireDesk) => Promise<Imported>,
): Promise<Imported[]> {
  const desk: RequireDesk = new RequireDesk({
    supply: (request) => supply(request, desk),
    onBroken: (error) => {
      throw error;
    },
  });
  const thread = new Worker(THREAD, { type: "module" });
  try {
    return await new Promise((resolve) => {
      thread.onmessage = ({ data: { id, request, got } }) => {
        if (got !== undefined) resolve(got);
        else desk.take(id, request);
      };
      thread.postMessage({ start: desk.start, specifiers }, [desk.start.port]);
    });
  } finally {
    desk.close();
    thread.terminate();
  }
}

const none = (specifier: string): Imported => ({ message: `there is no ${specifier}` });

Deno.test("a thread that requires waits for each answer", async () => {
  const got = await required(["a", "b"], async ({ specifier }) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return none(specifier);
  });
  assertEquals(got, [none("a"), none("b")]);
});

Deno.test("a thread that waits for a module goes on when the gateway has done with it", async () => {
  const got = await required(["a"], (_, desk) => {
    desk.close();
    return new Promise(() => {});
  });
  assertEquals(got, [{ message: "the worker is ending" }]);
});

Deno.test("what is no request for a module is not taken", () => {
  const desk = new RequireDesk({
    supply: () => new Promise(() => {}),
    onBroken: () => {},
  });
  try {
    assertEquals(desk.take("1", { specifier: "a", referrer: "b", type: "" }), false);
    assertEquals(desk.take(1, { specifier: 1, referrer: "b", type: "" }), false);
    assertEquals(desk.take(1, null), false);
  } finally {
    desk.close();
    desk.start.port.close();
  }
});
