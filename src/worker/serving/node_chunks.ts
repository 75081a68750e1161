/**
 * What can be written to a response of Node's kind.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { nodeError } from "./node_members.ts";

/** Text, or bytes. */
export type Chunk = string | Uint8Array<ArrayBuffer>;

const { Uint8Array } = globalThis;
const encoder = new TextEncoder();

/** A body as responses take it, which leave text in UTF-8 to the gateway. */
export function bodyOf(chunk: Chunk, encoding: string | null | undefined): Chunk {
  const isUtf8 = !encoding || /^utf-?8$/i.test(encoding);
  return typeof chunk === "string" && isUtf8 ? chunk : bytesOf(chunk, encoding);
}

/** The bytes of a chunk. */
export function bytesOf(
  chunk: Chunk,
  encoding: string | null | undefined,
): Uint8Array<ArrayBuffer> {
  if (typeof chunk === "string") {
    return !encoding || /^utf-?8$/i.test(encoding)
      ? encoder.encode(chunk)
      : Buffer.from(chunk, encoding as BufferEncoding);
  }
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk === null) {
    throw nodeError("ERR_STREAM_NULL_VALUES", "May not write null values to stream", "type");
  }
  throw nodeError(
    "ERR_INVALID_ARG_TYPE",
    'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array',
    "type",
  );
}
