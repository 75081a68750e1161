import { serve } from "gatehouse";
import type { Server } from "gatehouse";
import { assert, assertEquals } from "../support/assert.ts";
import type { RawBehaviour } from "../fixtures/raw_server.ts";
import { test } from "../support/strict.ts";
import { ConnectError } from "../../src/base/errors.ts";
import { concatenated } from "../../src/base/bytes.ts";
import { FastCgiConversation } from "../../src/client/fastcgi_conversation.ts";
import { HttpConversation } from "../../src/client/http_conversation.ts";
import { exchangeOnce } from "../../src/client/one_exchange.ts";
import { resolveTarget } from "../../src/client/dial.ts";
import type { RequestBody } from "../../src/client/prepared_request.ts";
import { fastCgiRequest, httpRequest } from "../../src/client/prepared_request.ts";
import { SocketConversation } from "../../src/client/socket_conversation.ts";
import type { Target } from "../../src/client/target.ts";
import { parseTarget } from "../../src/client/target.ts";
import type { GroupPlan, GroupResult, Measurement } from "../../src/load/group_record.ts";
import { sum } from "../../src/load/group_record.ts";
import type { Pace } from "../../src/load/pace.ts";
import { ClosedLoop, OpenLoop } from "../../src/load/pace.ts";
import { resultJson } from "../../src/load/result_json.ts";
import { runGroups } from "../../src/load/run.ts";
import type { RunTimes, RunWatch } from "../../src/load/run.ts";
import { BINARY } from "../../src/websocket/codec/protocol.ts";

const NO_BODY: RequestBody = { kind: "none" };
const COUNTED: RunTimes = { warmUpMs: 0, durationMs: Infinity, timeoutMs: 20_000 };

/** A server that does this with each connection, on a thread of its own. */
async function rawServer(behaviour: RawBehaviour) {
  const worker = new Worker(new URL("../fixtures/raw_server.ts", import.meta.url), {
    type: "module",
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  worker.onmessage = ({ data }) => resolve(data);
  worker.postMessage(behaviour);
  const target = parseTarget(`http://127.0.0.1:${await promise}/`);
  return { target, [Symbol.dispose]: () => worker.terminate() };
}

const HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/** Sends `count` requests for `target`, or as `plan` says otherwise. */
async function runOne(
  target: Target,
  plan: Partial<GroupPlan> & {
    readonly count?: number;
    readonly paceOf?: (measured: Measurement) => Pace;
  } = {},
  times: RunTimes = COUNTED,
  watch: Partial<RunWatch> = {},
): Promise<GroupResult> {
  const server = await resolveTarget(target);
  const result = await runGroups(
    (measured) => [{
      name: "all",
      server,
      request: httpRequest(target, { method: "GET", fields: [], body: NO_BODY }),
      connections: 4,
      pace: plan.paceOf?.(measured) ?? new ClosedLoop(Infinity, plan.count ?? 100),
      converse: () => new HttpConversation(),
      ...plan,
    }],
    times,
    {
      serverPid: null,
      sockets: "platform",
      signal: new AbortController().signal,
      onProgress() {},
      ...watch,
    },
  );
  // It has to be good for JSON.
  JSON.stringify(resultJson("test", result));
  return result.groups[0];
}

const urlOf = ({ addresses }: Server, place = 0) => {
  const { hostname, port } = addresses[place] as Deno.NetAddr;
  return `${hostname}:${port}`;
};

test("so many requests are sent over so many connections, and all answers are counted", async () => {
  let requests = 0;
  await using server = await serve({
    app: (request) => {
      requests++;
      return new Response(request.url.endsWith("/") ? "hello" : null, { status: 404 });
    },
    http: "127.0.0.1:0",
    log: () => {},
  });
  const result = await runOne(parseTarget(`http://${urlOf(server)}/`), { count: 1_000 });
  assertEquals(requests, 1_000);
  assertEquals([result.answered, result.connects, sum(result.failures)], [1_000, 4, 0]);
  assertEquals([...result.statuses], [[404, 1_000]]);
  assertEquals([...result.lengths], [[5, 1_000]]);
  assertEquals(result.latency.count, 1_000);
});

test("bodies that are made up arrive whole over HTTP and FastCGI", async () => {
  const seen: number[] = [];
  await using server = await serve({
    app: async (request) => {
      seen.push((await request.bytes()).length);
      return new Response("ok");
    },
    http: "127.0.0.1:0",
    fastcgi: "127.0.0.1:0",
    log: () => {},
  });
  const body = { kind: "chunks", chunkCount: 7, chunkBytes: 30_000 } as const;
  const parts = { method: "POST", fields: [], body };
  const http = parseTarget(`http://${urlOf(server)}/`);
  const overHttp = await runOne(http, { count: 8, request: httpRequest(http, parts) });
  const fcgi = parseTarget(`fcgi://${urlOf(server, 1)}/`);
  const overFastCgi = await runOne(fcgi, {
    count: 8,
    request: fastCgiRequest(fcgi, parts),
    converse: () => new FastCgiConversation(),
  });
  assertEquals([overHttp.answered, overFastCgi.answered], [8, 8]);
  assertEquals([sum(overHttp.failures), sum(overFastCgi.failures)], [0, 0]);
  assertEquals(seen, Array(16).fill(210_000));
});

test("messages go back and forth over WebSockets", async () => {
  await using server = await serve({
    app: (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    },
    http: "127.0.0.1:0",
    log: () => {},
  });
  const target = parseTarget(`ws://${urlOf(server)}/`);
  const first = new Uint8Array(70_000).fill(0x78);
  const none = new Uint8Array(0);
  const request = { method: "WS", first, piece: none, pieceCount: 0, last: none, bodyBytes: 7e4 };
  const result = await runOne(target, {
    count: 40,
    request,
    converse: () => new SocketConversation(target, [], BINARY),
  });
  assertEquals([result.answered, sum(result.failures), result.connects], [40, 0, 4]);
  assertEquals([...result.lengths], [[70_000, 40]]);
});

const WRONG: Record<string, [string, RegExp]> = {
  "a longer body than was promised": [
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello",
    /bytes that answer no request/,
  ],
  "a malformed head": ["HTTP/1.1 OK\r\n\r\n", /malformed status line/],
  "another length than was expected": [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    /a body of 2 bytes instead of 5/,
  ],
};

for (const sockets of ["system", "platform"] as const) {
  const over = `over the ${sockets}'s sockets`;

  for (const [name, [answer, reason]] of Object.entries(WRONG)) {
    test(`${name} is a failure, and not an answer, ${over}`, async () => {
      using server = await rawServer({ answer });
      const result = await runOne(server.target, { count: 8, expectedBytes: 5 }, COUNTED, {
        sockets,
      });
      assertEquals([result.answered, sum(result.failures)], [0, 8]);
      const reasons = [...result.failures.keys()];
      assert(reasons.every((each) => reason.test(each)), reasons.join());
    });
  }

  test(`so many requests are answered, each once, ${over}`, async () => {
    using server = await rawServer({ answer: HELLO });
    const plan = { count: 2_000, connections: 7 };
    const result = await runOne(server.target, plan, COUNTED, { sockets });
    assertEquals([result.answered, result.connects, sum(result.failures)], [2_000, 7, 0]);
    assertEquals([...result.statuses, ...result.lengths], [[200, 2_000], [5, 2_000]]);
    assertEquals(result.bytesReceived, 2_000 * HELLO.length);
    assertEquals(result.bytesSent % 2_000, 0);
  });

  test(`connections that are cut off or refused are failures, and made anew, ${over}`, async () => {
    using server = await rawServer({ then: "close" });
    const result = await runOne(server.target, { count: 12 }, COUNTED, { sockets });
    assertEquals([result.answered, sum(result.failures)], [0, 12]);
    assert(result.connects >= 12);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const target = parseTarget(`http://127.0.0.1:${port}/`);
    const none = await runOne(target, { count: 3 }, COUNTED, { sockets });
    assertEquals([none.answered, sum(none.failures), none.connects], [0, 3, 0]);
    assert([...none.failures.keys()].every((each) => /refused/i.test(each)));
  });

  test(`a request that takes too long is given up, and its time counts, ${over}`, async () => {
    using server = await rawServer({});
    const times = { ...COUNTED, timeoutMs: 150 };
    const result = await runOne(server.target, { count: 4 }, times, { sockets });
    assertEquals([result.answered, sum(result.failures)], [0, 4]);
    assertEquals(result.latency.count, 4);
    assert(result.latency.minUs >= 150_000);
  });

  test(`a stall of one second shows in an open loop, as wrk2 tells it, ${over}`, async () => {
    using server = await rawServer({ answer: HELLO, stallMs: 1_000 });
    const result = await runOne(
      server.target,
      { paceOf: ({ fromMs, endMs }) => new OpenLoop(300, fromMs, endMs), connections: 2 },
      { warmUpMs: 0, durationMs: 2_000, timeoutMs: 10_000 },
      { sockets },
    );
    // Half of all requests were due in the stall: the 99th percentile is near its length.
    assertEquals(result.answered, 600);
    assert(result.latency.percentile(99) > 900_000, `${result.latency.percentile(99)} µs`);
    assert(result.latency.percentile(80) > 200_000, `${result.latency.percentile(80)} µs`);
    // Two were sent before it ended, and the others only after it.
    assert(result.serviceTime.percentile(99) < 900_000, `${result.serviceTime.percentile(99)} µs`);
  });

  test(`what was due and could not be sent counts with its wait, ${over}`, async () => {
    using server = await rawServer({});
    const result = await runOne(
      server.target,
      { paceOf: ({ fromMs, endMs }) => new OpenLoop(100, fromMs, endMs), connections: 1 },
      { warmUpMs: 0, durationMs: 500, timeoutMs: 200 },
      { sockets },
    );
    assertEquals(result.answered, 0);
    assertEquals(sum(result.failures) + result.unsent, 50);
    assertEquals(result.latency.count, 50);
    assert(result.unsent > 0);
  });

  test(`requests of the warm-up do not count, ${over}`, async () => {
    using server = await rawServer({ answer: HELLO });
    const result = await runOne(
      server.target,
      { paceOf: ({ fromMs, endMs }) => new OpenLoop(100, fromMs - 300, endMs) },
      { warmUpMs: 300, durationMs: 300, timeoutMs: 5_000 },
      { sockets },
    );
    assert(result.answered >= 29 && result.answered <= 31, String(result.answered));
  });

  test(`a run ends when it is told to, whatever its server does, ${over}`, async () => {
    using server = await rawServer({});
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const { signal } = controller;
    const result = await runOne(server.target, {}, COUNTED, { sockets, signal });
    assertEquals(result.answered, 0);
  });

  test(`requests on a connection that is closed just then are repeated if they may be, ${over}`, async () => {
    // Each connection is closed after its first answer, which does not say so.
    using server = await rawServer({ answer: HELLO, then: "close" });
    const plan = { count: 20, connections: 1 };
    const got = await runOne(server.target, plan, COUNTED, { sockets });
    assertEquals([got.answered, sum(got.failures)], [20, 0]);
    const parts = { method: "POST", fields: [], body: NO_BODY };
    const request = httpRequest(server.target, parts);
    const posted = await runOne(server.target, { ...plan, request }, COUNTED, { sockets });
    assertEquals([posted.answered + sum(posted.failures), posted.repeated], [20, 0]);
  });
}

test("one exchange is told byte for byte", async () => {
  using server = await rawServer({ answer: HELLO });
  const sent: Uint8Array[] = [];
  const received: Uint8Array[] = [];
  const notes: string[] = [];
  const times: number[] = [];
  const request = httpRequest(server.target, { method: "GET", fields: [], body: NO_BODY });
  const isGood = await exchangeOnce(
    {
      target: server.target,
      request,
      conversation: new HttpConversation(),
      timeoutMs: 10_000,
      caCerts: undefined,
    },
    {
      note: (atMs, text) => void (times.push(atMs), notes.push(text)),
      sent: (atMs, bytes) => void (times.push(atMs), sent.push(bytes.slice())),
      received: (atMs, bytes) => void (times.push(atMs), received.push(bytes.slice())),
    },
  );
  assert(isGood);
  assertEquals(concatenated(sent), request.first);
  assertEquals(new TextDecoder().decode(concatenated(received)), HELLO);
  assertEquals(notes.map((note) => note.split(" ")[0]), ["looked", "connected", "complete:"]);
  assertEquals(times.toSorted((a, b) => a - b), times);
});

test("one exchange that fails says why", async () => {
  const failures: Record<string, [string, RegExp]> = {
    malformed: [
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      /^failed: a malformed field name \(RFC 9112 5.1\)/,
    ],
    silent: ["", /^failed: no complete answer in 0.1 s/],
  };
  for (const [text, reason] of Object.values(failures)) {
    using server = await rawServer({ answer: text });
    const notes: string[] = [];
    const isGood = await exchangeOnce(
      {
        target: server.target,
        request: httpRequest(server.target, { method: "GET", fields: [], body: NO_BODY }),
        conversation: new HttpConversation(),
        timeoutMs: text === "" ? 100 : 10_000,
        caCerts: undefined,
      },
      { note: (_, text) => void notes.push(text), sent() {}, received() {} },
    );
    assertEquals(isGood, false);
    assert(reason.test(notes.at(-1)!), notes.join("\n"));
  }
  assert(new ConnectError("x") instanceof Error);
});
