/**
 * Gives requests of one key to one node, as `gatehouse dispatch --sticky` does: by the same hashes, with a queue
 * before each node.
 *
 * @module
 */

import type { Member } from "./member.ts";
import type { Placed, Placement } from "./placement.ts";
import type { Request } from "./request.ts";
import type { Place } from "./waiting.ts";
import { RequestQueue } from "./waiting.ts";
import { keyHash, nodeHash } from "./keys.ts";
import type { RendezvousHandler, TextHash } from "../../src/dispatch/sticky/rendezvous.ts";
import { outranks, rendezvous } from "../../src/dispatch/sticky/rendezvous.ts";

/** A node that keys belong to, and what waits for it. */
class Home implements RendezvousHandler {
  readonly nameHash: TextHash;
  readonly capacity: number;
  readonly queue = new RequestQueue();
  readonly member: Member;
  isGone = false;

  constructor(member: Member) {
    this.member = member;
    this.capacity = member.capacity;
    this.nameHash = nodeHash(member.node.shape.index);
  }
}

/** Where a key belongs. */
interface KnownKey {
  readonly hash: TextHash;
  home: Home;
  /** How many nodes had come when that was found out. */
  seen: number;
}

/** Each request waits for the node that its key belongs to. No queue takes more than the node's part of all. */
export class StickyPlacement implements Placement {
  /** By the numbers of nodes: of each the one that came last. */
  readonly #homes = new Map<number, Home>();
  /** The same as a list; `null` if it has changed. */
  #list: readonly Home[] | null = null;
  /** All that have ever come, in their order. */
  readonly #came: Home[] = [];
  readonly #keys = new Map<number, KnownKey>();
  /** Those that wait for any node to come. */
  readonly #homeless = new RequestQueue();
  #capacity = 0;

  add(member: Member): void {
    const { index } = member.node.shape;
    const before = this.#homes.get(index);
    if (before !== undefined) this.#retire(before);
    const home = new Home(member);
    this.#homes.set(index, home);
    this.#list = null;
    this.#came.push(home);
    this.#capacity += home.capacity;
    // What waits may belong to this one now.
    const queues = [this.#homeless, ...before === undefined ? [] : [before.queue]];
    for (const { queue } of this.#homes.values()) if (queue.length > 0) queues.push(queue);
    const waiting = queues.flatMap((queue) => [...queue.drain()]);
    for (const [request, place] of waiting) this.push(request, place);
  }

  remove(member: Member): void {
    const { index } = member.node.shape;
    const home = this.#homes.get(index);
    // One of the same number has come before this one went.
    if (home?.member !== member) return;
    this.#homes.delete(index);
    this.#list = null;
    this.#retire(home);
    for (const [request, place] of [...home.queue.drain()]) this.push(request, place);
  }

  changed(): void {}

  choose({ key }: Request): Member | null {
    const home = this.#homeOf(key);
    return home !== null && home.queue.length === 0 && home.member.hasRoom ? home.member : null;
  }

  canWait({ key }: Request, max: number): boolean {
    const home = this.#homeOf(key);
    if (home === null) return this.#homeless.length < max;
    return home.queue.length < Math.ceil(max * home.capacity / this.#capacity);
  }

  push(request: Request, place: Place): void {
    (this.#homeOf(request.key)?.queue ?? this.#homeless).push(request, place);
  }

  next(changed: Member | null): Placed | null {
    if (changed !== null) {
      const home = this.#homes.get(changed.node.shape.index);
      return home === undefined ? null : placedIn(home);
    }
    for (const home of this.#homes.values()) {
      const placed = placedIn(home);
      if (placed !== null) return placed;
    }
    return null;
  }

  #retire(home: Home): void {
    home.isGone = true;
    this.#capacity -= home.capacity;
  }

  /** Looks at those only that came since the key was asked for. */
  #homeOf(key: number): Home | null {
    if (this.#homes.size === 0) return null;
    const seen = this.#came.length;
    const known = this.#keys.get(key);
    if (known === undefined || known.home.isGone) {
      const hash = known?.hash ?? keyHash(key);
      const home = rendezvous(hash, this.#list ??= [...this.#homes.values()])!;
      this.#keys.set(key, { hash, home, seen });
      return home;
    }
    for (; known.seen < seen; known.seen++) {
      const newer = this.#came[known.seen];
      if (!newer.isGone && outranks(known.hash, newer, known.home)) known.home = newer;
    }
    return known.home;
  }
}

function placedIn({ queue, member }: Home): Placed | null {
  const request = queue.length > 0 && member.hasRoom ? queue.first : undefined;
  return request === undefined ? null : { request, member };
}
