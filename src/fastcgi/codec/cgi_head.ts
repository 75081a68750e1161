/**
 * Reads the head of a response as CGI has it (RFC 3875 6), in any split. It does no I/O.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../../base/buffers.ts";
import { CLASS, CR, FIELD, LF, TOKEN } from "../../message/chars.ts";
import { ProtocolError } from "../../base/errors.ts";
import { latin1Text, withoutBlanks } from "../../message/fields.ts";

const MAX_HEAD_BYTES = 65_536;

/** The head of a response. */
export interface CgiHead {
  /** Status code: 200 if the head names none, 302 if it names a place instead. */
  readonly status: number;
  /** Text of the status line after the code. */
  readonly statusText: string;
  /** Names and values of the field lines, without `Status`. */
  readonly fields: readonly (readonly [string, string])[];
}

/** Takes the bytes of a response until its head is complete. */
export class CgiHeadReader {
  /** What came before, in a buffer that grows. */
  readonly #kept = new OutputBuffer(new BufferPool(0));
  /** Where the line begins whose end has not come. */
  #lineStart = 0;
  /** Bytes of interim heads, which are skipped. */
  #skippedBytes = 0;

  /**
   * Takes more bytes. Once the head is complete, gives it together with where the body begins in
   * `chunk`. Heads of interim responses (1xx) before it are skipped.
   *
   * @throws {ProtocolError} if it is malformed, or too long
   */
  push(chunk: Uint8Array): { readonly head: CgiHead; readonly bodyStart: number } | null {
    for (let at = 0;;) {
      const found = this.#pushPart(at === 0 ? chunk : chunk.subarray(at));
      if (found === null) return null;
      at += found.bodyStart;
      if (found.head !== null) return { head: found.head, bodyStart: at };
    }
  }

  /** Whether something of a head has come, and not all. */
  get isWithin(): boolean {
    return this.#kept.length > 0;
  }

  /** Takes bytes until the end of one head, which is `null` if it is an interim one. */
  #pushPart(
    chunk: Uint8Array,
  ): { readonly head: CgiHead | null; readonly bodyStart: number } | null {
    const before = this.#kept.length;
    if (before > 0) this.#kept.append(chunk);
    const bytes = before > 0 ? this.#kept.bytes : chunk;
    const length = before + chunk.length;
    const isComplete = this.#findEnd(bytes, before, length);
    if (this.#skippedBytes + (isComplete ? this.#lineStart : length) > MAX_HEAD_BYTES) {
      throw new ProtocolError(502, "the response's head is too long", "RFC 3875 6.2");
    }
    if (!isComplete) {
      if (before === 0) this.#kept.append(chunk);
      return null;
    }
    const end = this.#lineStart;
    const head = parseHead(latin1Text(bytes, 0, end));
    if (head === null) {
      this.#skippedBytes += end;
      this.#kept.length = this.#lineStart = 0;
    }
    return { head, bodyStart: end - before };
  }

  /** Whether there is a line without anything in it: the body begins after it. Looks at new bytes only. */
  #findEnd(bytes: Uint8Array, from: number, length: number): boolean {
    for (let at = from; at < length; at++) {
      if (bytes[at] !== LF) continue;
      const start = this.#lineStart;
      this.#lineStart = at + 1;
      if (at === start || (at === start + 1 && bytes[start] === CR)) return true;
    }
    return false;
  }
}

/** The head in `text`; `null` if it is an interim one. */
function parseHead(text: string): CgiHead | null {
  let isInterim = false;
  let status: number | null = null;
  let statusText = "";
  const fields: [string, string][] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line === "\r") continue;
    const [name, value] = parseFieldLine(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (name.toLowerCase() !== "status") {
      fields.push([name, value]);
      continue;
    }
    if (INTERIM.test(value)) {
      isInterim = true;
      continue;
    }
    const [, code, reason] = /^([2-5]\d\d)(?: (.*))?$/.exec(value) ?? [];
    if (code === undefined) {
      throw new ProtocolError(
        502,
        `the response has the malformed status ${JSON.stringify(value.slice(0, MAX_SHOWN_CHARS))}`,
        "RFC 3875 6.3.3",
      );
    }
    status = Number(code);
    statusText = reason ?? "";
  }
  if (isInterim && status === null) return null;
  if (status === null && fields.length === 0) {
    throw new ProtocolError(502, "the response's head is empty", "RFC 3875 6.2");
  }
  const hasLocation = fields.some(([name]) => name.toLowerCase() === "location");
  return { status: status ?? (hasLocation ? 302 : 200), statusText, fields };
}

/** Name and value, without the blanks around it (RFC 9110 5.5), of a field line. */
function parseFieldLine(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon <= 0 || !isOf(TOKEN, line, 0, colon) || !isOf(FIELD, line, colon, line.length)) {
    throw new ProtocolError(502, "the response has a malformed field line", "RFC 3875 6.3");
  }
  return [line.slice(0, colon), withoutBlanks(line.slice(colon + 1))];
}

/** Whether all bytes of `text[start, end)` are of a class. */
function isOf(charClass: number, text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((CLASS[text.charCodeAt(at)] & charClass) === 0) return false;
  }
  return true;
}

const MAX_SHOWN_CHARS = 80;
/** Informational, except for 101: no other protocol was asked for (RFC 9110 15.2). */
const INTERIM = /^1(?!01)\d\d(?: |$)/;
