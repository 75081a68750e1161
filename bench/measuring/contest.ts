/**
 * Measures servers under load side by side without flattering any: one of them runs at a time, the others
 * are stopped (SIGSTOP), and a sample during which anything else used the machine is thrown away.
 *
 * Rounds are interleaved and the first one is a warm-up, of half the time.
 *
 * @module
 */

import type { BenchOptions } from "./bench.ts";
import type { Sample } from "./figures.ts";
import { delay } from "./harness.ts";
import type { Contestant } from "./processes.ts";
import { cpuSecondsOf, quietly, Running, untilListening } from "./processes.ts";
import type { Result } from "./standings.ts";

/** What a load came to. */
export interface Load extends Pick<Sample, "p50Ms" | "p99Ms" | "lateShare"> {
  /** Requests that were answered. */
  readonly requests: number;
  /** Duration in seconds. */
  readonly seconds: number;
}

/** A load that is ready to be put on contestants. */
export interface PreparedLoad extends AsyncDisposable {
  /** Puts it on one of them. */
  put(contestant: Contestant, seconds: number): Promise<Load>;
  /** Processes that belong to it, such as a web server in front. Default: none. */
  readonly pids?: readonly number[];
  /** Resolves when a contestant can be measured. Default: when it listens. */
  untilReady?(contestant: Contestant): Promise<void>;
}

/** A load that needs nothing to be made ready. */
export function simply(put: PreparedLoad["put"]): () => Promise<PreparedLoad> {
  return () => Promise.resolve({ put, [Symbol.asyncDispose]: () => Promise.resolve() });
}

/** Time in which a server that answers comes to rest, in milliseconds. */
const SETTLE_MS = 500;
/** Time that a server has to wake up, in milliseconds. */
const WAKE_MS = 50;

/**
 * Measures contestants under a load, one at a time, in turns.
 *
 * @throws {Error} One of them does not answer, or ends, or the machine is not quiet.
 */
export async function contest(
  contestants: readonly Contestant[],
  load: PreparedLoad,
  { rounds, seconds, noise }: BenchOptions,
): Promise<Result[]> {
  const { pids = [] } = load;
  await using all = new AsyncDisposableStack();
  const running = contestants.map((contestant) => all.use(new Running(contestant)));
  const samples = contestants.map((): Sample[] => []);
  for (const { contestant } of running) {
    await (load.untilReady?.(contestant) ?? untilListening(contestant));
  }
  await delay(SETTLE_MS);
  for (const each of running) each.signal("SIGSTOP");
  for (let round = 0; round <= rounds; round++) {
    for (const [i, each] of running.entries()) {
      const { contestant } = each;
      each.signal("SIGCONT");
      await delay(WAKE_MS);
      const sample = await quietly({
        name: contestant.name,
        noise,
        cpuSeconds: () => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), each.cpuSeconds()),
      }, async () => {
        const before = each.cpuSeconds();
        const { requests, seconds: took, ...waits } = await load.put(
          contestant,
          round === 0 ? seconds / 2 : seconds,
        );
        const cpuUs = (each.cpuSeconds() - before) * 1e6 / requests;
        return { rate: requests / took, cpuUs, ...waits };
      });
      if (round > 0) samples[i].push(sample);
      each.signal("SIGSTOP");
    }
  }
  return contestants.map(({ name }, i) => ({ name, samples: samples[i] }));
}
