/**
 * What Mongrel2's clients notice of each other where it has no flow control: how late events are, and
 * how long a download takes, beside clients that wait, and beside others that are sent to.
 *
 *     deno task bench:mongrel2-pace
 *
 * @module
 */

import { commandLine } from "../command_line.ts";
import { quantile } from "../measuring/harness.ts";
import { startGateway } from "../../tests/support/gateway.ts";
import { Mongrel2Server } from "../../tests/peers/mongrel2_server.ts";

const WAITING = 200;
const EVENTS = 50;
const EVENT_MS = 50;
/** The same for each of many streams: 1,000 events a second together. */
const SHARED_EVENTS = 20;
const SHARED_EVENT_MS = 200;
const DOWNLOAD_BYTES = 4_194_304;

const APP = new URL("../apps/waiting.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

/** How late each event of a stream was, in milliseconds. */
async function lags(url: string, count: number, ms: number): Promise<number[]> {
  const response = await fetch(`${url}/events?count=${count}&ms=${ms}`);
  const found: number[] = [];
  for await (const chunk of response.body!) {
    const now = Date.now();
    for (const line of decoder.decode(chunk).trim().split("\n")) found.push(now - Number(line));
  }
  return found;
}

async function downloadMs(url: string): Promise<number> {
  const since = performance.now();
  const { length } = await (await fetch(`${url}/bytes?n=${DOWNLOAD_BYTES}`)).bytes();
  if (length !== DOWNLOAD_BYTES) throw new Error(`${length} bytes have come`);
  return performance.now() - since;
}

function report(what: string, values: readonly number[]): void {
  const [median, most] = [0.5, 1].map((share) => quantile(values, share).toFixed(0));
  console.log(`| ${what} | ${median} | ${most} |`);
}

async function measure(url: string, beside: string): Promise<void> {
  report(`an event, ${beside}`, await lags(url, EVENTS, EVENT_MS));
  const times: number[] = [];
  for (let i = 0; i < 5; i++) times.push(await downloadMs(url));
  report(`a download of 4 MiB, ${beside}`, times);
}

commandLine({
  usage: "bench:mongrel2-pace",
  about: "What do Mongrel2's clients notice of each other, where it has no flow control?",
  options: {},
});
await using server = await Mongrel2Server.start();
await using _gateway = await startGateway([APP, "--mongrel2", server.spec(), "--workers=2"]);
const { url } = server;
console.log("| milliseconds | median | most |\n| --- | --- | --- |");
await measure(url, "alone");
const polls = new AbortController();
for (let i = 0; i < WAITING; i++) fetch(`${url}/poll`, { signal: polls.signal }).catch(() => {});
await measure(url, `beside ${WAITING} long polls`);
polls.abort();
const streams = await Promise.all(
  Array.from({ length: WAITING }, () => lags(url, SHARED_EVENTS, SHARED_EVENT_MS)),
);
report(`an event of ${WAITING} streams`, streams.flat());
