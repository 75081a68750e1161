/**
 * Classes of bytes in HTTP messages, as bits of a 256-entry table.
 *
 * @module
 */

/** `tchar` of RFC 9110 5.6.2: methods and field names. */
export const TOKEN = 1;
/** What a request target may hold: visible ASCII but `#`. */
export const TARGET = 2;
/** What a field value or chunk extension may hold: HTAB, SP, visible ASCII and obs-text. */
export const FIELD = 4;
/** ASCII digits and upper or lower case `a` to `f`. */
export const HEX = 8;
/** ASCII digits. */
export const DIGIT = 16;

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

/** The classes of each byte. */
export const CLASS: Uint8Array = new Uint8Array(256);

for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (/[A-Za-z0-9!#$%&'*+\-.^_`|~]/.test(char)) CLASS[byte] |= TOKEN;
  if (byte > 0x20 && byte < 0x7f && char !== "#") CLASS[byte] |= TARGET;
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
