import { Mongrel2Connection, Mongrel2Handler } from "gatehouse";
import type { Mongrel2Request } from "gatehouse";
import { assert, assertEquals } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";

const ignore = libzmqIsMissing();

function test(name: string, fn: (server: FakeMongrel2) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using server = new FakeMongrel2();
      await fn(server);
    },
  });
}

test("a request is received, and answered piece by piece, at any time", async (server) => {
  await using connection = new Mongrel2Connection(server);
  await server.request(7, "/here?x", { METHOD: "POST", "x-a": ["1", "2"] }, "body");
  const request = (await connection.receive())!;
  assertEquals([request.senderId, request.connId, request.path], ["server", "7", "/here?x"]);
  assertEquals([request.method, request.header("x-a")], ["POST", "1"]);
  assertEquals(new TextDecoder().decode(request.body), "body");
  assert(!request.isDisconnect);
  request.reply("one");
  await server.request(8, "/other");
  const other = (await connection.receive())!;
  other.reply(new Uint8Array([0x61]));
  request.reply("two");
  request.disconnect();
  connection.control(request, { "keep-alive": true });
  assertEquals([await server.reply(), await server.reply(), await server.reply()], [
    "server 1:7, one",
    "server 1:8, a",
    "server 1:7, two",
  ]);
  assertEquals(await server.reply(), "server 1:7, ");
  assertEquals(await server.reply(), "server 3:X 7, 31:3:ctl,21:10:keep-alive,4:true!}]");
});

test("a payload for many clients is split where Mongrel2 has its limit", async (server) => {
  await using connection = new Mongrel2Connection(server);
  const ids = Array.from({ length: 300 }, (_, i) => String(i));
  connection.deliver("server", ids, "hello");
  const delivered: string[] = [];
  for (let i = 0; i < 3; i++) {
    const [, targets, payload] = /^server \d+:([\d ]*), (.*)$/.exec(await server.reply())!;
    assertEquals(payload, "hello");
    assert(targets.split(" ").length <= 128);
    delivered.push(...targets.split(" "));
  }
  assertEquals(delivered, ids);
});

test("receive() gives null after its time, and at once without any", async (server) => {
  await using connection = new Mongrel2Connection(server);
  assertEquals(await connection.receive(0), null);
  assertEquals(await connection.receive(20), null);
});

test("who waits without a time gets a message, though another one was quicker", async (server) => {
  await using connection = new Mongrel2Connection(server);
  const received = [connection.receive(), connection.receive()];
  await server.request(1, "/");
  assertEquals((await received[0])!.connId, "1");
  await server.request(2, "/");
  assertEquals((await received[1])!.connId, "2");
});

for (const pauseMs of [0, 300, 600, 1_200]) {
  Deno.test({
    name: `a reply to a client of a server that has gone reaches none of the next (${pauseMs} ms)`,
    ignore,
    async fn() {
      const first = new FakeMongrel2();
      await using connection = new Mongrel2Connection(first);
      await first.request(1, "/");
      const request = (await connection.receive())!;
      await first[Symbol.asyncDispose]();
      await using second = new FakeMongrel2(first);
      // It subscribes as soon as the connection is there again.
      await second.replyWithin(pauseMs);
      request.reply("old");
      assertEquals(await second.replyWithin(300), null);
      await second.request(1, "/");
      (await connection.receive())!.reply("new");
      assertEquals(await second.reply(), "server 1:1, new");
    },
  });
}

test("notices tell of clients that have gone", async (server) => {
  await using connection = new Mongrel2Connection(server);
  await server.sendRaw('server 9 @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},');
  const notice = (await connection.receive())!;
  assert(notice.isDisconnect);
  assertEquals(notice.json(), { type: "disconnect" });
});

test("a message that is malformed is logged and skipped", async (server) => {
  const lines: string[] = [];
  await using connection = new Mongrel2Connection(server, (level, line) => {
    lines.push(`${level}: ${line}`);
  });
  await server.sendRaw("nonsense");
  await server.request(1, "/");
  assertEquals((await connection.receive())!.connId, "1");
  assertEquals(lines.length, 1);
  assert(/^warning: mongrel2: a message of Mongrel2 .*: skipped$/.test(lines[0]), lines[0]);
});

test("who leaves still gets what was on its way, and can answer it", async (server) => {
  const connection = new Mongrel2Connection(server);
  await server.request(0, "/");
  assertEquals((await connection.receive())!.connId, "0");
  for (let i = 1; i <= 50; i++) await server.request(i, "/");
  // What was sent has reached the handler's side when it answers the last one.
  for (let i = 0; i < 100 && (await connection.receive(100))?.connId !== "50"; i++);
  const left = connection.leave();
  await left;
  assertEquals(await connection.receive(), null);
  connection.reply({ senderId: "server", connId: "50" }, "bye");
  await connection.close();
  assertEquals(await server.reply(), "server 2:50, bye");
});

test("a handler works on several requests at a time, and stops when all are done", async (server) => {
  const waiting: Mongrel2Request[] = [];
  const bothAreHere = Promise.withResolvers<void>();
  const lines: string[] = [];
  const handler = new Mongrel2Handler(server, async (request) => {
    if (request.path === "/throw") throw new Error("on purpose");
    waiting.push(request);
    if (waiting.length === 2) bothAreHere.resolve();
    await bothAreHere.promise;
    request.reply("done");
  }, (_, line) => lines.push(line));
  const serving = handler.serve();
  await server.request(1, "/a");
  await server.request(2, "/b");
  const replies = [await server.reply(), await server.reply()].sort();
  assertEquals(replies, ["server 1:1, done", "server 1:2, done"]);
  await server.request(3, "/throw");
  assertEquals(await server.reply(), "server 1:3, ");
  assert(/the handler failed: Error: on purpose/.test(lines[0]), lines[0]);
  await handler.stop();
  await serving;
});

test("closing a connection that never met its server comes to an end", async () => {
  const connection = new Mongrel2Connection("tcp://127.0.0.1:1,recv=tcp://127.0.0.1:2");
  const received = connection.receive();
  await connection.close();
  assertEquals(await received, null);
});
