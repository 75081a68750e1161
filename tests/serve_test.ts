import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { ConfigError, DEFAULT_HTTP_LIMITS, ListenError, LoadError, serve } from "gatehouse";
import { HttpEndpoint } from "gatehouse/http1";
import type { Context, Exchange, Log, Server } from "gatehouse";
import { get, RawClient } from "./support/raw_client.ts";

const APP = new URL("./fixtures/app.ts", import.meta.url);
const portOf = (server: Server) => (server.addresses[0] as Deno.NetAddr).port;
const urlOf = (server: Server) => `http://127.0.0.1:${portOf(server)}`;
const http = "127.0.0.1:0";
const silent: Log = () => {};

Deno.test("serve() takes apps by URL, into workers or onto this thread", async () => {
  for (const workers of [2, 0]) {
    await using server = await serve({ app: APP, http, workers });
    assertEquals(await (await fetch(`${urlOf(server)}/`)).text(), "hello");
  }
});

Deno.test("serve() takes apps as objects and functions, by prefix", async () => {
  await using server = await serve({
    http,
    app: { fetch: () => new Response("root") },
    mounts: {
      "/f": (_request, context) => new Response(`f at ${context.mount}`),
      "/json/": () => Response.json({ a: 1 }),
    },
  });
  assertEquals(await (await fetch(`${urlOf(server)}/x`)).text(), "root");
  assertEquals(await (await fetch(`${urlOf(server)}/f/x`)).text(), "f at /f");
  assertEquals(await (await fetch(`${urlOf(server)}/json`)).json(), { a: 1 });
});

Deno.test("serve() tells apps on this thread what it listens at", async () => {
  const told: Deno.Addr[] = [];
  await using server = await serve({
    http,
    app: { fetch: () => new Response("root"), onListen: (address) => void told.push(address) },
  });
  assertEquals(told, [{ transport: "tcp", hostname: "127.0.0.1", port: portOf(server) }]);
});

Deno.test("serve() leaves the platform's Response alone", async () => {
  const before = Response;
  await using server = await serve({ http, app: () => new Response("x") });
  assertEquals(await (await fetch(urlOf(server))).text(), "x");
  assert(Response === before);
});

Deno.test("an app on this thread can read its request later", async () => {
  await using server = await serve({
    http,
    app: async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return new Response(`${new URL(request.url).pathname} ${request.headers.get("x")}`);
    },
  });
  using client = await RawClient.connect(portOf(server));
  await client.send(get("/one", "X: 1\r\n"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await client.send(get("/two", "X: 2\r\n"));
  assertEquals((await client.receive()).body, "/one 1");
  assertEquals((await client.receive()).body, "/two 2");
});

Deno.test("context.completed tells whether the response was sent", async () => {
  const outcomes: string[] = [];
  const told = Promise.withResolvers<void>();
  await using server = await serve({
    http,
    app: (request, context) => {
      context.completed.then(() => outcomes.push("sent"), (error) => outcomes.push(error.name))
        .then(() => outcomes.length === 2 && told.resolve());
      if (new URL(request.url).pathname === "/") return new Response("sent");
      return new Response(new ReadableStream({ pull() {} }));
    },
  });
  await (await fetch(urlOf(server))).text();
  const client = await RawClient.connect(portOf(server));
  await client.send("GET /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  await new Promise((resolve) => setTimeout(resolve, 50));
  client[Symbol.dispose]();
  await told.promise;
  assertEquals(outcomes, ["sent", "Interrupted"]);
});

Deno.test("shutdown() waits for what is in flight, but no longer than it may", async () => {
  const server = await serve({
    http,
    app: async (request, context) => {
      const ms = Number(new URL(request.url).searchParams.get("ms"));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        context.signal.addEventListener("abort", () => {
          clearTimeout(timer);
          resolve();
        });
      });
      return new Response("done");
    },
  });
  const quick = fetch(`${urlOf(server)}/?ms=150`).then((response) => response.text());
  const endless = fetch(`${urlOf(server)}/?ms=100000`).then(() => "answered", () => "cut off");
  await new Promise((resolve) => setTimeout(resolve, 50));
  await server.shutdown({ graceMs: 600 });
  assertEquals(await quick, "done");
  assertEquals(await endless, "cut off");
  await server.finished;
});

Deno.test("limits given to serve() are kept", async () => {
  await using server = await serve({
    http,
    limits: { maxTargetBytes: 10 },
    app: () => new Response("x"),
  });
  using client = await RawClient.connect(portOf(server));
  await client.send(get("/12345678901"));
  assertEquals((await client.receive()).status, 414);
});

Deno.test("serve() sends files that apps order, or name, or leaves them to the server in front", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a.txt`, "of a file");
    const options = { http, sendfileFields: "x-sendfile" };
    const orders = (_request: Request, context: Context) => context.sendFile(`${folder}/a.txt`);
    const named = () => new Response(null, { headers: { "x-sendfile": `${folder}/a.txt` } });
    for (const app of [orders, named]) {
      await using server = await serve({ ...options, app });
      const response = await fetch(urlOf(server));
      assertEquals(response.headers.get("x-sendfile"), null);
      assertEquals(await response.text(), "of a file");
    }
    await using server = await serve({ ...options, app: orders, sendfile: "x-sendfile" });
    const response = await fetch(urlOf(server));
    assertEquals(response.headers.get("x-sendfile"), `${folder}/a.txt`);
    assertEquals(await response.text(), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("serve() says what is wrong with its options", async () => {
  const app = () => new Response();
  await assertRejects(() => serve({}), ConfigError, "needs an app");
  await assertRejects(() => serve({ app, https: "0" }), ConfigError, "cert and key");
  await assertRejects(() => serve({ app, http: "x" }), ConfigError, "bad address");
  await assertRejects(() => serve({ app, mounts: { "a": app } }), ConfigError, "slash");
  await assertRejects(() => serve({ app, mounts: { "/": app } }), ConfigError, "two apps");
  await assertRejects(() => serve({ app, mounts: { "/a": APP } }), ConfigError, "not both");
  await assertRejects(() => serve({ app: "./none.ts", http }), LoadError, "none.ts");
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assertRejects(
    () => serve({ app, http: `127.0.0.1:${taken.addr.port}` }),
    ListenError,
    "in use",
  );
});

Deno.test("the endpoint serves any handler of exchanges", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const handler = {
    handle(exchange: Exchange) {
      const fieldLines = "x-handler: raw\r\n";
      exchange.respond({ status: 200, fieldLines, bodyLength: 4 }, null);
      exchange.write(new TextEncoder().encode("body"));
    },
  };
  await using endpoint = new HttpEndpoint(listener, "http", handler, DEFAULT_HTTP_LIMITS, silent);
  const { port } = endpoint.address as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assertEquals([response.headers.get("x-handler"), await response.text()], ["raw", "body"]);
});

Deno.test("what a handler cannot send is a 500, and is logged", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const logged: string[] = [];
  let reason = "";
  const handler = {
    handle(exchange: Exchange) {
      exchange.receiver = { ...exchange.receiver, onAbort: (why) => reason = why };
      exchange.respond({ status: 200, fieldLines: "bad name: x\r\n", bodyLength: 0 }, null);
    },
  };
  const log: Log = (_, message) => logged.push(message);
  await using endpoint = new HttpEndpoint(listener, "http", handler, DEFAULT_HTTP_LIMITS, log);
  const { port } = endpoint.address as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assertEquals(response.status, 500);
  await response.body?.cancel();
  assertEquals(reason, "invalid-response");
  assertEquals(logged.length, 1);
});
