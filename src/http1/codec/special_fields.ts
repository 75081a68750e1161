/**
 * The fields of a request that HTTP/1.1 itself goes by: whom it is for, how long its body is, and
 * what becomes of its connection; and whether it tells of a trace.
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { CLASS, DIGIT, isBlank, SLASH, spells } from "../../message/chars.ts";
import type { RequestHead } from "../../message/exchange.ts";
import { UNKNOWN_LENGTH } from "../../message/exchange.ts";
import { latin1Text, listHas } from "../../message/fields.ts";
import { checkAuthority } from "../../message/request_checks.ts";
import { bodyTooLarge } from "../../message/request_faults.ts";
import { checkPath, isAsterisk, takeAuthority } from "../../message/request_target.ts";
import { TRACEPARENT } from "../../message/trace_context.ts";
import { checkTransferCodings } from "./checks.ts";
import { malformedContentLength, misplacedTrailer } from "./faults.ts";
import type { HttpLimits } from "./limits.ts";

/** Whether a name of `bytes` bytes can be that of such a field. */
export function canBeSpecial(bytes: number): boolean {
  return bytes === 4 || bytes === 6 || bytes === 10 || bytes === 11 || bytes === 14 ||
    bytes === 17;
}

/** Refuses trailers that would change what the head has said (RFC 9110 6.5.1). */
export function checkTrailer(buffer: Uint8Array, start: number, nameEnd: number): void {
  for (const name of ["host", "content-length", "transfer-encoding"]) {
    if (nameEnd - start === name.length && spells(buffer, start, nameEnd, name)) {
      throw misplacedTrailer(name);
    }
  }
}

/** What the special fields of one head say, and what follows from them. */
export class SpecialFields {
  readonly #limits: HttpLimits;
  #hostCount = 0;
  /** The value of Host, in bytes from the beginning of the head. */
  #hostStart = 0;
  #hostEnd = 0;
  #contentLength = UNKNOWN_LENGTH;
  #transferCodings: string | null = null;
  #close = false;
  #keepAlive = false;
  #upgrade = false;
  #expectsContinue = false;
  #mayTellTrace = false;

  /** Makes fields for the heads of a connection, one at a time. */
  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** Forgets the head before. */
  clear(): void {
    this.#hostCount = 0;
    this.#contentLength = UNKNOWN_LENGTH;
    this.#transferCodings = null;
    this.#close = false;
    this.#keepAlive = false;
    this.#upgrade = false;
    this.#expectsContinue = false;
    this.#mayTellTrace = false;
  }

  /** Whether the connection may carry another request after this one. */
  isKeptAlive(head: RequestHead): boolean {
    return !this.#close && (head.minorVersion === 1 || this.#keepAlive);
  }

  /** Whether the client asks for another protocol to go on with (RFC 9110 7.8). */
  isUpgrade(head: RequestHead): boolean {
    return this.#upgrade && head.minorVersion === 1 && head.bodyLength === 0;
  }

  /**
   * Reads a field line, `buffer[start, end)`, of the head that begins at `headStart`.
   *
   * @throws {ProtocolError} if it is one of these fields, and wrong
   */
  read(buffer: Uint8Array, headStart: number, start: number, nameEnd: number, end: number): void {
    let valueStart = nameEnd + 1;
    let valueEnd = end;
    while (valueStart < valueEnd && isBlank(buffer[valueStart])) valueStart++;
    while (valueEnd > valueStart && isBlank(buffer[valueEnd - 1])) valueEnd--;
    switch (nameEnd - start) {
      case 4:
        if (!spells(buffer, start, nameEnd, "host")) return;
        this.#hostCount++;
        this.#hostStart = valueStart - headStart;
        this.#hostEnd = valueEnd - headStart;
        return;
      case 6:
        if (!spells(buffer, start, nameEnd, "expect")) return;
        if (!spells(buffer, valueStart, valueEnd, "100-continue")) {
          throw new ProtocolError(417, "an expectation other than 100-continue", "RFC 9110 10.1.1");
        }
        this.#expectsContinue = true;
        return;
      case 10:
        if (!spells(buffer, start, nameEnd, "connection")) return;
        this.#readConnectionOptions(buffer, valueStart, valueEnd);
        return;
      case 11:
        if (spells(buffer, start, nameEnd, TRACEPARENT)) this.#mayTellTrace = true;
        return;
      case 14:
        if (!spells(buffer, start, nameEnd, "content-length")) return;
        this.#readContentLength(buffer, valueStart, valueEnd);
        return;
      case 17: {
        if (!spells(buffer, start, nameEnd, "transfer-encoding")) return;
        const value = latin1Text(buffer, valueStart, valueEnd);
        this.#transferCodings = this.#transferCodings === null
          ? value
          : `${this.#transferCodings},${value}`;
      }
    }
  }

  #readConnectionOptions(buffer: Uint8Array, start: number, end: number): void {
    if (listHas(buffer, start, end, "close")) this.#close = true;
    if (listHas(buffer, start, end, "keep-alive")) this.#keepAlive = true;
    if (listHas(buffer, start, end, "upgrade")) this.#upgrade = true;
  }

  #readContentLength(buffer: Uint8Array, start: number, end: number): void {
    if (this.#contentLength !== UNKNOWN_LENGTH) {
      throw new ProtocolError(400, "more than one Content-Length", "RFC 9112 6.3");
    }
    let length = 0;
    for (let at = start; at < end; at++) {
      if ((CLASS[buffer[at]] & DIGIT) === 0) throw malformedContentLength();
      length = length * 10 + (buffer[at] - 0x30);
      if (length > Number.MAX_SAFE_INTEGER) throw bodyTooLarge(this.#limits);
    }
    if (start === end) throw malformedContentLength();
    this.#contentLength = length;
  }

  /**
   * Completes `head`, whose lines are read and whose first byte is at `headStart` of its block: with
   * its authority, the length of its body, and whether its client waits to be told to go on.
   *
   * @throws {ProtocolError} if the fields, the target and the version do not go together
   */
  complete(head: RequestHead, headStart: number): void {
    this.#completeAuthority(head, headStart);
    head.bodyLength = this.#bodyLength(head.minorVersion);
    head.mayTellTrace = this.#mayTellTrace;
    head.expectsContinue = this.#expectsContinue && head.minorVersion === 1 &&
      head.bodyLength !== 0;
  }

  /** Finds the authority, and checks the request target's form (RFC 9112 3.2). */
  #completeAuthority(head: RequestHead, headStart: number): void {
    const { block: buffer } = head;
    if (this.#hostCount > 1) {
      throw new ProtocolError(400, "more than one Host", "RFC 9112 3.2");
    }
    if (this.#hostCount === 0 && head.minorVersion === 1) {
      throw new ProtocolError(400, "no Host", "RFC 9112 3.2");
    }
    if (this.#hostCount === 1) {
      head.authorityStart = headStart + this.#hostStart;
      head.authorityEnd = headStart + this.#hostEnd;
      checkAuthority(buffer, head.authorityStart, head.authorityEnd);
    }
    if (head.method === "CONNECT") {
      // No proxy: a tunnel is not ours to make, whatever its target.
      throw new ProtocolError(501, "the CONNECT method is not implemented", "RFC 9110 9.3.6");
    }
    if (buffer[head.targetStart] === SLASH) {
      checkPath(buffer, head.targetStart, head.targetEnd);
      return;
    }
    if (isAsterisk(buffer, head.targetStart, head.targetEnd)) {
      if (head.method === "OPTIONS") return;
      throw new ProtocolError(
        400,
        "the target * with a method other than OPTIONS",
        "RFC 9112 3.2.4",
      );
    }
    // What Host said is checked, and does not count (RFC 9112 3.2.2).
    takeAuthority(head, buffer, head.targetStart, head.targetEnd, "the request target");
    checkPath(buffer, head.authorityEnd, head.targetEnd);
  }

  /** How long the body is (RFC 9112 6.3); `UNKNOWN_LENGTH` if it is chunked. */
  #bodyLength(minorVersion: number): number {
    const length = this.#contentLength;
    if (this.#transferCodings === null) {
      if (length > this.#limits.maxBodyBytes) throw bodyTooLarge(this.#limits);
      return length === UNKNOWN_LENGTH ? 0 : length;
    }
    if (length !== UNKNOWN_LENGTH) {
      throw new ProtocolError(400, "both Transfer-Encoding and Content-Length", "RFC 9112 6.3");
    }
    if (minorVersion === 0) {
      throw new ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 message", "RFC 9112 6.1");
    }
    checkTransferCodings(this.#transferCodings);
    return UNKNOWN_LENGTH;
  }
}
