/** Memory that connections share: what they have taken, they give back. */
import { BufferPool } from "../../src/base/buffers.ts";
import { serve } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { opening, RawFastCgiClient, request } from "../support/fastcgi.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { until } from "../support/reloading.ts";

/** Buffers that somebody has, of all pools. */
const taken = new Set<Uint8Array>();
/** What was given back that nobody had. */
let givenTwice = 0;
const { take, give } = BufferPool.prototype;
BufferPool.prototype.take = function (bytes) {
  const buffer = take.call(this, bytes);
  taken.add(buffer);
  return buffer;
};
BufferPool.prototype.give = function (buffer) {
  if (buffer.length > 0 && !taken.delete(buffer)) givenTwice++;
  give.call(this, buffer);
};

const LARGE = "x".repeat(300_000);
const post = (length: number, body: string) =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n${body}`;

/** Ends of connections over HTTP. */
const http: Record<string, (client: RawClient) => Promise<unknown>> = {
  "nothing was sent": () => Promise.resolve(),
  "after a request": async (client) => {
    await client.send(get("/"));
    await client.receive();
  },
  "after a large body": async (client) => {
    await client.send(post(LARGE.length, LARGE));
    assertEquals((await client.receive()).body, String(LARGE.length));
  },
  "after requests that were sent together": async (client) => {
    await client.send(get("/").repeat(20));
    for (let i = 0; i < 20; i++) await client.receive();
  },
  "within a head": (client) => client.send("GET / HTTP/1.1\r\nHost: local"),
  "within a body": (client) => client.send(post(LARGE.length, LARGE.slice(0, 200_000))),
  "half of it, within an answer": async (client) => {
    await client.send(get("/"));
    await (client.conn as Deno.TcpConn).closeWrite();
    await client.rest();
  },
  "what is refused": async (client) => {
    await client.send("GET / HTTP/9.9\r\n\r\n" + LARGE);
    await client.rest().catch(() => {});
  },
};

/** Ends of connections over FastCGI. */
const fastcgi: Record<string, (client: RawFastCgiClient) => Promise<unknown>> = {
  "nothing was sent": () => Promise.resolve(),
  "after a request": async (client) => {
    await client.send(request(1, "/"));
    await client.reply(1);
  },
  "after a large body": async (client) => {
    await client.send(request(1, "/", { body: LARGE }));
    assertEquals((await client.reply(1)).body, String(LARGE.length));
  },
  "within a body": (client) => client.send(request(1, "/", { body: LARGE }).slice(0, 200_000)),
  "within parameters": (client) => client.send(opening(1, "/").slice(0, 20)),
};

Deno.test("connections give back all of their memory, however they end", async (test) => {
  await using server = await serve({
    http: "127.0.0.1:0",
    fastcgi: "127.0.0.1:0",
    app: async (request) => new Response(String((await request.bytes()).length)),
    log: () => {},
  });
  const [httpPort, fastcgiPort] = server.addresses.map((address) => (address as Deno.NetAddr).port);
  // An endpoint has memory of its own, for one request at a time.
  {
    using client = await RawFastCgiClient.connect(fastcgiPort);
    await client.send(request(1, "/", { body: "x".repeat(100) }));
    await client.reply(1);
  }
  const own = 1;
  await until("the first connection is gone", () => taken.size === own);
  const before = taken.size;
  const settled = () => until("all is given back", () => taken.size === before);
  for (const [name, use] of Object.entries(http)) {
    await test.step(`HTTP: ${name}`, async () => {
      for (let i = 0; i < 5; i++) {
        using client = await RawClient.connect(httpPort);
        await use(client);
      }
      await settled();
    });
  }
  for (const [name, use] of Object.entries(fastcgi)) {
    await test.step(`FastCGI: ${name}`, async () => {
      for (let i = 0; i < 5; i++) {
        using client = await RawFastCgiClient.connect(fastcgiPort);
        await use(client);
      }
      await settled();
    });
  }
  assertEquals(givenTwice, 0);
});

Deno.test("a connection that idles after a large body has a small buffer", async () => {
  await using server = await serve({
    http: "127.0.0.1:0",
    fastcgi: "127.0.0.1:0",
    app: async (request) => new Response(String((await request.bytes()).length)),
    log: () => {},
  });
  const [httpPort, fastcgiPort] = server.addresses.map((address) => (address as Deno.NetAddr).port);
  const bytes = () => [...taken].reduce((sum, { length }) => sum + length, 0);
  const before = bytes();
  using client = await RawClient.connect(httpPort);
  await client.send(post(LARGE.length, LARGE));
  await client.receive();
  await until("HTTP's is small", () => bytes() - before <= 4_096);
  using web = await RawFastCgiClient.connect(fastcgiPort);
  await web.send(request(1, "/", { body: LARGE }));
  await web.reply(1);
  // One is the endpoint's own.
  await until("FastCGI's is small", () => bytes() - before <= 3 * 4_096);
});
