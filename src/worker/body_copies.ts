/**
 * Copies of the arrays that apps answer with, which are theirs to change. Apps that keep a large body in
 * memory answer with the same array again and again: as long as such a copy is still in use, and
 * nothing has changed, the next response has it, too. To compare takes less than to copy, and however
 * many clients are slow, they take no memory for the body.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { copyOf, lengthOf, uncurried } from "../base/captured.ts";

const { Uint8Array, WeakMap, WeakRef } = globalThis;
const { defineProperty, freeze } = Object;
const { compare } = Buffer;

/** Copies of more bytes than this are shared: those of fewer are soon sent. */
const MAX_OWN_BYTES = 65_536;

/** Without one of its own, what the platform copies a copy by would ask the prototype, and so an app. */
const NO_CONSTRUCTOR: PropertyDescriptor = freeze({
  __proto__: null,
  value: undefined,
});

/** A copy that may be in use: of which part of a buffer, and where it is. */
interface Copy {
  readonly at: number;
  readonly bytes: WeakRef<Uint8Array<ArrayBuffer>>;
}

/** The last copy that was made of each buffer. */
const copies = new WeakMap<ArrayBuffer, Copy>();
const get: (map: typeof copies, buffer: ArrayBuffer) => Copy | undefined = uncurried(
  WeakMap.prototype.get,
) as never;
const set: (map: typeof copies, buffer: ArrayBuffer, copy: Copy) => unknown = uncurried(
  WeakMap.prototype.set,
) as never;
const deref: (ref: Copy["bytes"]) => Uint8Array<ArrayBuffer> | undefined = uncurried(
  WeakRef.prototype.deref,
) as never;

/** A copy of `length` bytes of `buffer` from `at` on. Nobody may change it, for it can be another one's, too. */
export function sharedCopy(
  buffer: ArrayBuffer,
  at: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const source = new Uint8Array(buffer, at, length);
  if (length <= MAX_OWN_BYTES) return copyOf(source, 0, length);
  const known = get(copies, buffer);
  if (known !== undefined && known.at === at) {
    const bytes = deref(known.bytes);
    if (bytes !== undefined && lengthOf(bytes) === length && compare(bytes, source) === 0) {
      return bytes;
    }
  }
  const bytes = copyOf(source, 0, length);
  defineProperty(bytes, "constructor", NO_CONSTRUCTOR);
  set(copies, buffer, { at, bytes: new WeakRef(bytes) });
  return bytes;
}
