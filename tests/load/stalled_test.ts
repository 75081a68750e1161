import { serve } from "gatehouse";
import { assert, assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";
import { until } from "../support/processes.ts";
import { resolveTarget } from "../../src/client/dial.ts";
import { parseTarget } from "../../src/client/target.ts";
import { STALL_KINDS } from "../../src/client/stalled_bytes.ts";
import { StalledClients } from "../../src/load/stalled_clients.ts";

const REQUEST = { fields: [], messageBytes: 32 };

/** Who is cut off by these limits, whatever the system's buffers hold. */
const CUT_OFF = {
  http: ["silent", "slow-head"],
  fcgi: ["silent", "slow-head"],
  ws: ["silent", "slow-head"],
};

/** What a server answers in each protocol. */
function app(request: Request): Response {
  if (request.headers.get("upgrade") !== "websocket") return new Response("hello");
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
}

for (const scheme of ["http", "fcgi", "ws"] as const) {
  test(`clients that stall hold connections (${scheme}), and make new ones when cut off`, async () => {
    await using server = await serve({
      app,
      http: "127.0.0.1:0",
      fastcgi: "127.0.0.1:0",
      limits: { headerTimeoutMs: 300, bodyIdleTimeoutMs: 300 },
      log: () => {},
    });
    const [http, fastcgi] = server.addresses.map((address) => (address as Deno.NetAddr).port);
    const url = `${scheme}://127.0.0.1:${scheme === "fcgi" ? fastcgi : http}/`;
    using stalled = new StalledClients({
      server: await resolveTarget(parseTarget(url)),
      count: 10,
      kinds: STALL_KINDS,
      request: REQUEST,
    });
    assertEquals(stalled.results.map(({ clients }) => clients), [3, 3, 2, 2]);
    await until(() => stalled.held === 10);
    // Others are served beside them.
    assertEquals(await (await fetch(`http://127.0.0.1:${http}/`)).text(), "hello");
    const ended = stalled.results.filter(({ kind }) => CUT_OFF[scheme].includes(kind));
    await until(() => ended.every(({ cutOff }) => cutOff >= 2) && stalled.held > 0);
    await stalled.end();
    for (const { kind, clients, connects, cutOff, longestMs } of stalled.results) {
      assert(connects >= clients, kind);
      assert(connects >= cutOff, kind);
      assert(longestMs > 0, kind);
    }
  });
}

test("clients that stall go on trying where nobody listens, and end when they are told to", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const place = await resolveTarget(parseTarget(`http://127.0.0.1:${port}/`));
  using stalled = new StalledClients({
    server: place,
    count: 3,
    kinds: ["silent"],
    request: REQUEST,
  });
  await until(() => stalled.results[0].refused >= 3);
  await stalled.end();
  assertEquals([stalled.held, stalled.results[0].connects], [0, 0]);
});
