import type { FastCgiClientOptions, FastCgiHandler, FastCgiServerOptions } from "gatehouse";
import { FastCgiClient, FastCgiError, FastCgiServer, ProtocolError } from "gatehouse";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
} from "../support/assert.ts";
import type { Received } from "../support/fastcgi.ts";
import {
  BEGIN_REQUEST,
  concat,
  END_REQUEST,
  PARAMS,
  parsePairs,
  parseRecords,
  record,
  STDERR,
  STDIN,
  STDOUT,
  UNKNOWN_TYPE,
} from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { textOf } from "../support/streams.ts";
import { freePort } from "../support/peers.ts";
import { soon, test } from "../support/strict.ts";

const HEAD = "Content-Type: text/plain\r\n\r\n";
/** What is under way at the most while nobody reads: two windows, and what the system keeps. */
const MAX_AHEAD_BYTES = 3_000_000;
const ROOT = new URL("../../", import.meta.url).pathname;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Waits for an event that may have been. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

/** A server and a client of it. */
class Pair implements AsyncDisposable {
  readonly server: FastCgiServer;
  readonly client: FastCgiClient;
  readonly stderr: string[];

  private constructor(server: FastCgiServer, client: FastCgiClient, stderr: string[]) {
    this.server = server;
    this.client = client;
    this.stderr = stderr;
  }

  static async of(
    handler: FastCgiHandler,
    options: FastCgiClientOptions & { readonly server?: FastCgiServerOptions } = {},
    address = "127.0.0.1:0",
  ): Promise<Pair> {
    const server = await FastCgiServer.listen(address, handler, {
      log: () => {},
      ...options.server,
    });
    const stderr: string[] = [];
    const target = "path" in server.address
      ? `unix:${server.address.path}`
      : `127.0.0.1:${(server.address as Deno.NetAddr).port}`;
    const client = new FastCgiClient(target, { onStderr: (line) => stderr.push(line), ...options });
    return new Pair(server, client, stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** One connection of a {@linkcode ScriptedServer}. */
class Peer {
  readonly conn: Deno.Conn;
  #bytes: Uint8Array = new Uint8Array(0);
  #records: Received[] = [];

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  /** The next record; `null` at the end. */
  async record(): Promise<Received | null> {
    for (;;) {
      const next = this.#records.shift();
      if (next !== undefined) return next;
      const chunk = new Uint8Array(65_536);
      const bytes = await this.conn.read(chunk).catch(() => null);
      if (bytes === null) return null;
      const parsed = parseRecords(concat(this.#bytes, chunk.subarray(0, bytes)));
      this.#records = parsed.records;
      this.#bytes = parsed.rest;
    }
  }

  /** The next request, with its body; `null` at the end. */
  async request(): Promise<ScriptedRequest | null> {
    const params: Uint8Array[] = [];
    const stdin: Uint8Array[] = [];
    let id = 0;
    let keepsConn = false;
    for (;;) {
      const next = await this.record();
      if (next === null) return null;
      if (next.type === BEGIN_REQUEST) {
        assertEquals(id, 0, "a request began before the end of another");
        id = next.id;
        keepsConn = (next.content[2] & 1) === 1;
      } else if (next.type === PARAMS) {
        params.push(next.content);
      } else if (next.type === STDIN) {
        if (next.content.length === 0) break;
        stdin.push(next.content);
      }
    }
    return {
      id,
      keepsConn,
      params: Object.fromEntries(parsePairs(concat(...params))),
      body: decoder.decode(concat(...stdin)),
      isAlone: this.#records.length === 0 && this.#bytes.length === 0,
    };
  }

  async send(...records: (string | Uint8Array)[]): Promise<void> {
    let bytes: Uint8Array = concat(...records);
    while (bytes.length > 0) bytes = bytes.subarray(await this.conn.write(bytes));
  }

  /** A whole answer. */
  async answer(id: number, stdout: string, protocolStatus = 0): Promise<void> {
    const end = Uint8Array.of(0, 0, 0, 0, protocolStatus, 0, 0, 0);
    await this.send(record(STDOUT, id, bytesOf(stdout), 5), record(END_REQUEST, id, end));
  }
}

interface ScriptedRequest {
  readonly id: number;
  readonly keepsConn: boolean;
  readonly params: Record<string, string>;
  readonly body: string;
  /** Whether nothing came along behind it. */
  readonly isAlone: boolean;
}

/** A server that does on each of its connections what it is told. */
class ScriptedServer implements AsyncDisposable {
  readonly address: string;
  /** Connections so far. */
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>[] = [];

  constructor(serve: (peer: Peer, index: number) => Promise<void>) {
    this.address = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#serving.push(this.#accept(serve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    // The first of them is the accepting, after which there are no more.
    await this.#serving[0];
    await Promise.all(this.#serving);
  }

  async #accept(serve: (peer: Peer, index: number) => Promise<void>): Promise<void> {
    for await (const conn of this.#listener) {
      const index = this.connections++;
      this.#serving.push((async () => {
        using _ = conn;
        await serve(new Peer(conn), index);
      })());
    }
  }
}

/** A server that answers every request with `stdout`, on connections that it keeps. */
function answering(stdout: string, protocolStatus = 0): ScriptedServer {
  return new ScriptedServer(async (peer) => {
    for (let i = 0; i < 1_000; i++) {
      const request = await peer.request();
      if (request === null) return;
      await peer.answer(request.id, stdout, protocolStatus);
    }
  });
}

/** Answers with what was asked. */
const describe: FastCgiHandler = async ({ role, params, stdin, data, stdout }) => {
  const body = await textOf(stdin);
  const file = data === null ? null : await textOf(data);
  await stdout.getWriter().write(HEAD + JSON.stringify({ role, params, body, data: file }));
};

/** A block of a body in which every byte depends on its place. */
function block(index: number, bytes = 65_537): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let at = 0; at < words.length; at++) {
    words[at] = Math.imul(index * words.length + at, 2654435761);
  }
  return new Uint8Array(words.buffer, 0, bytes);
}

/** Compares a stream with the blocks 0 to `count`. */
async function assertBlocks(stream: AsyncIterable<Uint8Array>, count: number): Promise<void> {
  let expected = new Uint8Array(0);
  let index = 0;
  let at = 0;
  for await (let chunk of stream) {
    while (chunk.length > 0) {
      if (at === expected.length) {
        assert(index < count, "the stream is longer than expected");
        expected = block(index++);
        at = 0;
      }
      const bytes = Math.min(chunk.length, expected.length - at);
      for (let i = 0; i < bytes; i++) {
        if (chunk[i] !== expected[at + i]) throw new Error(`a byte of block ${index - 1} differs`);
      }
      at += bytes;
      chunk = chunk.subarray(bytes);
    }
  }
  assertEquals([index, at], [count, expected.length]);
}

async function* blocks(count: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(block(i));
}

test("fetch makes parameters of its request", async (test) => {
  await using pair = await Pair.of(describe);
  const ask = async (url: string, init?: Parameters<FastCgiClient["fetch"]>[1]) =>
    (await (await pair.client.fetch(url, init)).json()).params;
  const base = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_NAME: "example.org",
    SERVER_PORT: "80",
    REQUEST_METHOD: "GET",
    REQUEST_SCHEME: "http",
    REQUEST_URI: "/a%20b/c?d=e&f",
    SCRIPT_NAME: "/a%20b/c",
    QUERY_STRING: "d=e&f",
    HTTP_HOST: "example.org",
    HTTPS: undefined,
    CONTENT_LENGTH: undefined,
    CONTENT_TYPE: undefined,
  };
  const url = "http://example.org/a%20b/c?d=e&f#part";
  type Init = Parameters<FastCgiClient["fetch"]>[1];
  const cases: readonly (readonly [string, string, Init, Record<string, string | undefined>])[] = [
    ["the URL", url, {}, base],
    ["another port", "http://example.org:8080/", {}, {
      SERVER_PORT: "8080",
      HTTP_HOST: "example.org:8080",
      REQUEST_URI: "/",
      QUERY_STRING: "",
    }],
    ["https", "https://example.org/", {}, {
      HTTPS: "on",
      SERVER_PORT: "443",
      REQUEST_SCHEME: "https",
    }],
    ["the method", url, { method: "DELETE" }, { REQUEST_METHOD: "DELETE" }],
    ["a method of one's own", url, { method: "PURGE" }, { REQUEST_METHOD: "PURGE" }],
    [
      "header fields",
      url,
      { headers: [["X-One", "1"], ["Accept", "a"], ["accept", "b"], ["Host", "other"]] },
      { HTTP_X_ONE: "1", HTTP_ACCEPT: "a, b", HTTP_HOST: "other" },
    ],
    ["no field that passes for a setting", url, { headers: { Proxy: "http://evil" } }, {
      HTTP_PROXY: undefined,
    }],
    ["parameters of one's own", url, {
      params: { SCRIPT_NAME: "/x", REMOTE_USER: "jö", HTTP_HOST: "h", SCRIPT_FILENAME: "/srv/x" },
    }, { SCRIPT_NAME: "/x", REMOTE_USER: "jö", HTTP_HOST: "h", SCRIPT_FILENAME: "/srv/x" }],
    ["long parameters", url, { params: { A: "a".repeat(127), B: "b".repeat(20_000) } }, {
      A: "a".repeat(127),
      B: "b".repeat(20_000),
    }],
  ];
  for (const [name, target, init, expected] of cases) {
    await test.step(name, async () => {
      const params = await ask(target, init);
      for (const [key, value] of Object.entries(expected)) assertEquals(params[key], value, key);
    });
  }
  await test.step("a Request, with changes", async () => {
    const request = new Request(url, { headers: { "X-One": "1" }, method: "PUT", body: "old" });
    const response = await pair.client.fetch(request, { method: "POST", body: "new" });
    const { params, body } = await response.json();
    assertEquals([params.REQUEST_METHOD, params.HTTP_X_ONE, body], ["POST", "1", "new"]);
  });
});

test("fetch sends bodies of each kind", async (test) => {
  await using pair = await Pair.of(describe);
  const form = new FormData();
  form.set("a", "ä");
  const streamed = () => ReadableStream.from(["one ", "two"].map((part) => encoder.encode(part)));
  const cases: readonly (readonly [
    name: string,
    body: () => BodyInit | null | undefined,
    length: string | undefined,
    type: RegExp | undefined,
    text: RegExp,
  ])[] = [
    ["none", () => undefined, undefined, undefined, /^$/],
    ["null", () => null, undefined, undefined, /^$/],
    ["empty text", () => "", "0", /^text\/plain/, /^$/],
    ["text", () => "tä", "3", /^text\/plain;charset=UTF-8$/, /^tä$/],
    ["bytes", () => encoder.encode("bytes"), "5", undefined, /^bytes$/],
    ["a buffer", () => encoder.encode("buffer").buffer, "6", undefined, /^buffer$/],
    ["a blob", () => new Blob(["blob"], { type: "x/y" }), "4", /^x\/y$/, /^blob$/],
    ["parameters", () => new URLSearchParams({ a: "b c" }), "5", /urlencoded/, /^a=b\+c$/],
    ["a form", () => form, "\\d+", /^multipart\/form-data; *boundary=/, /name="a"\s+ä\s/],
    ["a stream", streamed, undefined, undefined, /^one two$/],
    ["an empty stream", () => ReadableStream.from([]), undefined, undefined, /^$/],
  ];
  for (const [name, body, length, type, text] of cases) {
    await test.step(name, async () => {
      const response = await pair.client.fetch("http://x/", { method: "POST", body: body() });
      const got = await response.json();
      const { CONTENT_LENGTH, CONTENT_TYPE } = got.params;
      assert(new RegExp(`^${length}$`).test(String(CONTENT_LENGTH)), CONTENT_LENGTH);
      assert(type?.test(CONTENT_TYPE) ?? CONTENT_TYPE === undefined, CONTENT_TYPE);
      assert(text.test(got.body), got.body);
    });
  }
  await test.step("a stream whose length is named", async () => {
    const headers = { "Content-Length": "7" };
    const response = await pair.client.fetch("http://x/", {
      method: "POST",
      body: streamed(),
      headers,
    });
    assertEquals((await response.json()).params.CONTENT_LENGTH, "7");
  });
  await test.step("a Request's own", async () => {
    const request = new Request("http://x/", { method: "POST", body: streamed() });
    assertEquals((await (await pair.client.fetch(request)).json()).body, "one two");
  });
});

test("a body is sent while the response is read", async () => {
  await using pair = await Pair.of(async ({ stdin, stdout }) => {
    const writer = stdout.getWriter();
    await writer.write(HEAD);
    writer.releaseLock();
    await stdin.pipeTo(stdout);
  });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>();
  const writer = writable.getWriter();
  const response = await pair.client.fetch("http://x/", { method: "POST", body: readable });
  const reader = response.body!.getReader();
  for (const text of ["first", "second", "third"]) {
    await writer.write(encoder.encode(text));
    assertEquals(decoder.decode((await soon(text, reader.read())).value), text);
  }
  await writer.close();
  assertEquals((await reader.read()).done, true);
});

test("fetch makes a response of what it is answered", async (test) => {
  const cases: readonly (readonly [
    name: string,
    stdout: string,
    status: number,
    fields: readonly (readonly [string, string])[],
    body: string,
  ])[] = [
    ["a body", `${HEAD}text`, 200, [["content-type", "text/plain"]], "text"],
    ["no body", HEAD, 200, [["content-type", "text/plain"]], ""],
    ["a status", "Status: 404 Not Here\r\nX: 1\r\n\r\nno", 404, [["x", "1"]], "no"],
    ["LF alone", "Status: 201\nX: 1\n\nbody\r\n\r\n", 201, [["x", "1"]], "body\r\n\r\n"],
    ["a place without a status", "Location: /there\r\n\r\n", 302, [["location", "/there"]], ""],
    [
      "a place with a status",
      "Location: /x\r\nStatus: 201\r\n\r\nx",
      201,
      [["location", "/x"]],
      "x",
    ],
    [
      "repeated cookies",
      "Set-Cookie: a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: b=2\r\n\r\n",
      200,
      [["set-cookie", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], ["set-cookie", "b=2"]],
      "",
    ],
    ["no content", "Status: 204\r\nX: 1\r\n\r\n", 204, [["x", "1"]], ""],
    ["no content, and yet some", "Status: 204\r\n\r\nbody", 204, [], ""],
    ["not modified", 'Status: 304 Not Modified\r\nETag: "x"\r\n\r\n', 304, [["etag", '"x"']], ""],
    ["an error", "Status: 500\r\n\r\nbroken", 500, [], "broken"],
  ];
  for (const [name, stdout, status, fields, body] of cases) {
    for (const method of ["GET", "HEAD"]) {
      await test.step(`${name} (${method})`, async () => {
        await using server = answering(stdout);
        await using client = new FastCgiClient(server.address);
        // The second one finds a connection that is kept.
        for (let i = 0; i < 2; i++) {
          const response = await client.fetch("http://x/", { method });
          assertEquals(response.status, status);
          assertEquals([...response.headers], fields.map((field) => [...field]));
          assertEquals(await response.text(), method === "HEAD" ? "" : body);
          if (status === 404) assertEquals(response.statusText, "Not Here");
        }
        assertEquals(server.connections, 1);
      });
    }
  }
});

test("malformed answers are told apart from refusals", async (test) => {
  const cases: readonly (readonly [
    name: string,
    server: () => ScriptedServer,
    error: typeof ProtocolError | typeof FastCgiError,
    status: number,
  ])[] = [
    ["a malformed field line", () => answering("no colon\r\n\r\nbody"), ProtocolError, 502],
    ["a malformed status", () => answering("Status: fine\r\n\r\n"), ProtocolError, 502],
    ["a status that no response has", () => answering("Status: 101\r\n\r\n"), ProtocolError, 502],
    ["a control character", () => answering("X: a\0b\r\n\r\n"), ProtocolError, 502],
    ["no field", () => answering("\r\nbody"), ProtocolError, 502],
    [
      "a head without an end",
      () =>
        new ScriptedServer(async (peer) => {
          for (let i = 0; i < 10; i++) {
            const request = await peer.request();
            if (request === null) return;
            const piece = record(STDOUT, request.id, `X: ${"x".repeat(30_000)}\r\n`);
            // After enough of it, the client may close the connection.
            await outcome(peer.send(piece, piece, piece).then(() => peer.answer(request.id, "")));
          }
        }),
      ProtocolError,
      502,
    ],
    ["no head", () => answering("X: 1\r\n"), FastCgiError, 0],
    ["nothing", () => answering(""), FastCgiError, 0],
    ["one request a connection", () => answering("", 1), FastCgiError, 1],
    ["overload", () => answering("", 2), FastCgiError, 2],
    ["an unknown role", () => answering("", 3), FastCgiError, 3],
    ["a refusal of no known kind", () => answering("", 9), FastCgiError, 9],
    ["a lost connection", () => losing(""), FastCgiError, 0],
    ["a lost connection within the head", () => losing("X: 1\r\n"), FastCgiError, 0],
    ["another version", () => sending((id) => record(STDOUT, id, HEAD, 0, 2)), FastCgiError, 0],
    [
      "a record that only web servers send",
      () => sending((id) => record(BEGIN_REQUEST, id, new Uint8Array(8))),
      FastCgiError,
      0,
    ],
    [
      "END_REQUEST of a wrong length",
      () => sending((id) => record(END_REQUEST, id, "12345")),
      FastCgiError,
      0,
    ],
  ];
  for (const [name, makeServer, error, status] of cases) {
    for (const requestsPerConnection of [1, 5]) {
      await test.step(`${name} (${requestsPerConnection} a connection)`, async () => {
        await using server = makeServer();
        await using client = new FastCgiClient(server.address, {
          requestsPerConnection,
          maxConnections: 1,
        });
        // The connection of the first is given free for the second.
        for (let i = 0; i < 2; i++) {
          const failed = await soon(name, outcome(client.fetch("http://x/")));
          assertInstanceOf(failed, error);
          const got = failed instanceof FastCgiError ? failed.protocolStatus : failed.status;
          assertEquals(got, status, failed.message);
        }
        // Nothing is asked twice when it was not the connection's age.
        assert(server.connections <= 2);
      });
    }
  }
});

/** A server that closes each connection after a request, and these bytes of STDOUT. */
function losing(stdout: string): ScriptedServer {
  return sending((id) => stdout === "" ? "" : record(STDOUT, id, stdout));
}

/** A server that sends something, and then closes. */
function sending(answer: (id: number) => string | Uint8Array): ScriptedServer {
  return new ScriptedServer(async (peer) => {
    const request = await peer.request();
    if (request !== null) await peer.send(answer(request.id));
  });
}

/** What a promise comes to: its value, or its error. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}

test("refusals of a server are told", async (test) => {
  const cases = [
    ["roles", { roles: ["authorizer"] }, 3],
    ["limits", { limits: { maxReqs: 1 } }, 2],
  ] as const;
  for (const [name, server, status] of cases) {
    await test.step(name, async () => {
      const arrived = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      await using pair = await Pair.of(async (request) => {
        arrived.resolve();
        await release.promise;
        await describe(request);
      }, { server });
      let first: Promise<unknown> = Promise.resolve();
      if (name === "limits") {
        // It is the one request that there may be.
        first = pair.client.fetch("http://x/").then((response) => response.text());
        await arrived.promise;
      }
      for (let i = 0; i < 2; i++) {
        const error = await assertRejects(() => pair.client.fetch("http://x/"), FastCgiError);
        assertEquals(error.protocolStatus, status);
        const reply = await pair.client.request({});
        assertEquals((await outcome(reply.appStatus) as FastCgiError).protocolStatus, status);
        assertInstanceOf(await outcome(Array.fromAsync(reply.stdout)), FastCgiError);
      }
      release.resolve();
      await first;
    });
  }
});

test("a request in a role has its streams, and an exit status", async (test) => {
  await using pair = await Pair.of(async (request) => {
    request.exitStatus = 4_000_000_000;
    await describe(request);
  });
  async function* parts(...texts: string[]) {
    for (const text of texts) yield await Promise.resolve(encoder.encode(text));
  }
  const cases = [
    ["responder", { stdin: () => parts("a", "", "b") }, "ab", null],
    ["authorizer", {}, "", null],
    ["filter", { data: () => parts("file") }, "", "file"],
    ["filter", { stdin: () => parts("in"), data: () => parts("f", "ile") }, "in", "file"],
    ["filter", {}, "", ""],
    ["responder", { data: () => parts("not for this role") }, "", null],
  ] as const;
  for (const [role, streams, body, data] of cases) {
    await test.step(`${role}: ${Object.keys(streams).join(" and ") || "nothing"}`, async () => {
      const made = Object.entries(streams).map(([name, make]) => [name, make()]);
      const reply = await pair.client.request({ A: "ä" }, { role, ...Object.fromEntries(made) });
      const [, text] = (await textOf(reply.stdout)).split("\r\n\r\n");
      assertEquals(JSON.parse(text), { role, params: { A: "ä" }, body, data });
      assertEquals(await reply.appStatus, 4_000_000_000);
    });
  }
});

test("connections are kept, and carry one request at a time", async (test) => {
  await test.step("one after another use one connection", async () => {
    await using server = answering(HEAD);
    await using client = new FastCgiClient(server.address);
    for (let i = 0; i < 50; i++) await (await client.fetch("http://x/")).text();
    assertEquals(server.connections, 1);
  });
  await test.step("as many as there are requests at once, up to the limit", async () => {
    const shared: ScriptedRequest[] = [];
    await using server = new ScriptedServer(async (peer) => {
      for (let i = 0; i < 100; i++) {
        const request = await peer.request();
        if (request === null) return;
        if (!request.isAlone) shared.push(request);
        await peer.answer(request.id, HEAD);
      }
    });
    await using client = new FastCgiClient(server.address, { maxConnections: 3 });
    for (let round = 0; round < 5; round++) {
      const responses = Array.from({ length: 1 + round * 3 }, () => client.fetch("http://x/"));
      await Promise.all(responses.map(async (response) => await (await response).text()));
    }
    assertEquals(server.connections, 3);
    assertEquals(shared, []);
  });
  await test.step("a response that is not read keeps its connection to itself", async () => {
    await using pair = await Pair.of(async ({ stdout, params }) => {
      const writer = stdout.getWriter();
      await writer.write(HEAD);
      await writer.write(params.REQUEST_URI === "/" ? "small" : new Uint8Array(20_000_000));
    }, { maxConnections: 2 });
    const large = await pair.client.fetch("http://x/large");
    for (let i = 0; i < 5; i++) {
      assertEquals(await (await pair.client.fetch("http://x/")).text(), "small");
    }
    assertEquals((await large.bytes()).length, 20_000_000);
  });
  await test.step("none is kept with a time limit of 0", async () => {
    const flags: boolean[] = [];
    await using server = new ScriptedServer(async (peer) => {
      const request = await peer.request();
      flags.push(request!.keepsConn);
      await peer.answer(request!.id, HEAD);
      assertEquals(await peer.record(), null);
    });
    await using client = new FastCgiClient(server.address, {
      idleTimeoutMs: 0,
      maxConnections: 2,
    });
    const all = Array.from({ length: 6 }, async () => (await client.fetch("http://x/")).text());
    await Promise.all(all);
    assertEquals(server.connections, 6);
    assertEquals(flags, Array(6).fill(false));
  });
  await test.step("each is closed when its time without a request is over", async () => {
    const closed = Promise.withResolvers<void>();
    await using server = new ScriptedServer(async (peer) => {
      const request = await peer.request();
      assert(request!.keepsConn);
      await peer.answer(request!.id, HEAD);
      assertEquals(await peer.record(), null);
      closed.resolve();
    });
    await using client = new FastCgiClient(server.address, { idleTimeoutMs: 20 });
    await (await client.fetch("http://x/")).text();
    await soon("the end of the connection", closed.promise);
    await (await client.fetch("http://x/")).text();
    assertEquals(server.connections, 2);
  });
});

test("requests share a connection if they may, and end in any order", async () => {
  const gates = Array.from({ length: 8 }, () => Promise.withResolvers<void>());
  const all = Promise.withResolvers<void>();
  let started = 0;
  await using pair = await Pair.of(async ({ params, stdin, stdout }) => {
    const index = Number(params.REQUEST_URI.slice(1));
    if (++started === gates.length) all.resolve();
    const body = await textOf(stdin);
    await gates[index].promise;
    await stdout.getWriter().write(`${HEAD}${index} ${body}`);
  }, { requestsPerConnection: 8, maxConnections: 1 });
  const texts = gates.map(async (_, index) => {
    const init = { method: "POST", body: `body ${index}` };
    return await (await pair.client.fetch(`http://x/${index}`, init)).text();
  });
  await soon("all requests are under way", all.promise);
  for (const index of [7, 0, 6, 1, 5, 2, 4, 3]) {
    gates[index].resolve();
    assertEquals(await soon("the response", texts[index]), `${index} body ${index}`);
  }
});

test("requests beyond the limit of connections wait for their turn", async (test) => {
  for (const requestsPerConnection of [1, 2]) {
    await test.step(`${requestsPerConnection} a connection`, async () => {
      const order: string[] = [];
      let now = 0;
      let most = 0;
      await using pair = await Pair.of(async ({ params, stdout }) => {
        most = Math.max(most, ++now);
        order.push(params.REQUEST_URI.slice(1));
        await new Promise((resolve) => setTimeout(resolve, 2));
        now--;
        await stdout.getWriter().write(HEAD);
      }, { maxConnections: 2, requestsPerConnection });
      const indexes = Array.from({ length: 20 }, (_, i) => String(i));
      await Promise.all(
        indexes.map(async (i) => (await pair.client.fetch(`http://x/${i}`)).text()),
      );
      assertEquals(most, 2 * requestsPerConnection);
      assertEquals(order.toSorted((a, b) => Number(a) - Number(b)), indexes);
      // Those that wait are served in their order: none is further off than there are places.
      for (const [place, index] of order.entries()) {
        assert(Math.abs(place - Number(index)) < 2 * most, order.join());
      }
    });
  }
});

test("a signal gives a request up", async (test) => {
  const reason = new RangeError("enough");

  await test.step("before it has begun", async () => {
    await using server = answering(HEAD);
    await using client = new FastCgiClient(server.address);
    const signal = AbortSignal.abort(reason);
    assertEquals(await outcome(client.fetch("http://x/", { signal })), reason);
    assertEquals(await outcome(client.request({}, { signal })), reason);
    assertEquals(server.connections, 0);
  });

  await test.step("while its connection is made", async () => {
    await using server = answering(HEAD);
    await using client = new FastCgiClient(server.address);
    const controller = new AbortController();
    const response = client.fetch("http://x/", { signal: controller.signal });
    controller.abort(reason);
    assertEquals(await outcome(response), reason);
    assertEquals((await client.fetch("http://x/")).status, 200);
    assertEquals(server.connections, 1);
  });

  for (const requestsPerConnection of [1, 2]) {
    const suffix = `(${requestsPerConnection} a connection)`;
    const options = { requestsPerConnection, maxConnections: 1 };

    await test.step(`while it waits for its turn ${suffix}`, async () => {
      const paths: string[] = [];
      const gate = Promise.withResolvers<void>();
      await using pair = await Pair.of(async ({ params, stdout }) => {
        paths.push(params.REQUEST_URI);
        await gate.promise;
        await stdout.getWriter().write(HEAD);
      }, options);
      const busy = Array.from(
        { length: requestsPerConnection },
        () => pair.client.fetch("http://x/busy"),
      );
      const controller = new AbortController();
      const { signal } = controller;
      const given = outcome(pair.client.fetch("http://x/given-up", { signal }));
      const other = pair.client.fetch("http://x/other");
      await (async () => {
        for (let i = 0; i < 1_000 && paths.length < busy.length; i++) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      controller.abort(reason);
      assertEquals(await soon("the rejection", given), reason);
      gate.resolve();
      assertEquals((await soon("the other", other)).status, 200);
      for (const response of busy) assertEquals((await response).status, 200);
      assertEquals(paths, [...busy.map(() => "/busy"), "/other"]);
    });

    for (const stage of ["before the head", "within the body", "within its own body"]) {
      await test.step(`${stage} ${suffix}`, async () => {
        const started = Promise.withResolvers<void>();
        const ended = Promise.withResolvers<void>();
        const gate = Promise.withResolvers<void>();
        await using pair = await Pair.of(async ({ params, stdin, stdout, signal }) => {
          const writer = stdout.getWriter();
          if (params.REQUEST_URI === "/other") {
            await gate.promise;
            await writer.write(`${HEAD}other`);
            return;
          }
          if (stage === "within the body") await writer.write(`${HEAD}part`);
          if (stage === "within its own body") await outcome(stdin.getReader().read());
          started.resolve();
          await aborted(signal);
          ended.resolve();
        }, options);
        const other = requestsPerConnection > 1 ? pair.client.fetch("http://x/other") : null;
        const controller = new AbortController();
        const body = stage === "within its own body" ? endless() : null;
        const init = { method: "POST", body, signal: controller.signal };
        const response = pair.client.fetch("http://x/", init);
        if (stage === "within the body") {
          const reader = (await response).body!.getReader();
          assertEquals(decoder.decode((await reader.read()).value), "part");
          controller.abort(reason);
          assertEquals(await outcome(reader.read()), reason);
        } else {
          await started.promise;
          controller.abort(reason);
          assertEquals(await soon("the rejection", outcome(response)), reason);
        }
        await soon("the server's signal", ended.promise);
        // Its place is free again, and what shares the connection goes on.
        const next = pair.client.fetch("http://x/other");
        gate.resolve();
        assertEquals(await (await soon("the next one", next)).text(), "other");
        if (other !== null) assertEquals(await (await other).text(), "other");
      });
    }

    await test.step(`a body that is cancelled ${suffix}`, async () => {
      const ended = Promise.withResolvers<void>();
      await using pair = await Pair.of(async ({ params, stdout, signal }) => {
        const writer = stdout.getWriter();
        await writer.write(`${HEAD}part`);
        if (params.REQUEST_URI === "/other") return;
        await aborted(signal);
        ended.resolve();
      }, options);
      const response = await pair.client.fetch("http://x/");
      await response.body!.cancel();
      await soon("the server's signal", ended.promise);
      assertEquals(await (await pair.client.fetch("http://x/other")).text(), "part");
    });
  }
});

/** A stream without an end that tells when it is cancelled. */
function endless(onCancel?: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
    cancel: onCancel,
  });
}

test("a body that fails gives the request up", async () => {
  const ended = Promise.withResolvers<void>();
  await using pair = await Pair.of(async ({ signal }) => {
    await aborted(signal);
    ended.resolve();
  });
  const cause = new RangeError("no more");
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new Uint8Array(10)),
    pull: (controller) => controller.error(cause),
  });
  const response = pair.client.fetch("http://x/", { method: "POST", body });
  assertEquals(await soon("the rejection", outcome(response)), cause);
  await soon("the server's signal", ended.promise);
});

test("a body that nobody wants any more is not read on", async (test) => {
  for (const requestsPerConnection of [1, 2]) {
    for (const kind of ["that goes on", "that waits"]) {
      await test.step(`${kind} (${requestsPerConnection} a connection)`, async () => {
        await using pair = await Pair.of(async ({ stdout }) => {
          await stdout.getWriter().write(`${HEAD}early`);
        }, { requestsPerConnection, maxConnections: 1 });
        const cancelled = Promise.withResolvers<void>();
        const body = kind === "that goes on"
          ? endless(cancelled.resolve)
          : new ReadableStream<Uint8Array<ArrayBuffer>>({ cancel: () => cancelled.resolve() });
        const response = await pair.client.fetch("http://x/", { method: "POST", body });
        assertEquals(await response.text(), "early");
        await soon("its end", cancelled.promise);
        assertEquals(await (await pair.client.fetch("http://x/")).text(), "early");
      });
    }
  }
  await test.step("its connection is not used again, as its server may know but one request", async () => {
    await using server = new ScriptedServer(async (peer) => {
      const begin = await peer.record();
      await peer.answer(begin!.id, HEAD);
      for (let i = 0; i < 10_000; i++) {
        const next = await peer.record();
        if (next === null) return;
        assertEquals(next.id, begin!.id);
      }
    });
    await using client = new FastCgiClient(server.address);
    for (let i = 0; i < 3; i++) {
      const response = await client.fetch("http://x/", { method: "POST", body: endless() });
      assertEquals(await response.text(), "");
    }
    assertEquals(server.connections, 3);
  });
});

test("a response without a body does not end what its handler does", async (test) => {
  const cases = [["HEAD", HEAD], ["GET", "Status: 204\r\n\r\n"], ["GET", "Status: 304\r\n\r\n"]];
  for (const [method, head] of cases) {
    await test.step(`${method}, ${head.trim()}`, async () => {
      const gate = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<boolean>();
      await using pair = await Pair.of(async ({ params, stdout, signal }) => {
        const writer = stdout.getWriter();
        await writer.write(head);
        if (params.REQUEST_URI === "/other") return;
        await gate.promise;
        await writer.write("a body all the same");
        ended.resolve(signal.aborted);
      });
      const response = await pair.client.fetch("http://x/", { method });
      assertEquals(await response.text(), "");
      // If the connection were closed, the server would know by now.
      for (let i = 0; i < 3; i++) await pair.client.fetch("http://x/other", { method });
      gate.resolve();
      assertEquals(await soon("the handler", ended.promise), false);
    });
  }
  await test.step("unless it is a body without an end", async () => {
    const ended = Promise.withResolvers<void>();
    await using pair = await Pair.of(async ({ stdout, signal }) => {
      const writer = stdout.getWriter();
      await writer.write(HEAD);
      for (let i = 0; i < 1_000 && !signal.aborted; i++) {
        await writer.write(new Uint8Array(100_000)).catch(() => {});
      }
      await aborted(signal);
      ended.resolve();
    });
    assertEquals(await (await pair.client.fetch("http://x/", { method: "HEAD" })).text(), "");
    await soon("the server's signal", ended.promise);
  });
});

// RFC 9110 8.6.
test("a body that is not as long as its Content-Length is an error", async (test) => {
  const cases: [string, string, RegExp | string][] = [
    ["the same length", "Content-Length: 5\r\n\r\n12345", "12345"],
    ["the same length, twice", "Content-Length: 5, 5\r\n\r\n12345", "12345"],
    ["no body", "Content-Length: 0\r\n\r\n", ""],
    ["a shorter one", "Content-Length: 7\r\n\r\n12345", /2 bytes shorter than its Content-Length/],
    ["none of one", "Content-Length: 7\r\n\r\n", /7 bytes shorter than its Content-Length/],
    ["a longer one", "Content-Length: 3\r\n\r\n12345", /longer than its Content-Length/],
    ["one of none", "Content-Length: 0\r\n\r\n12345", /longer than its Content-Length/],
    ["lengths that differ", "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", /malformed/],
    ["no length", "Content-Length: -5\r\n\r\n12345", /malformed/],
    ["an interim response before", "Status: 103\r\n\r\nContent-Length: 2\r\n\r\n12", "12"],
    ["an empty head", "\r\n12345", /the response's head is empty/],
    ["a head without an end", "Content-Length: 5\r\n", /within the head of its response/],
    ["nothing at all", "", /without a response/],
  ];
  for (const [name, stdout, expected] of cases) {
    await test.step(name, async () => {
      await using server = answering(stdout);
      await using client = new FastCgiClient(server.address);
      const body = client.fetch("http://x/").then((response) => response.text());
      if (typeof expected === "string") assertEquals(await body, expected);
      else assertMatch((await outcome(body) as Error).message, expected);
    });
  }
  await test.step("of a response to HEAD, or a 304, it says nothing", async () => {
    await using server = answering("Content-Length: 5\r\n\r\n");
    await using client = new FastCgiClient(server.address);
    assertEquals(await (await client.fetch("http://x/", { method: "HEAD" })).text(), "");
  });
  for (const [length, message] of [["4", /longer/], ["6", /1 bytes shorter/]] as const) {
    await test.step(`a request's of 5 bytes instead of ${length}`, async () => {
      await using pair = await Pair.of(async ({ stdin, stdout }) => {
        await stdin.pipeTo(new WritableStream()).catch(() => {});
        await stdout.getWriter().write(HEAD).catch(() => {});
      });
      const body = new Blob(["12345"]).stream();
      const headers = { "content-length": length };
      const failed = pair.client.fetch("http://x/", { method: "POST", body, headers });
      const error = await outcome(failed.then((response) => response.text()));
      assertInstanceOf(error, FastCgiError);
      assertMatch(error.message, message);
    });
  }
});

test("a response that breaks is seen to break", async (test) => {
  await test.step("when the server is gone", async () => {
    await using server = losing(`${HEAD}part`);
    await using client = new FastCgiClient(server.address);
    const response = await client.fetch("http://x/");
    const reader = response.body!.getReader();
    assertEquals(decoder.decode((await reader.read()).value), "part");
    assertInstanceOf(await outcome(reader.read()), FastCgiError);
    const reply = await client.request({});
    assertInstanceOf(await outcome(reply.appStatus), FastCgiError);
  });
  await test.step("when the handler fails", async () => {
    await using pair = await Pair.of(async ({ stdout }) => {
      await stdout.getWriter().write(`${HEAD}part`);
      throw new Error("oh");
    });
    const response = await pair.client.fetch("http://x/");
    assertInstanceOf(await outcome(response.text()), FastCgiError);
    assert(pair.stderr[0].startsWith("Error: oh"), pair.stderr[0]);
  });
});

test("a kept connection that turns out closed is replaced", async (test) => {
  /** Its first three connections are closed when they are used for the second time. */
  const closing = () =>
    new ScriptedServer(async (peer, index) => {
      for (let i = 0; i < 10; i++) {
        const request = await peer.request();
        if (request === null || (i === 1 && index < 3)) return;
        await peer.answer(request.id, `${HEAD}${request.params.REQUEST_METHOD} ${request.body}`);
      }
    });
  const stream = () => ReadableStream.from([encoder.encode("stream")]);
  const cases: readonly (readonly [string, () => BodyInit | null, string | null])[] = [
    ["GET", () => null, "GET "],
    ["HEAD", () => null, ""],
    ["OPTIONS", () => null, "OPTIONS "],
    ["DELETE", () => null, "DELETE "],
    ["PUT", () => "text", "PUT text"],
    // What may not happen twice, or cannot be sent twice, fails.
    ["POST", () => "text", null],
    ["PATCH", () => null, null],
    ["PUT", stream, null],
  ];
  for (const [method, body, expected] of cases) {
    await test.step(`${method}${body() instanceof ReadableStream ? " of a stream" : ""}`, async () => {
      await using server = closing();
      await using client = new FastCgiClient(server.address);
      const first = Array.from({ length: 3 }, async () => (await client.fetch("http://x/")).text());
      await Promise.all(first);
      assertEquals(server.connections, 3);
      const response = client.fetch("http://x/", { method, body: body() });
      if (expected === null) {
        assertInstanceOf(await outcome(response), FastCgiError);
      } else {
        assertEquals(await (await response).text(), expected);
        assertEquals(server.connections, 4);
      }
    });
  }
  await test.step("but not one that has begun to answer", async () => {
    let requests = 0;
    await using server = new ScriptedServer(async (peer) => {
      for (let i = 0; i < 2; i++) {
        const request = await peer.request();
        if (request === null) return;
        requests++;
        if (i === 0) await peer.answer(request.id, HEAD);
        else await peer.send(record(STDOUT, request.id, "X: 1\r\n"));
      }
    });
    await using client = new FastCgiClient(server.address);
    await (await client.fetch("http://x/")).text();
    await assertRejects(() => client.fetch("http://x/"), FastCgiError);
    assertEquals(requests, 2);
  });
  await test.step("a server that was started anew is found", async () => {
    const path = await Deno.makeTempDir();
    const address = `unix:${path}/socket`;
    await using client = new FastCgiClient(address);
    for (let i = 0; i < 3; i++) {
      await using _ = await FastCgiServer.listen(address, describe);
      const all = Array.from({ length: 4 }, async () => (await client.fetch("http://x/")).text());
      await Promise.all(all);
    }
    await assertRejects(() => client.fetch("http://x/"), FastCgiError);
    await Deno.remove(path, { recursive: true });
  });
});

test("a server tells its values", async (test) => {
  await test.step("those that it knows", async () => {
    await using pair = await Pair.of(describe, {
      server: { limits: { maxConns: 7, maxReqs: 9 } },
    });
    const { client } = pair;
    assertEquals({
      ...await client.getValues("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "OTHER"),
    }, { FCGI_MAX_CONNS: "7", FCGI_MAX_REQS: "9", FCGI_MPXS_CONNS: "1" });
    assertEquals({ ...await client.getValues("FCGI_MAX_REQS") }, { FCGI_MAX_REQS: "9" });
    assertEquals({ ...await client.getValues() }, {});
  });
  for (
    const [name, answer] of [
      ["none that closes instead", ""],
      ["none that does not know the question", record(UNKNOWN_TYPE, 0, new Uint8Array(8))],
    ] as const
  ) {
    await test.step(name, async () => {
      await using server = new ScriptedServer(async (peer) => {
        await peer.record();
        await peer.send(answer);
      });
      await using client = new FastCgiClient(server.address);
      await assertRejects(() => client.getValues("FCGI_MAX_CONNS"), FastCgiError);
    });
  }
});

test("what a server says on STDERR is told line by line", async () => {
  await using server = new ScriptedServer(async (peer) => {
    const request = await peer.request();
    const { id } = request!;
    const bytes = encoder.encode("one\ntwo ä\n\nthree");
    for (const byte of bytes) await peer.send(record(STDERR, id, Uint8Array.of(byte)));
    await peer.send(record(STDERR, id));
    await peer.answer(id, `${HEAD}body`);
    const other = await peer.request();
    await peer.send(record(STDERR, other!.id, "last words"));
  });
  const lines: string[] = [];
  await using client = new FastCgiClient(server.address, { onStderr: (line) => lines.push(line) });
  assertEquals(await (await client.fetch("http://x/")).text(), "body");
  assertEquals(lines.splice(0), ["one", "two ä", "", "three"]);
  await outcome(client.fetch("http://x/", { method: "POST" }));
  assertEquals(lines, ["last words"]);
});

test("a server that cannot be reached is told of", async (test) => {
  const folder = await Deno.makeTempDir();
  for (const address of [`127.0.0.1:${freePort()}`, `unix:${folder}/none.sock`]) {
    await test.step(address.replace(/\d+$|\/.*\//, "…"), async () => {
      await using client = new FastCgiClient(address, { maxConnections: 1 });
      const all = [
        client.fetch("http://x/"),
        client.request({}),
        client.getValues("FCGI_MAX_CONNS"),
        client.fetch("http://x/", { method: "POST", body: "text" }),
      ];
      for (const error of await soon("the rejections", Promise.all(all.map(outcome)))) {
        assertInstanceOf(error, FastCgiError);
        assertEquals(error.protocolStatus, 0);
        assert(error.message.includes("cannot be reached"), error.message);
      }
    });
  }
  await Deno.remove(folder, { recursive: true });
});

test("a client that is closed leaves nothing, and takes nothing", async (test) => {
  const states: Record<string, (client: FastCgiClient) => Promise<unknown>[]> = {
    "unused": () => [],
    "connecting": (client) => [client.fetch("http://x/"), client.getValues("FCGI_MAX_CONNS")],
    "with requests under way, and more that wait": (client) =>
      Array.from({ length: 6 }, () => client.fetch("http://x/")),
  };
  for (const [state, ask] of Object.entries(states)) {
    for (const requestsPerConnection of [1, 2]) {
      await test.step(`${state} (${requestsPerConnection} a connection)`, async () => {
        let requests = 0;
        const started = Promise.withResolvers<void>();
        await using server = new ScriptedServer(async (peer) => {
          // Nothing is ever answered.
          for (let i = 0; i < 1_000 && await peer.request() !== null; i++) {
            if (++requests === 2) started.resolve();
          }
        });
        const client = new FastCgiClient(server.address, {
          requestsPerConnection,
          maxConnections: 2,
        });
        const outcomes = ask(client).map(outcome);
        if (state.startsWith("with")) await started.promise;
        await client[Symbol.asyncDispose]();
        for (const error of await soon("the rejections", Promise.all(outcomes))) {
          assertInstanceOf(error, FastCgiError);
        }
        await assertRejects(() => client.fetch("http://x/"), FastCgiError, "closed");
        await assertRejects(() => client.request({}), FastCgiError, "closed");
        await assertRejects(() => client.getValues(), FastCgiError, "closed");
        await client[Symbol.asyncDispose]();
      });
    }
  }
  await test.step("within a response", async () => {
    await using server = new ScriptedServer(async (peer) => {
      const request = await peer.request();
      await peer.send(record(STDOUT, request!.id, `${HEAD}part`));
      await peer.record();
    });
    const client = new FastCgiClient(server.address);
    const response = await client.fetch("http://x/");
    await client[Symbol.asyncDispose]();
    assertInstanceOf(await outcome(response.text()), FastCgiError);
  });
});

test("a connection that is kept does not keep the program running", async (test) => {
  const folder = await Deno.makeTempDir();
  for (const address of ["127.0.0.1:0", `unix:${folder}/socket`]) {
    await test.step(address.split(":")[0], async () => {
      await using server = await FastCgiServer.listen(address, describe);
      const target = "path" in server.address
        ? address
        : `127.0.0.1:${(server.address as Deno.NetAddr).port}`;
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "eval",
          `import { FastCgiClient } from "./mod.ts";
          const client = new FastCgiClient(${JSON.stringify(target)}, { idleTimeoutMs: 600_000 });
          for (let i = 0; i < 3; i++) await (await client.fetch("http://x/")).text();`,
        ],
        cwd: ROOT,
        stdin: "null",
        stdout: "null",
        stderr: "inherit",
      }).spawn();
      try {
        assertEquals((await soon("the program's end", child.status)).code, 0);
      } catch (error) {
        child.kill("SIGKILL");
        await child.status;
        throw error;
      }
    });
  }
  await Deno.remove(folder, { recursive: true });
});

test("large bodies arrive intact, both ways at once", async (test) => {
  const count = 512;
  const folder = await Deno.makeTempDir();
  for (const address of ["127.0.0.1:0", `unix:${folder}/socket`]) {
    await using pair = await Pair.of(
      async ({ params, stdin, stdout }) => {
        const writer = stdout.getWriter();
        await writer.write(HEAD);
        if (params.REQUEST_URI === "/up") {
          await assertBlocks(stdin, count);
          await writer.write("intact");
        } else if (params.REQUEST_URI === "/down") {
          for await (const chunk of blocks(count)) await writer.write(chunk);
        } else {
          writer.releaseLock();
          await stdin.pipeTo(stdout);
        }
      },
      { requestsPerConnection: 4, maxConnections: 1 },
      address,
    );
    const transport = address.split(":")[0];
    const up = () => ReadableStream.from(blocks(count));
    await test.step(`up (${transport})`, async () => {
      const response = await pair.client.fetch("http://x/up", { method: "POST", body: up() });
      assertEquals(await response.text(), "intact");
    });
    await test.step(`down (${transport})`, async () => {
      await assertBlocks((await pair.client.fetch("http://x/down")).body!, count);
    });
    await test.step(`both, and all at once (${transport})`, async () => {
      await Promise.all(["/up", "/down", "/echo", "/echo"].map(async (path) => {
        const body = path === "/down" ? null : up();
        const response = await pair.client.fetch(`http://x${path}`, { method: "POST", body });
        if (path === "/up") assertEquals(await response.text(), "intact");
        else await assertBlocks(response.body!, count);
      }));
    });
  }
  await Deno.remove(folder, { recursive: true });
});

test("who sends waits for who reads", async (test) => {
  const total = 10_000_000;
  const folder = await Deno.makeTempDir();
  /** Time in which the other side could go too far. */
  const pause = async () => {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve));
  };
  await test.step("a response that is not read stops its handler", async () => {
    let written = 0;
    await using pair = await Pair.of(
      async ({ stdout }) => {
        const writer = stdout.getWriter();
        await writer.write(HEAD);
        for (let at = 0; at < total; at += 50_000) {
          await writer.write(new Uint8Array(50_000));
          written += 50_000;
        }
      },
      {},
      `unix:${folder}/down`,
    );
    const response = await pair.client.fetch("http://x/");
    let read = 0;
    for await (const chunk of response.body!) {
      read += chunk.length;
      await pause();
      assert(written - read < MAX_AHEAD_BYTES, `${written} written, ${read} read`);
    }
    assertEquals(read, total);
  });
  await test.step("a body that the server does not read is not asked for", async () => {
    const path = `${folder}/up`;
    using listener = Deno.listen({ transport: "unix", path });
    await using client = new FastCgiClient(`unix:${path}`);
    let sent = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (sent === total) return controller.close();
        controller.enqueue(new Uint8Array(50_000));
        sent += 50_000;
      },
    });
    const response = client.fetch("http://x/", { method: "POST", body });
    using conn = await listener.accept();
    const peer = new Peer(conn);
    let read = 0;
    for (let i = 0; i < total; i++) {
      const next = await peer.record();
      if (next?.type !== STDIN) continue;
      if (next.content.length === 0) {
        await peer.answer(next.id, `${HEAD}${read}`);
        break;
      }
      read += next.content.length;
      await pause();
      assert(sent - read < MAX_AHEAD_BYTES, `${sent} sent, ${read} read`);
    }
    assertEquals(await (await response).text(), String(total));
  });
  await Deno.remove(folder, { recursive: true });
});
