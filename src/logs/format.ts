/**
 * The forms of access log lines: `common` and `combined` as web servers have them, `json`, and any other that is
 * composed of directives as Apache has them.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";

/** What a directive stands for. */
export type Value =
  | "client"
  | "time"
  | "request line"
  | "method"
  | "path"
  | "query"
  | "target"
  | "protocol"
  | "status"
  | "bytes in"
  | "bytes out"
  | "bytes out or dash"
  | "duration in s"
  | "duration in ms"
  | "duration in us"
  | "first byte in ms"
  | "queued in ms"
  | "endpoint"
  | "scheme"
  | "mount"
  | "worker"
  | "generation"
  | "request id"
  | "outcome"
  | "process"
  | "dash";

/** Part of a line. */
export type Piece = { readonly kind: "literal"; readonly text: string } | ValuePiece;

/** Part of a line that differs from request to request. */
export type ValuePiece =
  & (
    | { readonly kind: "value"; readonly value: Value }
    /** Name of the request's field, in lower case. */
    | { readonly kind: "field"; readonly name: string }
  )
  & {
    /** Whether a quote ends it, so that it can have spaces. */
    readonly isQuoted: boolean;
    /** The literal that ends it, which is never in it; `""` where the line ends. */
    readonly end: string;
  };

/** A form of lines. */
export type LogFormat =
  | { readonly kind: "json" }
  | { readonly kind: "pieces"; readonly pieces: readonly Piece[] };

/** Directives of one letter. */
const LETTERS: Readonly<Record<string, Value>> = {
  h: "client",
  a: "client",
  l: "dash",
  u: "dash",
  t: "time",
  r: "request line",
  m: "method",
  U: "path",
  q: "query",
  H: "protocol",
  s: "status",
  b: "bytes out or dash",
  B: "bytes out",
  O: "bytes out",
  I: "bytes in",
  D: "duration in us",
  T: "duration in s",
  P: "process",
};
/** Directives that are named: `%{NAME}g`. */
const NAMED: Readonly<Record<string, Value>> = {
  "target": "target",
  "duration": "duration in ms",
  "first-byte": "first byte in ms",
  "queued": "queued in ms",
  "endpoint": "endpoint",
  "scheme": "scheme",
  "mount": "mount",
  "worker": "worker",
  "generation": "generation",
  "request-id": "request id",
  "outcome": "outcome",
};

const COMMON = '%h %l %u %t "%r" %>s %b';
/** Formats by name. */
const NAMES: Readonly<Record<string, string>> = {
  common: COMMON,
  combined: `${COMMON} "%{Referer}i" "%{User-Agent}i"`,
};

/** A directive, or a percent sign that begins none. */
const DIRECTIVE = /%(?:(%)|>?([A-Za-z])|\{([^{}]{1,64})\}([A-Za-z]))|%/g;
const CONTROL = /\p{Cc}/u;
/** What escapes are made of. */
const OF_ESCAPES = /[\\x0-9a-f]/;
/** Values in which nothing is a client's. */
const OWN_VALUES: ReadonlySet<Value> = new Set<Value>([
  ...["time", "protocol", "status", "bytes in", "bytes out", "bytes out or dash"] as const,
  ...["duration in s", "duration in ms", "duration in us", "first byte in ms"] as const,
  ...["queued in ms", "endpoint", "scheme", "worker", "generation", "process", "dash"] as const,
]);

/**
 * The format that `text` names or composes; `name` is how the user wrote the option.
 *
 * @throws {ConfigError} if it is neither
 */
export function parseLogFormat(text: string, name: string): LogFormat {
  if (text === "json") return { kind: "json" };
  const composed = NAMES[text] ?? text;
  if (!composed.includes("%")) {
    const known = ["json", ...Object.keys(NAMES)];
    throw new ConfigError(
      `${name} takes common, combined, json, or a format with directives such as %h and %s, not ` +
        `${JSON.stringify(text)}${nearest(text, known)}`,
    );
  }
  if (CONTROL.test(composed)) throw new ConfigError(`${name} has a control character`);
  if (/[^\x20-\x7e]/.test(composed)) throw new ConfigError(`${name} takes ASCII`);
  const pieces: Piece[] = [];
  let literal = "";
  let done = 0;
  for (const match of composed.matchAll(DIRECTIVE)) {
    const [directive, percent, letter, argument, kind] = match;
    literal += composed.slice(done, match.index);
    done = match.index + directive.length;
    if (percent !== undefined) {
      literal += "%";
      continue;
    }
    const isQuoted = (literal.split('"').length - 1 + quotesIn(pieces)) % 2 === 1;
    const piece = pieceOf(directive, letter, argument, kind, isQuoted, name);
    if (literal !== "") pieces.push({ kind: "literal", text: literal });
    literal = "";
    pieces.push(piece);
  }
  literal += composed.slice(done);
  if (literal !== "") pieces.push({ kind: "literal", text: literal });
  return { kind: "pieces", pieces: withEnds(pieces, name) };
}

/** `pieces`, each value with what ends it. */
function withEnds(pieces: readonly Piece[], name: string): Piece[] {
  let end = "";
  return pieces.toReversed().map((piece) => {
    if (piece.kind === "literal") {
      end = piece.text;
      return piece;
    }
    const isOwn = piece.kind === "value" && OWN_VALUES.has(piece.value);
    if (end !== "" && endByte(end) === NO_BYTE && !isOwn) {
      throw new ConfigError(
        `${name} has ${JSON.stringify(end)} after a value that can have it in itself: ` +
          `separate them by something else`,
      );
    }
    return { ...piece, isQuoted: piece.isQuoted && end.startsWith('"'), end };
  }).reverse();
}

/** What {@linkcode endByte} has for a text that has none. */
export const NO_BYTE = -1;

/** The byte of a literal that is escaped in values before it, so that these never have all of it. */
export function endByte(end: string): number {
  for (const char of end) if (!OF_ESCAPES.test(char)) return char.charCodeAt(0);
  return NO_BYTE;
}

function quotesIn(pieces: readonly Piece[]): number {
  let quotes = 0;
  for (const piece of pieces) {
    if (piece.kind === "literal") quotes += piece.text.split('"').length - 1;
  }
  return quotes;
}

function pieceOf(
  directive: string,
  letter: string | undefined,
  argument: string | undefined,
  kind: string | undefined,
  isQuoted: boolean,
  name: string,
): Piece {
  const end = "";
  if (letter !== undefined && Object.hasOwn(LETTERS, letter)) {
    return { kind: "value", value: LETTERS[letter], isQuoted, end };
  }
  if (kind === "i" && /^[\w-]+$/.test(argument!)) {
    return { kind: "field", name: argument!.toLowerCase(), isQuoted, end };
  }
  if (kind === "g" && Object.hasOwn(NAMED, argument!)) {
    return { kind: "value", value: NAMED[argument!], isQuoted, end };
  }
  const advice = kind === "g" ? nearest(argument!, Object.keys(NAMED)) : "";
  throw new ConfigError(
    directive === "%"
      ? `${name} has a percent sign that begins no directive: write %% for one`
      : `${name} has ${directive}, which is not a directive${advice}`,
  );
}
