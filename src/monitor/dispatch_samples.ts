/**
 * The metrics of a dispatcher.
 *
 * @module
 */

import type { Samples } from "./samples.ts";
import { addSample } from "./samples.ts";

/** What a dispatcher counts, as far as it is told. */
export interface DispatcherFacts {
  /** What has happened so far. */
  readonly counts: Readonly<
    Record<
      | "requests"
      | "notices"
      | "malformed"
      | "replies"
      | "answered"
      | "badGateway"
      | "unavailable"
      | "gatewayTimeout"
      | "overdue"
      | "closed"
      | "queued"
      | "redispatched"
      | "returned"
      | "lateReplies"
      | "misdirected"
      | "malformedOfHandlers"
      | "strangers"
      | "joined"
      | "refusedHandlers"
      | "left"
      | "died"
      | "missedPings",
      number
    >
  >;
  /** The handlers. */
  readonly handlers: Iterable<{
    readonly name: string;
    readonly isLeaving: boolean;
    readonly isAside: boolean;
    readonly isServing: boolean;
    readonly capacity: number;
    readonly requests: { readonly size: number };
  }>;
  /** Requests that wait for one. */
  readonly waitingCount: number;
  /** Bytes of requests that are kept. */
  readonly heldBytes: number;
}

/** Adds the metrics of a dispatcher to `samples`. */
export function dispatchSamples(samples: Samples, facts: DispatcherFacts): void {
  const { counts, handlers, waitingCount, heldBytes } = facts;
  const states = { serving: 0, leaving: 0, aside: 0 };
  addSample(samples, "gatehouse_dispatch_capacity", {}, 0);
  for (const { name: handler, isLeaving, isAside, isServing, capacity, requests } of handlers) {
    states[isLeaving ? "leaving" : isAside ? "aside" : "serving"]++;
    if (isServing) addSample(samples, "gatehouse_dispatch_capacity", {}, capacity);
    addSample(samples, "gatehouse_dispatch_requests_in_flight", { handler }, requests.size);
  }
  for (const [state, count] of Object.entries(states)) {
    addSample(samples, "gatehouse_dispatch_handlers", { state }, count);
  }
  addSample(samples, "gatehouse_dispatch_queue_length", {}, waitingCount);
  addSample(samples, "gatehouse_dispatch_held_bytes", {}, heldBytes);
  const answers = {
    handler: counts.answered,
    502: counts.badGateway,
    503: counts.unavailable,
    504: counts.gatewayTimeout,
  };
  for (const [by, count] of Object.entries(answers)) {
    addSample(samples, "gatehouse_dispatch_answers", { by }, count);
  }
  addSample(samples, "gatehouse_dispatch_queued", {}, counts.queued);
  addSample(samples, "gatehouse_dispatch_closed", {}, counts.closed);
  addSample(samples, "gatehouse_dispatch_redispatched", {}, counts.redispatched);
  addSample(samples, "gatehouse_dispatch_returned", {}, counts.returned);
  const dropped = {
    late: counts.lateReplies,
    misdirected: counts.misdirected,
    malformed: counts.malformedOfHandlers,
    stranger: counts.strangers,
  };
  for (const [reason, count] of Object.entries(dropped)) {
    addSample(samples, "gatehouse_dispatch_dropped", { reason }, count);
  }
  const events = {
    joined: counts.joined,
    refused: counts.refusedHandlers,
    left: counts.left,
    died: counts.died,
  };
  for (const [event, count] of Object.entries(events)) {
    addSample(samples, "gatehouse_dispatch_handler_events", { event }, count);
  }
  addSample(samples, "gatehouse_dispatch_missed_pings", {}, counts.missedPings);
  addSample(samples, "gatehouse_dispatch_overdue", {}, counts.overdue);
  for (const kind of ["requests", "notices"] as const) {
    addSample(samples, "gatehouse_mongrel2_messages", { kind }, counts[kind]);
  }
  addSample(samples, "gatehouse_mongrel2_malformed", {}, counts.malformed);
  addSample(samples, "gatehouse_mongrel2_replies", {}, counts.replies);
}
