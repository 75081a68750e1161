/**
 * The handlers of a dispatcher: how they come and go, whether they live, and what they are sent. It does no
 * I/O.
 *
 * @module
 */

import type { DispatchLimits } from "../limits/dispatch_limits.ts";
import type { Client } from "./clients.ts";
import type { DispatcherMessage, HandlerLoad, HandlerMessage } from "./codec/dispatch_message.ts";
import { DISPATCH_VERSION } from "./codec/dispatch_message.ts";
import { Handler } from "./handlers.ts";
import type { Journal } from "./journal.ts";
import type { Placement } from "./placement.ts";

/**
 * What became of a message to a handler: it was `sent`; the socket is `full` at the moment; or nobody is
 * there any more.
 */
export type SendOutcome = "sent" | "full" | "unreachable";

/** What handlers are reached by. */
export interface RosterHost {
  /** Sends a message to the handler `peer`; its payload is not kept. */
  send(peer: string, message: DispatcherMessage): SendOutcome;
  /**
   * The connection `peer`, whose message is being dealt with, is to be a handler; returns why it cannot be
   * one, if that is so. Absent if all can.
   */
  admit?(peer: string): string | null;
  /** The connection `peer` is a handler no more. */
  dismiss?(peer: string): void;
  /** Where the connection comes from whose message is being dealt with. Absent if that does not matter. */
  origin?(): string;
}

/** Handlers at a time. */
export const MAX_HANDLERS = 1_024;
/** Time after which a handler whose socket was full is tried again, in milliseconds. */
const RETRY_MS = 10;

/** Knows who is a handler, and sends them messages. */
export class HandlerRoster {
  readonly #host: RosterHost;
  readonly #pingIntervalMs: number;
  readonly #placement: Pick<Placement, "onJoined" | "onLeft">;
  readonly #journal: Journal;
  readonly #onOrphaned: (clients: ReadonlySet<Client>) => void;
  readonly #handlers = new Map<string, Handler>();
  /** How many come from where. */
  readonly #origins = new Map<string, number>();
  /** Those whose ends are to be dealt with, when what is being done is done. */
  readonly #dead: { readonly handler: Handler; readonly reason: string }[] = [];
  /** What all handlers take; `null` if that may have changed. */
  #capacity: number | null = null;
  #order = 0;
  #lastTickAt = -Infinity;
  #retryAt = Infinity;

  /**
   * Makes a roster without handlers. `placement` is told who comes and goes; `onOrphaned` gets the clients of
   * which a handler had requests that has ended, within {@linkcode settle}.
   */
  constructor(
    host: RosterHost,
    { pingIntervalMs }: Pick<DispatchLimits, "pingIntervalMs">,
    placement: Pick<Placement, "onJoined" | "onLeft">,
    journal: Journal,
    onOrphaned: (clients: ReadonlySet<Client>) => void,
  ) {
    this.#host = host;
    this.#pingIntervalMs = pingIntervalMs;
    this.#placement = placement;
    this.#journal = journal;
    this.#onOrphaned = onOrphaned;
  }

  /** The handlers, those that leave included. */
  get handlers(): Iterable<Handler> {
    return this.#handlers.values();
  }

  /** How many there are. */
  get size(): number {
    return this.#handlers.size;
  }

  /** Requests that all together take at a time, without those that leave or are set aside. */
  get capacity(): number {
    if (this.#capacity !== null) return this.#capacity;
    let sum = 0;
    for (const { isServing, capacity } of this.#handlers.values()) sum += isServing ? capacity : 0;
    return this.#capacity = sum;
  }

  /** When {@linkcode tick} is to be called next. */
  get dueAt(): number {
    return Math.min(this.#lastTickAt + this.#pingIntervalMs, this.#retryAt);
  }

  /** The handler that the connection `peer` is, if it is one. */
  get(peer: string): Handler | undefined {
    return this.#handlers.get(peer);
  }

  /** The connection `peer` says that it is a handler, or how it does. */
  onHello(peer: string, hello: HandlerMessage & { readonly kind: "hello" }): void {
    const { name, instance, version } = hello;
    const known = this.#handlers.get(peer);
    if (version !== DISPATCH_VERSION) {
      this.#refuse(peer, `version ${version} of the protocol is not ${DISPATCH_VERSION}`);
      return;
    }
    if (known !== undefined && known.name === name && known.instance === instance) {
      this.update(known, hello);
      known.wasHeard = true;
    } else {
      if (known !== undefined) this.#bury(known, "has begun anew");
      for (const other of this.#handlers.values()) {
        const isSame = other.name === name && other.instance === instance;
        if (isSame && !other.isGone) this.#bury(other, "has connected anew");
      }
      this.settle();
      if (!this.#join(peer, hello)) return;
    }
    const pingIntervalMs = this.#pingIntervalMs;
    this.#host.send(peer, { kind: "welcome", version: DISPATCH_VERSION, pingIntervalMs });
  }

  /** A message has come from the connection `peer`, which has not said who it is. */
  onStranger(peer: string): void {
    this.#journal.counts.strangers++;
    this.#host.send(peer, { kind: "who" });
  }

  /** A handler says that it wants no more requests. */
  onLeave(handler: Handler): void {
    // One who says so again has its answer, or will: each would be kept if it read none.
    if (handler.isLeaving) return;
    handler.isLeaving = true;
    this.#capacity = null;
    this.#placement.onLeft(handler);
    this.#journal.counts.left++;
    this.#journal.note(`handler ${handler.name} leaves`);
    this.#sendOrKeep(handler, { kind: "left" }, "must");
  }

  /**
   * A handler does not give up the request that it has as `number`, though it should have: it gets no more until
   * it does.
   */
  setAside(handler: Handler, number: number): void {
    const wasAside = handler.isAside;
    handler.requests.delete(number);
    handler.unconfirmed.add(number);
    if (wasAside) return;
    this.#capacity = null;
    this.#placement.onLeft(handler);
    this.#journal.warn(
      `handler ${handler.name} answers pings, but not its requests: it gets no more until it does`,
    );
  }

  /** A handler has given up the request that it had as `number`; `false` if nobody waited for that. */
  takeBack(handler: Handler, number: number): boolean {
    if (!handler.unconfirmed.delete(number)) return false;
    if (!handler.isServing) return true;
    this.#capacity = null;
    this.#placement.onJoined(handler);
    this.#journal.note(`handler ${handler.name} has given up its old requests, and gets new ones`);
    return true;
  }

  /** Takes note of what a handler takes now. */
  update(handler: Handler, { capacity, generation }: HandlerLoad): void {
    if (capacity !== handler.capacity) this.#capacity = null;
    handler.capacity = capacity;
    handler.generation = generation;
  }

  /** Has the connection `peer` be a handler no more, and says why; `false` if it was none. */
  expel(peer: string, reason: string): boolean {
    const handler = this.#handlers.get(peer);
    if (handler === undefined) return false;
    this.#bury(handler, `is refused from now on: ${reason}`);
    this.#host.send(peer, { kind: "refused", reason });
    return true;
  }

  /** Sends what waits for full sockets, pings, and judges, as far as that is due. */
  tick(): void {
    const { now } = this.#journal;
    if (now >= this.#retryAt) this.#retry();
    if (now < this.#lastTickAt + this.#pingIntervalMs) return;
    // Who was kept from looking cannot say that others were silent.
    const isLate = now - this.#lastTickAt >= 1.5 * this.#pingIntervalMs;
    this.#lastTickAt = now;
    for (const handler of this.#handlers.values()) this.#ping(handler, isLate);
  }

  /** Makes nothing of the silence of handlers until the next tick. */
  excuse(): void {
    for (const handler of this.#handlers.values()) handler.wasHeard = true;
  }

  /** Sends a message to a handler. */
  send(handler: Handler, message: DispatcherMessage): SendOutcome {
    const outcome = this.#host.send(handler.peer, message);
    if (outcome === "full") {
      handler.isFull = true;
      this.#retryAt = Math.min(this.#retryAt, this.#journal.now + RETRY_MS);
    } else if (outcome === "unreachable") {
      this.#bury(handler, "has closed its connection");
    }
    return outcome;
  }

  /**
   * Sends a notice to a handler, or keeps it for later; `false` if there is no room for what only `may` be
   * kept. Nobody misses it if there is no such handler, or it has gone.
   */
  tell(handler: Handler | null, notice: Uint8Array, need: "may" | "must"): boolean {
    if (handler === null || handler.isGone) return true;
    return this.#sendOrKeep(handler, { kind: "notice", payload: notice }, need);
  }

  /** Sends a notice to all, as far as there is room. */
  tellAll(notice: Uint8Array): void {
    for (const each of this.#handlers.values()) this.tell(each, notice, "may");
  }

  /** Has all handlers close their WebSockets. */
  closeSockets(): void {
    for (const each of this.#handlers.values()) this.#sendOrKeep(each, { kind: "closing" }, "may");
  }

  /** Deals with the ends of handlers. */
  settle(): void {
    for (let death = this.#dead.pop(); death !== undefined; death = this.#dead.pop()) {
      this.#settleDeath(death.handler, death.reason);
    }
  }

  /** Makes the connection `peer` a handler; `false` if it was refused. */
  #join(peer: string, hello: HandlerMessage & { readonly kind: "hello" }): boolean {
    const origin = this.#host.origin?.() ?? "";
    const isFull = this.#handlers.size >= MAX_HANDLERS;
    const yielding = isFull ? this.#yielding(origin) : null;
    const reason = isFull && yielding === null
      ? `there are ${MAX_HANDLERS} handlers already`
      : this.#host.admit?.(peer) ?? null;
    if (reason !== null) {
      this.#refuse(peer, reason);
      return false;
    }
    // Only to one that is let in.
    if (yielding !== null) {
      this.#bury(yielding, "gives its place to one from elsewhere");
      this.#host.send(yielding.peer, { kind: "refused", reason: `others have its place` });
    }
    const handler = new Handler(peer, hello, ++this.#order, origin);
    this.#handlers.set(peer, handler);
    this.#countOrigin(origin, 1);
    this.#capacity = null;
    this.#placement.onJoined(handler);
    this.#journal.counts.joined++;
    this.#journal.note(`handler ${hello.name} has come, for ${hello.capacity} requests`);
    return true;
  }

  /**
   * The handler that can give its place to one from `origin`: the oldest that has not answered anything yet, of
   * those from where most come; `null` if there is none, or as many come from `origin`.
   */
  #yielding(origin: string): Handler | null {
    const counts = this.#origins;
    const most = Math.max(...counts.values());
    if ((counts.get(origin) ?? 0) + 1 >= most) return null;
    for (const handler of this.#handlers.values()) {
      if (!handler.hasAnswered && counts.get(handler.origin) === most) return handler;
    }
    return null;
  }

  #countOrigin(origin: string, change: 1 | -1): void {
    const count = (this.#origins.get(origin) ?? 0) + change;
    if (count === 0) this.#origins.delete(origin);
    else this.#origins.set(origin, count);
  }

  #refuse(peer: string, reason: string): void {
    this.#journal.counts.refusedHandlers++;
    this.#journal.warn(`a handler is refused: ${reason}`);
    this.#host.send(peer, { kind: "refused", reason });
  }

  #sendOrKeep(handler: Handler, message: DispatcherMessage, need: "may" | "must"): boolean {
    if (handler.waitingCount === 0 && this.send(handler, message) !== "full") return true;
    // What waits has bytes of its own.
    const kept = "payload" in message ? { ...message, payload: message.payload.slice() } : message;
    return handler.keep(kept, need);
  }

  /** Tries handlers again whose sockets were full. */
  #retry(): void {
    this.#retryAt = Infinity;
    for (const handler of this.#handlers.values()) {
      if (!handler.isFull) continue;
      handler.isFull = false;
      handler.sendWaiting((message) => this.send(handler, message) === "sent");
    }
  }

  #ping(handler: Handler, isLate: boolean): void {
    if (handler.wasPinged && !handler.wasHeard && !isLate) {
      this.#journal.counts.missedPings++;
      this.#bury(handler, "does not answer");
      return;
    }
    handler.wasPinged = true;
    handler.wasHeard = false;
    if (!handler.isFull) this.send(handler, { kind: "ping" });
  }

  /** A handler is one no more: what it has is dealt with soon. */
  #bury(handler: Handler, reason: string): void {
    if (handler.isGone) return;
    handler.isGone = true;
    this.#handlers.delete(handler.peer);
    this.#countOrigin(handler.origin, -1);
    this.#capacity = null;
    this.#placement.onLeft(handler);
    this.#host.dismiss?.(handler.peer);
    this.#dead.push({ handler, reason });
  }

  #settleDeath(handler: Handler, reason: string): void {
    const { name, isLeaving } = handler;
    const clients = handler.takeClients();
    if (isLeaving && clients.size === 0) {
      this.#journal.note(`handler ${name} has left`);
    } else {
      this.#journal.counts.died++;
      this.#journal.warn(`handler ${name} ${reason}: ${clients.size} clients had requests there`);
    }
    this.#onOrphaned(clients);
  }
}
