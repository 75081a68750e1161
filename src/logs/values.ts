/**
 * Appends values of requests to lines, so that nothing in them ends a value or a line.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import { withoutPasswords } from "../base/passwords.ts";
import { latin1Text } from "../message/fields.ts";
import type { Escaping } from "./escaping.ts";
import { AT } from "./escaping.ts";
import { LineBuffer } from "./line_buffer.ts";

/** Bytes of a value at the most: the rest of it is left out. */
export const MAX_VALUE_BYTES = 8_192;

const encoder = new TextEncoder();

/** Appends `text`, or a dash in its place if there is none. */
export function word(line: LineBuffer, text: string, escaping: Escaping): void {
  asciiEscaped(line, text === "" ? "-" : text, escaping);
}

/** Appends `bytes[start, end)` as {@linkcode put} does, or a dash in its place if there are none. */
export function bytesOrDash(
  line: LineBuffer,
  bytes: Uint8Array,
  start: number,
  end: number,
  escaping: Escaping,
): void {
  if (start === end) word(line, "", escaping);
  else put(line, bytes, start, end, escaping);
}

/** Appends `bytes[start, end)`, but for passwords in URLs, and what is too long. */
export function put(
  line: LineBuffer,
  bytes: Uint8Array,
  start: number,
  end: number,
  escaping: Escaping,
): void {
  if (end - start <= MAX_VALUE_BYTES && line.plain(bytes, start, end, escaping)) return;
  if (bytes.subarray(start, end).includes(AT)) {
    // What is left out must not be what makes a password be seen as one.
    const shown = withoutPasswords(latin1Text(bytes, start, end));
    const rest = latin1Bytes(shown.slice(0, MAX_VALUE_BYTES));
    line.escaped(rest, 0, rest.length, escaping);
    if (shown.length > MAX_VALUE_BYTES) asciiEscaped(line, "...", escaping);
    return;
  }
  const to = Math.min(end, start + MAX_VALUE_BYTES);
  line.escaped(bytes, start, to, escaping);
  if (to < end) asciiEscaped(line, "...", escaping);
}

/** Appends `text`: what is no ASCII in it in UTF-8, and escaped. */
export function asciiEscaped(line: LineBuffer, text: string, escaping: Escaping): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || escaping.plain[code] === 0) {
      const bytes = encoder.encode(text);
      line.escaped(bytes, 0, bytes.length, escaping);
      return;
    }
  }
  line.ascii(text);
}

/** What {@linkcode asciiEscaped} appends. */
export function escapedText(text: string, escaping: Escaping): string {
  const line = new LineBuffer();
  asciiEscaped(line, text, escaping);
  return latin1Text(line.bytes, 0, line.length);
}
