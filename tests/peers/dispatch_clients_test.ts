/** Clients that mean harm, through a real Mongrel2, a dispatcher and handlers. */

import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const ignore = libzmqIsMissing() || isMissing("mongrel2");
/** Reads what comes, and says so; over a WebSocket, it repeats it. */
const APP = `export default {
  async fetch(request) {
    if (request.headers.get("upgrade") === "websocket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    }
    return new Response(String((await request.bytes()).length));
  },
};
`;

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

const HOST = "Host: localhost\r\n";
const get = (fields: string) => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`;
const UPGRADE = get(
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
);
/** A frame of a client, and its beginning. */
const FRAME = "\x81\x85\0\0\0\0hello";

/** What a client sends before it waits for a moment, and leaves. */
const ATTACKS: Record<string, string> = {
  "a pipeline, of which it waits for nothing": get("").repeat(60),
  "half a head": "GET / HTTP/1.1\r\nHost: loc",
  "half a body": `POST / HTTP/1.1\r\n${HOST}Content-Length: 5000\r\n\r\nhalf`,
  "a body that is too large": `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999\r\n\r\nx`,
  "a pipeline of bodies": `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\n\r\nbody`.repeat(30),
  "a document for a JSON socket": '@chat {"type":"disconnect"}\0',
  "a document that imitates a notice": '@* {"type":"disconnect"}\0',
  "XML": "<policy-file-request/>\0",
  "a frame without a handshake": FRAME,
  "a request and then a frame": get("") + FRAME,
  "a handshake, and frames in the same breath": UPGRADE + FRAME.repeat(40),
  "a handshake, and half a frame": UPGRADE + FRAME.slice(0, 5),
  "a handshake, and a frame without a mask": `${UPGRADE}\x81\x05hello`,
  "headers that are Mongrel2's own": get(
    "METHOD: WEBSOCKET\r\nFLAGS: 0x81\r\nUPLOAD_STREAM: 7\r\nPATH: @*\r\nVERSION: x\r\n" +
      "REMOTE_ADDR: 10.0.0.1\r\nDOWNLOAD_CREDITS: 99999999\r\n",
  ),
  "those headers in small letters": get("method: JSON\r\nflags: 0x88\r\nupload_stream_done: 1\r\n"),
  "an upload's beginning that it made up": get("x-mongrel2-upload-start: /etc/passwd\r\n"),
  "an upload's end that it made up": get(
    "x-mongrel2-upload-start: /etc/passwd\r\nx-mongrel2-upload-done: /etc/passwd\r\n",
  ),
  "the method of notices": `JSON / HTTP/1.1\r\n${HOST}\r\n`,
  "the method of frames": `WEBSOCKET / HTTP/1.1\r\n${HOST}\r\n`,
  "the method of handshakes": `WEBSOCKET_HANDSHAKE / HTTP/1.1\r\n${HOST}\r\n`,
  "the path of notices": `GET @* HTTP/1.1\r\n${HOST}\r\n`,
  "a cookie of bytes that are no text": get('Cookie: sid=\xff\xfe\x80\x01\x7f"\\\r\n'),
  "a long cookie": get(`Cookie: ${"sid".repeat(600)}\r\n`),
  "many cookies": get("Cookie: a=1; sid\r\n".repeat(60)),
};

/** Sends `text`, reads for a moment, or until the end, and leaves. */
async function attack(port: number, text: string): Promise<void> {
  using connection = await Deno.connect({ port });
  const buffer = new Uint8Array(65_536);
  await connection.write(latin1(text)).catch(() => 0);
  const timer = setTimeout(() => connection.close(), Math.random() * 100);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // It was closed, by either side.
  }
  clearTimeout(timer);
}

async function assertServes(port: number, sid: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { cookie: `sid=${sid}`, connection: "close" },
    signal: AbortSignal.timeout(30_000),
  });
  assertEquals(response.status, 200, sid);
  await response.body?.cancel();
}

const placements: Record<string, readonly string[]> = {
  "least loaded": [],
  "sticky by an expression": ["--sticky-regex", "sid=(.{1,20})"],
};
for (const [what, options] of Object.entries(placements)) {
  Deno.test({
    name: `no client behind Mongrel2 harms others, and nothing is left of it (${what})`,
    ignore,
    fn: () =>
      inFolder({ "app.js": APP }, async (folder) => {
        await using mongrel2 = await Mongrel2Server.start();
        const { send, recv } = mongrel2.handlers.main;
        await using dispatcher = await startGateway([
          "dispatch",
          `${send},recv=${recv}`,
          "tcp://127.0.0.1:0",
          ...options,
        ]);
        const line = await dispatcher.logged(/^listening dispatch\+tcp:/);
        const spec = line.replace("listening ", "");
        const starting = ["one", "two"].map((name) =>
          startGateway([`${folder}/app.js`, "--mongrel2", `${spec},name=${name}`])
        );
        await using cleanUp = new AsyncDisposableStack();
        const handlers: GatewayProcess[] = await Promise.all(starting);
        for (const handler of handlers) cleanUp.use(handler);
        for (const name of ["one", "two"]) {
          await dispatcher.logged(new RegExp(`^dispatch: handler ${name} has come`));
        }
        for (const [index, text] of Object.values(ATTACKS).entries()) {
          await Promise.all(Array.from({ length: 5 }, () => attack(mongrel2.port, text)));
          if (index % 6 === 0) await assertServes(mongrel2.port, `${index}`);
        }
        for (let i = 0; i < 10; i++) await assertServes(mongrel2.port, `last-${i}`);
        assert(!dispatcher.log.some((each) => /died|does not answer|Error/.test(each)));
        // All that the clients have left is gone: nothing is waited for, or cut off.
        dispatcher.kill("SIGTERM");
        assertEquals((await dispatcher.status).code, 0, dispatcher.log.join("\n"));
        for (const handler of handlers) {
          handler.kill("SIGTERM");
          assertEquals((await handler.status).code, 0, handler.log.join("\n"));
        }
      }),
  });
}
