/** What any client can do. Each attack ends when it has been answered as it has to be. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import * as fastcgi from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { resetConnections } from "../support/sockets.ts";
import { HTTP_SNIPPETS, randomRequest } from "../fuzz/http_requests.ts";
import { mutated } from "../fuzz/mutation.ts";
import type { Site } from "./site.ts";
import { MAX_BODY_BYTES, MAX_CONNECTIONS } from "./site.ts";

const HEAD = "POST /count HTTP/1.1\r\nHost: a\r\n";
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

const each = <Result>(count: number, work: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

/** Sends `bytes`, and gives back the first answer; what the gateway does not take any more is no fault. */
async function answerTo(port: number, bytes: string | Uint8Array): Promise<[number, string]> {
  using client = await RawClient.connect(port);
  const sending = client.send(bytes).catch(() => {});
  const { status, body, headers } = await client.receive();
  await sending;
  return [status, headers.get("connection") === "close" ? "closes" : body];
}

/** Connections that are reset at once. */
// deno-lint-ignore require-await
export async function resets({ httpPort, fastcgiPort, https }: Site): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const port of [httpPort, fastcgiPort, https?.port ?? httpPort]) resetConnections(port, 50);
  }
}

/** More connections than there are places, on which nothing, or only a part of something, is sent. */
export async function idleConnections({ httpPort, fastcgiPort, https }: Site): Promise<void> {
  const starts: [number, string][] = [
    [httpPort, ""],
    [httpPort, "GET / HTTP/1.1\r\nHost:"],
    [fastcgiPort, ""],
    [fastcgiPort, "\x01\x01\0\x01"],
    [https?.port ?? httpPort, ""],
    [https?.port ?? httpPort, "\x16\x03\x01\x02\0\x01"],
  ];
  const open: RawClient[] = [];
  try {
    for (const [port, start] of starts) {
      for (let left = MAX_CONNECTIONS; left > 0; left -= 30) {
        open.push(
          ...await each(30, async () => {
            const client = await RawClient.connect(port);
            await client.send(bytesOf(start)).catch(() => {});
            return client;
          }),
        );
      }
    }
    assertEquals(await answerTo(httpPort, get("/")), [200, "neighbour"]);
  } finally {
    for (const client of open) client[Symbol.dispose]();
  }
}

/** Heads that come byte by byte, and are right. */
export async function byteByByte({ httpPort }: Site): Promise<void> {
  await each(8, async () => {
    using client = await RawClient.connect(httpPort);
    (client.conn as Deno.TcpConn).setNoDelay(true);
    for (const char of get("/", `X: ${"y".repeat(1_500)}\r\n`)) await client.send(char);
    assertEquals((await client.receive()).body, "neighbour");
  });
}

/** Blanks, commas and semicolons in all places that have any. */
export async function longBlanks({ httpPort }: Site): Promise<void> {
  const blanks = " ".repeat(30_000);
  const heads: [string, number][] = [
    [`X: a${blanks}b\r\n`, 200],
    [`Connection: a${blanks}b, close\r\n`, 200],
    [`Connection: ${"a, ".repeat(9_000)}\r\n`, 200],
    [`Transfer-Encoding: a${blanks}b\r\n`, 400],
    [`Transfer-Encoding: ${",".repeat(20_000)}\r\n`, 400],
    [`Expect: a${blanks}\r\n`, 417],
    [`Cookie: ${";".repeat(30_000)}\r\n`, 200],
  ];
  for (const [fields, status] of heads) {
    assertEquals((await answerTo(httpPort, get("/", fields)))[0], status, fields.slice(0, 30));
  }
}

/** Bodies in chunks of a byte, on several connections at a time. */
export async function smallChunks({ httpPort }: Site): Promise<void> {
  await each(4, async () => {
    const answer = await answerTo(httpPort, `${CHUNKED}${"1\r\nx\r\n".repeat(60_000)}0\r\n\r\n`);
    assertEquals(answer, [200, "60000"]);
  });
}

/** Bodies that are mostly something else. */
export async function padding({ httpPort }: Site): Promise<void> {
  const paddings: [string, number][] = [
    [`1;${"x".repeat(1_000)}\r\nx\r\n`.repeat(40), 400],
    [`${"0".repeat(1_000)}1\r\nx\r\n`.repeat(40), 400],
    [`0\r\n${`X: ${"x".repeat(1_000)}\r\n`.repeat(60)}`, 431],
    [`0\r\n${"X: 1\r\n".repeat(300)}`, 431],
  ];
  for (const [text, status] of paddings) {
    assertEquals(await answerTo(httpPort, CHUNKED + text), [status, "closes"]);
  }
}

/** Bodies over the limit, announced or not. */
export async function largeBodies({ httpPort }: Site): Promise<void> {
  const size = (MAX_BODY_BYTES + 1).toString(16);
  const heads = [
    `${HEAD}Content-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n`,
    `${HEAD}Content-Length: 99999999999999999999\r\n\r\n`,
    `${CHUNKED}${size}\r\n`,
    `${CHUNKED}5\r\n12345\r\n${size}\r\n`,
  ];
  for (const head of heads) assertEquals(await answerTo(httpPort, head), [413, "closes"]);
}

/** Many requests for much on many connections, of which none reads at first. */
export async function unreadPipelines({ httpPort }: Site): Promise<void> {
  const clients = await each(30, async () => {
    const client = await RawClient.connect(httpPort);
    await client.send(get("/large?bytes=1000000").repeat(30));
    return client;
  });
  assertEquals(await answerTo(httpPort, get("/")), [200, "neighbour"]);
  // The answers are there for who does read them, in their order.
  for (let i = 0; i < 3; i++) assertEquals((await clients[0].receive()).body.length, 1_000_000);
  for (const client of clients) client[Symbol.dispose]();
}

/** A pipeline of requests of all kinds: each answer is that of its own request. */
export async function mixedPipeline({ httpPort }: Site): Promise<void> {
  using client = await RawClient.connect(httpPort);
  const random = new Random(1);
  const expected: string[] = [];
  let text = "";
  for (let i = 0; i < 200; i++) {
    const tag = `${i} ${random.next()}`;
    const isChunked = random.below(2) === 0;
    const body = isChunked ? `${tag.length.toString(16)}\r\n${tag}\r\n0\r\n\r\n` : tag;
    const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${tag.length}`;
    if (random.below(3) === 0) {
      text += get("/");
      expected.push("neighbour");
    }
    text += `POST /text HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`;
    expected.push(tag);
  }
  const sending = client.send(text);
  for (const body of expected) assertEquals((await client.receive()).body, body);
  await sending;
}

/** Requests that two readers could see different requests in: the connection ends with the refusal. */
export async function ambiguousFraming({ httpPort }: Site): Promise<void> {
  const hidden = get("/large?bytes=5");
  const heads: [string, number][] = [
    [`Content-Length: 5\r\nContent-Length: 0\r\n`, 400],
    [`Content-Length: 0, 5\r\n`, 400],
    [`Content-Length: +5\r\n`, 400],
    [`Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`, 400],
    [`Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n`, 400],
    [`Transfer-Encoding: chunked, identity\r\n`, 400],
    [`Transfer-Encoding: xchunked\r\n`, 501],
    [`Transfer-Encoding : chunked\r\n`, 400],
    [`Transfer-Encoding:\x0bchunked\r\n`, 400],
    [` Content-Length: 5\r\n`, 400],
    [`X: y\r\n Content-Length: 5\r\n`, 400],
    [`X: y\nContent-Length: 5\r\n`, 400],
    [`X: y\rContent-Length: 5\r\n`, 400],
    [`X\0: y\r\n`, 400],
    [`Host: b\r\n`, 400],
  ];
  for (const [fields, status] of heads) {
    using client = await RawClient.connect(httpPort);
    await client.send(bytesOf(`${HEAD}${fields}\r\n${hidden}`));
    const received = await client.rest();
    assertMatch(received, new RegExp(`^HTTP/1\\.1 ${status} `), fields);
    assertEquals(received.split("HTTP/1.1 ").length, 2, "what follows is not answered");
  }
}

/** Spellings of paths that could lead to the other app. */
export async function spelledPaths({ httpPort, fastcgiPort }: Site): Promise<void> {
  const spellings: Record<string, number> = {
    "/hostile": 200,
    "/hostile/x": 200,
    "/x/../hostile": 400,
    "/./hostile": 400,
    "//hostile": 400,
    "/%2e/hostile": 400,
    "/x/%2e%2e/hostile": 400,
    "/x%2f..%2fhostile": 400,
    "/%68ostile": 400,
    "/%68ostile/..": 400,
    "/hostile%2f": 400,
    "/hostile/..": 400,
    "/hostile\\": 400,
    "\\hostile": 400,
    "/x\\..\\hostile": 400,
    "/x;/../hostile": 400,
    "http://h/x/../hostile": 400,
    "/HOSTILE": 200,
    "/hostile;x": 200,
  };
  using client = await fastcgi.RawFastCgiClient.connect(fastcgiPort);
  for (const [target, status] of Object.entries(spellings)) {
    const [overHttp, body] = await answerTo(httpPort, get(target, "Connection: keep-alive\r\n"));
    assertEquals(overHttp, status, target);
    const overFastCgi = await client.ask(1, target);
    assertEquals(overFastCgi.status, status, target);
    if (status !== 200) continue;
    const isHostile = /^\/hostile(?:\/|$)/.test(target);
    assertEquals([body, overFastCgi.body], Array(2).fill(isHostile ? "hostile" : "neighbour"));
  }
}

/** Fields whose variables could be taken for those of others. */
export async function variables({ httpPort }: Site): Promise<void> {
  const fields = [
    "Content_Length: 5",
    "X_Role: admin",
    "Proxy: http://evil/",
    "Remote_User: admin",
    "X-Role: guest",
  ];
  const [, body] = await answerTo(httpPort, get("/info", `${fields.join("\r\n")}\r\n`));
  const { env } = JSON.parse(body) as { env: Record<string, string> };
  assertEquals(env.HTTP_X_ROLE, "guest");
  for (const name of ["HTTP_PROXY", "CONTENT_LENGTH", "HTTP_CONTENT_LENGTH", "HTTP_REMOTE_USER"]) {
    assertEquals(env[name], undefined, name);
  }
}

/** What is logged could be taken for the gateway's own lines, or be obeyed by a terminal. */
export async function loggedText({ httpPort, gateway }: Site): Promise<void> {
  const text = encodeURIComponent("\x1b[2J\r\nready\nerror: forged\x9b\u202e");
  const marker = "logged text was here";
  assertEquals((await answerTo(httpPort, get(`/throw?text=${text}`)))[0], 500);
  assertEquals(
    (await answerTo(httpPort, get(`/throw?text=${encodeURIComponent(marker)}`)))[0],
    500,
  );
  await gateway.logged(new RegExp(marker));
  // deno-lint-ignore no-control-regex
  const obeyed = gateway.log.filter((line) => /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/.test(line));
  assertEquals(obeyed, []);
  assertEquals(gateway.log.filter((line) => /^error: forged/.test(line)), []);
  assertEquals(gateway.log.filter((line) => line === "ready").length, 1);
}

/** Clients that leave in the midst of everything. */
export async function departures({ httpPort }: Site): Promise<void> {
  const answered = [get("/endless"), get("/large?bytes=3000000"), get("/endless").repeat(20)];
  const unanswered = [
    `${HEAD}Content-Length: 1000\r\n\r\nsome`,
    `${CHUNKED}ff\r\nsome`,
    "GET /",
    ...answered,
  ];
  await each(40, async (index) => {
    using client = await RawClient.connect(httpPort);
    await client.send(answered[index % answered.length]);
    await client.conn.read(new Uint8Array(100));
    if (index % 2 === 0) await (client.conn as Deno.TcpConn).closeWrite();
  });
  await each(60, async (index) => {
    using client = await RawClient.connect(httpPort);
    await client.send(unanswered[index % unanswered.length]);
  });
}

/** Requests with random faults. */
export async function randomFaults({ httpPort }: Site): Promise<void> {
  const random = new Random(5);
  await each(8, async () => {
    for (let left = 60; left > 0; left--) {
      let text = "";
      for (let i = 0; i < 10; i++) text += randomRequest(random)[0];
      for (let i = 0; i < 4; i++) text = mutated(random, text, HTTP_SNIPPETS);
      using client = await RawClient.connect(httpPort);
      await client.send(bytesOf(text)).catch(() => {});
      await (client.conn as Deno.TcpConn).closeWrite().catch(() => {});
      await client.rest().catch(() => {});
    }
  });
}

/** What is no TLS, where that is spoken. */
export async function noTls({ https, httpPort }: Site): Promise<void> {
  const port = https?.port ?? httpPort;
  await each(60, async (index) => {
    using client = await RawClient.connect(port);
    const bytes = [bytesOf(get("/")), new Uint8Array(2_000).fill(index), bytesOf("\x16\x03\x01")];
    await client.send(bytes[index % bytes.length]).catch(() => {});
  });
  if (https === null) return;
  const conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [https.cert] });
  using client = new RawClient(conn);
  await client.send(get("/"));
  assertEquals((await client.receive()).body, "neighbour");
}

/** Records of requests that there are not, that never end, or that nobody knows. */
export async function strangeRecords({ fastcgiPort }: Site): Promise<void> {
  const { begin, concat, opening, pieces, record, STDIN, DATA, PARAMS } = fastcgi;
  using client = await fastcgi.RawFastCgiClient.connect(fastcgiPort);
  await client.send(
    pieces(STDIN, 9, "x".repeat(300_000)),
    pieces(DATA, 1, "x".repeat(300_000)),
    record(6, 7, "from an application"),
    record(PARAMS, 8, "\xff\xff\xff\xff"),
    record(fastcgi.ABORT_REQUEST, 5),
    ...Array.from({ length: 40 }, (_, id) => begin(100 + id)),
    opening(1, "/text", { body: "12345" }),
    pieces(STDIN, 2, "not of this request"),
    pieces(STDIN, 1, "12345"),
    record(STDIN, 1),
  );
  assertEquals((await client.reply(1)).body, "12345");
  const malformed = [
    record(1, 0, new Uint8Array(8)),
    concat(begin(1), record(6, 1, "from an application")),
    record(1, 1, "short"),
    concat(begin(1), begin(1)),
    record(5, 1, "", 0, 2),
  ];
  for (const bytes of malformed) {
    using other = await fastcgi.RawFastCgiClient.connect(fastcgiPort);
    await other.send(bytes);
    assert(await other.closed(), "the connection is closed, without an answer");
  }
}

/** Questions whose answers nobody reads. */
export async function unreadRecords({ fastcgiPort }: Site): Promise<void> {
  const questions = fastcgi.concat(
    ...Array.from({ length: 500 }, (_, i) => fastcgi.record(50 + i % 100, 0, "")),
  );
  await each(20, async () => {
    using client = await fastcgi.RawFastCgiClient.connect(fastcgiPort);
    let sent = 0;
    const sending = (async () => {
      for (; sent < 200; sent++) await client.send(questions);
    })().catch(() => {});
    // Sooner or later, the gateway takes no more.
    let last = -1;
    while (sent > last && sent < 200) {
      last = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    client[Symbol.dispose]();
    await sending;
  });
}
