/**
 * Writes access log lines.
 *
 * @module
 */

import { LF, QUESTION, SP } from "../message/chars.ts";
import type { RequestHead } from "../message/exchange.ts";
import type { RequestRecord } from "../observe/request_record.ts";
import type { Escaping } from "./escaping.ts";
import { alsoEscaping, TEXT_ESCAPING, WORD_ESCAPING } from "./escaping.ts";
import type { LogFormat, Piece, Value } from "./format.ts";
import { endByte, NO_BYTE } from "./format.ts";
import { FieldFinder } from "./field_finder.ts";
import { JsonLines } from "./json_lines.ts";
import type { LineBuffer } from "./line_buffer.ts";
import { Constant, MAX_PADDING_BYTES } from "./line_buffer.ts";
import { asciiEscaped, bytesOrDash, put, word } from "./values.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Writes lines in one format. */
export class LineWriter {
  /** Writes lines in JSON, if those are wanted. */
  readonly #json: JsonLines | null;
  readonly #pieces: readonly Piece[];
  /** How the bytes of each piece are escaped. */
  readonly #escapings: readonly Escaping[];
  /** The literals among the pieces, at their places. */
  readonly #literals: readonly (Constant | null)[];
  readonly #fields: FieldFinder;
  readonly #process: number;
  /** The second that the next one is of, since 1970. */
  #second = -1;
  #commonSecond = new Constant("");

  /** Writes lines in `format` for the process with the number `process`. */
  constructor(format: LogFormat, process: number) {
    this.#json = format.kind === "json" ? new JsonLines(process) : null;
    const pieces = this.#pieces = format.kind === "json" ? [] : format.pieces;
    this.#escapings = pieces.map(escapingOf);
    this.#literals = pieces.map(literalOf);
    this.#process = process;
    const names = pieces.flatMap((piece) => piece.kind === "field" ? [piece.name] : []);
    this.#fields = new FieldFinder([...new Set(names)]);
  }

  /** Appends the line of `record` to `line`. */
  write(line: LineBuffer, record: RequestRecord): void {
    if (this.#json === null) this.#writePieces(line, record);
    else this.#json.write(line, record);
    line.byte(LF);
  }

  #writePieces(line: LineBuffer, record: RequestRecord): void {
    this.#fields.find(record.head);
    const pieces = this.#pieces;
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i];
      const escaping = this.#escapings[i];
      const literal = this.#literals[i];
      if (literal !== null) append(line, literal);
      else if (piece.kind === "field") this.#writeField(line, record.head, piece.name, escaping);
      else if (piece.kind === "value") this.#writeValue(line, record, piece.value, escaping);
    }
  }

  #writeField(line: LineBuffer, { block }: RequestHead, name: string, escaping: Escaping): void {
    const fields = this.#fields;
    const place = fields.placeOf(name);
    const start = fields.starts[place];
    if (start < 0 || fields.ends[place] === start) word(line, "", escaping);
    else put(line, block, start, fields.ends[place], escaping);
  }

  #writeValue(line: LineBuffer, record: RequestRecord, value: Value, escaping: Escaping): void {
    const { head } = record;
    const { block, targetStart, targetEnd } = head;
    switch (value) {
      case "client":
        word(line, record.client, escaping);
        break;
      case "time":
        this.#setSecond(record.startedAtMs);
        append(line, this.#commonSecond);
        break;
      case "request line":
        this.#writeRequestLine(line, record, escaping);
        break;
      case "method":
        word(line, head.method, escaping);
        break;
      case "target":
        bytesOrDash(line, block, targetStart, targetEnd, escaping);
        break;
      case "path":
        bytesOrDash(line, block, targetStart, queryStart(head), escaping);
        break;
      case "query":
        put(line, block, queryStart(head), targetEnd, escaping);
        break;
      case "protocol":
        line.ascii(record.protocol);
        break;
      case "status":
        if (record.status === 0) line.ascii("000");
        else line.whole(record.status);
        break;
      case "bytes in":
        line.whole(record.bytesIn);
        break;
      case "bytes out":
        line.whole(record.bytesOut);
        break;
      case "bytes out or dash":
        if (record.bytesOut === 0) word(line, "", escaping);
        else line.whole(record.bytesOut);
        break;
      case "duration in s":
        line.decimal(record.durationMs / 1_000, 6);
        break;
      case "duration in ms":
        line.decimal(record.durationMs, 3);
        break;
      case "duration in us":
        line.whole(Math.round(record.durationMs * 1_000));
        break;
      case "first byte in ms":
        if (record.firstByteMs < 0) word(line, "", escaping);
        else line.decimal(record.firstByteMs, 3);
        break;
      case "queued in ms":
        line.decimal(record.queuedMs, 3);
        break;
      case "endpoint":
        line.ascii(record.endpoint);
        break;
      case "scheme":
        line.ascii(record.scheme);
        break;
      case "mount":
        word(line, record.mount, escaping);
        break;
      case "worker":
        line.whole(record.worker);
        break;
      case "generation":
        line.whole(record.generation);
        break;
      case "request id":
        asciiEscaped(line, record.requestId, escaping);
        break;
      case "outcome":
        asciiEscaped(line, record.outcome.replace(" ", "-"), escaping);
        break;
      case "process":
        line.whole(this.#process);
        break;
      case "dash":
        word(line, "", escaping);
        break;
    }
  }

  #writeRequestLine(line: LineBuffer, record: RequestRecord, escaping: Escaping): void {
    const { method, block, targetStart, targetEnd } = record.head;
    // Without quotes around it, only its three words tell where it ends.
    const isBare = escaping !== TEXT_ESCAPING;
    if (targetStart === targetEnd && !isBare) {
      word(line, "", escaping);
      return;
    }
    if (method !== "" || isBare) {
      word(line, method, escaping);
      line.byte(SP);
    }
    bytesOrDash(line, block, targetStart, targetEnd, escaping);
    if (method === "" && !isBare) return;
    line.byte(SP);
    line.ascii(record.protocol);
  }

  /** Makes the text of the second in which `ms` since 1970 lies. */
  #setSecond(ms: number): void {
    const second = Math.floor(ms / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    const date = new Date(second * 1_000);
    const iso = date.toISOString();
    const [day, month, year] = [iso.slice(8, 10), MONTHS[date.getUTCMonth()], iso.slice(0, 4)];
    this.#commonSecond = new Constant(`[${day}/${month}/${year}:${iso.slice(11, 19)} +0000]`);
  }
}

function escapingOf(piece: Piece): Escaping {
  if (piece.kind === "literal" || piece.isQuoted) return TEXT_ESCAPING;
  const byte = endByte(piece.end);
  return byte === NO_BYTE ? WORD_ESCAPING : alsoEscaping(WORD_ESCAPING, byte);
}

function literalOf(piece: Piece): Constant | null {
  return piece.kind === "literal" ? new Constant(piece.text) : null;
}

function append(line: LineBuffer, constant: Constant): void {
  line.reserve(constant.length + MAX_PADDING_BYTES);
  line.constant(constant);
}

/** Where the query of the target begins with its question mark, or the target ends. */
function queryStart({ block, targetStart, targetEnd }: RequestHead): number {
  for (let at = targetStart; at < targetEnd; at++) if (block[at] === QUESTION) return at;
  return targetEnd;
}
