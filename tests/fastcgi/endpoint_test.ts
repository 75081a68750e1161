import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import {
  ABORT_REQUEST,
  begin,
  bothWays,
  concat,
  DATA,
  encodePairs,
  END_REQUEST,
  eventually,
  GET_VALUES,
  GET_VALUES_RESULT,
  opening,
  OVERLOADED,
  pair,
  PARAMS,
  params,
  parsePairs,
  pieces,
  RawFastCgiClient,
  record,
  request,
  REQUEST_COMPLETE,
  startFastCgi,
  STDERR,
  STDIN,
  STDOUT,
  stream,
  UNKNOWN_ROLE,
  UNKNOWN_TYPE,
} from "../support/fastcgi.ts";
import { Random } from "../support/random.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

bothWays("each request says whether its connection stays", async ({ fastcgiPort }, test) => {
  await test.step("with KEEP_CONN it does", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    for (let id = 1; id <= 5; id++) {
      const reply = await client.ask(id, "/");
      assertEquals([reply.status, reply.body], [200, "hello"]);
      assertEquals([reply.appStatus, reply.protocolStatus], [0, REQUEST_COMPLETE]);
      assertEquals([reply.stdoutEnded, reply.stderr, reply.stderrEnded], [true, "", false]);
    }
    assertEquals((await client.ask(1, "/")).body, "hello", "a number can be used again");
  });
  await test.step("without it, the application closes the connection", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    assertEquals((await client.ask(1, "/", { keepConn: false })).body, "hello");
    assert(await client.closed());
  });
  await test.step("the last one decides", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.ask(1, "/");
    await client.ask(2, "/", { keepConn: false });
    assert(await client.closed());
  });
  await test.step("requests that were sent together are all served", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    const ids = [1, 2, 3, 4, 5];
    await client.send(...ids.map((id) => request(id, "/", { keepConn: false })));
    for (const id of ids) assertEquals((await client.reply(id)).body, "hello");
    assert(await client.closed());
  });
  await test.step("so are those that come while one is under way", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(request(1, "/slow?ms=300", { keepConn: false }));
    const body = "x".repeat(10_000);
    await client.send(request(2, "/text", { keepConn: false, body }));
    assertEquals((await client.reply(2)).body, body);
    assertEquals((await client.reply(1)).body, "slow");
    assert(await client.closed());
  });
});

bothWays("requests share a connection", async ({ fastcgiPort }, test) => {
  await test.step("records of several may be mixed, and replies come as they are ready", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    const text = (id: number) => opening(id, "/text", { body: "123456" });
    await client.send(begin(7), text(1), params(7, { REQUEST_METHOD: "GET", PATH_INFO: "/" }));
    await client.send(pieces(STDIN, 1, "12"), text(2), record(STDIN, 7), pieces(STDIN, 2, "abc"));
    await client.send(pieces(STDIN, 1, "34", 1), stream(STDIN, 2, "def", 2));
    assertEquals((await client.reply(2)).body, "abcdef");
    assertEquals((await client.reply(7)).body, "hello");
    await client.send(stream(STDIN, 1, "56"));
    assertEquals((await client.reply(1)).body, "123456");
  });
  await test.step("a slow one holds up nobody", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(request(1, "/held", { body: "a" }), request(2, "/"), request(3, "/stream"));
    assertEquals((await client.reply(3)).body, "part 0\npart 1\npart 2\n");
    assertEquals((await client.reply(2)).body, "hello");
    await client.send(request(4, "/release"));
    assertEquals((await client.reply(1)).body, "1 97");
    assertEquals(client.endings.filter((id) => id < 4).at(-1), 1);
  });
  await test.step("apps that look at their requests later see their own", async () => {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    const ids = Array.from({ length: 20 }, (_, i) => i + 1);
    await client.send(
      ...ids.map((id) => request(id, `/late?ms=50&${id}`, { params: { HTTP_X_TAG: `tag ${id}` } })),
    );
    for (const id of ids) {
      assertEquals(JSON.parse((await client.reply(id)).body), {
        url: `http://localhost/late?ms=50&${id}`,
        tag: `tag ${id}`,
        env: `tag ${id}`,
      });
    }
  });
  await test.step("50 requests whose records are shuffled get their own answers", async () => {
    const random = new Random(9);
    using client = await RawFastCgiClient.connect(fastcgiPort);
    for (let round = 0; round < 3; round++) {
      const queues = new Map<number, Uint8Array[]>();
      const bodies = new Map<number, string>();
      while (queues.size < 50) {
        const id = 1 + random.below(65_535);
        const body = `${id} `.repeat(1 + random.below(random.pick([10, 10_000])));
        const path = random.pick(["/text", "/echo"]);
        const parts = [opening(id, path, { body })];
        for (let at = 0; at < body.length;) {
          const piece = body.slice(at, at += 1 + random.below(20_000));
          parts.push(record(STDIN, id, piece, random.below(256)));
        }
        queues.set(id, [...parts, record(STDIN, id, "", random.below(256))]);
        bodies.set(id, body);
      }
      const waiting = [...queues.values()];
      while (waiting.length > 0) {
        const at = random.below(waiting.length);
        await client.send(waiting[at].shift()!);
        if (waiting[at].length === 0) waiting.splice(at, 1);
      }
      for (const [id, body] of bodies) {
        const reply = await client.reply(id);
        assertEquals([reply.status, reply.appStatus, reply.stdoutEnded], [200, 0, true]);
        assert(reply.body === body, `the answer to ${id}`);
      }
    }
  });
});

bothWays("management records are answered at any time", async ({ fastcgiPort }, test) => {
  const all = { FCGI_MAX_CONNS: "7", FCGI_MAX_REQS: "9", FCGI_MPXS_CONNS: "1" };
  const ask = async (client: RawFastCgiClient, names: string[]) => {
    const content = encodePairs(names.map((name) => [name, ""]));
    await client.send(record(GET_VALUES, 0, content, 3));
    const { type, id, content: values } = await client.management();
    assertEquals([type, id], [GET_VALUES_RESULT, 0]);
    return Object.fromEntries(parsePairs(values));
  };
  using client = await RawFastCgiClient.connect(fastcgiPort);
  await test.step("all values, and some; unknown names are left out", async () => {
    assertEquals(await ask(client, Object.keys(all)), all);
    assertEquals(await ask(client, ["FCGI_MAX_REQS"]), { FCGI_MAX_REQS: "9" });
    assertEquals(await ask(client, ["FCGI_OTHER", "FCGI_MPXS_CONNS", "", "__proto__"]), {
      FCGI_MPXS_CONNS: "1",
    });
    assertEquals(await ask(client, ["toString", "fcgi_max_conns"]), {});
    assertEquals(await ask(client, []), {});
  });
  await test.step("values that are sent along do not matter, nor do long forms", async () => {
    await client.send(record(GET_VALUES, 0, pair("FCGI_MAX_CONNS", "12345", true)));
    assertEquals(parsePairs((await client.management()).content), [["FCGI_MAX_CONNS", "7"]]);
  });
  await test.step("within a request, and byte by byte", async () => {
    await client.send(opening(1, "/text", { body: "ab" }), pieces(STDIN, 1, "a"));
    for (const byte of record(GET_VALUES, 0, encodePairs(all), 2)) {
      await client.send(Uint8Array.of(byte));
    }
    assertEquals((await client.management()).type, GET_VALUES_RESULT);
    await client.send(stream(STDIN, 1, "b"));
    assertEquals((await client.reply(1)).body, "ab");
  });
  await test.step("unknown types are told so, and the next request is served", async () => {
    for (const type of [12, 100, 255]) {
      await client.send(record(type, 0, "content".repeat(1_000), 5));
      const { type: answered, content } = await client.management();
      assertEquals([answered, ...content], [UNKNOWN_TYPE, type, 0, 0, 0, 0, 0, 0, 0]);
    }
    assertEquals((await client.ask(1, "/")).body, "hello");
  });
  await test.step("pairs that are cut off end the connection", async () => {
    await client.send(record(GET_VALUES, 0, "\x05\x00abc"));
    assert(await client.closed());
  });
}, ["--max-conns=7", "--max-reqs=9"]);

Deno.test("a role that does not exist is refused, and the connection stays if it may", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1"]);
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  for (const role of [0, 4, 0xffff]) {
    const reply = await client.ask(3, "/text", { role, body: "not read" });
    assertEquals([reply.protocolStatus, reply.appStatus], [UNKNOWN_ROLE, 0]);
    assertEquals(reply.stdout, "");
    assertEquals((await client.ask(3, "/")).body, "hello");
  }
  const reply = await client.ask(4, "/", { role: 9, keepConn: false });
  assertEquals(reply.protocolStatus, UNKNOWN_ROLE);
  assert(await client.closed());
});

bothWays("requests beyond --max-reqs are told that it is overloaded", async (gateway) => {
  using client = await RawFastCgiClient.connect(gateway.fastcgiPort);
  using other = await RawFastCgiClient.connect(gateway.fastcgiPort);
  await client.send(request(1, "/hang"), request(2, "/hang"));
  assertEquals((await client.ask(3, "/")).protocolStatus, OVERLOADED);
  const reply = await other.ask(1, "/text", { body: "not read" });
  assertEquals([reply.protocolStatus, reply.stdout], [OVERLOADED, ""]);
  await client.send(record(ABORT_REQUEST, 1));
  await client.reply(1);
  assertEquals((await other.ask(1, "/")).body, "hello", "there is room again");
  assertEquals((await client.ask(3, "/")).body, "hello");
}, ["--max-reqs=2"]);

Deno.test("connections beyond --max-conns are told so, unless an idle one makes room", async () => {
  await using gateway = await startFastCgi([APP, "--workers=1", "--max-conns=2"]);
  const { fastcgiPort } = gateway;
  using first = await RawFastCgiClient.connect(fastcgiPort);
  using second = await RawFastCgiClient.connect(fastcgiPort);
  await first.send(request(1, "/hang"));
  await second.send(request(1, "/hang"));
  assertEquals((await first.ask(2, "/")).body, "hello");
  assertEquals((await second.ask(2, "/")).body, "hello");
  {
    using third = await RawFastCgiClient.connect(fastcgiPort);
    const reply = await third.ask(1, "/text", { body: "not read" });
    assertEquals([reply.protocolStatus, reply.stdout], [OVERLOADED, ""]);
    assert(await third.closed(), "KEEP_CONN or not");
  }
  await second.send(record(ABORT_REQUEST, 1));
  await second.reply(1);
  await eventually("there is room again", async () => {
    using fourth = await RawFastCgiClient.connect(fastcgiPort);
    return (await fourth.ask(1, "/")).body === "hello";
  });
  assert(await second.closed(), "the idle one made room");
  await first.send(record(ABORT_REQUEST, 1));
  await first.reply(1);
});

Deno.test("what no web server may send ends its connection, and no other", async (test) => {
  await using gateway = await startFastCgi([APP, "--workers=1"]);
  const { fastcgiPort, log } = gateway;
  const eight = new Uint8Array(8);
  const cases: [string, Uint8Array][] = [
    ["a request with the number 0", request(0, "/")],
    ["a number that is in use", concat(opening(1, "/hang"), begin(1))],
    ["a number that is in use, with its parameters under way", concat(begin(1), begin(1))],
    ["version 0", record(GET_VALUES, 0, "", 0, 0)],
    ["version 2", concat(request(1, "/slow?ms=100"), record(GET_VALUES, 0, "", 0, 2))],
    ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
    ["END_REQUEST", concat(opening(1, "/hang"), record(END_REQUEST, 1, eight))],
    ["STDOUT", concat(opening(1, "/hang"), record(STDOUT, 1, "x"))],
    ["STDERR", concat(opening(1, "/hang"), record(STDERR, 1))],
    ["GET_VALUES_RESULT", record(GET_VALUES_RESULT, 0)],
    ["UNKNOWN_TYPE", record(UNKNOWN_TYPE, 0, eight)],
    ["BEGIN_REQUEST of 7 bytes", record(1, 1, eight.subarray(1))],
    ["BEGIN_REQUEST of 9 bytes", record(1, 1, new Uint8Array(9))],
    ["ABORT_REQUEST with content", concat(opening(1, "/hang"), record(ABORT_REQUEST, 1, "x"))],
    ["broken pairs in GET_VALUES", record(GET_VALUES, 0, "\x01")],
  ];
  using neighbour = await RawFastCgiClient.connect(fastcgiPort);
  await neighbour.send(opening(1, "/text", { body: "ab" }), pieces(STDIN, 1, "a"));
  let lines = 0;
  for (const [name, bytes] of cases) {
    await test.step(name, async () => {
      using client = await RawFastCgiClient.connect(fastcgiPort);
      await client.send(bytes);
      assert(await client.closed());
      lines++;
      const closings = () => log.filter((line) => line.includes("the connection is closed"));
      await eventually("it is logged", () => Promise.resolve(closings().length >= lines));
      assertEquals(closings().length, lines);
      assertMatch(
        closings().at(-1)!,
        /^warning: fastcgi: .+ \(FastCGI 1\.0 [\d.]+\) from 127\.0\.0\.1:\d+: the connection is closed$/,
      );
      assertEquals((await neighbour.ask(2, "/")).body, "hello");
    });
  }
  await neighbour.send(stream(STDIN, 1, "b"));
  assertEquals((await neighbour.reply(1)).body, "ab");
  assertEquals(log.filter((line) => /^(?:warning|error)/.test(line)).length, lines, log.join("\n"));
});

bothWays("records that concern no request are ignored", async ({ fastcgiPort }, test) => {
  using client = await RawFastCgiClient.connect(fastcgiPort);
  const about = (id: number) => [
    record(ABORT_REQUEST, id),
    params(id, { REQUEST_METHOD: "GET", REQUEST_URI: "/stray" }),
    stream(PARAMS, id, "\xff\xff broken"),
    stream(STDIN, id, "stray".repeat(30_000)),
    stream(DATA, id, "stray"),
  ];
  await test.step("those of numbers that nobody has begun", async () => {
    await client.send(...about(77), ...about(0), ...about(65_535));
    assertEquals((await client.ask(1, "/")).body, "hello");
  });
  await test.step("those of requests that have ended", async () => {
    await client.send(...about(1));
    assertEquals((await client.ask(1, "/")).body, "hello");
  });
  await test.step("what comes after the end of PARAMS or STDIN", async () => {
    await client.send(
      opening(1, "/slow?ms=100", { body: "12345" }),
      params(1, { REQUEST_METHOD: "GET", REQUEST_URI: "/" }),
      stream(STDIN, 1, "12345"),
      stream(STDIN, 1, "more"),
      record(PARAMS, 1),
      record(PARAMS, 1, "\xff\xff"),
    );
    assertEquals((await client.reply(1)).body, "slow");
    await client.send(request(1, "/text", { body: "12345" }), stream(STDIN, 1, "more"));
    assertEquals((await client.reply(1)).body, "12345");
  });
  await test.step("STDIN of nobody before a request", async () => {
    await client.send(pieces(STDIN, 1, "early"), opening(1, "/text", { body: "12" }));
    await client.send(stream(STDIN, 1, "12"));
    assertEquals((await client.reply(1)).body, "12");
  });
  await test.step("DATA to a responder", async () => {
    await client.send(
      opening(1, "/text", { body: "12345" }),
      pieces(STDIN, 1, "123"),
      stream(DATA, 1, "file".repeat(100_000)),
      stream(STDIN, 1, "45"),
    );
    assertEquals((await client.reply(1)).body, "12345");
    assertEquals(client.endings, [1, 1, 1, 1, 1, 1]);
  });
});
