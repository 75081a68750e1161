/**
 * Whether the work on what others send is in proportion to what they send: each reader gets so
 * many of something and twice as many, and fails above three times the time. These are so many that a
 * reader which looks at everything again for each byte would take four times as long.
 *
 *     deno task bench:scaling [NAME...]
 */
import { commandLine } from "./command_line.ts";
import { READERS } from "./scaling/readers.ts";
import type { Work } from "./scaling/readers.ts";

/** The time for twice as much may be so many times that for once. */
const MAX_RATIO = 3;
/** How many of something a reader gets: where the work is in proportion to the square, that shows. */
const N = 32_768;
/** Times shorter than this tell nothing, in milliseconds: the work is done several times then. */
const MIN_MS = 20;
/** Each is measured so often; the shortest times count. */
const ROUNDS = 5;
/** What takes more than that is measured again so often. */
const RETRIES = 2;
/** A reader that is this slow needs no more rounds, in milliseconds. */
const SLOW_MS = 4_000;

async function timeOf(work: Work, times: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < times; i++) await work();
  return performance.now() - start;
}

/** The shortest times for once and twice as much, measured in turns, in milliseconds. */
async function measure(single: Work, double: Work): Promise<[single: number, double: number]> {
  let times = 1;
  while (await timeOf(single, times) < MIN_MS) times *= 2;
  const best: [number, number] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS && best[1] < SLOW_MS || round === 0; round++) {
    best[0] = Math.min(best[0], await timeOf(single, times));
    best[1] = Math.min(best[1], await timeOf(double, times));
  }
  return [best[0] / times, best[1] / times];
}

const { given } = commandLine({
  usage: "bench:scaling [NAME…]",
  about: "Is the work on what others send in proportion to what they send? Exits 1 if not.",
  options: {},
  maxArguments: Infinity,
});
const named = Object.entries(READERS).filter(([name]) =>
  given.length === 0 || given.some((arg) => name.includes(arg))
);
if (named.length === 0) {
  console.error(`there is no reader called ${given.join(", or ")}`);
  Deno.exit(2);
}
let failed = 0;
for (const [name, workFor] of named) {
  let [single, double] = await measure(workFor(N), workFor(2 * N));
  // Others may have kept the machine busy: what is slow by itself is so each time.
  for (let again = 0; again < RETRIES && double / single > MAX_RATIO; again++) {
    [single, double] = await measure(workFor(N), workFor(2 * N));
  }
  const ratio = double / single;
  if (ratio > MAX_RATIO) failed++;
  console.log(
    `${name.padEnd(60)} ${single.toFixed(3).padStart(9)} ms, ` +
      `twice as much: ${double.toFixed(3).padStart(9)} ms, ${ratio.toFixed(2)} times` +
      (ratio > MAX_RATIO ? " TOO SLOW" : ""),
  );
}
if (failed > 0) {
  console.error(`${failed} take more than ${MAX_RATIO} times as long for twice as much`);
  Deno.exit(1);
}
console.log(`${named.length} readers: the work of each is in proportion to what it gets`);
