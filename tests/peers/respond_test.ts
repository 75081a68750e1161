/** `gatehouse respond` behind a real Mongrel2; responses as mounts, asked by curl, nginx and Mongrel2. */

import { assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing, run } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { startFront } from "./front_servers.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** What one request on a connection of its own is answered. */
async function ask(port: number, request: string, kind?: "head") {
  using client = await RawClient.connect(port);
  await client.send(request);
  return await client.receive(kind);
}

const FIELDS = "Host: example.com\r\n";

Deno.test({
  name: "gatehouse respond answers all that comes from Mongrel2",
  ignore: isMissing("mongrel2"),
  async fn(test) {
    await using server = await Mongrel2Server.start({
      routes: { "/old/(.*)": "main", "/": "main", "@chat": "main" },
    });
    await using responder = await startGateway([
      "respond",
      server.spec(),
      "--code=302",
      "--status=Moved Away",
      "--header=Location: https://new.example/{MATCH}?{QUERY}",
      "-H",
      "X-Seen: {METHOD} {PREFIX} {host} {x-a}",
      "-H",
      "Content-Type: text/html; charset=utf-8",
      "--body",
      "<p>{PATH} {x-a}</p>",
    ]);
    const { port } = server;

    await test.step("with values of the request, escaped", async () => {
      const { status, headers, body } = await ask(
        port,
        `GET /old/a'b?c=d HTTP/1.1\r\n${FIELDS}X-A: <i>, "\r\n\r\n`,
      );
      assertEquals(status, 302);
      assertEquals(headers.get("location"), "https://new.example/a'b?c=d");
      assertEquals(headers.get("x-seen"), "GET /old/ example.com %3Ci%3E%2C%20%22");
      assertEquals(body, "<p>/old/a&#39;b &lt;i&gt;, &quot;</p>");
      assertEquals(headers.get("content-length"), String(body.length));
    });
    await test.step("the phrase is that of --status", async () => {
      using client = await RawClient.connect(port);
      await client.send(`GET / HTTP/1.0\r\n\r\n`);
      assertMatch(await client.rest(), /^HTTP\/1\.1 302 Moved Away\r\n/);
    });
    await test.step("HEAD has the length, and no body", async () => {
      using client = await RawClient.connect(port);
      await client.send(`HEAD /old/ab HTTP/1.1\r\n${FIELDS}\r\n`);
      const { headers } = await client.receive("head");
      assertEquals(headers.get("content-length"), String("<p>/old/ab </p>".length));
      await client.send(get("/x"));
      assertEquals((await client.receive()).body, "<p>/x </p>");
    });
    await test.step("no path leads to another host", async () => {
      for (const path of ["//evil.example", "/old//evil.example", "/old/@evil.example"]) {
        const { headers } = await ask(port, `GET ${path} HTTP/1.1\r\n${FIELDS}\r\n`);
        assertEquals(new URL(headers.get("location")!).host, "new.example", path);
      }
    });
    await test.step("requests with bodies, in messages and in files", async () => {
      for (const bytes of [10, 100_000]) {
        using client = await RawClient.connect(port);
        await client.send(
          `POST /old/up HTTP/1.1\r\n${FIELDS}Content-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`,
        );
        assertEquals((await client.receive()).headers.get("x-seen"), "POST /old/ example.com");
        await client.send(get("/next"));
        assertEquals((await client.receive()).body, "<p>/next </p>");
      }
      assertEquals(await server.uploadedFiles(), []);
    });
    await test.step("a thousand requests at once", async () => {
      using client = await RawClient.connect(port);
      const sending = client.send(
        Array.from({ length: 1_000 }, (_, i) => get(`/${i}`)).join(""),
      );
      for (let i = 0; i < 1_000; i++) {
        assertEquals((await client.receive()).body, `<p>/${i} </p>`);
      }
      await sending;
    });
    await test.step("a handshake of a WebSocket gets the response, and its connection ends", async () => {
      using client = await RawClient.connect(port);
      await client.send(
        `GET /old/ws HTTP/1.1\r\n${FIELDS}Upgrade: websocket\r\nConnection: Upgrade\r\n` +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      const { status, headers } = await client.receive();
      assertEquals([status, headers.get("location")], [302, "https://new.example/ws?"]);
      assertEquals(await client.closed(), true);
    });
    await test.step("a JSON socket is closed", async () => {
      using client = await RawClient.connect(port);
      await client.send('@chat {"type":"msg"}\0');
      assertEquals(await client.closed(), true);
    });
    await test.step("what is no request is refused, and all goes on", async () => {
      const { status } = await ask(
        port,
        `POST / HTTP/1.1\r\n${FIELDS}Content-Length: 5\r\nX-Mongrel2-Upload-Start: /x\r\n\r\nhello`,
      );
      assertEquals(status, 400);
      assertEquals((await ask(port, get("/y"))).body, "<p>/y </p>");
    });
    await test.step("it ends with SIGTERM", async () => {
      responder.kill("SIGTERM");
      assertEquals((await responder.status).code, 0);
    });
  },
});

for (const code of [204, 304]) {
  Deno.test({
    name: `gatehouse respond --code ${code} sends no body, and the connection goes on`,
    ignore: isMissing("mongrel2"),
    async fn() {
      await using server = await Mongrel2Server.start();
      await using _responder = await startGateway([
        "respond",
        server.handlers.main.send,
        server.handlers.main.recv,
        `--code=${code}`,
      ]);
      using client = await RawClient.connect(server.port);
      for (let i = 0; i < 3; i++) {
        await client.send(get("/"));
        const { status, headers } = await client.receive();
        assertEquals([status, headers.get("content-length")], [code, null]);
      }
    },
  });
}

Deno.test({
  name: "gatehouse respond finds Mongrel2 in its configuration, and outlives SIGHUP",
  ignore: isMissing("mongrel2"),
  async fn() {
    await using server = await Mongrel2Server.start({
      routes: { "/a": "main", "/b": "other" },
    });
    await using responder = await startGateway([
      "respond",
      `--mongrel2-config=${server.database}`,
      "--mongrel2-route=/b",
      "--body=found",
      "--max-body-bytes=10",
      "--log-format=json",
    ]);
    assertEquals((await ask(server.port, get("/b"))).body, "found");
    responder.kill("SIGHUP");
    await responder.logged(/"message":"respond reads nothing again/);
    const post = (bytes: number) =>
      `POST /b HTTP/1.1\r\n${FIELDS}Content-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`;
    assertEquals((await ask(server.port, post(10))).status, 200);
    assertEquals((await ask(server.port, post(11))).status, 413);
    responder.kill("SIGTERM");
    assertEquals((await responder.status).code, 0);
  },
});

Deno.test({
  name: "gatehouse respond answers over a dispatcher, which finds Mongrel2 in its configuration",
  ignore: isMissing("mongrel2"),
  async fn() {
    await using server = await Mongrel2Server.start({ routes: { "/old/(.*)": "main" } });
    await using dispatcher = await startGateway([
      "dispatch",
      `--mongrel2-config=${server.database}`,
      "tcp://127.0.0.1:0",
    ]);
    const endpoint = (await dispatcher.logged(/^listening /)).replace("listening ", "");
    await using responder = await startGateway([
      "respond",
      `${endpoint},name=away`,
      "--code=503",
      "--body={PREFIX} {MATCH}",
    ]);
    await dispatcher.logged(/^dispatch: handler away has come/);
    for (let i = 0; i < 3; i++) {
      const { status, body } = await ask(server.port, get("/old/a"));
      assertEquals([status, body], [503, "/old/ a"]);
    }
    responder.kill("SIGTERM");
    assertEquals((await responder.status).code, 0);
  },
});

Deno.test({
  name: "a response is mounted beside apps: over HTTP, FastCGI and Mongrel2",
  ignore: ["mongrel2", "curl", "nginx"].some(isMissing),
  async fn(test) {
    await using server = await Mongrel2Server.start();
    const fastcgi = freePort();
    await using gateway = await startGateway([
      APP,
      "--workers=1",
      "--compress",
      "--mount",
      "/old=respond:301,location=https://new.example{MATCH},header=Cache-Control: max-age=60,, public," +
      "body=see {MATCH}",
      "--mount",
      "/old/gone=respond:410",
      "--mount",
      `/large=respond:200,header=Content-Type: text/html,body=${"{x-a}".repeat(100)}${
        "x".repeat(100_000)
      }`,
      "--http=127.0.0.1:0",
      `--fastcgi=127.0.0.1:${fastcgi}`,
      "--mongrel2",
      server.spec(),
    ]);
    await using front = await startFront("nginx", `127.0.0.1:${fastcgi}`);
    const origins = { HTTP: gateway.url, "nginx over FastCGI": front.url, Mongrel2: server.url };
    for (const [name, url] of Object.entries(origins)) {
      await test.step(`curl gets it over ${name}`, async () => {
        const moved = await run("curl", "-si", "--path-as-is", `${url}/old/a%20b?c`);
        assertMatch(moved, /^HTTP\/1\.1 301 /);
        assertMatch(moved, /^location: https:\/\/new\.example\/a%20b\r$/im);
        assertMatch(moved, /^cache-control: max-age=60, public\r$/im);
        assertMatch(moved, /\r\n\r\nsee \/a%20b$/);
        const upload = await run(
          "curl",
          "-s",
          "-d",
          "x".repeat(50_000),
          "-o",
          "/dev/null",
          "-w",
          [
            "%{http_code}",
            "%{redirect_url}",
          ].join(" "),
          `${url}/old`,
        );
        assertMatch(upload, /^301 https:\/\/new\.example\/?$/);
        const head = await run("curl", "-sI", `${url}/old/x`);
        assertMatch(head, /^location: https:\/\/new\.example\/x\r$/im);
        const status = ["-s", "-o", "/dev/null", "-w", "%{http_code}"];
        assertEquals(await run("curl", ...status, `${url}/old/gone`), "410");
        assertEquals(await run("curl", "-s", `${url}/`), "hello");
        assertEquals(await run("curl", ...status, `${url}/older`), "404");
        const large = await run("curl", "-s", "-H", `X-A: ${"<".repeat(1_000)}`, `${url}/large`);
        assertEquals(large.length, 100_000 + 100_000 * "&lt;".length);
        const zipped = await run("curl", "-s", "--compressed", `${url}/large`);
        assertEquals(zipped.length, 100_000);
      });
      await test.step(`no path leads to another host over ${name}`, async () => {
        for (const path of ["/old//evil.example", "/old/@evil.example", "/old/.evil.example"]) {
          const { headers } = await ask(
            Number(new URL(url).port),
            `GET ${path} HTTP/1.1\r\n${FIELDS}Connection: close\r\n\r\n`,
          );
          assertEquals(new URL(headers.get("location")!).host, "new.example", path);
        }
      });
    }
  },
});
