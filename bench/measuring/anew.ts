/**
 * Measures servers that are started anew for each sample: what a start costs, and what there is after it.
 * Rounds are interleaved. The first one is a warm-up, which fills caches.
 *
 * @module
 */

import type { BenchOptions } from "./bench.ts";
import type { Sample } from "./figures.ts";
import { delay, untilAnswered } from "./harness.ts";
import { quietly, Running } from "./processes.ts";
import type { Contestant } from "./processes.ts";
import type { Result } from "./standings.ts";

/** Time in which a server that answers comes to rest, in milliseconds. */
const SETTLE_MS = 2_000;

/**
 * Takes samples of one contestant after the other; one during which anything else used the machine is
 * thrown away.
 *
 * @param sample Starts a contestant, measures it, and waits for its end.
 * @throws {Error} The machine is not quiet.
 */
export async function inTurns(
  contestants: readonly Contestant[],
  { rounds, noise }: BenchOptions,
  sample: (contestant: Contestant) => Promise<Sample>,
): Promise<Result[]> {
  const samples = contestants.map((): Sample[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      const { name } = contestant;
      const found = await quietly({ name, noise }, () => sample(contestant));
      if (round > 0) samples[i].push(found);
    }
  }
  return contestants.map(({ name }, i) => ({ name, samples: samples[i] }));
}

/**
 * Starts all contestants of a round, and takes a sample of each when they are at rest. For what does not
 * depend on how busy the machine is, such as memory: it takes a fraction of the time.
 *
 * @param sample Gives a sample for each, in their order.
 */
export async function together(
  contestants: readonly Contestant[],
  { rounds }: BenchOptions,
  sample: (running: readonly Running[]) => Promise<Sample[]>,
): Promise<Result[]> {
  const samples = contestants.map((): Sample[] => []);
  for (let round = 0; round <= rounds; round++) {
    await using all = new AsyncDisposableStack();
    const running = contestants.map((contestant) => all.use(new Running(contestant)));
    await untilAllAnswer(contestants);
    if (round === 0) continue;
    await delay(SETTLE_MS);
    for (const [i, found] of (await sample(running)).entries()) samples[i].push(found);
  }
  return contestants.map(({ name }, i) => ({ name, samples: samples[i] }));
}

/** Resolves when all answer; no connection to them is left, as this would be no rest. */
async function untilAllAnswer(contestants: readonly Contestant[]): Promise<void> {
  using client = Deno.createHttpClient({});
  for (const { port } of contestants) await untilAnswered(`http://127.0.0.1:${port}/`, client);
}
