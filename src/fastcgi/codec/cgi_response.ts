/**
 * Writes responses as CGI does (RFC 3875 6): `Status:` and field lines, an empty line, the body; all
 * of it in STDOUT records.
 *
 * @module
 */

import type { OutputBuffer } from "../../base/buffers.ts";
import { latin1Bytes } from "../../base/bytes.ts";
import { COLON, CR, LF, spells } from "../../message/chars.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../../message/exchange.ts";
import type { RequestHead, ResponseHead } from "../../message/exchange.ts";
import {
  bodyLengthOf,
  bodyTooLong,
  bodyTooShort,
  ResponseFields,
  statusOf,
} from "../../message/response_fields.ts";
import { writeUtf8 } from "../../base/text.ts";
import { beginRecord, finishRecord, STDOUT, writeStream } from "./records.ts";

const encoder = new TextEncoder();
/** Longer bodies get records of their own: one record would have to be cut into several afterwards. */
const MAX_JOINED_BYTES = 32_768;
const VARIABLE = "variable-";
const statusLines: Uint8Array[] = [];

function statusLine(status: number): Uint8Array {
  return statusLines[status] ??= encoder.encode(`Status: ${statusOf(status).trimEnd()}\r\n`);
}

/** The app's own `Status` field would be taken for the response's. */
const fields = new ResponseFields(["status", "trailer"]);

/** Writes the response to one request. */
export class CgiResponseWriter {
  /** Whether the response is complete. */
  complete = false;

  readonly #out: OutputBuffer;
  readonly #id: number;
  #hasContent = false;
  /** Bytes of content still to come, or {@linkcode UNKNOWN_LENGTH}. */
  #remaining: number = UNKNOWN_LENGTH;

  /** Makes a writer that appends records of the request `id` to `out`. */
  constructor(out: OutputBuffer, id: number) {
    this.#out = out;
    this.#id = id;
  }

  /**
   * Writes the head of the response to `request`, and `body` as the first or only part of its body.
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
      : latin1Bytes(`Status: ${statusOf(status, head.reason)}\r\n`);
    const start = beginRecord(out);
    try {
      out.append(line);
      const fieldsStart = out.length;
      fields.append(out, fieldLines);
      if (request.role === "authorizer") upperCaseVariables(out.bytes, fieldsStart, out.length);
      fields.frame(request.method, status, bodyLength);
      const { contentLength } = fields;
      this.#hasContent = fields.hasContent;
      this.#remaining = contentLength;
      if (body !== null && this.#exceeds(body.length)) throw bodyTooLong();
      if (contentLength !== UNKNOWN_LENGTH) {
        out.appendLatin1(`content-length: ${contentLength}\r\n`);
      }
    } catch (error) {
      out.length = start;
      throw error;
    }
    out.reserve(2);
    out.bytes[out.length++] = CR;
    out.bytes[out.length++] = LF;
    const isLarge = typeof body !== "string" && body !== null && body.length > MAX_JOINED_BYTES;
    if (this.#hasContent && body !== null && !isLarge) {
      if (typeof body === "string") {
        out.reserve(bodyLength);
        writeUtf8(body, bodyLength, out.bytes, out.length);
        out.length += bodyLength;
        this.#remaining = 0;
      } else {
        out.append(body);
        if (this.#remaining !== UNKNOWN_LENGTH) this.#remaining -= body.length;
      }
    }
    finishRecord(out, start, STDOUT, this.#id);
    this.complete = !this.#hasContent || this.#remaining === 0;
    if (isLarge) this.write(body as Uint8Array);
  }

  /**
   * Writes part of the body. Returns how many of its bytes belong to the response: fewer than its
   * length if the body exceeds its Content-Length. The response is complete then; what comes after
   * that is dropped.
   */
  write(chunk: Uint8Array): number {
    if (this.complete) return chunk.length;
    const bytes = this.#exceeds(chunk.length) ? this.#remaining : chunk.length;
    writeStream(
      this.#out,
      STDOUT,
      this.#id,
      bytes === chunk.length ? chunk : chunk.subarray(0, bytes),
    );
    if (this.#remaining === UNKNOWN_LENGTH) return bytes;
    this.#remaining -= bytes;
    this.complete = this.#remaining === 0;
    return bytes;
  }

  /**
   * Ends a response whose length was not known.
   *
   * @throws {InvalidResponseError} if the body is shorter than its Content-Length
   */
  end(): void {
    if (!this.complete && this.#remaining > 0) {
      throw bodyTooShort(this.#remaining);
    }
    this.complete = true;
  }

  #exceeds(bytes: number): boolean {
    return this.#hasContent && this.#remaining !== UNKNOWN_LENGTH && bytes > this.#remaining;
  }
}

/**
 * Gives the names of an authorizer's variables (FastCGI 1.0, section 6.3) the case that variables
 * have: `Headers` put them in lower case.
 */
function upperCaseVariables(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at = bytes.indexOf(LF, at) + 1) {
    const nameStart = at + VARIABLE.length;
    if (nameStart >= end || !spells(bytes, at, nameStart, VARIABLE)) continue;
    for (let i = nameStart; bytes[i] !== COLON; i++) {
      if (bytes[i] >= 0x61 && bytes[i] <= 0x7a) bytes[i] -= 0x20;
    }
  }
}
