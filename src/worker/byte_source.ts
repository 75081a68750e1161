/**
 * Bytes as apps give them: in an `ArrayBuffer`, or a view of one.
 *
 * @module
 */

import { getterOf, isInstance } from "../base/captured.ts";
import { sharedCopy } from "./body_copies.ts";

const { ArrayBuffer, DataView, Uint8Array } = globalThis;
const { isView } = ArrayBuffer;
const typedArrays = Object.getPrototypeOf(Uint8Array.prototype);
const typeOf: (view: ArrayBufferView) => string | undefined = getterOf(
  typedArrays,
  Symbol.toStringTag,
);
const lengthOfBuffer: (buffer: ArrayBuffer) => number = getterOf(
  ArrayBuffer.prototype,
  "byteLength",
);
const ofTypedArray = viewGetters(typedArrays);
const ofDataView = viewGetters(DataView.prototype);

function viewGetters(prototype: object) {
  return {
    buffer: getterOf<ArrayBufferView, ArrayBufferLike>(prototype, "buffer"),
    byteOffset: getterOf<ArrayBufferView, number>(prototype, "byteOffset"),
    byteLength: getterOf<ArrayBufferView, number>(prototype, "byteLength"),
  };
}

/**
 * A copy of the bytes of `source` (Web IDL 3.2.26), whatever its methods and properties say. `null` if
 * it has none, or is something else: in shared memory, say. Nobody may change the copy
 * ({@linkcode sharedCopy}).
 */
export function copyOfBytes(source: object): Uint8Array<ArrayBuffer> | null {
  if (!isView(source)) {
    if (!isInstance(source, ArrayBuffer)) return null;
    let length: number;
    try {
      length = lengthOfBuffer(source);
    } catch {
      // It has the prototype alone.
      return null;
    }
    return length === 0 ? null : sharedCopy(source, 0, length);
  }
  const get = typeOf(source) === undefined ? ofDataView : ofTypedArray;
  const buffer = get.buffer(source);
  if (!isInstance(buffer, ArrayBuffer)) return null;
  // A DataView whose buffer was detached or has shrunk has no length, not even 0.
  const length = lengthOfBuffer(buffer) === 0 ? 0 : get.byteLength(source);
  if (length === 0) return null;
  return sharedCopy(buffer, get.byteOffset(source), length);
}
