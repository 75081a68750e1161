/**
 * Bounds of what handlers say of themselves.
 *
 * @module
 */

/** Bytes of a handler's name at the most. */
export const MAX_NAME_BYTES = 255;
/** Requests that a handler can say it takes at a time. */
export const MAX_CAPACITY = 1_000_000;
