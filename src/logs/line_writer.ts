/**
 * Writes access log lines.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import { withoutPasswords } from "../base/passwords.ts";
import { LF, QUESTION, SP } from "../message/chars.ts";
import type { EndpointKind, RequestHead } from "../message/exchange.ts";
import { latin1Text } from "../message/fields.ts";
import { idPrefix } from "../message/request_id.ts";
import type { Outcome, RequestRecord } from "../observe/request_record.ts";
import type { Escaping } from "./escaping.ts";
import { alsoEscaping, JSON_ESCAPING, QUOTE, TEXT_ESCAPING, WORD_ESCAPING } from "./escaping.ts";
import type { LogFormat, Piece, Value } from "./format.ts";
import { endByte, NO_BYTE } from "./format.ts";
import { FieldFinder } from "./field_finder.ts";
import type { LineBuffer } from "./line_buffer.ts";
import { Constant, MAX_PADDING_BYTES } from "./line_buffer.ts";

/** Bytes of a value at the most: the rest of it is left out. */
export const MAX_VALUE_BYTES = 8_192;

const encoder = new TextEncoder();
const AT = 0x40;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Fields that lines in JSON have, and their places. */
const JSON_FIELDS = ["referer", "user-agent"];
const REFERER = 0;
const USER_AGENT = 1;

/** What lines in JSON have between values, with the quotes of those. */
const JSON_KEYS = {
  client: new Constant('Z","client":"'),
  method: new Constant('","method":"'),
  target: new Constant('","target":"'),
  http10: new Constant('","protocol":"HTTP/1.0","status":'),
  http11: new Constant('","protocol":"HTTP/1.1","status":'),
  bytesIn: new Constant(',"bytesIn":'),
  bytesOut: new Constant(',"bytesOut":'),
  durationMs: new Constant(',"durationMs":'),
  firstByteMs: new Constant(',"firstByteMs":'),
  queuedMs: new Constant(',"queuedMs":'),
  worker: new Constant('","worker":'),
  generation: new Constant(',"generation":'),
  referer: new Constant(',"referer":"'),
  userAgent: new Constant(',"userAgent":"'),
};
/** The same for endpoint and scheme, up to the mount. */
const JSON_PLACES = {
  http: placesAt("http"),
  fastcgi: placesAt("fastcgi"),
  mongrel2: placesAt("mongrel2"),
};
/** More than all of them and the numbers between them take, in bytes. */
const MAX_KEY_BYTES = 1_024;

/** Writes lines in one format. */
export class LineWriter {
  readonly #format: LogFormat;
  /** How the bytes of each piece of the format are escaped. */
  readonly #escapings: readonly Escaping[];
  readonly #fields: FieldFinder;
  readonly #process: number;
  /** The literals among the pieces, at their places. */
  readonly #literals: readonly (Constant | null)[];
  /** What begins ids in JSON, with their key. */
  readonly #jsonId = new Constant(`,"requestId":"${idPrefix()}-`);
  readonly #jsonGivenId = new Constant(',"requestId":"');
  /** The ends of lines in JSON, by outcomes. */
  readonly #jsonEnds: Readonly<Record<Outcome, Constant>>;
  /** The second that the next two are of, since 1970. */
  #second = -1;
  /** What begins lines in JSON. */
  #jsonStart = new Constant("");
  #commonSecond = new Constant("");

  /** Writes lines in `format` for the process with the number `process`. */
  constructor(format: LogFormat, process: number) {
    this.#format = format;
    this.#escapings = format.kind === "json" ? [] : format.pieces.map(escapingOf);
    this.#process = process;
    this.#literals = format.kind === "json" ? [] : format.pieces.map(literalOf);
    const endOf = (outcome: Outcome) =>
      new Constant(`,"outcome":"${outcome}","process":${process}}`);
    this.#jsonEnds = {
      "answered": endOf("answered"),
      "cut off": endOf("cut off"),
      "client left": endOf("client left"),
    };
    const names = format.kind === "json"
      ? JSON_FIELDS
      : format.pieces.flatMap((piece) => piece.kind === "field" ? [piece.name] : []);
    this.#fields = new FieldFinder([...new Set(names)]);
  }

  /** Appends the line of `record` to `line`. */
  write(line: LineBuffer, record: RequestRecord): void {
    this.#fields.find(record.head);
    if (this.#format.kind === "json") {
      this.#writeJson(line, record);
    } else {
      const { pieces } = this.#format;
      for (let i = 0; i < pieces.length; i++) {
        const piece = pieces[i];
        const escaping = this.#escapings[i];
        const literal = this.#literals[i];
        if (literal !== null) append(line, literal);
        else if (piece.kind === "field") this.#writeField(line, record.head, piece.name, escaping);
        else if (piece.kind === "value") this.#writeValue(line, record, piece.value, escaping);
      }
    }
    line.byte(LF);
  }

  #writeJson(line: LineBuffer, record: RequestRecord): void {
    const { head, startedAtMs } = record;
    const { block, idStart, idEnd, peer } = head;
    line.reserve(MAX_KEY_BYTES);
    this.#setSecond(startedAtMs);
    line.constant(this.#jsonStart);
    line.padded(startedAtMs - this.#second * 1_000, 3);
    line.constant(JSON_KEYS.client);
    line.ascii(record.client);
    line.reserve(MAX_KEY_BYTES);
    line.constant(JSON_KEYS.method);
    line.ascii(head.method);
    line.reserve(MAX_KEY_BYTES);
    line.constant(JSON_KEYS.target);
    put(line, block, head.targetStart, head.targetEnd, JSON_ESCAPING);
    line.reserve(MAX_KEY_BYTES);
    line.constant(head.minorVersion === 0 ? JSON_KEYS.http10 : JSON_KEYS.http11);
    line.whole(record.status);
    line.constant(JSON_KEYS.bytesIn);
    line.whole(record.bytesIn);
    line.constant(JSON_KEYS.bytesOut);
    line.whole(record.bytesOut);
    line.constant(JSON_KEYS.durationMs);
    line.decimal(record.durationMs, 3);
    if (record.firstByteMs >= 0) {
      line.constant(JSON_KEYS.firstByteMs);
      line.decimal(record.firstByteMs, 3);
    }
    if (record.queuedMs > 0) {
      line.constant(JSON_KEYS.queuedMs);
      line.decimal(record.queuedMs, 3);
    }
    line.constant(JSON_PLACES[peer.endpoint][peer.scheme]);
    asciiEscaped(line, record.mount, JSON_ESCAPING);
    line.reserve(MAX_KEY_BYTES);
    line.constant(JSON_KEYS.worker);
    line.whole(record.worker);
    line.constant(JSON_KEYS.generation);
    line.whole(record.generation);
    if (idEnd > idStart) {
      line.constant(this.#jsonGivenId);
      line.escaped(block, idStart, idEnd, JSON_ESCAPING);
    } else {
      line.constant(this.#jsonId);
      line.base36(head.number);
    }
    line.byte(QUOTE);
    this.#writeJsonField(line, block, REFERER, JSON_KEYS.referer);
    this.#writeJsonField(line, block, USER_AGENT, JSON_KEYS.userAgent);
    line.reserve(MAX_KEY_BYTES);
    line.constant(this.#jsonEnds[record.outcome]);
  }

  #writeJsonField(line: LineBuffer, block: Uint8Array, place: number, key: Constant): void {
    const { starts, ends } = this.#fields;
    const start = starts[place];
    if (start < 0) return;
    line.reserve(MAX_KEY_BYTES);
    line.constant(key);
    put(line, block, start, ends[place], JSON_ESCAPING);
    line.byte(QUOTE);
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

  /** Makes the texts of the second in which `ms` since 1970 lies. */
  #setSecond(ms: number): void {
    const second = Math.floor(ms / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    const date = new Date(second * 1_000);
    const iso = date.toISOString();
    this.#jsonStart = new Constant(`{"time":"${iso.slice(0, 20)}`);
    const [day, month, year] = [iso.slice(8, 10), MONTHS[date.getUTCMonth()], iso.slice(0, 4)];
    this.#commonSecond = new Constant(`[${day}/${month}/${year}:${iso.slice(11, 19)} +0000]`);
  }
}

function escapingOf(piece: Piece): Escaping {
  if (piece.kind === "literal" || piece.isQuoted) return TEXT_ESCAPING;
  const byte = endByte(piece.end);
  return byte === NO_BYTE ? WORD_ESCAPING : alsoEscaping(WORD_ESCAPING, byte);
}

function placesAt(endpoint: EndpointKind): Readonly<Record<"http" | "https", Constant>> {
  const place = (scheme: string) =>
    new Constant(`,"endpoint":"${endpoint}","scheme":"${scheme}","mount":"`);
  return { http: place("http"), https: place("https") };
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

/** Appends `text`, or a dash in its place if there is none. */
function word(line: LineBuffer, text: string, escaping: Escaping): void {
  asciiEscaped(line, text === "" ? "-" : text, escaping);
}

function bytesOrDash(
  line: LineBuffer,
  bytes: Uint8Array,
  start: number,
  end: number,
  escaping: Escaping,
): void {
  if (start === end) word(line, "", escaping);
  else put(line, bytes, start, end, escaping);
}

/** Appends `bytes[start, end)`, but for passwords in URLs, and what is too long. */
function put(
  line: LineBuffer,
  bytes: Uint8Array,
  start: number,
  end: number,
  escaping: Escaping,
): void {
  const to = Math.min(end, start + MAX_VALUE_BYTES);
  let mayHaveName = false;
  for (let at = start; at < end; at++) {
    if (bytes[at] === AT) {
      mayHaveName = true;
      break;
    }
  }
  if (mayHaveName) {
    // What is left out must not be what makes a password be seen as one.
    const shown = withoutPasswords(latin1Text(bytes, start, end));
    const rest = latin1Bytes(shown.slice(0, MAX_VALUE_BYTES));
    line.escaped(rest, 0, rest.length, escaping);
    if (shown.length > MAX_VALUE_BYTES) asciiEscaped(line, "...", escaping);
    return;
  }
  line.escaped(bytes, start, to, escaping);
  if (to < end) asciiEscaped(line, "...", escaping);
}

function asciiEscaped(line: LineBuffer, text: string, escaping: Escaping): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || escaping.plain[code] === 0) {
      const bytes = encoder.encode(text);
      line.escaped(bytes, 0, bytes.length, escaping);
      return;
    }
  }
  line.ascii(text);
}
