/**
 * The sending half of a connection.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import type { BufferPool } from "../base/buffers.ts";
import { OutputBuffer } from "../base/buffers.ts";

/** A coarse clock, in milliseconds. */
export interface Clock {
  /** The time. */
  readonly now: number;
}

/** What a sender tells the connection that it belongs to. */
export interface SenderOwner {
  /** All that {@linkcode Sender.start} took was handed to the operating system. */
  onSent(): void;
  /** The connection cannot be written to any more. */
  onSendFailed(error: unknown): void;
}

/** Gathers bytes, and sends all that has gathered with one write at a time. */
export class Sender {
  /** Bytes to send. */
  readonly out: OutputBuffer;
  /** Whether a write is under way. */
  sending = false;
  /** Whether the system had no room for all that {@linkcode Sender.start} took last. */
  wasHeldUp = false;
  /** When the other side was last seen to take bytes, on the clock. */
  progressAt = 0;

  readonly #conn: Deno.Conn;
  readonly #buffers: BufferPool;
  readonly #clock: Clock;
  readonly #owner: SenderOwner;
  #inFlight: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #released = false;
  #writing: Promise<void> | null = null;
  /** Called after each write. Made for the first one: connections that only wait have none. */
  #onWritten: ((bytes: number) => void) | null = null;
  #onFailed: ((error: unknown) => void) | null = null;

  /** Makes a sender that writes to `conn`. */
  constructor(conn: Deno.Conn, buffers: BufferPool, clock: Clock, owner: SenderOwner) {
    this.#conn = conn;
    this.#buffers = buffers;
    this.#clock = clock;
    this.#owner = owner;
    this.out = new OutputBuffer(buffers);
  }

  /** The write that is under way, if there is one: settled when it has come to its end, be it a bad one. */
  get writing(): Promise<void> | null {
    return this.#writing;
  }

  /** Bytes that have gathered, or are being sent. */
  get pendingBytes(): number {
    return this.out.length + this.#end - this.#start;
  }

  /** Sends what has gathered. There must be something, and no write under way. */
  start(): void {
    this.#start = 0;
    this.#end = this.out.length;
    this.#inFlight = this.out.takeBytes();
    this.sending = true;
    this.wasHeldUp = false;
    this.#write();
  }

  /** Forgets everything: the connection is closed. Its owner is not called again. */
  release(): void {
    this.#released = true;
    // A buffer that is being written from must not be used for anything else.
    if (!this.sending) this.#buffers.give(this.out.takeBytes());
  }

  #write(): void {
    this.progressAt = this.#clock.now;
    const bytes = this.#start === 0 && this.#end === this.#inFlight.length
      ? this.#inFlight
      : this.#inFlight.subarray(this.#start, this.#end);
    this.#onWritten ??= (count) => this.#goOn(count);
    this.#onFailed ??= (error) => this.#fail(error);
    this.#writing = this.#conn.write(bytes).then(this.#onWritten, this.#onFailed);
  }

  /** Moves the rest of a large buffer to a smaller one: sending it may take long. */
  #shrink(): void {
    const bytes = this.#end - this.#start;
    if (bytes * 2 > this.#inFlight.length) return;
    const smaller = this.#buffers.take(bytes);
    if (smaller.length >= this.#inFlight.length) {
      this.#buffers.give(smaller);
      return;
    }
    smaller.set(this.#inFlight.subarray(this.#start, this.#end));
    this.#buffers.give(this.#inFlight);
    this.#inFlight = smaller;
    this.#start = 0;
    this.#end = bytes;
  }

  #goOn(bytes: number): void {
    if (this.#released) return;
    this.#start += bytes;
    if (this.#start < this.#end) {
      this.wasHeldUp = true;
      this.#shrink();
      this.#write();
      return;
    }
    this.sending = false;
    this.#writing = null;
    this.#start = this.#end = 0;
    this.#buffers.give(this.#inFlight);
    this.#inFlight = EMPTY;
    this.#owner.onSent();
  }

  #fail(error: unknown): void {
    if (this.#released) return;
    this.sending = false;
    this.#writing = null;
    this.#inFlight = EMPTY;
    this.#owner.onSendFailed(error);
  }
}

/** Closes `conn`, unless it has closed by itself. */
export function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** Whether `error` says no more than that the other side, or we, closed the connection. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    // What a failed TLS handshake or record gives.
    error instanceof Deno.errors.InvalidData;
}
