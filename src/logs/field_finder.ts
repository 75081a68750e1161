/**
 * Finds a few fields of requests, in one pass over their bytes.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { COLON, CR, HTAB, LF, SP, spells } from "../message/chars.ts";
import type { RequestHead } from "../message/exchange.ts";

/** No such field. */
const NONE = -1;
/** Four times the byte that ends a line, and what finds a byte among four that is zero. */
const FOUR_ENDS = LF * 0x0101_0101;
const ONES = 0x0101_0101;
const HIGH_BITS = 0x8080_8080;

/** Finds the fields of some names; of several of one name, the first. */
export class FieldFinder {
  /** Where the value of each field begins, or -1. */
  readonly starts: Int32Array;
  /** Where it ends. */
  readonly ends: Int32Array;
  readonly #names: readonly string[];
  /** The bytes that were looked at last, in which many heads are, and a view of them. */
  #block: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);

  /** Finds fields with these names, in lower case. */
  constructor(names: readonly string[]) {
    this.#names = names;
    this.starts = new Int32Array(names.length);
    this.ends = new Int32Array(names.length);
  }

  /** The place of a name in {@linkcode starts}. */
  placeOf(name: string): number {
    return this.#names.indexOf(name);
  }

  /** Looks for the fields in a head. */
  find({ block, fieldsStart, fieldsEnd }: RequestHead): void {
    const names = this.#names;
    const count = names.length;
    if (count === 0) return;
    for (let i = 0; i < count; i++) this.starts[i] = NONE;
    let missing = count;
    for (let at = fieldsStart; at < fieldsEnd && missing > 0;) {
      const nameStart = at;
      while (at < fieldsEnd && block[at] !== COLON && block[at] !== LF) at++;
      const nameEnd = at;
      at = this.#lineEnd(block, at, fieldsEnd);
      for (let i = 0; i < count; i++) {
        if (this.starts[i] !== NONE || !spells(block, nameStart, nameEnd, names[i])) continue;
        this.#keep(i, block, nameEnd + 1, at);
        missing--;
      }
      at++;
    }
  }

  /** Where the line ends that goes on at `at`, or all of them do: most of a head need not be looked at byte by byte. */
  #lineEnd(block: Uint8Array, at: number, end: number): number {
    if (block !== this.#block) {
      this.#block = block;
      this.#view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    }
    const view = this.#view;
    for (; at + 4 <= end; at += 4) {
      const bytes = view.getInt32(at, true) ^ FOUR_ENDS;
      if (((bytes - ONES) & ~bytes & HIGH_BITS) !== 0) break;
    }
    while (at < end && block[at] !== LF) at++;
    return at;
  }

  #keep(place: number, block: Uint8Array, start: number, end: number): void {
    while (start < end && isBlank(block[start])) start++;
    while (end > start && (isBlank(block[end - 1]) || block[end - 1] === CR)) end--;
    this.starts[place] = start;
    this.ends[place] = end;
  }
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB;
}
