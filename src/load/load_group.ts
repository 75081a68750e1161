/**
 * Connections that send the same requests to a server, as fast as it answers or at a rate.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConnectError, ProtocolError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { ClientConnection } from "../client/client_connection.ts";
import type { Conversation } from "../client/conversation.ts";
import type { ResolvedTarget } from "../client/dial.ts";
import type { PreparedRequest } from "../client/prepared_request.ts";
import { Histogram } from "./histogram.ts";
import type { Pace } from "./pace.ts";
import { OVER } from "./pace.ts";
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
/** Wait after a connection that was not made. */
const RECONNECT_MS = 20;
/** How often it is looked for requests that take too long. */
const SWEEP_MS = 100;
/** Methods that a request may be sent by once more (RFC 9110 9.2.2). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** Memory for what is read, of all connections. */
const READ_BYTES = 16_777_216;

/** Runs a group. */
export class LoadGroup {
  readonly #plan: GroupPlan;
  readonly #measured: Measurement;
  readonly #open = new Set<ClientConnection>();
  readonly #stopping = new AbortController();
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
  #bytesSent = 0;
  #bytesReceived = 0;
  #connects = 0;
  #repeated = 0;

  /** Makes a group that is measured as `measured` says. */
  constructor(plan: GroupPlan, measured: Measurement) {
    this.#plan = plan;
    this.#measured = measured;
    this.#timeline = new Timeline(measured.partMs);
  }

  /** Requests that were answered so far, in the measurement. */
  get answered(): number {
    return this.#answered;
  }

  /** Requests that failed so far, in the measurement. */
  get failed(): number {
    return sum(this.#failures);
  }

  /** Runs until the pace is over, and all is answered or has taken too long. */
  async run(): Promise<GroupResult> {
    const { name, connections, pace } = this.#plan;
    const bytes = Math.min(65_536, Math.max(4_096, Math.floor(READ_BYTES / connections)));
    const sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    try {
      const drives = Array.from(
        { length: connections },
        () => this.#drive(new Uint8Array(bytes)),
      );
      await Promise.all(drives);
    } finally {
      clearInterval(sweeper);
      pace[Symbol.dispose]();
      this.stop();
    }
    const { fromMs, endMs } = this.#measured;
    const end = Math.min(endMs, performance.now());
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
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      connects: this.#connects,
      repeated: this.#repeated,
      latency: this.#latency,
      serviceTime: this.#serviceTime,
      timeline: this.#timeline.finish(end - fromMs),
    };
  }

  /** Gives up all that is under way. */
  stop(): void {
    this.#stopping.abort(new ConnectError("the measurement was ended"));
    for (const connection of this.#open) connection.close("the measurement was ended");
    this.#plan.pace[Symbol.dispose]();
  }

  /** One connection, made anew as often as it is lost. */
  async #drive(buffer: Uint8Array): Promise<void> {
    const { pace, request } = this.#plan;
    const { endMs, timeoutMs } = this.#measured;
    const { signal } = this.#stopping;
    let connection: ClientConnection | null = null;
    for (let dueMs = pace.next(); dueMs !== OVER; dueMs = pace.next()) {
      await pace.until(dueMs);
      if (signal.aborted) break;
      const beganMs = performance.now();
      // What is due, and can no longer be answered in time, has waited for that long.
      if (beganMs > endMs + timeoutMs) {
        this.#noteUnsent(dueMs, beganMs);
        continue;
      }
      try {
        connection = await this.#usable(connection, buffer);
        const sentMs = performance.now();
        try {
          await connection.ask(request);
        } catch (error) {
          const mayRepeat = connection.wasStale && SAFE.has(request.method) && !signal.aborted;
          if (!mayRepeat || !isExpected(error)) throw error;
          this.#repeated++;
          connection = await this.#usable(connection, buffer, "anew");
          await connection.ask(request);
        }
        this.#noteAnswer(dueMs, sentMs, connection.conversation);
      } catch (error) {
        if (!isExpected(error)) throw error;
        const wasOpen = connection !== null;
        if (connection !== null) this.#release(connection);
        connection = null;
        if (signal.aborted) break;
        this.#noteFailure(dueMs, messageOf(error));
        if (!wasOpen) await new Promise((wake) => setTimeout(wake, RECONNECT_MS));
      }
    }
    if (connection !== null) this.#release(connection);
  }

  /** The connection, or another one if it cannot be used once more. */
  async #usable(
    connection: ClientConnection | null,
    buffer: Uint8Array,
    which: "same" | "anew" = "same",
  ): Promise<ClientConnection> {
    if (connection !== null && connection.isReusable && which === "same") return connection;
    if (connection !== null) this.#release(connection);
    return await this.#connect(buffer);
  }

  async #connect(buffer: Uint8Array): Promise<ClientConnection> {
    const { server, caCerts } = this.#plan;
    const { timeoutMs } = this.#measured;
    const tooLong = new AbortController();
    const giveUp = () => tooLong.abort(noAnswer(timeoutMs));
    const stop = () => tooLong.abort(this.#stopping.signal.reason);
    const timer = setTimeout(giveUp, timerMs(timeoutMs));
    this.#stopping.signal.addEventListener("abort", stop);
    try {
      const { signal } = tooLong;
      const connection = await ClientConnection.open(server, this.#plan.converse(), buffer, {
        caCerts,
        signal,
      });
      this.#open.add(connection);
      this.#connects++;
      return connection;
    } finally {
      clearTimeout(timer);
      this.#stopping.signal.removeEventListener("abort", stop);
    }
  }

  #release(connection: ClientConnection): void {
    if (!this.#open.delete(connection)) return;
    connection.close("it is no longer needed");
    this.#bytesSent += connection.bytesSent;
    this.#bytesReceived += connection.bytesReceived;
  }

  #sweep(): void {
    const { timeoutMs } = this.#measured;
    const latest = performance.now() - timeoutMs;
    for (const connection of this.#open) {
      const { askedAtMs } = connection;
      if (askedAtMs > 0 && askedAtMs < latest) connection.close(noAnswer(timeoutMs).message);
    }
  }

  #noteAnswer(dueMs: number, sentMs: number, { status, bodyBytes }: Conversation): void {
    const { fromMs, endMs } = this.#measured;
    const { expectedBytes } = this.#plan;
    if (dueMs < fromMs) return;
    if (expectedBytes !== undefined && bodyBytes !== expectedBytes) {
      this.#noteFailure(dueMs, `a body of ${bodyBytes} bytes instead of ${expectedBytes}`);
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

  #noteFailure(dueMs: number, reason: string): void {
    const { fromMs, endMs } = this.#measured;
    if (dueMs < fromMs) return;
    const now = performance.now();
    addTo(this.#failures, reason, OTHERS);
    if (now <= endMs) this.#timeline.failed(now - fromMs);
    // That it failed must not make the rest look better.
    this.#latency.record((now - dueMs) * 1_000);
  }

  #noteUnsent(dueMs: number, now: number): void {
    if (dueMs < this.#measured.fromMs) return;
    this.#unsent++;
    this.#latency.record((now - dueMs) * 1_000);
  }
}

function isExpected(error: unknown): error is Error {
  return error instanceof ConnectError || error instanceof ProtocolError;
}

function noAnswer(timeoutMs: number): ConnectError {
  return new ConnectError(`no answer in ${timeoutMs / 1_000} s`);
}

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
