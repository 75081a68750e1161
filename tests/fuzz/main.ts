/**
 * Fuzzes for as long as it is told, each target in turn:
 *
 *     deno task fuzz [NAME …] [--seconds N] [--seed N]
 *
 * The seconds are those of the processor: beside other work there are as many rounds as without.
 *
 * Each round has a seed of its own. When one fails, the command that repeats it is printed, and the next
 * target's turn has come.
 */

// @ts-types="../../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import process from "node:process";
import { Random } from "../support/random.ts";
import type { FuzzTarget } from "./target.ts";
import { TARGETS } from "./targets.ts";

const { _, ...options } = parseArgs(Deno.args, { string: ["seconds", "seed"] });
const names = _.map(String);
const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name));
const chosen = names.length === 0 ? TARGETS : TARGETS.filter(({ name }) => names.includes(name));
const seconds = Number(options.seconds ?? 60);
const givenSeed = options.seed === undefined ? null : Number(options.seed);
if (unknown.length > 0 || Number.isNaN(seconds) || Number.isNaN(givenSeed)) {
  console.error(`usage: deno task fuzz [NAME …] [--seconds N] [--seed N]`);
  console.error(`targets: ${TARGETS.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}

/** Processor time that this process has taken, in milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Gives a target rounds of input until the time is over; whether nothing came of it. */
async function fuzz({ name, attempts: attemptsOfRound, run }: FuzzTarget): Promise<boolean> {
  const start = processorMs();
  let seed = givenSeed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  let attempts = 0;
  let slowestMs = 0;
  let passedMs = 0;
  do {
    try {
      await run(new Random(seed));
      attempts += attemptsOfRound;
    } catch (error) {
      console.error(`${name}: seed ${seed} fails`, error);
      console.error(`again: deno task fuzz ${name} --seed ${seed}`);
      return false;
    }
    const roundMs = processorMs() - start - passedMs;
    passedMs += roundMs;
    slowestMs = Math.max(slowestMs, roundMs);
    seed = (seed + 1) >>> 0;
  } while (passedMs < seconds * 1_000 && givenSeed === null);
  const rate = Math.round(attempts / Math.max(passedMs, 1) * 1_000);
  console.log(
    `${name}: ${attempts} attempts, ${rate} a second; the slowest round of ` +
      `${attemptsOfRound} took ${Math.round(slowestMs)} ms`,
  );
  return true;
}

let failed = 0;
for (const target of chosen) {
  if (!await fuzz(target)) failed++;
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
