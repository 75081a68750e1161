/**
 * The limits of WebSocket connections, in one place with their defaults.
 *
 * @module
 */

/** Limits of what a peer may send. */
export interface WebSocketLimits {
  /** Bytes of a message, without its framing; of a compressed one, when inflated. */
  readonly maxMessageBytes: number;
  /** Frames of a message: empty ones cost their receiver time, and add nothing to its length. */
  readonly maxFragments: number;
}

/** The default limits. */
export const DEFAULT_WEBSOCKET_LIMITS: WebSocketLimits = Object.freeze({
  maxMessageBytes: 16_777_216,
  maxFragments: 131_072,
});

/**
 * Bytes that a compressed message may take on its way, if it may have `maxMessageBytes` when inflated: what
 * cannot be compressed gets a little larger, each time that its sender flushes.
 */
export function maxCompressedBytes(maxMessageBytes: number): number {
  return maxMessageBytes + Math.floor(maxMessageBytes / 64) + 1_024;
}
