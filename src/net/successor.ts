/**
 * What a connection speaks once a request was granted to upgrade it (RFC 9110 7.8).
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import type { ExchangeReceiver } from "../message/exchange.ts";
import type { OutputBuffer } from "../base/buffers.ts";

/** The connection that another protocol takes over, as its protocol sees it. */
export interface UpgradedConnection {
  /** Who takes what the client sends. */
  readonly receiver: ExchangeReceiver;
  /** Bytes for the receiver that it takes now. */
  granted: number;
  /** What is to be sent; {@linkcode scheduleFlush} sends it. */
  readonly out: OutputBuffer;
  /** Time on the endpoint's clock, in milliseconds. */
  readonly now: number;
  /** Sees to it that what is in the output is sent. */
  scheduleFlush(): void;
  /** Counts bytes that the handler wrote and that are in the output, or were dropped: it gets credit for them. */
  countBody(bytes: number): void;
  /** Takes on what was held up of the client's bytes. */
  resume(): void;
  /**
   * Closes the connection once all of the output was sent; a client that may still be sending is given time
   * to read that.
   */
  finish(client: "done" | "sending"): void;
  /** Tells the receiver, which gets nothing after that, that the exchange is over. */
  abandon(): void;
}

/** What takes a connection over. */
export interface Successor {
  /** Begins. */
  start(): void;
  /** Whether there are bytes of the client's that it does not take yet. */
  readonly hasUntaken: boolean;
  /** Whether much more is about to come: then it is worth it to keep a large buffer for it. */
  readonly isReceiving: boolean;
  /** Takes the first `count` bytes of `buffer`, the client's, borrowed as long as {@linkcode hasUntaken}. */
  push(buffer: Uint8Array, count: number): void;
  /** Works on what was pushed. */
  pump(): void;
  /** Sends what the handler wrote, borrowed. */
  write(chunk: Uint8Array): void;
  /** The handler has written all. */
  end(): void;
  /** The handler is gone, for the reason that `status` says. */
  fail(status: number): void;
  /** The client sends no more. */
  onHalfClosed(): void;
  /** The gateway is about to stop. */
  drain(): void;
  /** Ends what has taken too long. */
  checkDeadlines(now: number): void;
  /** The connection is closed. */
  close(): void;
}

/** Hands bytes on as they come, both ways. */
export class ByteTunnel implements Successor {
  readonly #connection: UpgradedConnection;
  /** What was pushed and not taken. */
  #pending: Uint8Array = EMPTY;

  /** Makes a tunnel through `connection`. */
  constructor(connection: UpgradedConnection) {
    this.#connection = connection;
  }

  start(): void {}

  get hasUntaken(): boolean {
    return this.#pending.length > 0;
  }

  get isReceiving(): boolean {
    return false;
  }

  push(buffer: Uint8Array, count: number): void {
    this.#pending = buffer.subarray(0, count);
  }

  pump(): void {
    const connection = this.#connection;
    while (this.#pending.length > 0) {
      const { granted, receiver } = connection;
      if (granted <= 0 || receiver.congested) return;
      const pending = this.#pending;
      const bytes = Math.min(granted, pending.length);
      this.#pending = pending.subarray(bytes);
      connection.granted -= bytes;
      receiver.onBody(pending.subarray(0, bytes));
    }
  }

  write(chunk: Uint8Array): void {
    this.#connection.out.append(chunk);
    this.#connection.countBody(chunk.length);
    this.#connection.scheduleFlush();
  }

  end(): void {
    this.#connection.finish("sending");
  }

  fail(): void {
    this.#connection.finish("sending");
  }

  onHalfClosed(): void {
    this.#connection.receiver.onEnd(EMPTY);
  }

  /** What is spoken is not known, and so neither how to take leave. */
  drain(): void {}

  checkDeadlines(): void {}

  close(): void {
    this.#pending = EMPTY;
  }
}
