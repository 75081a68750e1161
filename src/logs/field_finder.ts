/**
 * Finds a few fields of requests, in one pass over their bytes.
 *
 * @module
 */

import { COLON, CR, HTAB, LF, SP, spells } from "../message/chars.ts";
import type { RequestHead } from "../message/exchange.ts";

/** No such field. */
const NONE = -1;

/** Finds the fields of some names; of several of one name, the first. */
export class FieldFinder {
  /** Where the value of each field begins, or -1. */
  readonly starts: Int32Array;
  /** Where it ends. */
  readonly ends: Int32Array;
  readonly #names: readonly string[];

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
      while (at < fieldsEnd && block[at] !== LF) at++;
      for (let i = 0; i < count; i++) {
        if (this.starts[i] !== NONE || !spells(block, nameStart, nameEnd, names[i])) continue;
        this.#keep(i, block, nameEnd + 1, at);
        missing--;
      }
      at++;
    }
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
