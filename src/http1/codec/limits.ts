/**
 * The limits of HTTP/1.1 connections, in one place with their defaults.
 *
 * @module
 */

import type { RequestLimits } from "../../message/request_limits.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../message/request_limits.ts";

/** Limits of the HTTP/1.1 codec and endpoint. */
export interface HttpLimits extends RequestLimits {
  /** Open connections of one endpoint. */
  readonly maxConnections: number;
  /** Bytes of a message that a WebSocket's client sends; of a compressed one, when inflated. */
  readonly maxMessageBytes: number;
}

/** The default limits. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = Object.freeze({
  ...DEFAULT_REQUEST_LIMITS,
  maxConnections: 16_384,
  maxMessageBytes: 16_777_216,
});

/** Requests that are read ahead of their turn on one connection. */
export const MAX_PIPELINED_REQUESTS = 64;

/** Bytes of a response's body that its handler may send before it is its turn, and before it may send more. */
export const AHEAD_WINDOW_BYTES = 4_096;

/** Bytes of all responses of a connection that are held until it is their turn, at first. */
export const MIN_HELD_BYTES = 16_384;

/** As many at the most, after responses that were small. */
export const MAX_HELD_BYTES = 65_536;

/** Bytes of responses on their way to a client beyond which no other request of the connection begins. */
export const MAX_UNSENT_BYTES = 131_072;

/** Bytes on their way up to which the next response has the whole window, or gets more of it. */
export const FEW_UNSENT_BYTES = 65_536;

/** Bytes by which a window grows that was small, each time that something was sent. */
export const WINDOW_PIECE_BYTES = 65_536;

/** Bytes of a response's body that its handler may send ahead of a client that has not shown that it takes more. */
export const FIRST_WINDOW_BYTES = 65_536;

/** As much ahead of one that has: with a head, and in chunks, it fits a buffer of 256 KiB. */
export const LARGEST_WINDOW_BYTES = 258_048;

/** Bytes of an unread body that are read and dropped to keep the connection usable. */
export const MAX_DISCARDED_BYTES = 262_144;

/** Bytes of one chunk-size line, extensions included. */
export const MAX_CHUNK_LINE_BYTES = 4_096;

/** Bytes of all chunk extensions of a body: they are ignored, so they must be few. */
export const MAX_CHUNK_EXTENSION_BYTES = 16_384;

/** Bytes of a request method. */
export const MAX_METHOD_BYTES = 32;
