import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import app from "../fixtures/socket_looks.ts";

const APP = new URL("../fixtures/socket_looks.ts", import.meta.url).pathname;

/** What a client of the app is told, and how its socket ends. */
function told(port: number): Promise<unknown[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  socket.binaryType = "arraybuffer";
  const messages: unknown[] = [];
  socket.onopen = () => socket.send("looks");
  socket.onmessage = ({ data }) => {
    const isLook = typeof data === "string" && data.startsWith("{");
    messages.push(
      isLook ? JSON.parse(data) : data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data,
    );
  };
  return new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve([...messages, code, reason, wasClean]);
  });
}

Deno.test("a socket looks and behaves as one of Deno's own", async (test) => {
  await using server = Deno.serve({ port: 0, onListen() {} }, (request) => app.fetch(request));
  const expected = await told(server.addr.port);
  assertEquals(expected.length, 14, "Deno's own answers");
  for (const workers of ["1", "0"]) {
    await test.step(`--workers ${workers}`, async () => {
      await using gateway = await startGateway([APP, `--workers=${workers}`]);
      assertEquals(await told(gateway.port), expected);
    });
  }
});
