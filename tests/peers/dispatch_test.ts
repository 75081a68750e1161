/** Handlers behind a dispatcher, and a real Mongrel2 before it. */

import { assert, assertEquals } from "../support/assert.ts";
import { reloadOf } from "../support/gateway.ts";
import { SocketClient } from "../support/socket_client.ts";
import { eventually } from "../support/zmq.ts";
import { checkSockets, checkUploads, testSite as test } from "./dispatch_site.ts";

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
    await checkUploads(site.server, 2);
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
}, { options: ["--request-timeout=500ms"] });

test("what is asked while no handler is there waits for the next one", {}, async (site) => {
  const waiting = fetch(`${site.server.url}/`).then((response) => response.text());
  const one = await site.start("one");
  const worker = await waiting;
  await reloadOf(one);
  const next = await (await fetch(`${site.server.url}/`)).text();
  assert(next !== worker, "the apps were loaded anew");
});

for (const rows of [1, 2]) {
  test(
    `WebSockets are closed properly when their dispatcher ends (dispatchers in a row: ${rows})`,
    {},
    async (site) => {
      for (const name of ["one", "two"]) await site.start(name);
      const clients = Array.from({ length: 6 }, () => new SocketClient(site.server, "/socket"));
      await Promise.all(clients.map(({ opened }) => opened));
      for (const { socket } of clients) socket.send("hello");
      await Promise.all(clients.map((client) => client.receive()));
      site.dispatchers[0].kill("SIGTERM");
      for (const { closed } of clients) assertEquals((await closed).code, 1001);
      assertEquals((await site.dispatchers[0].status).code, 0);
    },
    { rows },
  );
}

test(
  "streamed uploads and WebSockets pass two dispatchers in a row",
  { "upload.stream": 1 },
  async (site) => {
    for (const name of ["one", "two"]) await site.start(name);
    await Promise.all([checkUploads(site.server, 2), checkSockets(site.server, 2)]);
  },
  { rows: 2 },
);

for (const rows of [1, 2]) {
  const settings = { "download.flow_control": 1 };
  test(
    `Mongrel2 can be started again before its dispatcher (dispatchers in a row: ${rows})`,
    settings,
    async (site) => {
      const { server } = site;
      for (const name of ["one", "two"]) await site.start(name);
      const download = async () => {
        const response = await fetch(`${server.url}/download`);
        return (await response.bytes()).length;
      };
      for (let i = 0; i < 2; i++) {
        assertEquals(await Promise.all([download(), download()]), [5_000_000, 5_000_000]);
        const waiting = fetch(`${server.url}/?ms=600000`).catch(() => null);
        const broken = fetch(`${server.url}/download`).then((response) =>
          response.body!.getReader()
        );
        const reader = await broken;
        await reader.read();
        await server.stop("SIGKILL");
        assertEquals(await waiting, null);
        await reader.cancel().catch(() => {});
        await server.start();
        const response = await fetch(`${server.url}/`);
        assertEquals(response.status, 200);
        await response.body?.cancel();
      }
      assertEquals(await Promise.all([download(), download()]), [5_000_000, 5_000_000]);
    },
    { rows },
  );
}
