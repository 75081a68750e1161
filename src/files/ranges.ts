/**
 * Ranges of bytes (RFC 9110 14), without I/O.
 *
 * @module
 */

import { withoutBlanks } from "../message/fields.ts";

/** Bytes of a representation: from `start` up to, and without, `end`. */
export interface ByteRange {
  /** Offset of the first byte. */
  readonly start: number;
  /** Offset after the last byte. */
  readonly end: number;
}

/** Ranges that one request gets at the most; one that asks for more gets the whole. */
export const MAX_RANGES = 32;
/** Characters of a `Range` that is looked at. */
const MAX_RANGE_LENGTH = 1_024;

const SPEC = /^(\d*)-(\d*)$/;

/**
 * The ranges that `value`, the field `Range`, asks for of `size` bytes, in its order: `"whole"` if it asks for
 * nothing that is understood, or for so much that an attack is likelier (RFC 9110 14.2), and
 * `"unsatisfiable"` if no byte of it exists.
 */
export function rangesIn(
  value: string,
  size: number,
): readonly ByteRange[] | "whole" | "unsatisfiable" {
  if (value.length > MAX_RANGE_LENGTH || !/^bytes=/i.test(value)) return "whole";
  const ranges: ByteRange[] = [];
  let specs = 0;
  let bytes = 0;
  for (const member of value.slice("bytes=".length).split(",")) {
    const spec = withoutBlanks(member);
    if (spec === "") continue;
    const [, first, last] = SPEC.exec(spec) ?? [];
    if (first === undefined || (first === "" && last === "")) return "whole";
    if (first !== "" && last !== "" && isLess(last, first)) return "whole";
    if (++specs > MAX_RANGES) return "whole";
    const range = rangeOf(first, last, size);
    if (range === null) continue;
    ranges.push(range);
    bytes += range.end - range.start;
  }
  if (specs === 0) return "whole";
  if (ranges.length === 0) return "unsatisfiable";
  // Ranges that overlap send the same bytes again: never more than there are.
  return ranges.length > 1 && bytes > size ? "whole" : ranges;
}

/** `Content-Range` of a part. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

function rangeOf(first: string, last: string, size: number): ByteRange | null {
  if (first === "") {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? null : { start: size - suffix, end: size };
  }
  const start = Number(first);
  if (start >= size) return null;
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}

/** Whether the number in digits `one` is less than `other`, exactly. */
function isLess(one: string, other: string): boolean {
  return BigInt(one) < BigInt(other);
}
