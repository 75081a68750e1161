/**
 * The requests of one connection whose responses are not complete, in the order in which they came:
 * which of them may be worked on, and how much of their responses there may be before its turn.
 *
 * @module
 */

import type { HttpExchange } from "./http_exchange.ts";
import {
  AHEAD_WINDOW_BYTES,
  FEW_UNSENT_BYTES,
  FIRST_WINDOW_BYTES,
  MAX_HELD_BYTES,
  MAX_UNSENT_BYTES,
  MIN_HELD_BYTES,
} from "./codec/limits.ts";

/** Nothing is put into it. */
const NONE: HttpExchange[] = [];

/** The requests of one connection. At most the last of them waits to be begun. */
export class Pipeline {
  /** The first one, and those after it. Most connections have one at a time: it needs no array. */
  #front: HttpExchange | undefined = undefined;
  #others: HttpExchange[] = NONE;
  #waiting: HttpExchange | null = null;
  /** Bytes that responses before their turn take, or may take. */
  #heldBytes = 0;
  /** Bytes that they may take: more as long as they are small, and few again when one is not. */
  #maxHeldBytes = MIN_HELD_BYTES;

  /** Bytes of a response's body that may be sent ahead of the client when it is its turn. */
  windowBytes: number = FIRST_WINDOW_BYTES;

  /** Requests whose responses are not complete. */
  get length(): number {
    return this.#front === undefined ? 0 : 1 + this.#others.length;
  }

  /** The request whose response is next. */
  get front(): HttpExchange | undefined {
    return this.#front;
  }

  /** The request that came last. */
  get last(): HttpExchange | undefined {
    return this.#others.length > 0 ? this.#others[this.#others.length - 1] : this.#front;
  }

  /** Whether the last request waits to begin: no other is read before that. */
  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  /** Takes in a request that has come; it waits to be begun. */
  add(exchange: HttpExchange): void {
    this.addRefused(exchange);
    this.#waiting = exchange;
  }

  /** Takes in a response to what was no request. */
  addRefused(exchange: HttpExchange): void {
    if (this.#front === undefined) this.#front = exchange;
    else if (this.#others === NONE) this.#others = [exchange];
    else this.#others.push(exchange);
  }

  /**
   * The request that waits, if it may begin: one that is not safe (RFC 9110 9.2.1) does so after all
   * others before it were answered, and what comes after it waits for its answer (RFC 9112 9.3.2).
   * `unsentBytes` of responses that are on their way were not sent yet.
   */
  begin(unsentBytes: number): HttpExchange | null {
    const exchange = this.#waiting;
    if (exchange === null || unsentBytes > MAX_UNSENT_BYTES) return null;
    const front = this.#front!;
    if (front !== exchange) {
      const mayOvertake = isSafe(front.head.method) && isSafe(exchange.head.method) &&
        !exchange.asksUpgrade &&
        this.#heldBytes + AHEAD_WINDOW_BYTES <= this.#maxHeldBytes;
      if (!mayOvertake) return null;
      exchange.heldBytes = AHEAD_WINDOW_BYTES;
      this.#heldBytes += AHEAD_WINDOW_BYTES;
      exchange.isSmall = true;
    } else {
      exchange.isSmall = unsentBytes > FEW_UNSENT_BYTES;
    }
    exchange.openWindow(exchange.isSmall ? AHEAD_WINDOW_BYTES : this.windowBytes);
    this.#waiting = null;
    return exchange;
  }

  /** Takes note that the response to a request before its turn takes `bytes`, or may come to do so. */
  hold(exchange: HttpExchange, bytes: number): void {
    this.#heldBytes += bytes - exchange.heldBytes;
    exchange.heldBytes = bytes;
  }

  /** Takes note that a response needs more than the window that it has before its turn. */
  onLarge(): void {
    this.#maxHeldBytes = MIN_HELD_BYTES;
  }

  /** Takes out the request at the front, whose response is complete; it is another one's turn. */
  shift(): void {
    if (this.#front!.isSmall && this.#maxHeldBytes < MAX_HELD_BYTES) {
      this.#maxHeldBytes += AHEAD_WINDOW_BYTES;
    }
    const next = this.#front = this.#others.length > 0 ? this.#others.shift() : undefined;
    if (next !== undefined) this.hold(next, 0);
  }

  /** Takes all requests out. */
  clear(): readonly HttpExchange[] {
    const exchanges = [...this];
    this.#front = undefined;
    this.#others = NONE;
    this.#waiting = null;
    this.#heldBytes = 0;
    return exchanges;
  }

  /** The requests. */
  *[Symbol.iterator](): Iterator<HttpExchange> {
    if (this.#front === undefined) return;
    yield this.#front;
    yield* this.#others;
  }
}

/** Whether a method asks for no change, so that the order of such requests does not matter. */
function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE";
}
