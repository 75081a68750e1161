/**
 * Reads the head of a response as CGI has it (RFC 3875 6), in any split. It does no I/O.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { textOf } from "../fields.ts";

const MAX_HEAD_BYTES = 65_536;
const LF = 0x0a;

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

  /**
   * Takes more bytes. Once the head is complete, gives it together with where the body begins in
   * `chunk`.
   *
   * @throws {ProtocolError} if it is malformed, or too long
   */
  push(chunk: Uint8Array): { readonly head: CgiHead; readonly bodyStart: number } | null {
    const before = this.#bytes.length;
    const bytes = before === 0 ? chunk : concatenated(this.#bytes, chunk);
    const end = endOfHead(bytes, Math.max(0, before - 3));
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES) {
        throw new ProtocolError(502, "the response's head is too long", "RFC 3875 6.2");
      }
      this.#bytes = before === 0 ? bytes.slice() : bytes;
      return null;
    }
    return { head: parseHead(textOf(bytes, 0, end)), bodyStart: end - before };
  }
}

/** Where the body begins: after a line without anything in it. -1 if that has not come. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === 0x0d && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

function parseHead(text: string): CgiHead {
  let status: number | null = null;
  let statusText = "";
  const fields: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line === "") continue;
    const match = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*(.*?)[ \t]*$/s.exec(line);
    if (match === null) {
      throw new ProtocolError(502, "the response has a malformed field line", "RFC 3875 6.3");
    }
    const [, name, value] = match;
    if (name.toLowerCase() !== "status") {
      fields.push([name, value]);
      continue;
    }
    const [, code, reason] = /^(\d{3})(?: (.*))?$/.exec(value) ?? [];
    if (code === undefined) {
      throw new ProtocolError(502, `the response's status is ${value}`, "RFC 3875 6.3.3");
    }
    status = Number(code);
    statusText = reason ?? "";
  }
  const hasLocation = fields.some(([name]) => name.toLowerCase() === "location");
  return { status: status ?? (hasLocation ? 302 : 200), statusText, fields };
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
