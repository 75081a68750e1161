import { assertEquals, assertMatch } from "../support/assert.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";

const EXAMPLES = new URL("../../examples", import.meta.url).pathname;
const CLIENTS = 12;

interface Client {
  readonly socket: WebSocket;
  readonly heard: string[];
}

/** A client that has heard itself: whoever speaks next is heard by it. */
async function join(port: number, room = ""): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${room}`);
  const heard: string[] = [];
  const word = `(${crypto.randomUUID()} is here)`;
  await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send(word);
    socket.onerror = reject;
    socket.onmessage = ({ data }) => {
      if (data === word) resolve(data);
      else if (!data.startsWith("(")) heard.push(data);
    };
  });
  return { socket, heard };
}

const CHATS = [
  ...["chat.ts", "chat_rooms.ts"].flatMap((name) =>
    ["2", "1", "0"].map((workers) => ({ name, args: [`--workers=${workers}`] }))
  ),
  { name: "chat_rooms.ts", args: ["--processes=2", "--workers=2"] },
];

for (const { name, args } of CHATS) {
  Deno.test(`examples/${name} lets all hear what one says (${args.join(" ")})`, async () => {
    await using gateway = await startGateway([`${EXAMPLES}/${name}`, ...args]);
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
    // Others may hear of those who left.
    for (const { heard } of rest) {
      assertEquals(heard.filter((text) => !text.startsWith("Somebody left")).length, CLIENTS);
    }
  });
}

Deno.test("rooms of examples/chat_rooms.ts are apart, and go on when it is reloaded", async () => {
  await using gateway = await startGateway([`${EXAMPLES}/chat_rooms.ts`, "--workers=2"]);
  const [a, b, elsewhere] = await Promise.all(
    ["kitchen", "kitchen", "garden"].map((room) => join(gateway.port, room)),
  );
  const say = async (text: string) => {
    a.socket.send(text);
    while (![a, b].every(({ heard }) => heard.includes(text))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await say("before");
  await reloadOf(gateway);
  await say("after");
  assertEquals([b.heard, elsewhere.heard], [["before", "after"], []]);
  a.socket.close();
  while (b.heard.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(b.heard[2], "Somebody left who had said 3 things");
  for (const { socket } of [b, elsewhere]) {
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  }
});
