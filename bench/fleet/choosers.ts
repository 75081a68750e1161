/**
 * How a dispatcher chooses among nodes that are alike to a request. A choice takes no more steps than the logarithm
 * of their number, but a 32nd of that number with `round-robin`.
 *
 * @module
 */

import type { Member } from "./member.ts";
import type { RandomStream } from "./random.ts";
import type { PolicyName } from "./scenario.ts";

/** Chooses among the nodes that a dispatcher knows. */
export interface Chooser {
  /** A node gets requests from now on. */
  add(member: Member): void;
  /** It gets none anymore. */
  remove(member: Member): void;
  /** It was given a request, or has answered one. */
  changed(member: Member): void;
  /** A node with room; `null` if the request has to wait. */
  choose(): Member | null;
}

/** The chooser of this name. */
export function chooserOf(name: Exclude<PolicyName, "sticky">, random: RandomStream): Chooser {
  switch (name) {
    case "round-robin":
      return new RoundRobin();
    case "random":
      return new RandomChoice(random, 1);
    case "two-choices":
      return new RandomChoice(random, 2);
    case "least-busy":
      return new LeastBusy();
  }
}

/** One after the other, in the order in which they came; those without room are passed over. */
class RoundRobin implements Chooser {
  readonly #members: (Member | undefined)[] = [];
  readonly #freePlaces: number[] = [];
  /** A bit for each place whose node has room. */
  #open = new Int32Array(32);
  #next = 0;

  add(member: Member): void {
    member.place = this.#freePlaces.pop() ?? this.#members.length;
    this.#members[member.place] = member;
    if (member.place >> 5 >= this.#open.length) {
      const open = new Int32Array(2 * this.#open.length);
      open.set(this.#open);
      this.#open = open;
    }
    this.changed(member);
  }

  remove({ place }: Member): void {
    this.#members[place] = undefined;
    this.#freePlaces.push(place);
    this.#open[place >> 5] &= ~(1 << (place & 31));
  }

  changed({ place, hasRoom }: Member): void {
    if (hasRoom) this.#open[place >> 5] |= 1 << (place & 31);
    else this.#open[place >> 5] &= ~(1 << (place & 31));
  }

  choose(): Member | null {
    const place = this.#openFrom(this.#next) ?? this.#openFrom(0);
    if (place === null) return null;
    this.#next = place + 1;
    return this.#members[place]!;
  }

  /** The first place with room from `place` on: 32 are looked at together. */
  #openFrom(place: number): number | null {
    const open = this.#open;
    let word = place >> 5;
    if (word >= open.length) return null;
    let bits = open[word] & (-1 << (place & 31));
    while (bits === 0) {
      if (++word >= open.length) return null;
      bits = open[word];
    }
    return word * 32 + 31 - Math.clz32(bits & -bits);
  }
}

/** The less busy of one or two that are chosen at random. */
class RandomChoice implements Chooser {
  readonly #random: RandomStream;
  readonly #choices: 1 | 2;
  /** Those that have room. */
  readonly #open: Member[] = [];

  constructor(random: RandomStream, choices: 1 | 2) {
    this.#random = random;
    this.#choices = choices;
  }

  add(member: Member): void {
    this.changed(member);
  }

  remove(member: Member): void {
    if (member.place < 0) return;
    const last = this.#open.pop()!;
    if (last !== member) {
      this.#open[member.place] = last;
      last.place = member.place;
    }
    member.place = -1;
  }

  changed(member: Member): void {
    if (!member.hasRoom) this.remove(member);
    else if (member.place < 0) member.place = this.#open.push(member) - 1;
  }

  choose(): Member | null {
    const { length } = this.#open;
    if (length === 0) return null;
    const first = this.#random.below(length);
    const one = this.#open[first];
    if (this.#choices === 1 || length === 1) return one;
    // Another one than the first.
    const second = this.#random.below(length - 1);
    const other = this.#open[second < first ? second : second + 1];
    return other.load < one.load ? other : one;
  }
}

/** The one with the least in flight for its capacity, of several the one that was longest without a new request. */
class LeastBusy implements Chooser {
  /** A heap: the next one first. */
  readonly #heap: Member[] = [];

  add(member: Member): void {
    member.place = this.#heap.push(member) - 1;
    this.changed(member);
  }

  remove(member: Member): void {
    const last = this.#heap.pop()!;
    if (last !== member) {
      this.#put(last, member.place);
      this.changed(last);
    }
    member.place = -1;
  }

  changed(member: Member): void {
    const heap = this.#heap;
    let place = member.place;
    for (; place > 0; place = (place - 1) >> 1) {
      const parent = heap[(place - 1) >> 1];
      if (!isBefore(member, parent)) break;
      this.#put(parent, place);
    }
    for (;;) {
      const left = 2 * place + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right], heap[left]) ? right : left;
      if (!isBefore(heap[child], member)) break;
      this.#put(heap[child], place);
      place = child;
    }
    this.#put(member, place);
  }

  choose(): Member | null {
    const first = this.#heap[0];
    return first?.hasRoom ? first : null;
  }

  #put(member: Member, place: number): void {
    this.#heap[place] = member;
    member.place = place;
  }
}

function isBefore(a: Member, b: Member): boolean {
  const difference = a.load - b.load;
  return difference < 0 || (difference === 0 && a.lastGiven < b.lastGiven);
}
