/**
 * The requests of a dispatcher that have no complete answer, and whose they are: how many there are, what is kept of
 * them, and how they end. It does no I/O.
 *
 * @module
 */

import type { Client } from "./clients.ts";
import { DispatchedRequest } from "./clients.ts";
import type { DispatchOutcome } from "./codec/dispatch_message.ts";
import { HeldRequests } from "./held_requests.ts";
import type { Incoming } from "./incoming.ts";
import type { Journal } from "./journal.ts";
import type { EndedRequest, RequestOutcome } from "./passed_request.ts";
import { PassedRequest } from "./passed_request.ts";

/** Who is told that requests have ended. */
export interface BookHost {
  /** Nothing more comes for the request that came as `upstream`. */
  done(upstream: number, outcome: DispatchOutcome): void;
  /** A request has ended. Absent if nobody wants to know. */
  readonly onEnded?: ((ended: EndedRequest) => void) | undefined;
}

/** Knows the clients that have a request under way. */
export class RequestBook {
  readonly #host: BookHost;
  readonly #journal: Journal;
  readonly #held: HeldRequests;
  readonly #clients = new Map<string, Client>();
  #waitingCount = 0;
  #unansweredCount = 0;

  /** Makes a book without clients; `maxHeldBytes` are kept of requests at the most. */
  constructor(host: BookHost, maxHeldBytes: number, journal: Journal) {
    this.#host = host;
    this.#journal = journal;
    this.#held = new HeldRequests(maxHeldBytes);
  }

  /** The clients, as they are now. */
  get clients(): readonly Client[] {
    return [...this.#clients.values()];
  }

  /** Requests that wait for a handler. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Requests without a complete answer, those that wait included. */
  get unansweredCount(): number {
    return this.#unansweredCount;
  }

  /** WebSockets, those that are asked for included. */
  get socketCount(): number {
    let count = 0;
    for (const { requests } of this.#clients.values()) {
      if (requests.some(({ traits }) => traits.isHandshake)) count++;
    }
    return count;
  }

  /** Bytes of requests that are kept. */
  get heldBytes(): number {
    return this.#held.bytes;
  }

  /** The client that is known by `key`, if it has a request under way. */
  get(key: string): Client | undefined {
    return this.#clients.get(key);
  }

  /** Enters a request of `client`, which waits. */
  enter(client: Client, { traits, outline }: Incoming, upstream: number): DispatchedRequest {
    const { now } = this.#journal;
    const request = new DispatchedRequest(client, traits, upstream, now);
    const isCounted = this.#host.onEnded !== undefined && !traits.isUploadStart;
    if (isCounted) request.passed = new PassedRequest(outline, now);
    if (client.requests.length === 0) this.#clients.set(client.key, client);
    client.requests.push(request);
    this.#unansweredCount++;
    this.#waitingCount++;
    return request;
  }

  /** Takes note of where a request is. */
  setState(request: DispatchedRequest, state: DispatchedRequest["state"]): void {
    if (request.state === "waiting") this.#waitingCount--;
    request.state = state;
    if (state === "waiting") this.#waitingCount++;
  }

  /** Keeps a copy of a request, unless there is one already; `false` if there is no room. */
  keep(request: DispatchedRequest, message: Uint8Array): boolean {
    return this.#held.keep(request, message);
  }

  /** From here on a request cannot be given to another handler. */
  begin(request: DispatchedRequest): void {
    if (request.state !== "given" || request.isBegun) return;
    request.isBegun = true;
    this.#held.release(request);
  }

  /** Forgets a request that is answered. */
  finish(request: DispatchedRequest): void {
    const { requests } = request.client;
    const at = requests.indexOf(request);
    if (at === 0) requests.shift();
    else if (at > 0) requests.splice(at, 1);
    this.#journal.counts.answered++;
    this.#drop(request, "answered");
  }

  /** Forgets a client, and all that it has. */
  forget(client: Client, outcome: RequestOutcome): void {
    client.isGone = true;
    client.withdrawnAt = null;
    this.#clients.delete(client.key);
    for (const request of client.requests) {
      request.since = this.#journal.now;
      this.#drop(request, outcome);
    }
    client.requests.length = 0;
  }

  /** Has a request count no more. */
  #drop(request: DispatchedRequest, outcome: RequestOutcome): void {
    const { passed } = request;
    if (passed !== null) this.#host.onEnded?.(passed.ended(outcome, this.#journal.now));
    this.#held.release(request);
    this.setState(request, "failed");
    this.#unansweredCount--;
    this.#host.done(request.upstream, "answered");
  }
}
