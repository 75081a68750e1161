/**
 * Bytes of an exchange as text that can be shown anywhere: nothing in it moves a terminal's cursor.
 *
 * @module
 */

import { LF } from "../message/chars.ts";
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  DATA,
  END_REQUEST,
  GET_VALUES,
  GET_VALUES_RESULT,
  PARAMS,
  RecordReader,
  STDERR,
  STDIN,
  STDOUT,
  UNKNOWN_TYPE,
} from "../fastcgi/codec/records.ts";

/** Whose bytes they are, as the start of each line. */
export type Direction = ">" | "<";

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x5c, "\\\\"],
]);

/** `bytes` in lines, each begun by `direction`: bytes that are not printable ASCII are escapes. */
export function escapedLines(direction: Direction, bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let line = `${direction} `;
  for (const byte of bytes) {
    line += escapeOf(byte);
    if (byte !== LF) continue;
    lines.push(line);
    line = `${direction} `;
  }
  if (line.length > 2) lines.push(line);
  return lines;
}

function escapeOf(byte: number): string {
  const known = ESCAPES.get(byte);
  if (known !== undefined) return known;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

const RECORD_NAMES: ReadonlyMap<number, string> = new Map([
  [BEGIN_REQUEST, "BEGIN_REQUEST"],
  [ABORT_REQUEST, "ABORT_REQUEST"],
  [END_REQUEST, "END_REQUEST"],
  [PARAMS, "PARAMS"],
  [STDIN, "STDIN"],
  [STDOUT, "STDOUT"],
  [STDERR, "STDERR"],
  [DATA, "DATA"],
  [GET_VALUES, "GET_VALUES"],
  [GET_VALUES_RESULT, "GET_VALUES_RESULT"],
  [UNKNOWN_TYPE, "UNKNOWN_TYPE"],
]);

/** Shows the records of one side of a FastCGI connection, in any split. */
export class RecordView {
  readonly #direction: Direction;
  readonly #records = new RecordReader();

  /** Makes a view of what is sent in `direction`. */
  constructor(direction: Direction) {
    this.#direction = direction;
  }

  /**
   * The lines for further bytes: one for each record that begins, and those of its content.
   *
   * @throws {ProtocolError} if they are not records
   */
  lines(bytes: Uint8Array): string[] {
    const records = this.#records;
    const lines: string[] = [];
    records.push(bytes);
    for (;;) {
      if (!records.inRecord) {
        if (!records.readHeader()) return lines;
        const { type, requestId, contentLength } = records;
        const name = RECORD_NAMES.get(type) ?? `type ${type}`;
        lines.push(`${this.#direction} ${name}, request ${requestId}, ${contentLength} bytes`);
      }
      if (records.take(Infinity) > 0) {
        const content = records.content.subarray(records.start, records.end);
        lines.push(...escapedLines(this.#direction, content).map((line) => `  ${line}`));
      }
      if (records.inRecord) return lines;
    }
  }
}
