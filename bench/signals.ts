/**
 * Measures what requests that wait for signals cost, and how fast an event reaches many subscribers, beside a
 * bare loop that writes the same to as many connections.
 *
 *     deno task bench:signals [--clients N] [--workers N] [--executable FILE]
 *
 * @module
 */

import { residentBytes } from "../tests/support/peers.ts";
import { startGateway } from "../tests/support/gateway.ts";
import { commandLine, whole } from "./command_line.ts";
import { EXECUTABLE } from "./main.ts";

const APP = new URL("./apps/signals.ts", import.meta.url).pathname;
const MEBIBYTE = 1_048_576;
const EVENTS = 20;
/** Connections that are opened at a time. */
const AT_A_TIME = 200;
const MAX_LOOPED = 9_900;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const options = commandLine({
  usage: "bench:signals",
  about: "Requests that wait for signals: memory, and the time to wake all of them. Subscribers\n" +
    "of a topic: the time until an event has reached the last one, beside a bare loop.",
  options: {
    clients: whole(10_000, "clients at once"),
    workers: whole(1, "workers of the gateway", 0),
    ...EXECUTABLE,
  },
});

/** Connections that have each asked for `path`. */
async function openAll(port: number, path: string, count: number): Promise<Deno.Conn[]> {
  const request = encoder.encode(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const conns: Deno.Conn[] = [];
  while (conns.length < count) {
    const batch = Math.min(AT_A_TIME, count - conns.length);
    conns.push(
      ...await Promise.all(
        Array.from({ length: batch }, async () => {
          const conn = await Deno.connect({ hostname: "127.0.0.1", port });
          await conn.write(request);
          return conn;
        }),
      ),
    );
  }
  return conns;
}

async function ask(port: number, path: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Reads until `text` has come. */
async function readUntil(conn: Deno.Conn, text: string): Promise<void> {
  const buffer = new Uint8Array(4_096);
  let got = "";
  while (!got.includes(text)) {
    const count = await conn.read(buffer);
    if (count === null) throw new Error(`the connection has ended: ${got}`);
    got = got.slice(-text.length) + decoder.decode(buffer.subarray(0, count));
  }
}

/** How long `begin` takes to reach all connections with `text`, in milliseconds. */
async function timeOf(
  conns: readonly Deno.Conn[],
  text: string,
  begin: () => Promise<unknown>,
): Promise<number> {
  const reading = conns.map((conn) => readUntil(conn, text));
  const start = performance.now();
  await Promise.all([begin(), ...reading]);
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** A server that writes an event to all its connections, and does nothing else. */
async function bareLoop(count: number): Promise<number[]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served: Deno.Conn[] = [];
  const accepting = (async () => {
    while (served.length < count) served.push(await listener.accept());
  })();
  const conns = await openAll(listener.addr.port, "/", count);
  await accepting;
  const times: number[] = [];
  for (let i = 0; i < EVENTS; i++) {
    const text = `id: ${i}\ndata: event ${i}.\n\n`;
    const bytes = encoder.encode(text);
    times.push(
      await timeOf(
        conns,
        `event ${i}.`,
        () => Promise.all(served.map((each) => each.write(bytes))),
      ),
    );
  }
  for (const conn of [...conns, ...served]) conn.close();
  return times;
}

const { clients, workers, executable } = options;
await using gateway = await startGateway(
  [APP, `--workers=${workers}`, `--max-connections=${clients + 100}`],
  executable === undefined ? {} : { command: [executable] },
);
const { pid, port } = gateway;
await ask(port, "/waiting");
const before = residentBytes(pid);
const waiters = await openAll(port, "/wait", clients);
await until(async () => await ask(port, "/waiting") === String(clients));
const waiting = residentBytes(pid);
const woken = await timeOf(waiters, "woken", () => ask(port, "/send"));
for (const conn of waiters) conn.close();
console.log(`${clients} requests wait, --workers ${workers}:`);
console.log(
  `  memory of the process: ${(waiting / MEBIBYTE).toFixed(0)} MiB, before ${
    (before / MEBIBYTE).toFixed(0)
  } MiB`,
);
console.log(`  for each: ${((waiting - before) / clients / 1_024).toFixed(1)} KiB`);
console.log(`  all are woken, and answered, in ${woken.toFixed(0)} ms`);
const subscribers = await openAll(port, "/events", clients);
// Each begins with a comment: then it is subscribed.
await Promise.all(subscribers.map((conn) => readUntil(conn, ":\n\n")));
await new Promise((resolve) => setTimeout(resolve, 1_000));
const times: number[] = [];
for (let i = 0; i < EVENTS; i++) {
  times.push(
    await timeOf(subscribers, `event ${i}.`, () => ask(port, `/publish?value=event ${i}.`)),
  );
}
const subscribed = residentBytes(pid);
for (const conn of subscribers) conn.close();
console.log(`${clients} subscribers of an event stream:`);
console.log(`  memory of the process: ${(subscribed / MEBIBYTE).toFixed(0)} MiB`);
console.log(`  an event reaches the last one in ${median(times).toFixed(0)} ms`);
// It has both ends of each connection, of which a process may have 20,000 here and there.
const looped = Math.min(clients, MAX_LOOPED);
const bare = await bareLoop(looped);
console.log(`  from a bare loop to ${looped}: ${median(bare).toFixed(0)} ms`);
