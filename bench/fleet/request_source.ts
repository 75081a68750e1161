/**
 * The requests of a scenario: when they come, how long they take, and what they stick by. Every policy meets the same
 * ones, and so do real dispatchers.
 *
 * @module
 */

import { durationSource } from "./durations.ts";
import { KeySource } from "./keys.ts";
import { RandomStream } from "./random.ts";
import type { Scenario } from "./scenario.ts";

/** What random numbers are for. */
export enum Purpose {
  Arrivals,
  Service,
  Keys,
  Safety,
  Routes,
  Thinking,
  Failures,
  /** Of the first dispatcher; those of others follow. */
  Policies,
}

/** What is to be known of a request before it comes. */
export interface RequestTraits {
  /** How long it takes at a node of speed 1. */
  readonly serviceMs: number;
  readonly key: number;
  /** Whether it may be given to another node. */
  readonly isSafe: boolean;
  /** Which dispatcher gets it. */
  readonly dispatcher: number;
}

/** Draws the requests of a scenario. */
export class RequestSource {
  /** Time between two requests of an open loop. */
  readonly nextGapMs: () => number;
  /** Time that a client of a closed loop thinks. */
  readonly nextThinkMs: () => number;
  readonly #nextServiceMs: () => number;
  readonly #keys: KeySource;
  readonly #safety: RandomStream;
  readonly #routes: RandomStream;
  readonly #safeShare: number;
  readonly #dispatchers: number;

  constructor({ seed, arrivals, service, keys, safeShare, dispatchers }: Scenario) {
    const stream = (purpose: Purpose) => new RandomStream(seed, purpose);
    const [gap, think] = arrivals.kind === "closed"
      ? [{ kind: "constant", ms: 0 } as const, arrivals.think]
      : [gapOf(arrivals.kind, 1_000 / arrivals.perSecond), { kind: "constant", ms: 0 } as const];
    this.nextGapMs = durationSource(gap, stream(Purpose.Arrivals));
    this.nextThinkMs = durationSource(think, stream(Purpose.Thinking));
    this.#nextServiceMs = durationSource(service, stream(Purpose.Service));
    this.#keys = new KeySource(keys, stream(Purpose.Keys));
    this.#safety = stream(Purpose.Safety);
    this.#routes = stream(Purpose.Routes);
    this.#safeShare = safeShare;
    this.#dispatchers = dispatchers;
  }

  /** The next request. */
  next(): RequestTraits {
    return {
      serviceMs: this.#nextServiceMs(),
      key: this.#keys.next(),
      isSafe: this.#safety.unit() < this.#safeShare,
      dispatcher: this.#routes.below(this.#dispatchers),
    };
  }
}

function gapOf(kind: "poisson" | "constant", meanMs: number) {
  return kind === "poisson"
    ? { kind: "exponential", meanMs } as const
    : { kind: "constant", ms: meanMs } as const;
}
