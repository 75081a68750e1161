/** Handlers behind a dispatcher, and a real Mongrel2 before it. */

import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { SocketClient } from "../support/socket_client.ts";
import { eventually } from "../support/zmq.ts";
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

/** A server, a dispatcher, and what starts handlers. */
interface Site {
  readonly server: Mongrel2Server;
  readonly dispatcher: GatewayProcess;
  start(name: string, ...args: string[]): Promise<GatewayProcess>;
}

function test(
  name: string,
  settings: Readonly<Record<string, number>>,
  fn: (site: Site) => Promise<void>,
  options: readonly string[] = [],
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await inFolder({ "app.ts": APP }, async (folder) => {
        await using stack = new AsyncDisposableStack();
        const server = stack.use(await Mongrel2Server.start({ settings }));
        const source = server.spec("main", {});
        const dispatcher = stack.use(
          await startGateway(["dispatch", source, "tcp://127.0.0.1:0", ...options]),
        );
        const line = await dispatcher.logged(/^listening dispatch\+tcp:/);
        const endpoint = line.replace("listening ", "");
        await fn({
          server,
          dispatcher,
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
async function checkSockets(server: Mongrel2Server, count: number): Promise<void> {
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

test("WebSockets work with two handlers of a dispatcher", {}, async ({ server, start }) => {
  for (const name of ["one", "two"]) await start(name);
  await checkSockets(server, 2);
});

test("WebSockets work with --processes behind a dispatcher", {}, async (site) => {
  const { server, dispatcher, start } = site;
  await start("both", "--processes=2");
  for (const number of [1, 2]) {
    await dispatcher.logged(new RegExp(`^dispatch: handler both-${number} has come`));
  }
  await checkSockets(server, 2);
});

for (const [how, stream] of Object.entries({ files: 0, parts: 1 })) {
  const settings = { "upload.stream": stream };
  test(`uploads in ${how} reach the handler that has the request`, settings, async (site) => {
    for (const name of ["one", "two"]) await site.start(name);
    const workers = new Set<string>();
    await Promise.all(Array.from({ length: 12 }, async (_, i) => {
      const body = new Uint8Array(200_000 + i).fill(i);
      const response = await fetch(`${site.server.url}/upload`, { method: "POST", body });
      const [worker, digest] = (await response.text()).split(" ");
      workers.add(worker);
      const expected = await crypto.subtle.digest("SHA-256", body);
      assertEquals(digest, new Uint8Array(expected).toHex());
    }));
    assertEquals(workers.size, 2);
    assertEquals(await site.server.uploadedFiles(), []);
  });
}

for (const flow of [0, 1]) {
  const settings = { "download.flow_control": flow };
  test(
    `large answers come whole over a dispatcher (flow control: ${flow})`,
    settings,
    async (site) => {
      for (const name of ["one", "two"]) await site.start(name);
      await Promise.all(Array.from({ length: 4 }, async () => {
        const response = await fetch(`${site.server.url}/download`);
        assertEquals((await response.bytes()).length, 5_000_000);
      }));
    },
  );
}

test("a handler that is ended finishes what it has, and others go on", {}, async (site) => {
  const { server } = site;
  const one = await site.start("one");
  const slow = fetch(`${server.url}/?ms=1500`).then((response) => response.text());
  await eventually(() => site.dispatcher.log.some((line) => line.includes("handler one has come")));
  const two = await site.start("two");
  const socket = new SocketClient(server, "/socket");
  await socket.opened;
  one.kill("SIGTERM");
  for (let i = 0; i < 100; i++) {
    const response = await fetch(`${server.url}/`);
    assertEquals(response.status, 200);
    await response.text();
  }
  assert((await slow).length > 0);
  assertEquals((await one.status).code, 0);
  // The second one has all from here on, alone.
  const worker = await (await fetch(`${server.url}/`)).text();
  for (let i = 0; i < 5; i++) {
    assertEquals(await (await fetch(`${server.url}/`)).text(), worker);
  }
  await socket[Symbol.asyncDispose]();
  two.kill("SIGTERM");
  assertEquals((await two.status).code, 0);
});

test("an app that takes too long for the dispatcher gives its request up", {}, async (site) => {
  await site.start("one");
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`${site.server.url}/?ms=600000`);
    assertEquals(response.status, 504);
    await response.body?.cancel();
  }
  const response = await fetch(`${site.server.url}/`);
  assertEquals(response.status, 200);
  await response.body?.cancel();
  assertEquals(site.dispatcher.log.filter((line) => line.includes("answers pings")), []);
}, ["--request-timeout=500ms"]);

test("what is asked while no handler is there waits for the next one", {}, async (site) => {
  const waiting = fetch(`${site.server.url}/`).then((response) => response.text());
  const one = await site.start("one");
  const worker = await waiting;
  await reloadOf(one);
  const next = await (await fetch(`${site.server.url}/`)).text();
  assert(next !== worker, "the apps were loaded anew");
});
