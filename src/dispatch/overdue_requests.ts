/**
 * Finds the requests that handlers have had for too long without a word of an answer. It does no I/O.
 *
 * @module
 */

import type { DispatchLimits } from "../limits/dispatch_limits.ts";
import type { DispatchedRequest } from "./clients.ts";
import type { Handler } from "./handlers.ts";

/** Looks within the time that is given, at least. */
const LOOKS = 8;
/** Interval of looks, in milliseconds. */
const MIN_LOOK_MS = 10;
const MAX_LOOK_MS = 1_000;
/** Intervals of pings for which a handler may take to give up what it was told to. */
const GIVING_UP_INTERVALS = 2;

/** A request that is overdue. */
export interface OverdueRequest {
  /** Who has it. */
  readonly handler: Handler;
  /** The request. */
  readonly request: DispatchedRequest;
  /**
   * What it is: its answer has not begun in `time`; or the handler has not given it up `after` it was told that
   * its client has left.
   */
  readonly kind: "time" | "after";
}

/** Knows which requests are overdue. */
export class OverdueRequests {
  readonly #timeoutMs: number;
  readonly #givingUpMs: number;
  readonly #lookMs: number;
  #lookedAt = -Infinity;
  #excusedAt = -Infinity;

  /** Looks by these limits. */
  constructor(
    { requestTimeoutMs, pingIntervalMs }: Pick<
      DispatchLimits,
      "requestTimeoutMs" | "pingIntervalMs"
    >,
  ) {
    this.#timeoutMs = requestTimeoutMs;
    this.#givingUpMs = GIVING_UP_INTERVALS * pingIntervalMs;
    this.#lookMs = Math.min(Math.max(requestTimeoutMs / LOOKS, MIN_LOOK_MS), MAX_LOOK_MS);
  }

  /** When {@linkcode take} is to be called next. */
  get lookAt(): number {
    return this.#timeoutMs === 0 ? Infinity : this.#lookedAt + this.#lookMs;
  }

  /** Handlers were not read until now: what they did not say is not held against them. */
  excuse(now: number): void {
    this.#excusedAt = now;
  }

  /** Those of `handlers` that are overdue, if it is time to look: the first one of each client. */
  take(handlers: Iterable<Handler>, now: number): OverdueRequest[] {
    if (now < this.lookAt) return [];
    this.#lookedAt = now;
    const overdue: OverdueRequest[] = [];
    for (const handler of handlers) {
      for (const request of handler.requests.values()) {
        const { client, since, answer } = request;
        const isAsked = client.isGone || client.withdrawnAt !== null;
        // Those behind it wait for it.
        if (!client.isGone && client.requests[0] !== request) continue;
        if (isAsked) {
          const isLate = this.#isLate(client.withdrawnAt ?? since, this.#givingUpMs, now);
          if (isLate) overdue.push({ handler, request, kind: "after" });
        } else if (answer !== "begun" && this.#isLate(since, this.#timeoutMs, now)) {
          overdue.push({ handler, request, kind: "time" });
        }
      }
    }
    return overdue;
  }

  #isLate(since: number, timeoutMs: number, now: number): boolean {
    return now - Math.max(since, this.#excusedAt) >= timeoutMs;
  }
}
