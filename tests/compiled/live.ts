/** What lives longer than a request in the executable, files, and compression: one start for all. */

import { assertEquals } from "../support/assert.ts";
import { latin1Bytes } from "../../src/base/bytes.ts";
import { decoded } from "../support/codings.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { executable } from "./executable_path.ts";

const TEXT = "a line that comes again and again\n".repeat(200);

const APP = `
import { eventStream } from "gatehouse/events";

export default {
  async fetch(request, context) {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("name") ?? "";
    switch (pathname.replace(/^\\/app/, "")) {
      case "/socket":
        return context.upgrade(request, { data: { heard: 0 } });
      case "/wait":
        return new Response(await context.signals.wait(name, { timeoutMs: 20_000 }));
      case "/send":
        return new Response(String(await context.signals.send(name, "woken")));
      case "/waiting":
        return new Response(String(await context.signals.waiting(name)));
      case "/publish":
        return new Response(String(await context.topics.publish(name, searchParams.get("text"))));
      case "/subscribe":
        for await (const { id, value } of context.topics.subscribe(name, { after: "0" })) {
          return new Response(typeof id + " " + value);
        }
        return new Response("no event", { status: 500 });
      case "/events":
        return eventStream(request, [{ id: "1", data: name }]);
      case "/file":
        return context.sendFile(name);
      default:
        return new Response(${JSON.stringify(TEXT)}, { headers: { "content-type": "text/plain" } });
    }
  },
  websocket: {
    open(socket) {
      socket.subscribe("all");
      socket.send("open");
    },
    message(socket, message) {
      socket.data.heard++;
      socket.publish("all", message);
      socket.send(socket.data.heard + " " + message);
    },
    close(socket, code) {
      socket.publish("all", "closed with " + code);
    },
  },
};
`;

const HANDLER = `
export default async ({ role, params, stdin, stdout }) => {
  const writer = stdout.getWriter();
  await writer.write("Status: 201\\r\\nContent-Type: text/plain\\r\\n\\r\\n");
  await writer.write([role, params.PATH_INFO, await new Response(stdin).text()].join(" "));
};
`;

/** A socket, and what it receives, one after another. */
class Talk {
  readonly socket: WebSocket;
  readonly #received: string[] = [];
  #wake = () => {};

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data }) => {
      this.#received.push(data);
      this.#wake();
    };
  }

  async next(): Promise<string> {
    while (this.#received.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#received.shift()!;
  }

  async close(code: number): Promise<void> {
    const closed = new Promise((resolve) => this.socket.onclose = resolve);
    this.socket.close(code);
    await closed;
  }
}

type Case = (gateway: GatewayProcess, folder: string) => Promise<void>;

const text = async (url: string, init?: RequestInit) => await (await fetch(url, init)).text();

const CASES: Record<string, Case> = {
  async "WebSockets that a module's websocket handles, with data, topics, and their end"({ url }) {
    const [one, other] = [1, 2].map(() => new Talk(`${url.replace("http", "ws")}/app/socket`));
    assertEquals([await one.next(), await other.next()], ["open", "open"]);
    one.socket.send("hello");
    assertEquals([await one.next(), await other.next()], ["1 hello", "hello"]);
    one.socket.send("again");
    assertEquals([await one.next(), await other.next()], ["2 again", "again"]);
    await one.close(3456);
    assertEquals(await other.next(), "closed with 3456");
    await other.close(1000);
  },

  async "signals from one request to another"({ url }) {
    const woken = text(`${url}/app/wait?name=a`);
    while (await text(`${url}/app/waiting?name=a`) === "0");
    assertEquals(await text(`${url}/app/send?name=a`), "1");
    assertEquals(await woken, "woken");
  },

  async "topics, with what was published before"({ url }) {
    await text(`${url}/app/publish?name=b&text=news`);
    assertEquals(await text(`${url}/app/subscribe?name=b`), "string news");
  },

  async "event streams, which gatehouse has for apps"({ url }) {
    assertEquals(await text(`${url}/app/events?name=news`), ":\n\nid: 1\ndata: news\n\n");
  },

  async "files of a folder: whole, in part, again, and none outside"({ url }) {
    const whole = await fetch(`${url}/a%20file.txt`);
    assertEquals([whole.headers.get("content-type"), await whole.text()], [
      "text/plain; charset=UTF-8",
      "0123456789",
    ]);
    const part = await fetch(`${url}/a%20file.txt`, { headers: { range: "bytes=2-4" } });
    assertEquals([part.status, await part.text()], [206, "234"]);
    const again = await fetch(`${url}/a%20file.txt`, {
      headers: { "if-none-match": whole.headers.get("etag")! },
    });
    assertEquals([again.status, await again.text()], [304, ""]);
    const missing = await fetch(`${url}/none.txt`);
    await missing.body?.cancel();
    assertEquals(missing.status, 404);
    const listing = await fetch(`${url}/`, { headers: { accept: "application/json" } });
    const { entries } = await listing.json();
    assertEquals(entries.map(({ name }: { name: string }) => name), ["a file.txt"]);
  },

  async "files that the app may read, and none that it may not"({ url }, folder) {
    const name = encodeURIComponent(`${folder}/public/a file.txt`);
    assertEquals(await text(`${url}/app/file?name=${name}`), "0123456789");
    const hidden = await fetch(`${url}/app/file?name=/etc/passwd`);
    await hidden.body?.cancel();
    assertEquals(hidden.status, 404);
  },

  async "a handler of FastCGI"({ url }) {
    const response = await fetch(`${url}/handler/x`, { method: "POST", body: "sent" });
    assertEquals([response.status, await response.text()], [201, "responder /x sent"]);
  },

  async "responses in each coding"({ port }) {
    for (const coding of ["br", "gzip", "zstd"] as const) {
      using client = await RawClient.connect(port);
      await client.send(get("/app/text", `Accept-Encoding: ${coding}\r\n`));
      const { headers, body } = await client.receive();
      assertEquals(headers.get("content-encoding"), coding);
      const bytes = decoded(coding, latin1Bytes(body));
      assertEquals(new TextDecoder().decode(bytes), TEXT, coding);
    }
  },
};

for (const workers of ["2", "0"]) {
  Deno.test({
    name: `the executable has live connections, files and compression (--workers ${workers})`,
    ignore: executable === null,
    async fn(test) {
      const files = { "app.js": APP, "handler.js": HANDLER, "public/a file.txt": "0123456789" };
      await inFolder(files, async (folder) => {
        await using gateway = await startGateway([
          ...["--mount", "/app=app.js", "--mount", "/=public", "--listing", "--compress"],
          ...["--mount", "/handler=fastcgi-handler:handler.js"],
          ...[`--workers=${workers}`, ...workers === "0" ? [] : ["--app-allow-read=public"]],
        ], {
          command: [executable!],
          cwd: folder,
          env: { GATEHOUSE_CACHE: `${folder}/cache` },
        });
        for (const [what, check] of Object.entries(CASES)) {
          // On the gateway's thread, an app may read what the gateway may.
          const isOfWorkers = what.includes("may not");
          await test.step({
            name: what,
            ignore: isOfWorkers && workers === "0",
            fn: () => check(gateway, folder),
          });
        }
      });
    },
  });
}
