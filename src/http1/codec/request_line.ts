/**
 * The first line of a request (RFC 9112 3): method, target, version.
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { CLASS, CR, DIGIT, LF, PATH, QUERY, QUESTION, SP, TOKEN } from "../../message/chars.ts";
import { targetTooLong } from "../../message/request_faults.ts";
import { malformedTarget } from "../../message/request_target.ts";
import { bareCarriageReturn, bareLineFeed, malformedVersion } from "./faults.ts";
import type { HttpLimits } from "./limits.ts";
import { MAX_METHOD_BYTES } from "./limits.ts";

/** The line goes on beyond the bytes that there are. */
export const INCOMPLETE = -1;

const VERSION_PREFIX = [0x48, 0x54, 0x54, 0x50, 0x2f]; // HTTP/

/** Reads the request lines of a connection, one at a time, and no byte of method or target twice. */
export class RequestLine {
  /** Where the method of the last line that was read ends. */
  methodEnd = 0;
  /** Where its target ends, which begins a blank after the method. */
  targetEnd = 0;
  /** The version's digit after the point. */
  minorVersion: 0 | 1 = 1;

  readonly #limits: HttpLimits;
  /** Bytes of a line that is not complete which were looked at already. */
  #scannedBytes = 0;
  /** Bytes of its method; 0 until they are known. */
  #methodBytes = 0;
  /** Whether the query of its target has begun. */
  #inQuery = false;

  /** Makes a reader for a connection. */
  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /**
   * Reads the line that begins at `start`, of which there is what comes before `end`. Returns where
   * the next line begins, or {@linkcode INCOMPLETE}: then the same bytes are given again, and more.
   *
   * @throws {ProtocolError} if it is no request line
   */
  read(buffer: Uint8Array, start: number, end: number): number {
    let at = start + this.#scannedBytes;
    let methodEnd = start + this.#methodBytes;
    if (methodEnd === start) {
      while (at < end && (CLASS[buffer[at]] & TOKEN) !== 0) at++;
      if (at - start > MAX_METHOD_BYTES) {
        throw new ProtocolError(501, "the method is too long", "RFC 9112 3");
      }
      if (at === end) return this.#suspend(at - start, 0);
      if (buffer[at] !== SP || at === start) {
        throw new ProtocolError(400, "the request line has no valid method", "RFC 9112 3.1");
      }
      methodEnd = at++;
    }
    const targetStart = methodEnd + 1;
    if (!this.#inQuery) {
      while (at < end && (CLASS[buffer[at]] & PATH) !== 0) at++;
      this.#inQuery = at < end && buffer[at] === QUESTION;
    }
    if (this.#inQuery) {
      while (at < end && (CLASS[buffer[at]] & QUERY) !== 0) at++;
    }
    if (at - targetStart > this.#limits.maxTargetBytes) {
      throw targetTooLong(this.#limits);
    }
    // The version after it is short: it is read again if it is not complete.
    this.#suspend(at - start, methodEnd - start);
    if (at === end) return INCOMPLETE;
    if (buffer[at] !== SP || at === targetStart) throw malformedTarget(buffer[at]);
    const targetEnd = at++;
    for (const byte of VERSION_PREFIX) {
      if (at === end) return INCOMPLETE;
      if (buffer[at++] !== byte) throw malformedVersion();
    }
    if (at === end) return INCOMPLETE;
    const major = buffer[at++];
    if ((CLASS[major] & DIGIT) === 0) throw malformedVersion();
    if (at === end) return INCOMPLETE;
    if (buffer[at++] !== 0x2e) throw malformedVersion();
    if (at === end) return INCOMPLETE;
    const minor = buffer[at++];
    if ((CLASS[minor] & DIGIT) === 0) throw malformedVersion();
    if (at === end) return INCOMPLETE;
    if (buffer[at] === LF) throw bareLineFeed("2.2");
    if (buffer[at++] !== CR) throw malformedVersion();
    if (at === end) return INCOMPLETE;
    if (buffer[at++] !== LF) throw bareCarriageReturn();
    if (major !== 0x31) {
      throw new ProtocolError(
        505,
        "the message has a major version of HTTP other than 1",
        "RFC 9112 2.3",
      );
    }
    this.#suspend(0, 0);
    this.#inQuery = false;
    this.methodEnd = methodEnd;
    this.targetEnd = targetEnd;
    this.minorVersion = minor === 0x30 ? 0 : 1;
    return at;
  }

  /** Remembers how far the line was looked at, and how long its method is. */
  #suspend(scannedBytes: number, methodBytes: number): typeof INCOMPLETE {
    this.#scannedBytes = scannedBytes;
    this.#methodBytes = methodBytes;
    return INCOMPLETE;
  }
}
