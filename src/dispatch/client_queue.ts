/**
 * The queue of clients whose requests wait for a handler.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import type { Client } from "./clients.ts";

/** Clients that have left are taken out once there are so many, and as many as others. */
const MIN_STALE = 32;

/** Clients that wait: first those whose requests a handler had already, then the others, each in order. */
export class ClientQueue {
  #again = new Queue<Client>();
  #fresh = new Queue<Client>();
  #length = 0;

  /** Clients that wait. */
  get length(): number {
    return this.#length;
  }

  /** The one that is next, if any waits. */
  get first(): Client | undefined {
    for (const queue of [this.#again, this.#fresh]) {
      while (queue.first !== undefined && !queue.first.isQueued) queue.shift();
      if (queue.first !== undefined) return queue.first;
    }
    return undefined;
  }

  /** Puts a client into the queue, if it is not there. */
  push(client: Client, place: "again" | "fresh"): void {
    if (client.isQueued) return;
    client.isQueued = true;
    this.#length++;
    (place === "again" ? this.#again : this.#fresh).push(client);
  }

  /** Takes a client out, wherever it is. */
  remove(client: Client): void {
    if (!client.isQueued) return;
    client.isQueued = false;
    this.#length--;
    const entries = this.#again.length + this.#fresh.length;
    if (entries - this.#length > Math.max(MIN_STALE, this.#length)) this.#compact();
  }

  /** Those that wait, in the order in which they came. */
  *[Symbol.iterator](): IterableIterator<Client> {
    for (const queue of [this.#again, this.#fresh]) {
      for (const client of queue) if (client.isQueued) yield client;
    }
  }

  /**
   * Takes the clients out, from the beginning of each kind, that `isLate` says have waited for too long:
   * those after one that has not, have not either.
   */
  takeLate(isLate: (client: Client) => boolean): Client[] {
    const late: Client[] = [];
    for (const queue of [this.#again, this.#fresh]) {
      for (let next = queue.first; next !== undefined; next = queue.first) {
        if (next.isQueued && !isLate(next)) break;
        queue.shift();
        if (next.isQueued) late.push(next);
      }
    }
    for (const client of late) this.remove(client);
    return late;
  }

  #compact(): void {
    const kept = (queue: Queue<Client>) => {
      const compacted = new Queue<Client>();
      for (const client of queue) if (client.isQueued) compacted.push(client);
      return compacted;
    };
    this.#again = kept(this.#again);
    this.#fresh = kept(this.#fresh);
  }
}
