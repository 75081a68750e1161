import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { SocketClient as Client } from "../support/socket_client.ts";

const APP = new URL("../fixtures/sockets.ts", import.meta.url).pathname;
const HONO_APP = new URL("../fixtures/hono_sockets.ts", import.meta.url).pathname;
const KEY = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";
const UPGRADE = `connection: upgrade\r\nupgrade: websocket\r\n${KEY}`;

/** A socket in bytes: the client's end after the handshake. */
async function rawSocket(gateway: GatewayProcess, path: string, fields = ""): Promise<RawClient> {
  const client = await RawClient.connect(gateway.port);
  await client.send(get(path, UPGRADE + fields));
  assertEquals((await client.receive("head")).status, 101);
  return client;
}

async function seenOf(gateway: GatewayProcess, path: string, count: number): Promise<string[]> {
  return await (await fetch(`${gateway.url}/seen?of=${path}&count=${count}`)).json();
}

/** A client's frame, with a mask of zeros. */
function frame(firstByte: number, payload: string): string {
  return String.fromCharCode(firstByte, 0x80 | payload.length, 0, 0, 0, 0) + payload;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const OPENED = ["InvalidStateError", "open 1"];

for (const workers of ["1", "0"]) {
  Deno.test(`an app's sockets tell what their clients do (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const step = (name: string, run: (path: string) => Promise<void>) =>
      test.step(name, () => run(`/echo/${name.replaceAll(" ", "-")}`));

    await step("messages of text and of bytes come back", async (path) => {
      await using client = new Client(gateway, path);
      await client.opened;
      client.socket.send("größer");
      client.socket.send(new Uint8Array([1, 2, 3]));
      client.socket.send("");
      const [text, bytes, empty] = await client.receive(3);
      assertEquals(text, "größer");
      assertEquals(new Uint8Array(bytes as ArrayBuffer), new Uint8Array([1, 2, 3]));
      assertEquals(empty, "");
      client.socket.close(4321, "done");
      const { code, reason, wasClean } = await client.closed;
      assertEquals([code, reason, wasClean], [4321, "done", true]);
      assertEquals(await seenOf(gateway, path, 6), [
        ...OPENED,
        "text größer",
        "buffer 1,2,3",
        "text ",
        "close 4321 done clean",
      ]);
    });
    await step("bytes come as a Blob if the app wants them so", async (path) => {
      await using client = new Client(gateway, `${path}?type=blob`);
      await client.opened;
      client.socket.send(new Uint8Array(5));
      const [bytes] = await client.receive();
      assertEquals((bytes as ArrayBuffer).byteLength, 5);
      assertEquals((await seenOf(gateway, path, 3))[2], "blob 5");
    });
    await step("a subprotocol is chosen", async (path) => {
      await using client = new Client(gateway, `${path}?protocol=b`, ["a", "b"]);
      await client.opened;
      assertEquals(client.socket.protocol, "b");
      assertEquals((await seenOf(gateway, path, 2))[1], "open 1 b");
    });
    await step("a message of 5 MiB comes in many pieces", async (path) => {
      await using client = new Client(gateway, path);
      await client.opened;
      const text = "Größe ".repeat(900_000);
      client.socket.send(text);
      assert((await client.receive())[0] === text);
    });
    await step("many messages at once keep their order", async (path) => {
      await using client = new Client(gateway, path);
      await client.opened;
      const texts = Array.from({ length: 5_000 }, (_, i) => `${i}`.padEnd(i % 200, "."));
      for (const text of texts) client.socket.send(text);
      assertEquals(await client.receive(texts.length), texts);
    });

    const CLOSINGS: [name: string, says: string, code: number, reason: string][] = [
      ["closes without a code", "", 1005, ""],
      ["closes with 1000", "1000", 1000, ""],
      ["closes with a reason", "3001 because", 3001, "because"],
      ["closes with what servers alone may say", "1012 restart", 1012, "restart"],
    ];
    for (const [name, says, code, reason] of CLOSINGS) {
      await test.step(`an app ${name}`, async () => {
        const path = `/closing/${code}`;
        await using client = new Client(gateway, path);
        await client.opened;
        client.socket.send(says);
        const event = await client.closed;
        assertEquals([event.code, event.reason, event.wasClean], [code, reason, true]);
        const [, , , closing] = await seenOf(gateway, path, 4);
        assertMatch(closing, new RegExp(`^close ${code} .* clean$`));
      });
    }

    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, NaN]) {
      await test.step(`an app cannot close with ${code}`, async () => {
        await using client = new Client(gateway, "/closing/never");
        await client.opened;
        const before = gateway.log.length;
        client.socket.send(`${code} x`);
        assertEquals((await client.closed).code, 1011);
        await gateway.logged(/InvalidAccessError|The close code must be/, { before });
      });
    }
    const FAULTS: [name: string, bytes: string, error: string, closeCode: number][] = [
      ["a reserved opcode", frame(0x83, "x"), "a frame with the reserved opcode 3", 1002],
      ["a frame without a mask", "\x81\x01x", "a frame without a mask", 1002],
      ["a text that is not UTF-8", frame(0x81, "\xff"), "a message that is not UTF-8", 1007],
    ];
    for (const [name, bytes, error, closeCode] of FAULTS) {
      await test.step(`${name} ends the socket with ${closeCode}`, async () => {
        const path = `/echo/${name.replaceAll(" ", "-")}`;
        using client = await rawSocket(gateway, path);
        await client.send(latin1(bytes));
        const rest = await client.rest();
        assertEquals(rest.charCodeAt(0), 0x88);
        assertEquals(rest.charCodeAt(2) * 256 + rest.charCodeAt(3), closeCode);
        const [, , failed, closed] = await seenOf(gateway, path, 4);
        assertEquals([failed, closed], [`error ${error}`, "close 1006  not clean"]);
      });
    }
    await step("a client that goes without a word is noticed", async (path) => {
      const client = await rawSocket(gateway, path);
      client[Symbol.dispose]();
      assertEquals(await seenOf(gateway, path, 4), [
        ...OPENED,
        "error The connection was lost",
        "close 1006  not clean",
      ]);
    });
    await step("a client that is silent is asked and then given up", async (path) => {
      using client = await rawSocket(gateway, `${path}?idle=1`);
      const rest = await client.rest();
      // A ping, and then a close frame.
      assertEquals(rest.slice(0, 2), "\x89\0");
      assert(rest.slice(4).startsWith("\x03\xe9No response"), rest);
      const [, , failed, closed] = await seenOf(gateway, path, 4);
      assertMatch(failed, /^error No response/);
      assertMatch(closed, /^close 1001 No response .* not clean$/);
    });
    await step("a client that answers pings stays", async (path) => {
      await using client = new Client(gateway, `${path}?idle=0.6`);
      await client.opened;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      client.socket.send("here");
      assertEquals(await client.receive(), ["here"]);
    });
    await test.step("blobs are sent in their turn, and closing comes after them", async () => {
      await using client = new Client(gateway, "/blobs");
      await client.opened;
      client.socket.send("go");
      const [first, second, third] = await client.receive(3);
      const texts = [first, third].map((each) => new TextDecoder().decode(each as ArrayBuffer));
      assertEquals([texts[0], second, texts[1]], ["first", "second", "third"]);
      const { code, reason } = await client.closed;
      assertEquals([code, reason], [1000, "after all"]);
    });
    await test.step("what a slow client is sent waits in the worker, and comes in full", async () => {
      using client = await rawSocket(gateway, "/flood");
      await client.send(latin1(frame(0x81, "40 1000000")));
      const [, , , buffered] = await seenOf(gateway, "/flood", 4);
      assertEquals(buffered, "buffered true");
      await client.send(latin1(frame(0x88, "")));
      const rest = await client.rest();
      assert(rest.length > 40_000_000, `${rest.length} bytes`);
      assertEquals(rest.slice(-2), "\x88\0");
    });
    for (const name of ["failing", "failinglater"]) {
      await test.step(`a listener that fails costs its own socket (${name})`, async () => {
        await using other = new Client(gateway, "/echo/other");
        await using client = new Client(gateway, `/${name}`);
        await Promise.all([other.opened, client.opened]);
        const before = gateway.log.length;
        client.socket.send("x");
        assertEquals((await client.closed).code, 1011);
        await gateway.logged(/GET .*failing.* failed: Error: the listener failed/, { before });
        other.socket.send("still here");
        assertEquals(await other.receive(), ["still here"]);
      });
    }
  });

  Deno.test(`requests around an upgrade get their answers (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    await test.step("those before it come first, and the client may speak at once", async () => {
      using client = await RawClient.connect(gateway.port);
      const upgrade = get("/echo/pipelined?wait", UPGRADE);
      await client.send(latin1(get("/plain") + upgrade + frame(0x81, "early")));
      assertEquals((await client.receive()).body, "plain");
      assertEquals((await client.receive("head")).status, 101);
      await client.send(latin1(frame(0x88, "\x03\xe8")));
      assertEquals(await client.rest(), "\x81\x05early\x88\x02\x03\xe8");
    });
    await test.step("an upgrade that is not granted leaves HTTP", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/plain", UPGRADE) + get("/plain?wait", UPGRADE) + get("/plain"));
      for (let i = 0; i < 3; i++) assertEquals((await client.receive()).body, "plain");
    });
    const REFUSED: [name: string, request: string, text: RegExp][] = [
      ["no version", get("/echo/v", UPGRADE.replace(/sec-websocket-version.*/, "x: y")), /version/],
      ["another version", get("/echo/v", UPGRADE.replace("13", "8")), /version/],
      ["no key", get("/echo/v", UPGRADE.replace("sec-websocket-key", "x")), /key/],
      ["a key that is none", get("/echo/v", UPGRADE.replace("dGhl", "")), /key/],
      [
        "no Connection",
        get("/echo/v", UPGRADE.replace("connection: upgrade", "x: y")),
        /connection/,
      ],
      ["another protocol", get("/echo/v", UPGRADE.replace("websocket\r", "h2c\r")), /upgrade/],
      ["another method", get("/echo/v", UPGRADE).replace("GET", "PUT"), /GET/],
      ["a subprotocol that is not offered", get("/echo/v?protocol=x", UPGRADE), /'x'/],
    ];
    for (const [name, request, text] of REFUSED) {
      await test.step(`a handshake with ${name} is the app's to refuse`, async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(request);
        const { status, body } = await client.receive();
        assertEquals(status, 400);
        assertMatch(body, text);
      });
    }
    await test.step("HTTP/1.0 has no upgrades", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/echo/old", UPGRADE).replace("HTTP/1.1", "HTTP/1.0"));
      assertEquals((await client.receive()).status, 400);
    });
    await test.step("a request is upgraded once", async () => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get("/twice", UPGRADE));
      assertEquals((await client.receive()).status, 500);
      await gateway.logged(/upgraded already/);
    });
  });
}

Deno.test("a message over --max-message-bytes ends its socket with 1009", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--max-message-bytes=1000"]);
  await using client = new Client(gateway, "/echo/limit");
  await client.opened;
  client.socket.send("x".repeat(1_000));
  assertEquals(((await client.receive())[0] as string).length, 1_000);
  client.socket.send("x".repeat(1_001));
  assertEquals((await client.closed).code, 1009);
});

Deno.test("sockets are spread over workers, and plain requests are, too", async () => {
  await using gateway = await startGateway([APP, "--workers=2"]);
  const clients = Array.from({ length: 100 }, (_, i) => new Client(gateway, `/echo/${i}`));
  await Promise.all(clients.map(({ opened }) => opened));
  clients.forEach(({ socket }, i) => socket.send(`${i}`));
  const received = await Promise.all(clients.map((client) => client.receive()));
  assertEquals(received, clients.map((_, i) => [`${i}`]));
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

Deno.test("a socket outlives the code that it was opened by, as long as that drains", async () => {
  await using gateway = await startGateway([APP, "--workers=1"]);
  await using old = new Client(gateway, "/echo/old");
  await old.opened;
  await reloadOf(gateway);
  await using young = new Client(gateway, "/echo/young");
  await young.opened;
  old.socket.send("old");
  young.socket.send("young");
  assertEquals([await old.receive(), await young.receive()], [["old"], ["young"]]);
});

Deno.test("a gateway that stops takes leave of sockets with 1001, one whose worker dies with 1011", async (test) => {
  for (
    const [name, code, act] of [
      [
        "a worker that ends",
        1011,
        (gateway) => fetch(`${gateway.url}/exit`).then(({ body }) => body?.cancel(), () => {}),
      ],
      ["SIGTERM", 1001, (gateway) => gateway.kill("SIGTERM")],
    ] as [string, number, (gateway: GatewayProcess) => void][]
  ) {
    await test.step(name, async () => {
      await using gateway = await startGateway([APP, "--workers=1"]);
      await using client = new Client(gateway, "/echo/leave");
      await client.opened;
      act(gateway);
      const event = await client.closed;
      assertEquals(event.code, code);
    });
  }
});

Deno.test("Hono's helper for WebSockets works unchanged", async () => {
  await using gateway = await startGateway([HONO_APP, "--workers=1"]);
  await using client = new Client(gateway, "/ws");
  await client.opened;
  client.socket.send("hello");
  assertEquals(await client.receive(), ["Hono heard hello"]);
});
