/**
 * What is compressed, and how.
 *
 * @module
 */

import type { Coding } from "../../message/accepted_coding.ts";

export type { Coding };

/** A coding, and how hard it tries. */
export interface CodingLevel {
  /** The coding. */
  readonly coding: Coding;
  /** From {@linkcode LEVELS}: more is smaller, and slower. */
  readonly level: number;
}

/** The levels of a coding. */
export interface LevelRange {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/** Which levels there are. The highest ones take a hundred times as long as the defaults. */
export const LEVELS: Readonly<Record<Coding, LevelRange>> = {
  br: { min: 0, max: 11, default: 4 },
  zstd: { min: 1, max: 19, default: 3 },
  gzip: { min: 1, max: 9, default: 6 },
};

/** What responses are compressed. */
export interface CompressionSettings {
  /** The codings that are offered; the first wins where a client likes several as much. */
  readonly codings: readonly CodingLevel[];
  /**
   * Media types of what is compressed, in lower case: `type/subtype`, `type/*`, or `*+suffix`. Event streams
   * are only meant by their whole name, `text/event-stream`.
   */
  readonly types: readonly string[];
  /** Shorter bodies, whose length is known, are sent as they are, in bytes. */
  readonly minBytes: number;
  /** Paths whose responses, and those of what is below them, are sent as they are: `/account`. */
  readonly exceptPaths: readonly string[];
}

/** Media types that are worth it. */
export const DEFAULT_TYPES: readonly string[] = [
  "text/*",
  "*+json",
  "*+xml",
  "*+text",
  "application/json",
  "application/javascript",
  "application/x-javascript",
  "application/ecmascript",
  "application/xml",
  "application/x-ndjson",
  "application/graphql",
  "application/yaml",
  "application/toml",
  "application/wasm",
  "application/vnd.ms-fontobject",
  "font/otf",
  "font/ttf",
  "image/bmp",
  "image/x-icon",
  "image/vnd.microsoft.icon",
];

/** What is done where nothing else is said. */
export const DEFAULT_COMPRESSION: CompressionSettings = {
  codings: (["br", "zstd", "gzip"] as const).map((coding) => ({
    coding,
    level: LEVELS[coding].default,
  })),
  types: DEFAULT_TYPES,
  minBytes: 1_024,
  exceptPaths: [],
};

const EVENT_STREAM = "text/event-stream";
const TOKEN = "[\\w!#$%&'*+\\-.^`|~]+";
const PATTERN = new RegExp(`^(?:${TOKEN}/${TOKEN}|\\*\\+${TOKEN})$`);

/** Whether `text` can be one of {@linkcode CompressionSettings.types}. */
export function isTypePattern(text: string): boolean {
  return PATTERN.test(text) && text === text.toLowerCase() && !/^\*\/|\/\*.|\/.+\*/.test(text);
}

/**
 * Whether `text` can be one of {@linkcode CompressionSettings.exceptPaths}: as in a URL, without a slash at its end,
 * or a star, which would be taken for a pattern (as itself, it is %2A).
 */
export function isExceptPath(text: string): boolean {
  return /^(?:\/[!"$-)+-.0->@-~]+)+$/.test(text);
}

/** Whether a media type, in lower case and without parameters, is one of `types`. */
export function isAmong(types: readonly string[], type: string): boolean {
  for (const each of types) {
    if (each === type) return true;
    if (type === EVENT_STREAM) continue;
    if (each.startsWith("*+")) {
      if (type.endsWith(each.slice(1))) return true;
    } else if (each.endsWith("/*") && type.startsWith(each.slice(0, -1))) {
      return true;
    }
  }
  return false;
}
