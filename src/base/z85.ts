/**
 * Z85, the text in which ZeroMQ writes keys (ZeroMQ RFC 32): five characters for each four bytes.
 *
 * @module
 */

const ALPHABET =
  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const VALUES = new Map(Array.from(ALPHABET, (char, value) => [char, value]));
const BASE = 85;
const GROUP_CHARS = 5;
const GROUP_BYTES = 4;

/** The text of `bytes`, the number of which is a multiple of 4. */
export function formatZ85(bytes: Uint8Array): string {
  if (bytes.length % GROUP_BYTES !== 0) throw new RangeError("Z85 takes four bytes at a time");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let at = 0; at < bytes.length; at += GROUP_BYTES) {
    let group = "";
    for (let rest = view.getUint32(at), i = 0; i < GROUP_CHARS; i++) {
      group = ALPHABET[rest % BASE] + group;
      rest = Math.floor(rest / BASE);
    }
    text += group;
  }
  return text;
}

/** The bytes of `text`; `null` if it is not Z85. */
export function parseZ85(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % GROUP_CHARS !== 0) return null;
  const view = new DataView(new ArrayBuffer(text.length / GROUP_CHARS * GROUP_BYTES));
  for (let at = 0; at < text.length; at += GROUP_CHARS) {
    let group = 0;
    for (const char of text.slice(at, at + GROUP_CHARS)) {
      const value = VALUES.get(char);
      if (value === undefined) return null;
      group = group * BASE + value;
    }
    if (group > 0xffff_ffff) return null;
    view.setUint32(at / GROUP_CHARS * GROUP_BYTES, group);
  }
  return new Uint8Array(view.buffer);
}

/** Bytes of a key of CURVE. */
const CURVE_KEY_BYTES = 32;
/** Characters of its text. */
export const CURVE_KEY_CHARS = 40;

/** Whether `text` is a key of CURVE (ZeroMQ RFC 26), public or secret. */
export function isCurveKey(text: string): boolean {
  return text.length === CURVE_KEY_CHARS && parseZ85(text)?.length === CURVE_KEY_BYTES;
}
