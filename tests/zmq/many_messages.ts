/**
 * Sends a million small messages from one socket to another, and prints how much memory the process
 * holds after 200,000 of them, and after all. Needs `--v8-flags=--expose-gc`.
 */

import { ZmqContext } from "../../src/zmq/socket.ts";

const MESSAGES = 1_000_000;
const BATCH = 500;

const context = new ZmqContext();
const push = context.socket("push");
const pull = context.socket("pull");
pull.bind("tcp://127.0.0.1:*");
push.connect(pull.getOption("lastEndpoint") as string);
const message = new Uint8Array(20);
let sent = 0;
let received = 0;
while (received < MESSAGES) {
  for (let i = 0; i < BATCH && sent < MESSAGES && push.send(message); i++) sent++;
  while (pull.receivePart() !== null) {
    received++;
    if (received !== MESSAGES / 5 && received !== MESSAGES) continue;
    (globalThis as { gc?: () => void }).gc!();
    console.log(Deno.memoryUsage().rss);
  }
  if (received === sent) await push.writable(10);
  else await pull.readable(10);
}
await context[Symbol.asyncDispose]();
