/** Requests that stick together, over two dispatchers that know nothing of each other. */

import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { readOpenMetrics, sumOf } from "../support/open_metrics.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { eventually } from "../support/zmq.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const ignore = libzmqIsMissing() || isMissing("mongrel2");

const APP = `const me = crypto.randomUUID();
export default { fetch: () => new Response(me) };
`;
const KEYS = Array.from({ length: 24 }, (_, i) => `user-${i}`);
/** Requests with each key, in a row: Mongrel2 gives them to its two handlers by turns. */
const TIMES = 4;

/** Which worker has the requests with each key; all of them are answered by one. */
async function placesOf({ url }: Mongrel2Server): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const key of KEYS) {
    const workers = new Set<string>();
    for (let i = 0; i < TIMES; i++) {
      const response = await fetch(url, { headers: { cookie: `a=b; user=${key}` } });
      assertEquals(response.status, 200);
      workers.add(await response.text());
    }
    assertEquals(workers.size, 1, key);
    places.set(key, [...workers][0]);
  }
  return places;
}

/** The keys that are elsewhere now. */
function moved(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  return KEYS.filter((key) => before.get(key) !== after.get(key));
}

/** Requests that came to a handler over each of its links. */
async function requestsByLink({ log }: GatewayProcess): Promise<number[]> {
  const line = log.find((each) => each.startsWith("monitoring at "))!;
  const response = await fetch(`${line.replace("monitoring at ", "")}/metrics`);
  const families = readOpenMetrics(await response.text());
  assertEquals(sumOf(families, "gatehouse_mongrel2_link_up"), 2);
  return [...families.get("gatehouse_mongrel2_link_requests")!.samples.values()];
}

Deno.test({
  name:
    "two dispatchers give a key to the same handler, and only those of one that goes, or comes, move",
  ignore,
  async fn() {
    await inFolder({ "app.ts": APP }, async (folder) => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await Mongrel2Server.start());
      const specs: string[] = [];
      const dispatchers: GatewayProcess[] = [];
      for (let i = 0; i < 2; i++) {
        const args = [server.spec("main", {}), "tcp://127.0.0.1:0", "--sticky-cookie=user"];
        const dispatcher = stack.use(await startGateway(["dispatch", ...args]));
        dispatchers.push(dispatcher);
        specs.push((await dispatcher.logged(/^listening dispatch/)).replace("listening ", ""));
      }
      const start = async (name: string) => {
        const to = specs.flatMap((spec) => ["--mongrel2", `${spec},name=${name}`]);
        const args = [`${folder}/app.ts`, ...to, "--workers=1", "--metrics=127.0.0.1:0"];
        const handler = stack.use(await startGateway(args));
        const come = new RegExp(`^dispatch: handler ${name} has come`);
        for (const dispatcher of dispatchers) await dispatcher.logged(come);
        return handler;
      };
      const handlers = [await start("one"), await start("two"), await start("three")];

      const first = await placesOf(server);
      const workers = new Set(first.values());
      assertEquals(workers.size, 3);
      for (const handler of handlers) {
        assert((await requestsByLink(handler)).every((count) => count > 0));
      }
      assertEquals(await placesOf(server), first);

      handlers[0].kill("SIGTERM");
      assertEquals((await handlers[0].status).code, 0);
      const second = await placesOf(server);
      const left = new Set(second.values());
      const [gone] = [...workers].filter((worker) => !left.has(worker));
      assertEquals(moved(first, second), KEYS.filter((key) => first.get(key) === gone));

      await start("four");
      const third = await eventually(async () => {
        const places = await placesOf(server);
        return new Set(places.values()).size === 3 ? places : null;
      });
      const [come] = [...new Set(third.values())].filter((worker) => !workers.has(worker));
      assertEquals(moved(second, third), KEYS.filter((key) => third.get(key) === come));
    });
  },
});

Deno.test({
  name:
    "with two dispatchers in a row, the handlers of the second one answer the first one's requests",
  ignore,
  async fn() {
    await inFolder({ "app.ts": APP }, async (folder) => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await Mongrel2Server.start());
      const dispatch = async (source: string) => {
        const args = ["dispatch", source, "tcp://127.0.0.1:0"];
        const dispatcher = stack.use(await startGateway(args));
        const line = await dispatcher.logged(/^listening dispatch/);
        return { dispatcher, endpoint: line.replace("listening ", "") };
      };
      const near = await dispatch(server.spec("main", {}));
      const far = await dispatch(near.endpoint);
      const handlers: GatewayProcess[] = [];
      for (const name of ["one", "two"]) {
        const to = ["--mongrel2", `${far.endpoint},name=${name}`];
        handlers.push(stack.use(await startGateway([`${folder}/app.ts`, ...to, "--workers=1"])));
      }
      const workers = new Set<string>();
      for (let i = 0; i < 20; i++) workers.add(await (await fetch(server.url)).text());
      assertEquals(workers.size, 2);
      handlers[0].kill("SIGTERM");
      assertEquals((await handlers[0].status).code, 0);
      const [rest, ...more] = new Set(
        await Promise.all(
          Array.from({ length: 20 }, async () => await (await fetch(server.url)).text()),
        ),
      );
      assert(workers.has(rest) && more.length === 0);
      for (const { dispatcher } of [far, near]) {
        dispatcher.kill("SIGTERM");
        assertEquals((await dispatcher.status).code, 0);
      }
    });
  },
});
