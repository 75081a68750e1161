/**
 * The mask that clients put over what they send (RFC 6455 5.3).
 *
 * @module
 */

/** From this length on words are masked at once: for less, the view of them costs more than it saves. */
const MIN_WORDS_BYTES = 96;

/**
 * Puts the mask over `bytes[start, end)`, or takes it off. `key` is a word of four bytes, whose lowest is for
 * `bytes[start]`. Returns the key for the byte at `end`.
 */
export function applyMask(bytes: Uint8Array, start: number, end: number, key: number): number {
  let at = start;
  if (end - start >= MIN_WORDS_BYTES) {
    const lead = -(bytes.byteOffset + start) & 3;
    for (const leadEnd = start + lead; at < leadEnd; at++) {
      bytes[at] ^= key;
      key = rotated(key);
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >>> 2);
    const { length } = words;
    let i = 0;
    for (const last = length - 4; i <= last; i += 4) {
      words[i] ^= key;
      words[i + 1] ^= key;
      words[i + 2] ^= key;
      words[i + 3] ^= key;
    }
    for (; i < length; i++) words[i] ^= key;
    at += length * 4;
  }
  for (const last = end - 4; at <= last; at += 4) {
    bytes[at] ^= key;
    bytes[at + 1] ^= key >>> 8;
    bytes[at + 2] ^= key >>> 16;
    bytes[at + 3] ^= key >>> 24;
  }
  for (; at < end; at++) {
    bytes[at] ^= key;
    key = rotated(key);
  }
  return key;
}

/** The key for the byte after the one that `key` is for. */
export function rotated(key: number): number {
  return (key >>> 8) | (key << 24);
}
