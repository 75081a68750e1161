/**
 * Which clients, carts or users requests belong to, and where rendezvous hashing puts them.
 *
 * @module
 */

import type { KeySpec } from "./scenario.ts";
import type { RandomStream } from "./random.ts";
import type { RendezvousHandler, TextHash } from "../../src/dispatch/sticky/rendezvous.ts";
import { hashOf, outranks, rendezvous } from "../../src/dispatch/sticky/rendezvous.ts";

/** Draws keys, numbers from 0, each by its share of the requests, in constant time (Walker's aliases). */
export class KeySource {
  readonly #random: RandomStream;
  readonly #count: number;
  /** How likely a place stands for its own key; `null` if all keys are alike. */
  readonly #own: Float64Array | null = null;
  readonly #aliases: Uint32Array | null = null;

  /** Draws keys as `spec` says. */
  constructor(spec: KeySpec, random: RandomStream) {
    this.#random = random;
    this.#count = spec.count;
    if (spec.kind === "uniform") return;
    const shares = keyShares(spec);
    const { own, aliases } = aliasesOf(shares);
    this.#own = own;
    this.#aliases = aliases;
  }

  /** The next request's key. */
  next(): number {
    const place = this.#random.below(this.#count);
    if (this.#own === null) return place;
    return this.#random.unit() < this.#own[place] ? place : this.#aliases![place];
  }
}

/** The share of the requests that each key has. */
export function keyShares(spec: KeySpec): Float64Array {
  const weights = new Float64Array(spec.count);
  for (let key = 0; key < spec.count; key++) {
    weights[key] = spec.kind === "uniform" ? 1 : (key + 1) ** -spec.exponent;
  }
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

function aliasesOf(shares: Float64Array): { own: Float64Array; aliases: Uint32Array } {
  const own = shares.map((share) => share * shares.length);
  const aliases = new Uint32Array(shares.length);
  const small: number[] = [];
  const large: number[] = [];
  own.forEach((part, key) => (part < 1 ? small : large).push(key));
  while (small.length > 0 && large.length > 0) {
    const less = small.pop()!;
    const more = large[large.length - 1];
    aliases[less] = more;
    own[more] -= 1 - own[less];
    if (own[more] < 1) small.push(large.pop()!);
  }
  // What is left is 1, but for rounding.
  for (const key of [...small, ...large]) own[key] = 1;
  return { own, aliases };
}

/** What a key's rendezvous is made of. */
export function keyHash(key: number): TextHash {
  return hashOf(String(key));
}

/** The same of a node, whose name is `node-` and its number. */
export function nodeHash(node: number): TextHash {
  return hashOf(`node-${node}`);
}

/** Which share of the keys gets another node, and which share of the requests these keys have. */
export interface MovedShare {
  readonly ofKeys: number;
  readonly ofRequests: number;
}

/** What moves if one node joins others, and if one of these leaves. */
export interface MovedShares {
  readonly join: MovedShare;
  readonly leave: MovedShare;
}

/**
 * Which keys of `spec` the node gets that joins `nodes` others that are like it, and which get another one if the
 * last of these leaves.
 */
export function movedShares(spec: KeySpec, nodes: number): MovedShares {
  const shares = keyShares(spec);
  const all = Array.from({ length: nodes + 1 }, (_, node): RendezvousHandler => ({
    nameHash: nodeHash(node),
    capacity: 1,
  }));
  const [last, next] = all.slice(nodes - 1);
  const others = all.slice(0, nodes - 1);
  const moved = { join: { ofKeys: 0, ofRequests: 0 }, leave: { ofKeys: 0, ofRequests: 0 } };
  for (let key = 0; key < spec.count; key++) {
    const hash = keyHash(key);
    const best = rendezvous(hash, others);
    const isLast = best === null || outranks(hash, last, best);
    const what = [
      ...isLast ? [moved.leave] : [],
      ...outranks(hash, next, isLast ? last : best) ? [moved.join] : [],
    ];
    for (const each of what) {
      each.ofKeys += 1 / spec.count;
      each.ofRequests += shares[key];
    }
  }
  return moved;
}
