/**
 * The limits that connections of all protocols have in common.
 *
 * @module
 */

/** Size of the read buffer of a connection that waits, of one with little to say, and of one with much, in bytes. */
export const TINY_READ_BYTES = 512;
export const SMALL_READ_BYTES = 4_096;
export const LARGE_READ_BYTES = 65_536;

/** A connection without a request is not closed at the gateway's end before this time, in milliseconds. */
export const NEW_CONNECTION_MS = 1_000;

/**
 * Time that a client has for its request before its connection can be closed to make room for others, in
 * milliseconds.
 */
export const REQUEST_CHANCE_MS = 250;

/** At the gateway's end, a connection that carried a request within this time may carry one more. */
export const QUIET_CONNECTION_MS = 250;

/** Time for which a connection is still read after the gateway closed its sending side, in milliseconds. */
export const LINGER_TIMEOUT_MS = 2_000;

/** Time without a response byte after which a peer that half closed is taken for gone, in milliseconds. */
export const HALF_CLOSED_TIMEOUT_MS = 10_000;
