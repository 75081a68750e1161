/**
 * Reads the head of a response as CGI has it (RFC 3875 6), in any split. It does no I/O.
 *
 * @module
 */

import { concatenated } from "../bytes.ts";
import { CR, LF } from "../chars.ts";
import { ProtocolError } from "../errors.ts";
import { textOf } from "../fields.ts";

const MAX_HEAD_BYTES = 65_536;
/** A name, and a value without the white space around it (RFC 9110 5.5). */
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*((?:[\x21-\x7e\x80-\xff]+(?:[ \t]+[\x21-\x7e\x80-\xff]+)*)?)[ \t]*$/;

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
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where the line begins whose end has not come. */
  #lineStart = 0;

  /**
   * Takes more bytes. Once the head is complete, gives it together with where the body begins in
   * `chunk`.
   *
   * @throws {ProtocolError} if it is malformed, or too long
   */
  push(chunk: Uint8Array): { readonly head: CgiHead; readonly bodyStart: number } | null {
    const before = this.#bytes.length;
    const bytes = before === 0 ? chunk : concatenated([this.#bytes, chunk]);
    const isComplete = this.#findEnd(bytes);
    if ((isComplete ? this.#lineStart : bytes.length) > MAX_HEAD_BYTES) {
      throw new ProtocolError(502, "the response's head is too long", "RFC 3875 6.2");
    }
    if (!isComplete) {
      this.#bytes = before === 0 ? bytes.slice() : bytes;
      return null;
    }
    return {
      head: parseHead(textOf(bytes, 0, this.#lineStart)),
      bodyStart: this.#lineStart - before,
    };
  }

  /** Whether there is a line without anything in it: the body begins after it. */
  #findEnd(bytes: Uint8Array): boolean {
    for (;;) {
      const start = this.#lineStart;
      const end = bytes.indexOf(LF, start);
      if (end < 0) return false;
      this.#lineStart = end + 1;
      if (end === start || (end === start + 1 && bytes[start] === CR)) return true;
    }
  }
}

function parseHead(text: string): CgiHead {
  let status: number | null = null;
  let statusText = "";
  const fields: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line === "") continue;
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined) {
      throw new ProtocolError(502, "the response has a malformed field line", "RFC 3875 6.3");
    }
    if (name.toLowerCase() !== "status") {
      fields.push([name, value]);
      continue;
    }
    const [, code, reason] = /^([2-5]\d\d)(?: (.*))?$/.exec(value) ?? [];
    if (code === undefined) {
      throw new ProtocolError(502, `the response's status is ${value}`, "RFC 3875 6.3.3");
    }
    status = Number(code);
    statusText = reason ?? "";
  }
  if (status === null && fields.length === 0) {
    throw new ProtocolError(502, "the response has no field lines", "RFC 3875 6.2");
  }
  const hasLocation = fields.some(([name]) => name.toLowerCase() === "location");
  return { status: status ?? (hasLocation ? 302 : 200), statusText, fields };
}
