/**
 * How what comes from outside is written into a line, so that it can neither end the line, nor a value of it,
 * nor be obeyed by a terminal.
 *
 * @module
 */

export const BACKSLASH = 0x5c;
export const QUOTE = 0x22;
/** What stands after a password in a URL. */
export const AT = 0x40;
export const HEX_DIGITS = "0123456789abcdef";

/** The letters of the escapes that JSON has for bytes (RFC 8259, section 7); 0 for the others. */
export const ESCAPES: Uint8Array = new Uint8Array(256);
ESCAPES[QUOTE] = QUOTE;
ESCAPES[BACKSLASH] = BACKSLASH;
for (const [letter, byte] of Object.entries({ b: 8, t: 9, n: 10, f: 12, r: 13 })) {
  ESCAPES[byte] = letter.charCodeAt(0);
}

/** How bytes are escaped. */
export interface Escaping {
  /** 1 for each byte that stands as it is. */
  readonly plain: Uint8Array;
  /** The same, but for what may stand after a password in a URL. */
  readonly harmless: Uint8Array;
  /** What stands between the backslash and two hexadecimal digits. */
  readonly before: string;
  /** Whether there are escapes with a letter. */
  readonly letters: boolean;
  /** Bytes that one byte can become. */
  readonly maxBytes: number;
}

function visible(...others: number[]): Uint8Array {
  const plain = new Uint8Array(256);
  plain.fill(1, 0x20, 0x7f);
  plain[QUOTE] = plain[BACKSLASH] = 0;
  for (const byte of others) plain[byte] = 0;
  return plain;
}

function escapingOf(plain: Uint8Array, how: Omit<Escaping, "plain" | "harmless">): Escaping {
  const harmless = plain.slice();
  harmless[AT] = 0;
  return { ...how, plain, harmless };
}

/** As servers write quoted values: `\x0a` for what is no visible ASCII, and for quotes and backslashes. */
export const TEXT_ESCAPING: Escaping = escapingOf(visible(), {
  before: "x",
  letters: false,
  maxBytes: 4,
});
/** The same for values that a space would end. */
export const WORD_ESCAPING: Escaping = escapingOf(visible(0x20), TEXT_ESCAPING);

/** `escaping`, and the same for one more byte. */
export function alsoEscaping(escaping: Escaping, byte: number): Escaping {
  const plain = escaping.plain.slice();
  plain[byte] = 0;
  return escapingOf(plain, escaping);
}

/** As JSON has it, a code unit for each byte. */
export const JSON_ESCAPING: Escaping = escapingOf(visible(), {
  before: "u00",
  letters: true,
  maxBytes: 6,
});
