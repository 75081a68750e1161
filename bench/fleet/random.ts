/**
 * Random numbers that a seed repeats: xoshiro128**, of Blackman and Vigna. Each purpose has a stream of
 * its own, so that another policy meets the same requests.
 *
 * @module
 */

const TWO_TO_32 = 4_294_967_296;

/** A stream of random numbers. */
export class RandomStream {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** The stream that `purpose` has under `seed`; both are any whole numbers. */
  constructor(seed: number, purpose: number) {
    this.#a = mix(seed | 0, 0x243f6a88);
    this.#b = mix(purpose | 0, 0x85a308d3);
    this.#c = mix(this.#a, this.#b);
    // A state of zeros alone would stay so.
    this.#d = mix(this.#b, this.#c) | 1;
    for (let i = 0; i < 16; i++) this.#next();
  }

  /** A number from 0 to 1, without 1. */
  unit(): number {
    return this.#next() / TWO_TO_32;
  }

  /** A whole number from 0 to `below`, without `below`. */
  below(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** A number that is exponentially distributed about this mean. */
  exponential(mean: number): number {
    return -mean * Math.log((this.#next() + 1) / TWO_TO_32);
  }

  /** A number that is normally distributed about 0 with variance 1 (Box and Muller). */
  normal(): number {
    return Math.sqrt(2 * this.exponential(1)) * Math.cos(2 * Math.PI * this.unit());
  }

  #next(): number {
    const result = Math.imul(rotated(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotated(this.#d, 11);
    return result;
  }
}

/** 32 bits that depend on all bits of both numbers. */
export function mix(a: number, b: number): number {
  let mixed = Math.imul(a ^ rotated(b, 16), 0x9e3779b1) + b | 0;
  mixed = Math.imul(mixed ^ mixed >>> 16, 0x21f0aaad);
  mixed = Math.imul(mixed ^ mixed >>> 15, 0x735a2d97);
  return mixed ^ mixed >>> 15;
}

function rotated(bits: number, by: number): number {
  return bits << by | bits >>> 32 - by;
}
