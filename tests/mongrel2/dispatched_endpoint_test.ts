import type { Exchange } from "../../src/message/exchange.ts";
import { NOBODY, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../src/message/request_limits.ts";
import type { HandlerMessage } from "../../src/dispatch/codec/dispatch_message.ts";
import { DispatcherLinks } from "../../src/mongrel2/dispatcher_links.ts";
import { Mongrel2Endpoint } from "../../src/mongrel2/endpoint.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { FakeDispatcher } from "../support/fake_dispatcher.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";

const ignore = libzmqIsMissing();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A handler of two dispatchers, and the exchanges that it has. */
interface Site {
  readonly endpoint: Mongrel2Endpoint;
  readonly links: DispatcherLinks;
  readonly exchanges: Exchange[];
  /** What the exchanges were told, and by which target. */
  readonly told: string[];
  readonly lines: string[];
}

/** A request of the client `connId`, as Mongrel2 sends it. */
function request(connId: number, path: string, headers: object = {}, body = ""): Uint8Array {
  const block = JSON.stringify({
    PATH: path,
    METHOD: "GET",
    VERSION: "HTTP/1.1",
    URI: path,
    PATTERN: "/",
    host: "localhost",
    ...headers,
  });
  return encoder.encode(
    `server ${connId} ${path} ${block.length}:${block},${body.length}:${body},`,
  );
}

/** A notice about the client `connId`. */
function notice(connId: number, type: string, headers: object = {}): Uint8Array {
  const block = JSON.stringify({ METHOD: "JSON", ...headers });
  const body = JSON.stringify({ type });
  return encoder.encode(`server ${connId} @* ${block.length}:${block},${body.length}:${body},`);
}

function test(
  name: string,
  fn: (dispatcher: FakeDispatcher, site: Site, other: FakeDispatcher) => Promise<void>,
  dispatcherCount = 1,
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using first = new FakeDispatcher();
      await using second = new FakeDispatcher();
      const dispatchers = [first, second].slice(0, dispatcherCount);
      const exchanges: Exchange[] = [];
      const told: string[] = [];
      const lines: string[] = [];
      let links: DispatcherLinks | undefined;
      await using endpoint = new Mongrel2Endpoint({
        spec: { send: first.endpoint, recv: first.endpoint },
        transport: (owner) =>
          links = new DispatcherLinks({
            dispatchers: dispatchers.map(({ endpoint }) => endpoint),
            name: "me",
            load: { capacity: 10, generation: 1 },
            maxMessageBytes: 1_000_000,
            log: (level, line) => lines.push(`${level}: ${line}`),
          }, owner),
        limits: DEFAULT_REQUEST_LIMITS,
        log: (level, line) => lines.push(`${level}: ${line}`),
        handler: {
          handle(exchange) {
            exchanges.push(exchange);
            const target = targetOf(exchange);
            exchange.receiver = {
              ...NOBODY,
              onBody: (chunk) => told.push(`${target} ${decoder.decode(chunk)}`),
              onAbort: (reason) => told.push(`${target} ${reason}`),
            };
          },
        },
      });
      await fn(first, { endpoint, links: links!, exchanges, told, lines }, second);
    },
  });
}

function targetOf({ head: { block, targetStart, targetEnd } }: Exchange): string {
  return decoder.decode(block.subarray(targetStart, targetEnd));
}

function answer(exchange: Exchange, text = targetOf(exchange)): void {
  exchange.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, text);
}

/** What a dispatcher is told next, in short. */
async function told(dispatcher: FakeDispatcher): Promise<string> {
  return shortened((await dispatcher.next()).message);
}

function shortened(message: HandlerMessage): string {
  switch (message.kind) {
    case "reply": {
      const text = decoder.decode(message.payload);
      const [, body] = text.split("\r\n\r\n");
      return `reply ${message.request} ${text.slice(0, text.indexOf(", "))} ${body ?? ""}`;
    }
    case "done":
      return `done ${message.request} ${message.outcome}`;
    default:
      return message.kind;
  }
}

test(
  "a request over a dispatcher is answered by its number, and done then",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    await dispatcher.say(handler, { kind: "request", request: 5, payload: request(1, "/a") });
    await dispatcher.say(handler, { kind: "request", request: 6, payload: request(2, "/b") });
    await eventually(() => site.exchanges.length === 2);
    answer(site.exchanges[1]);
    assertEquals(await told(dispatcher), "reply 6 server 1:2 /b");
    assertEquals(await told(dispatcher), "done 6 answered");
    answer(site.exchanges[0]);
    assertEquals(await told(dispatcher), "reply 5 server 1:1 /a");
    assertEquals(await told(dispatcher), "done 5 answered");
    // Nobody can die between the two.
    assertEquals(dispatcher.answerCount, 2);
    assertEquals(site.endpoint.clientCount, 0);
  },
);

test(
  "an answer in parts is done after the last one, even if notices come late",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    await dispatcher.say(handler, {
      kind: "request",
      request: 1,
      payload: request(1, "/", { DOWNLOAD_CREDITS: "20000" }),
    });
    await eventually(() => site.exchanges.length === 1);
    const [exchange] = site.exchanges;
    exchange.respond({ status: 200, fieldLines: "", bodyLength: UNKNOWN_LENGTH }, null);
    exchange.write(new Uint8Array(30_000));
    exchange.end();
    let bytes = 0;
    let last = "";
    while (last !== "done 1 answered") {
      const { message } = await dispatcher.next();
      last = shortened(message);
      if (message.kind !== "reply") continue;
      assertEquals(message.request, 1);
      bytes += message.payload.length;
      const size = message.payload.length - "server 1:1, ".length;
      await dispatcher.say(handler, {
        kind: "notice",
        payload: notice(1, "credits", { DOWNLOAD_CREDITS: String(size) }),
      });
    }
    assert(bytes > 30_000);
  },
);

test(
  "requests that were asked ahead are answered in their order, and each is done",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    for (const number of [1, 2, 3]) {
      const payload = request(1, `/${number}`);
      await dispatcher.say(handler, { kind: "request", request: number, payload });
    }
    for (let i = 0; i < 3; i++) {
      await eventually(() => site.exchanges.length === i + 1);
      answer(site.exchanges[i]);
    }
    const seen: string[] = [];
    while (seen.filter((each) => each.startsWith("done")).length < 3) {
      seen.push(
        await told(dispatcher),
      );
    }
    const replied = seen.filter((each) => each.startsWith("reply")).join();
    assert(replied.indexOf("/1") < replied.indexOf("/2"), replied);
    assertEquals(seen.filter((each) => each.startsWith("done")), [
      "done 1 answered",
      "done 2 answered",
      "done 3 answered",
    ]);
  },
);

test(
  "the connection is closed, and the request done, after an answer that closes it",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    const payload = request(1, "/", { connection: "close" });
    await dispatcher.say(handler, { kind: "request", request: 1, payload });
    await eventually(() => site.exchanges.length === 1);
    answer(site.exchanges[0], "x");
    assertEquals(await told(dispatcher), "reply 1 server 1:1 x");
    assertEquals(await told(dispatcher), "reply 1 server 1:1 ");
    assertEquals(await told(dispatcher), "done 1 answered");
  },
);

test(
  "an upload that comes in parts over a dispatcher is read, and done with its answer",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    const headers = { METHOD: "POST", "content-length": "6", UPLOAD_STREAM: "0" };
    await dispatcher.say(handler, {
      kind: "request",
      request: 1,
      payload: request(1, "/", headers),
    });
    assert((await told(dispatcher)).startsWith("reply 1 server 3:X 1"));
    for (const [offset, more] of [["0", {}], ["3", { UPLOAD_STREAM_DONE: "1" }]] as const) {
      const block = JSON.stringify({ UPLOAD_STREAM: offset, ...more });
      const payload = encoder.encode(`server 1 / ${block.length}:${block},3:abc,`);
      await dispatcher.say(handler, { kind: "notice", payload });
    }
    await eventually(() => site.told.length === 2);
    assertEquals(site.told, ["/ abc", "/ abc"]);
    answer(site.exchanges[0], "got it");
    assertEquals(await told(dispatcher), "reply 1 server 1:1 got it");
    assertEquals(await told(dispatcher), "done 1 answered");
  },
);

test("the start of an upload to a file is done at once", async (dispatcher, site) => {
  const handler = await dispatcher.welcome();
  const headers = {
    METHOD: "POST",
    "x-mongrel2-upload-start": "/tmp/upload",
    "content-length": "9",
  };
  await dispatcher.say(handler, { kind: "request", request: 1, payload: request(1, "/", headers) });
  assertEquals(await told(dispatcher), "done 1 answered");
  assertEquals(site.exchanges.length, 0);
});

test(
  "an exchange ends when the dispatcher says that its client has gone",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    await dispatcher.say(handler, { kind: "request", request: 1, payload: request(1, "/") });
    await eventually(() => site.exchanges.length === 1);
    await dispatcher.say(handler, { kind: "notice", payload: notice(1, "disconnect") });
    assertEquals(await told(dispatcher), "done 1 answered");
    assertEquals(site.told, ["/ client-gone"]);
  },
);

test(
  "what a handler has ends when the dispatcher does not know it, and nothing is sent of it",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    await dispatcher.say(handler, { kind: "request", request: 1, payload: request(1, "/") });
    await eventually(() => site.exchanges.length === 1);
    await dispatcher.say(handler, { kind: "who" });
    assertEquals(await told(dispatcher), "hello");
    assertEquals(site.told, ["/ client-gone"]);
    answer(site.exchanges[0], "late");
    await dispatcher.say(handler, { kind: "welcome", version: 1, pingIntervalMs: 60_000 });
    await dispatcher.say(handler, { kind: "ping" });
    assertEquals(await told(dispatcher), "pong");
  },
);

test(
  "a message that is no request is done, and one that is malformed",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    await dispatcher.say(handler, {
      kind: "request",
      request: 1,
      payload: encoder.encode("nonsense"),
    });
    await dispatcher.say(handler, { kind: "request", request: 2, payload: notice(1, "credits") });
    assertEquals(await told(dispatcher), "done 1 answered");
    assertEquals(await told(dispatcher), "done 2 answered");
    assertEquals(site.endpoint.counts.malformed, 1);
  },
);

test(
  "what a dispatcher says of its end closes the WebSockets that are open, and no later ones",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    const open = async (number: number) => {
      const payload = request(number, "/socket", {
        METHOD: "WEBSOCKET_HANDSHAKE",
        upgrade: "websocket",
        connection: "upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      });
      await dispatcher.say(handler, { kind: "request", request: number, payload });
      await eventually(() => site.exchanges.length === number);
      site.exchanges[number - 1].upgrade({
        kind: "websocket",
        protocol: "websocket",
        fieldLines: "",
        idleTimeoutMs: 0,
      });
      assertEquals((await told(dispatcher)).slice(0, 18), `reply ${number} server 1:${number}`);
    };
    await open(1);
    await dispatcher.say(handler, { kind: "closing" });
    const { message } = await dispatcher.next();
    assert(message.kind === "reply");
    assertEquals([message.request, ...message.payload.slice(-4)], [1, 0x88, 2, 0x03, 0xe9]);
    // It may have been the end of one that stands before this dispatcher.
    await open(2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await dispatcher.say(handler, { kind: "request", request: 3, payload: request(3, "/") });
    await eventually(() => site.exchanges.length === 3);
    answer(site.exchanges[2]);
    assertEquals(await told(dispatcher), "reply 3 server 1:3 /");
  },
);

test("a request that comes as a notice is not served", async (dispatcher, site) => {
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "notice", payload: request(1, "/") });
  await dispatcher.say(handler, { kind: "request", request: 1, payload: request(2, "/b") });
  await eventually(() => site.exchanges.length === 1);
  assertEquals(targetOf(site.exchanges[0]), "/b");
  assertEquals(site.endpoint.counts.malformed, 1);
});

test(
  "a handler that leaves finishes what it has, and returns what comes meanwhile",
  async (dispatcher, site) => {
    const handler = await dispatcher.welcome();
    await dispatcher.say(handler, { kind: "request", request: 1, payload: request(1, "/a") });
    await eventually(() => site.exchanges.length === 1);
    const drained = site.endpoint.drain(60_000);
    assertEquals(await told(dispatcher), "leave");
    await dispatcher.say(handler, { kind: "request", request: 2, payload: request(2, "/b") });
    assertEquals(await told(dispatcher), "done 2 returned");
    // What a client asks ahead belongs to what it asked before.
    await dispatcher.say(handler, { kind: "request", request: 3, payload: request(1, "/c") });
    await dispatcher.say(handler, { kind: "left" });
    await dispatcher.say(handler, { kind: "ping" });
    await dispatcher.nextOf("pong");
    answer(site.exchanges[0]);
    await eventually(() => site.exchanges.length === 2);
    answer(site.exchanges[1]);
    const seen: string[] = [];
    while (seen.at(-1) !== "done 3 answered") seen.push(await told(dispatcher));
    assertEquals(seen, [
      "reply 1 server 1:1 /a",
      "done 1 answered",
      "reply 3 server 1:1 /c",
      "done 3 answered",
    ]);
    await drained;
    assertEquals(site.endpoint.cutOffCount, 0);
  },
);

test("a handler that is ended closes the connections of its clients", async (dispatcher, site) => {
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "request", request: 1, payload: request(1, "/a") });
  await eventually(() => site.exchanges.length === 1);
  await site.endpoint[Symbol.asyncDispose]();
  assertEquals(await told(dispatcher), "reply 1 server 1:1 ");
  assertEquals(await told(dispatcher), "done 1 answered");
  assertEquals(site.endpoint.cutOffCount, 1);
});

test(
  "dispatchers learn of a new generation, and get their parts of the capacity",
  async (first, site, second) => {
    const load = async (dispatcher: FakeDispatcher) => {
      const { message } = await dispatcher.nextOf("pong");
      return [message.capacity, message.generation];
    };
    const one = await first.welcome();
    await eventually(() => site.links.reports[0].isUp);
    const other = await second.welcome();
    assertEquals([await load(first), await load(second)], [[5, 1], [5, 1]]);
    site.endpoint.setGeneration(2);
    assertEquals([await load(first), await load(second)], [[5, 2], [5, 2]]);
    await second.say(other, { kind: "who" });
    assertEquals(await load(first), [10, 2]);
    assert(one.length > 0);
  },
  2,
);

test(
  "a notice that comes over one link finds the client that has a request over another",
  async (first, site, second) => {
    const one = await first.welcome();
    const other = await second.welcome();
    await first.say(one, { kind: "request", request: 1, payload: request(1, "/a") });
    await eventually(() => site.exchanges.length === 1);
    await second.say(other, { kind: "notice", payload: notice(1, "disconnect") });
    await eventually(() => site.told.length === 1);
    assertEquals(site.told, ["/a client-gone"]);
    assertEquals((await first.nextOf("done")).message.request, 1);
  },
  2,
);

test("the loss of one dispatcher ends only what came over it", async (first, site, second) => {
  const one = await first.welcome();
  const other = await second.welcome();
  await first.say(one, { kind: "request", request: 1, payload: request(1, "/a") });
  await second.say(other, { kind: "request", request: 1, payload: request(2, "/b") });
  await first.say(one, { kind: "request", request: 2, payload: request(3, "/c1") });
  await eventually(() => site.exchanges.length === 3);
  await second.say(other, { kind: "request", request: 2, payload: request(3, "/c2") });
  await second.say(other, { kind: "ping" });
  await second.nextOf("pong");
  await first[Symbol.asyncDispose]();
  await eventually(() => site.told.length === 2);
  assertEquals(site.told.toSorted(), ["/a client-gone", "/c1 client-gone"]);
  // The connection of which both had a request cannot go on.
  const { message } = await second.nextOf("reply");
  assertEquals(shortened(message), "reply 2 server 1:3 ");
  assertEquals((await second.nextOf("done")).message.request, 2);
  const [, b] = site.exchanges;
  answer(site.exchanges.find((each) => targetOf(each) === "/b") ?? b);
  assertEquals(await second.replyText().then((text) => text.slice(-2)), "/b");
}, 2);

test(
  "several dispatchers are not up before all of them are, or are missed",
  async (first, site, second) => {
    await first.welcome();
    await second[Symbol.asyncDispose]();
    await site.endpoint.connected;
    assert(site.lines.some((line) => line.includes(`waiting for a dispatcher, which is not at`)));
  },
  2,
);
