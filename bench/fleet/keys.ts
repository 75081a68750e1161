/**
 * Which clients, carts or users requests belong to, and where rendezvous hashing puts them.
 *
 * @module
 */

import type { KeySpec } from "./scenario.ts";
import type { RandomStream } from "./random.ts";
import { mix } from "./random.ts";

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

/** What the scores of a key are made of. */
export function keyHash(key: number): number {
  return mix(key, 0x3c6ef372);
}

/** How much a node wants the key of this hash: the node with the highest score gets it. */
export function scoreOf(hash: number, node: number): number {
  return mix(hash, node + 1) >>> 0;
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

/** Which keys of `spec` the node gets that joins `nodes` others, and which get another one if the last of these leaves. */
export function movedShares(spec: KeySpec, nodes: number): MovedShares {
  const shares = keyShares(spec);
  const moved = { join: { ofKeys: 0, ofRequests: 0 }, leave: { ofKeys: 0, ofRequests: 0 } };
  for (let key = 0; key < spec.count; key++) {
    const hash = keyHash(key);
    let most = -1;
    for (let node = 0; node < nodes - 1; node++) most = Math.max(most, scoreOf(hash, node));
    const [last, next] = [scoreOf(hash, nodes - 1), scoreOf(hash, nodes)];
    const what = [
      ...last > most ? [moved.leave] : [],
      ...next > Math.max(most, last) ? [moved.join] : [],
    ];
    for (const each of what) {
      each.ofKeys += 1 / spec.count;
      each.ofRequests += shares[key];
    }
  }
  return moved;
}
