import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { SocketClient } from "../support/socket_client.ts";

const APP = new URL("../fixtures/kept_sockets.ts", import.meta.url).pathname;
const KEY = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";
const UPGRADE = `connection: upgrade\r\nupgrade: websocket\r\n${KEY}`;

/** A client's frame, with a mask of zeros. */
function frame(firstByte: number, payload: string): Uint8Array {
  const length = payload.length < 126
    ? String.fromCharCode(0x80 | payload.length)
    : String.fromCharCode(0xfe, payload.length >> 8, payload.length & 0xff);
  const text = `${String.fromCharCode(firstByte)}${length}\0\0\0\0${payload}`;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** An open socket that was greeted. */
async function greeted(
  gateway: { readonly port: number },
  name: string,
  query = "",
  protocols: string[] = [],
): Promise<SocketClient> {
  const client = new SocketClient(gateway, `/?name=${name}${query}`, protocols);
  await client.opened;
  assertEquals(await client.receive(), [`hello ${name}`]);
  return client;
}

/** What a message is answered with. */
async function answerTo(client: SocketClient, message: string): Promise<unknown> {
  client.socket.send(message);
  return (await client.receive())[0];
}

for (const workers of ["0", "1", "2"]) {
  Deno.test(`the websocket of an app handles its sockets (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const step = (name: string, run: (name: string) => Promise<void>) =>
      test.step(name, () => run(name.replaceAll(" ", "-")));

    await step("fetch may return the response, or nothing", async (name) => {
      for (const query of ["", "&nothing"]) {
        await using client = await greeted(gateway, name, query);
        assertEquals(await answerTo(client, "echo hi"), "hi");
      }
    });
    await step("a request that is no handshake is for fetch to answer", async () => {
      assertEquals(await (await fetch(gateway.url)).text(), "a page of the first");
    });
    await step("a socket knows its client, its state and its protocol", async (name) => {
      await using client = await greeted(gateway, name, "&protocol=b", ["a", "b"]);
      assertEquals(client.socket.protocol, "b");
      assertEquals(await answerTo(client, "state"), "127.0.0.1 1 b nodebuffer");
    });
    await step("the response has the fields that the app adds", async (name) => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get(`/?name=${name}`, UPGRADE));
      const { status, headers } = await client.receive("head");
      assertEquals([status, headers.get("x-name")], [101, name]);
    });
    await step("a subprotocol that is not offered fails", async (name) => {
      using client = await RawClient.connect(gateway.port);
      const before = gateway.log.length;
      await client.send(get(`/?name=${name}&protocol=x`, UPGRADE));
      assertEquals((await client.receive()).status, 500);
      await gateway.logged(/Protocol 'x' is not one of those/, { before });
    });
    for (const type of ["nodebuffer", "uint8array", "arraybuffer"]) {
      await step(`messages of bytes come as ${type}`, async (name) => {
        await using client = await greeted(gateway, name);
        client.socket.send(`type ${type}`);
        client.socket.send(new Uint8Array([1, 2, 3]));
        const [bytes, kind] = await client.receive(2);
        assertEquals(new Uint8Array(bytes as ArrayBuffer), new Uint8Array([1, 2, 3]));
        assertEquals(`${kind}`.toLowerCase(), type.replace("node", ""));
      });
    }
    await step("data can be changed and set", async (name) => {
      await using client = await greeted(gateway, name);
      assertEquals(await answerTo(client, "count"), `${name} 1`);
      assertEquals(await answerTo(client, "count"), `${name} 2`);
      client.socket.send("set other");
      assertEquals(await answerTo(client, "count"), "other 1");
    });
    await step("what is published comes to all others of the topic", async (name) => {
      const clients = await Promise.all(
        ["a", "b", "c"].map((each) => greeted(gateway, `${name}-${each}`)),
      );
      const [a, b, c] = clients;
      for (const client of clients) assertEquals(await answerTo(client, "join x y"), "joined x y");
      a.socket.send("say x to the others");
      assertEquals(await b.receive(), ["to the others"]);
      assertEquals(await c.receive(), ["to the others"]);
      assertEquals(await answerTo(c, "leave x"), "left x false");
      a.socket.send("say x again");
      a.socket.send("say y at y");
      assertEquals(await b.receive(2), ["again", "at y"]);
      assertEquals(await c.receive(), ["at y"]);
      const { url } = gateway;
      assertEquals(await (await fetch(`${url}/publish?topic=y&text=für alle`)).text(), "9");
      for (const client of clients) assertEquals(await client.receive(), ["für alle"]);
      for (const client of clients) await client[Symbol.asyncDispose]();
    });
    await step("names of topics are told apart by what cannot be seen, too", async (name) => {
      await using client = await greeted(gateway, name);
      await using other = await greeted(gateway, `${name}-2`);
      assertEquals(await answerTo(client, "join admin"), "joined admin");
      assertEquals(await answerTo(other, "join \ufeffadmin"), "joined \ufeffadmin");
      const { url } = gateway;
      await (await fetch(`${url}/publish?topic=admin&text=secret`)).text();
      await (await fetch(`${url}/publish?topic=%ef%bb%bfadmin&text=other`)).text();
      assertEquals(await client.receive(), ["secret"]);
      assertEquals(await other.receive(), ["other"]);
    });
    await step("a large message to a topic comes in one piece", async (name) => {
      await using client = await greeted(gateway, name);
      await using other = await greeted(gateway, `${name}-2`);
      assertEquals(await answerTo(client, "join large"), "joined large");
      other.socket.send("flood large 3 200000");
      const parts = await client.receive(3);
      assertEquals(
        parts.map((
          part,
        ) => [(part as ArrayBuffer).byteLength, new Uint8Array(part as ArrayBuffer)[9]]),
        [[200_000, 0], [200_000, 1], [200_000, 2]],
      );
      assertEquals(await other.receive(), ["flooded"]);
    });
    await step("a socket that is closing can publish, and is closed once", async (name) => {
      await using watcher = await greeted(gateway, `${name}-watcher`);
      assertEquals(await answerTo(watcher, "join closings"), "joined closings");
      {
        await using client = await greeted(gateway, name);
        client.socket.close(3000, "bye");
      }
      assertEquals(await watcher.receive(), [`${name} 3000`]);
      const lost = await RawClient.connect(gateway.port);
      await lost.send(get(`/?name=${name}-lost`, UPGRADE));
      assertEquals((await lost.receive("head")).status, 101);
      lost[Symbol.dispose]();
      assertEquals(await watcher.receive(), [`${name}-lost 1006`]);
    });
    await step("a socket that is terminated has no closing handshake", async (name) => {
      await using watcher = await greeted(gateway, `${name}-watcher`);
      assertEquals(await answerTo(watcher, "join closings"), "joined closings");
      const client = await greeted(gateway, name);
      const before = gateway.log.length;
      client.socket.send("terminate");
      const { code, wasClean } = await client.closed;
      // What Deno's client says of it.
      assert(!wasClean && code !== 1011, String(code));
      assertEquals(await watcher.receive(), [`${name} 1006`]);
      await gateway.logged(/terminated: [23] 0/, { before });
      await gateway.logged(new RegExp(`closed: ${name} 1006`), { before });
      assertEquals(gateway.log.slice(before).filter((line) => /error:/.test(line)), []);
    });
    await step("text and bytes have methods of their own, as under Bun", async (name) => {
      await using client = await greeted(gateway, name);
      await using other = await greeted(gateway, `${name}-2`);
      assertEquals(await answerTo(other, "join both"), "joined both");
      client.socket.send("both words");
      for (const [each, byte] of [[client, 1], [other, 3]] as const) {
        const [text, bytes] = await each.receive(2);
        assertEquals([text, new Uint8Array(bytes as ArrayBuffer)[0]], ["words", byte]);
      }
    });
    await step("topics are bounded in number and length", async (name) => {
      await using client = await greeted(gateway, name);
      assertEquals(await answerTo(client, "topics 1024"), "subscribed to 1024");
      assertEquals(await answerTo(client, "topics 1025"), "RangeError at 1024");
      await using other = await greeted(gateway, name);
      assertEquals(await answerTo(other, "long 256"), "subscribed");
      assertEquals(await answerTo(other, "long 257"), "RangeError");
      assertEquals(await answerTo(other, "long 0"), "RangeError");
    });
    for (
      const [what, message, error] of [
        ["a handler that throws", "fail", /the handler failed/],
        ["data that is too large", "data 70000", /data of a socket takes 70\d+ bytes/],
        ["data that cannot be cloned", "function", /could not be cloned/],
        ["a ping that is too large", `ping ${"x".repeat(126)}`, /a ping has 125 bytes/],
        ["a code that no close frame has", "close 1005", /close code must be/],
      ] as const
    ) {
      await step(`${what} costs its socket`, async (name) => {
        await using other = await greeted(gateway, `${name}-other`);
        await using client = await greeted(gateway, name);
        const before = gateway.log.length;
        client.socket.send(message);
        assertEquals((await client.closed).code, 1011);
        await gateway.logged(error, { before });
        assertEquals(await answerTo(other, "echo here"), "here");
      });
    }
    await step("pings reach the client", async (name) => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get(`/?name=${name}`, UPGRADE));
      assertEquals((await client.receive("head")).status, 101);
      await client.send(frame(0x81, "ping abc"));
      assert((await client.lastUntil("pinged 3")).endsWith("\x89\x03abc\x81\x08pinged 3"));
    });
    await step("a client that reads slowly has what is sent wait, and drain told", async (name) => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get(`/?name=${name}`, UPGRADE));
      assertEquals((await client.receive("head")).status, 101);
      const before = gateway.log.length;
      await client.send(frame(0x81, "send 40000000"));
      await gateway.logged(/sent -1 true/, { before });
      await client.lastUntil("\x81\x07drained");
    });
    await step("a client that cannot follow its topic is closed with 1013", async (name) => {
      using client = await RawClient.connect(gateway.port);
      await client.send(get(`/?name=${name}`, UPGRADE));
      assertEquals((await client.receive("head")).status, 101);
      await client.send(frame(0x81, "join flood"));
      await client.lastUntil("joined flood");
      await using other = await greeted(gateway, `${name}-other`);
      for (let i = 0; i < 20; i++) {
        other.socket.send("flood flood 20 50000");
        // It may have had to wait for its worker's messages to be taken.
        while ((await other.receive())[0] !== "flooded");
      }
      const rest = await client.rest();
      const end = rest.lastIndexOf("\x88\x02");
      assertEquals(rest.charCodeAt(end + 2) * 256 + rest.charCodeAt(end + 3), 1013);
    });
  });
}

/** Clients that send numbered messages, and want each of them back once, in its order. */
class NumberedClient {
  readonly client: SocketClient;
  #isRunning = true;
  #sent = 0;

  constructor(client: SocketClient) {
    this.client = client;
  }

  /** Sends on, a few messages at a time, until it is ended. */
  async run(): Promise<number> {
    while (this.#isRunning) {
      const count = 1 + this.#sent % 3;
      const numbers = Array.from({ length: count }, () => `${this.#sent++}`);
      for (const number of numbers) this.client.socket.send(`echo ${number}`);
      assertEquals(await this.client.receive(count), numbers);
      await new Promise((resolve) => setTimeout(resolve, this.#sent % 7));
    }
    return this.#sent;
  }

  end(): void {
    this.#isRunning = false;
  }
}

for (const workers of ["1", "2"]) {
  Deno.test(`reloads close no socket, and lose or repeat no message (--workers ${workers})`, async () => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    const clients = await Promise.all(
      Array.from({ length: 60 }, (_, i) => greeted(gateway, `${i}`)),
    );
    const running = clients.map((client) => new NumberedClient(client));
    const ends = running.map((each) => each.run());
    for (let i = 0; i < 6; i++) await reloadOf(gateway);
    for (const each of running) each.end();
    for (const sent of await Promise.all(ends)) assertEquals(sent > 0, true);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  Deno.test(`a reload hands sockets to the new code (--workers ${workers})`, async (test) => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/app.ts`;
    const source = (await Deno.readTextFile(APP)).replace(/^import .*\n/gm, "")
      .replace("} satisfies App;", "};").replaceAll("AppSocket<Data>", "any")
      .replace('Socket["binaryType"]', "any");
    const write = (text: string) => Deno.writeTextFile(path, text);
    await write(source);
    try {
      await using gateway = await startGateway([path, `--workers=${workers}`, "--drain-timeout=2"]);
      const reload = async (text: string) => {
        await write(text);
        await reloadOf(gateway);
      };
      await test.step("with their data, topics and types", async () => {
        await using client = await greeted(gateway, "carl", "&protocol=b", ["b"]);
        await using other = await greeted(gateway, "other");
        assertEquals(await answerTo(client, "join x"), "joined x");
        client.socket.send("type uint8array");
        assertEquals(await answerTo(client, "count"), "carl 1");
        await reload(source.replace('"first"', '"second"'));
        assertEquals(await answerTo(client, "version"), "second");
        assertEquals(await answerTo(client, "count"), "carl 2");
        assertEquals(await answerTo(client, "state"), "127.0.0.1 1 b uint8array");
        assertEquals(await answerTo(client, "join y"), "joined x y");
        other.socket.send("say x news");
        assertEquals(await client.receive(), ["news"]);
      });
      await test.step("when what they wait for is done, and messages wait meanwhile", async () => {
        await using client = await greeted(gateway, "patient");
        client.socket.send("later 500");
        assertEquals(await answerTo(client, "echo 1"), "1");
        const reloaded = reload(source.replace('"first"', '"third"'));
        client.socket.send("version");
        assertEquals(await client.receive(), ["second"]);
        await reloaded;
        client.socket.send("version");
        client.socket.send("echo 2");
        assertEquals(await client.receive(3), ["at last", "third", "2"]);
      });
      await test.step("in the middle of a message, once that is complete", async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(get("/?name=slow", UPGRADE));
        assertEquals((await client.receive("head")).status, 101);
        await client.send(frame(0x01, "echo half "));
        await client.lastUntil("hello slow");
        await reload(source.replace('"first"', '"fourth"'));
        await client.send(frame(0x80, "and half"));
        await client.send(frame(0x81, "version"));
        const last = await client.lastUntil("fourth");
        assert(last.endsWith("\x81\x0dhalf and half\x81\x06fourth"), last);
      });
      await test.step("if a handler never ends, after the drain timeout", async () => {
        await using client = await greeted(gateway, "stuck");
        client.socket.send("forever");
        assertEquals(await answerTo(client, "count"), "stuck 1");
        await reload(source.replace('"first"', '"fifth"'));
        assertEquals(await answerTo(client, "version"), "fifth");
        // What the worker knew is gone with it: this is what it had last told.
        assertEquals(await answerTo(client, "count"), "stuck 1");
      });
      await test.step("but not if part of a message is lost with the old code", async () => {
        using client = await RawClient.connect(gateway.port);
        await client.send(get("/?name=half", UPGRADE));
        assertEquals((await client.receive("head")).status, 101);
        await client.send(frame(0x01, "echo never whole"));
        await client.lastUntil("hello half");
        await reload(source.replace('"first"', '"sixth"'));
        assertEquals(await client.rest(), "\x88\x02\x03\xf3");
      });
      await test.step("which tells them how they were closed, once", async () => {
        const client = await greeted(gateway, "leaving");
        client.socket.send("later 300");
        assertEquals(await answerTo(client, "echo 1"), "1");
        const before = gateway.log.length;
        await write(source.replace('"first"', '"seventh"'));
        gateway.kill("SIGHUP");
        await gateway.logged(/generation \d+ serves/, { before });
        client.socket.close(3001, "on the way");
        await client.closed;
        await gateway.logged(/closed: leaving 3001 on the way/, { before });
        assertEquals(gateway.log.filter((line) => line.includes("closed: leaving")).length, 1);
      });
      await test.step("and closes them with 1001 if the new code has no websocket", async () => {
        const client = await greeted(gateway, "last");
        await reload("export default { fetch: () => new Response('plain') };");
        assertEquals((await client.closed).code, 1001);
        assertEquals(await (await fetch(gateway.url)).text(), "plain");
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`sockets outlive their worker (--workers ${workers})`, async (test) => {
    await using gateway = await startGateway([APP, `--workers=${workers}`]);
    await test.step("with what was known of them", async () => {
      const clients = await Promise.all(["a", "b", "c", "d"].map((name) => greeted(gateway, name)));
      for (const client of clients) {
        assertEquals(await answerTo(client, "join x"), "joined x");
        client.socket.send("set renamed");
        assertEquals(await answerTo(client, "count"), "renamed 1");
      }
      clients[0].socket.send("die");
      for (const client of clients) {
        // Those of another worker have gone on.
        assertMatch(`${await answerTo(client, "count")}`, /^renamed [12]$/);
      }
      const { url } = gateway;
      await (await fetch(`${url}/publish?topic=x&text=all`)).body?.cancel();
      for (const client of clients) assertEquals(await client.receive(), ["all"]);
      for (const client of clients) await client[Symbol.asyncDispose]();
    });
  });
}

Deno.test("what is published comes to the sockets of all processes", async () => {
  await using gateway = await startGateway([APP, "--workers=1", "--processes=2"]);
  const clients = await Promise.all(
    Array.from({ length: 24 }, (_, i) => greeted(gateway, `${i}`)),
  );
  for (const client of clients) assertEquals(await answerTo(client, "join x"), "joined x");
  clients[0].socket.send("say x from one");
  for (const client of clients.slice(1)) assertEquals(await client.receive(), ["from one"]);
  await (await fetch(`${gateway.url}/publish?topic=x&text=to all`)).body?.cancel();
  for (const client of clients) assertEquals(await client.receive(), ["to all"]);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

Deno.test("a gateway that stops takes leave of sockets that it keeps with 1001", async () => {
  await using gateway = await startGateway([APP, "--workers=1"]);
  const client = await greeted(gateway, "last");
  gateway.kill("SIGTERM");
  assertEquals((await client.closed).code, 1001);
  assertEquals((await gateway.status).code, 0);
});
