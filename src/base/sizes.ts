/**
 * Sizes in words.
 *
 * @module
 */

/** A number of bytes for a message: in MiB, if it is a whole number of them. */
export function inWords(bytes: number): string {
  const mebibytes = bytes / (1024 * 1024);
  return Number.isInteger(mebibytes) ? `${mebibytes} MiB` : `${bytes} bytes`;
}
