/**
 * The head of a response as CGI has it (RFC 3875, section 6): field lines, and an empty line.
 *
 * @module
 */

import { latin1Text } from "../message/fields.ts";

/** A head that was read. */
export interface CgiHead {
  /** From 200 to 599. */
  readonly status: number;
  /** Reason phrase; `""` if none is given. */
  readonly reason: string;
  /** Names and values of the fields, without `Status`. */
  readonly fields: [name: string, value: string][];
}

/** Bytes of a head at the most. */
export const MAX_CGI_HEAD_BYTES = 65_536;

const LF = 0x0a;
const CR = 0x0d;
const LINE = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/;
const STATUS = /^([2-5]\d\d)(?: (.*))?$/;

const { Error, JSON, Number, Uint8Array } = globalThis;

/** Something is wrong with what a handler writes. */
export class CgiHeadError extends Error {
  /** Says what is wrong. */
  constructor(reason: string) {
    super(`the response as CGI has it is malformed: ${reason}`);
    this.name = "CgiHeadError";
  }
}

/** Reads a head, however it is split. Its work is in proportion to what it is given. */
export class CgiHeadReader {
  #bytes = new Uint8Array(1_024);
  #length = 0;
  /** Where the line begins that is not complete. */
  #lineStart = 0;

  /**
   * Takes the next bytes. Returns the head and where the body begins in `chunk`, or `null` while the head is
   * not complete.
   *
   * @throws {CgiHeadError} if it is malformed, or too large
   */
  push(chunk: Uint8Array): { readonly head: CgiHead; readonly bodyAt: number } | null {
    let at = 0;
    while (at < chunk.length) {
      const newline = chunk.indexOf(LF, at);
      const end = newline < 0 ? chunk.length : newline + 1;
      this.#keep(chunk.subarray(at, end));
      at = end;
      if (newline < 0) break;
      const start = this.#lineStart;
      this.#lineStart = this.#length;
      const isEmpty = this.#length - start === 1 ||
        this.#length - start === 2 && this.#bytes[start] === CR;
      if (isEmpty) return { head: parsed(latin1Text(this.#bytes, 0, start)), bodyAt: at };
    }
    return null;
  }

  #keep(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > MAX_CGI_HEAD_BYTES) {
      throw new CgiHeadError(`its head has more than ${MAX_CGI_HEAD_BYTES} bytes`);
    }
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
  }
}

function parsed(text: string): CgiHead {
  const fields: [string, string][] = [];
  let status: string | undefined;
  let isElsewhere = false;
  const lines = text.split(/\r?\n/);
  // What follows the last end of line.
  lines.pop();
  for (let i = 0; i < lines.length; i++) {
    const [, name, value] = LINE.exec(lines[i]) ?? [];
    if (name === undefined || /[\0\r]/.test(value)) {
      throw new CgiHeadError(
        `a line of its head is not a field: ${JSON.stringify(lines[i].slice(0, 80))}`,
      );
    }
    const lowerName = name.toLowerCase();
    if (lowerName !== "status") {
      fields.push([name, value]);
      if (lowerName === "location") isElsewhere = true;
    } else if (status !== undefined) throw new CgiHeadError("it has more than one Status");
    else status = value;
  }
  if (fields.length === 0 && status === undefined) throw new CgiHeadError("it has no field");
  if (status === undefined) return { status: isElsewhere ? 302 : 200, reason: "", fields };
  const [, code, reason = ""] = STATUS.exec(status) ?? [];
  if (code === undefined) {
    throw new CgiHeadError(`its Status is not a code from 200 to 599: ${JSON.stringify(status)}`);
  }
  return { status: Number(code), reason, fields };
}
