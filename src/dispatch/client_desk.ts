/**
 * The clients of a dispatcher: which handler gets their requests, and what becomes of those. It does no I/O.
 *
 * @module
 */

import type { MessageOutline } from "../mongrel2/codec/outline.ts";
import type { DispatchLimits } from "../limits/dispatch_limits.ts";
import { answerStart, closingReply, errorReply, goneNotice, replyTo } from "./answers.ts";
import type { ErrorStatus } from "./answers.ts";
import { Client, LastHandlers } from "./clients.ts";
import type { DispatchedRequest } from "./clients.ts";
import type { DispatchOutcome } from "./codec/dispatch_message.ts";
import type { HandlerRoster, SendOutcome } from "./handler_roster.ts";
import type { Handler } from "./handlers.ts";
import type { Incoming } from "./incoming.ts";
import type { Journal } from "./journal.ts";
import { OverdueRequests } from "./overdue_requests.ts";
import type { PassedRequest, RequestOutcome } from "./passed_request.ts";
import type { Placement } from "./placement.ts";
import type { BookHost } from "./request_book.ts";
import { RequestBook } from "./request_book.ts";

/** What clients are reached by. */
export interface DeskHost extends BookHost {
  /** Passes a reply on to the client of the request that came as `upstream`; its bytes are not kept. */
  reply(upstream: number, bytes: Uint8Array): void;
}

/** Requests of one connection at a time. */
export const MAX_PIPELINED = 128;
/** Requests without an answer at a time, whatever handlers say that they take. */
export const MAX_UNANSWERED = 262_144;
/** Handlers that one request is given to at the most: it may be what they die of. */
const MAX_ATTEMPTS = 3;

/** How answers with an error are counted. */
const COUNTED = { 502: "badGateway", 503: "unavailable", 504: "gatewayTimeout" } as const;

/** Gives requests to handlers, and their answers to clients. */
export class ClientDesk {
  readonly #host: DeskHost;
  readonly #limits: DispatchLimits;
  readonly #placement: Placement;
  readonly #roster: HandlerRoster;
  readonly #journal: Journal;
  readonly #book: RequestBook;
  readonly #overdue: OverdueRequests;
  readonly #last = new LastHandlers();
  #lastNumber = 0;

  /** Makes a desk without clients. Requests go to handlers of `roster`, as `placement` decides. */
  constructor(
    host: DeskHost,
    limits: DispatchLimits,
    placement: Placement,
    roster: HandlerRoster,
    journal: Journal,
  ) {
    this.#host = host;
    this.#limits = limits;
    this.#placement = placement;
    this.#roster = roster;
    this.#journal = journal;
    this.#book = new RequestBook(host, limits.maxHeldBytes, journal);
    this.#overdue = new OverdueRequests(limits);
  }

  /** The requests that it has. */
  get book(): Pick<RequestBook, "waitingCount" | "unansweredCount" | "socketCount" | "heldBytes"> {
    return this.#book;
  }

  /** When {@linkcode tick} is to be called next. */
  get dueAt(): number {
    const lateAt = this.#placement.waitingSince + this.#limits.queueTimeoutMs;
    return this.#book.unansweredCount === 0 ? lateAt : Math.min(lateAt, this.#overdue.lookAt);
  }

  /** Takes a message that came as `bytes`, which are lent, with the number `upstream`, or 0 if it has none. */
  onMessage(incoming: Incoming, bytes: Uint8Array, upstream: number): void {
    const key = incoming.client;
    const client = this.#book.get(key);
    switch (incoming.kind) {
      case "request":
        this.#onRequest(incoming, client ?? new Client(key), bytes, upstream);
        break;
      case "part":
      case "frame":
        if (client !== undefined) this.#onContinuation(client, bytes, incoming.outline);
        else if (incoming.kind === "frame") this.#host.reply(0, closingReply(new Client(key)));
        break;
      case "gone":
        this.#notify(key, client, bytes, "must");
        this.#last.delete(key);
        if (client !== undefined) this.#forget(client, "client left");
        break;
      case "word":
        this.#notify(key, client, bytes, "may");
        break;
      case "other":
        break;
    }
  }

  /** Takes a reply of a handler to the request that it has as `number`. */
  onReply(handler: Handler, number: number, payload: Uint8Array): void {
    const request = handler.requests.get(number);
    if (request === undefined) {
      this.#journal.counts.lateReplies++;
      return;
    }
    const { client } = request;
    if (client.isGone) return;
    if (client.withdrawnAt !== null) {
      this.#journal.counts.lateReplies++;
      return;
    }
    const kind = replyTo(client, payload);
    if (kind === null) {
      this.#journal.counts.misdirected++;
      this.#journal.warn(
        `handler ${handler.name} has sent a reply that is not for the client of its request: dropped`,
      );
      return;
    }
    // What comes before it was given back: its answer would be taken for that one's.
    if (client.requests[0].state !== "given") {
      this.#close(client);
      return;
    }
    // A handler may put the answers to several requests of a connection into one reply.
    for (const each of client.requests) {
      this.#book.begin(each);
      if (kind === "answer" && each.answer === "none") each.answer = "maybe";
    }
    if (kind === "answer") {
      request.answer = "begun";
      if (request.passed !== null) this.#count(request, request.passed, payload);
    } else {
      client.requests[0].since = this.#journal.now;
    }
    this.#journal.counts.replies++;
    handler.hasAnswered = true;
    this.#host.reply(request.upstream, payload);
  }

  #count({ client }: DispatchedRequest, passed: PassedRequest, reply: Uint8Array): void {
    passed.addAnswer(reply, answerStart(client));
    for (const each of client.requests) each.passed?.presume(passed);
  }

  /** Takes word of a handler that nothing more comes of the request that it has as `number`. */
  onDone(handler: Handler, number: number, outcome: DispatchOutcome): void {
    const request = handler.requests.get(number);
    if (request === undefined) {
      if (!this.#roster.takeBack(handler, number)) this.#journal.counts.lateReplies++;
      return;
    }
    handler.requests.delete(number);
    const { client, isBegun, traits } = request;
    if (client.isGone) return;
    if (client.withdrawnAt !== null) {
      this.#timeOut(client);
      return;
    }
    if (outcome === "answered") {
      // A client must not wait for what does not come.
      if (isBegun || traits.isUploadStart) this.#book.finish(request);
      else this.#close(client);
    } else {
      this.#journal.counts.returned++;
      if (isBegun) this.#close(client);
      else this.#giveBack(request, "anything");
    }
    if (!client.isGone) this.#goOn(client);
  }

  /** Deals with clients whose requests are to be given away again: their handler has ended. */
  onOrphaned(clients: Iterable<Client>): void {
    for (const client of clients) {
      client.owner = null;
      client.withdrawnAt = null;
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

  /** Does what is due: answers what has waited for too long, and takes back what handlers have had for too long. */
  tick(): void {
    this.#refuseLate();
    for (
      const { handler, request, kind } of this.#overdue.take(
        this.#roster.handlers,
        this.#journal.now,
      )
    ) {
      if (kind === "time") this.#withdraw(handler, request.client);
      else this.#giveUpOn(handler, request);
    }
  }

  /** Is told that handlers were not read until now. */
  excuse(): void {
    this.#overdue.excuse(this.#journal.now);
  }

  #refuseLate(): void {
    const { now } = this.#journal;
    const { queueTimeoutMs } = this.#limits;
    const late = this.#placement.takeLate(
      (client) => now - client.requests[0].since >= queueTimeoutMs,
    );
    for (const client of late) this.#refuse(client, 503);
  }

  /** Deals with the ends of handlers, and gives what waits to those that have room. */
  settle(): void {
    this.#roster.settle();
    for (let next = this.#placement.next(); next !== null; next = this.#placement.next()) {
      this.#giveWaiting(next.client, next.handler);
      this.#roster.settle();
    }
  }

  /** Forgets all clients, which have gone, and tells their handlers. */
  abandon(): void {
    for (const client of this.#book.clients) {
      this.#roster.tell(client.owner, goneNotice(client), "must");
      this.#forget(client, "client left");
    }
    this.#last.clear();
  }

  /** Closes the connections of all clients without a complete answer. */
  closeAll(): void {
    for (const client of this.#book.clients) this.#close(client);
  }

  #onRequest(incoming: Incoming, client: Client, bytes: Uint8Array, upstream: number): void {
    this.#journal.counts.requests++;
    const isBusy = client.requests.length > 0;
    const request = this.#book.enter(client, incoming, upstream);
    if (!isBusy) this.#placement.meet(client, bytes);
    const isTooMuch = this.#book.unansweredCount > MAX_UNANSWERED;
    if (client.requests.length > MAX_PIPELINED || isTooMuch) {
      this.#journal.counts.overflows++;
      this.#close(client);
      return;
    }
    if (isBusy) {
      // Its requests stay with one handler, in their order.
      const { owner } = client;
      const before = client.requests[client.requests.length - 2];
      // To a handler that was told to give the client up it would be another client's.
      const goesOn = owner !== null && !owner.isLeaving && client.withdrawnAt === null &&
        before.state === "given";
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
    const isRoom = this.#book.waitingCount <= maxQueue && this.#placement.canWait(client, maxQueue);
    if (!isRoom || !this.#book.keep(request, bytes)) {
      // Nothing was asked before it that is still to be answered, or all of it is given up.
      if (client.requests.length === 1) this.#refuse(client, 503);
      else this.#close(client);
      return;
    }
    this.#journal.counts.queued++;
    if (!client.hasGiven) this.#placement.push(client, "fresh");
  }

  #give(request: DispatchedRequest, handler: Handler, bytes: Uint8Array): SendOutcome {
    if (handler.isFull || handler.isGone) return "full";
    const number = ++this.#lastNumber;
    const outcome = this.#roster.send(handler, {
      kind: "request",
      request: number,
      payload: bytes,
    });
    if (outcome !== "sent") return outcome;
    const { client } = request;
    request.number = number;
    request.attempts++;
    request.since = this.#journal.now;
    this.#book.setState(request, "given");
    this.#book.keep(request, bytes);
    client.owner = handler;
    handler.requests.set(number, request);
    handler.givenCount++;
    handler.lastGiven = number;
    return "sent";
  }

  /** Has `handler` give up the requests of a client, whose answers take too long, as if it had left. */
  #withdraw(handler: Handler, client: Client): void {
    this.#journal.counts.overdue++;
    client.withdrawnAt = this.#journal.now;
    this.#roster.tell(handler, goneNotice(client), "must");
  }

  /** Its handler has given up the first request of a client, which took too long. */
  #timeOut(client: Client): void {
    // In the middle of what may be an answer there is no place for another one.
    if (client.requests[0].answer === "none") this.#refuse(client, 504);
    else this.#close(client);
  }

  /** Deals with a request that `handler` does not give up: others may have it, as if that were dead. */
  #giveUpOn(handler: Handler, request: DispatchedRequest): void {
    const { client } = request;
    if (client.isGone) {
      this.#roster.setAside(handler, request.number);
      return;
    }
    for (const { state, number } of client.requests) {
      if (state === "given") this.#roster.setAside(handler, number);
    }
    this.onOrphaned([client]);
  }

  /** Gives the requests of a client that wait to `handler`, as many as its socket takes. */
  #giveWaiting(client: Client, handler: Handler): void {
    for (const request of client.requests) {
      if (request.state !== "waiting") break;
      if (this.#give(request, handler, request.payload!) !== "sent") break;
      this.#placement.remove(client);
    }
  }

  /** Takes part of a body, or a frame, which belongs to a request that a handler has. */
  #onContinuation(client: Client, bytes: Uint8Array, outline: MessageOutline): void {
    const { owner } = client;
    if (owner === null || !client.hasGiven) {
      // Nobody has asked for it.
      this.#close(client);
      return;
    }
    for (const request of client.requests) this.#book.begin(request);
    const [first] = client.requests;
    first.since = this.#journal.now;
    first.passed?.addPart(outline.body.length);
    if (this.#roster.tell(owner, bytes, "may")) return;
    this.#journal.counts.overflows++;
    this.#close(client);
  }

  /** Passes on what Mongrel2 says about a client, to whom it may concern. */
  #notify(
    key: string,
    client: Client | undefined,
    notice: Uint8Array,
    need: "may" | "must",
  ): void {
    this.#journal.counts.notices++;
    const handler = client?.owner ?? this.#last.get(key);
    if (handler !== undefined) {
      this.#roster.tell(handler, notice, need);
      return;
    }
    // It may be about a client of another dispatcher that has the same handlers.
    if (client !== undefined) return;
    this.#roster.tellAll(notice);
  }

  /** Has a request wait again, if it may be given to another handler: if it can be repeated, or `anything`. */
  #giveBack(request: DispatchedRequest, which: "repeatable" | "anything"): void {
    const mayBe = request.payload !== null && request.attempts < MAX_ATTEMPTS &&
      (which === "anything" || request.traits.isRepeatable);
    request.since = this.#journal.now;
    this.#book.setState(request, mayBe ? "waiting" : "failed");
  }

  /** Goes on with a client of which a handler has one request less. */
  #goOn(client: Client): void {
    const [first] = client.requests;
    if (first === undefined) {
      if (client.owner !== null) this.#last.set(client.key, client.owner);
      this.#book.forget(client, "answered");
    } else if (client.hasGiven) {
      first.since = this.#journal.now;
    } else if (first.state === "failed") {
      this.#refuse(client, 502);
    } else {
      client.owner = null;
      // It may have come when its handler took no more.
      if (first.attempts > 0) this.#journal.counts.redispatched++;
      first.since = this.#journal.now;
      this.#placement.push(client, "again");
    }
  }

  /** Answers the first request of a client with an error, and closes the connection. */
  #refuse(client: Client, status: ErrorStatus): void {
    this.#journal.counts[COUNTED[status]]++;
    const [first] = client.requests;
    const { upstream, traits } = first;
    if (!traits.isUploadStart) {
      this.#host.reply(upstream, errorReply(client, status, traits));
      first.passed?.refuse(status);
    }
    this.#close(client);
  }

  /** Closes the connection of a client, and forgets it. */
  #close(client: Client): void {
    this.#journal.counts.closed++;
    const { owner, requests } = client;
    this.#host.reply(requests[0]?.upstream ?? 0, closingReply(client));
    // Its handler may know already.
    const isToBeTold = client.hasGiven && client.withdrawnAt === null;
    if (isToBeTold) this.#roster.tell(owner, goneNotice(client), "must");
    this.#forget(client, "cut off");
  }

  /** Forgets a client that has gone; what handlers have of it, they finish. */
  #forget(client: Client, outcome: RequestOutcome): void {
    this.#placement.remove(client);
    this.#book.forget(client, outcome);
  }
}
