/**
 * What a group of connections is to do, and what came of it.
 *
 * @module
 */

import type { Conversation } from "../client/conversation.ts";
import type { ResolvedTarget } from "../client/dial.ts";
import type { PreparedRequest } from "../client/prepared_request.ts";
import { Histogram } from "./histogram.ts";
import type { Pace } from "./pace.ts";
import type { TimelinePart } from "./timeline.ts";
import { Timeline } from "./timeline.ts";

/** What a group of connections does. */
export interface GroupPlan {
  /** Name in reports. */
  readonly name: string;
  /** Whom it asks. */
  readonly server: ResolvedTarget;
  /** What it asks. */
  readonly request: PreparedRequest;
  /** Connections. */
  readonly connections: number;
  /** When requests are sent. */
  readonly pace: Pace;
  /** Bytes that each body must have; any if absent. */
  readonly expectedBytes?: number;
  /** Certificates to trust besides the usual ones, in PEM. */
  readonly caCerts?: readonly string[];
  /** Begins a conversation on a new connection. */
  converse(): Conversation;
}

/** The part of a run that counts. Times are of `performance.now()`. */
export interface Measurement {
  /** Requests that are due before it do not count. */
  readonly fromMs: number;
  /** None is due from here on. */
  readonly endMs: number;
  /** Time that a request may take. */
  readonly timeoutMs: number;
  /** Length of the timeline's parts. */
  readonly partMs: number;
}

/** What came of a group. */
export interface GroupResult {
  /** Name of the group. */
  readonly name: string;
  /** Its connections. */
  readonly connections: number;
  /** Requests that were answered, those after the end included. */
  readonly answered: number;
  /** Requests that were answered before the end: what rates are made of. */
  readonly answeredInTime: number;
  /** Requests that failed, by reason. */
  readonly failures: ReadonlyMap<string, number>;
  /** Requests that were due, and could not even be sent. */
  readonly unsent: number;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Bodies by their length in bytes, as long as there are not too many; the rest under -1. */
  readonly lengths: ReadonlyMap<number, number>;
  /** Bytes of the answers' bodies. */
  readonly bodyBytes: number;
  /** Bytes that were sent and received in all. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Connections that were made. */
  readonly connects: number;
  /** Requests that were sent once more, since the server had closed their connection just then. */
  readonly repeated: number;
  /** From when requests were due to when they were answered, given up, or cut off. */
  readonly latency: Histogram;
  /** From when they were sent. */
  readonly serviceTime: Histogram;
  /** Parts of the measurement. */
  readonly timeline: readonly TimelinePart[];
}

/** Different lengths of bodies, and reasons of failures, that are kept apart. */
const MAX_KINDS = 32;
/** The rest of them. */
const OTHERS = "others";

/** Takes note of what happens in a group. */
export class GroupRecord {
  /** Connections that were made. */
  connects = 0;
  /** Requests that were sent once more. */
  repeated = 0;
  /** Bytes that were sent and received. */
  bytesSent = 0;
  bytesReceived = 0;

  readonly #plan: GroupPlan;
  readonly #measured: Measurement;
  readonly #timeline: Timeline;
  readonly #latency = new Histogram();
  readonly #serviceTime = new Histogram();
  readonly #statuses = new Map<number, number>();
  readonly #lengths = new Map<number, number>();
  readonly #failures = new Map<string, number>();
  #answered = 0;
  #answeredInTime = 0;
  #unsent = 0;
  #bodyBytes = 0;

  /** Makes a record of the part of a run that counts. */
  constructor(plan: GroupPlan, measured: Measurement) {
    this.#plan = plan;
    this.#measured = measured;
    this.#timeline = new Timeline(measured.partMs);
  }

  /** Requests that were answered so far. */
  get answered(): number {
    return this.#answered;
  }

  /** Requests that failed so far. */
  get failed(): number {
    return sum(this.#failures);
  }

  /** A request that was due, and was sent, at these times was answered. */
  noteAnswer(dueMs: number, sentMs: number, { status, bodyBytes }: Conversation): void {
    const { fromMs, endMs } = this.#measured;
    const { expectedBytes } = this.#plan;
    if (dueMs < fromMs) return;
    if (expectedBytes !== undefined && bodyBytes !== expectedBytes) {
      this.noteFailure(dueMs, `a body of ${bodyBytes} bytes instead of ${expectedBytes}`);
      return;
    }
    const now = performance.now();
    const us = (now - dueMs) * 1_000;
    this.#answered++;
    if (now <= endMs) {
      this.#answeredInTime++;
      this.#timeline.answered(now - fromMs, us);
    }
    this.#bodyBytes += bodyBytes;
    this.#latency.record(us);
    this.#serviceTime.record((now - sentMs) * 1_000);
    addTo(this.#statuses, status, status);
    addTo(this.#lengths, bodyBytes, -1);
  }

  /** A request failed. */
  noteFailure(dueMs: number, reason: string): void {
    const { fromMs, endMs } = this.#measured;
    if (dueMs < fromMs) return;
    const now = performance.now();
    addTo(this.#failures, reason, OTHERS);
    if (now <= endMs) this.#timeline.failed(now - fromMs);
    // That it failed must not make the rest look better.
    this.#latency.record((now - dueMs) * 1_000);
  }

  /** A request that was due could not be sent. */
  noteUnsent(dueMs: number, nowMs: number): void {
    if (dueMs < this.#measured.fromMs) return;
    this.#unsent++;
    this.#latency.record((nowMs - dueMs) * 1_000);
  }

  /** All of it. */
  result(): GroupResult {
    const { name, connections } = this.#plan;
    const { fromMs, endMs } = this.#measured;
    return {
      name,
      connections,
      answered: this.#answered,
      answeredInTime: this.#answeredInTime,
      failures: this.#failures,
      unsent: this.#unsent,
      statuses: this.#statuses,
      lengths: this.#lengths,
      bodyBytes: this.#bodyBytes,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      connects: this.connects,
      repeated: this.repeated,
      latency: this.#latency,
      serviceTime: this.#serviceTime,
      timeline: this.#timeline.finish(Math.min(endMs, performance.now()) - fromMs),
    };
  }
}

/** Why a request has failed that was not answered in time. */
export function noAnswer(timeoutMs: number): string {
  return `no answer in ${timeoutMs / 1_000} s`;
}

/** Methods that a request may be sent by once more (RFC 9110 9.2.2). */
export const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** Counts one more of a kind; of a new kind beyond the room for them as one of `others`. */
function addTo<Key>(counts: Map<Key, number>, key: Key, others: Key): void {
  const counted = counts.has(key) || counts.size < MAX_KINDS ? key : others;
  counts.set(counted, (counts.get(counted) ?? 0) + 1);
}

/** How many all of `counts` are. */
export function sum(counts: ReadonlyMap<unknown, number>): number {
  let all = 0;
  for (const count of counts.values()) all += count;
  return all;
}
