/**
 * The clients of a dispatcher, as far as it has to know them: connections with requests under way.
 *
 * @module
 */

import type { QueuePlace } from "./client_queue.ts";
import type { Handler } from "./handlers.ts";
import type { RequestTraits } from "./incoming.ts";
import type { PassedRequest } from "./passed_request.ts";

/**
 * Where a request is: it waits for a handler, was given to one, or has failed and waits for its turn to
 * be answered so.
 */
export type RequestState = "waiting" | "given" | "failed";

/** A request without a complete answer. */
export class DispatchedRequest {
  /** Whose it is. */
  readonly client: Client;
  /** What is known of it. */
  readonly traits: RequestTraits;
  /** Number by which it came; 0 if it came from Mongrel2, which has none. */
  readonly upstream: number;
  /**
   * In milliseconds, when it began to wait or was given, when its turn came or, once its client has left, when that
   * was.
   */
  since: number;
  /** Where it is. */
  state: RequestState = "waiting";
  /** Number by which its handler has it. */
  number = 0;
  /** How often it was given to a handler. */
  attempts = 0;
  /** The message, as long as it may be given to another handler. */
  payload: Uint8Array | null = null;
  /** The memory that the message is in then, which may be larger. */
  memory: Uint8Array | null = null;
  /** Whether it is under way for good: something was passed on, of the answer or of the body. */
  isBegun = false;
  /**
   * Whether something of its answer was passed on: nothing, or maybe, since that can have been in a reply to one
   * before it.
   */
  answer: "none" | "maybe" | "begun" = "none";
  /** What of it has passed; `null` if nobody wants to know. */
  passed: PassedRequest | null = null;

  /** Makes a request that waits. */
  constructor(client: Client, traits: RequestTraits, upstream: number, since: number) {
    this.client = client;
    this.traits = traits;
    this.upstream = upstream;
    this.since = since;
  }
}

/** A client's connection. */
export class Client {
  /** What it is known by among all: the Mongrel2 server's identity, and its number for the connection. */
  readonly key: string;
  /** Requests without a complete answer, in their order. */
  readonly requests: DispatchedRequest[] = [];
  /** The handler that has some of them. */
  owner: Handler | null = null;
  /**
   * When its handler was told that it has left, in milliseconds, though it has not: that took too long. `null` if
   * that is not so.
   */
  withdrawnAt: number | null = null;
  /** Its place in a queue, if it waits in one. */
  place: QueuePlace | null = null;
  /** Whether it has left, or was left. */
  isGone = false;

  /** Makes a client without requests. */
  constructor(key: string) {
    this.key = key;
  }

  /** Identity of the Mongrel2 server. */
  get senderId(): string {
    return this.key.slice(0, this.key.indexOf(" "));
  }

  /** The server's number for the connection. */
  get connId(): string {
    return this.key.slice(this.key.indexOf(" ") + 1);
  }

  /** Whether a handler has one of its requests. */
  get hasGiven(): boolean {
    for (let i = 0; i < this.requests.length; i++) {
      if (this.requests[i].state === "given") return true;
    }
    return false;
  }
}

/** Clients without a request under way whose last handlers are remembered, in each of two generations. */
const MAX_REMEMBERED = 32_768;

/** Remembers which handler had a client's last request: the latest ones, in constant time. */
export class LastHandlers {
  #young = new Map<string, Handler>();
  #old = new Map<string, Handler>();

  /** Remembers a handler. */
  set(key: string, handler: Handler): void {
    if (this.#young.size >= MAX_REMEMBERED) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, handler);
  }

  /** The handler that is remembered. */
  get(key: string): Handler | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** Forgets a client. */
  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Forgets all. */
  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
