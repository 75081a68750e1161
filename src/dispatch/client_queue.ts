/**
 * The queue of clients whose requests wait for a handler.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import type { Client } from "./clients.ts";

/** Places that clients have given up are taken out once there are so many, and as many as others. */
const MIN_STALE = 32;

/** A place in a queue. It is the client's as long as that has no other. */
export interface QueuePlace {
  /** Whose it is. */
  readonly client: Client;
  /** Where it is. */
  readonly queue: ClientQueue;
}

/** Clients that wait: first those whose requests a handler had already, then the others, each in order. */
export class ClientQueue {
  #again = new Queue<QueuePlace>();
  #fresh = new Queue<QueuePlace>();
  #length = 0;

  /** Clients that wait. */
  get length(): number {
    return this.#length;
  }

  /** The one that is next, if any waits. */
  get first(): Client | undefined {
    if (this.#length === 0) return undefined;
    for (const queue of [this.#again, this.#fresh]) {
      while (queue.first !== undefined && !isTaken(queue.first)) queue.shift();
      if (queue.first !== undefined) return queue.first.client;
    }
    return undefined;
  }

  /** Puts a client into the queue, if it is in none. */
  push(client: Client, where: "again" | "fresh"): void {
    if (client.place !== null) return;
    client.place = { client, queue: this };
    this.#length++;
    (where === "again" ? this.#again : this.#fresh).push(client.place);
  }

  /** Takes a client out, if it is in this queue. */
  remove(client: Client): void {
    if (client.place?.queue !== this) return;
    client.place = null;
    this.#length--;
    const places = this.#again.length + this.#fresh.length;
    if (places - this.#length > Math.max(MIN_STALE, this.#length)) this.#compact();
  }

  /** Those that wait, in their order. */
  *[Symbol.iterator](): IterableIterator<Client> {
    for (const queue of [this.#again, this.#fresh]) {
      for (const place of queue) if (isTaken(place)) yield place.client;
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
        if (isTaken(next)) {
          if (!isLate(next.client)) break;
          late.push(next.client);
        }
        queue.shift();
      }
    }
    for (const client of late) this.remove(client);
    return late;
  }

  #compact(): void {
    this.#again = taken(this.#again);
    this.#fresh = taken(this.#fresh);
  }
}

function isTaken(place: QueuePlace): boolean {
  return place.client.place === place;
}

function taken(queue: Queue<QueuePlace>): Queue<QueuePlace> {
  const compacted = new Queue<QueuePlace>();
  for (const place of queue) if (isTaken(place)) compacted.push(place);
  return compacted;
}
