import { DEFAULT_HTTP_LIMITS, serve } from "gatehouse";
import { assert, assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";
import { until } from "../support/processes.ts";
import { resolveTarget } from "../../src/client/dial.ts";
import { parseTarget } from "../../src/client/target.ts";
import { STALL_KINDS, StalledClients } from "../../src/load/stalled_clients.ts";

test("clients that stall hold connections, and make new ones when they are cut off", async () => {
  await using server = await serve({
    app: () => new Response("hello"),
    http: "127.0.0.1:0",
    limits: { ...DEFAULT_HTTP_LIMITS, headerTimeoutMs: 300, bodyIdleTimeoutMs: 300 },
    log: () => {},
  });
  const { port } = server.addresses[0] as Deno.NetAddr;
  const place = await resolveTarget(parseTarget(`http://127.0.0.1:${port}/`));
  const stalled = new StalledClients(place, 10, STALL_KINDS);
  assertEquals(stalled.results.map(({ clients }) => clients), [3, 3, 2, 2]);
  await until(() => stalled.held === 10);
  // Others are served beside them.
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "hello");
  const [silent, slowHead] = stalled.results;
  await until(() => silent.cutOff >= 3 && slowHead.cutOff >= 3 && stalled.held > 0);
  await stalled.end();
  for (const { kind, clients, connects, cutOff, longestMs } of stalled.results) {
    assert(connects >= clients, kind);
    assert(connects >= cutOff, kind);
    assert(longestMs > 0, kind);
  }
});

test("clients that stall go on trying where nobody listens, and end when they are told to", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const place = await resolveTarget(parseTarget(`http://127.0.0.1:${port}/`));
  const stalled = new StalledClients(place, 3, ["silent"]);
  await until(() => stalled.results[0].refused >= 3);
  await stalled.end();
  assertEquals([stalled.held, stalled.results[0].connects], [0, 0]);
});
