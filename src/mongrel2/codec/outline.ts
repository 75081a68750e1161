/**
 * What a message of Mongrel2 is about, for those who pass it on: found without taking its headers apart,
 * which is most of the work of reading one. It does no I/O.
 *
 * @module
 */

import { latin1Of } from "../../message/latin1.ts";
import { findParts, headerValue, parseMessage } from "./message.ts";
import type { MessageParts, Mongrel2Message } from "./message.ts";

/** Headers that say what a message is. Their names differ in length. */
const TELLING = [
  "METHOD",
  "VERSION",
  "PATH",
  "FLAGS",
  "URL_SCHEME",
  "UPLOAD_STREAM",
  "x-mongrel2-upload-start",
  "x-mongrel2-upload-done",
] as const;

/** A header that says what a message is. */
export type TellingHeader = typeof TELLING[number];

/** A message, as far as its headers say what it is. */
export interface MessageOutline {
  /** Identity of the server and number of the connection, with a space between. */
  readonly client: string;
  /** Path of the request, or `@` and a name for other messages. */
  readonly path: string;
  /** Value of the header `METHOD`, if there is one. */
  readonly method: string | undefined;
  /** Whether its client has sent it over TLS. */
  readonly isSecure: boolean;
  /** The body, a view of the message. */
  readonly body: Uint8Array;
  /** Whether there is a header of that name. */
  has(name: TellingHeader): boolean;
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const END_BRACE = 0x7d;
const SPACE = 0x20;

const BITS: Readonly<Record<TellingHeader, number>> = Object.fromEntries(
  TELLING.map((name, at) => [name, 1 << at]),
) as Record<TellingHeader, number>;
/** The headers by the lengths of their names. */
const BY_LENGTH: readonly (TellingHeader | undefined)[] = Array.from(
  { length: 1 + Math.max(...TELLING.map((name) => name.length)) },
  (_, length) => TELLING.find((name) => name.length === length),
);
/** Scheme of a request over TLS. */
const SECURE = "https";
/** Methods that most requests have: their texts are there already. */
const METHODS: readonly string[] = ["GET", "POST", "HEAD", "PUT", "JSON"];

/**
 * Finds out what a message is about.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function outlineOf(bytes: Uint8Array): MessageOutline {
  const parts = findParts(bytes);
  if (parts.block.tag === COMMA) {
    const outline = new ScannedOutline(bytes, parts);
    if (outline.isComplete) return outline;
  }
  return new ReadOutline(parseMessage(bytes));
}

/** An outline of a message that was read. */
class ReadOutline implements MessageOutline {
  readonly #message: Mongrel2Message;

  constructor(message: Mongrel2Message) {
    this.#message = message;
  }

  get client(): string {
    return `${this.#message.senderId} ${this.#message.connId}`;
  }

  get path(): string {
    return this.#message.path;
  }

  get method(): string | undefined {
    return headerValue(this.#message, "METHOD");
  }

  get isSecure(): boolean {
    return headerValue(this.#message, "URL_SCHEME") === SECURE;
  }

  get body(): Uint8Array {
    return this.#message.body;
  }

  has(name: TellingHeader): boolean {
    return headerValue(this.#message, name) !== undefined;
  }
}

/** An outline of a message whose headers are JSON as Mongrel2 writes it: strings in an object, and no blanks. */
class ScannedOutline implements MessageOutline {
  readonly client: string;
  method: string | undefined;
  isSecure = false;
  /** Whether all headers were plain strings. With those that need more care, the message has to be read. */
  readonly isComplete: boolean;
  readonly #bytes: Uint8Array;
  readonly #parts: MessageParts;
  #found = 0;

  constructor(bytes: Uint8Array, parts: MessageParts) {
    this.#bytes = bytes;
    this.#parts = parts;
    this.client = latin1Of(bytes, 0, parts.connEnd);
    this.isComplete = this.#scan(parts.block.start, parts.block.end);
  }

  get path(): string {
    return latin1Of(this.#bytes, this.#parts.connEnd + 1, this.#parts.pathEnd);
  }

  get body(): Uint8Array {
    return this.#bytes.subarray(this.#parts.body.start, this.#parts.body.end);
  }

  has(name: TellingHeader): boolean {
    return (this.#found & BITS[name]) !== 0;
  }

  /** Goes through the object in `[start, end)`; `false` if there is anything in it that is not expected. */
  #scan(start: number, end: number): boolean {
    const bytes = this.#bytes;
    if (bytes[start] !== BRACE) return false;
    if (bytes[start + 1] === END_BRACE) return start + 2 === end;
    let at = start;
    do {
      if (bytes[at + 1] !== QUOTE) return false;
      const nameStart = at + 2;
      const nameEnd = stringEnd(bytes, nameStart, end);
      if (nameEnd < 0 || bytes[nameEnd + 1] !== COLON || bytes[nameEnd + 2] !== QUOTE) return false;
      const valueStart = nameEnd + 3;
      const valueEnd = stringEnd(bytes, valueStart, end);
      if (valueEnd < 0) return false;
      this.#take(nameStart, nameEnd, valueStart, valueEnd);
      at = valueEnd + 1;
    } while (bytes[at] === COMMA);
    return bytes[at] === END_BRACE && at + 1 === end;
  }

  #take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const name = BY_LENGTH[nameEnd - nameStart];
    if (name === undefined || !isText(this.#bytes, nameStart, name)) return;
    this.#found |= BITS[name];
    if (name === "METHOD") this.method = methodAt(this.#bytes, valueStart, valueEnd);
    if (name !== "URL_SCHEME") return;
    const isLong = valueEnd - valueStart === SECURE.length;
    this.isSecure = isLong && isText(this.#bytes, valueStart, SECURE);
  }
}

/** Where the string ends that begins at `at`; -1 if that is not before `end`, or something in it is escaped, or should be. */
function stringEnd(bytes: Uint8Array, at: number, end: number): number {
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH || byte < SPACE) return -1;
  }
  return -1;
}

function methodAt(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  for (const method of METHODS) {
    if (method.length === length && isText(bytes, start, method)) return method;
  }
  return latin1Of(bytes, start, end);
}

/** Whether the bytes at `at` are those of `text`. */
function isText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
