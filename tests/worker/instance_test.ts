import { assertEquals } from "../support/assert.ts";
import type { HostedApp } from "../support/hosted_app.ts";
import { hostApp } from "../support/hosted_app.ts";

const APP = new URL("./instance_app.ts", import.meta.url);

/** Many texts at once are read into large memory, and so come whole. */
const MESSAGES = 100;
const MESSAGE = "long ".repeat(200);

/** Sends messages over a WebSocket, and resolves when all have come back. */
async function exchange({ url }: HostedApp): Promise<void> {
  const socket = new WebSocket(url.replace("http", "ws"));
  const closed = new Promise((resolve) => socket.onclose = resolve);
  try {
    await new Promise<void>((resolve, reject) => {
      let received = 0;
      socket.onopen = () => {
        for (let i = 0; i < MESSAGES; i++) socket.send(MESSAGE);
      };
      socket.onmessage = ({ data }) => {
        assertEquals(data, MESSAGE);
        if (++received === MESSAGES) resolve();
      };
      socket.onerror = reject;
    });
  } finally {
    socket.close();
    await closed;
  }
}

Deno.test("an app that says itself what is shared memory is not asked about the rings", async () => {
  await using app = await hostApp(APP);
  await exchange(app);
  const response = await fetch(app.url, { client: app.client } as RequestInit);
  assertEquals(await response.text(), "0");
});
