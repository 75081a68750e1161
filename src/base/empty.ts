/**
 * No bytes, once for all.
 *
 * @module
 */

/** An array of no bytes. */
export const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);
