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
import { FaultLog } from "../net/fault_log.ts";
import { closingReply, errorReply, goneNotice, isReplyTo } from "./answers.ts";
import { Client, DispatchedRequest, keyOf, LastHandlers } from "./clients.ts";
import type {
  DispatcherMessage,
  DispatchOutcome,
  HandlerMessage,
} from "./codec/dispatch_message.ts";
import {
  DISPATCH_VERSION,
  DispatchMessageError,
  parseHandlerMessage,
} from "./codec/dispatch_message.ts";
import type { DispatchCounts } from "./counts.ts";
import { newCounts } from "./counts.ts";
import { Handler } from "./handlers.ts";
import type { Incoming } from "./incoming.ts";
import { readIncoming, traitsOf } from "./incoming.ts";
import { LeastLoadedPlacement } from "./placement.ts";
import type { Placement } from "./placement.ts";

/**
 * What became of a message to a handler: it was `sent`; the socket is `full` at the moment; or nobody is
 * there any more.
 */
export type SendOutcome = "sent" | "full" | "unreachable";

/** What a dispatcher's messages go out by. */
export interface DispatcherHost {
  /** Sends a message to the handler `peer`; its payload is not kept. */
  send(peer: string, message: DispatcherMessage): SendOutcome;
  /** Passes a reply on to the client of the request that came as `upstream`; its bytes are not kept. */
  reply(upstream: number, bytes: Uint8Array): void;
  /** Nothing more comes for the request that came as `upstream`. */
  done(upstream: number, outcome: DispatchOutcome): void;
  /**
   * The connection `peer`, whose message is being dealt with, is to be a handler; returns why it cannot be
   * one, if that is so. Absent if all can.
   */
  admit?(peer: string): string | null;
  /** The connection `peer` is a handler no more. */
  dismiss?(peer: string): void;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** Handlers at a time. */
export const MAX_HANDLERS = 1_024;
/** Requests of one connection at a time. */
export const MAX_PIPELINED = 128;
/** Requests without an answer at a time, whatever handlers say that they take. */
export const MAX_UNANSWERED = 262_144;
/** Handlers that one request is given to at the most: it may be what they die of. */
const MAX_ATTEMPTS = 3;
/** What each request counts for besides its bytes. */
const REQUEST_OVERHEAD_BYTES = 512;
/** Time after which a handler whose socket was full is tried again, in milliseconds. */
const RETRY_MS = 10;

/** Gives requests of one Mongrel2, or of another dispatcher, to handlers. */
export class Dispatcher {
  /** What has happened so far. */
  readonly counts: DispatchCounts = newCounts();

  readonly #host: DispatcherHost;
  readonly #limits: DispatchLimits;
  readonly #faults: FaultLog;
  /** Limits what is said of handlers that come and go: anybody can. */
  readonly #news: FaultLog;
  readonly #handlers = new Map<string, Handler>();
  /** Those whose ends are to be dealt with, when what is being done is done. */
  readonly #dead: { readonly handler: Handler; readonly reason: string }[] = [];
  /** The clients with a request under way. */
  readonly #clients = new Map<string, Client>();
  readonly #last = new LastHandlers();
  readonly #placement: Placement;
  #waitingCount = 0;
  #unansweredCount = 0;
  #heldBytes = 0;
  #now = 0;
  #lastNumber = 0;
  /** What all handlers take; `null` if that may have changed. */
  #capacity: number | null = null;
  #order = 0;
  #lastTickAt = -Infinity;
  #retryAt = Infinity;

  /** Makes a dispatcher without handlers. `placement` decides which of them gets what. */
  constructor(
    host: DispatcherHost,
    limits: DispatchLimits = DEFAULT_DISPATCH_LIMITS,
    placement: Placement = new LeastLoadedPlacement(),
  ) {
    this.#host = host;
    this.#limits = limits;
    this.#placement = placement;
    this.#faults = new FaultLog(host.log);
    this.#news = new FaultLog((_level, text) => host.log("info", text));
  }

  /** The handlers, those that leave included. */
  get handlers(): Iterable<Handler> {
    return this.#handlers.values();
  }

  /** How many there are. */
  get handlerCount(): number {
    return this.#handlers.size;
  }

  /** Requests that wait for a handler. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Requests without a complete answer, those that wait included. */
  get unansweredCount(): number {
    return this.#unansweredCount;
  }

  /** Bytes of requests that are kept. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Requests that all handlers together take at a time, without those that leave. */
  get capacity(): number {
    if (this.#capacity !== null) return this.#capacity;
    let sum = 0;
    for (const { isLeaving, capacity } of this.#handlers.values()) sum += isLeaving ? 0 : capacity;
    return this.#capacity = sum;
  }

  /** When {@linkcode tick} is to be called next, on the clock of what was passed to it. */
  get dueAt(): number {
    const { pingIntervalMs, queueTimeoutMs } = this.#limits;
    const lateAt = this.#placement.waitingSince + queueTimeoutMs;
    return Math.min(this.#lastTickAt + pingIntervalMs, lateAt, this.#retryAt);
  }

  /**
   * Takes a message of Mongrel2, or of another dispatcher, whose number for it is `upstream`. The bytes
   * may be used for something else afterwards.
   */
  onMessage(bytes: Uint8Array, now: number, upstream = 0): void {
    this.#now = now;
    this.counts.messages++;
    let incoming: Incoming;
    try {
      incoming = readIncoming(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.counts.malformed++;
      this.#faults.warn(`dispatch: ${error.message}: skipped`, now);
      if (upstream !== 0) this.#host.done(upstream, "answered");
      return;
    }
    const { senderId, connId } = incoming.message;
    const key = keyOf(senderId, connId);
    const client = this.#clients.get(key);
    switch (incoming.kind) {
      case "request":
        this.#onRequest(incoming, client ?? new Client(senderId, connId), bytes, upstream);
        break;
      case "part":
      case "frame":
        if (client !== undefined) this.#onContinuation(client, bytes);
        else if (incoming.kind === "frame") this.#host.reply(0, closingReply(senderId, connId));
        break;
      case "gone":
        this.#notify(key, client, bytes, "must");
        this.#last.delete(key);
        if (client !== undefined) this.#forget(client);
        break;
      case "word":
        this.#notify(key, client, bytes, "may");
        break;
      case "other":
        break;
    }
    // Of all but requests nothing more is to be expected.
    if (upstream !== 0 && incoming.kind !== "request") this.#host.done(upstream, "answered");
    this.#settle();
  }

  /** Takes the parts of a message that the connection `peer` has brought. Those are not kept. */
  onHandlerMessage(peer: string, parts: readonly Uint8Array[], now: number): void {
    this.#now = now;
    const handler = this.#handlers.get(peer);
    let message: HandlerMessage;
    try {
      message = parseHandlerMessage(parts);
    } catch (error) {
      if (!(error instanceof DispatchMessageError)) throw error;
      this.counts.malformedOfHandlers++;
      this.#faults.warn(`dispatch: ${handler?.name ?? "a stranger"}: ${error.message}`, now);
      return;
    }
    if (message.kind === "hello") {
      this.#onHello(peer, handler, message);
    } else if (handler === undefined) {
      this.counts.strangers++;
      this.#host.send(peer, { kind: "who" });
    } else {
      handler.wasHeard = true;
      this.#onKnown(handler, message);
    }
    this.#settle();
  }

  /** Does what is due: pings, judges, and answers what has waited for too long. */
  tick(now: number): void {
    this.#now = now;
    const { pingIntervalMs, queueTimeoutMs } = this.#limits;
    if (now >= this.#retryAt) this.#retry();
    if (now >= this.#lastTickAt + pingIntervalMs) {
      // Who was kept from looking cannot say that others were silent.
      const isLate = now - this.#lastTickAt >= 1.5 * pingIntervalMs;
      this.#lastTickAt = now;
      for (const handler of this.#handlers.values()) this.#ping(handler, isLate);
    }
    const late = this.#placement.takeLate(
      (client) => now - client.requests[0].since >= queueTimeoutMs,
    );
    for (const client of late) this.#refuse(client, 503);
    this.#settle();
  }

  /** Is told that handlers were not read for a while: nothing is made of their silence until the next tick. */
  excuse(): void {
    for (const handler of this.#handlers.values()) handler.wasHeard = true;
  }

  /** Gives up all clients: Mongrel2 has gone, or the other dispatcher. */
  onUpstreamLost(now: number): void {
    this.#now = now;
    for (const client of [...this.#clients.values()]) {
      this.#tell(client.owner, goneNotice(client), "must");
      this.#forget(client);
    }
    this.#last.clear();
    this.#settle();
  }

  /** Has the connection `peer` be a handler no more, and says why. */
  expel(peer: string, reason: string, now: number): void {
    this.#now = now;
    const handler = this.#handlers.get(peer);
    if (handler === undefined) return;
    this.#bury(handler, `is refused from now on: ${reason}`);
    this.#host.send(peer, { kind: "refused", reason });
    this.#settle();
  }

  /** Closes the connections of all clients without a complete answer; returns how many requests they had. */
  cutOff(): number {
    const count = this.#unansweredCount;
    for (const client of [...this.#clients.values()]) this.#close(client);
    this.#settle();
    return count;
  }

  #onHello(
    peer: string,
    known: Handler | undefined,
    hello: HandlerMessage & { readonly kind: "hello" },
  ): void {
    const { name, instance, version } = hello;
    if (version !== DISPATCH_VERSION) {
      this.#refuseHandler(peer, `version ${version} of the protocol is not ${DISPATCH_VERSION}`);
      return;
    }
    if (known !== undefined && known.name === name && known.instance === instance) {
      this.#update(known, hello);
      known.wasHeard = true;
    } else {
      if (known !== undefined) this.#bury(known, "has begun anew");
      for (const other of this.#handlers.values()) {
        const isSame = other.name === name && other.instance === instance;
        if (isSame && !other.isGone) this.#bury(other, "has connected anew");
      }
      this.#settleDeaths();
      if (this.#handlers.size >= MAX_HANDLERS) {
        this.#refuseHandler(peer, `there are ${MAX_HANDLERS} handlers already`);
        return;
      }
      const reason = this.#host.admit?.(peer) ?? null;
      if (reason !== null) {
        this.#refuseHandler(peer, reason);
        return;
      }
      const handler = new Handler(peer, hello, ++this.#order);
      this.#handlers.set(peer, handler);
      this.#capacity = null;
      this.#placement.onJoined(handler);
      this.counts.joined++;
      this.#news.warn(
        `dispatch: handler ${name} has come, for ${hello.capacity} requests`,
        this.#now,
      );
    }
    const { pingIntervalMs } = this.#limits;
    this.#host.send(peer, { kind: "welcome", version: DISPATCH_VERSION, pingIntervalMs });
  }

  #refuseHandler(peer: string, reason: string): void {
    this.counts.refusedHandlers++;
    this.#faults.warn(`dispatch: a handler is refused: ${reason}`, this.#now);
    this.#host.send(peer, { kind: "refused", reason });
  }

  #onKnown(handler: Handler, message: Exclude<HandlerMessage, { readonly kind: "hello" }>): void {
    switch (message.kind) {
      case "pong":
        this.#update(handler, message);
        break;
      case "reply":
        this.#onReply(handler, message.request, message.payload);
        break;
      case "done":
        this.#onDone(handler, message.request, message.outcome);
        break;
      case "answer":
        this.#onReply(handler, message.request, message.payload);
        this.#onDone(handler, message.request, "answered");
        break;
      case "leave":
        // One who says so again has its answer, or will: each would be kept if it read none.
        if (handler.isLeaving) break;
        handler.isLeaving = true;
        this.#capacity = null;
        this.#placement.onLeft(handler);
        this.counts.left++;
        this.#news.warn(`dispatch: handler ${handler.name} leaves`, this.#now);
        this.#sendOrKeep(handler, { kind: "left" }, "must");
        break;
    }
  }

  #update(
    handler: Handler,
    { capacity, generation }: { readonly capacity: number; readonly generation: number },
  ): void {
    if (capacity !== handler.capacity) this.#capacity = null;
    handler.capacity = capacity;
    handler.generation = generation;
  }

  #onRequest(
    { message }: Incoming,
    client: Client,
    bytes: Uint8Array,
    upstream: number,
  ): void {
    this.counts.requests++;
    const request = new DispatchedRequest(client, traitsOf(message), upstream, this.#now);
    const isBusy = client.requests.length > 0;
    if (!isBusy) {
      this.#clients.set(client.key, client);
      this.#placement.meet(client, message, bytes);
    }
    client.requests.push(request);
    this.#unansweredCount++;
    this.#waitingCount++;
    if (client.requests.length > MAX_PIPELINED || this.#unansweredCount > MAX_UNANSWERED) {
      this.counts.overflows++;
      this.#close(client);
      return;
    }
    if (isBusy) {
      // Its requests stay with one handler, in their order.
      const { owner } = client;
      const before = client.requests[client.requests.length - 2];
      const goesOn = owner !== null && !owner.isLeaving && before.state === "given";
      if (goesOn && this.#give(request, owner, bytes) === "sent") return;
    } else {
      for (
        let next = this.#placement.choose(client);
        next !== null;
        next = this.#placement.choose(client)
      ) {
        if (this.#give(request, next, bytes) === "sent") return;
      }
    }
    this.#await(request, bytes);
  }

  /** Has a request wait for a handler, if there is room. */
  #await(request: DispatchedRequest, bytes: Uint8Array): void {
    const { client } = request;
    const { maxQueue } = this.#limits;
    const hasRoom = this.#waitingCount <= maxQueue && this.#placement.canWait(client, maxQueue);
    if (!hasRoom || !this.#hold(request, bytes)) {
      // Nothing was asked before it that is still to be answered, or all of it is given up.
      if (client.requests.length === 1) this.#refuse(client, 503);
      else this.#close(client);
      return;
    }
    this.counts.queued++;
    if (!client.hasGiven) this.#placement.push(client, "fresh");
  }

  /** Keeps a copy of a request, if there is room. */
  #hold(request: DispatchedRequest, bytes: Uint8Array): boolean {
    if (request.payload !== null) return true;
    const heldBytes = this.#heldBytes + bytes.length + REQUEST_OVERHEAD_BYTES;
    if (heldBytes > this.#limits.maxHeldBytes) return false;
    this.#heldBytes = heldBytes;
    request.payload = bytes.slice();
    return true;
  }

  #release(request: DispatchedRequest): void {
    if (request.payload === null) return;
    this.#heldBytes -= request.payload.length + REQUEST_OVERHEAD_BYTES;
    request.payload = null;
  }

  #give(request: DispatchedRequest, handler: Handler, bytes: Uint8Array): SendOutcome {
    if (handler.isFull || handler.isGone) return "full";
    const number = ++this.#lastNumber;
    const outcome = this.#send(handler, { kind: "request", request: number, payload: bytes });
    if (outcome !== "sent") return outcome;
    const { client } = request;
    request.number = number;
    request.attempts++;
    request.since = this.#now;
    this.#setState(request, "given");
    this.#hold(request, bytes);
    client.owner = handler;
    handler.requests.set(number, request);
    handler.givenCount++;
    handler.lastGiven = number;
    return "sent";
  }

  #setState(request: DispatchedRequest, state: DispatchedRequest["state"]): void {
    if (request.state === "waiting") this.#waitingCount--;
    request.state = state;
    if (state === "waiting") this.#waitingCount++;
  }

  /** Takes part of a body, or a frame, which belongs to a request that a handler has. */
  #onContinuation(client: Client, bytes: Uint8Array): void {
    const { owner } = client;
    if (owner === null || !client.hasGiven) {
      // Nobody has asked for it.
      this.#close(client);
      return;
    }
    for (const request of client.requests) this.#begin(request);
    if (this.#tell(owner, bytes, "may")) return;
    this.counts.overflows++;
    this.#close(client);
  }

  /** From here on a request cannot be given to another handler. */
  #begin(request: DispatchedRequest): void {
    if (request.state !== "given" || request.isBegun) return;
    request.isBegun = true;
    this.#release(request);
  }

  /** Passes on what Mongrel2 says about a client, to whom it may concern. */
  #notify(
    key: string,
    client: Client | undefined,
    notice: Uint8Array,
    need: "may" | "must",
  ): void {
    this.counts.notices++;
    const handler = client?.owner ?? this.#last.get(key);
    if (handler !== undefined) {
      this.#tell(handler, notice, need);
      return;
    }
    // It may be about a client of another dispatcher that has the same handlers.
    if (client !== undefined) return;
    for (const each of this.#handlers.values()) this.#tell(each, notice, "may");
  }

  #tell(handler: Handler | null, notice: Uint8Array, need: "may" | "must"): boolean {
    if (handler === null || handler.isGone) return true;
    return this.#sendOrKeep(handler, { kind: "notice", payload: notice }, need);
  }

  #sendOrKeep(handler: Handler, message: DispatcherMessage, need: "may" | "must"): boolean {
    if (handler.waitingCount === 0 && this.#send(handler, message) !== "full") return true;
    // What waits has bytes of its own.
    const kept = "payload" in message ? { ...message, payload: message.payload.slice() } : message;
    return handler.keep(kept, need);
  }

  #send(handler: Handler, message: DispatcherMessage): SendOutcome {
    const outcome = this.#host.send(handler.peer, message);
    if (outcome === "full") {
      handler.isFull = true;
      this.#retryAt = Math.min(this.#retryAt, this.#now + RETRY_MS);
    } else if (outcome === "unreachable") {
      this.#bury(handler, "has closed its connection");
    }
    return outcome;
  }

  /** Tries handlers again whose sockets were full. */
  #retry(): void {
    this.#retryAt = Infinity;
    for (const handler of this.#handlers.values()) {
      if (!handler.isFull) continue;
      handler.isFull = false;
      handler.sendWaiting((message) => this.#send(handler, message) === "sent");
    }
  }

  #ping(handler: Handler, isLate: boolean): void {
    if (handler.wasPinged && !handler.wasHeard && !isLate) {
      this.counts.missedPings++;
      this.#bury(handler, "does not answer");
      return;
    }
    handler.wasPinged = true;
    handler.wasHeard = false;
    if (!handler.isFull) this.#send(handler, { kind: "ping" });
  }

  #onReply(handler: Handler, number: number, payload: Uint8Array): void {
    const request = handler.requests.get(number);
    if (request === undefined) {
      this.counts.lateReplies++;
      return;
    }
    const { client } = request;
    if (client.isGone) return;
    if (!isReplyTo(payload, client)) {
      this.counts.misdirected++;
      this.#faults.warn(
        `dispatch: handler ${handler.name} has sent a reply that is not for the client of its ` +
          "request: dropped",
        this.#now,
      );
      return;
    }
    // What comes before it was given back: its answer would be taken for that one's.
    if (client.requests[0].state !== "given") {
      this.#close(client);
      return;
    }
    // A handler may put the answers to several requests of a connection into one reply.
    for (const each of client.requests) this.#begin(each);
    this.counts.replies++;
    this.#host.reply(request.upstream, payload);
  }

  #onDone(handler: Handler, number: number, outcome: DispatchOutcome): void {
    const request = handler.requests.get(number);
    if (request === undefined) {
      this.counts.lateReplies++;
      return;
    }
    handler.requests.delete(number);
    const { client, isBegun, traits } = request;
    if (client.isGone) return;
    if (outcome === "answered") {
      // A client must not wait for what does not come.
      if (isBegun || traits.isUploadStart) this.#finish(request);
      else this.#close(client);
    } else {
      this.counts.returned++;
      if (isBegun) this.#close(client);
      else this.#giveBack(request, "anything");
    }
    if (!client.isGone) this.#goOn(client);
  }

  /** Has a request wait again, if it may be given to another handler: if it can be repeated, or `anything`. */
  #giveBack(request: DispatchedRequest, which: "repeatable" | "anything"): void {
    const mayBe = request.payload !== null && request.attempts < MAX_ATTEMPTS &&
      (which === "anything" || request.traits.isRepeatable);
    request.since = this.#now;
    this.#setState(request, mayBe ? "waiting" : "failed");
  }

  /** Forgets a request that is answered. */
  #finish(request: DispatchedRequest): void {
    const { requests } = request.client;
    const at = requests.indexOf(request);
    if (at >= 0) requests.splice(at, 1);
    this.counts.answered++;
    this.#drop(request);
  }

  /** Has a request count no more. */
  #drop(request: DispatchedRequest): void {
    this.#release(request);
    this.#setState(request, "failed");
    this.#unansweredCount--;
    this.#host.done(request.upstream, "answered");
  }

  /** Goes on with a client of which a handler has one request less. */
  #goOn(client: Client): void {
    const [first] = client.requests;
    if (first === undefined) {
      if (client.owner !== null) this.#last.set(client.key, client.owner);
      client.isGone = true;
      this.#clients.delete(client.key);
    } else if (client.hasGiven) {
      return;
    } else if (first.state === "failed") {
      this.#refuse(client, 502);
    } else {
      client.owner = null;
      // It may have come when its handler took no more.
      if (first.attempts > 0) this.counts.redispatched++;
      first.since = this.#now;
      this.#placement.push(client, "again");
    }
  }

  /** Answers the first request of a client with an error, and closes the connection. */
  #refuse(client: Client, status: 502 | 503): void {
    if (status === 502) this.counts.badGateway++;
    else this.counts.unavailable++;
    const [{ upstream, traits }] = client.requests;
    if (!traits.isUploadStart) this.#host.reply(upstream, errorReply(client, status, traits));
    this.#close(client);
  }

  /** Closes the connection of a client, and forgets it. */
  #close(client: Client): void {
    this.counts.closed++;
    const { owner, senderId, connId, requests } = client;
    this.#host.reply(requests[0]?.upstream ?? 0, closingReply(senderId, connId));
    if (client.hasGiven) this.#tell(owner, goneNotice(client), "must");
    this.#forget(client);
  }

  /** Forgets a client that has gone; what handlers have of it, they finish. */
  #forget(client: Client): void {
    client.isGone = true;
    this.#clients.delete(client.key);
    this.#placement.remove(client);
    for (const request of client.requests) this.#drop(request);
    client.requests.length = 0;
  }

  /** A handler is one no more: what it has is dealt with soon. */
  #bury(handler: Handler, reason: string): void {
    if (handler.isGone) return;
    handler.isGone = true;
    this.#handlers.delete(handler.peer);
    this.#capacity = null;
    this.#placement.onLeft(handler);
    this.#host.dismiss?.(handler.peer);
    this.#dead.push({ handler, reason });
  }

  #settle(): void {
    this.#settleDeaths();
    for (let next = this.#placement.next(); next !== null; next = this.#placement.next()) {
      this.#giveWaiting(next.client, next.handler);
      this.#settleDeaths();
    }
  }

  /** Gives the requests of a client that wait to `handler`, as many as its socket takes. */
  #giveWaiting(client: Client, handler: Handler): void {
    for (const request of client.requests) {
      if (request.state !== "waiting") break;
      if (this.#give(request, handler, request.payload!) !== "sent") break;
      this.#placement.remove(client);
    }
  }

  #settleDeaths(): void {
    for (let death = this.#dead.pop(); death !== undefined; death = this.#dead.pop()) {
      this.#settleDeath(death.handler, death.reason);
    }
  }

  #settleDeath(handler: Handler, reason: string): void {
    const { name, isLeaving, requests } = handler;
    const clients = new Set<Client>();
    for (const request of requests.values()) {
      if (!request.client.isGone) clients.add(request.client);
    }
    requests.clear();
    if (isLeaving && clients.size === 0) {
      this.#news.warn(`dispatch: handler ${name} has left`, this.#now);
    } else {
      this.counts.died++;
      this.#faults.warn(
        `dispatch: handler ${name} ${reason}: ${clients.size} clients had requests there`,
        this.#now,
      );
    }
    for (const client of clients) {
      client.owner = null;
      if (client.requests.some(({ isBegun }) => isBegun)) {
        this.#close(client);
        continue;
      }
      for (const request of client.requests) {
        if (request.state === "given") this.#giveBack(request, "repeatable");
      }
      this.#goOn(client);
    }
  }
}
