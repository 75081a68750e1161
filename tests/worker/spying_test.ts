import { assert, assertEquals } from "../support/assert.ts";
import type { HostedApp } from "../support/hosted_app.ts";
import { hostApp } from "../support/hosted_app.ts";

const APP = new URL("./spying_app.ts", import.meta.url);

/** A body that is sent in chunks. */
function streamed(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = 5;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new Uint8Array(100_000));
      else controller.close();
    },
  });
}

/** Requests of all kinds, and their answers. */
const requests: Record<string, [path: string, init: RequestInit, status: number, body: RegExp]> = {
  "a GET": ["/", {}, 200, /^alive$/],
  "text": ["/text", { method: "POST", body: "some text" }, 200, /^some text$/],
  "JSON": ["/json", { method: "POST", body: '{"a":1}' }, 200, /^\{"a":1\}$/],
  "a stream": ["/stream", { method: "POST", body: new Uint8Array(500_000) }, 200, /^500000$/],
  "a stream of unknown length": ["/stream", { method: "POST", body: streamed() }, 200, /^500000$/],
  "chunks": ["/chunks", { method: "POST", body: streamed() }, 200, /^65536(?:,-?\d+)+$/],
  "a large text": ["/large", {}, 200, /^é{300000}$/],
  "many bytes": ["/bytes", {}, 200, /^\0{300000}$/],
  "a streamed response": ["/streamed", {}, 200, /^partpartpart$/],
  "its context": ["/context", { headers: { "x-b": "c" } }, 200, /^127\.0\.0\.1 GET c$/],
  "an import": ["/import", {}, 200, /^late$/],
  "a failure": ["/fail", {}, 500, /./],
};

async function ask({ url, client }: HostedApp, path: string, init: RequestInit = {}) {
  const response = await fetch(url + path, { ...init, client } as RequestInit);
  return [response.status, await response.text()] as const;
}

Deno.test("an app that replaces all of the platform sees no ring, and nothing else of the gateway's", async (t) => {
  await using app = await hostApp(APP, { late: { "./late.js": "export const place = 'late';" } });
  assertEquals(await ask(app, "/spy"), [200, "spying"]);
  for (const [name, [path, init, status, body]] of Object.entries(requests)) {
    await t.step(`a request with ${name}`, async () => {
      const [gotStatus, gotBody] = await ask(app, path, init);
      assertEquals(gotStatus, status);
      assert(body.test(gotBody), gotBody.slice(0, 100));
    });
  }
  const [, spied] = await ask(app, "/spied");
  assertEquals([...new Set(spied.split("\n"))], [""]);
});
