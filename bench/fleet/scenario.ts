/**
 * What a fleet is, and what befalls it: the input of the simulation. All times are in milliseconds.
 *
 * @module
 */

/** How long a request takes at a node of speed 1, or a client thinks. */
export type DurationSpec =
  | { readonly kind: "constant"; readonly ms: number }
  | { readonly kind: "exponential"; readonly meanMs: number }
  | { readonly kind: "lognormal"; readonly medianMs: number; readonly p99Ms: number }
  | {
    readonly kind: "bimodal";
    readonly shortMs: number;
    readonly longMs: number;
    /** Share of the long ones, 0 to 1. */
    readonly longShare: number;
  }
  /** Any of these, all alike. */
  | { readonly kind: "measured"; readonly file: string; readonly durationsMs: readonly number[] };

/** When requests come. */
export type ArrivalSpec =
  /** An open loop at random. */
  | { readonly kind: "poisson"; readonly perSecond: number }
  /** An open loop like clockwork. */
  | { readonly kind: "constant"; readonly perSecond: number }
  /** So many clients, each of which thinks after an answer, then asks again. */
  | { readonly kind: "closed"; readonly clients: number; readonly think: DurationSpec };

/** Nodes that are alike. */
export interface NodeGroup {
  readonly count: number;
  /** Requests that each works on at the same time. */
  readonly workers: number;
  /** Requests that each dispatcher gives each at the same time; those beyond the workers wait in the node. */
  readonly capacity: number;
  /** How fast they are: 2 takes half the time. */
  readonly speed: number;
}

/** How a dispatcher chooses. */
export const POLICIES = ["round-robin", "random", "two-choices", "least-busy", "sticky"] as const;

/** How a dispatcher chooses among nodes with room. */
export type PolicyName = typeof POLICIES[number];

/** Which keys requests have. */
export type KeySpec =
  | { readonly kind: "uniform"; readonly count: number }
  | { readonly kind: "zipf"; readonly count: number; readonly exponent: number };

/** What can befall nodes. */
export const FAILURES = ["crash", "freeze", "cut", "leave", "join"] as const;

/**
 * - `crash`: the process dies, and all in it.
 * - `freeze`: it stands still (SIGSTOP); what it had goes on after that.
 * - `cut`: its link is cut; it goes on, and what both sides send arrives after that.
 * - `leave`: it says so, gets nothing more, and finishes what it has.
 * - `join`: a further node comes.
 */
export type FailureKind = typeof FAILURES[number];

/** What befalls nodes, once or again and again. */
export interface FailureSpec {
  readonly kind: FailureKind;
  /** When; `null` if at random times. */
  readonly atMs: number | null;
  /** Mean time between two failures of each node; `null` if at a given time. */
  readonly meanBetweenMs: number | null;
  /** After what time the node is as before; `null` for never. */
  readonly forMs: number | null;
  /** Which node, from 0; `null` for any. */
  readonly node: number | null;
  /** How many nodes, if any will do. */
  readonly count: number;
}

/**
 * How dispatchers learn that a process has died, which resets its connection: `reset`, at once; `send`, when they send
 * it something, a ping at the latest; `pings`, if its machine has died with it, so that nothing is reset.
 */
export const CRASH_NOTICES = ["reset", "send", "pings"] as const;

/** What is simulated. */
export interface Scenario {
  readonly name: string;
  readonly seed: number;
  /** Requests that come, those of the warm-up included; `null` for as many as come in the time. */
  readonly requests: number | null;
  /** Until when requests come; `null` until there were enough. */
  readonly durationMs: number | null;
  /** Requests that come before this time are not counted. */
  readonly warmUpMs: number;
  readonly arrivals: ArrivalSpec;
  readonly service: DurationSpec;
  readonly nodes: readonly NodeGroup[];
  /** Dispatchers that know nothing of one another. */
  readonly dispatchers: number;
  readonly policies: readonly PolicyName[];
  /** What waits in each dispatcher while no node has room. */
  readonly queue: {
    /** At most so many. */
    readonly max: number;
    /** No longer than this; `null` for any time. */
    readonly timeoutMs: number | null;
  };
  /** From a dispatcher to a node, one way. */
  readonly networkMs: number;
  /** From a client to its dispatcher and back, both ways together. */
  readonly clientMs: number;
  /** A node that was silent for two of these is taken for dead. */
  readonly pingIntervalMs: number;
  readonly crashNotice: typeof CRASH_NOTICES[number];
  /** Share of the requests that may be given to another node, 0 to 1. */
  readonly safeShare: number;
  /** To how many nodes these are given at the most. */
  readonly maxTries: number;
  /** Part of its service time after which a response begins, 0 to 1. */
  readonly answerBeginsAt: number;
  readonly keys: KeySpec;
  readonly failures: readonly FailureSpec[];
  /** What is varied; `null` for nothing. */
  readonly sweep: Sweep | null;
}

/** What can be varied. */
export const SWEEPS = ["load", "nodes", "dispatchers", "perSecond"] as const;

/** One thing with several values. */
export interface Sweep {
  /**
   * - `load`: share of the time that all workers are busy if nothing is lost: sets the rate.
   * - `nodes`: nodes of the first group.
   * - `dispatchers`, `perSecond`: as in the scenario.
   */
  readonly of: typeof SWEEPS[number];
  readonly values: readonly number[];
}

/** Nodes that can be there, those that join later included. */
export const MAX_NODES = 10_000;

/** What workers of all groups serve each second, if each request takes `meanMs`. */
export function servedPerSecond(nodes: readonly NodeGroup[], meanMs: number): number {
  return nodes.reduce((sum, { count, workers, speed }) => sum + count * workers * speed, 0) *
    1_000 / meanMs;
}
