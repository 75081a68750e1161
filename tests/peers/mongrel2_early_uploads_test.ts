/** Requests that begin when their uploads do: through a real Mongrel2, which writes these to files. */

import { inTime } from "../../src/base/deadline.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import type { HandlerProtocol } from "./mongrel2_server.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/early.ts", import.meta.url).pathname;
const ignore = isMissing("mongrel2");
const PART_BYTES = 50_000;
const PARTS = 6;
const part = (index: number) => String.fromCharCode(97 + index).repeat(PART_BYTES);
const ALL = Array.from({ length: PARTS }, (_, index) => part(index)).join("");
const SUM = `${ALL.length} ${
  [...ALL].reduce((sum, char) => (sum + char.charCodeAt(0)) % 65_521, 0)
}`;

interface Site extends AsyncDisposable {
  readonly server: Mongrel2Server;
  readonly gateway: GatewayProcess;
}

async function startSite(
  protocol: HandlerProtocol,
  args: readonly string[] = [],
  settings: Record<string, string> = {},
): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await Mongrel2Server.start({ protocol }));
  const spec = server.spec("main", {
    chroot: server.chroot,
    uploads: server.uploads,
    "uploads-start": "early",
    ...settings,
  });
  const gateway = stack.use(
    await startGateway([APP, "--workers=1", "--mongrel2", spec, ...args]),
  );
  const owned = stack.move();
  return { server, gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const lengthHead = (path: string, fields = "", bytes = ALL.length) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n${fields}\r\n`;
const CHUNKED_HEAD = "POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** What a client is answered, or that it is nothing. */
async function answerOf(client: RawClient): Promise<string> {
  let text = "nothing";
  await inTime(
    client.receive().then(({ status, body }) => text = `${status} ${body}`, (error) => {
      text = String(error);
    }),
    2_000,
  );
  return text;
}

async function filesAreGone(server: Mongrel2Server): Promise<void> {
  for (let i = 0; i < 500 && (await server.uploadedFiles()).length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(await server.uploadedFiles(), []);
}

for (const protocol of ["json", "tnetstring"] satisfies HandlerProtocol[]) {
  Deno.test({
    name: `requests begin when their uploads do (${protocol})`,
    ignore,
    async fn(test) {
      await using site = await startSite(protocol);
      const { server, gateway } = site;

      for (const form of ["with a length", "in chunks"]) {
        await test.step(`the app gets an upload ${form} as it comes`, async () => {
          const isChunked = form === "in chunks";
          using client = await RawClient.connect(server.port);
          const before = gateway.log.length;
          await client.send(isChunked ? CHUNKED_HEAD : lengthHead("/sum"));
          for (let i = 0; i < PARTS; i++) {
            await client.send(isChunked ? chunk(part(i)) : part(i));
            await gateway.logged(new RegExp(`^has ${(i + 1) * PART_BYTES}$`), { before });
          }
          if (isChunked) await client.send("0\r\n\r\n");
          const { status, body } = await client.receive();
          assertEquals([status, body], [200, SUM]);
          await filesAreGone(server);
        });
      }

      await test.step("the connection goes on after uploads", async () => {
        using client = await RawClient.connect(server.port);
        for (let i = 0; i < 3; i++) {
          await client.send(lengthHead("/sum") + ALL);
          assertEquals((await client.receive()).body, SUM);
          await client.send(get("/next"));
          assertEquals((await client.receive()).body, "hello from /next");
        }
        await filesAreGone(server);
      });

      await test.step("an upload behind another request waits for its turn", async () => {
        using client = await RawClient.connect(server.port);
        await client.send(get("/late") + lengthHead("/sum", "", 30_000) + "a".repeat(30_000));
        assertEquals((await client.receive()).body, "hello from /late");
        assertMatch((await client.receive()).body, /^30000 /);
        await client.send(get("/next"));
        assertEquals((await client.receive()).body, "hello from /next");
        await filesAreGone(server);
      });

      await test.step("an app that answers before the end of its upload", async () => {
        using client = await RawClient.connect(server.port);
        await client.send(lengthHead("/early") + part(0));
        assertEquals((await client.receive()).body, "hello from /early");
        // The rest is not worth waiting for, as over HTTP.
        assert(await client.closed());
        await filesAreGone(server);
      });

      await test.step("a short rest that nobody reads is passed over", async () => {
        using client = await RawClient.connect(server.port);
        const bytes = 40_000;
        await client.send(lengthHead("/early", "", bytes) + "x".repeat(bytes - 1));
        assertEquals((await client.receive()).body, "hello from /early");
        await client.send("x");
        // Mongrel2 itself takes what comes with the end of an upload for part of it.
        await new Promise((resolve) => setTimeout(resolve, 200));
        await client.send(get("/next"));
        assertEquals((await client.receive()).body, "hello from /next");
        await filesAreGone(server);
      });

      for (const head of [lengthHead("/sum"), CHUNKED_HEAD]) {
        const isChunked = head === CHUNKED_HEAD;
        await test.step(`a client that leaves within its upload (${isChunked ? "chunks" : "length"})`, async () => {
          const before = gateway.log.length;
          {
            using client = await RawClient.connect(server.port);
            await client.send(head + (isChunked ? chunk(part(0)) : part(0)));
            await gateway.logged(/^has /, { before });
          }
          await gateway.logged(/^is aborted/, { before });
          await gateway.logged(/^fails after \d+: \w+/, { before });
          await filesAreGone(server);
        });
      }

      await test.step("a client's own upload headers change nothing, and get at no other file", async () => {
        const victim = `${server.folder}/tmp/m2.victim`;
        const named = `${server.uploads}/m2.victim`;
        await Deno.writeTextFile(victim, "secret");
        const names = ["start", "done"].map((name) => `X-Mongrel2-Upload-${name}: ${named}\r\n`);
        for (const fields of [...names, names.join(""), names[0] + names[0]]) {
          const requests = [
            lengthHead("/sum", fields) + ALL,
            lengthHead("/sum", fields, 5) + "hello",
            lengthHead("/sum", fields, 0),
            CHUNKED_HEAD.replace("\r\n\r\n", `\r\n${fields}\r\n`) + "0\r\n\r\n",
            CHUNKED_HEAD.replace("\r\n\r\n", `\r\n${fields}\r\n`) + chunk(ALL) + "0\r\n\r\n",
            get("/sum", fields),
            get("/sum", `${fields}Content-Length: 30000\r\n`),
            get(
              "/sum",
              `${fields}Content-Length: 30000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
          ];
          for (const [index, request] of requests.entries()) {
            using client = await RawClient.connect(server.port);
            await client.send(request);
            // Those that announce a body and send none are not answered before they do.
            if (index === 6) continue;
            const text = await answerOf(client);
            assert(!text.includes("6 "), text);
            assertMatch(
              text,
              new RegExp(`^(?:400 |500 |200 (?:${SUM}|0 0)$|200 5 |Error: no resp|nothing)`),
            );
          }
        }
        assertEquals(await Deno.readTextFile(victim), "secret");
        await Deno.remove(victim);
        await filesAreGone(server);
      });

      await test.step("many slow uploads at once", async () => {
        await Promise.all(Array.from({ length: 20 }, async () => {
          using client = await RawClient.connect(server.port);
          await client.send(lengthHead("/sum"));
          for (let i = 0; i < PARTS; i++) {
            await client.send(part(i));
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          assertEquals((await client.receive()).body, SUM);
        }));
        await filesAreGone(server);
      });
    },
  });
}

Deno.test({
  name: "uploads that begin early are bounded in size and in time",
  ignore,
  async fn(test) {
    await using site = await startSite("json", ["--max-body-bytes=100000", "--body-timeout=1"]);
    const { server, gateway } = site;
    await test.step("one that announces too much is refused before it comes", async () => {
      using client = await RawClient.connect(server.port);
      await client.send(lengthHead("/sum") + part(0));
      const { status, headers } = await client.receive();
      assertEquals([status, headers.get("connection")], [413, "close"]);
      await filesAreGone(server);
    });
    await test.step("one in chunks that becomes too large is refused then", async () => {
      using client = await RawClient.connect(server.port);
      await client.send(CHUNKED_HEAD);
      for (let i = 0; i < 3; i++) await client.send(chunk(part(i))).catch(() => {});
      assertEquals((await client.receive()).status, 413);
      await filesAreGone(server);
    });
    await test.step("one that stops coming is given up", async () => {
      const before = gateway.log.length;
      using client = await RawClient.connect(server.port);
      await client.send(lengthHead("/sum", "", 90_000) + part(0));
      assertEquals((await client.receive()).status, 408);
      await gateway.logged(/^fails after/, { before });
      await filesAreGone(server);
    });
    await test.step("one that was answered before it stops coming is given up, too", async () => {
      using client = await RawClient.connect(server.port);
      await client.send(lengthHead("/early", "", 40_000) + "x".repeat(39_999));
      assertEquals((await client.receive()).body, "hello from /early");
      assert(await client.closed());
      await filesAreGone(server);
    });
    await test.step("others are served", async () => {
      assertEquals(await (await fetch(`${server.url}/`)).text(), "hello from /");
    });
  },
});

Deno.test({
  name: "without a folder for uploads, one that begins is refused at once",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    const spec = server.spec("main", { "uploads-start": "early" });
    await using _gateway = await startGateway([APP, "--workers=1", "--mongrel2", spec]);
    using client = await RawClient.connect(server.port);
    await client.send(lengthHead("/sum") + part(0));
    assertEquals((await client.receive()).status, 500);
  },
});

Deno.test({
  name: "it does not matter which of two handlers gets word of an upload's end",
  ignore,
  async fn(test) {
    const args = ["--body-timeout=1"];
    await using site = await startSite("json", args);
    const { server } = site;
    const spec = server.spec("main", {
      chroot: server.chroot,
      uploads: server.uploads,
      "uploads-start": "early",
    });
    await using _second = await startGateway([APP, "--workers=1", "--mongrel2", spec, ...args]);
    const short = "x".repeat(40_000);
    /** Mongrel2 gives the start to one handler, the end to the other, and what follows to the first, or so. */
    const askNext = async (client: RawClient) => {
      await client.send(get("/next"));
      assertEquals((await client.receive()).body, "hello from /next");
    };

    await test.step("for one with a length, which is not answered twice", async () => {
      for (let i = 0; i < 6; i++) {
        using client = await RawClient.connect(server.port);
        await client.send(lengthHead("/sum") + ALL);
        assertEquals((await client.receive()).body, SUM);
        await askNext(client);
      }
    });
    await test.step("for one in chunks", async () => {
      for (let i = 0; i < 6; i++) {
        using client = await RawClient.connect(server.port);
        // Mongrel2 takes no larger chunks.
        const chunks = Array.from({ length: PARTS }, (_, index) => chunk(part(index)));
        await client.send(`${CHUNKED_HEAD}${chunks.join("")}0\r\n\r\n`);
        const { status, body } = await client.receive();
        assertEquals([status, body], [200, SUM]);
      }
    });
    await test.step("for one that is answered before it is read", async () => {
      for (let i = 0; i < 6; i++) {
        using client = await RawClient.connect(server.port);
        await client.send(lengthHead("/early", "", short.length) + short);
        assertEquals((await client.receive()).body, "hello from /early");
        for (let j = 0; j < i % 3 + 1; j++) await askNext(client);
      }
    });
    await test.step("for one after which the connection is idle for a while", async () => {
      await Promise.all(Array.from({ length: 4 }, async () => {
        using client = await RawClient.connect(server.port);
        await client.send(lengthHead("/early", "", short.length) + short);
        assertEquals((await client.receive()).body, "hello from /early");
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        await askNext(client);
      }));
    });
    await filesAreGone(server);
  },
});
