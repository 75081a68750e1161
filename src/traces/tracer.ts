/**
 * Traces of requests: takes each one's place in its trace over, passes it on to the app, and keeps what happened
 * as spans until these are exported.
 *
 * @module
 */

import type { RequestHead } from "../message/exchange.ts";
import type { RequestRecord, RequestTrace, RequestTracer } from "../observe/request_record.ts";
import { newSpanId, newTraceId } from "./ids.ts";
import type { Sampler } from "./sampler.ts";
import type { TracedRequest } from "./spans.ts";
import { tracedRequest } from "./spans.ts";
import { readTraceContext, SAMPLED } from "../message/trace_context.ts";
import { writeTraceContext } from "./write_context.ts";

/** Requests that wait to be exported at the most: further ones are dropped. */
const MAX_WAITING = 4_096;

/** Takes what was traced. */
export interface TraceTaker {
  /** There is something to be taken with {@linkcode Tracer.take}. */
  onWaiting(): void;
}

/** Traces requests. */
export class Tracer implements RequestTracer {
  /** Requests that were not kept, since too many waited. */
  dropped = 0;
  readonly #isSampled: Sampler;
  readonly #taker: TraceTaker;
  #waiting: TracedRequest[] = [];

  /** Traces what `isSampled` chooses, for `taker`. */
  constructor(isSampled: Sampler, taker: TraceTaker) {
    this.#isSampled = isSampled;
    this.#taker = taker;
  }

  begin(head: RequestHead): RequestTrace | null {
    const parent = readTraceContext(head);
    if (!this.#isSampled(parent)) {
      // There is no span that what comes after it could be part of: it is that of the client's.
      if (parent !== null && (parent.flags & SAMPLED) !== 0) {
        writeTraceContext(head, { ...parent, flags: 0 }, parent);
      }
      return null;
    }
    const traceId = parent?.traceId ?? newTraceId();
    const [spanId, appSpanId] = [newSpanId(), newSpanId()];
    writeTraceContext(head, { traceId, spanId: appSpanId, flags: SAMPLED }, parent);
    const { spanId: parentId = "", state = "" } = parent ?? {};
    return { traceId, spanId, appSpanId, parentId, state };
  }

  onEnd(record: RequestRecord): void {
    if (record.trace === null) return;
    const waiting = this.#waiting;
    if (waiting.length >= MAX_WAITING) {
      this.dropped++;
      return;
    }
    waiting.push(tracedRequest(record, record.trace));
    this.#taker.onWaiting();
  }

  /** How many wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Takes up to `count` of those that wait, the first ones first. */
  take(count: number): TracedRequest[] {
    return this.#waiting.splice(0, count);
  }
}
