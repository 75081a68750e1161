import { assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/node_sockets.ts", import.meta.url).pathname;

function upgrade(protocol = "shout"): string {
  return `connection: upgrade\r\nupgrade: ${protocol}\r\n`;
}

for (const workers of ["1", "0"]) {
  Deno.test(`servers of node:http take connections over (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const closed = async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/closed", upgrade()));
      return (await client.receive()).body;
    };
    await test.step("the package ws, with compression, has its sockets", async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/echo`);
      socket.binaryType = "arraybuffer";
      const messages: unknown[] = [];
      const large = "large ".repeat(200_000);
      const received = new Promise<void>((resolve, reject) => {
        socket.onerror = reject;
        socket.onmessage = ({ data }) => messages.push(data) === 3 && resolve();
      });
      socket.onopen = () => {
        socket.send("größer");
        socket.send(new Uint8Array([1, 2, 3]));
        socket.send(large);
      };
      await received;
      assertEquals(messages[0], "größer");
      assertEquals(new Uint8Array(messages[1] as ArrayBuffer), new Uint8Array([1, 2, 3]));
      assertEquals(messages[2] === large, true);
      const end = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
      socket.close(4000, "done");
      const { code, wasClean } = await end;
      assertEquals([code, wasClean], [4000, true]);
      while (await closed() === "") await new Promise((resolve) => setTimeout(resolve, 10));
      assertEquals(await closed(), "/echo 4000 done");
    });
    await test.step("what is no WebSocket passes as bytes, both ways, until both have ended", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/shout", upgrade()) + "early ");
      const { status, headers } = await client.receive("head");
      assertEquals([status, headers.get("upgrade")], [101, "shout"]);
      assertEquals(headers.get("x-own"), "1");
      await client.send("late");
      await (client.conn as Deno.TcpConn).closeWrite();
      assertEquals(await client.rest(), "ready\nEARLY LATEBYE\n");
    });
    await test.step("a listener can answer as over HTTP", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/refused", upgrade()) + get("/"));
      const { status, headers, body } = await client.receive();
      assertEquals([status, headers.get("x-why"), body], [403, "no", "no\n"]);
      assertEquals((await client.receive()).body, "plain");
    });
    for (
      const [path, status] of [["/destroyed", 502], ["/nonsense", 502], ["/throws", 500]] as const
    ) {
      await test.step(`a listener that fails costs its own request (${path})`, async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(get(path, upgrade()));
        assertEquals((await client.receive()).status, status);
        await client.send(get("/"));
        assertEquals((await client.receive()).body, "plain");
      });
    }
    for (const [path, rest] of [["/ended", "all\n"], ["/reads", "read\n"]] as const) {
      await test.step(`a listener can end the connection at once (${path})`, async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(get(path, upgrade()));
        assertEquals((await client.receive("head")).status, 101);
        assertEquals(await client.rest(), rest);
      });
    }
    await test.step("sockets that are terminated at once leave no connection open", async () => {
      using client = await RawClient.connect(gateway.port);
      const handshake =
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
      await client.send(get("/terminated", upgrade("websocket") + handshake));
      await client.rest();
    });
    await test.step("a response that names no protocol is a 500", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/nameless", upgrade()));
      assertEquals((await client.receive()).status, 500);
    });
    await test.step("a listener that fails later costs its connection, and no other", async () => {
      using other = await RawClient.connect(gateway.port);
      await other.send(get("/shout", upgrade()));
      assertEquals((await other.receive("head")).status, 101);
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/throws-later", upgrade()));
      assertEquals((await client.receive("head")).status, 101);
      await client.send("x");
      assertEquals(await client.rest(), "");
      await gateway.logged(/the listener for data failed/);
      await other.send("still here");
      await (other.conn as Deno.TcpConn).closeWrite();
      assertEquals(await other.rest(), "ready\nSTILL HEREBYE\n");
    });
    await test.step("HTTP/1.0, and requests with a body, have no upgrades", async () => {
      for (const [version, fields] of [["1.0", ""], ["1.1", "content-length: 1\r\n"]]) {
        using client = await RawClient.connect(gateway.port);
        const request = get("/shout", upgrade() + fields).replace("HTTP/1.1", `HTTP/${version}`);
        await client.send(`${request}${fields === "" ? "" : "x"}`);
        assertEquals((await client.receive()).body, "plain");
      }
    });
    await test.step("an upgrade to what the client does not name is not sent", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/shout", upgrade("whisper")));
      const { status, body } = await client.receive();
      assertEquals(status, 500);
      assertMatch(body, /^500 /);
    });
    await test.step("requests that ask for nothing are requests like others", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/shout"));
      assertEquals((await client.receive()).body, "plain");
    });
  });
}
