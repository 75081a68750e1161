import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FakeHandler } from "../support/dispatch_handler.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { canBeNobody, readableDenoFolder } from "../support/other_user.ts";
import { readOpenMetrics, sumOf } from "../support/open_metrics.ts";
import { freePort, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { eventually } from "../support/zmq.ts";

const ignore = libzmqIsMissing();
const OUT = "tcp://127.0.0.1:0";

function sourceOf({ send, recv }: FakeMongrel2): string {
  return `${send},recv=${recv}`;
}

/** Where handlers connect to. */
async function endpointOf(dispatcher: GatewayProcess): Promise<string> {
  const line = await dispatcher.logged(/^listening dispatch\+tcp:\/\/127\.0\.0\.1:\d+$/);
  return line.replace("listening dispatch+", "");
}

function test(
  name: string,
  fn: (mongrel2: FakeMongrel2, start: (...args: string[]) => Promise<GatewayProcess>) => Promise<
    void
  >,
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using cleanUp = new AsyncDisposableStack();
      const mongrel2 = cleanUp.use(new FakeMongrel2());
      await fn(
        mongrel2,
        async (...args) =>
          cleanUp.use(await startGateway(["dispatch", sourceOf(mongrel2), OUT, ...args])),
      );
    },
  });
}

test(
  "dispatch gives requests to handlers, and finishes what has come when it is ended",
  async (mongrel2, start) => {
    const dispatcher = await start();
    await using handler = await FakeHandler.joined(await endpointOf(dispatcher), "one");
    await mongrel2.request(1, "/first");
    handler.answer(await handler.request(), "hello");
    assertMatch(await mongrel2.reply(), /hello$/);
    await mongrel2.request(2, "/second");
    const request = await handler.request();
    dispatcher.kill("SIGTERM");
    await dispatcher.logged(/^waiting up to 30 s for 1 request in flight/);
    handler.answer(request, "goodbye");
    assertMatch(await mongrel2.reply(), /goodbye$/);
    assertEquals((await dispatcher.status).code, 0);
  },
);

test(
  "dispatch cuts off what is not answered in the end, and exits with 1",
  async (mongrel2, start) => {
    const dispatcher = await start("--drain-timeout", "300ms");
    await using handler = await FakeHandler.joined(await endpointOf(dispatcher), "one");
    await mongrel2.request(5, "/");
    await handler.request();
    dispatcher.kill("SIGTERM");
    assertEquals(await mongrel2.reply(), "server 1:5, ");
    await dispatcher.logged(/^warning: dispatch: requests cut off: 1$/);
    assertEquals((await dispatcher.status).code, 1);
  },
);

test("dispatch ends at once by a second signal", async (mongrel2, start) => {
  const dispatcher = await start();
  await using handler = await FakeHandler.joined(await endpointOf(dispatcher), "one");
  await mongrel2.request(5, "/");
  await handler.request();
  dispatcher.kill("SIGINT");
  await dispatcher.logged(/^waiting up to/);
  dispatcher.kill("SIGINT");
  assertEquals((await dispatcher.status).code, 1);
});

test("dispatch goes by its options", async (mongrel2, start) => {
  await inFolder({}, async (folder) => {
    const dispatcher = await start(
      "--ping-interval=500ms",
      "--max-queue=1",
      "--queue-timeout=1h",
      "--max-held-bytes=1k",
      "--log-format=json",
      `--pidfile=${folder}/pid`,
    );
    assertEquals(await Deno.readTextFile(`${folder}/pid`), `${dispatcher.pid}\n`);
    await mongrel2.request(1, "/");
    await mongrel2.request(2, "/");
    assertMatch(await mongrel2.reply(), /^server 1:2, HTTP\/1.1 503 /);
    assertEquals(await mongrel2.reply(), "server 1:2, ");
    const line = await dispatcher.logged(/"message":"listening /);
    const endpoint = JSON.parse(line).message.replace("listening dispatch+", "");
    await using handler = await FakeHandler.joined(endpoint, "one");
    await handler.request();
    handler.isAwake = false;
    await dispatcher.logged(/"warning",.*handler one does not answer: 1 clients/);
    // What is more than may be held is given to a handler, but to no second one.
    await using second = await FakeHandler.joined(endpoint, "two");
    second.answer(await second.request(), "");
    await mongrel2.reply();
    await mongrel2.request(3, "/", { padding: "x".repeat(2_000) });
    await second.request();
    await second[Symbol.asyncDispose]();
    assertMatch(await mongrel2.reply(), /^server 1:3, HTTP\/1.1 502 /);
    dispatcher.kill("SIGINT");
    assertEquals((await dispatcher.status).code, 0);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test({
  name: "dispatch says where it cannot listen",
  ignore,
  async fn() {
    await using mongrel2 = new FakeMongrel2();
    const taken = new URL(mongrel2.send.replace("tcp:", "http:")).port;
    const { code, stderr } = await runGateway([
      "dispatch",
      sourceOf(mongrel2),
      `tcp://127.0.0.1:${taken}`,
    ]);
    assertEquals(code, 1);
    assertMatch(stderr, /^gatehouse: dispatch: cannot bind to tcp:\/\/127.0.0.1:\d+: /);
  },
});

Deno.test({
  name: "dispatch gives up root's privileges",
  ignore: ignore || !canBeNobody(),
  async fn() {
    await using mongrel2 = new FakeMongrel2();
    const env = { DENO_DIR: await readableDenoFolder() };
    const args = ["dispatch", sourceOf(mongrel2), OUT, "--user", "nobody"];
    await using dispatcher = await startGateway(args, { env });
    const folder = `/proc/${dispatcher.pid}/task`;
    for (const { name } of Deno.readDirSync(folder)) {
      const status = Deno.readTextFileSync(`${folder}/${name}/status`);
      assertMatch(status, /^Uid:\s65534\s65534\s65534\s65534$/m);
    }
    await using handler = await FakeHandler.joined(await endpointOf(dispatcher), "one");
    await mongrel2.request(1, "/");
    handler.answer(await handler.request(), "as nobody");
    assert((await mongrel2.reply()).endsWith("as nobody"));
  },
});

test(
  "dispatch is watched: health, metrics, and its handlers on the status",
  async (mongrel2, start) => {
    await inFolder({}, async (folder) => {
      const port = freePort();
      const admin = `http://127.0.0.1:${port}`;
      Deno.writeTextFileSync(`${folder}/token`, "a-token-of-some-length-0123456789\n");
      Deno.chmodSync(`${folder}/token`, 0o600);
      const dispatcher = await start(
        `--health=${port}`,
        `--metrics=${port}`,
        `--status=${port}`,
        `--status-control=${folder}/token`,
        "--ping-interval=500ms",
      );
      const readiness = await fetch(`${admin}/readyz`);
      assertEquals([readiness.status, await readiness.text()], [
        503,
        "not ready: there is no handler\n",
      ]);
      const endpoint = await endpointOf(dispatcher);
      await using one = await FakeHandler.joined(endpoint, "one", 7);
      await using two = await FakeHandler.joined(endpoint, "two", 5);
      assertEquals(await (await fetch(`${admin}/readyz`)).text(), "ready\n");
      await mongrel2.request(1, "/1");
      const request = await one.request();
      one.answer(request, "hello");
      one.answer(request, "late");
      await mongrel2.reply();
      await mongrel2.request(2, "/2");
      await two.request();
      const values = await eventually(async () => {
        // Handlers answer pings meanwhile.
        one.look();
        two.look();
        const found = readOpenMetrics(await (await fetch(`${admin}/metrics`)).text());
        return sumOf(found, "gatehouse_dispatch_dropped", { reason: "late" }) === 2 ? found : null;
      });
      const expected: [family: string, labels: Record<string, string>, value: number][] = [
        ["gatehouse_dispatch_handlers", { state: "serving" }, 2],
        ["gatehouse_dispatch_handlers", { state: "leaving" }, 0],
        ["gatehouse_dispatch_capacity", {}, 12],
        ["gatehouse_dispatch_requests_in_flight", { handler: "one" }, 0],
        ["gatehouse_dispatch_requests_in_flight", { handler: "two" }, 1],
        ["gatehouse_dispatch_queue_length", {}, 0],
        ["gatehouse_dispatch_answers", { by: "handler" }, 1],
        ["gatehouse_dispatch_answers", { by: "503" }, 0],
        ["gatehouse_dispatch_handler_events", { event: "joined" }, 2],
        ["gatehouse_mongrel2_messages", { kind: "requests" }, 2],
        ["gatehouse_requests", { endpoint: "mongrel2", method: "GET", status: "2xx" }, 1],
        ["gatehouse_request_outcomes", { outcome: "answered" }, 1],
        ["gatehouse_response_body_bytes", {}, 5],
      ];
      for (const [family, labels, value] of expected) {
        assertEquals(sumOf(values, family, labels), value, `${family} ${JSON.stringify(labels)}`);
      }
      const status = await (await fetch(`${admin}/status.json`)).json();
      assertEquals(status.inFlight, 1);
      assertEquals(status.totals, { requests: 1, failures: 0, bytesIn: 0, bytesOut: 5 });
      assert(status.latencyMs.p50 > 0);
      assertEquals(
        status.processes[0].endpoints.map((each: { url: string; unanswered: number }) => [
          each.url,
          each.unanswered,
        ]),
        [[`dispatch+${endpoint}`, 0], ["one", 0], ["two", 1]],
      );
      const shown = await runGateway(["status", `127.0.0.1:${port}`]);
      assertEquals(shown.code, 0, shown.stderr);
      assertMatch(shown.stdout, /one/);
      assertMatch(shown.stdout, /^Workers: none: .*in the handlers of a dispatcher$/m);
      const headers = { authorization: "Bearer a-token-of-some-length-0123456789" };
      const reload = await fetch(`${admin}/control/reload`, { method: "POST", headers });
      assertEquals(reload.status, 409);
      await reload.body?.cancel();
      const drain = await fetch(`${admin}/control/drain`, { method: "POST", headers });
      assertEquals(await drain.text(), "draining\n");
      assertEquals(
        (await fetch(`${admin}/readyz`).then((answer) => answer.text())).slice(0, 9),
        "not ready",
      );
      await two[Symbol.asyncDispose]();
      one.answer(await one.request(), "the other's");
      assertMatch(await mongrel2.reply(), /the other's$/);
      assertEquals((await dispatcher.status).code, 0);
    });
  },
);
