/**
 * Classes of bytes in HTTP messages, as bits of a 256-entry table.
 *
 * @module
 */

/** `tchar` of RFC 9110 5.6.2: methods and field names. */
export const TOKEN = 1;
/**
 * What the path of a request target may hold, and an absolute target up to there: what RFC 3986 3.3
 * lets it, and `[`, `]`, `|` and single percent signs, which browsers send as they are. No backslash:
 * it is a slash to the URL standard, and none to web servers.
 */
export const PATH = 2;
/** What a field value or chunk extension may hold: HTAB, SP, visible ASCII and obs-text. */
export const FIELD = 4;
/** ASCII digits and upper or lower case `a` to `f`. */
export const HEX = 8;
/** ASCII digits. */
export const DIGIT = 16;
/** What the query of a request target may hold: that, and the question mark and others that browsers send. */
export const QUERY = 32;

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COMMA = 0x2c;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const QUESTION = 0x3f;

/** The classes of each byte. */
export const CLASS: Uint8Array = new Uint8Array(256);

for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (/[A-Za-z0-9!#$%&'*+\-.^_`|~]/.test(char)) CLASS[byte] |= TOKEN;
  if (/[A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]|]/.test(char)) CLASS[byte] |= PATH | QUERY;
  if (/[?\\^`{}]/.test(char)) CLASS[byte] |= QUERY;
  if (byte === HTAB || (byte >= 0x20 && byte !== 0x7f)) CLASS[byte] |= FIELD;
  if (/[0-9A-Fa-f]/.test(char)) CLASS[byte] |= HEX;
  if (/[0-9]/.test(char)) CLASS[byte] |= DIGIT;
}

/** Whether `bytes[start, end)` spells `lowerCase`, ASCII letters in any case. */
export function spells(
  bytes: Uint8Array,
  start: number,
  end: number,
  lowerCase: string,
): boolean {
  if (end - start !== lowerCase.length) return false;
  for (let i = 0; i < lowerCase.length; i++) {
    let byte = bytes[start + i];
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether `byte` is a space or a tab. */
export function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB;
}
