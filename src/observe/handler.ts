/**
 * Stands before all that answers requests, and tells observers what became of each of them.
 *
 * @module
 */

import type { Exchange, ExchangeHandler, Refusal, RequestHead } from "../message/exchange.ts";
import type { ExchangeWatch } from "./observed_exchange.ts";
import { ObservedExchange } from "./observed_exchange.ts";
import type { Outcome, RequestObserver, RequestTracer } from "./request_record.ts";
import { NEVER_MS, RequestRecord } from "./request_record.ts";
import { TurnClock } from "./turn_clock.ts";

/** How long the distance between the two clocks is taken for what it was, in milliseconds. */
const CLOCK_MS = 1_000;

/** Observes the requests of all endpoints. */
export class ObservingHandler implements ExchangeHandler, ExchangeWatch {
  /** Requests that are under way. */
  inFlight = 0;
  readonly clock = new TurnClock();
  /** The one that came last of those under way; the others by {@linkcode ObservedExchange.before}. */
  #newest: ObservedExchange | null = null;
  readonly #handler: ExchangeHandler;
  readonly #observers: readonly RequestObserver[];
  readonly #tracer: RequestTracer | null;
  readonly #record = new RequestRecord();
  /** What the one clock is before the other, and when that was asked. */
  #epochMs = 0;
  #epochAt = -Infinity;

  /** Stands before `handler`; `tracer`, which is not among the observers, traces requests. */
  constructor(
    handler: ExchangeHandler,
    observers: readonly RequestObserver[],
    tracer: RequestTracer | null = null,
  ) {
    this.#handler = handler;
    this.#observers = tracer === null ? observers : [...observers, tracer];
    this.#tracer = tracer;
  }

  handle(exchange: Exchange): void {
    this.#begin(exchange, this.#handler);
  }

  /** What stands before another handler, and tells the same. */
  before(handler: ExchangeHandler): ExchangeHandler {
    return {
      handle: (exchange) => this.#begin(exchange, handler),
      onRefused: (head, refusal) => this.onRefused(head, refusal),
    };
  }

  #begin(exchange: Exchange, handler: ExchangeHandler): void {
    // Its bytes are asked for at its end.
    exchange.head.detach();
    const observed = new ObservedExchange(exchange, this, this.clock.now());
    if (this.#tracer !== null) observed.trace = this.#tracer.begin(exchange.head);
    const newest = this.#newest;
    observed.before = newest;
    if (newest !== null) newest.after = observed;
    this.#newest = observed;
    this.inFlight++;
    handler.handle(observed);
  }

  onRefused(head: RequestHead, { status, bodyBytes, durationMs }: Refusal): void {
    const now = this.clock.now();
    const record = this.#record;
    record.head = head;
    record.mount = "";
    record.status = status;
    record.bytesIn = 0;
    record.bytesOut = bodyBytes;
    record.startedAtMs = now - durationMs + this.#epoch(now);
    record.firstByteMs = record.durationMs = durationMs;
    record.queuedMs = 0;
    record.worker = record.generation = 0;
    record.reachedApp = false;
    record.trace = null;
    record.outcome = "answered";
    this.#tell(record);
  }

  onEnded(exchange: ObservedExchange, outcome: Outcome, now: number): void {
    this.inFlight--;
    const { before, after } = exchange;
    if (before !== null) before.after = after;
    if (after !== null) after.before = before;
    else this.#newest = before;
    // Whoever keeps it a little longer is not to keep those that come after it, too.
    exchange.before = exchange.after = null;
    const record = this.#record;
    const { head, startedAt, respondedAt, place } = exchange;
    record.head = head;
    record.mount = exchange.mount;
    record.status = exchange.status;
    record.bytesIn = exchange.bytesIn;
    record.bytesOut = exchange.bytesOut;
    record.startedAtMs = startedAt + this.#epoch(now);
    record.firstByteMs = respondedAt === 0 ? NEVER_MS : respondedAt - startedAt;
    record.durationMs = now - startedAt;
    record.queuedMs = exchange.queuedMs;
    record.worker = place?.worker ?? 0;
    record.generation = place?.generation ?? 0;
    record.reachedApp = place !== null;
    record.trace = exchange.trace;
    record.outcome = outcome;
    this.#tell(record);
  }

  /** The requests that are under way, the last one first. */
  *underWay(): Generator<ObservedExchange, void, void> {
    for (let each = this.#newest; each !== null;) {
      const { before } = each;
      yield each;
      each = before;
    }
  }

  #tell(record: RequestRecord): void {
    const observers = this.#observers;
    for (let i = 0; i < observers.length; i++) observers[i].onEnd(record);
  }

  /** What has to be added to the monotonic clock to get the time of day, which may be set meanwhile. */
  #epoch(now: number): number {
    if (now - this.#epochAt >= CLOCK_MS) {
      this.#epochAt = now;
      this.#epochMs = Date.now() - now;
    }
    return this.#epochMs;
  }
}
