/** Responses among what a program mounts. */

import { serve, SettingsError } from "../../mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../support/assert.ts";

Deno.test("serve() mounts responses beside apps", async () => {
  await using server = await serve({
    http: "127.0.0.1:0",
    app: () => new Response("hello"),
    mounts: {
      "/old/": "respond:307,location=/new{MATCH}?{QUERY},body=see /new",
      "/away": "respond:503,header=Retry-After: 60,body=Back soon",
    },
  });
  const { port } = server.addresses[0] as Deno.NetAddr;
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual", ...init });
  assertEquals(await (await ask("/")).text(), "hello");
  assertEquals(await (await ask("/older")).text(), "hello");
  const moved = await ask("/old/a?b", { method: "POST", body: "x".repeat(1_000) });
  assertEquals([moved.status, moved.headers.get("location")], [307, "/new/a?b"]);
  assertEquals(await moved.text(), "see /new");
  const away = await ask("/away", { method: "HEAD" });
  assertEquals([away.status, away.headers.get("retry-after")], [503, "60"]);
  assertEquals(away.headers.get("content-length"), "9");
});

Deno.test("serve() can serve a response alone", async () => {
  await using server = await serve({ http: "127.0.0.1:0", app: "respond:410,body={PATH} is gone" });
  const { port } = server.addresses[0] as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}/x`);
  assertEquals([response.status, await response.text()], [410, "/x is gone"]);
});

Deno.test("serve() tells all that is wrong with responses", async () => {
  const error = await assertRejects(() =>
    serve({
      http: "127.0.0.1:0",
      backlog: -1,
      mounts: { "/a": "respond:99", "/b": "respond:200,body={PAHT}" },
    }), SettingsError);
  for (const pattern of [/backlog/, /\/a: the status code/, /\/b: body: there is no placeholder/]) {
    assertMatch(error.message, pattern);
  }
});
