/**
 * Apps learn from trusted proxies who their clients are, over HTTP and FastCGI, with workers and without.
 */

import { ConfigError, FastCgiServer, serve } from "gatehouse";
import type { ServeOptions, Server } from "gatehouse";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { RawFastCgiClient } from "../support/fastcgi.ts";
import { bytesOf, splits } from "../support/parsing.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url);
const HEADER = "PROXY TCP4 192.0.2.1 127.0.0.1 5000 80\r\n";
/** PROXY headers that name no client: UNKNOWN, LOCAL, and PROXY without a family. */
const NAMELESS = [
  bytesOf("PROXY UNKNOWN\r\n"),
  bytesOf("\r\n\r\n\0\r\nQUIT\n\x20\x11\0\0"),
  bytesOf("\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"),
];
const FORWARDED = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n" +
  "X-Forwarded-Host: a.example\r\n";

function portOf({ addresses }: Server, index = 0): number {
  return (addresses[index] as Deno.NetAddr).port;
}

/** What the app answers at `/info` about a request that is sent as `text`. */
async function infoOf(port: number, text: string | Uint8Array): Promise<Info> {
  using client = await RawClient.connect(port);
  await client.send(text);
  return JSON.parse((await client.receive()).body);
}

interface Info {
  readonly url: string;
  readonly headers: [string, string][];
  readonly env: Record<string, string>;
  readonly remoteAddr: Deno.NetAddr;
  readonly requestId: string;
}

for (const workers of [0, 1]) {
  Deno.test(`apps learn their clients from trusted proxies (workers: ${workers})`, async (test) => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/a.sock`;
    await using server = await serve({
      app: APP,
      workers,
      http: ["127.0.0.1:0", "127.0.0.1:0,proxy-protocol", `unix:${path}`],
      fastcgi: ["127.0.0.1:0", "127.0.0.1:0,proxy-protocol"],
      trustedProxies: ["127.0.0.1", "10.0.0.0/8", "unix"],
      log() {},
    });

    await test.step("by their fields, over HTTP", async () => {
      const { url, env, remoteAddr, headers } = await infoOf(
        portOf(server),
        get("/info", FORWARDED),
      );
      assertEquals(url, "https://a.example/info");
      assertEquals(remoteAddr, { transport: "tcp", hostname: "192.0.2.1", port: 0 });
      const { REMOTE_ADDR, REMOTE_PORT, HTTPS, REQUEST_SCHEME, SERVER_NAME, SERVER_PORT } = env;
      assertEquals(
        [REMOTE_ADDR, REMOTE_PORT, HTTPS, REQUEST_SCHEME, SERVER_NAME, SERVER_PORT],
        ["192.0.2.1", undefined, "on", "https", "a.example", "443"],
      );
      assertEquals(new Headers(headers).get("x-forwarded-for"), "192.0.2.1");
      assertEquals(new Headers(headers).get("host"), "localhost");
    });

    await test.step("Host is what an absolute target says, whatever host they tell", async () => {
      for (const fields of [FORWARDED, "X-Forwarded-For: 192.0.2.1\r\n", ""]) {
        const { url, env, headers } = await infoOf(
          portOf(server),
          `GET http://t.example/info HTTP/1.1\r\nHost: evil.example\r\n${fields}\r\n`,
        );
        assertEquals(
          url,
          fields === FORWARDED ? "https://a.example/info" : "http://t.example/info",
        );
        assertEquals([new Headers(headers).get("host"), env.HTTP_HOST], ["t.example", "t.example"]);
      }
    });

    await test.step("over a unix socket", async () => {
      using client = new RawClient(await Deno.connect({ transport: "unix", path }));
      await client.send(get("/info", FORWARDED));
      const { url, remoteAddr } = JSON.parse((await client.receive()).body);
      assertEquals([url, remoteAddr.hostname], ["https://a.example/info", "192.0.2.1"]);
    });

    await test.step("request by request", async () => {
      using client = await RawClient.connect(portOf(server));
      const clients = ["192.0.2.1", "192.0.2.2", "192.0.2.1"];
      await client.send(
        clients.map((each) => get("/info", `X-Forwarded-For: ${each}\r\n`)).join(""),
      );
      for (const each of clients) {
        assertEquals(JSON.parse((await client.receive()).body).remoteAddr.hostname, each);
      }
    });

    await test.step("by a PROXY header, in whatever pieces it comes", async () => {
      const whole = bytesOf(HEADER + get("/info"));
      const some = [...splits(whole)].filter((_, i) => i % 16 === 0 || i === whole.length - 1);
      await Promise.all(some.map(async (pieces) => {
        using client = await RawClient.connect(portOf(server, 1));
        for (const piece of pieces) await client.send(piece);
        const { remoteAddr, url } = JSON.parse((await client.receive()).body);
        assertEquals(remoteAddr, { transport: "tcp", hostname: "192.0.2.1", port: 5_000 });
        assertEquals(url, "http://localhost/info");
      }));
    });

    await test.step("who speaks for itself is itself", async () => {
      const { remoteAddr } = await infoOf(portOf(server, 1), `PROXY UNKNOWN\r\n${get("/info")}`);
      assertEquals(remoteAddr.hostname, "127.0.0.1");
    });

    await test.step("the fields of a client that a PROXY header does not name are fields", async () => {
      const request = bytesOf(get("/info", `${FORWARDED}X-Request-Id: theirs\r\n`));
      for (const header of NAMELESS) {
        const text = new Uint8Array([...header, ...request]);
        const { remoteAddr, url, requestId } = await infoOf(portOf(server, 1), text);
        assertEquals([remoteAddr.hostname, url], ["127.0.0.1", "http://localhost/info"]);
        assert(requestId !== "theirs");
      }
    });

    await test.step("the fields of a client that a PROXY header names are fields", async () => {
      const text = HEADER + get("/info", FORWARDED);
      const { remoteAddr, url } = await infoOf(portOf(server, 1), text);
      assertEquals([remoteAddr.hostname, url], ["192.0.2.1", "http://localhost/info"]);
    });

    await test.step("a trusted proxy that a PROXY header names is believed", async () => {
      const text = HEADER.replace("192.0.2.1", "10.1.1.1") + get("/info", FORWARDED);
      const { remoteAddr, url } = await infoOf(portOf(server, 1), text);
      assertEquals([remoteAddr.hostname, url], ["192.0.2.1", "https://a.example/info"]);
    });

    await test.step("no request is taken without a PROXY header", async () => {
      for (const text of [get("/info"), "PROXY TCP4 x\r\n", `\r\n${get("/info")}`]) {
        using client = await RawClient.connect(portOf(server, 1));
        await client.send(text);
        assert(await client.closed(), text);
      }
    });

    await test.step("a PROXY header where none is expected is no request", async () => {
      using client = await RawClient.connect(portOf(server));
      await client.send(HEADER + get("/info"));
      assertEquals((await client.receive()).status, 400);
    });

    await test.step("over FastCGI", async () => {
      const params = {
        REMOTE_ADDR: "10.2.2.2",
        REMOTE_PORT: "77",
        SERVER_NAME: "front.example",
        SERVER_PORT: "80",
        REQUEST_SCHEME: "http",
        HTTP_X_FORWARDED_FOR: "192.0.2.1",
        HTTP_X_FORWARDED_PROTO: "https",
        HTTP_X_FORWARDED_HOST: "a.example",
      };
      for (const [index, header] of [[3, ""], [4, HEADER]] as const) {
        using client = await RawFastCgiClient.connect(portOf(server, index));
        await client.send(header);
        const { env, url, remoteAddr } = JSON.parse(
          (await client.ask(1, "/info", { params })).body,
        );
        assertEquals([remoteAddr.hostname, url], ["192.0.2.1", "https://a.example/info"]);
        const { REMOTE_ADDR, REMOTE_PORT, HTTPS, REQUEST_SCHEME, SERVER_NAME, SERVER_PORT } = env;
        assertEquals(
          [REMOTE_ADDR, REMOTE_PORT, HTTPS, REQUEST_SCHEME, SERVER_NAME, SERVER_PORT],
          ["192.0.2.1", undefined, "on", "https", "a.example", "443"],
        );
        const absolute = {
          ...params,
          REMOTE_HOST: "proxy.example",
          REMOTE_IDENT: "proxy",
          REQUEST_URI: "http://t.example/info",
          HTTP_HOST: "evil.example",
        };
        const named = JSON.parse((await client.ask(4, "/info", { params: absolute })).body);
        assertEquals(
          [named.url, named.env.HTTP_HOST, new Headers(named.headers).get("host")],
          ["https://a.example/info", "t.example", "t.example"],
        );
        assertEquals([named.env.REMOTE_HOST, named.env.REMOTE_IDENT], [undefined, undefined]);
        // Who has asked it, the web server does not say here. Behind a TCP proxy that could be anybody.
        const { REMOTE_ADDR: _, ...nameless } = params;
        const unnamed = JSON.parse((await client.ask(3, "/info", { params: nameless })).body);
        assertEquals(
          [unnamed.remoteAddr.hostname, unnamed.url],
          header === ""
            ? ["192.0.2.1", "https://a.example/info"]
            : ["127.0.0.1", "http://localhost/info"],
        );
        const direct = { ...params, REMOTE_ADDR: "192.0.2.7" };
        const other = JSON.parse((await client.ask(2, "/info", { params: direct })).body);
        assertEquals([other.remoteAddr.hostname, other.remoteAddr.port], ["192.0.2.7", 77]);
        assertEquals([other.url, other.env.SERVER_NAME], [
          "http://localhost/info",
          "front.example",
        ]);
      }
    });
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  });
}

for (const workers of [0, 1]) {
  Deno.test(`apps get ids of requests, as a field if they are to (workers: ${workers})`, async () => {
    const started = (requestId: ServeOptions["requestId"], trustedProxies: string[]) =>
      serve({
        app: APP,
        workers,
        http: "127.0.0.1:0",
        fastcgi: "127.0.0.1:0",
        trustedProxies,
        requestId,
        log() {},
      });
    const sent = "x-request-id: theirs\r\nX: y\r\n";
    const seen = new Set<string>();
    for (
      const [field, trusted, id, passed] of [
        ["as-sent", [], null, "theirs"],
        ["as-sent", ["127.0.0.1"], "theirs", "theirs"],
        ["field", [], null, null],
        ["field", ["127.0.0.1"], "theirs", "theirs"],
      ] as const
    ) {
      await using server = await started(field, [...trusted]);
      for (let i = 0; i < 2; i++) {
        const info = await infoOf(portOf(server), get("/info", sent));
        if (id === null) assert(!seen.has(info.requestId) && info.requestId !== "theirs");
        else assertEquals(info.requestId, id);
        seen.add(info.requestId);
        const fields = new Headers(info.headers);
        assertEquals(fields.get("x-request-id"), passed ?? info.requestId);
        assertEquals(info.env.HTTP_X_REQUEST_ID, passed ?? info.requestId);
        assertEquals(fields.get("x"), "y");
      }
      using client = await RawFastCgiClient.connect(portOf(server, 1));
      const params = { HTTP_X_REQUEST_ID: "theirs", REMOTE_ADDR: "127.0.0.1" };
      const info = JSON.parse((await client.ask(1, "/info", { params })).body);
      assertEquals(info.requestId, id ?? info.requestId);
      assertEquals(info.env.HTTP_X_REQUEST_ID, passed ?? info.requestId);
    }
  });
}

/** A server that trusts nobody at 127.0.0.1. */
function strict(options: ServeOptions = {}): Promise<Server> {
  return serve({
    app: (_request, { remoteAddr }) => Response.json(remoteAddr),
    http: "127.0.0.1:0,proxy-protocol",
    trustedProxies: ["10.0.0.0/8"],
    ...options,
  });
}

Deno.test("who is not trusted is not served where a PROXY header is expected", async () => {
  const lines: string[] = [];
  await using server = await strict({ log: (_level, line) => void lines.push(line) });
  using client = await RawClient.connect(portOf(server));
  await client.send(HEADER + get("/"));
  assert(await client.closed());
  assertEquals(lines, [
    "http: connection from 127.0.0.1 refused: it is not among the trusted proxies (--trusted-proxies)",
  ]);
});

Deno.test("a PROXY header has as long as a request's head", async () => {
  const lines: string[] = [];
  await using server = await strict({
    trustedProxies: ["127.0.0.1"],
    limits: { headerTimeoutMs: 80 },
    log: (_level, line) => void lines.push(line),
  });
  using client = await RawClient.connect(portOf(server));
  await client.send("PROXY TC");
  assert(await client.closed());
  assertEquals(lines, [
    "http: connection from 127.0.0.1 refused: its PROXY header did not come in time " +
    "(--header-timeout)",
  ]);
});

Deno.test("connections without their PROXY header make room for others, and for the end", async () => {
  await using server = await strict({
    trustedProxies: ["127.0.0.1"],
    limits: { maxConnections: 2 },
    log() {},
  });
  using first = await RawClient.connect(portOf(server));
  using second = await RawClient.connect(portOf(server));
  await first.send("PROXY");
  using third = await RawClient.connect(portOf(server));
  await third.send(HEADER + get("/"));
  assertEquals((await third.receive()).status, 200);
  assert(await first.closed());
  await server.shutdown();
  assert(await second.closed());
});

Deno.test("who may not connect takes nobody's place", async () => {
  await using server = await serve({
    app: () => new Response("served"),
    http: "[::]:0,proxy-protocol",
    fastcgi: "[::]:0",
    webServerAddrs: ["::1"],
    trustedProxies: ["::1"],
    limits: { maxConnections: 2 },
    log() {},
  });
  const [http, fastcgi] = [portOf(server), portOf(server, 1)];
  const friend = async (port: number) =>
    new RawClient(await Deno.connect({ hostname: "::1", port }));
  using first = await friend(http);
  using second = await friend(http);
  const friends = [first, second];
  for (const each of friends) {
    await each.send(HEADER + get("/"));
    assertEquals((await each.receive()).status, 200);
  }
  for (const port of [http, http, http, fastcgi]) {
    using stranger = await RawClient.connect(port);
    assert(await stranger.closed());
  }
  for (const each of friends) {
    await each.send(get("/"));
    assertEquals((await each.receive()).status, 200);
  }
});

Deno.test("a PROXY header is asked for only where it can be had", async () => {
  const parse = (...words: string[]) => parseCommandLine(["app.ts", ...words], NO_SOURCES);
  const needs = "proxy-protocol needs the proxies";
  assertThrows(() => parse("--http=:80,proxy-protocol"), ConfigError, needs);
  assertThrows(() => parse("--fastcgi=:80,proxy-protocol"), ConfigError, needs);
  const tls = ["--https=:443,proxy-protocol", "--cert=a", "--key=b", "--trusted-proxies=::1"];
  assertThrows(() => parse(...tls), ConfigError, "proxy-protocol is not for HTTPS");
  assertThrows(() => parse("--inspect=1,proxy-protocol"), ConfigError, "bad address");
  assertThrows(() => parse("--trusted-proxies=10.0.0.1/8"), ConfigError, "--trusted-proxies: bad");
  await assertRejects(() => strict({ trustedProxies: [] }), ConfigError, needs);
  await assertRejects(
    () => FastCgiServer.listen("127.0.0.1:0,proxy-protocol", () => {}),
    ConfigError,
    "bad address",
  );
});
