import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { soon } from "../support/strict.ts";

/** What all of them answer, given the context or what it is of. */
const ANSWER = `
import { contextOf } from "gatehouse";

export async function answer(holder, url) {
  const { pathname } = new URL(url, "http://localhost");
  const { endpoint, signals } = contextOf(holder);
  switch (pathname) {
    case "/wait": return "woken by " + await signals.wait("a");
    case "/waiting": return String(await signals.waiting("a"));
    case "/send": return String(await signals.send("a", endpoint));
    default: {
      try {
        contextOf({ socket: null });
      } catch (error) {
        return error.name;
      }
    }
  }
}
`;

const APPS: Readonly<Record<string, string>> = {
  "a server of node:http": `
import { createServer } from "node:http";
import { answer } from "./answer.js";
createServer(async (req, res) => res.end(await answer(req, req.url))).listen(80);
`,
  "one whose requests have another prototype, as those of Express": `
import { createServer, IncomingMessage } from "node:http";
import { answer } from "./answer.js";
const prototype = Object.create(IncomingMessage.prototype);
createServer(async (req, res) => {
  Object.setPrototypeOf(req, prototype);
  res.end(await answer({ url: req.url, socket: req.socket }, req.url));
}).listen(80);
`,
  "a listener for fetch events": `
import { answer } from "./answer.js";
addEventListener("fetch", (event) => {
  event.respondWith(answer(event, event.request.url).then((text) => new Response(text)));
});
`,
};

for (const [what, app] of Object.entries(APPS)) {
  Deno.test(`${what} finds the context of its requests`, async () => {
    await inFolder({ "app.js": app, "answer.js": ANSWER }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, "--workers=2"]);
      const ask = async (path: string) => await (await fetch(gateway.url + path)).text();
      const woken = ask("/wait");
      const waits = async () => {
        while (await ask("/waiting") !== "1");
      };
      await soon("a request that waits", waits());
      assertEquals(await ask("/send"), "1");
      assertEquals(await woken, "woken by http");
      assertEquals(await ask("/none"), "TypeError");
    });
  });
}

Deno.test("what a server of node:http upgrades has the context of its request", async () => {
  const app = `
import { createServer } from "node:http";
import { contextOf } from "gatehouse";
const server = createServer();
server.on("upgrade", (req, socket) => {
  const known = contextOf(req) === contextOf(socket) && contextOf(req).requestId !== "";
  socket.end("HTTP/1.1 418 Upgraded\\r\\nX-Known: " + known + "\\r\\n\\r\\n");
});
server.listen(80);
`;
  await inFolder({ "app.js": app }, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"]);
    using client = await RawClient.connect(gateway.port);
    await client.send(get("/", "connection: upgrade\r\nupgrade: other\r\n"));
    const { status, headers } = await client.receive();
    assertEquals([status, headers.get("x-known")], [418, "true"]);
  });
});
