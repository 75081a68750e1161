/**
 * The handlers of a dispatcher, and the choice among them.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import type { DispatcherMessage, HandlerLoad } from "./codec/dispatch_message.ts";
import type { Client, DispatchedRequest } from "./clients.ts";

/** Bytes that may wait for a handler whose socket is full, besides word of clients that have left. */
export const MAX_OUTBOX_BYTES = 1_048_576;
/** What each message counts for besides its bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;

/** A handler, as long as its connection lasts. */
export class Handler {
  /** What its connection is known by. */
  readonly peer: string;
  /** Its name, which is its own among the handlers. */
  readonly name: string;
  /** Mark of the process. */
  readonly instance: string;
  /** When it came, as a number that grows with each. */
  readonly order: number;
  /** Requests that it takes at a time. */
  capacity: number;
  /** Generation of its apps. */
  generation: number;
  /** What it has, by number. */
  readonly requests = new Map<number, DispatchedRequest>();
  /** Numbers of requests that it should have given up, and has not: others have them by now. */
  readonly unconfirmed = new Set<number>();
  /** Requests that it has been given in all. */
  givenCount = 0;
  /** When it was last given one, as a number that grows with each. */
  lastGiven = 0;
  /** Where it comes from: its key or its address, if that is known. */
  readonly origin: string;
  /** Whether it has answered anything. */
  hasAnswered = false;
  /** Whether it wants no more requests. */
  isLeaving = false;
  /** Whether it is a handler no more. */
  isGone = false;
  /** Whether its socket took nothing when something was last sent. */
  isFull = false;
  /** Whether it was pinged at the last tick, and whether anything came from it since. */
  wasPinged = false;
  wasHeard = true;
  readonly #waiting = new Queue<DispatcherMessage>();
  #waitingBytes = 0;

  /** Makes a handler that has nothing yet. */
  constructor(
    peer: string,
    { name, instance, capacity, generation }: HandlerLoad & {
      readonly name: string;
      readonly instance: string;
    },
    order: number,
    origin: string,
  ) {
    this.origin = origin;
    this.peer = peer;
    this.name = name;
    this.instance = instance;
    this.capacity = capacity;
    this.generation = generation;
    this.order = order;
  }

  /** Whether it gets no more requests until it has given up those that it should have. */
  get isAside(): boolean {
    return this.unconfirmed.size > 0;
  }

  /** Whether it is there for requests, as far as it has room. */
  get isServing(): boolean {
    return !this.isLeaving && !this.isGone && !this.isAside;
  }

  /** Whether it can be given another request. */
  get hasRoom(): boolean {
    return !this.isLeaving && !this.isGone && !this.isFull && this.requests.size < this.capacity;
  }

  /** Which part of what it takes it has: 1 is all. */
  get load(): number {
    return this.requests.size / this.capacity;
  }

  /** Messages that wait for its socket. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Takes away what it has; returns whose requests those are, of clients that are still there. */
  takeClients(): Set<Client> {
    const clients = new Set<Client>();
    for (const { client } of this.requests.values()) if (!client.isGone) clients.add(client);
    this.requests.clear();
    return clients;
  }

  /** Keeps a message for later; `false` if there is no room. What `must` be kept has room. */
  keep(message: DispatcherMessage, need: "may" | "must"): boolean {
    const bytes = bytesOf(message);
    if (need === "may" && this.#waitingBytes + bytes > MAX_OUTBOX_BYTES) return false;
    this.#waiting.push(message);
    this.#waitingBytes += bytes;
    return true;
  }

  /** Sends what waits by `send`, until that returns `false`. */
  sendWaiting(send: (message: DispatcherMessage) => boolean): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!send(next)) return;
      this.#waiting.shift();
      this.#waitingBytes -= bytesOf(next);
    }
  }
}

function bytesOf(message: DispatcherMessage): number {
  return MESSAGE_OVERHEAD_BYTES + ("payload" in message ? message.payload.length : 0);
}

/**
 * The handler that a request is given to: of those that have room, one that has the least of what it
 * takes; of several, the one that has been without a new one for longest.
 */
export function leastLoaded(handlers: Iterable<Handler>): Handler | null {
  let best: Handler | null = null;
  for (const handler of handlers) {
    if (!handler.hasRoom) continue;
    const difference = best === null ? -1 : handler.load - best.load;
    if (difference < 0 || difference === 0 && handler.lastGiven < best!.lastGiven) best = handler;
  }
  return best;
}
