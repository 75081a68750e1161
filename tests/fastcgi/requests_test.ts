import { assert, assertEquals, assertRejects, assertStringIncludes } from "../support/assert.ts";
import type { RequestOptions } from "../support/fastcgi.ts";
import {
  AUTHORIZER,
  begin,
  bothWays,
  concat,
  DATA,
  FILTER,
  latin1,
  opening,
  PARAMS,
  params,
  paramsOf,
  pieces,
  RawFastCgiClient,
  record,
  request,
  STDIN,
  STDOUT,
  stream,
} from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

bothWays("an app answers what clients of the web server ask", async ({ fastcgiPort }, test) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  await test.step("a small response has its status and its length", async () => {
    const { fields, body } = await client.ask(1, "/");
    assertEquals(fields[0], "Status: 200 OK");
    assertEquals(fields.slice(1).sort(), [
      "content-length: 5",
      "content-type: text/plain;charset=UTF-8",
    ]);
    assertEquals(body, "hello");
  });
  await test.step("the app learns what the web server says of the client", async () => {
    const sent = {
      REQUEST_METHOD: "PUT",
      REQUEST_URI: "/info?q=a%26b",
      SCRIPT_NAME: "",
      PATH_INFO: "/info",
      QUERY_STRING: "q=a%26b",
      SERVER_PROTOCOL: "HTTP/2.0",
      SERVER_NAME: "server.example",
      HTTPS: "on",
      REMOTE_ADDR: "2001:db8::1",
      REMOTE_PORT: "54321",
      CONTENT_TYPE: "text/plain",
      CONTENT_LENGTH: "2",
      HTTP_HOST: "Example.com:8443",
      HTTP_X_Y: "ä",
      __proto__X: "y",
      EMPTY: "",
    };
    await client.send(begin(1), params(1, sent), stream(STDIN, 1, "hi"));
    const info = JSON.parse(new TextDecoder().decode(bytesOf((await client.reply(1)).body)));
    assertEquals(info.method, "PUT");
    assertEquals(info.url, "https://example.com:8443/info?q=a%26b");
    assertEquals(info.endpoint, "fastcgi");
    assertEquals(info.remoteAddr, { transport: "tcp", hostname: "2001:db8::1", port: 54_321 });
    assertEquals(info.localAddr.port, fastcgiPort);
    const { headers, env } = info;
    assertEquals(
      Object.fromEntries(headers),
      {
        "content-length": "2",
        "content-type": "text/plain",
        host: "Example.com:8443",
        "x-y": "Ã¤",
      },
    );
    assertEquals(env, { ...sent, FCGI_ROLE: "RESPONDER" });
  });
  await test.step("bodies around the sizes of windows and records arrive whole", async () => {
    for (const base of [65_535, 262_144, 1_048_576]) {
      for (const bytes of [base - 1, base, base + 1]) {
        assert((await client.ask(1, `/large?n=${bytes}`)).body === "y".repeat(bytes));
        assert((await client.ask(1, `/large-bytes?n=${bytes}`)).body === "z".repeat(bytes));
        assert((await client.ask(1, `/bytes?n=${bytes}`)).body === "x".repeat(bytes));
        const body = "b".repeat(bytes);
        assertEquals((await client.ask(1, "/count", { body })).body, String(bytes));
        assert((await client.ask(1, "/text", { body, pieceBytes: 10_000 })).body === body);
        assert((await client.ask(1, "/echo", { body })).body === body);
        const unknown = { body, params: { CONTENT_LENGTH: "" } };
        assert((await client.ask(1, "/text", unknown)).body === body, "of unknown length");
      }
    }
  });
  await test.step("each combination of parameters and bodies in pieces of any size", async () => {
    const body = "0123456789".repeat(50);
    const bytes = request(2, "/text", { body, params: { HTTP_X: "x".repeat(300) } });
    for (const size of [1, 2, 3, 7, 8, 9, 64, 255]) {
      for (let at = 0; at < bytes.length; at += size) await client.send(bytes.slice(at, at + size));
      assertEquals((await client.reply(2)).body, body);
    }
    const values = concat(...splitPairs(paramsOf("/text", { body })));
    await client.send(begin(3), stream(PARAMS, 3, values, 1), stream(STDIN, 3, body, 1));
    assertEquals((await client.reply(3)).body, body);
  });
  await test.step("a GET whose empty body ends later is answered all the same", async () => {
    await client.send(opening(1, "/"));
    assertEquals((await client.reply(1)).body, "hello");
    await client.send(record(STDIN, 1));
    assertEquals((await client.ask(1, "/")).body, "hello");
  });
  await test.step("HEAD, 204 and 304 have no body", async () => {
    const head = await client.ask(1, "/", { method: "HEAD" });
    assertEquals([head.headers.get("content-length"), head.body], ["5", ""]);
    for (const code of [204, 304]) {
      const reply = await client.ask(1, `/status?code=${code}`);
      assertEquals([reply.status, reply.headers.get("content-length"), reply.body], [
        code,
        null,
        "",
      ]);
    }
  });
  await test.step("cookies are repeated fields", async () => {
    const { headers } = await client.ask(1, "/cookies");
    assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
  });
});

// RFC 6265 5.4, RFC 3875 4.1.18.
bothWays("cookies in several parameters are one list of pairs", async ({ fastcgiPort }) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const cookies = ["a=1", "b=2", "c=3"].map((cookie) => ["HTTP_COOKIE", cookie]);
  const pairs = [...Object.entries(paramsOf("/info")), ...cookies, ["HTTP_X", "1"], [
    "HTTP_X",
    "2",
  ]];
  await client.send(begin(1), params(1, pairs), record(STDIN, 1));
  const { headers, env } = JSON.parse((await client.reply(1)).body);
  const fields = new Headers(headers);
  assertEquals([fields.get("cookie"), env.HTTP_COOKIE], ["a=1; b=2; c=3", "a=1; b=2; c=3"]);
  assertEquals([fields.get("x"), env.HTTP_X], ["1, 2", "1, 2"]);
});

/** The pairs of `values`, with 4-byte lengths throughout. */
function splitPairs(values: Record<string, string>): Uint8Array[] {
  const encoder = new TextEncoder();
  return Object.entries(values).map(([name, value]) => {
    const lengths = new Uint8Array(8);
    new DataView(lengths.buffer).setUint32(0, 0x80000000 + name.length);
    new DataView(lengths.buffer).setUint32(4, 0x80000000 + value.length);
    return concat(lengths, encoder.encode(name + value));
  });
}

bothWays("requests that cannot be served get their status", async ({ fastcgiPort }, test) => {
  const cases: [string, number, string, RequestOptions?][] = [
    ["parameters within the limit", 200, "/", { params: { X: "x".repeat(2_500) } }],
    ["a header field that is too large", 431, "/", { params: { HTTP_X: "x".repeat(1_100) } }],
    ["too many bytes of parameters", 431, "/", { params: { X: "x".repeat(3_100) } }],
    ["too many bytes of parameters, by far", 431, "/", { params: { X: "x".repeat(300_000) } }],
    ["headers within the limit", 200, "/", { params: { HTTP_A: "", HTTP_B: "", HTTP_C: "" } }],
    ["too many headers", 431, "/", {
      params: { HTTP_A: "", HTTP_B: "", HTTP_C: "", HTTP_D: "", HTTP_E: "" },
    }],
    ["a target within the limit", 404, `/${"x".repeat(99)}`],
    ["a target that is too long", 414, `/${"x".repeat(100)}`],
    ["a body within the limit", 200, "/text", { body: "x".repeat(1_000) }],
    ["a body that is announced too large", 413, "/text", { body: "x".repeat(1_001) }],
    ["a body that becomes too large", 413, "/text", {
      body: "x".repeat(1_001),
      params: { CONTENT_LENGTH: "" },
    }],
    ["a body that becomes too large, by far", 413, "/text", {
      body: "x".repeat(2_000_000),
      params: { CONTENT_LENGTH: "" },
    }],
    ["a body that is shorter than announced", 400, "/text", {
      body: "12345",
      params: { CONTENT_LENGTH: "6" },
    }],
    ["a body that is announced and missing", 400, "/text", {
      method: "POST",
      params: { CONTENT_LENGTH: "6" },
    }],
    ["a malformed length", 400, "/text", { body: "1", params: { CONTENT_LENGTH: "x" } }],
    ["a malformed host", 400, "/", { params: { HTTP_HOST: "a b" } }],
    ["no method", 400, "/", { method: "" }],
    ["a malformed method", 400, "/", { method: "G T" }],
    ["a method that no Request can have", 501, "/", { method: "TRACE" }],
    ["no target", 400, "no-path"],
    ["a target with credentials", 400, "http://a:b@c/info"],
    ["a field that smuggles", 400, "/", { params: { HTTP_X: "a\r\nStatus: 200" } }],
  ];
  for (const [name, status, path, options = {}] of cases) {
    await test.step(`${name}: ${status}`, async () => {
      using client = await RawFastCgiClient.connect(fastcgiPort);
      const reply = await client.ask(1, path, options);
      assertEquals(reply.status, status);
      assertEquals(reply.protocolStatus, 0);
      assertEquals([reply.stdoutEnded, reply.stderr], [true, ""]);
      const isOurs = status !== 200 && status !== 404;
      if (isOurs) assert(reply.body.startsWith(`${status} `), reply.body);
      assertEquals((await client.ask(2, "/")).body, "hello", "the connection goes on");
    });
  }
  await test.step("pairs that are cut off: 400", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    for (const broken of ["\x05\x05ab", "\x01", "\x80", "\xff\xff\xff\xff"]) {
      const bytes = Uint8Array.from(broken, (char) => char.charCodeAt(0));
      await client.send(begin(1), stream(PARAMS, 1, bytes), record(STDIN, 1));
      const reply = await client.reply(1);
      assertEquals([reply.status, reply.protocolStatus], [400, 0]);
      assertEquals((await client.ask(2, "/")).body, "hello", "the connection goes on");
    }
  });
  await test.step("no parameters at all: 400", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(begin(1), record(PARAMS, 1), record(STDIN, 1));
    assertEquals((await client.reply(1)).status, 400);
  });
  await test.step("a body that is longer than announced is cut: 200", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    const body = "12345".repeat(100_000);
    for (const path of ["/text", "/echo"]) {
      const reply = await client.ask(1, path, { body, params: { CONTENT_LENGTH: "3" } });
      assertEquals([reply.status, reply.body], [200, "123"]);
    }
  });
  await test.step("refused uploads without KEEP_CONN can read why", async () => {
    for (let i = 0; i < 5; i++) {
      using closing = await RawFastCgiClient.connect(fastcgiPort);
      const options = { body: "x".repeat(5_000_000), keepConn: false };
      const sending = closing.send(request(1, "/text", options)).catch(() => {});
      assertEquals((await closing.reply(1)).status, 413);
      closing[Symbol.dispose]();
      await sending;
    }
  });
}, [
  "--max-header-bytes=1k",
  "--max-header-count=4",
  "--max-target-bytes=100",
  "--max-body-bytes=1000",
]);

bothWays("an app that fails costs no more than its own request", async (gateway, test) => {
  const { fastcgiPort, log } = gateway;
  using client = await RawFastCgiClient.connect(fastcgiPort);
  await test.step("an app that throws: 500, and its stack goes to STDERR", async () => {
    const reply = await client.ask(1, "/throw");
    assertEquals([reply.status, reply.protocolStatus], [500, 0]);
    assert(reply.appStatus !== 0);
    assert(!reply.stdout.includes("on purpose"), "the client is not told");
    assertStringIncludes(reply.stderr, "Error: thrown on purpose");
    assertStringIncludes(reply.stderr, "app.ts:");
    assertEquals([reply.stdoutEnded, reply.stderrEnded], [true, true]);
    await gateway.logged(/\/throw failed: Error: thrown on purpose/);
  });
  await test.step("what is no Response: 500", async () => {
    const reply = await client.ask(1, "/not-a-response");
    assertEquals(reply.status, 500);
    assertStringIncludes(reply.stderr, "instead of a Response");
  });
  await test.step("headers that cannot be sent: 500", async () => {
    const reply = await client.ask(1, "/bad-header");
    assertEquals([reply.status, reply.headers.has("x-bad")], [500, false]);
    assert(reply.appStatus !== 0);
    assertStringIncludes(reply.stderr, "x-bad");
    await gateway.logged(/^error: fastcgi: .*x-bad/);
  });
  await test.step("a body longer than its length: that length, and the END_REQUEST tells", async () => {
    const reply = await client.ask(1, "/length?n=3");
    assertEquals([reply.body, reply.stdoutEnded], ["123", true]);
    assert(reply.appStatus !== 0);
    assertStringIncludes(reply.stderr, "longer than its Content-Length");
    await gateway.logged(/^error: fastcgi: the response's body is longer than its Content-Length$/);
  });
  for (const path of ["/break", "/length?n=7"]) {
    await test.step(`${path} alone: the connection breaks, and STDOUT has no end`, async () => {
      using alone = await RawFastCgiClient.connect(fastcgiPort);
      await alone.send(request(1, path));
      await assertRejects(() => alone.reply(1), Error, "ended without a reply");
      assert(alone.seen.some(([type]) => type === STDOUT), "what came before is sent");
      assert(!alone.streamEnds.some(([type]) => type === STDOUT));
    });
    await test.step(`${path} beside others: its END_REQUEST tells, they are unharmed`, async () => {
      await client.send(opening(1, "/text", { body: "ab" }), pieces(STDIN, 1, "a"));
      await client.send(request(2, path), request(3, "/stream?ms=20"));
      const broken = await client.reply(2);
      assert(broken.appStatus !== 0 && !broken.stdoutEnded, JSON.stringify(broken));
      assertEquals((await client.reply(3)).body, "part 0\npart 1\npart 2\n");
      await client.send(stream(STDIN, 1, "b"));
      assertEquals((await client.reply(1)).body, "ab");
      assertEquals((await client.ask(2, "/")).body, "hello");
    });
  }
  await test.step("it is logged", () => {
    assert(log.some((line) => line.includes("broken on purpose")), log.join("\n"));
  });
});

bothWays("with --fastcgi-stderr=none, the web server's log stays empty", async (gateway) => {
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  for (const path of ["/throw", "/bad-header", "/not-a-response"]) {
    const reply = await client.ask(1, path);
    assertEquals([reply.status, reply.stderr, reply.stderrEnded], [500, "", false]);
    assert(reply.appStatus !== 0);
  }
  await gateway.logged(/thrown on purpose/);
}, ["--fastcgi-stderr=none"]);

bothWays("authorizers say whether a request may go on", async ({ fastcgiPort }, test) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const values = { REQUEST_METHOD: "POST", REQUEST_URI: "/authorize", HTTP_HOST: "a" };
  const asked = (id: number, authorization: string) =>
    concat(begin(id, AUTHORIZER), params(id, { ...values, HTTP_AUTHORIZATION: authorization }));
  await test.step("it may: 200, with variables for the web server", async () => {
    await client.send(asked(1, "right"), record(STDIN, 1));
    const reply = await client.reply(1);
    assertEquals([reply.status, reply.appStatus], [200, 0]);
    assert(reply.fields.includes("variable-REMOTE_USER: ann"), reply.stdout);
    assert(reply.fields.includes("x-other: b"), reply.stdout);
  });
  await test.step("it may not: 403, for the client", async () => {
    await client.send(asked(1, "wrong"), record(STDIN, 1));
    const reply = await client.reply(1);
    assertEquals([reply.status, reply.body], [403, "who are you?"]);
  });
  await test.step("a web server that sends no STDIN gets its answer too", async () => {
    await client.send(asked(1, "right"));
    assertEquals((await client.reply(1)).status, 200);
  });
  await test.step("nothing but parameters is needed", async () => {
    await client.send(begin(1, AUTHORIZER), record(PARAMS, 1), record(STDIN, 1));
    assertEquals((await client.reply(1)).body, "hello");
  });
  await test.step("the app is told its role", async () => {
    const reply = await client.ask(1, "/info", { role: AUTHORIZER });
    assertEquals(JSON.parse(reply.body).env.FCGI_ROLE, "AUTHORIZER");
  });
});

bothWays("filters get the file that comes with a request", async ({ fastcgiPort }, test) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  await test.step("a small one, whatever the order of the streams", async () => {
    const options = { role: FILTER, body: "", data: "hello file" };
    assertEquals((await client.ask(1, "/filter", options)).body, "HELLO FILE");
    await client.send(opening(1, "/filter", { role: FILTER }), stream(DATA, 1, "first"));
    await client.send(record(STDIN, 1));
    assertEquals((await client.reply(1)).body, "FIRST");
  });
  await test.step("an empty one", async () => {
    const reply = await client.ask(2, "/filter", { role: FILTER, data: "" });
    assertEquals([reply.status, reply.body], [200, ""]);
  });
  await test.step("it comes in pieces, and is answered as it comes", async () => {
    await client.send(opening(3, "/filter", { role: FILTER }), record(STDIN, 3));
    await client.send(pieces(DATA, 3, "part one, "));
    await client.saw(STDOUT, 3);
    await client.send(stream(DATA, 3, "part two", 3));
    assertEquals((await client.reply(3)).body, "PART ONE, PART TWO");
  });
  await test.step("with a body besides, of which the app reads nothing", async () => {
    const options = { role: FILTER, body: "b".repeat(300_000), data: "d".repeat(300_000) };
    assert((await client.ask(4, "/filter", options)).body === "D".repeat(300_000));
  });
  await test.step("5 MB, while others are served", async () => {
    const random = new Random(10);
    const data = new Uint8Array(5_000_000);
    for (let at = 0; at < data.length; at++) data[at] = 97 + random.below(26);
    const sending = client.send(request(5, "/filter", { role: FILTER, data }));
    assert((await client.reply(5)).body === latin1(data).toUpperCase());
    await sending;
    assertEquals((await client.ask(6, "/")).body, "hello");
  });
  await test.step("other roles have none", async () => {
    assertEquals((await client.ask(7, "/filter", { data: "file" })).status, 400);
    assertEquals((await client.ask(8, "/filter", { role: AUTHORIZER })).status, 400);
  });
  await test.step("the app is told its role", async () => {
    const reply = await client.ask(9, "/info", { role: FILTER, data: "" });
    assertEquals(JSON.parse(reply.body).env.FCGI_ROLE, "FILTER");
  });
});
