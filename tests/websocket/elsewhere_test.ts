import { assert, assertEquals } from "../support/assert.ts";
import type { App, Context } from "../../mod.ts";
import { FastCgiClient, serve } from "../../mod.ts";

const fetch = (request: Request, context: Context): Response => {
  if (request.url.endsWith("/kept")) return context.upgrade(request)!;
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(`heard ${data}`);
  return response;
};
const app: App = { fetch, websocket: {} };

Deno.test("a program's own handler can upgrade requests over HTTP, and others get 501 over FastCGI", async (test) => {
  const log: string[] = [];
  await using server = await serve({
    http: "127.0.0.1:0",
    fastcgi: "127.0.0.1:0",
    app,
    log: (level, text) => log.push(`${level}: ${text}`),
  });
  const [http, fastcgi] = server.addresses as Deno.NetAddr[];
  await test.step("over HTTP", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${http.port}/`);
    socket.onopen = () => socket.send("hello");
    const heard = await new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = reject;
    });
    assertEquals(heard, "heard hello");
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  });
  await test.step("over FastCGI", async () => {
    await using front = new FastCgiClient(`127.0.0.1:${fastcgi.port}`);
    const params = {
      HTTP_CONNECTION: "upgrade",
      HTTP_UPGRADE: "websocket",
      HTTP_SEC_WEBSOCKET_KEY: "dGhlIHNhbXBsZSBub25jZQ==",
      HTTP_SEC_WEBSOCKET_VERSION: "13",
    };
    const response = await front.fetch("http://localhost/", { params });
    assertEquals(response.status, 501);
    assertEquals(await response.text(), "501 Not Implemented: FastCGI cannot carry it\n");
    // The form that outlives its code is refused in the same words.
    const kept = await front.fetch("http://localhost/kept", { params });
    assertEquals(kept.status, 501);
    assertEquals(await kept.text(), "501 Not Implemented: FastCGI cannot carry it\n");
    assertEquals(log.filter((line) => line.includes("cannot carry")).length, 2);
    assert(
      log.some((line) => /^error: fastcgi: .*upgrade to websocket.*--http/.test(line)),
      log[0],
    );
  });
});
