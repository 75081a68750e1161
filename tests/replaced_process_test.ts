import { serve } from "../mod.ts";
import { assertEquals } from "./support/assert.ts";
import { inFolder } from "./support/processes.ts";

Deno.test("a program that puts another process into its globals can send files, and open WebSockets", () =>
  inFolder({ "a.txt": "text" }, async (folder) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, "process")!;
    const value = { env: { NODE_ENV: "production" } };
    Object.defineProperty(globalThis, "process", { value, configurable: true });
    try {
      await using server = await serve({
        http: "127.0.0.1:0",
        app: {
          fetch: (request, context) =>
            request.headers.has("upgrade")
              ? context.upgrade(request) ?? new Response(null, { status: 426 })
              : context.sendFile(`${folder}/a.txt`),
          websocket: {
            open(socket) {
              socket.send("open");
            },
          },
        },
      });
      const { port } = server.addresses[0] as Deno.NetAddr;
      const response = await fetch(`http://127.0.0.1:${port}/`);
      assertEquals([response.status, await response.text()], [200, "text"]);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
      const told = await new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(data);
        socket.onerror = () => resolve("error");
      });
      assertEquals(told, "open");
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      await closed;
    } finally {
      Object.defineProperty(globalThis, "process", before);
    }
  }));
