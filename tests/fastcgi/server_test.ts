import type { FastCgiHandler, FastCgiRequest, FastCgiServerOptions } from "gatehouse";
import { FastCgiServer, ListenError } from "gatehouse";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import type { RequestOptions } from "../support/fastcgi.ts";
import {
  ABORT_REQUEST,
  AUTHORIZER,
  begin,
  concat,
  DATA,
  FILTER,
  OVERLOADED,
  params,
  pieces,
  RawFastCgiClient,
  record,
  request,
  REQUEST_COMPLETE,
  RESPONDER,
  STDERR,
  STDIN,
  STDOUT,
  stream,
  UNKNOWN_ROLE,
} from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { textOf } from "../support/streams.ts";
import { residentBytes } from "../support/peers.ts";
import { soon, test } from "../support/strict.ts";

const HEAD = "Content-Type: text/plain\r\n\r\n";
const ROOT = new URL("../../", import.meta.url).pathname;
/** What is written before a web server has to read: the window, and what the system keeps of it. */
const MAX_AHEAD_BYTES = 2_000_000;
const decoder = new TextDecoder();

/** A server on a free port that keeps its log. */
async function serve(
  handler: FastCgiHandler,
  options: FastCgiServerOptions = {},
): Promise<{ server: FastCgiServer; port: number; log: string[] }> {
  const log: string[] = [];
  const server = await FastCgiServer.listen("127.0.0.1:0", handler, {
    log: (_, message) => log.push(message),
    ...options,
  });
  return { server, port: (server.address as Deno.NetAddr).port, log };
}

/** Text whose code units are bytes, as the UTF-8 that they are. */
function utf8(bytes: string): string {
  return decoder.decode(bytesOf(bytes));
}

/** Writes a whole response. */
async function respond({ stdout }: FastCgiRequest, body: string): Promise<void> {
  await stdout.getWriter().write(HEAD + body);
}

/** What a promise comes to: its value, or the name of its error. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return (error as Error).name;
  }
}

test("a handler gets the role, the parameters and the body", async (test) => {
  const { server, port } = await serve(async (request) => {
    const body = await textOf(request.stdin);
    const data = request.data === null ? null : await textOf(request.data);
    await respond(request, JSON.stringify({ role: request.role, data, body, ...request.params }));
  });
  await using _ = server;
  const cases: readonly (readonly [string, RequestOptions, Record<string, unknown>])[] = [
    ["a responder", {}, { role: "responder", data: null, body: "" }],
    ["a responder with a body", { body: "näh" }, { role: "responder", body: "näh" }],
    ["an authorizer", { role: AUTHORIZER }, { role: "authorizer", data: null }],
    ["a filter", { role: FILTER, data: "file" }, { role: "filter", data: "file", body: "" }],
    ["a filter with a body", { role: FILTER, body: "in", data: "file" }, {
      role: "filter",
      data: "file",
      body: "in",
    }],
    ["a filter of an empty file", { role: FILTER, data: "" }, { role: "filter", data: "" }],
    ["names that objects have", { params: { constructor: "1", toString: "" } }, {
      constructor: "1",
      toString: "",
    }],
    ["text beyond ASCII", { params: { "ä€😀": "ÿ" } }, { "ä€😀": "ÿ" }],
    ["long values", { params: { LONG: "x".repeat(20_000) } }, { LONG: "x".repeat(20_000) }],
  ];
  for (const [name, options, expected] of cases) {
    await test.step(name, async () => {
      using client = await RawFastCgiClient.connect(port);
      const reply = await client.ask(1, "/path", options);
      assertEquals([reply.appStatus, reply.protocolStatus], [0, REQUEST_COMPLETE]);
      assert(reply.stdoutEnded);
      const got = JSON.parse(utf8(reply.body));
      assertEquals(got.REQUEST_URI, "/path");
      for (const [key, value] of Object.entries(expected)) assertEquals(got[key], value, key);
    });
  }
  await test.step("bytes that are no UTF-8 are code units, and the last of a name counts", async () => {
    using client = await RawFastCgiClient.connect(port);
    const values = [["A", "1"], ["B", Uint8Array.of(0xff, 0x41)], ["A", "2"]] as const;
    await client.send(begin(1), params(1, values), record(STDIN, 1));
    const { body } = await client.reply(1);
    const { A, B } = JSON.parse(utf8(body));
    assertEquals([A, B], ["2", "\xffA"]);
  });
  await test.step("parameters that are cut off are refused", async () => {
    using client = await RawFastCgiClient.connect(port);
    await client.send(begin(1), stream(4, 1, Uint8Array.of(5, 5, 65)), record(STDIN, 1));
    assertEquals((await client.reply(1)).status, 400);
  });
});

test("a body is read while it comes", async () => {
  const firstRead = Promise.withResolvers<string>();
  const { server, port } = await serve(async (request) => {
    const reader = request.stdin.getReader();
    firstRead.resolve(decoder.decode((await reader.read()).value));
    reader.releaseLock();
    const rest = await Array.fromAsync(request.stdin);
    await respond(request, decoder.decode(concat(...rest)));
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  await client.send(begin(1), params(1, { A: "1" }), record(STDIN, 1, "first", 3));
  assertEquals(await soon("the first part", firstRead.promise), "first");
  await client.send(stream(STDIN, 1, " second"));
  assertEquals((await client.reply(1)).body, " second");
});

test("a body can be read into buffers of one's own", async () => {
  const { server, port } = await serve(async (request) => {
    const reader = request.stdin.getReader({ mode: "byob" });
    let sizes = "";
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(1_000), { min: 1_000 });
      sizes += `${value?.length ?? 0} `;
      if (done) break;
    }
    await respond(request, sizes);
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  const reply = await client.ask(1, "/", { body: "x".repeat(2_500), pieceBytes: 700 });
  assertEquals(reply.body, "1000 1000 500 ");
});

test("a filter's file comes behind the body, and may be read before it", async () => {
  const { server, port } = await serve(async (request) => {
    const data = await textOf(request.data!);
    const body = await textOf(request.stdin);
    await respond(request, `${data.length} ${body.length}`);
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  const [body, data] = ["b".repeat(1_000_000), "d".repeat(2_000_000)];
  assertEquals((await client.ask(1, "/", { role: FILTER, body, data })).body, "2000000 1000000");
});

test("what is written arrives, whatever its form and size", async (test) => {
  const chunks: readonly (readonly [string, readonly (string | Uint8Array)[]])[] = [
    ["nothing", []],
    ["empty pieces", ["", new Uint8Array(0), "x", ""]],
    ["text and bytes", ["tä€😀xt ", Uint8Array.of(0, 255, 10), "!"]],
    ...[65_527, 65_528, 65_535, 65_536, 262_144, 262_145, 1_000_003].map((bytes) =>
      [`${bytes} bytes`, ["y".repeat(bytes), new Uint8Array(bytes).fill(0x7a)]] as const
    ),
    ["many small pieces", Array.from({ length: 3_000 }, (_, i) => `${i},`)],
    ["many large pieces", Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(70_000))],
  ];
  for (const isAwaited of [true, false]) {
    const { server, port } = await serve(async ({ params, stdout, stderr }) => {
      const [, pieces] = chunks[Number(params.REQUEST_URI)];
      const writers = [stdout.getWriter(), stderr.getWriter()];
      for (const piece of pieces) {
        const writes = writers.map((writer) => writer.write(piece));
        if (isAwaited) await Promise.all(writes);
      }
    });
    await using _ = server;
    for (const [index, [name, pieces]] of chunks.entries()) {
      await test.step(`${name}, ${isAwaited ? "waited for" : "not waited for"}`, async () => {
        using client = await RawFastCgiClient.connect(port);
        const reply = await client.ask(1, String(index));
        const expected = concat(...pieces);
        for (const text of [reply.stdout, reply.stderr]) {
          assertEquals(text.length, expected.length);
          assert(expected.every((byte, at) => text.charCodeAt(at) === byte));
        }
        assert(reply.stdoutEnded);
        assertEquals(reply.stderrEnded, expected.length > 0);
      });
    }
  }
});

test("a stream can be piped through", async () => {
  const { server, port } = await serve(async ({ stdin, stdout }) => {
    const writer = stdout.getWriter();
    await writer.write(HEAD);
    writer.releaseLock();
    await stdin.pipeTo(stdout);
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  const body = Array.from({ length: 100_000 }, (_, i) => `${i} `).join("");
  const [reply] = await Promise.all([client.reply(1), client.send(request(1, "/", { body }))]);
  assert(reply.body === body);
});

test("writing that cannot be does not hold up the end, and fails", async (test) => {
  const cases: readonly (readonly [
    name: string,
    write: (writer: WritableStreamDefaultWriter<Uint8Array | string>) => Promise<unknown>[],
    outcomes: readonly unknown[],
    body: string,
  ])[] = [
    [
      "after the stream was closed",
      (writer) => [
        writer.write("a"),
        writer.close(),
        writer.write("b"),
        writer.closed.then(() => writer.write("c")),
      ],
      [undefined, undefined, "TypeError", "TypeError"],
      "a",
    ],
    [
      "after the stream was given up",
      (writer) => [
        writer.write("a"),
        writer.write("b"),
        writer.abort(new RangeError("enough")),
        writer.write("c"),
        writer.closed.catch(() => writer.write("d")),
      ],
      [undefined, "RangeError", undefined, "RangeError", "RangeError"],
      "a",
    ],
    [
      "neither text nor bytes",
      (writer) => [
        writer.write("a"),
        writer.write(1 as unknown as string),
        writer.write("b"),
        writer.closed.catch(() => writer.write("c")),
      ],
      [undefined, "TypeError", "TypeError", "TypeError"],
      "a",
    ],
  ];
  for (const [name, write, expected, body] of cases) {
    await test.step(name, async () => {
      const outcomes = Promise.withResolvers<unknown[]>();
      const { server, port } = await serve(async ({ stdout }) => {
        const writer = stdout.getWriter();
        await writer.write(HEAD);
        outcomes.resolve(Promise.all(write(writer).map(outcome)));
      });
      await using _ = server;
      using client = await RawFastCgiClient.connect(port);
      const reply = await client.ask(1, "/");
      assertEquals(await soon(name, outcomes.promise), expected);
      assertEquals([reply.status, reply.body, reply.stdoutEnded], [200, body, true]);
    });
  }
  await test.step("after the handler returned", async () => {
    const requests = Promise.withResolvers<FastCgiRequest>();
    const { server, port } = await serve(async (request) => {
      await respond(request, "all");
      requests.resolve(request);
    });
    await using _ = server;
    using client = await RawFastCgiClient.connect(port);
    assertEquals((await client.ask(1, "/")).body, "all");
    const { stderr, signal } = await requests.promise;
    assertEquals(await outcome(stderr.getWriter().write("late")), "Error");
    assertEquals(signal.aborted, false);
    // The connection is as good as new.
    assertEquals((await client.ask(1, "/")).body, "all");
  });
});

test("a body that is not read to its end when the handler returns fails for who still reads it", async () => {
  const late = Promise.withResolvers<unknown>();
  const { server, port } = await serve(async (request) => {
    late.resolve(outcome(textOf(request.stdin)));
    await respond(request, "early");
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  await client.send(begin(1), params(1, { A: "1" }), record(STDIN, 1, "part", 4));
  assertEquals((await client.reply(1)).body, "early");
  assertEquals(await soon("reading", late.promise), "Error");
  await client.send(record(STDIN, 1));
  await client.send(request(2, "/"));
  assertEquals((await client.reply(2)).body, "early");
});

test("the exit status is what the handler sets", async (test) => {
  const { server, port } = await serve(async (request) => {
    await respond(request, "");
    request.exitStatus = Number(request.params.REQUEST_URI);
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  for (const status of [0, 1, 255, 256, 65_536, 2_147_483_648, 4_294_967_295]) {
    await test.step(String(status), async () => {
      assertEquals((await client.ask(1, String(status))).appStatus, status);
    });
  }
});

test("a handler that fails is answered for", async (test) => {
  const handlers: Record<string, FastCgiHandler> = {
    "/sync"() {
      throw new Error("oh");
    },
    async "/before"({ stderr }) {
      await stderr.getWriter().write("note\n");
      throw new Error("oh");
    },
    async "/after"(request) {
      await respond(request, "part");
      throw new Error("oh");
    },
    async "/text"() {
      await Promise.reject("oh");
    },
  };
  const { server, port, log } = await serve((request) =>
    handlers[request.params.REQUEST_URI](request)
  );
  await using _ = server;
  for (const path of ["/sync", "/before", "/text"]) {
    await test.step(`${path}: with 500 if nothing was written`, async () => {
      using client = await RawFastCgiClient.connect(port);
      const reply = await client.ask(1, path);
      assertEquals([reply.status, reply.appStatus], [500, 1]);
      assert(!reply.stdout.includes("oh"));
      assertStringIncludes(reply.stderr, path === "/before" ? "note\nError: oh" : "oh");
      assertStringIncludes(log.pop()!, "oh");
      // And the connection goes on.
      assertEquals((await client.ask(1, path)).status, 500);
      log.pop();
    });
  }
  await test.step("with a connection that breaks if there was output", async () => {
    using client = await RawFastCgiClient.connect(port);
    await client.send(request(1, "/after"));
    await client.saw(STDERR, 1);
    await client.closed();
    assertEquals(client.endings, []);
    assertEquals(client.seen[0], [STDOUT, 1]);
  });
  await test.step("with an end but no end of STDOUT if others use the connection", async () => {
    const gate = Promise.withResolvers<void>();
    handlers["/wait"] = async (request) => {
      await gate.promise;
      await respond(request, "waited");
    };
    using client = await RawFastCgiClient.connect(port);
    await client.send(request(1, "/wait"), request(2, "/after"));
    const reply = await client.reply(2);
    assertEquals([reply.body, reply.stdoutEnded, reply.appStatus], ["part", false, 1]);
    gate.resolve();
    assertEquals((await client.reply(1)).body, "waited");
  });
});

test("what still writes when the handler has failed fails too", async () => {
  const writing = Promise.withResolvers<unknown>();
  const { server, port } = await serve(async ({ stdout }) => {
    const writer = stdout.getWriter();
    await writer.write(HEAD);
    writing.resolve(outcome(writer.write(new Uint8Array(50_000_000))));
    throw new Error("oh");
  });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  await client.send(request(1, "/"));
  assertEquals(await soon("the write", writing.promise), "Error");
});

/** A handler that tells of its signal, and of its streams after that. */
function waiting(): { handler: FastCgiHandler; aborted: Promise<unknown[]> } {
  const aborted = Promise.withResolvers<unknown[]>();
  const handler: FastCgiHandler = async ({ signal, stdin, stdout }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    const read = await outcome(textOf(stdin));
    const written = await outcome(stdout.getWriter().write(HEAD));
    aborted.resolve([signal.reason.name, read, written]);
  };
  return { handler, aborted: aborted.promise };
}

test("a handler need not wait for what it writes, though its request is cut short", async () => {
  const cut = Promise.withResolvers<void>();
  const { server, port } = await serve(async ({ stdout, signal }) => {
    const writer = stdout.getWriter();
    writer.write(HEAD);
    for (let i = 0; i < 100; i++) writer.write("x".repeat(65_536));
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    writer.write("more");
    writer.close();
    cut.resolve();
  });
  await using _ = server;
  {
    using client = await RawFastCgiClient.connect(port);
    await client.send(begin(1), params(1, { A: "1" }), record(STDIN, 1));
  }
  await soon("the end of the request", cut.promise);
  // An error that nobody catches would be one of this test.
  await new Promise((resolve) => setTimeout(resolve, 0));
});

test("the signal fires, and the streams fail, when a request is cut short", async (test) => {
  const opened = concat(begin(1), params(1, { A: "1" }), record(STDIN, 1, "part", 4));
  const whole = concat(opened, record(STDIN, 1));
  const failed = ["AbortError", "AbortError", "AbortError"];

  await test.step("by a record", async () => {
    const { handler, aborted } = waiting();
    const { server, port } = await serve(handler);
    await using _ = server;
    using client = await RawFastCgiClient.connect(port);
    await client.send(opened, record(ABORT_REQUEST, 1));
    const { stdout, appStatus, protocolStatus } = await client.reply(1);
    assertEquals([stdout, appStatus, protocolStatus], ["", 1, REQUEST_COMPLETE]);
    assertEquals(await soon("the signal", aborted), failed);
  });

  for (const [name, sent] of [["within a body", opened], ["behind a body", whole]] as const) {
    await test.step(`by a connection that is lost ${name}`, async () => {
      const { handler, aborted } = waiting();
      const { server, port, log } = await serve(handler);
      await using _ = server;
      const client = await RawFastCgiClient.connect(port);
      await client.send(sent);
      client[Symbol.dispose]();
      const [reason, read] = await soon("the signal", aborted);
      assertEquals(reason, "AbortError");
      // What had come in full can still be read.
      assertEquals(read, sent === opened ? "AbortError" : "part");
      assertEquals(log, []);
    });
  }

  await test.step("by the end of what the web server sends; then the response is still sent", async () => {
    const { server, port } = await serve(async (request) => {
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      await respond(request, await textOf(request.stdin));
    });
    await using _ = server;
    using client = await RawFastCgiClient.connect(port);
    await client.send(whole);
    await client.closeWrite();
    assertEquals((await client.reply(1)).body, "part");
    assert(await client.closed());
  });

  await test.step("by the time limit: the web server is told 504", async () => {
    const { handler, aborted } = waiting();
    const { server, port } = await serve(handler, { limits: { requestTimeoutMs: 50 } });
    await using _ = server;
    using client = await RawFastCgiClient.connect(port);
    await client.send(whole);
    const { status, appStatus } = await client.reply(1);
    assertEquals([status, appStatus], [504, 1]);
    const [reason, read, written] = await soon("the signal", aborted);
    assertEquals([reason, written], ["TimeoutError", "TimeoutError"]);
    assertEquals(read, "TimeoutError");
  });

  await test.step("by a body that does not go on: the web server is told 408", async () => {
    const { handler, aborted } = waiting();
    const { server, port } = await serve(handler, { limits: { bodyIdleTimeoutMs: 50 } });
    await using _ = server;
    using client = await RawFastCgiClient.connect(port);
    await client.send(opened);
    assertEquals((await client.reply(1)).status, 408);
    assertEquals(await soon("the signal", aborted), failed);
  });

  await test.step("by the end of the server", async () => {
    const { handler, aborted } = waiting();
    const { server, port } = await serve(handler);
    using client = await RawFastCgiClient.connect(port);
    await client.send(opened);
    await client.send(request(2, "/"), record(ABORT_REQUEST, 2));
    await client.reply(2);
    await server[Symbol.asyncDispose]();
    assertEquals(await soon("the signal", aborted), failed);
  });
});

test("a handler that has begun to answer has all the time it wants", async () => {
  const { server, port } = await serve(async ({ stdout, signal }) => {
    const writer = stdout.getWriter();
    await writer.write(HEAD);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await writer.write(String(signal.aborted));
  }, { limits: { requestTimeoutMs: 30 } });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  assertEquals((await client.ask(1, "/")).body, "false");
});

test("roles that are not served are refused", async (test) => {
  const { server, port } = await serve((request) => respond(request, request.role), {
    roles: ["responder", "filter"],
  });
  await using _ = server;
  const cases = [
    [RESPONDER, REQUEST_COMPLETE],
    [AUTHORIZER, UNKNOWN_ROLE],
    [FILTER, REQUEST_COMPLETE],
    [4, UNKNOWN_ROLE],
  ] as const;
  using client = await RawFastCgiClient.connect(port);
  for (const [role, expected] of cases) {
    await test.step(`role ${role}`, async () => {
      const { protocolStatus, stdout } = await client.ask(1, "/", { role, data: "" });
      assertEquals(protocolStatus, expected);
      assertEquals(stdout !== "", expected === REQUEST_COMPLETE);
    });
  }
});

test("requests beyond the limit are told that there is no room", async () => {
  const gate = Promise.withResolvers<void>();
  const { server, port } = await serve(async (request) => {
    if (request.params.REQUEST_URI === "/wait") await gate.promise;
    await respond(request, "served");
  }, { limits: { maxReqs: 2 } });
  await using _ = server;
  using client = await RawFastCgiClient.connect(port);
  using other = await RawFastCgiClient.connect(port);
  await client.send(request(1, "/wait"), request(2, "/wait"), request(3, "/"));
  assertEquals((await client.reply(3)).protocolStatus, OVERLOADED);
  assertEquals((await other.ask(1, "/")).protocolStatus, OVERLOADED);
  gate.resolve();
  assertEquals((await client.reply(1)).body, "served");
  assertEquals((await client.reply(2)).body, "served");
  assertEquals((await other.ask(1, "/")).body, "served");
});

test("a handler waits for a web server that reads slowly", async (test) => {
  const total = 20_000_000;
  const folder = await Deno.makeTempDir();
  for (const transport of ["tcp", "unix"]) {
    for (const stream of ["stdout", "stderr"] as const) {
      await test.step(`${stream} over ${transport}`, async () => {
        let written = 0;
        const handler: FastCgiHandler = async (request) => {
          const writer = request[stream].getWriter();
          const chunk = new Uint8Array(100_000);
          for (let at = 0; at < total; at += chunk.length) {
            await writer.write(chunk);
            written += chunk.length;
          }
        };
        const path = `${folder}/${stream}.sock`;
        const address = transport === "unix" ? `unix:${path}` : "127.0.0.1:0";
        await using server = await FastCgiServer.listen(address, handler);
        const { port } = server.address as Deno.NetAddr;
        const conn = transport === "unix"
          ? await Deno.connect({ transport: "unix", path })
          : await Deno.connect({ port });
        using client = new RawFastCgiClient(conn);
        await client.send(request(1, "/", { keepConn: false }));
        const buffer = new Uint8Array(65_536);
        let read = 0;
        let ahead = 0;
        for (let i = 0; i < total; i++) {
          const bytes = await conn.read(buffer);
          if (bytes === null) break;
          read += bytes;
          ahead = Math.max(ahead, written - read);
          // The handler has a chance to go too far.
          if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve));
        }
        assert(read > total);
        assertEquals(written, total);
        // Over TCP the system keeps as much as it likes.
        const most = transport === "unix" ? MAX_AHEAD_BYTES : 16_000_000;
        assert(ahead < most, `${ahead} bytes were written before they were read`);
      });
    }
  }
  await Deno.remove(folder, { recursive: true });
});

test("a web server that reads slowly does not make memory grow", async () => {
  const total = 200_000_000;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { FastCgiServer } from "./mod.ts";
      const server = await FastCgiServer.listen("127.0.0.1:0", async ({ params, stdout }) => {
        const writer = stdout.getWriter();
        for (let i = 0; i < Number(params.REQUEST_URI); i += 100_000) {
          await writer.write(new Uint8Array(100_000));
        }
      });
      console.log(server.address.port);`,
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.stdout.getReader();
  try {
    const port = Number(decoder.decode((await output.read()).value));
    const conn = await Deno.connect({ port });
    using client = new RawFastCgiClient(conn);
    // Everything has been used once before memory is looked at.
    await client.ask(1, "2000000");
    const before = residentBytes(child.pid);
    let most = 0;
    await client.send(request(1, String(total), { keepConn: false }));
    const buffer = new Uint8Array(65_536);
    let read = 0;
    for (let i = 0; i < total; i++) {
      const bytes = await conn.read(buffer);
      if (bytes === null) break;
      read += bytes;
      if (i % 100 !== 0) continue;
      await new Promise((resolve) => setTimeout(resolve, 1));
      most = Math.max(most, residentBytes(child.pid));
    }
    assert(read > total);
    assert(most - before < 120_000_000, `${before} bytes became ${most}`);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
  }
});

test("a body that nobody wants holds up neither the response nor what comes behind it", async (test) => {
  const sent = Promise.withResolvers<void>();
  const handlers: Record<string, FastCgiHandler> = {
    async "/ignores"(request) {
      await respond(request, "ignored");
    },
    async "/cancels"(request) {
      await request.stdin.cancel();
      await respond(request, "cancelled");
    },
    async "/cancels-later"(request) {
      const reader = request.stdin.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      await sent.promise;
      await respond(request, `cancelled after ${value!.length > 0}`);
    },
    async "/ignores-long"(request) {
      await sent.promise;
      await respond(request, "ignored");
    },
  };
  const { server, port } = await serve((request) => handlers[request.params.REQUEST_URI](request));
  await using _ = server;
  const body = new Uint8Array(3_000_000);
  const expected = {
    "/ignores": "ignored",
    "/cancels": "cancelled",
    "/cancels-later": "cancelled after true",
    "/ignores-long": "ignored",
  };
  for (const [path, text] of Object.entries(expected)) {
    await test.step(path, async () => {
      using client = await RawFastCgiClient.connect(port);
      const sending = client.send(request(1, path, { body })).then(sent.resolve);
      const reply = await client.reply(1);
      assertEquals([reply.body, reply.appStatus], [text, 0]);
      await sending;
      assertEquals((await client.ask(2, "/ignores")).body, "ignored");
    });
  }
});

test("a body that was cancelled is put aside nowhere", async () => {
  const { makeTempFileSync } = Deno;
  let files = 0;
  Deno.makeTempFileSync = (options) => {
    files++;
    return makeTempFileSync(options);
  };
  try {
    const { server, port } = await serve(async (request) => {
      await request.stdin.cancel();
      await respond(request, await textOf(request.data!));
    });
    await using _ = server;
    using client = await RawFastCgiClient.connect(port);
    await client.send(begin(1, FILTER), params(1, { A: "1" }));
    const piece = pieces(STDIN, 1, new Uint8Array(1_000_000));
    for (let i = 0; i < 20; i++) await client.send(piece);
    await client.send(record(STDIN, 1), stream(DATA, 1, "file"));
    assertEquals((await client.reply(1)).body, "file");
  } finally {
    Deno.makeTempFileSync = makeTempFileSync;
  }
  assertEquals(files, 0);
});

test("a shutdown lets requests under way end, and takes no more", async () => {
  const started = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { server, port } = await serve(async (request) => {
    started.resolve();
    await gate.promise;
    await respond(request, String(request.signal.aborted));
  });
  using idle = await RawFastCgiClient.connect(port);
  using busy = await RawFastCgiClient.connect(port);
  await busy.send(request(1, "/"));
  await started.promise;
  const shutdown = server.shutdown();
  assert(await soon("an idle connection's end", idle.closed()));
  await assertRejects(() => RawFastCgiClient.connect(port), Deno.errors.ConnectionRefused);
  gate.resolve();
  assertEquals((await busy.reply(1)).body, "false");
  assert(await busy.closed());
  await soon("the shutdown", shutdown);
  // Once more does no harm.
  await server.shutdown();
  await server[Symbol.asyncDispose]();
});

test("a shutdown cuts off what takes longer than its grace", async () => {
  const { handler, aborted } = waiting();
  const { server, port } = await serve(handler);
  using client = await RawFastCgiClient.connect(port);
  await client.send(begin(1), params(1, { A: "1" }));
  await client.send(request(2, "/"), record(ABORT_REQUEST, 2));
  await client.reply(2);
  await soon("the shutdown", server.shutdown({ graceMs: 20 }));
  assertEquals((await soon("the signal", aborted))[0], "AbortError");
  await client.closed();
  assertEquals(client.endings, [2]);
});

test("a Unix socket has its mode, and goes with its server", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/app.sock`;
  for (const mode of [0o600, 0o660, 0o666]) {
    const address = `unix:${path},mode=${mode.toString(8)}`;
    const server = await FastCgiServer.listen(address, (request) => respond(request, "unix"));
    assertEquals(server.address, { transport: "unix", path });
    assertEquals(Deno.lstatSync(path).mode! & 0o777, mode);
    using client = await RawFastCgiClient.connect({ path });
    assertEquals((await client.ask(1, "/")).body, "unix");
    await assertRejects(() => FastCgiServer.listen(address, () => {}), ListenError, "in use");
    await server.shutdown();
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  }
  await Deno.remove(folder, { recursive: true });
});

test("only web servers at the addresses that are named may connect", async (test) => {
  const cases = [
    [["192.0.2.1"], false],
    [[], false],
    [["192.0.2.1", "127.0.0.1"], true],
  ] as const;
  for (const [webServerAddrs, isServed] of cases) {
    await test.step(webServerAddrs.join() || "none", async () => {
      const { server, port, log } = await serve((request) => respond(request, "served"), {
        webServerAddrs,
      });
      await using _ = server;
      using client = await RawFastCgiClient.connect(port);
      if (isServed) {
        assertEquals((await client.ask(1, "/")).body, "served");
      } else {
        assert(await client.closed());
        assertStringIncludes(log[0], "127.0.0.1 is not among");
      }
    });
  }
});
