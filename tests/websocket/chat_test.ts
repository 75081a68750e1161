import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

const CHAT = new URL("../../examples/chat.ts", import.meta.url).pathname;
const CLIENTS = 12;

interface Client {
  readonly socket: WebSocket;
  readonly heard: string[];
}

function join(port: number): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  const client = { socket, heard: [] as string[] };
  socket.onmessage = ({ data }) => client.heard.push(data);
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(client);
    socket.onerror = reject;
  });
}

for (const workers of ["2", "1", "0"]) {
  Deno.test(`examples/chat.ts lets all hear what one says (--workers ${workers})`, async () => {
    await using gateway = await startGateway([CHAT, `--workers=${workers}`]);
    assertMatch(await (await fetch(gateway.url)).text(), /<title>Chat/);
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => join(gateway.port)));
    clients.forEach(({ socket }, i) => socket.send(`hello from ${i}`));
    while (clients.some(({ heard }) => heard.length < CLIENTS)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const expected = clients.map((_, i) => `hello from ${i}`).sort();
    for (const { heard } of clients) assertEquals(heard.toSorted(), expected);
    const [{ socket }] = clients;
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.send(new Uint8Array(3));
    assertEquals((await closed).code, 1003);
    const [, ...rest] = clients;
    await Promise.all(rest.map((client) =>
      new Promise((resolve) => {
        client.socket.onclose = resolve;
        client.socket.close();
      })
    ));
    assert(rest.every(({ heard }) => heard.length === CLIENTS));
  });
}
