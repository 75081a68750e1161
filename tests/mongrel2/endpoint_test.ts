import type { Exchange } from "../../src/message/exchange.ts";
import { NOBODY, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { Mongrel2Endpoint } from "../../src/mongrel2/endpoint.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../src/message/request_limits.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";

const ignore = libzmqIsMissing();
const MAX_BODY_BYTES = 1_000;
const PIECE = new Uint8Array(262_144);

/** A server, an endpoint, and the exchanges that came of its requests, with what they were told. */
interface Site {
  readonly server: FakeMongrel2;
  readonly endpoint: Mongrel2Endpoint;
  readonly exchanges: Exchange[];
  readonly told: string[];
  readonly lines: string[];
  /** Answers the requests from now on with their targets, unless `prepare` has answered them. */
  answer(prepare: (exchange: Exchange) => void): void;
}

function test(name: string, fn: (site: Site) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using server = new FakeMongrel2();
      const exchanges: Exchange[] = [];
      const told: string[] = [];
      const lines: string[] = [];
      let prepare: ((exchange: Exchange) => void) | null = null;
      await using endpoint = new Mongrel2Endpoint({
        spec: server,
        limits: { ...DEFAULT_REQUEST_LIMITS, maxBodyBytes: MAX_BODY_BYTES },
        log: (level, line) => lines.push(`${level}: ${line}`),
        handler: {
          handle(exchange) {
            exchanges.push(exchange);
            exchange.receiver = {
              ...NOBODY,
              onBody: (chunk) => told.push(`${chunk.length} bytes`),
              onEnd: () => told.push("end"),
              onSent: () => told.push("sent"),
              onAbort: (reason) => told.push(reason),
            };
            if (prepare === null) return;
            prepare(exchange);
            const { block, targetStart, targetEnd } = exchange.head;
            const target = new TextDecoder().decode(block.subarray(targetStart, targetEnd));
            exchange.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, target);
            told.push("answered");
          },
        },
      });
      await fn({
        ...{ server, endpoint, exchanges, told, lines },
        answer: (each) => prepare = each,
      });
    },
  });
}

/** Part of an upload of the client 1. */
function uploadPart(server: FakeMongrel2, offset: number, body: string, more = {}): Promise<void> {
  const headers = JSON.stringify({ UPLOAD_STREAM: String(offset), ...more });
  return server.sendRaw(`server 1 / ${headers.length}:${headers},${body.length}:${body},`);
}

const CHUNKED = { METHOD: "POST", "transfer-encoding": "chunked", UPLOAD_STREAM: "0" };

test("a streamed upload of unknown length may be as large as the limit", async (site) => {
  const { server, exchanges, told } = site;
  await server.request(1, "/", CHUNKED);
  assertEquals(await server.reply(), "server 3:X 1, 29:3:ctl,19:7:credits,6:262144#}]");
  await uploadPart(server, 0, "x".repeat(MAX_BODY_BYTES - 1));
  await uploadPart(server, MAX_BODY_BYTES - 1, "x", { UPLOAD_STREAM_DONE: "1" });
  await eventually(() => told.length === 3);
  assertEquals(told, ["999 bytes", "1 bytes", "end"]);
  exchanges[0].respond({ status: 204, fieldLines: "", bodyLength: WHOLE_BODY }, null);
  assert((await server.reply()).startsWith("server 1:1, HTTP/1.1 204 "));
});

test("a streamed upload of unknown length that is too large is answered 413", async (site) => {
  const { server, told } = site;
  await server.request(1, "/", CHUNKED);
  assertEquals(await server.reply(), "server 3:X 1, 29:3:ctl,19:7:credits,6:262144#}]");
  await uploadPart(server, 0, "x".repeat(MAX_BODY_BYTES));
  await uploadPart(server, MAX_BODY_BYTES, "x");
  assert((await server.reply()).startsWith("server 1:1, HTTP/1.1 413 "));
  assertEquals(await server.reply(), "server 1:1, ");
  await uploadPart(server, MAX_BODY_BYTES + 1, "x", { UPLOAD_STREAM_DONE: "1" });
  assertEquals(await server.replyWithin(50), null);
  assertEquals(told, ["1000 bytes", "bad-request"]);
  assertEquals(site.endpoint.clientCount, 0);
});

test("of a body longer than its length that length is sent, and the client disconnected", async (site) => {
  const { server, exchanges, told } = site;
  await server.request(1, "/");
  await eventually(() => exchanges.length === 1);
  const fieldLines = "content-length: 3\r\n";
  exchanges[0].respond({ status: 200, fieldLines, bodyLength: UNKNOWN_LENGTH }, null);
  exchanges[0].write(new TextEncoder().encode("12345"));
  let replies = "";
  for (let reply = ""; reply !== "server 1:1, "; replies += reply) reply = await server.reply();
  assert(replies.includes("123") && !replies.includes("1234"), replies);
  assertEquals(told, ["invalid-response"]);
});

/** Bytes that Mongrel2 lets wait for a client under flow control. */
const WINDOW_BYTES = 102_400;

/** Word that a message of so many bytes was delivered to the client 1. */
function credits(server: FakeMongrel2, bytes: number | string): Promise<void> {
  const headers = JSON.stringify({ METHOD: "JSON", DOWNLOAD_CREDITS: String(bytes) });
  return server.sendRaw(`server 1 @* ${headers.length}:${headers},18:{"type":"credits"},`);
}

/** What one request is answered. Word comes late, and of several messages at once. */
async function answered(site: Site, headers: object, maxWaiting: number): Promise<string> {
  const { server, exchanges } = site;
  await server.request(1, "/", headers);
  await eventually(() => exchanges.length === 1);
  const [exchange] = exchanges;
  let left = 4;
  const write = () => {
    if (left-- > 1) exchange.write(PIECE);
    else exchange.end();
  };
  exchange.receiver = { ...NOBODY, onCredit: write };
  exchange.respond({ status: 200, fieldLines: "", bodyLength: UNKNOWN_LENGTH }, PIECE);
  let text = "";
  let untold: number[] = [];
  const waiting = () => untold.reduce((sum, bytes) => sum + bytes, 0);
  while (!text.endsWith("\r\n0\r\n\r\n")) {
    const payload = (await server.reply()).slice("server 1:1, ".length);
    text += payload;
    untold.push(payload.length);
    assert(waiting() <= maxWaiting, `${waiting()} bytes wait`);
    if (waiting() < WINDOW_BYTES / 2) continue;
    for (const bytes of untold) await credits(server, bytes);
    untold = [];
  }
  for (const bytes of untold) await credits(server, bytes);
  return text;
}

for (const said of ["102400", "no number", "0"]) {
  test(`a response goes out as it is delivered, with DOWNLOAD_CREDITS ${said}`, async (site) => {
    const text = await answered(site, { DOWNLOAD_CREDITS: said }, WINDOW_BYTES);
    assert(text.length > 4 * PIECE.length, `${text.length}`);
  });
}

test("a response goes out whole where the first word of flow control is a notice", async (site) => {
  assert((await answered(site, {}, Infinity)).length > 4 * PIECE.length);
});

test("a notice of credits that is no number does not keep the rest of a response back", async (site) => {
  const { server, exchanges } = site;
  await server.request(1, "/", { DOWNLOAD_CREDITS: String(WINDOW_BYTES) });
  await eventually(() => exchanges.length === 1);
  const body = new Uint8Array(150_000);
  exchanges[0].respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, body);
  let received = 0;
  while (received < body.length) {
    const { length } = (await server.reply()).slice("server 1:1, ".length);
    received += length;
    // The first ones are told wrongly; what follows tells of them, too.
    await credits(server, received < 90_000 ? "many" : length);
  }
});

test("requests that an end cuts off are closed, also those that were on their way", async (site) => {
  const { server, endpoint, exchanges, told } = site;
  await server.request(1, "/answered");
  await eventually(() => exchanges.length === 1);
  exchanges[0].respond({ status: 204, fieldLines: "", bodyLength: WHOLE_BODY }, null);
  assert((await server.reply()).startsWith("server 1:1, HTTP/1.1 204 "));
  await server.request(2, "/begun");
  await server.request(3, "/waiting");
  await server.request(3, "/behind");
  await eventually(() => exchanges.length === 3);
  exchanges[1].respond({ status: 200, fieldLines: "", bodyLength: UNKNOWN_LENGTH }, PIECE);
  await server.request(4, "/late");
  const ended = endpoint[Symbol.asyncDispose]();
  const closed = new Set<string>();
  while (closed.size < 3) {
    const reply = await server.reply();
    if (/^server 1:\d, $/.test(reply)) closed.add(reply);
  }
  await ended;
  assertEquals([...closed].sort(), ["server 1:2, ", "server 1:3, ", "server 1:4, "]);
  assertEquals(endpoint.cutOffCount, 4);
  assert(told.every((reason) => reason === "shutdown"), told.join());
});

test("what a client says over a JSON socket is no word of Mongrel2's", async (site) => {
  const { server, exchanges } = site;
  await server.request(1, "/");
  await eventually(() => exchanges.length === 1);
  const said = { METHOD: "JSON", PATH: "@*", PATTERN: "@*", REMOTE_ADDR: "127.0.0.1" };
  for (const type of ["credits", "disconnect"]) {
    const headers = JSON.stringify({ ...said, DOWNLOAD_CREDITS: "1" });
    const body = JSON.stringify({ type });
    await server.sendRaw(`server 1 @* ${headers.length}:${headers},${body.length}:${body},`);
  }
  await server.request(2, "/");
  await eventually(() => exchanges.length === 2);
  // No word of deliveries is waited for, and the client has not gone.
  const body = new Uint8Array(1_000_000);
  exchanges[0].respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, body);
  let received = 0;
  while (received < body.length) received += (await server.reply()).length;
});

/** The responses to the client 1, up to the one that ends with `last`, or the end of its connection. */
async function responses(
  { server }: Site,
  last: string,
): Promise<{ readonly responses: string[]; readonly messages: number }> {
  let text = "";
  for (let messages = 0;; messages++) {
    const isDone = text.endsWith(`\r\n\r\n${last}`);
    const reply = isDone ? "server 1:1, " : await server.reply();
    if (reply === "server 1:1, ") {
      return { responses: text.split(/(?=HTTP\/1\.1 )/), messages };
    }
    assert(reply.startsWith("server 1:1, "), reply);
    text += reply.slice("server 1:1, ".length);
  }
}

function assertAnswersTo(responses: readonly string[], first: number): void {
  for (const [i, response] of responses.entries()) {
    assert(response.startsWith("HTTP/1.1 200 "), response);
    assert(response.endsWith(`\r\n\r\n/${first + i}`), response);
  }
}

/** Makes known, as far as time tells, that the server says nothing of what it delivers. */
async function stayUntold({ server }: Site): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await server.request(9, "/untold");
    assert((await server.reply()).startsWith("server 1:9, HTTP/1.1 200 "));
    await new Promise((resolve) => setTimeout(resolve, 260));
  }
}

for (const state of ["before it is known that there is no flow control", "without flow control"]) {
  test(`hundreds of requests asked ahead are answered in order, in few messages (${state})`, async (site) => {
    const { server, endpoint, told } = site;
    site.answer((exchange) => exchange.reportSent = true);
    if (state.startsWith("without")) await stayUntold(site);
    told.length = 0;
    const since = performance.now();
    // Nothing is received meanwhile.
    for (let i = 0; i < 500; i++) await server.request(1, `/${i}`);
    await eventually(() => told.filter((what) => what === "answered").length === 500);
    const answers = await responses(site, "/499");
    const lastedMs = performance.now() - since;
    assertEquals(answers.responses.length, 500);
    assertAnswersTo(answers.responses, 0);
    // Eight, and one more each 25 ms, at the most.
    const most = 9 + lastedMs / 25;
    assert(answers.messages <= most, `${answers.messages} messages in ${lastedMs} ms`);
    await eventually(() => told.filter((what) => what === "sent").length === 500);
    assertEquals(endpoint.clientCount, 0);
  });
}

test("responses that were put together and not sent count as cut off", async (site) => {
  const { server, endpoint, told } = site;
  site.answer(() => {});
  for (let i = 0; i < 50; i++) await server.request(1, `/${i}`);
  await eventually(() => told.filter((what) => what === "answered").length === 50);
  await endpoint[Symbol.asyncDispose]();
  const answers = await responses(site, "");
  assertAnswersTo(answers.responses, 0);
  assertEquals(answers.responses.length + endpoint.cutOffCount, 50);
});

test("no more is put together than a client may keep a gateway from sending", async (site) => {
  const { server, exchanges } = site;
  const body = "x".repeat(50_000);
  site.answer((exchange) => {
    exchange.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, body);
  });
  for (let i = 0; i < 200; i++) await server.request(1, `/${i}`);
  // Not all are worked on before something was sent of the first ones.
  await server.request(2, "/other");
  const targets = () =>
    exchanges.map(({ head: { block, targetStart, targetEnd } }) =>
      new TextDecoder().decode(block.subarray(targetStart, targetEnd))
    );
  await eventually(() => targets().includes("/other"));
  assert(targets().indexOf("/other") < 100, `${targets().indexOf("/other")}`);
});

test("who asks too far ahead gets what could be kept, and then the end of its connection", async (site) => {
  const { server, exchanges, lines } = site;
  for (let i = 0; i < 2_000; i++) await server.request(1, `/${i}`, { "x-pad": "x".repeat(1_000) });
  await server.request(2, "/other");
  await eventually(() => exchanges.length === 2);
  const [first, other] = exchanges;
  site.answer(() => {});
  first.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, "/0");
  const answers = (await responses(site, "none")).responses;
  assert(answers.length > 64 && answers.length < 1_500, `${answers.length}`);
  assertAnswersTo(answers, 0);
  for (const [i, answer] of answers.entries()) {
    const isLast = i === answers.length - 1;
    assertEquals(/\r\nconnection: close\r\n/i.test(answer), isLast, `${i}`);
  }
  const told = lines.filter((line) => line.includes("too far ahead"));
  assertEquals(told, [
    `warning: mongrel2: a client sends requests too far ahead: its connection ends after ${
      answers.length - 1
    } more responses`,
  ]);
  other.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, "other");
  assert((await server.reply()).startsWith("server 1:2, HTTP/1.1 200 "));
});

for (const missing of ["recv", "send"] as const) {
  Deno.test({
    name: `it is said once that nobody is at the endpoint ${missing} yet`,
    ignore,
    async fn() {
      await using server = new FakeMongrel2();
      await using elsewhere = new FakeMongrel2();
      const nowhere = elsewhere[missing];
      await elsewhere[Symbol.asyncDispose]();
      const lines: string[] = [];
      await using endpoint = new Mongrel2Endpoint({
        spec: { send: server.send, recv: server.recv, [missing]: nowhere },
        limits: DEFAULT_REQUEST_LIMITS,
        log: (level, line) => lines.push(`${level}: ${line}`),
        handler: { handle() {} },
      });
      // It subscribes when it is looked at.
      await Promise.all([endpoint.connected, server.replyWithin(500)]);
      await eventually(() => lines.length > 0);
      assertEquals(lines, [
        `warning: mongrel2: waiting for Mongrel2, which is not at ${nowhere} yet`,
      ]);
    },
  });
}
