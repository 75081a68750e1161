/**
 * What a dispatcher decides: which handler gets which request, and what becomes of it. Messages and
 * times in, messages out: it does no I/O, and has no clock.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { DispatchLimits } from "../limits/dispatch_limits.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../limits/dispatch_limits.ts";
import type { DeskHost } from "./client_desk.ts";
import { ClientDesk } from "./client_desk.ts";
import type { HandlerMessage } from "./codec/dispatch_message.ts";
import { DispatchMessageError, parseHandlerMessage } from "./codec/dispatch_message.ts";
import type { DispatchCounts } from "./counts.ts";
import type { RosterHost } from "./handler_roster.ts";
import { HandlerRoster } from "./handler_roster.ts";
import type { Handler } from "./handlers.ts";
import type { Incoming } from "./incoming.ts";
import { readIncoming } from "./incoming.ts";
import { Journal } from "./journal.ts";
import { LeastLoadedPlacement } from "./placement.ts";
import type { Placement } from "./placement.ts";

/** What a dispatcher's messages go out by. */
export interface DispatcherHost extends RosterHost, DeskHost {
  /** Takes messages about faults. */
  readonly log: Log;
}

/**
 * Gives requests of one Mongrel2, or of another dispatcher, to handlers: reads messages, and has the desk
 * deal with those about clients, and the roster with those about handlers.
 */
export class Dispatcher {
  readonly #host: DispatcherHost;
  readonly #journal: Journal;
  readonly #roster: HandlerRoster;
  readonly #desk: ClientDesk;

  /** Makes a dispatcher without handlers. `placement` decides which of them gets what. */
  constructor(
    host: DispatcherHost,
    limits: DispatchLimits = DEFAULT_DISPATCH_LIMITS,
    placement: Placement = new LeastLoadedPlacement(),
  ) {
    this.#host = host;
    const journal = this.#journal = new Journal(host.log);
    const roster = this.#roster = new HandlerRoster(
      host,
      limits,
      placement,
      journal,
      (clients) => this.#desk.onOrphaned(clients),
    );
    this.#desk = new ClientDesk(host, limits, placement, roster, journal);
  }

  /** What has happened so far. */
  get counts(): DispatchCounts {
    return this.#journal.counts;
  }

  /** The handlers, those that leave included. */
  get handlers(): Iterable<Handler> {
    return this.#roster.handlers;
  }

  /** How many there are. */
  get handlerCount(): number {
    return this.#roster.size;
  }

  /** Requests that wait for a handler. */
  get waitingCount(): number {
    return this.#desk.book.waitingCount;
  }

  /** Requests without a complete answer, those that wait included. */
  get unansweredCount(): number {
    return this.#desk.book.unansweredCount;
  }

  /** Bytes of requests that are kept. */
  get heldBytes(): number {
    return this.#desk.book.heldBytes;
  }

  /** Requests that all handlers together take at a time, without those that leave or are set aside. */
  get capacity(): number {
    return this.#roster.capacity;
  }

  /** When {@linkcode tick} is to be called next, on the clock of what was passed to it. */
  get dueAt(): number {
    return Math.min(this.#roster.dueAt, this.#desk.dueAt);
  }

  /**
   * Takes a message of Mongrel2, or of another dispatcher, whose number for it is `upstream`. The bytes
   * may be used for something else afterwards.
   */
  onMessage(bytes: Uint8Array, now: number, upstream = 0): void {
    const journal = this.#journal;
    journal.now = now;
    journal.counts.messages++;
    let incoming: Incoming;
    try {
      incoming = readIncoming(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      journal.counts.malformed++;
      journal.warn(`${error.message}: skipped`);
      if (upstream !== 0) this.#host.done(upstream, "answered");
      return;
    }
    this.#desk.onMessage(incoming, bytes, upstream);
    // Of all but requests nothing more is to be expected.
    if (upstream !== 0 && incoming.kind !== "request") this.#host.done(upstream, "answered");
    this.#desk.settle();
  }

  /** Takes the parts of a message that the connection `peer` has brought. Those are not kept. */
  onHandlerMessage(peer: string, parts: readonly Uint8Array[], now: number): void {
    const journal = this.#journal;
    journal.now = now;
    const handler = this.#roster.get(peer);
    let message: HandlerMessage;
    try {
      message = parseHandlerMessage(parts);
    } catch (error) {
      if (!(error instanceof DispatchMessageError)) throw error;
      journal.counts.malformedOfHandlers++;
      journal.warn(`${handler?.name ?? "a stranger"}: ${error.message}`);
      return;
    }
    if (message.kind === "hello") {
      this.#roster.onHello(peer, message);
    } else if (handler === undefined) {
      this.#roster.onStranger(peer);
    } else {
      handler.wasHeard = true;
      this.#onKnown(handler, message);
    }
    this.#desk.settle();
  }

  /** Does what is due: pings, judges, and ends what has waited for too long. */
  tick(now: number): void {
    this.#journal.now = now;
    this.#roster.tick();
    this.#desk.tick();
    this.#desk.settle();
  }

  /** Is told that handlers were not read for a while: nothing is made of their silence until the next tick. */
  excuse(now: number): void {
    this.#journal.now = now;
    this.#roster.excuse();
    this.#desk.excuse();
  }

  /** Gives up all clients: Mongrel2 has gone, or the other dispatcher. */
  onUpstreamLost(now: number): void {
    this.#journal.now = now;
    this.#desk.abandon();
    this.#desk.settle();
  }

  /** Has the connection `peer` be a handler no more, and says why. */
  expel(peer: string, reason: string, now: number): void {
    this.#journal.now = now;
    if (this.#roster.expel(peer, reason)) this.#desk.settle();
  }

  /** WebSockets, those that are asked for included. */
  get socketCount(): number {
    return this.#desk.book.socketCount;
  }

  /** Has handlers close all WebSockets that are open. */
  closeSockets(now: number): void {
    this.#journal.now = now;
    this.#roster.closeSockets();
    this.#desk.settle();
  }

  /** Closes the connections of all clients without a complete answer; returns how many requests they had. */
  cutOff(): number {
    const count = this.#desk.book.unansweredCount;
    this.#desk.closeAll();
    this.#desk.settle();
    return count;
  }

  #onKnown(handler: Handler, message: Exclude<HandlerMessage, { readonly kind: "hello" }>): void {
    switch (message.kind) {
      case "pong":
        this.#roster.update(handler, message);
        break;
      case "reply":
        this.#desk.onReply(handler, message.request, message.payload);
        break;
      case "done":
        this.#desk.onDone(handler, message.request, message.outcome);
        break;
      case "answer":
        this.#desk.onReply(handler, message.request, message.payload);
        this.#desk.onDone(handler, message.request, "answered");
        break;
      case "leave":
        this.#roster.onLeave(handler);
        break;
    }
  }
}
