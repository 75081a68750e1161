/**
 * Values of signals and events as bytes: text as it is, all else by the platform's structured clone.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { deserialize, serialize } from "node:v8";
import {
  bufferOf,
  byteOffsetOf,
  copyOf,
  lengthOf,
  setBytes,
  uncurried,
  viewOf,
} from "../../base/captured.ts";
import { SignalLimitError } from "../../base/errors.ts";
import { utf8Length, writeUtf8 } from "../../base/text.ts";
import { SIGNAL_LIMITS } from "../../signals/limits.ts";

/** First bytes of a value: how the others are to be read. */
const UNDEFINED = 0;
const TEXT = 1;
const CLONE = 2;

const { DOMException, TextDecoder, TypeError, Uint8Array } = globalThis;
const { from } = Buffer;
const isWellFormed: (text: string) => boolean = uncurried(String.prototype.isWellFormed);
// A byte order mark is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/**
 * A value as bytes.
 *
 * @throws {DOMException} `DataCloneError` if it cannot be cloned
 * @throws {SignalLimitError} if it is too large
 */
export function valueBytes(value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array([UNDEFINED]);
  if (typeof value === "string" && isWellFormed(value)) {
    const length = utf8Length(value);
    checkSize(1 + length);
    const bytes = new Uint8Array(1 + length);
    bytes[0] = TEXT;
    writeUtf8(value, length, bytes, 1);
    return bytes;
  }
  let clone: Uint8Array;
  try {
    clone = serialize(value);
  } catch (error) {
    throw new DOMException(`the value cannot be cloned: ${messageIn(error)}`, "DataCloneError");
  }
  const length = lengthOf(clone);
  checkSize(1 + length);
  const bytes = new Uint8Array(1 + length);
  bytes[0] = CLONE;
  setBytes(bytes, clone, 1);
  return bytes;
}

/**
 * The value that `bytes` are.
 *
 * @throws {TypeError} if they are none
 */
export function valueOf(bytes: Uint8Array): unknown {
  const length = lengthOf(bytes);
  if (length === 1 && bytes[0] === UNDEFINED) return undefined;
  if (length > 0 && bytes[0] === TEXT) return decode(decoder, viewOf(bytes, 1, length));
  if (length > 1 && bytes[0] === CLONE) {
    // Alone in its memory, so that what is made of it shows nothing else.
    const copy = copyOf(bytes, 1, length);
    try {
      return deserialize(from(bufferOf(copy) as ArrayBuffer, byteOffsetOf(copy), length - 1));
    } catch (error) {
      throw new TypeError(`a value cannot be read: ${messageIn(error)}`);
    }
  }
  throw new TypeError("a value cannot be read: it is of an unknown kind");
}

/** Whether values like this one cannot be changed, so that many can have the same. */
export function isImmutable(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}

function checkSize(length: number): void {
  const { maxValueBytes } = SIGNAL_LIMITS;
  if (length <= maxValueBytes) return;
  throw new SignalLimitError(
    `the value takes ${length} bytes: signals and events have up to ${maxValueBytes}`,
    maxValueBytes,
  );
}

function messageIn(error: unknown): string {
  const message = typeof error === "object" && error !== null
    ? (error as { message?: unknown }).message
    : undefined;
  return typeof message === "string" ? message : "it throws";
}
