/**
 * A WebSocket over Mongrel2: its messages are frames to the link that all WebSockets have, and what the link writes
 * goes to the client as it is. Mongrel2 passes on all that it reads: what there is no room for waits here.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { Queue } from "../base/queue.ts";
import type { ExchangeReceiver } from "../message/exchange.ts";
import { BODY_WINDOW_BYTES } from "../message/exchange.ts";
import type { UpgradedConnection } from "../net/successor.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../websocket/codec/limits.ts";
import { WebSocketLink } from "../websocket/link.ts";

/** Bytes of frames that may wait, besides one. */
const MAX_WAITING_BYTES = 2_097_152;
/** What each of them costs besides its bytes. */
const OVERHEAD_BYTES = 128;
const BAD_GATEWAY = 502;

/** An exchange that was upgraded to a WebSocket, as its socket sees it. */
export interface SocketExchange {
  /** Who takes what the client says. */
  readonly receiver: ExchangeReceiver;
  /** Where frames are written to. */
  readonly out: OutputBuffer;
  /** A coarse clock in milliseconds. */
  readonly now: number;
  /** Takes note that there is something in the output. */
  onOutput(): void;
  /** Counts bytes that the handler gets credit for when all was sent. */
  countBody(bytes: number): void;
  /** Closes the client's connection after what is in the output. */
  finish(): void;
  /** Tells the receiver, which gets nothing after that, that the exchange is over. */
  abandon(): void;
}

/** The WebSocket of a client. */
export class Mongrel2Socket implements UpgradedConnection {
  granted: number = BODY_WINDOW_BYTES;

  readonly #exchange: SocketExchange;
  readonly #link: WebSocketLink;
  readonly #waiting = new Queue<Uint8Array>();
  #waitingBytes = 0;
  #isPumping = false;
  #isOver = false;

  /** Makes the socket of `exchange`, whose handshake was answered. */
  constructor(exchange: SocketExchange, maxMessageBytes: number, idleTimeoutMs: number) {
    this.#exchange = exchange;
    const limits = { ...DEFAULT_WEBSOCKET_LIMITS, maxMessageBytes };
    // Mongrel2 takes frames apart, and knows of no compression.
    this.#link = new WebSocketLink(this, { limits, idleTimeoutMs, deflate: null });
  }

  get receiver(): ExchangeReceiver {
    return this.#exchange.receiver;
  }

  get out(): OutputBuffer {
    return this.#exchange.out;
  }

  get now(): number {
    return this.#exchange.now;
  }

  /** Begins. */
  start(): void {
    this.#link.start();
  }

  /** Takes a frame of the client's. A client that is too far ahead is closed with 1011. */
  onFrame(frame: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#link.fail(BAD_GATEWAY);
      this.abandon();
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length + OVERHEAD_BYTES;
    this.resume();
  }

  /** Sends what the handler wrote. */
  write(chunk: Uint8Array): void {
    this.#link.write(chunk);
  }

  /** The handler has written all. */
  end(): void {
    this.#link.end();
  }

  /** The handler is gone, for the reason that `status` says. */
  fail(status: number): void {
    this.#link.fail(status);
  }

  /** The gateway is about to stop. */
  drain(): void {
    this.#link.drain();
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    this.#link.checkDeadlines(now);
  }

  /** The client has gone. */
  close(): void {
    this.#isOver = true;
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#link.close();
  }

  scheduleFlush(): void {
    this.#exchange.onOutput();
  }

  countBody(bytes: number): void {
    this.#exchange.countBody(bytes);
  }

  /** Hands on what waits, as far as there is room for it. */
  resume(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#link.pump();
    while (!this.#isOver && !this.#link.hasUntaken) {
      const frame = this.#waiting.shift();
      if (frame === undefined) break;
      this.#waitingBytes -= frame.length + OVERHEAD_BYTES;
      this.#link.push(frame, frame.length);
      this.#link.pump();
    }
    this.#isPumping = false;
  }

  finish(): void {
    this.#isOver = true;
    this.#waiting.clear();
    this.#exchange.finish();
  }

  abandon(): void {
    this.#exchange.abandon();
  }
}
