/** WebSockets through a real Mongrel2, in both forms. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { SocketClient } from "../support/socket_client.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const FIXTURES = new URL("../fixtures", import.meta.url).pathname;
const ignore = isMissing("mongrel2");
const HANDSHAKE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

interface Site extends AsyncDisposable {
  readonly server: Mongrel2Server;
  readonly gateway: GatewayProcess;
}

async function startSite(app: string, args: readonly string[]): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await Mongrel2Server.start());
  const gateway = stack.use(
    await startGateway([`${FIXTURES}/${app}`, "--mongrel2", server.spec(), ...args]),
  );
  const owned = stack.move();
  return { server, gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A client's frame, with a mask of zeros. */
function frame(firstByte: number, payload: string): Uint8Array {
  const text = `${String.fromCharCode(firstByte, 0x80 | payload.length)}\0\0\0\0${payload}`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

for (const workers of ["0", "1", "2"]) {
  Deno.test({
    name: `Deno.upgradeWebSocket() works through Mongrel2 (--workers ${workers})`,
    ignore,
    async fn(test) {
      await using site = await startSite("sockets.ts", [`--workers=${workers}`]);
      const { server, gateway } = site;

      await test.step("messages of text and of bytes come back, in their order", async () => {
        await using client = new SocketClient(server, "/echo/all");
        await client.opened;
        const texts = Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(i, "ö"));
        for (const text of texts) client.socket.send(text);
        assertEquals(await client.receive(texts.length), texts);
        client.socket.send(new Uint8Array([1, 2, 3]));
        const [bytes] = await client.receive();
        assertEquals(new Uint8Array(bytes as ArrayBuffer), new Uint8Array([1, 2, 3]));
      });
      await test.step("a subprotocol is chosen", async () => {
        await using client = new SocketClient(server, "/echo/protocol?protocol=b", ["a", "b"]);
        await client.opened;
        assertEquals(client.socket.protocol, "b");
      });
      await test.step("many sockets at once keep their messages apart", async () => {
        const clients = Array.from(
          { length: 50 },
          (_, i) => new SocketClient(server, `/echo/${i}`),
        );
        await Promise.all(clients.map(({ opened }) => opened));
        clients.forEach(({ socket }, i) => socket.send(`from ${i}`));
        const received = await Promise.all(clients.map((client) => client.receive()));
        assertEquals(received, clients.map((_, i) => [`from ${i}`]));
        await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
      });
      await test.step("an app closes with a code and a reason", async () => {
        await using client = new SocketClient(server, "/closing/x");
        await client.opened;
        client.socket.send("3001 because");
        const { code, reason } = await client.closed;
        assertEquals([code, reason], [3001, "because"]);
      });
      await test.step("a client closes, and gets its answer", async () => {
        const client = new SocketClient(server, "/echo/closing");
        await client.opened;
        client.socket.send("last");
        assertEquals(await client.receive(), ["last"]);
        client.socket.close(4000, "done");
        const { code, wasClean } = await client.closed;
        assertEquals([code, wasClean], [4000, true]);
      });
      await test.step("pings are answered, and silent clients asked", async () => {
        using client = await RawClient.connect(server.port);
        await client.send(get("/echo/ping?idle=1", HANDSHAKE));
        const { status, headers } = await client.receive("head");
        assertEquals([status, headers.get("sec-websocket-accept")], [
          101,
          "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ]);
        await client.send(frame(0x89, "you?"));
        const rest = await client.rest();
        assert(rest.startsWith("\x8a\x04you?"), rest);
        assert(rest.includes("\x89\0\x88"), rest);
      });
      await test.step("text that is not UTF-8 ends its socket with 1007", async () => {
        using client = await RawClient.connect(server.port);
        await client.send(get("/echo/utf8", HANDSHAKE));
        assertEquals((await client.receive("head")).status, 101);
        await client.send(frame(0x81, "\xff"));
        const rest = await client.rest();
        assertEquals(rest.charCodeAt(2) * 256 + rest.charCodeAt(3), 1007);
      });
      await test.step("a handshake that the app does not answer with 101 is a request", async () => {
        using client = await RawClient.connect(server.port);
        await client.send(get("/plain", HANDSHAKE));
        assertEquals((await client.receive()).body, "plain");
        assert(await client.closed());
      });
      await test.step("requests go on beside them", async () => {
        for (let i = 0; i < 20; i++) {
          assertEquals(await (await fetch(`${server.url}/plain`)).text(), "plain");
        }
      });
      await test.step("a listener that fails costs its own socket", async () => {
        await using other = new SocketClient(server, "/echo/other");
        const client = new SocketClient(server, "/failing");
        await Promise.all([other.opened, client.opened]);
        client.socket.send("x");
        assertEquals((await client.closed).code, 1011);
        other.socket.send("still here");
        assertEquals(await other.receive(), ["still here"]);
      });
      await test.step("a gateway that stops takes leave with 1001", async () => {
        const client = new SocketClient(server, "/echo/last");
        await client.opened;
        gateway.kill("SIGTERM");
        assertEquals((await client.closed).code, 1001);
        assertEquals((await gateway.status).code, 0);
      });
    },
  });
}

Deno.test({
  name: "sockets that outlive the code go through Mongrel2, too",
  ignore,
  async fn() {
    await using site = await startSite("kept_sockets.ts", ["--workers=2"]);
    const { server, gateway } = site;
    const clients = await Promise.all(["a", "b", "c"].map(async (name) => {
      const client = new SocketClient(server, `/?name=${name}`);
      await client.opened;
      assertEquals(await client.receive(), [`hello ${name}`]);
      client.socket.send("join x");
      assertEquals(await client.receive(), ["joined x"]);
      client.socket.send("count");
      assertEquals(await client.receive(), [`${name} 1`]);
      return client;
    }));
    for (let i = 0; i < 3; i++) await reloadOf(gateway);
    clients[0].socket.send("say x news");
    for (const client of clients.slice(1)) assertEquals(await client.receive(), ["news"]);
    for (const client of clients) {
      client.socket.send("count");
      assertMatch(`${(await client.receive())[0]}`, /^[abc] 2$/);
      client.socket.send("state");
      assertMatch(`${(await client.receive())[0]}`, /^127\.0\.0\.1 1 /);
      await client[Symbol.asyncDispose]();
    }
  },
});

Deno.test({
  name: "with several processes, which share a socket's messages, Mongrel2's upgrades get 501",
  ignore,
  async fn() {
    await using site = await startSite("sockets.ts", ["--workers=1", "--processes=2"]);
    using client = await RawClient.connect(site.server.port);
    await client.send(get("/echo/shared", HANDSHAKE));
    assertEquals((await client.receive()).status, 501);
    await site.gateway.logged(/Mongrel2, with several --processes, cannot carry: .*--http/);
  },
});

Deno.test({
  name: "a socket of Mongrel2's that no handler has is disconnected as soon as it speaks",
  ignore,
  async fn() {
    const server = await Mongrel2Server.start();
    await using _server = server;
    const args = [`${FIXTURES}/sockets.ts`, "--mongrel2", server.spec(), "--workers=0"];
    const client = await (async () => {
      await using gateway = await startGateway(args);
      const client = new SocketClient(server, "/echo/left");
      await client.opened;
      gateway.kill("SIGKILL");
      await gateway.status;
      return client;
    })();
    await using _gateway = await startGateway(args);
    client.socket.send("anybody?");
    assertEquals((await client.closed).wasClean, false);
  },
});

Deno.test({
  name: "a client of Mongrel2's that is far ahead of its app is closed with 1011",
  ignore,
  async fn() {
    await using site = await startSite("sockets.ts", ["--workers=1"]);
    using client = await RawClient.connect(site.server.port);
    await client.send(get("/block", HANDSHAKE));
    assertEquals((await client.receive("head")).status, 101);
    await client.send(frame(0x81, "2000"));
    const large = new Uint8Array(8 + 60_000);
    large.set([0x82, 0xfe, 60_000 >> 8, 60_000 & 0xff]);
    for (let i = 0; i < 100; i++) await client.send(large).catch(() => {});
    const rest = await client.rest();
    assertEquals(rest.slice(0, 4), "\x88\x02\x03\xf3");
  },
});
