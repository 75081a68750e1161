/** A real Mongrel2, dispatchers and handlers, and what can be checked of them. */

import { assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { SocketClient } from "../support/socket_client.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const ignore = libzmqIsMissing() || isMissing("mongrel2");

/** An app that says in which worker it is. */
const APP = `const me = crypto.randomUUID();
export default {
  async fetch(request) {
    if (request.headers.get("upgrade") === "websocket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(me + " " + data);
      return response;
    }
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/upload") {
      const digest = await crypto.subtle.digest("SHA-256", await request.arrayBuffer());
      return new Response(me + " " + new Uint8Array(digest).toHex());
    }
    if (pathname === "/download") {
      const piece = new Uint8Array(50_000).fill(120);
      let left = 100;
      return new Response(new ReadableStream({
        pull(controller) {
          if (left-- > 0) controller.enqueue(piece);
          else controller.close();
        },
      }));
    }
    await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get("ms") ?? 0)));
    return new Response(me);
  },
};
`;

/** A server, a dispatcher or several in a row, and what starts handlers. */
export interface Site {
  readonly server: Mongrel2Server;
  /** The dispatcher that handlers are connected to. */
  readonly dispatcher: GatewayProcess;
  /** All of them, that of Mongrel2 first. */
  readonly dispatchers: readonly GatewayProcess[];
  /** Starts a handler. */
  start(name: string, ...args: string[]): Promise<GatewayProcess>;
}

/** What else there is of a site. */
interface SiteOptions {
  /** Options of the dispatchers. */
  readonly options?: readonly string[];
  /** Dispatchers in a row. */
  readonly rows?: number;
}

/** Tests something at a site whose Mongrel2 has these settings. */
export function testSite(
  name: string,
  settings: Readonly<Record<string, number>>,
  fn: (site: Site) => Promise<void>,
  { options = [], rows = 1 }: SiteOptions = {},
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await inFolder({ "app.ts": APP }, async (folder) => {
        await using stack = new AsyncDisposableStack();
        const server = stack.use(await Mongrel2Server.start({ settings }));
        const dispatchers: GatewayProcess[] = [];
        let endpoint = server.spec("main", {});
        for (let row = 0; row < rows; row++) {
          const dispatcher = stack.use(
            await startGateway(["dispatch", endpoint, "tcp://127.0.0.1:0", ...options]),
          );
          const line = await dispatcher.logged(/^listening dispatch\+tcp:/);
          endpoint = line.replace("listening ", "");
          dispatchers.push(dispatcher);
        }
        await fn({
          server,
          dispatcher: dispatchers.at(-1)!,
          dispatchers,
          async start(name, ...args) {
            const spec =
              `${endpoint},name=${name},chroot=${server.chroot},uploads=${server.uploads}`;
            return stack.use(
              await startGateway([`${folder}/app.ts`, "--mongrel2", spec, "--workers=1", ...args]),
            );
          },
        });
      });
    },
  });
}

/** Opens sockets until each of `count` workers has some; what they are told comes back in its order. */
export async function checkSockets(server: Mongrel2Server, count: number): Promise<void> {
  const clients = Array.from({ length: 20 }, () => new SocketClient(server, "/socket"));
  try {
    await Promise.all(clients.map(({ opened }) => opened));
    const texts = Array.from({ length: 50 }, (_, i) => String(i));
    for (const text of texts) for (const { socket } of clients) socket.send(text);
    const workers = new Set<string>();
    for (const client of clients) {
      const received = (await client.receive(texts.length)).map(String);
      const [worker] = received[0].split(" ");
      assertEquals(received, texts.map((text) => `${worker} ${text}`));
      workers.add(worker);
    }
    assertEquals(workers.size, count);
  } finally {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  }
}

/** Uploads what is too large for a message until each of `count` workers has had some; they say what they got. */
export async function checkUploads(server: Mongrel2Server, count: number): Promise<void> {
  const workers = new Set<string>();
  await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const body = new Uint8Array(200_000 + i).fill(i);
    const response = await fetch(`${server.url}/upload`, { method: "POST", body });
    const [worker, digest] = (await response.text()).split(" ");
    workers.add(worker);
    const expected = await crypto.subtle.digest("SHA-256", body);
    assertEquals(digest, new Uint8Array(expected).toHex());
  }));
  assertEquals(workers.size, count);
}
