/**
 * The writing half of the HTTP/1.1 codec (RFC 9112): response heads and bodies in, bytes out. It does
 * no I/O.
 *
 * @module
 */

import { latin1Bytes } from "../../base/bytes.ts";
import { InvalidResponseError } from "../../base/errors.ts";
import {
  EARLY_HINTS,
  MAX_TRAILER_BYTES,
  PROCESSING,
  UNKNOWN_LENGTH,
  WHOLE_BODY,
} from "../../message/exchange.ts";
import type { RequestHead, ResponseHead } from "../../message/exchange.ts";
import type { OutputBuffer } from "../../base/buffers.ts";
import { writeUtf8 } from "../../base/text.ts";
import { CR, LF } from "../../message/chars.ts";
import { NOT_IN_TRAILERS } from "../../message/trailer_names.ts";
import {
  bodyLengthOf,
  bodyTooLong,
  bodyTooShort,
  ResponseFields,
  statusOf,
} from "../../message/response_fields.ts";

const encoder = new TextEncoder();

/** How the end of a response's body is marked. */
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
const WORD_BYTES = 8;
/** A chunk of this size is worth some zeros. */
const LARGE_CHUNK_BYTES = 4_096;
/** No frame of a response needs more than this besides its field lines and body. */
const MAX_OWN_BYTES = 256;

/** The fields of the response that is being begun: there is one at a time. */
const plainFields = new ResponseFields(["trailer"]);
/** Those of one that ends with trailers. */
const announcingFields = new ResponseFields();
let fields = plainFields;
/** Those of an interim response, which say nothing of content. */
const interimFields = new ResponseFields(["content-length", "trailer"]);
/** Those of a response after which a WebSocket begins: the endpoint has its own. */
const socketFields = new ResponseFields([
  "content-length",
  "trailer",
  "sec-websocket-accept",
  "sec-websocket-extensions",
]);
/** Trailers: none that frame a message, route it, or have to be known before it (RFC 9110 6.5.1). */
const trailerFields = new ResponseFields(NOT_IN_TRAILERS);

/** A protocol's name, and its version if it has one (RFC 9110 7.8). */
const PROTOCOL = /^[\w!#$%&'*+\-.^`|~]+(?:\/[\w!#$%&'*+\-.^`|~]+)?$/;

const statusLines: Uint8Array[] = [];
/** Interim responses that say something besides `100 Continue`, which is the gateway's to send. */
const INTERIM_REASONS: Readonly<Record<number, string>> = {
  [PROCESSING]: "Processing",
  [EARLY_HINTS]: "Early Hints",
};

function statusLine(status: number): Uint8Array {
  return statusLines[status] ??= encoder.encode(`HTTP/1.1 ${statusOf(status)}\r\n`);
}

/** The lines that an endpoint adds to responses: `Date`, made once a second at the most, and `Server`. */
export class OwnLines {
  /** The `Date` line with its CRLF. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The `Server` line with its CRLF; empty if there is none. */
  readonly serverLine: Uint8Array;
  #second = 0;

  /** Makes the lines of an endpoint; `server` is what it says that it is, `""` for nothing. */
  constructor(server = "") {
    this.serverLine = latin1Bytes(server === "" ? "" : `server: ${server}\r\n`);
  }

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
  readonly #own: OwnLines;
  #state = IDLE;
  #framing = NO_BODY;
  #remaining = 0;

  /** Makes a writer that appends to `out`. */
  constructor(out: OutputBuffer, own: OwnLines) {
    this.#out = out;
    this.#own = own;
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
   * Writes an interim response.
   *
   * @throws {InvalidResponseError} if the status is not that of one; nothing was written then
   */
  writeInterim(status: number, fieldLines: string): void {
    const out = this.#out;
    const reason = INTERIM_REASONS[status];
    if (reason === undefined) {
      throw new InvalidResponseError(`an interim response cannot have the status ${status}`);
    }
    const start = out.length;
    out.appendLatin1(`HTTP/1.1 ${status} ${reason}\r\n`);
    try {
      interimFields.append(out, fieldLines);
    } catch (error) {
      out.length = start;
      throw error;
    }
    out.appendLatin1("\r\n");
  }

  /**
   * Writes the response 101 (Switching Protocols): what comes after it is no HTTP. `ownLines` are the
   * endpoint's, which knows best what they say of a WebSocket.
   *
   * @throws {InvalidResponseError} if it is malformed; nothing was written then
   */
  beginUpgrade(protocol: string, fieldLines: string, ownLines?: string): void {
    const out = this.#out;
    if (!PROTOCOL.test(protocol)) {
      throw new InvalidResponseError("an upgrade to what is not the name of a protocol");
    }
    const start = out.length;
    const lines = ownLines ?? `connection: Upgrade\r\nupgrade: ${protocol}\r\n`;
    out.appendLatin1(`HTTP/1.1 101 Switching Protocols\r\n${lines}`);
    try {
      (ownLines === undefined ? interimFields : socketFields).append(out, fieldLines);
    } catch (error) {
      out.length = start;
      throw error;
    }
    out.appendLatin1("\r\n");
    this.#state = BODY;
    this.#framing = UNTIL_CLOSE;
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
    const bodyLength = bodyLengthOf(head, body);
    // Whether the text fits the announced length is known once it is encoded.
    if (head.bodyLength !== WHOLE_BODY && typeof body === "string") body = encoder.encode(body);
    const line = head.reason === undefined
      ? statusLine(status)
      : latin1Bytes(`HTTP/1.1 ${statusOf(status, head.reason)}\r\n`);
    fields = head.announcesTrailers === true ? announcingFields : plainFields;
    const start = out.length;
    out.reserve(MAX_OWN_BYTES + line.length + fieldLines.length);
    out.bytes.set(line, out.length);
    out.length += line.length;
    try {
      fields.append(out, fieldLines);
    } catch (error) {
      out.length = start;
      throw error;
    }
    if (fields.saysClose) this.closes = true;
    // Trailers need chunks, which take the place of a length (RFC 9112 7.1.2).
    const willTrail = fields === announcingFields && bodyLength === UNKNOWN_LENGTH &&
      request.minorVersion === 1 && request.method !== "HEAD";
    if (willTrail) fields.declaredLength = UNKNOWN_LENGTH;
    const { bytes, serverLine } = this.#own;
    if (!fields.hasDate) out.append(bytes);
    if (serverLine.length > 0 && !fields.hasServer) out.append(serverLine);

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
   * Writes part of the body. Returns how many of its bytes belong to the response: fewer than its
   * length if the body exceeds its Content-Length. The response is complete then.
   */
  write(chunk: Uint8Array): number {
    const out = this.#out;
    switch (this.#framing) {
      case LENGTH: {
        const bytes = Math.min(chunk.length, this.#remaining);
        this.#remaining -= bytes;
        out.append(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
        this.#finishIfComplete();
        return bytes;
      }
      case CHUNKED:
        if (chunk.length === 0) break;
        this.#writeChunkSize(chunk.length);
        out.append(chunk);
        out.appendLatin1("\r\n");
        break;
      case UNTIL_CLOSE:
        out.append(chunk);
    }
    return chunk.length;
  }

  /**
   * Writes part of a body of known length: the first `length` bytes of `buffer`, which is the output's from here on.
   * Returns as {@linkcode write} does.
   */
  writeBuffer(buffer: Uint8Array, length: number): number {
    if (this.#framing !== LENGTH) return this.write(buffer.subarray(0, length));
    const bytes = Math.min(length, this.#remaining);
    this.#remaining -= bytes;
    this.#out.adopt(buffer, bytes);
    this.#finishIfComplete();
    return bytes;
  }

  /**
   * Ends a response whose length was not known. Trailers are sent if it is chunked.
   *
   * @throws {InvalidResponseError} if the body is shorter than its Content-Length, or a trailer malformed
   */
  end(trailerLines = ""): void {
    if (this.#state === IDLE) return;
    if (this.#framing === LENGTH && this.#remaining > 0) {
      throw bodyTooShort(this.#remaining);
    }
    if (this.#framing === CHUNKED) {
      if (trailerLines === "") this.#out.append(LAST_CHUNK);
      else this.#endWithTrailers(trailerLines);
    }
    this.#framing = NO_BODY;
    this.#state = IDLE;
  }

  #endWithTrailers(lines: string): void {
    const out = this.#out;
    if (lines.length > MAX_TRAILER_BYTES) {
      throw new InvalidResponseError(
        `the response's trailers are larger than ${MAX_TRAILER_BYTES} bytes`,
      );
    }
    const start = out.length;
    out.appendLatin1("0\r\n");
    try {
      trailerFields.append(out, lines);
    } catch (error) {
      out.length = start;
      throw error;
    }
    out.appendLatin1("\r\n");
  }

  /**
   * Writes the size of a chunk (RFC 9112 7.1). Zeros before that of a large one let its data begin at a
   * multiple of a word: shared memory is copied byte by byte to anywhere else.
   */
  #writeChunkSize(bytes: number): void {
    const out = this.#out;
    let size = bytes.toString(16);
    if (bytes >= LARGE_CHUNK_BYTES) {
      const end = out.length + size.length + 2;
      size = "0".repeat((WORD_BYTES - end % WORD_BYTES) % WORD_BYTES) + size;
    }
    out.appendLatin1(`${size}\r\n`);
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
    fields.frame(request.method, status, bodyLength);
    const { contentLength } = fields;
    if (contentLength !== UNKNOWN_LENGTH) this.#writeContentLength(contentLength);
    if (!fields.hasContent) {
      this.#framing = NO_BODY;
    } else if (contentLength !== UNKNOWN_LENGTH) {
      this.#framing = LENGTH;
      this.#remaining = contentLength;
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
}
