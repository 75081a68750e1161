/**
 * How long requests take.
 *
 * @module
 */

import type { DurationSpec } from "./scenario.ts";
import type { RandomStream } from "./random.ts";

/** 99 % of a normal distribution are not above so many deviations. */
const P99_DEVIATIONS = 2.3263478740408408;

/** Draws durations, in milliseconds. */
export function durationSource(spec: DurationSpec, random: RandomStream): () => number {
  switch (spec.kind) {
    case "constant":
      return () => spec.ms;
    case "exponential":
      return () => random.exponential(spec.meanMs);
    case "lognormal": {
      const deviation = deviationOf(spec);
      return () => spec.medianMs * Math.exp(deviation * random.normal());
    }
    case "bimodal":
      return () => random.unit() < spec.longShare ? spec.longMs : spec.shortMs;
    case "measured":
      return () => spec.durationsMs[random.below(spec.durationsMs.length)];
  }
}

/** The mean, in milliseconds. */
export function meanMsOf(spec: DurationSpec): number {
  switch (spec.kind) {
    case "constant":
      return spec.ms;
    case "exponential":
      return spec.meanMs;
    case "lognormal":
      return spec.medianMs * Math.exp(deviationOf(spec) ** 2 / 2);
    case "bimodal":
      return spec.longShare * spec.longMs + (1 - spec.longShare) * spec.shortMs;
    case "measured":
      return spec.durationsMs.reduce((sum, ms) => sum + ms, 0) / spec.durationsMs.length;
  }
}

/** Of the logarithm. */
function deviationOf({ medianMs, p99Ms }: DurationSpec & { kind: "lognormal" }): number {
  return Math.log(p99Ms / medianMs) / P99_DEVIATIONS;
}
