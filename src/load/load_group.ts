/**
 * Connections that send the same requests to a server, as fast as it answers or at a rate, over the
 * platform's own sockets.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConnectError, ProtocolError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { ClientConnection } from "../client/client_connection.ts";
import type { GroupPlan, Measurement } from "./group_record.ts";
import { GroupRecord, noAnswer, REPEATABLE } from "./group_record.ts";
import { OVER } from "./pace.ts";

/** Wait after a connection that was not made. */
const RECONNECT_MS = 20;
/** How often it is looked for requests that take too long. */
const SWEEP_MS = 100;
/** Memory for what is read, of all connections. */
const READ_BYTES = 16_777_216;

/** Runs a group. */
export class LoadGroup {
  /** What happens. */
  readonly record: GroupRecord;
  readonly #plan: GroupPlan;
  readonly #measured: Measurement;
  readonly #open = new Set<ClientConnection>();
  readonly #stopping = new AbortController();

  /** Makes a group that is measured as `measured` says. */
  constructor(plan: GroupPlan, measured: Measurement) {
    this.#plan = plan;
    this.#measured = measured;
    this.record = new GroupRecord(plan, measured);
  }

  /** Runs until the pace is over, and all is answered or has taken too long. */
  async run(): Promise<void> {
    const { connections } = this.#plan;
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
      this.stop();
    }
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
        this.record.noteUnsent(dueMs, beganMs);
        continue;
      }
      try {
        connection = await this.#usable(connection, buffer);
        const sentMs = performance.now();
        try {
          await connection.ask(request);
        } catch (error) {
          const mayRepeat = connection.wasStale && REPEATABLE.has(request.method) &&
            !signal.aborted;
          if (!mayRepeat || !isExpected(error)) throw error;
          this.record.repeated++;
          connection = await this.#usable(connection, buffer, "anew");
          await connection.ask(request);
        }
        this.record.noteAnswer(dueMs, sentMs, connection.conversation);
      } catch (error) {
        if (!isExpected(error)) throw error;
        const wasOpen = connection !== null;
        if (connection !== null) this.#release(connection);
        connection = null;
        if (signal.aborted) break;
        this.record.noteFailure(dueMs, messageOf(error));
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
    const giveUp = () => tooLong.abort(new ConnectError(noAnswer(timeoutMs)));
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
      this.record.connects++;
      return connection;
    } finally {
      clearTimeout(timer);
      this.#stopping.signal.removeEventListener("abort", stop);
    }
  }

  #release(connection: ClientConnection): void {
    if (!this.#open.delete(connection)) return;
    connection.close("it is no longer needed");
    this.record.bytesSent += connection.bytesSent;
    this.record.bytesReceived += connection.bytesReceived;
  }

  #sweep(): void {
    const { timeoutMs } = this.#measured;
    const latest = performance.now() - timeoutMs;
    for (const connection of this.#open) {
      const { askedAtMs } = connection;
      if (askedAtMs > 0 && askedAtMs < latest) connection.close(noAnswer(timeoutMs));
    }
  }
}

function isExpected(error: unknown): error is Error {
  return error instanceof ConnectError || error instanceof ProtocolError;
}
