/**
 * Reads access log lines: what {@linkcode LineWriter} writes, and what other servers write in the same formats.
 *
 * @module
 */

import type { LogFormat, Piece, Value, ValuePiece } from "./format.ts";

/** What is read of a line. What it does not say is `undefined`. */
export interface ReadLine {
  /** When the request began, in milliseconds since 1970. */
  timeMs?: number;
  /** How long it took, in milliseconds. */
  durationMs?: number;
  /** Bytes of the response. */
  bytesOut?: number;
  /** What lines can be grouped by, as far as the line has it. */
  readonly values: Partial<Record<Grouping, string>>;
}

/** What lines can be grouped by. */
export type Grouping = typeof GROUPINGS[number];

/** All that lines can be grouped by. */
export const GROUPINGS = [
  "path",
  "target",
  "status",
  "method",
  "client",
  "protocol",
  "endpoint",
  "scheme",
  "mount",
  "worker",
  "generation",
  "outcome",
  "hour",
  "minute",
] as const;

/**
 * A longer line is taken for several. No line of JSON that {@linkcode LineWriter} writes is, nor one of another
 * format, unless that has dozens of fields.
 */
export const MAX_LINE_CHARS = 1_048_576;

/** Reads a line; `null` if it is of another form. */
export type LineReader = (line: string) => ReadLine | null;

/** Numbers of months by their names. */
const MONTHS = new Map(
  ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    .map((name, month) => [name, month]),
);
const COMMON_TIME =
  /^\[?(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\]?$/;
/** `common`, `combined`, and either with more after it: of which a time in seconds may be the first. */
const COMMON_LINE =
  /^(\S+) \S+ \S+ \[([^\]]{1,40})\] "((?:[^"\\]|\\.)*)" (\d{1,3}|-) (\d+|-)(?: (\d+\.\d+)(?= |$))?/;
/** A request line that no quotes are around. */
const BARE_REQUEST_LINE = /[^ ]+ [^ ]+ HTTP\/\d\.\d/y;
const NUMBER = /^\d+(?:\.\d+)?$/;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|(.))/g;

/** The time that a text such as `01/Dec/2026:01:50:14 +0000` says, in ms since 1970; `undefined` if none. */
export function commonTime(text: string): number | undefined {
  const match = COMMON_TIME.exec(text);
  if (match === null) return undefined;
  const [, day, name, year, hour, minute, second, sign, offsetHours, offsetMinutes] = match;
  const month = MONTHS.get(name);
  if (month === undefined) return undefined;
  const utc = Date.UTC(+year, month, +day, +hour, +minute, +second);
  const offsetMs = (+offsetHours * 60 + +offsetMinutes) * 60_000;
  return sign === "-" ? utc + offsetMs : utc - offsetMs;
}

/** A reader of lines in JSON, `common` and `combined`, each line by its form. */
export function readAnyLine(line: string): ReadLine | null {
  return line.charCodeAt(0) === 0x7b ? readJson(line) : readCommon(line);
}

/** A reader of lines in this format. */
export function readerOf(format: LogFormat): LineReader {
  return format.kind === "json" ? readJson : readerOfPieces(format.pieces);
}

/** What lines in JSON have by the names that they are grouped by, and of which types that can be. */
const JSON_VALUES = [
  ...["status", "method", "client", "protocol", "endpoint", "scheme"] as const,
  ...["mount", "worker", "generation", "outcome"] as const,
];
const JSON_TYPES: ReadonlySet<string> = new Set(["string", "number", "boolean"]);

function readJson(line: string): ReadLine | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return null;
  const object = parsed as Readonly<Record<string, unknown>>;
  const number = (name: string) =>
    typeof object[name] === "number" ? countOf(object[name]) : undefined;
  const read: ReadLine = { values: {} };
  read.timeMs = typeof object.time === "string" ? Date.parse(object.time) : undefined;
  read.durationMs = number("durationMs");
  read.bytesOut = number("bytesOut");
  const { values } = read;
  if (typeof object.target === "string") takeTarget(read, object.target);
  for (const name of JSON_VALUES) {
    const value = object[name];
    // Others have no text that is worth anything, and may make it as they like.
    if (JSON_TYPES.has(typeof value)) values[name] = String(value);
  }
  return read;
}

function readCommon(line: string): ReadLine | null {
  const match = COMMON_LINE.exec(line);
  if (match === null) return null;
  const [, client, time, request, status, bytes, seconds] = match;
  const read: ReadLine = { values: { client, status } };
  read.timeMs = commonTime(time);
  if (bytes !== "-") read.bytesOut = numberOf(bytes);
  if (seconds !== undefined) read.durationMs = numberOf(seconds, 1_000);
  takeRequestLine(read, unescaped(request));
  return read;
}

/** How the value of each directive is read. */
const TAKE: Partial<Record<Value, (read: ReadLine, text: string) => void>> = {
  "client": (read, text) => read.values.client = text,
  "time": (read, text) => read.timeMs = commonTime(text),
  "request line": takeRequestLine,
  "method": (read, text) => read.values.method = text,
  "path": (read, text) => read.values.path = text,
  "target": takeTarget,
  "protocol": (read, text) => read.values.protocol = text,
  "status": (read, text) => read.values.status = text,
  "bytes out": (read, text) => read.bytesOut = numberOf(text),
  "bytes out or dash": (read, text) => read.bytesOut = text === "-" ? 0 : numberOf(text),
  "duration in s": (read, text) => read.durationMs = numberOf(text, 1_000),
  "duration in ms": (read, text) => read.durationMs = numberOf(text),
  "duration in us": (read, text) => read.durationMs = numberOf(text, 0.001),
  "endpoint": (read, text) => read.values.endpoint = text,
  "scheme": (read, text) => read.values.scheme = text,
  "mount": (read, text) => read.values.mount = text,
  "worker": (read, text) => read.values.worker = text,
  "generation": (read, text) => read.values.generation = text,
  "outcome": (read, text) => read.values.outcome = text,
};

function readerOfPieces(pieces: readonly Piece[]): LineReader {
  return (line) => {
    const read: ReadLine = { values: {} };
    let at = 0;
    for (const piece of pieces) {
      if (piece.kind === "literal") {
        if (!line.startsWith(piece.text, at)) return null;
        at += piece.text.length;
        continue;
      }
      const end = endOf(line, at, piece);
      if (end < at) return null;
      const text = unescaped(line.slice(at, end));
      if (piece.kind === "value") TAKE[piece.value]?.(read, text);
      at = end;
    }
    return at === line.length ? read : null;
  };
}

/** Where a value ends: at what follows, which stands in no value, or at the end of the line; -1 if nowhere. */
function endOf(line: string, at: number, piece: ValuePiece): number {
  const { isQuoted, end } = piece;
  if (piece.kind === "value" && piece.value === "time") return line.indexOf("]", at) + 1 || -1;
  if (piece.kind === "value" && piece.value === "request line" && !isQuoted) {
    BARE_REQUEST_LINE.lastIndex = at;
    return BARE_REQUEST_LINE.test(line) ? BARE_REQUEST_LINE.lastIndex : -1;
  }
  if (end === "") return line.length;
  return line.indexOf(isQuoted ? '"' : end, at);
}

function takeRequestLine(read: ReadLine, text: string): void {
  const first = text.indexOf(" ");
  const last = text.lastIndexOf(" ");
  if (first < 0 || !text.startsWith("HTTP/", last + 1)) {
    takeTarget(read, text);
    return;
  }
  read.values.method = text.slice(0, first);
  read.values.protocol = text.slice(last + 1);
  takeTarget(read, text.slice(first + 1, last));
}

function takeTarget(read: ReadLine, target: string): void {
  read.values.target = target;
  const query = target.indexOf("?");
  read.values.path = query < 0 ? target : target.slice(0, query);
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    ESCAPE,
    (_, hex?: string, letter?: string) =>
      hex === undefined ? letter! : String.fromCharCode(parseInt(hex, 16)),
  );
}

/** The number that `text` is, times `unit`, if it counts something. */
function numberOf(text: string, unit = 1): number | undefined {
  return NUMBER.test(text) ? countOf(Number(text) * unit) : undefined;
}

/** `value`, if it can be one of something that is counted or measured: sums of others would be no numbers. */
function countOf(value: number): number | undefined {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
