/**
 * A simulated outcome beside a real one.
 *
 * @module
 */

import type { Outcome } from "../recorder.ts";
import { lossOf } from "../recorder.ts";
import type { RealOutcome } from "./open_load.ts";

/** How far the simulation may be off. */
const TOLERANCE = 0.1;
/** Shares of all requests that are taken for equal: so few that chance decides. */
const LEAST_SHARE = 0.005;

/** The heads of the columns. */
export const COMPARISON_HEAD: readonly string[] = ["figure", "real", "simulated", "ratio", ""];

/** What was measured and what was simulated, of the same requests. */
export interface Compared {
  readonly real: RealOutcome;
  readonly simulated: Outcome;
}

/** Lines of a table about one case, and whether all of them are near. */
export function comparisonOf(
  { real, simulated }: Compared,
): { rows: string[][]; areNear: boolean } {
  const figures: Figure[] = [
    ...[50, 99].map((percent) =>
      timeOf(`p${percent}`, real.latency.percentile(percent), simulated.latency.percentile(percent))
    ),
    timeOf("mean", real.latency.meanUs, simulated.latency.meanUs),
    shareOf("lost", 1 - real.answered / real.requests, lossOf(simulated)),
    ...real.answeredBy.map((count, node) =>
      shareOf(
        `answered by node ${node}`,
        count / real.answered,
        simulated.answeredBy[node] / simulated.ends.answered,
      )
    ),
  ];
  return {
    rows: figures.map(({ figure, real, simulated, ratio, isNear }) => [
      figure,
      real,
      simulated,
      Number.isFinite(ratio) ? ratio.toFixed(2) : "",
      isNear ? "" : "off",
    ]),
    areNear: figures.every(({ isNear }) => isNear),
  };
}

interface Figure {
  readonly figure: string;
  readonly real: string;
  readonly simulated: string;
  readonly ratio: number;
  readonly isNear: boolean;
}

function timeOf(figure: string, realUs: number, simulatedUs: number): Figure {
  const text = (us: number) => `${(us / 1_000).toFixed(1)} ms`;
  const ratio = simulatedUs / realUs;
  return {
    figure,
    real: text(realUs),
    simulated: text(simulatedUs),
    ratio,
    isNear: Math.abs(ratio - 1) <= TOLERANCE,
  };
}

function shareOf(figure: string, real: number, simulated: number): Figure {
  const text = (share: number) => `${(share * 100).toFixed(2)} %`;
  const ratio = simulated / real;
  return {
    figure,
    real: text(real),
    simulated: text(simulated),
    ratio,
    isNear: Math.abs(ratio - 1) <= TOLERANCE || Math.abs(simulated - real) <= LEAST_SHARE,
  };
}
