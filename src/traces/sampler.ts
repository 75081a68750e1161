/**
 * Which traces are recorded, as the variables of OpenTelemetry say.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { TraceContext } from "../message/trace_context.ts";
import { SAMPLED } from "../message/trace_context.ts";

/** Whether a request is recorded that has this parent, if any. */
export type Sampler = (parent: TraceContext | null) => boolean;

const NAMES = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
];
/** Digits of a trace's number that decide. */
const DIGITS = 8;
const RANGE = 16 ** DIGITS;

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name.
 *
 * @throws {ConfigError} if there is none of that name, or with that ratio
 */
export function samplerOf(name = "parentbased_always_on", argument = "1"): Sampler {
  if (!NAMES.includes(name)) {
    throw new ConfigError(
      `OTEL_TRACES_SAMPLER takes ${NAMES.join(", ")}, not ${JSON.stringify(name)}${
        nearest(name, NAMES)
      }`,
    );
  }
  const root = rootSampler(name.replace("parentbased_", ""), argument);
  if (!name.startsWith("parentbased_")) return root;
  return (parent) => parent === null ? root(null) : (parent.flags & SAMPLED) !== 0;
}

function rootSampler(name: string, argument: string): Sampler {
  if (name === "always_on") return () => true;
  if (name === "always_off") return () => false;
  const ratio = /^\d*\.?\d+(?:e-\d+)?$/.test(argument) ? Number(argument) : NaN;
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new ConfigError(
      `OTEL_TRACES_SAMPLER_ARG takes a ratio from 0 to 1, not ${JSON.stringify(argument)}`,
    );
  }
  const bound = ratio * RANGE;
  // All that see a trace are to decide alike: its last digits are random in all systems.
  return (parent) =>
    parent === null ? Math.random() < ratio : parseInt(parent.traceId.slice(-DIGITS), 16) < bound;
}
