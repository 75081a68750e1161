/**
 * Stands before all that answers requests, and tells observers what became of each of them.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import type { Exchange, ExchangeHandler, Refusal, RequestHead } from "../message/exchange.ts";
import { RequestHead as Head } from "../message/exchange.ts";
import type { ExchangeWatch } from "./observed_exchange.ts";
import { ObservedExchange } from "./observed_exchange.ts";
import type { Outcome, RequestObserver, RequestTracer } from "./request_record.ts";
import { NEVER_MS, RequestRecord } from "./request_record.ts";
import { TurnClock } from "./turn_clock.ts";

/** How long the distance between the two clocks is taken for what it was, in milliseconds. */
const CLOCK_MS = 1_000;
/** Records that wait for patient observers at the most, and how long, in milliseconds. */
const MAX_WAITING = 64;
const MAX_WAIT_MS = 200;
/** The head of no request. */
const NO_HEAD = new Head();

/**
 * Observes the requests of all endpoints. Patient observers are told of many requests one after another: what they
 * do takes half the time when it is not done between other things.
 */
export class ObservingHandler implements ExchangeHandler, ExchangeWatch, Disposable {
  /** Requests that are under way. */
  inFlight = 0;
  readonly clock = new TurnClock();
  /** The one that came last of those under way; the others by {@linkcode ObservedExchange.before}. */
  #newest: ObservedExchange | null = null;
  readonly #handler: ExchangeHandler;
  /** Who is told at once, and who is told later. */
  readonly #prompt: readonly RequestObserver[];
  readonly #patient: readonly RequestObserver[];
  readonly #tracer: RequestTracer | null;
  /** The records of requests that have ended, of which the patient are to be told: the first ones count. */
  readonly #records = Array.from({ length: MAX_WAITING }, () => new RequestRecord());
  #waiting = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
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
    const all = tracer === null ? observers : [...observers, tracer];
    this.#prompt = all.filter(({ isPatient }) => isPatient !== true);
    this.#patient = all.filter(({ isPatient }) => isPatient === true);
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
    const record = this.#records[this.#waiting];
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
    // The bytes of its head are borrowed.
    this.settle();
  }

  onEnded(exchange: ObservedExchange, outcome: Outcome, now: number): void {
    this.inFlight--;
    const { before, after } = exchange;
    if (before !== null) before.after = after;
    if (after !== null) after.before = before;
    else this.#newest = before;
    // Whoever keeps it a little longer is not to keep those that come after it, too.
    exchange.before = exchange.after = null;
    const record = this.#records[this.#waiting];
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

  /** Tells the patient observers of all that has ended so far. */
  settle(): void {
    const count = this.#waiting;
    this.#waiting = 0;
    const records = this.#records;
    for (const observer of this.#patient) {
      for (let i = 0; i < count; i++) observer.onEnd(records[i]);
    }
    for (let i = 0; i < count; i++) forget(records[i]);
  }

  /** Lets nobody wait any more. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.settle();
  }

  #tell(record: RequestRecord): void {
    const prompt = this.#prompt;
    for (let i = 0; i < prompt.length; i++) prompt[i].onEnd(record);
    if (this.#patient.length === 0) return;
    if (++this.#waiting === MAX_WAITING || this.#isOver) {
      this.settle();
    } else {
      this.#timer ??= setTimeout(this.#onTimer, timerMs(MAX_WAIT_MS));
    }
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.settle();
    for (const observer of this.#patient) observer.onPause?.();
  };

  /** What has to be added to the monotonic clock to get the time of day, which may be set meanwhile. */
  #epoch(now: number): number {
    if (now - this.#epochAt >= CLOCK_MS) {
      this.#epochAt = now;
      this.#epochMs = Date.now() - now;
    }
    return this.#epochMs;
  }
}

/** Lets go of what a record keeps alive. */
function forget(record: RequestRecord): void {
  record.head = NO_HEAD;
  record.trace = null;
}
