import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { eventually } from "../support/zmq.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** Something that holds of a gateway, whatever it was asked before. */
interface Behaviour {
  readonly name: string;
  readonly body: (
    gateway: GatewayProcess,
    test: Deno.TestContext,
    workers: number,
  ) => Promise<void>;
}

const behaviours: Behaviour[] = [];

function behaves(name: string, body: Behaviour["body"]): void {
  behaviours.push({ name, body });
}

for (const workers of [2, 0]) {
  Deno.test(`an HTTP endpoint does what it should (--workers=${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    for (const { name, body } of behaviours) {
      await test.step(name, (step) => body(gateway, step, workers));
    }
  });
}

behaves("an app answers what clients ask", async ({ url, port }, test) => {
  await test.step("a small response has its length", async () => {
    const response = await fetch(`${url}/`);
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-length"), "5");
    assertEquals(response.headers.get("content-type"), "text/plain;charset=UTF-8");
    assertMatch(response.headers.get("date")!, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    assertEquals(await response.text(), "hello");
  });

  await test.step("JSON is echoed", async () => {
    const value = { text: "ä€😀", list: [1, 2, 3] };
    const response = await fetch(`${url}/json`, { method: "POST", body: JSON.stringify(value) });
    assertEquals(response.headers.get("content-type"), "application/json");
    assertEquals(await response.json(), value);
  });

  await test.step("a chunked upload is echoed as a stream", async () => {
    const parts = ["one", "two", "", "three"];
    const body = ReadableStream.from(parts.map((part) => new TextEncoder().encode(part)));
    const response = await fetch(`${url}/echo`, { method: "POST", body });
    assertEquals(await response.text(), "onetwothree");
  });

  await test.step("bodies around the sizes of windows and frames arrive whole", async () => {
    for (const base of [65_536, 262_144, 1_048_576]) {
      for (const bytes of [base - 1, base, base + 1]) {
        const large = await (await fetch(`${url}/large?n=${bytes}`)).text();
        assertEquals(large, "y".repeat(bytes));
        const streamed = await (await fetch(`${url}/bytes?n=${bytes}`)).text();
        assertEquals(streamed.length, bytes);
        const raw = await (await fetch(`${url}/large-bytes?n=${bytes}`)).text();
        assertEquals(raw, "z".repeat(bytes));
        for (const path of ["/count", "/slow-read?ms=20"]) {
          const counted = await fetch(`${url}${path}`, { method: "POST", body: "x".repeat(bytes) });
          assertEquals(await counted.text(), String(bytes));
        }
        const text = await fetch(`${url}/text`, { method: "POST", body: "x".repeat(bytes) });
        assertEquals((await text.text()).length, bytes);
      }
    }
  });

  await test.step("non-ASCII text has the length of its encoding", async () => {
    for (const text of ["ä€😀", "ä€😀".repeat(1_000), "ä€😀".repeat(50_000)]) {
      const response = await fetch(`${url}/text`, { method: "POST", body: text });
      assertEquals(await response.text(), text);
    }
  });

  await test.step("the app learns the request's URL, headers and variables", async () => {
    using client = await RawClient.connect(port);
    await client.send(
      "PUT /info/..//info?q=a%26b HTTP/1.1\r\nHost: Example.com:81\r\nX-Twice: 1\r\n" +
        "X-Twice:  2 \r\nProxy: evil\r\nContent-Length: 2\r\n\r\nhi",
    );
    const response = await client.receive();
    assertEquals(response.status, 404, "the dot segments of the path are resolved");
    await client.send(
      "PUT /info?q=a%26b HTTP/1.1\r\nHost: Example.com:81\r\nX-Twice: 1\r\n" +
        "X-Twice:  2 \r\nProxy: evil\r\nContent-Length: 2\r\n\r\nhi",
    );
    const info = JSON.parse((await client.receive()).body);
    assertEquals(info.method, "PUT");
    assertEquals(info.url, "http://example.com:81/info?q=a%26b");
    assertEquals(info.mount, "");
    assertEquals(info.endpoint, "http");
    assertEquals(info.remoteAddr.hostname, "127.0.0.1");
    assertEquals(info.localAddr.port, port);
    assertEquals(new Headers(info.headers).get("x-twice"), "1, 2");
    assertEquals(info.env.REQUEST_METHOD, "PUT");
    assertEquals(info.env.PATH_INFO, "/info");
    assertEquals(info.env.QUERY_STRING, "q=a%26b");
    assertEquals(info.env.SERVER_NAME, "example.com");
    assertEquals(info.env.SERVER_PORT, "81");
    assertEquals(info.env.HTTP_X_TWICE, "1, 2");
    assertEquals(info.env.CONTENT_LENGTH, "2");
    assertEquals(info.env.REMOTE_ADDR, "127.0.0.1");
    assertEquals(info.env.HTTP_PROXY, undefined);
  });

  await test.step("cookies are repeated fields", async () => {
    const response = await fetch(`${url}/cookies`);
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
    await response.body?.cancel();
  });

  await test.step("the client's chunks and trailers reach the app that asks for them", async () => {
    using client = await RawClient.connect(port);
    await client.send(
      "POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
        "5;ext=1\r\nhello\r\n3\r\nyou\r\n0\r\nX-Sum: 8\r\n\r\n",
    );
    const { pieces, trailers } = JSON.parse((await client.receive()).body);
    assertEquals(pieces, [[5, "hello"], [3, "you"]]);
    assertEquals(trailers, [["x-sum", "8"]]);
  });
});

behaves("responses are framed as HTTP demands", async ({ port, log, logged }, test) => {
  const cases: [
    string,
    string,
    "response" | "head",
    number,
    Record<string, string | null>,
    string,
  ][] = [
    [
      "HEAD has a length and no body",
      "HEAD / HTTP/1.1",
      "head",
      200,
      { "content-length": "5" },
      "",
    ],
    ["HEAD of a stream has no body", "HEAD /stream HTTP/1.1", "head", 200, {}, ""],
    ["204 has neither", "GET /status?code=204 HTTP/1.1", "response", 204, {
      "content-length": null,
      "transfer-encoding": null,
    }, ""],
    ["304 has no body", "GET /status?code=304 HTTP/1.1", "response", 304, {
      "transfer-encoding": null,
    }, ""],
    ["an empty 200 has the length 0", "GET /status?code=200 HTTP/1.1", "response", 200, {
      "content-length": "0",
    }, ""],
    ["a stream is chunked", "GET /stream HTTP/1.1", "response", 200, {
      "transfer-encoding": "chunked",
    }, "part 0\npart 1\npart 2\n"],
    ["a stream of declared length is not", "GET /length HTTP/1.1", "response", 200, {
      "transfer-encoding": null,
      "content-length": "5",
    }, "12345"],
  ];
  using client = await RawClient.connect(port);
  for (const [name, line, kind, status, headers, body] of cases) {
    await test.step(name, async () => {
      await client.send(`${line}\r\nHost: a\r\n\r\n`);
      const response = await client.receive(kind);
      assertEquals(response.status, status);
      for (const [field, value] of Object.entries(headers)) {
        assertEquals(response.headers.get(field), value);
      }
      assertEquals(response.body, body);
    });
  }

  await test.step("HTTP/1.0 gets a stream until the connection closes", async () => {
    using old = await RawClient.connect(port);
    await old.send("GET /stream HTTP/1.0\r\n\r\n");
    const response = await old.receive();
    assertEquals(response.headers.get("connection"), "close");
    assertEquals(response.headers.get("transfer-encoding"), null);
    assertEquals(response.body, "part 0\npart 1\npart 2\n");
  });

  await test.step("HTTP/1.0 is kept alive if it asks for that", async () => {
    using old = await RawClient.connect(port);
    for (let i = 0; i < 3; i++) {
      await old.send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
      const response = await old.receive();
      assertEquals(response.headers.get("connection"), "keep-alive");
      assertEquals(response.body, "hello");
    }
    await old.send("GET / HTTP/1.0\r\n\r\n");
    assertEquals((await old.receive()).headers.get("connection"), "close");
    assert(await old.closed());
  });

  await test.step("HTTP/1.1 that asks for it is closed", async () => {
    using closing = await RawClient.connect(port);
    await closing.send(get("/", "Connection: close\r\n"));
    assertEquals((await closing.receive()).headers.get("connection"), "close");
    assert(await closing.closed());
  });

  // RFC 9112 6.3: a response ends where its Content-Length says.
  await test.step("of a body longer than its length that length is sent, and no more", async () => {
    using client = await RawClient.connect(port);
    await client.send(get("/length?n=3") + get("/"));
    assertEquals((await client.receive()).body, "123");
    assertEquals((await client.receive()).body, "hello");
    await logged(/^error: http: the response's body is longer than its Content-Length$/);
  });

  await test.step("pieces after the last byte that was announced harm no other response", async () => {
    using client = await RawClient.connect(port);
    const surplus = log.filter((line) => line.includes("longer than its Content-Length")).length;
    await client.send(get("/endless?n=7") + get("/"));
    assertEquals((await client.receive()).body, "pieces ");
    assertEquals((await client.receive()).body, "hello");
    await eventually(() =>
      log.filter((line) => line.includes("longer than its Content-Length")).length > surplus
    );
  });

  await test.step("a body shorter than its declared length breaks the connection", async () => {
    using broken = await RawClient.connect(port);
    await broken.send(get("/length?n=7"));
    assertEquals((await broken.rest()).endsWith("\r\n\r\n12345"), true);
  });
});

behaves("pipelined requests are answered in their order", async ({ port }) => {
  using client = await RawClient.connect(port);
  const paths = ["/slow?ms=150", "/", "/stream?ms=5", "/large?n=300000", "/status?code=204", "/"];
  await client.send(paths.map((path) => get(path)).join(""));
  const bodies: string[] = [];
  for (const _ of paths) bodies.push((await client.receive()).body);
  assertEquals(bodies[0], "slow");
  assertEquals(bodies[1], "hello");
  assertEquals(bodies[2], "part 0\npart 1\npart 2\n");
  assertEquals(bodies[3], "y".repeat(300_000));
  assertEquals(bodies[4], "");
  assertEquals(bodies[5], "hello");

  await client.send(get("/").repeat(500));
  for (let i = 0; i < 500; i++) assertEquals((await client.receive()).body, "hello");
});

behaves(
  "a client that expects 100 gets it when the app reads the body",
  async ({ port }, test) => {
    await test.step("read: 100, then the answer", async () => {
      using client = await RawClient.connect(port);
      const head = "POST /text HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
      await client.send(`${head}Content-Length: 4\r\n\r\n`);
      assertEquals((await client.receive()).status, 100);
      await client.send("body");
      assertEquals((await client.receive()).body, "body");
      await client.send(`${head}Content-Length: 4\r\n\r\n`);
      assertEquals((await client.receive()).status, 100);
      await client.send("next");
      assertEquals((await client.receive()).body, "next");
    });
    await test.step("not read: the answer only, and the connection ends", async () => {
      using client = await RawClient.connect(port);
      await client.send(
        "POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
      );
      const response = await client.receive();
      assertEquals(response.status, 200);
      assertEquals(response.headers.get("connection"), "close");
    });
  },
);

behaves("a body that nobody reads does not become the next request", async ({ port }, test) => {
  const smuggled = get("/status?code=500");
  await test.step("a small one is discarded", async () => {
    using client = await RawClient.connect(port);
    await client.send(
      `POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}` +
        get("/"),
    );
    assertEquals((await client.receive()).body, "unread");
    assertEquals((await client.receive()).body, "hello");
  });
  await test.step("a chunked one too", async () => {
    using client = await RawClient.connect(port);
    const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n`;
    await client.send(
      "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
        `${chunk.repeat(20)}0\r\n\r\n` + get("/"),
    );
    assertEquals((await client.receive()).body, "unread");
    assertEquals((await client.receive()).body, "hello");
  });
  await test.step("a large one ends the connection, after the answer", async () => {
    using client = await RawClient.connect(port);
    await client.send("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    await client.send("x".repeat(200_000));
    assertEquals((await client.receive()).body, "unread");
    assert(await client.closed());
  });
});

behaves("an app that fails costs no more than its own request", async (gateway, test) => {
  const { url, port } = gateway;
  await test.step("an app that throws gets its client a 500, and its stack into the log", async () => {
    const response = await fetch(`${url}/throw`);
    assertEquals(response.status, 500);
    const text = await response.text();
    assertEquals(text.includes("on purpose"), false);
    await gateway.logged(/\/throw failed: Error: thrown on purpose/);
    await gateway.logged(/app\.ts:\d+:\d+/);
  });
  await test.step("what is no Response is a 500", async () => {
    const response = await fetch(`${url}/not-a-response`);
    assertEquals(response.status, 500);
    await response.body?.cancel();
    const line = await gateway.logged(/returned a number \(42\) instead of a Response/);
    // The gateway's own frames are of no use to the app's author.
    assertEquals(/^ +at /.test(gateway.log[gateway.log.indexOf(line) + 1] ?? ""), false);
  });
  await test.step("a stream that fails breaks the connection, without its last chunk", async () => {
    using client = await RawClient.connect(port);
    await client.send(get("/break"));
    const rest = await client.rest();
    assert(rest.includes("some"));
    assert(!rest.includes("\r\n0\r\n"));
  });
  await test.step("other requests are answered as before", async () => {
    assertEquals(await (await fetch(`${url}/`)).text(), "hello");
  });
});

behaves("a client that goes away is noticed by the app", async ({ url, port }, _test, workers) => {
  type Tally = { worker: string; aborted: number; cancelled: number };
  /** What the workers have counted: asked at once, several of them answer. */
  const tallies = (): Promise<Tally[]> =>
    Promise.all(Array.from({ length: 6 }, async () => await (await fetch(`${url}/tally`)).json()));
  const before = new Map<string, Tally>();
  while (before.size < Math.max(workers, 1)) {
    for (const each of await tallies()) before.set(each.worker, each);
  }
  for (const path of ["/hang", "/stream?count=1000000&ms=5"]) {
    using client = await RawClient.connect(port);
    await client.send(get(path));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const missing = new Set(["aborted", "cancelled"] as const);
  for (let i = 0; i < 200 && missing.size > 0; i++) {
    for (const each of await tallies()) {
      for (const name of missing) {
        if (each[name] > before.get(each.worker)![name]) missing.delete(name);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assertEquals([...missing], []);
});

behaves("a client that half closes its connection still gets its answer", async ({ port }) => {
  using client = await RawClient.connect(port);
  await client.send(get("/slow?ms=200") + get("/"));
  await (client.conn as Deno.TcpConn).closeWrite();
  assertEquals((await client.receive()).body, "slow");
  assertEquals((await client.receive()).body, "hello");
  assert(await client.closed());
});

behaves(
  "a client that half closes within an answer sees its end with the answer's",
  async ({ port }) => {
    using other = await RawClient.connect(port);
    await other.send(get("/slow?ms=60000"));
    await (other.conn as Deno.TcpConn).closeWrite();
    using client = await RawClient.connect(port);
    await client.send(get("/stream?count=2&ms=200"));
    await client.conn.read(new Uint8Array(1));
    await (client.conn as Deno.TcpConn).closeWrite();
    // One that is sent nothing is closed when it counts as gone.
    const first = await Promise.race([
      client.rest().then(() => "the answered one"),
      other.rest().then(() => "the one that counts as gone"),
    ]);
    assertEquals(first, "the answered one");
  },
);

behaves("an app that stops reading stops its client", async ({ port }) => {
  using client = await RawClient.connect(port);
  const bytes = 64 * 1_048_576;
  await client.send(
    `POST /slow-read?ms=1500 HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  const chunk = new Uint8Array(1_048_576);
  let sent = 0;
  const pause = { until: 0 };
  const sending = (async () => {
    for (; sent < bytes; sent += chunk.length) await client.send(chunk);
  })();
  await new Promise((resolve) => setTimeout(resolve, 700));
  pause.until = sent;
  // What is under way in windows and socket buffers is some megabytes, not all of it.
  assert(pause.until < bytes / 2, `${pause.until} bytes were taken from the client`);
  await sending;
  assertEquals((await client.receive()).body, String(bytes));
});
