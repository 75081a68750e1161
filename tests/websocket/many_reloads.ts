/**
 * Reloads a gateway again and again while many sockets talk: none may be closed, and no message may be lost, come
 * twice or out of turn, be it an answer or one to a topic. Ends with 1 otherwise.
 *
 *     deno task test:reloads [SOCKETS [RELOADS [WORKERS]]]
 */

import { reloadOf, startGateway } from "../support/gateway.ts";

const [socketCount = 2_000, reloadCount = 100, workers = 2] = Deno.args.map(Number);
const APP = new URL("../fixtures/kept_sockets.ts", import.meta.url).pathname;
/** Sockets that are opened at a time. */
const AT_A_TIME = 50;
/** Time between the answer to a message and the next message at the most, in milliseconds. */
const MAX_PAUSE_MS = 1_000;

const faults: string[] = [];
const sockets: WebSocket[] = [];
let answers = 0;
let published = 0;
let isRunning = true;

/** Opens a socket that sends numbers, each when it has the one before back, and follows a topic. */
function open(gateway: { readonly port: number }, name: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/?name=${name}`);
  sockets.push(socket);
  let sent = 0;
  let heard = 0;
  const send = () => {
    if (isRunning) socket.send(`echo ${++sent}`);
  };
  return new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      if (data === `hello ${name}`) socket.send("join all");
      else if (data === "joined all") resolve(send());
      else if (data === `all ${heard + 1}`) heard++;
      else if (data === `${sent}`) {
        answers++;
        setTimeout(send, Math.random() * MAX_PAUSE_MS);
      } else faults.push(`socket ${name}: got ${data} after ${sent} and all ${heard}`);
    };
    socket.onclose = ({ code }) => {
      if (isRunning) faults.push(`socket ${name}: closed with ${code}`);
      else if (heard !== published) faults.push(`socket ${name}: heard ${heard} of ${published}`);
      resolve();
    };
  });
}

const gateway = await startGateway([APP, `--workers=${workers}`]);
try {
  for (let i = 0; i < socketCount; i += AT_A_TIME) {
    const count = Math.min(AT_A_TIME, socketCount - i);
    await Promise.all(Array.from({ length: count }, (_, n) => open(gateway, i + n)));
  }
  const start = performance.now();
  const publish = async () => {
    await (await fetch(`${gateway.url}/publish?topic=all&text=all ${++published}`)).body?.cancel();
  };
  for (let i = 0; i < reloadCount && faults.length === 0; i++) {
    // Messages to topics come before, while and after sockets are handed over.
    const reloaded = reloadOf(gateway);
    await publish();
    await reloaded;
    await publish();
  }
  const seconds = (performance.now() - start) / 1_000;
  await new Promise((resolve) => setTimeout(resolve, 2 * MAX_PAUSE_MS));
  isRunning = false;
  await Promise.all(sockets.map((socket) =>
    new Promise((resolve) => {
      socket.addEventListener("close", resolve);
      socket.close();
      if (socket.readyState === WebSocket.CLOSED) resolve(null);
    })
  ));
  console.log(
    `${reloadCount} reloads with ${socketCount} sockets and ${workers} workers in ` +
      `${seconds.toFixed(0)} s: ${answers} answers, ${published} messages to all, ` +
      `${faults.length} faults`,
  );
  for (const fault of faults.slice(0, 10)) console.log(fault);
} finally {
  await gateway[Symbol.asyncDispose]();
}
Deno.exit(faults.length === 0 ? 0 : 1);
