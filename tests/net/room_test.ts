import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { RawFastCgiClient, startFastCgi } from "../support/fastcgi.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { cpuMs } from "../support/sockets.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const needsPrlimit = Deno.build.os !== "linux" || isMissing("prlimit");
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs gatehouse with so many descriptors at the most. */
const limitedTo = (count: number) => ["prlimit", `--nofile=${count}:${count}`, ...FROM_SOURCE];

async function ask(client: RawClient, path = "/"): Promise<string> {
  await client.send(get(path));
  return (await client.receive()).body;
}

/** Connections that are closed when the test is over. */
class Crowd implements Disposable {
  readonly members: RawClient[] = [];

  async join(port: number): Promise<RawClient> {
    const client = await RawClient.connect(port);
    this.members.push(client);
    return client;
  }

  [Symbol.dispose](): void {
    for (const each of this.members) each[Symbol.dispose]();
  }
}

Deno.test("the connection that is idle longest makes room, and not the one that was there first", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-connections=3"]);
  const { port } = gateway;
  using crowd = new Crowd();
  const [first, second, third] = [
    await crowd.join(port),
    await crowd.join(port),
    await crowd.join(port),
  ];
  for (const each of [first, second, third, first]) await ask(each);
  assertEquals(await ask(await crowd.join(port)), "hello");
  assert(await second.closed(), "the second was idle longest");
  assertEquals([await ask(third), await ask(first)], ["hello", "hello"]);
  const [, , , fourth] = crowd.members;
  assertEquals(await ask(await crowd.join(port)), "hello");
  assert(await fourth.closed(), "the fourth was, then");
  assertEquals([await ask(third), await ask(first)], ["hello", "hello"]);
});

Deno.test("connections that wait with their request make room before those that were idle less long", async (test) => {
  const unfinished: Record<string, string> = {
    "nothing": "",
    "part of a first request": "GET / HTTP/1.1\r\n",
    "part of a second request": `${get("/")}GET / HT`,
  };
  for (const [what, text] of Object.entries(unfinished)) {
    await test.step(`having sent ${what}`, async () => {
      await using gateway = await startGateway([APP, "--workers=1", "--max-connections=2"]);
      const { port } = gateway;
      using crowd = new Crowd();
      const slow = await crowd.join(port);
      await slow.send(text);
      if (text.startsWith(get("/"))) await slow.receive();
      // Each client has a chance first.
      await sleep(700);
      const idle = await crowd.join(port);
      await ask(idle);
      assertEquals(await ask(await crowd.join(port)), "hello");
      assert(await slow.closed());
      assertEquals(await ask(idle), "hello");
    });
  }
});

Deno.test("connections with requests under way are not closed to make room", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-connections=2"]);
  const { port } = gateway;
  using crowd = new Crowd();
  const [working, receiving] = [await crowd.join(port), await crowd.join(port)];
  await working.send(get("/slow?ms=900"));
  await receiving.send("POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
  await sleep(700);
  const asking = ask(await crowd.join(port));
  await sleep(100);
  await receiving.send("dy");
  assertEquals((await receiving.receive()).body, "body");
  assertEquals(await asking, "hello", "the one that is idle by now makes room");
  assertEquals((await working.receive()).body, "slow");
});

Deno.test({
  name: "with 64 file descriptors, clients are served, a reload works, and nothing spins",
  ignore: needsPrlimit,
  async fn(test) {
    await inFolder({ "app.ts": `export default () => new Response("one");` }, async (folder) => {
      const app = `${folder}/app.ts`;
      await using gateway = await startGateway([app, "--workers=1"], { command: limitedTo(64) });
      const { port } = gateway;
      const line = await gateway.logged(/^accepting at most \d+ connections/);
      const room = Number(/\d+/.exec(line)![0]);
      assert(room >= 4 && room < 40, line);
      assertMatch(line, /may have 64 files open/);
      using crowd = new Crowd();
      await test.step("idle connections make room for others", async () => {
        for (let i = 0; i < 100; i++) assertEquals(await ask(await crowd.join(port)), "one");
        assertEquals(await ask(crowd.members.at(-1)!), "one");
        assert(await crowd.members[0].closed());
      });
      await test.step("a reload works", async () => {
        await Deno.writeTextFile(app, `export default () => new Response("two");`);
        gateway.kill("SIGHUP");
        await gateway.logged(/^generation 2 serves$/);
        assertEquals(await ask(await crowd.join(port)), "two");
      });
      await test.step("clients that say nothing make room, too", async () => {
        for (let i = 0; i < 30; i++) await crowd.join(port);
        assertEquals(await ask(await crowd.join(port)), "two");
      });
      await test.step("nothing spins while clients wait for room", async () => {
        const silent = await Promise.all(Array.from({ length: 100 }, () => crowd.join(port)));
        const before = cpuMs(gateway.pid);
        await sleep(1_000);
        const usedMs = cpuMs(gateway.pid) - before;
        assert(usedMs < 500, `${usedMs} ms of CPU time in a second`);
        for (const each of silent) each[Symbol.dispose]();
      });
      assert(!gateway.log.some((each) => /error/i.test(each)), gateway.log.join("\n"));
    });
  },
});

Deno.test({
  name: "at the limit of descriptors, connections of one endpoint make room for those of another",
  ignore: needsPrlimit,
  async fn() {
    await using gateway = await startFastCgi(
      [APP, "--workers=1", "--http", "127.0.0.1:0"],
      { command: limitedTo(64) },
    );
    using crowd = new Crowd();
    for (let i = 0; i < 50; i++) await ask(await crowd.join(gateway.port));
    using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
    assertEquals((await client.ask(1, "/")).body, "hello");
    for (let i = 0; i < 50; i++) await ask(await crowd.join(gateway.port));
    assert(await crowd.members[50].closed());
  },
});

const HOARDER = `
const files = [];
export default (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/hoard") {
    try {
      for (;;) files.push(Deno.openSync("/dev/null"));
    } catch (error) {
      return new Response(error.code);
    }
  }
  if (pathname === "/leave") for (const file of files.splice(0)) file.close();
  return new Response("hello");
};
`;

Deno.test({
  name: "when an app has taken all descriptors, idle connections make room for others",
  ignore: needsPrlimit,
  async fn() {
    await inFolder({ "app.ts": HOARDER }, async (folder) => {
      await using gateway = await startGateway(
        [`${folder}/app.ts`, "--workers=1", "--app-allow-all"],
        { command: limitedTo(100) },
      );
      const { port, pid } = gateway;
      using crowd = new Crowd();
      for (let i = 0; i < 10; i++) await ask(await crowd.join(port));
      assertEquals(await ask(crowd.members[9], "/hoard"), "EMFILE");
      assertEquals(await ask(await crowd.join(port)), "hello");
      assert(await crowd.members[0].closed());
      assertEquals(await ask(crowd.members.at(-1)!), "hello");
      const before = cpuMs(pid);
      await Promise.all(Array.from({ length: 50 }, () => crowd.join(port)));
      await sleep(1_000);
      const usedMs = cpuMs(pid) - before;
      assert(usedMs < 500, `${usedMs} ms of CPU time in a second`);
      for (const each of crowd.members.slice(11)) each[Symbol.dispose]();
      const asking = await crowd.join(port);
      assertEquals(await ask(asking, "/leave"), "hello");
      assertEquals(await ask(await crowd.join(port)), "hello");
      const refused = gateway.log.filter((line) => /cannot accept/.test(line));
      assert(refused.length < 20, refused.join("\n"));
    });
  },
});

Deno.test({
  name: "when an app has taken all descriptors, and nobody is idle, others are served all the same",
  ignore: needsPrlimit,
  async fn() {
    await inFolder({ "app.ts": HOARDER }, async (folder) => {
      await using gateway = await startGateway(
        [`${folder}/app.ts`, "--workers=1", "--app-allow-all"],
        { command: limitedTo(100) },
      );
      {
        using client = await RawClient.connect(gateway.port);
        assertEquals(await ask(client, "/hoard"), "EMFILE");
      }
      for (let i = 0; i < 50; i++) {
        using client = await RawClient.connect(gateway.port);
        assertEquals(await ask(client), "hello");
      }
    });
  },
});
