/**
 * The writing half of the HTTP/1.1 codec (RFC 9112): response heads and bodies in, bytes out. It does
 * no I/O.
 *
 * @module
 */

// @ts-types="../types/std_status.d.ts"
import { STATUS_TEXT } from "@std/http/status";
import { InvalidResponseError } from "../errors.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../exchange.ts";
import type { RequestHead, ResponseHead } from "../exchange.ts";
import type { OutputBuffer } from "../buffers.ts";
import { utf8Length, writeUtf8 } from "../text.ts";
import { textOf } from "../fields.ts";
import { CLASS, COLON, CR, DIGIT, FIELD, LF, spells, TOKEN } from "./chars.ts";
import { isBlank } from "./checks.ts";

const encoder = new TextEncoder();

/** How the end of a response's body is told. */
const NO_BODY = 0;
const LENGTH = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;

/** Where the writer stands: between responses, or within a response's body. */
const IDLE = 0;
const BODY = 1;

const CONTENT_LENGTH = encoder.encode("content-length: ");
const CHUNKED_LINE = encoder.encode("transfer-encoding: chunked\r\n");
const CLOSE_LINE = encoder.encode("connection: close\r\n");
const KEEP_ALIVE_LINE = encoder.encode("connection: keep-alive\r\n");
const CONTINUE = encoder.encode("HTTP/1.1 100 Continue\r\n\r\n");
const LAST_CHUNK = encoder.encode("0\r\n\r\n");
/** Characters that are no bytes: cut down to their low halves, they might be anything. */
const BEYOND_BYTES = /[\u0100-\uffff]/;
/** No frame of a response needs more than this besides its field lines and body. */
const MAX_OWN_BYTES = 256;

const statusLines: Uint8Array[] = [];

function statusLine(status: number): Uint8Array {
  return statusLines[status] ??= newStatusLine(status);
}

function newStatusLine(status: number): Uint8Array {
  if (!(status >= 200 && status <= 599 && Number.isInteger(status))) {
    throw new InvalidResponseError(`a response cannot have the status ${status}`);
  }
  return encoder.encode(`HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? ""}\r\n`);
}

/** The `Date` line of responses, made once a second at the most. */
export class DateLine {
  /** The line with its CRLF. */
  bytes: Uint8Array = new Uint8Array(0);
  #second = 0;

  /** Sets the line to the time `epochMs`. */
  update(epochMs: number): void {
    const second = Math.floor(epochMs / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.bytes = encoder.encode(`date: ${new Date(second * 1000).toUTCString()}\r\n`);
  }
}

/**
 * Writes the responses of one connection, one after another, into an {@linkcode OutputBuffer}.
 *
 * It alone decides the framing: `Content-Length` when the length is known, else chunked to HTTP/1.1
 * clients, else the end of the connection. Field lines of the handler's that concern the connection
 * are left out, and none can break out of its line.
 */
export class ResponseWriter {
  /** Whether the connection has to be closed after this response. */
  closes = false;

  readonly #out: OutputBuffer;
  readonly #date: DateLine;
  #state = IDLE;
  #framing = NO_BODY;
  #remaining = 0;
  #hasDate = false;
  #declaredLength = UNKNOWN_LENGTH;

  /** Makes a writer that appends to `out`. */
  constructor(out: OutputBuffer, date: DateLine) {
    this.#out = out;
    this.#date = date;
  }

  /** Whether no response is being written. */
  get idle(): boolean {
    return this.#state === IDLE;
  }

  /** Writes the interim response `100 Continue`. */
  writeContinue(): void {
    this.#out.append(CONTINUE);
  }

  /**
   * Writes the head of the response to `request`, and `body` as the first or only part of its body.
   * Set {@linkcode closes} before to announce that the connection ends with it.
   *
   * @throws {InvalidResponseError} if the head is malformed, or the body longer than its
   * Content-Length; nothing was written then
   */
  begin(request: RequestHead, head: ResponseHead, body: Uint8Array | string | null): void {
    const out = this.#out;
    const { status, fieldLines } = head;
    let { bodyLength } = head;
    if (bodyLength === WHOLE_BODY) {
      if (typeof body === "string") bodyLength = utf8Length(body);
      else bodyLength = body === null ? 0 : body.length;
    } else {
      if (bodyLength !== UNKNOWN_LENGTH && !(bodyLength >= 0 && Number.isSafeInteger(bodyLength))) {
        throw new InvalidResponseError(`a response cannot have a body of ${bodyLength} bytes`);
      }
      // Whether the text fits what was said of its length is known when it is bytes.
      if (typeof body === "string") body = encoder.encode(body);
    }
    const line = statusLine(status);
    const start = out.length;
    out.reserve(MAX_OWN_BYTES + fieldLines.length);
    out.bytes.set(line, out.length);
    out.length += line.length;
    this.#writeFieldLines(fieldLines, start);
    if (!this.#hasDate) out.append(this.#date.bytes);

    this.#writeFraming(request, status, bodyLength);
    if (this.#framing === LENGTH && body !== null && body.length > this.#remaining) {
      out.length = start;
      throw bodyTooLong();
    }
    if (this.closes) out.append(CLOSE_LINE);
    else if (request.minorVersion === 0) out.append(KEEP_ALIVE_LINE);
    out.reserve(2);
    out.bytes[out.length++] = CR;
    out.bytes[out.length++] = LF;
    this.#state = BODY;
    if (body !== null) {
      if (typeof body !== "string") this.write(body);
      else if (this.#framing === LENGTH) this.#writeText(body, bodyLength);
    }
    this.#finishIfComplete();
  }

  /**
   * Writes part of the body.
   *
   * @throws {InvalidResponseError} if the body is longer than its Content-Length; nothing was written
   */
  write(chunk: Uint8Array): void {
    const out = this.#out;
    switch (this.#framing) {
      case LENGTH:
        if (chunk.length > this.#remaining) throw bodyTooLong();
        this.#remaining -= chunk.length;
        out.append(chunk);
        this.#finishIfComplete();
        return;
      case CHUNKED:
        if (chunk.length === 0) return;
        out.appendLatin1(`${chunk.length.toString(16)}\r\n`);
        out.append(chunk);
        out.appendLatin1("\r\n");
        return;
      case UNTIL_CLOSE:
        out.append(chunk);
    }
  }

  /**
   * Ends a response whose length was not known.
   *
   * @throws {InvalidResponseError} if the body is shorter than its Content-Length
   */
  end(): void {
    if (this.#state === IDLE) return;
    if (this.#framing === LENGTH && this.#remaining > 0) {
      throw new InvalidResponseError(
        `the response's body is ${this.#remaining} bytes shorter than its Content-Length`,
      );
    }
    if (this.#framing === CHUNKED) this.#out.append(LAST_CHUNK);
    this.#framing = NO_BODY;
    this.#state = IDLE;
  }

  #finishIfComplete(): void {
    const complete = this.#framing === NO_BODY ||
      (this.#framing === LENGTH && this.#remaining === 0);
    if (complete) this.#state = IDLE;
  }

  /** Writes a whole body of text, which takes `length` bytes. */
  #writeText(text: string, length: number): void {
    const out = this.#out;
    out.reserve(length);
    writeUtf8(text, length, out.bytes, out.length);
    out.length += length;
    this.#remaining = 0;
  }

  #writeFraming(request: RequestHead, status: number, bodyLength: number): void {
    const declared = this.#declaredLength;
    if (status === 204) {
      this.#framing = NO_BODY;
    } else if (status === 205) {
      // It has no content, but is framed like others (RFC 9110 15.3.6).
      this.#framing = NO_BODY;
      this.#writeContentLength(0);
    } else if (status === 304 || request.method === "HEAD") {
      this.#framing = NO_BODY;
      // The length is that of a body to GET (RFC 9110 8.6), of which an empty one here says nothing.
      const length = bodyLength > 0 && status !== 304 ? bodyLength : declared;
      if (length !== UNKNOWN_LENGTH) this.#writeContentLength(length);
    } else if (bodyLength !== UNKNOWN_LENGTH || declared !== UNKNOWN_LENGTH) {
      this.#framing = LENGTH;
      this.#remaining = bodyLength === UNKNOWN_LENGTH ? declared : bodyLength;
      this.#writeContentLength(this.#remaining);
    } else if (request.minorVersion === 1) {
      this.#framing = CHUNKED;
      this.#out.append(CHUNKED_LINE);
    } else {
      this.#framing = UNTIL_CLOSE;
      this.closes = true;
    }
  }

  #writeContentLength(length: number): void {
    const out = this.#out;
    out.append(CONTENT_LENGTH);
    out.appendLatin1(`${length}\r\n`);
  }

  /**
   * Copies the handler's field lines, checks them where they then stand, so that nobody can change
   * them in between, and leaves out those that are not the handler's to say.
   */
  #writeFieldLines(lines: Uint8Array | string, responseStart: number): void {
    const out = this.#out;
    let at = out.length;
    if (typeof lines !== "string") {
      out.append(lines);
    } else {
      if (BEYOND_BYTES.test(lines)) {
        out.length = responseStart;
        throw new InvalidResponseError("a field line has a character beyond U+00FF");
      }
      out.appendLatin1(lines);
    }
    this.#hasDate = false;
    this.#declaredLength = UNKNOWN_LENGTH;
    const { bytes } = out;
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
        const name = textOf(bytes, start, end);
        out.length = responseStart;
        throw new InvalidResponseError(
          `the response has a malformed field line (${JSON.stringify(name)})`,
        );
      }
      if (!this.#isHandlers(start, nameEnd, valueStart, valueEnd)) {
        bytes.copyWithin(start, at, out.length);
        out.length -= at - start;
        at = start;
      }
    }
  }

  /** Whether a field line is the handler's to send. Takes note of what concerns the framing. */
  #isHandlers(start: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const { bytes } = this.#out;
    switch (nameEnd - start) {
      case 4:
        if (spells(bytes, start, nameEnd, "date")) this.#hasDate = true;
        return true;
      case 7:
        return !spells(bytes, start, nameEnd, "upgrade") &&
          !spells(bytes, start, nameEnd, "trailer");
      case 10:
        if (spells(bytes, start, nameEnd, "connection")) {
          if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(textOf(bytes, valueStart, valueEnd))) {
            this.closes = true;
          }
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
        if (Number.isSafeInteger(length)) this.#declaredLength = length;
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

function bodyTooLong(): InvalidResponseError {
  return new InvalidResponseError("the response's body is longer than its Content-Length");
}
