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
import { bytesOf, copyOf, tracedRequest } from "./spans.ts";
import { readTraceContext, SAMPLED } from "../message/trace_context.ts";
import { writeTraceContext } from "./write_context.ts";

/** Requests that wait to be exported at the most: further ones are dropped. */
const MAX_WAITING = 4_096;
/** What they take at the most, in bytes. */
const MAX_WAITING_BYTES = 4_194_304;
/** Characters of a state that are kept: as many as everybody has to pass on (Trace Context, section 3.3.1.5). */
const MAX_STATE_CHARS = 512;

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
  #waitingBytes = 0;

  /** Traces what `isSampled` chooses, for `taker`. */
  constructor(isSampled: Sampler, taker: TraceTaker) {
    this.#isSampled = isSampled;
    this.#taker = taker;
  }

  begin(head: RequestHead): RequestTrace | null {
    const parent = head.mayTellTrace ? readTraceContext(head) : null;
    if (!this.#isSampled(parent)) {
      // There is no span that what comes after it could be part of: it is that of the client's.
      if (parent !== null && (parent.flags & SAMPLED) !== 0) {
        writeTraceContext(head, { ...parent, flags: 0 }, parent);
      }
      return null;
    }
    const traceId = parent === null ? newTraceId() : copyOf(parent.traceId);
    const [spanId, appSpanId] = [newSpanId(), newSpanId()];
    writeTraceContext(head, { traceId, spanId: appSpanId, flags: SAMPLED }, parent);
    const parentId = parent === null ? "" : copyOf(parent.spanId);
    const state = parent === null ? "" : keptState(parent.state);
    return { traceId, spanId, appSpanId, parentId, state };
  }

  onEnd(record: RequestRecord): void {
    if (record.trace === null) return;
    const waiting = this.#waiting;
    if (waiting.length >= MAX_WAITING || this.#waitingBytes >= MAX_WAITING_BYTES) {
      this.dropped++;
      return;
    }
    const request = tracedRequest(record, record.trace);
    waiting.push(request);
    this.#waitingBytes += bytesOf(request);
    this.#taker.onWaiting();
  }

  /** How many wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** What they take, in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes up to `count` of those that wait, the first ones first, as long as they take less than `bytes`. */
  take(count: number, bytes: number): TracedRequest[] {
    const waiting = this.#waiting;
    let taken = 0;
    let takenBytes = 0;
    while (taken < count && taken < waiting.length && takenBytes < bytes) {
      takenBytes += bytesOf(waiting[taken++]);
    }
    this.#waitingBytes -= takenBytes;
    return waiting.splice(0, taken);
  }
}

/** As many of the first members of `state` as may be kept. */
function keptState(state: string): string {
  if (state.length <= MAX_STATE_CHARS) return state;
  const end = state.lastIndexOf(",", MAX_STATE_CHARS);
  return end < 0 ? "" : copyOf(state.slice(0, end));
}
