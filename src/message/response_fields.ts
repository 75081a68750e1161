/**
 * What the writers of all protocols do to the head of a response: its field lines are checked, those
 * that are the endpoint's to say are left out, and it is decided whether content follows.
 *
 * @module
 */

// @ts-types="../types/std_status.d.ts"
import { STATUS_TEXT } from "@std/http/status";
import type { OutputBuffer } from "../base/buffers.ts";
import { CLASS, COLON, CR, DIGIT, FIELD, isBlank, LF, spells, TOKEN } from "./chars.ts";
import { InvalidResponseError } from "../base/errors.ts";
import type { ResponseHead } from "./exchange.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "./exchange.ts";
import { latin1Text, listHas } from "./fields.ts";
import { utf8Length } from "../base/text.ts";

/** Field lines of more bytes than this are not kept. */
const MAX_KNOWN_BYTES = 1_024;
/** How many lengths of field lines are told apart, a power of two. */
const KNOWN_COUNT = 8;
/** Characters beyond one byte: their low halves alone could mean anything. */
const BEYOND_BYTES = /[\u0100-\uffff]/;

/** What a reason phrase can be (RFC 9112 4). */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * A response's status as it is written: `200 OK`.
 *
 * @throws {InvalidResponseError} if no final response can have it, or its reason phrase
 */
export function statusOf(status: number, reason?: string): string {
  if (!(status >= 200 && status <= 599 && Number.isInteger(status))) {
    throw new InvalidResponseError(`a response cannot have the status ${status}`);
  }
  if (reason !== undefined && !REASON.test(reason)) {
    throw new InvalidResponseError("the response has a malformed reason phrase");
  }
  return `${status} ${reason ?? STATUS_TEXT[status] ?? ""}`;
}

/**
 * The length of the body of `head`, of which `body` is the first or only part: in bytes, or
 * {@linkcode UNKNOWN_LENGTH}.
 *
 * @throws {InvalidResponseError} if it is not a length
 */
export function bodyLengthOf(head: ResponseHead, body: Uint8Array | string | null): number {
  const { bodyLength } = head;
  if (bodyLength === WHOLE_BODY) {
    if (typeof body === "string") return utf8Length(body);
    return body === null ? 0 : body.length;
  }
  if (bodyLength !== UNKNOWN_LENGTH && !(bodyLength >= 0 && Number.isSafeInteger(bodyLength))) {
    throw new InvalidResponseError(`a response cannot have a body of ${bodyLength} bytes`);
  }
  return bodyLength;
}

/** The error of a response whose body goes on after its Content-Length. */
export function bodyTooLong(): InvalidResponseError {
  return new InvalidResponseError("the response's body is longer than its Content-Length");
}

/** The error of a response whose body ends `missingBytes` before its Content-Length. */
export function bodyTooShort(missingBytes: number): InvalidResponseError {
  return new InvalidResponseError(
    `the response's body is ${missingBytes} bytes shorter than its Content-Length`,
  );
}

/** What came of a text with field lines that was appended more than once: most responses of an app have the same. */
interface KnownFields {
  /** The last text that was appended. */
  seen: string | null;
  /** The text that this is about; `null` for none. */
  lines: string | null;
  /** What is copied of it. */
  bytes: Uint8Array;
  hasDate: boolean;
  hasServer: boolean;
  declaredLength: number;
  saysClose: boolean;
}

const NOTHING_KNOWN: KnownFields = {
  seen: null,
  lines: null,
  bytes: new Uint8Array(0),
  hasDate: false,
  hasServer: false,
  declaredLength: UNKNOWN_LENGTH,
  saysClose: false,
};

/** Copies field lines to an output, and takes note of what concerns the framing. */
export class ResponseFields {
  /** Whether there was a `Date` line. */
  hasDate = false;
  /** Whether there was a `Server` line. */
  hasServer = false;
  /** What a `Content-Length` line said, or {@linkcode UNKNOWN_LENGTH}. It is not copied. */
  declaredLength: number = UNKNOWN_LENGTH;
  /** Whether a `Connection` line said `close`. It is not copied. */
  saysClose = false;
  /** After {@linkcode frame}: whether content follows the head. */
  hasContent = false;
  /** After {@linkcode frame}: what `Content-Length` says, or {@linkcode UNKNOWN_LENGTH}. */
  contentLength: number = UNKNOWN_LENGTH;

  readonly #reserved: readonly string[];
  /** By the lengths of texts. */
  readonly #known: readonly KnownFields[] = Array.from(
    { length: KNOWN_COUNT },
    () => ({ ...NOTHING_KNOWN }),
  );

  /** Leaves out, too, field lines of these names, which are in lower case. */
  constructor(reserved: readonly string[] = []) {
    this.#reserved = reserved;
  }

  /**
   * Decides whether content follows the head of a response to `method`, and which length is
   * announced. `bodyLength` is what the handler said of it besides its field lines.
   */
  frame(method: string, status: number, bodyLength: number): void {
    const declared = this.declaredLength;
    this.hasContent = false;
    if (status === 204) {
      this.contentLength = UNKNOWN_LENGTH;
    } else if (status === 205) {
      // It has no content, but is framed like others (RFC 9110 15.3.6).
      this.contentLength = 0;
    } else if (status === 304 || method === "HEAD") {
      // The length is that of the body that GET would get (RFC 9110 8.6); an empty body here does
      // not tell it.
      this.contentLength = bodyLength > 0 && status !== 304 ? bodyLength : declared;
    } else {
      this.hasContent = true;
      this.contentLength = bodyLength === UNKNOWN_LENGTH ? declared : bodyLength;
    }
  }

  /**
   * Appends `lines` to `out`. They are checked where they then stand, so that nobody can change them
   * in between.
   *
   * @throws {InvalidResponseError} if one is malformed; `out` is as it was then
   */
  append(out: OutputBuffer, lines: Uint8Array | string): void {
    const known = this.#known[lines.length & (KNOWN_COUNT - 1)];
    if (typeof lines === "string" && lines === known.lines) {
      this.hasDate = known.hasDate;
      this.hasServer = known.hasServer;
      this.declaredLength = known.declaredLength;
      this.saysClose = known.saysClose;
      out.append(known.bytes);
      return;
    }
    const responseStart = out.length;
    this.hasDate = false;
    this.hasServer = false;
    this.declaredLength = UNKNOWN_LENGTH;
    this.saysClose = false;
    if (typeof lines !== "string") {
      out.append(lines);
    } else {
      if (BEYOND_BYTES.test(lines)) {
        throw new InvalidResponseError("a field line has a character beyond U+00FF");
      }
      out.appendLatin1(lines);
    }
    const { bytes } = out;
    let at = responseStart;
    /** Where the next line goes that is kept. */
    let to = responseStart;
    while (at < out.length) {
      const start = at;
      while (at < out.length && (CLASS[bytes[at]] & TOKEN) !== 0) at++;
      const nameEnd = at;
      let valid = nameEnd > start && at < out.length && bytes[at++] === COLON;
      while (at < out.length && isBlank(bytes[at])) at++;
      const valueStart = at;
      while (at < out.length && (CLASS[bytes[at]] & FIELD) !== 0) at++;
      const valueEnd = at;
      valid &&= at + 1 < out.length && bytes[at] === CR && bytes[at + 1] === LF;
      at += 2;
      if (!valid) {
        const end = Math.min(nameEnd, start + 40);
        const name = latin1Text(bytes, start, end);
        out.length = responseStart;
        throw new InvalidResponseError(
          `the response has a malformed field line (${JSON.stringify(name)})`,
        );
      }
      if (!this.#isHandlers(bytes, start, nameEnd, valueStart, valueEnd)) continue;
      if (to !== start) bytes.copyWithin(to, start, at);
      to += at - start;
    }
    out.length = to;
    if (typeof lines !== "string" || lines.length > MAX_KNOWN_BYTES) return;
    // What is another one each time is not worth it.
    if (lines !== known.seen) {
      known.seen = lines;
      return;
    }
    const { hasDate, hasServer, declaredLength, saysClose } = this;
    Object.assign(known, { lines, bytes: bytes.slice(responseStart, to) });
    Object.assign(known, { hasDate, hasServer, declaredLength, saysClose });
  }

  /** Whether a field line is the handler's to send. */
  #isHandlers(
    bytes: Uint8Array,
    start: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    for (const name of this.#reserved) {
      if (spells(bytes, start, nameEnd, name)) return false;
    }
    switch (nameEnd - start) {
      case 4:
        if (spells(bytes, start, nameEnd, "date")) this.hasDate = true;
        return true;
      case 6:
        if (spells(bytes, start, nameEnd, "server")) this.hasServer = true;
        return true;
      case 7:
        return !spells(bytes, start, nameEnd, "upgrade");
      case 10:
        if (spells(bytes, start, nameEnd, "connection")) {
          if (listHas(bytes, valueStart, valueEnd, "close")) this.saysClose = true;
          return false;
        }
        return !spells(bytes, start, nameEnd, "keep-alive");
      case 14: {
        if (!spells(bytes, start, nameEnd, "content-length")) return true;
        while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
        let length = valueEnd > valueStart ? 0 : NaN;
        for (let at = valueStart; at < valueEnd; at++) {
          length = (CLASS[bytes[at]] & DIGIT) !== 0 ? length * 10 + (bytes[at] - 0x30) : NaN;
        }
        if (Number.isSafeInteger(length)) this.declaredLength = length;
        return false;
      }
      case 16:
        return !spells(bytes, start, nameEnd, "proxy-connection");
      case 17:
        return !spells(bytes, start, nameEnd, "transfer-encoding");
      default:
        return true;
    }
  }
}
