/**
 * Which handler a client's requests are given to, and which clients wait for one.
 *
 * @module
 */

import { ClientQueue } from "./client_queue.ts";
import type { Client } from "./clients.ts";
import type { Handler } from "./handlers.ts";
import { leastLoaded } from "./handlers.ts";

/** A client that waits, and the handler that takes it. */
export interface Placed {
  /** The client. */
  readonly client: Client;
  /** The handler. */
  readonly handler: Handler;
}

/** Decides where clients go. All handlers are made known to it, and all that becomes of them. */
export interface Placement {
  /** When the client began to wait that has waited for longest, in milliseconds; `Infinity` if none does. */
  readonly waitingSince: number;
  /** Takes note of a client that has no request yet, and of its first one. */
  meet(client: Client, bytes: Uint8Array): void;
  /** The handler that takes the client at once; `null` if it has to wait. */
  choose(client: Client): Handler | null;
  /** Whether the client can wait, if `maxClients` may in all. */
  canWait(client: Client, maxClients: number): boolean;
  /** Has a client wait: before those whose requests no handler had, or after all. */
  push(client: Client, place: "again" | "fresh"): void;
  /** The client does not wait any more. */
  remove(client: Client): void;
  /** One of those that wait and can be given to a handler; `null` if there is none. */
  next(): Placed | null;
  /** Takes out those that `isLate` says have waited for too long. */
  takeLate(isLate: (client: Client) => boolean): Client[];
  /** A handler has come. */
  onJoined(handler: Handler): void;
  /** A handler takes no more requests: it leaves, or has gone. */
  onLeft(handler: Handler): void;
}

/** When the first client of `queue` began to wait. */
export function waitingSince({ first }: ClientQueue): number {
  return first === undefined ? Infinity : first.requests[0].since;
}

/** Gives each client to the handler that has the least to do, and has them wait in one queue. */
export class LeastLoadedPlacement implements Placement {
  readonly #handlers = new Set<Handler>();
  readonly #queue = new ClientQueue();

  get waitingSince(): number {
    return waitingSince(this.#queue);
  }

  meet(): void {}

  choose(): Handler | null {
    return this.#queue.length > 0 ? null : leastLoaded(this.#handlers);
  }

  canWait(_client: Client, maxClients: number): boolean {
    return this.#queue.length < maxClients;
  }

  push(client: Client, place: "again" | "fresh"): void {
    this.#queue.push(client, place);
  }

  remove(client: Client): void {
    this.#queue.remove(client);
  }

  next(): Placed | null {
    const client = this.#queue.first;
    const handler = client === undefined ? null : leastLoaded(this.#handlers);
    return handler === null ? null : { client: client!, handler };
  }

  takeLate(isLate: (client: Client) => boolean): Client[] {
    return this.#queue.takeLate(isLate);
  }

  onJoined(handler: Handler): void {
    this.#handlers.add(handler);
  }

  onLeft(handler: Handler): void {
    this.#handlers.delete(handler);
  }
}
