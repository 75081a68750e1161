/**
 * Gives requests that stick together to one handler.
 *
 * @module
 */

import { parseMessage } from "../mongrel2/codec/message.ts";
import { ClientQueue } from "./client_queue.ts";
import type { Client } from "./clients.ts";
import type { Handler } from "./handlers.ts";
import type { Placed, Placement } from "./placement.ts";
import { waitingSince } from "./placement.ts";
import type { RendezvousHandler } from "./sticky/rendezvous.ts";
import { hashOf, outranks, rendezvous } from "./sticky/rendezvous.ts";
import type { TextHash } from "./sticky/rendezvous.ts";
import type { StickyKey } from "./sticky/sticky_key.ts";

/** A handler that keys belong to, and the clients that wait for it. */
class Home implements RendezvousHandler {
  readonly nameHash: TextHash;
  readonly queue = new ClientQueue();
  readonly handler: Handler;

  constructor(handler: Handler) {
    this.nameHash = hashOf(handler.name);
    this.handler = handler;
  }

  get capacity(): number {
    return this.handler.capacity;
  }
}

/** What is known of a client. */
interface Resident {
  readonly hash: TextHash;
  /** Where it waits, if it does: `null` while there is no handler. */
  home: Home | null;
}

/**
 * Gives each client to the handler that its key belongs to. It waits for this handler if that is busy: who
 * keeps something in memory for it is of no use elsewhere. No handler's queue takes more than its part, so
 * that one that is overrun takes nothing from the others. If a handler leaves or dies, its clients go to those
 * that their keys belong to then.
 */
export class StickyPlacement implements Placement {
  readonly #key: StickyKey;
  readonly #residents = new WeakMap<Client, Resident>();
  /** All that take requests, several of one name among them. */
  readonly #handlers = new Set<Handler>();
  /** Of each name the handler that came last. */
  readonly #homes = new Map<string, Home>();
  /** Those that wait for any handler to come. */
  readonly #homeless = new ClientQueue();

  /** Makes a placement by the key that `key` finds. */
  constructor(key: StickyKey) {
    this.#key = key;
  }

  get waitingSince(): number {
    let since = waitingSince(this.#homeless);
    for (const { queue } of this.#homes.values()) since = Math.min(since, waitingSince(queue));
    return since;
  }

  meet(client: Client, bytes: Uint8Array): void {
    const key = this.#key(parseMessage(bytes), bytes);
    this.#residents.set(client, { hash: hashOf(key), home: null });
  }

  choose(client: Client): Handler | null {
    const home = this.#homeOf(client);
    return home !== null && home.queue.length === 0 && home.handler.hasRoom ? home.handler : null;
  }

  canWait(client: Client, maxClients: number): boolean {
    const home = this.#homeOf(client);
    if (home === null) return this.#homeless.length < maxClients;
    let capacity = 0;
    for (const each of this.#homes.values()) capacity += each.capacity;
    return home.queue.length < Math.ceil(maxClients * home.capacity / capacity);
  }

  push(client: Client, place: "again" | "fresh"): void {
    // It stays where it waits, though a handler's capacity, and so the key's home, may have changed.
    if (client.place !== null) return;
    const resident = this.#residents.get(client)!;
    resident.home = this.#homeOf(client);
    (resident.home?.queue ?? this.#homeless).push(client, place);
  }

  remove(client: Client): void {
    (this.#residents.get(client)?.home?.queue ?? this.#homeless).remove(client);
  }

  next(): Placed | null {
    for (const { handler, queue } of this.#homes.values()) {
      const client = queue.length > 0 && handler.hasRoom ? queue.first : undefined;
      if (client !== undefined) return { client, handler };
    }
    return null;
  }

  takeLate(isLate: (client: Client) => boolean): Client[] {
    const late = this.#homeless.takeLate(isLate);
    for (const { queue } of this.#homes.values()) late.push(...queue.takeLate(isLate));
    return late;
  }

  onJoined(handler: Handler): void {
    this.#handlers.add(handler);
    const before = this.#homes.get(handler.name);
    // One that was set aside comes back.
    if (before !== undefined && before.handler.order > handler.order) return;
    const home = new Home(handler);
    this.#homes.set(handler.name, home);
    const movers = [...this.#homeless, ...before?.queue ?? []];
    for (const { queue } of this.#homes.values()) {
      for (const client of queue) {
        const { hash, home: current } = this.#residents.get(client)!;
        if (current !== null && outranks(hash, home, current)) movers.push(client);
      }
    }
    this.#move(movers);
  }

  onLeft(handler: Handler): void {
    this.#handlers.delete(handler);
    const home = this.#homes.get(handler.name);
    if (home?.handler !== handler) return;
    let newest: Handler | null = null;
    for (const each of this.#handlers) {
      if (each.name === handler.name && each.order > (newest?.order ?? 0)) newest = each;
    }
    if (newest === null) this.#homes.delete(handler.name);
    else this.#homes.set(handler.name, new Home(newest));
    this.#move(home.queue);
  }

  #homeOf(client: Client): Home | null {
    return rendezvous(this.#residents.get(client)!.hash, this.#homes.values());
  }

  /** Has clients wait where their keys belong to now. They stay in their order. */
  #move(clients: Iterable<Client>): void {
    for (const client of [...clients]) {
      const isAgain = client.requests[0].attempts > 0;
      this.remove(client);
      this.push(client, isAgain ? "again" : "fresh");
    }
  }
}
