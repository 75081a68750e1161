import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

Deno.test("requests over the limits get their status, and the connection ends", async (test) => {
  await using gateway = await startGateway([
    APP,
    "--workers=1",
    "--max-header-bytes=1k",
    "--max-header-count=5",
    "--max-target-bytes=100",
    "--max-body-bytes=1000",
  ]);
  const head = "POST /text HTTP/1.1\r\nHost: a\r\n";
  const cases: [string, number, string][] = [
    ["too many header bytes", 431, get("/", `X: ${"x".repeat(1_100)}\r\n`)],
    ["too many headers", 431, get("/", "A: 1\r\n".repeat(5))],
    ["a target that is too long", 414, get(`/${"x".repeat(100)}`)],
    ["a body that is announced too large", 413, `${head}Content-Length: 1001\r\n\r\n`],
    [
      "a chunked body that becomes too large",
      413,
      `${head}Transfer-Encoding: chunked\r\n\r\n3e9\r\n`,
    ],
    ["a malformed request", 400, "nonsense\r\n\r\n"],
    ["an unknown transfer coding", 501, `${head}Transfer-Encoding: x\r\n\r\n`],
    ["a version that is not 1", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"],
    ["an unknown expectation", 417, `${head}Expect: x\r\nContent-Length: 1\r\n\r\n`],
    [
      "a method that no Request can have",
      501,
      "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
  ];
  for (const [name, status, text] of cases) {
    await test.step(`${name}: ${status}`, async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(text);
      const response = await client.receive();
      assertEquals(response.status, status);
      assertEquals(response.headers.get("connection"), "close");
      assertMatch(response.body, new RegExp(`^${status} `));
      await (client.conn as Deno.TcpConn).closeWrite();
      assert(await client.closed());
    });
  }
  await test.step("an error after pipelined requests comes after their answers", async () => {
    using client = await RawClient.connect(gateway.port);
    await client.send(get("/slow?ms=100") + get("/") + "nonsense\r\n\r\n");
    assertEquals((await client.receive()).body, "slow");
    assertEquals((await client.receive()).body, "hello");
    assertEquals((await client.receive()).status, 400);
  });
  await test.step("what is within the limits is served", async () => {
    using client = await RawClient.connect(gateway.port);
    await client.send(`${head}Content-Length: 1000\r\n\r\n${"x".repeat(1_000)}`);
    assertEquals((await client.receive()).body.length, 1_000);
  });
});

for (const workers of ["1", "0"]) {
  Deno.test(`an answer that leaves most of a body unread says that its connection closes (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([
      ...[APP, `--workers=${workers}`, "--max-body-bytes=1m", "--request-timeout=300ms"],
    ]);
    const length = "Content-Length: 1000000\r\n";
    const chunked = "Transfer-Encoding: chunked\r\n";
    const cases: [string, number, string][] = [
      ["an app that does not wait for it", 404, `POST /no HTTP/1.1\r\nHost: a\r\n${length}\r\n`],
      ["an app that fails", 500, `POST /throw HTTP/1.1\r\nHost: a\r\n${length}\r\n`],
      [
        "an app that fails with a chunked one",
        500,
        `POST /throw HTTP/1.1\r\nHost: a\r\n${chunked}\r\n5\r\nhello\r\n`,
      ],
      ["an app that is too slow", 504, `POST /hang HTTP/1.1\r\nHost: a\r\n${length}\r\n`],
      [
        "a method that no Request can have",
        501,
        `TRACE / HTTP/1.1\r\nHost: a\r\n${chunked}\r\n5\r\nhello\r\n`,
      ],
      [
        "a body that is too large",
        413,
        `POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n`,
      ],
      [
        "a chunked body that is too large",
        413,
        `POST /text HTTP/1.1\r\nHost: a\r\n${chunked}\r\n5\r\nhello\r\n100000\r\n`,
      ],
    ];
    for (const [name, status, text] of cases) {
      await test.step(`${name}: ${status}`, async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(text);
        const response = await client.receive();
        assertEquals([response.status, response.headers.get("connection")], [status, "close"]);
        await (client.conn as Deno.TcpConn).closeWrite();
        assert(await client.closed());
      });
    }
    await test.step("a small rest of a body costs no connection", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf");
      const response = await client.receive();
      assertEquals([response.status, response.headers.get("connection")], [404, null]);
      await client.send("x".repeat(996) + get("/"));
      assertEquals((await client.receive()).body, "hello");
    });
  });
}

Deno.test("time limits end what takes too long", async (test) => {
  await using gateway = await startGateway([
    APP,
    "--workers=1",
    "--header-timeout=400ms",
    "--body-timeout=400ms",
    "--idle-timeout=300ms",
    "--request-timeout=600ms",
  ]);
  const { port } = gateway;
  await Promise.all([
    test.step({
      name: "a head that drips in is answered 408, however lively it drips",
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        using client = await RawClient.connect(port);
        const dripping = (async () => {
          for (const char of get("/", `X: ${"x".repeat(100)}\r\n`)) {
            await client.send(char);
            await sleep(30);
          }
        })().catch(() => {});
        assertEquals((await client.receive()).status, 408);
        client[Symbol.dispose]();
        await dripping;
      },
    }),
    test.step({
      name: "a connection that never says anything is closed silently",
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        using client = await RawClient.connect(port);
        assert(await client.closed());
      },
    }),
    test.step({
      name: "an idle connection is closed silently",
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        using client = await RawClient.connect(port);
        await client.send(get("/"));
        await client.receive();
        assert(await client.closed());
      },
    }),
    test.step({
      name: "a body that stops coming is answered 408",
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        using client = await RawClient.connect(port);
        await client.send("POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
        assertEquals((await client.receive()).status, 408);
      },
    }),
    test.step({
      name: "an app that does not answer in time gets its client 504, and its signal fires",
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        using client = await RawClient.connect(port);
        await client.send(get("/hang"));
        assertEquals((await client.receive()).status, 504);
        await client.send(get("/tally"));
        assertEquals(JSON.parse((await client.receive()).body).aborted >= 1, true);
      },
    }),
    test.step({
      name: "a client that stops reading is cut off",
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        using client = await RawClient.connect(port);
        await client.send(get("/bytes?n=100000000"));
        await sleep(1_500);
        const text = await client.rest();
        assert(text.length < 100_000_000);
      },
    }),
  ]);
});

Deno.test("the time for a body does not run while the app is not reading", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--body-timeout=400ms"]);
  using client = await RawClient.connect(gateway.port);
  // One window's worth, so that nothing more is asked for until the app reads on.
  const [first, rest] = ["x".repeat(262_144), "y".repeat(100_000)];
  const length = first.length + rest.length;
  await client.send(
    `POST /slow-read?ms=1200 HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${first}`,
  );
  await sleep(1_300);
  await client.send(rest);
  assertEquals((await client.receive()).body, String(length));
});

Deno.test("a connection carries as many requests as it may", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-requests-per-connection=3"]);
  using client = await RawClient.connect(gateway.port);
  await client.send(get("/").repeat(5));
  assertEquals((await client.receive()).headers.get("connection"), null);
  assertEquals((await client.receive()).headers.get("connection"), null);
  assertEquals((await client.receive()).headers.get("connection"), "close");
  assert(await client.closed());
});

Deno.test("--no-keep-alive closes each connection after its request", async () => {
  await using gateway = await startGateway([APP, "--workers=0", "--no-keep-alive"]);
  using client = await RawClient.connect(gateway.port);
  await client.send(get("/"));
  assertEquals((await client.receive()).headers.get("connection"), "close");
  assert(await client.closed());
});

Deno.test("at the limit of connections, an idle one makes room; busy ones make others wait", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-connections=2"]);
  const { port } = gateway;
  using idle = await RawClient.connect(port);
  await idle.send(get("/"));
  await idle.receive();
  using busy = await RawClient.connect(port);
  await busy.send(get("/slow?ms=600"));
  await sleep(50);
  using third = await RawClient.connect(port);
  await third.send(get("/slow?ms=600"));
  assert(await idle.closed(), "the idle connection is closed");
  using fourth = await RawClient.connect(port);
  await fourth.send(get("/"));
  assertEquals((await busy.receive()).body, "slow");
  busy[Symbol.dispose]();
  assertEquals((await fourth.receive()).body, "hello");
  assertEquals((await third.receive()).body, "slow");
});
