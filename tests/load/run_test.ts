import { serve } from "gatehouse";
import type { Server } from "gatehouse";
import { assert, assertEquals } from "../support/assert.ts";
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
import type { GroupPlan, GroupResult, Measurement } from "../../src/load/load_group.ts";
import { sum } from "../../src/load/load_group.ts";
import type { Pace } from "../../src/load/pace.ts";
import { ClosedLoop, OpenLoop } from "../../src/load/pace.ts";
import { resultJson } from "../../src/load/result_json.ts";
import { runGroups } from "../../src/load/run.ts";
import type { RunTimes } from "../../src/load/run.ts";
import { BINARY } from "../../src/websocket/codec/protocol.ts";

const NO_BODY: RequestBody = { kind: "none" };
const COUNTED: RunTimes = { warmUpMs: 0, durationMs: Infinity, timeoutMs: 20_000 };

/** A server that answers what each connection gets as `answer` says. */
function rawServer(answer: (conn: Deno.TcpConn) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns = new Set<Deno.Conn>();
  const serving = (async () => {
    const answers: Promise<void>[] = [];
    for await (const conn of listener) {
      conns.add(conn);
      answers.push(answer(conn).catch(() => {}));
    }
    await Promise.all(answers);
  })();
  return {
    target: parseTarget(`http://127.0.0.1:${listener.addr.port}/`),
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // The server itself has closed it.
        }
      }
      await serving;
    },
  };
}

/** Answers each piece of what comes with `text`, after `before`. */
const answering = (text: string, before: () => Promise<void> = async () => {}) =>
  rawServer(async (conn) => {
    const buffer = new Uint8Array(4_096);
    while (await conn.read(buffer) !== null) {
      await before();
      await conn.write(new TextEncoder().encode(text));
    }
  });

const HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/** Sends `count` requests for `target`, or as `plan` says otherwise. */
async function runOne(
  target: Target,
  plan: Partial<GroupPlan> & {
    readonly count?: number;
    readonly paceOf?: (measured: Measurement) => Pace;
  } = {},
  times: RunTimes = COUNTED,
  signal: AbortSignal = new AbortController().signal,
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
    { serverPid: null, signal, onProgress() {} },
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

for (const [name, [text, reason]] of Object.entries(WRONG)) {
  test(`${name} is a failure, and not an answer`, async () => {
    await using server = answering(text);
    const result = await runOne(server.target, { count: 8, expectedBytes: 5 });
    assertEquals([result.answered, sum(result.failures)], [0, 8]);
    assert(
      [...result.failures.keys()].every((each) => reason.test(each)),
      [...result.failures].join(),
    );
  });
}

test("connections that are cut off or refused are failures, and made anew", async () => {
  await using server = rawServer(async (conn) => {
    await conn.read(new Uint8Array(4_096));
    conn.close();
  });
  const result = await runOne(server.target, { count: 12 });
  assertEquals([result.answered, sum(result.failures)], [0, 12]);
  assert(result.connects >= 12);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const none = await runOne(parseTarget(`http://127.0.0.1:${port}/`), { count: 3 });
  assertEquals([none.answered, sum(none.failures), none.connects], [0, 3, 0]);
});

test("a request that takes too long is given up, and its time counts", async () => {
  await using server = rawServer(async (conn) => {
    while (await conn.read(new Uint8Array(4_096)) !== null);
  });
  const times = { ...COUNTED, timeoutMs: 150 };
  const result = await runOne(server.target, { count: 4 }, times);
  assertEquals([result.answered, sum(result.failures)], [0, 4]);
  assertEquals(result.latency.count, 4);
  assert(result.latency.minUs >= 150_000);
});

test("a stall of one second shows in an open loop, and not where each waits for its own", async () => {
  const stalled = { isDue: false, isDone: false };
  const begin = performance.now();
  const stall = async () => {
    // All connections share it, as those of a server whose only thread is busy.
    if (!stalled.isDone && performance.now() - begin > 300) {
      stalled.isDone = stalled.isDue = true;
      await new Promise((wake) => setTimeout(wake, 1_000));
      stalled.isDue = false;
    }
    while (stalled.isDue) await new Promise((wake) => setTimeout(wake, 5));
  };
  await using server = answering(HELLO, stall);
  const times = { warmUpMs: 0, durationMs: 2_000, timeoutMs: 10_000 };
  const result = await runOne(
    server.target,
    { paceOf: ({ fromMs, endMs }) => new OpenLoop(300, fromMs, endMs), connections: 2 },
    times,
  );
  // Half of all requests were due in the stall: as wrk2 tells it, the 99th percentile is near its length.
  assertEquals(result.answered, 600);
  assert(result.latency.percentile(99) > 900_000, `${result.latency.percentile(99)} µs`);
  assert(result.latency.percentile(80) > 200_000, `${result.latency.percentile(80)} µs`);
  // Two were sent before it ended, and the others only after it.
  assert(result.serviceTime.percentile(99) < 900_000, `${result.serviceTime.percentile(99)} µs`);
});

test("what was due and could not be sent counts with the time that it waited", async () => {
  await using server = rawServer(async (conn) => {
    while (await conn.read(new Uint8Array(4_096)) !== null);
  });
  const result = await runOne(
    server.target,
    { paceOf: ({ fromMs, endMs }) => new OpenLoop(100, fromMs, endMs), connections: 1 },
    { warmUpMs: 0, durationMs: 500, timeoutMs: 200 },
  );
  assertEquals(result.answered, 0);
  assertEquals(sum(result.failures) + result.unsent, 50);
  assertEquals(result.latency.count, 50);
  assert(result.unsent > 0);
});

test("requests of the warm-up do not count", async () => {
  await using server = answering(HELLO);
  const result = await runOne(
    server.target,
    { paceOf: ({ fromMs, endMs }) => new OpenLoop(100, fromMs - 300, endMs) },
    { warmUpMs: 300, durationMs: 300, timeoutMs: 5_000 },
  );
  assert(result.answered >= 20 && result.answered <= 40, String(result.answered));
});

test("a run ends when it is told to, whatever its server does", async () => {
  await using server = rawServer(async (conn) => {
    while (await conn.read(new Uint8Array(4_096)) !== null);
  });
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  const result = await runOne(server.target, {}, COUNTED, controller.signal);
  assertEquals(result.answered, 0);
});

test("one exchange is told byte for byte", async () => {
  await using server = answering(HELLO);
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
    await using server = answering(text);
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

test("requests on a connection that is closed just then are sent once more, if they may be", async () => {
  // Each connection is closed after its first answer, which does not say so.
  const server = () =>
    rawServer(async (conn) => {
      await conn.read(new Uint8Array(4_096));
      await conn.write(new TextEncoder().encode(HELLO));
      conn.close();
    });
  await using safe = server();
  const got = await runOne(safe.target, { count: 20, connections: 1 });
  assertEquals([got.answered, sum(got.failures), got.repeated], [20, 0, 19]);
  await using unsafe = server();
  const parts = { method: "POST", fields: [], body: NO_BODY };
  const request = httpRequest(unsafe.target, parts);
  const posted = await runOne(unsafe.target, { count: 20, connections: 1, request });
  assertEquals([posted.answered, sum(posted.failures), posted.repeated], [10, 10, 0]);
});
