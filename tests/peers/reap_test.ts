/** `gatehouse reap` at the control port of a real Mongrel2. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const ignore = isMissing("mongrel2");
const APP = new URL("../fixtures/hanging.ts", import.meta.url).pathname;
const decoder = new TextDecoder();
/** Mongrel2 looks at its clock once a second. */
const SETTINGS = { "limits.tick_timer": 1 };

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs `gatehouse reap --oneshot`, and returns what it wrote. */
async function reapOnce(...args: string[]): Promise<{ code: number; log: string }> {
  const [program, ...first] = FROM_SOURCE;
  const { code, stderr } = await new Deno.Command(program, {
    args: [...first, "reap", ...args, "--oneshot"],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, log: decoder.decode(stderr) };
}

Deno.test({
  name: "gatehouse reap ends what has lasted too long, and nothing else",
  ignore,
  async fn(test) {
    await using server = await Mongrel2Server.start({ settings: SETTINGS });
    await using gateway = await startGateway([APP, "--workers=1", "--mongrel2", server.spec()]);
    const control = `ipc://${server.folder}/run/control`;
    const { recv } = server.handlers.main;

    await test.step("a request without a response gets 408, and its handler is told", async () => {
      using client = await RawClient.connect(server.port);
      await client.send(get("/hang"));
      await gateway.logged(/hangs/);
      await sleep(3_100);
      const { code, log } = await reapOnce(control, recv, "--max-lifetime=2", "--max-idle-time=0");
      assertMatch(
        log,
        /^connections of Mongrel2 ended: 1 \(1 over the lifetime\); 408 was sent to 1$/m,
      );
      assertEquals(code, 0);
      const { status, body } = await client.receive();
      assertEquals([status, body], [408, "408 Request Timeout\n"]);
      assert(await client.closed());
      await gateway.logged(/is left/);
    });

    await test.step("without RECV, it is cut off", async () => {
      using client = await RawClient.connect(server.port);
      const before = gateway.log.length;
      await client.send(get("/hang"));
      await gateway.logged(/hangs/, { before });
      await sleep(3_100);
      const { log } = await reapOnce(control, "--max-idle-time=2", "--max-lifetime=0");
      assertMatch(log, /^connections of Mongrel2 ended: 1 \(1 over the idle time\)$/m);
      assert(await client.closed());
      // Nobody has told the handler.
      assertEquals(gateway.log.slice(before).filter((line) => /is left/.test(line)), []);
    });

    await test.step("what is busy stays, and what is kept for too long ends without a word", async () => {
      using stream = await RawClient.connect(server.port);
      using kept = await RawClient.connect(server.port);
      await stream.send(get("/stream"));
      await kept.send(get("/"));
      assertEquals((await kept.receive()).body, "hello");
      await sleep(3_100);
      const { log } = await reapOnce(control, recv, "--max-idle-time=2", "--max-lifetime=0");
      assertMatch(log, /^connections of Mongrel2 ended: 1 \(1 over the idle time\)$/m);
      assert(await kept.closed());
      assertMatch(await stream.lastUntil("part\n\r\n"), /part/);
      const before = gateway.log.length;
      await sleep(2_000);
      await reapOnce(control, recv, "--max-lifetime=2", "--max-idle-time=0");
      await stream.rest();
      await gateway.logged(/stream is left/, { before });
    });

    await test.step("nothing is done where nothing is overdue, and requests are answered", async () => {
      assertEquals(await reapOnce(control, recv), { code: 0, log: "" });
      for (let i = 0; i < 20; i++) {
        assertEquals(await (await fetch(`${server.url}/`)).text(), "hello");
      }
    });

    await test.step("it goes on until SIGTERM, also while Mongrel2 is away", async () => {
      await using reaper = await startGateway(["reap", control, recv, "--max-lifetime=2"]);
      using client = await RawClient.connect(server.port);
      await client.send(get("/hang"));
      assertEquals((await client.receive()).status, 408);
      await server.stop("SIGKILL");
      await reaper.logged(/control port .* does not answer: it is asked again/);
      await server.start();
      await reaper.logged(/Mongrel2 answers again/);
      await sleep(1_000);
      using again = await RawClient.connect(server.port);
      await again.send(get("/hang"));
      assertEquals((await again.receive()).status, 408);
      reaper.kill("SIGTERM");
      assertEquals((await reaper.status).code, 0);
    });
  },
});

Deno.test({
  name: "gatehouse reap says what it cannot reach",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    const control = `ipc://${server.folder}/run/control`;
    const [port, handlers] = await Promise.all([
      reapOnce(`${control}s`),
      reapOnce(control, `ipc://${server.folder}/nobody`),
    ]);
    assertMatch(port.log, /control port ipc:.*controls does not answer/);
    assertMatch(handlers.log, /no Mongrel2 takes replies at ipc:.*nobody/);
    assertEquals([port.code, handlers.code], [1, 1]);
  },
});
