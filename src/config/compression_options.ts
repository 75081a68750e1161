/**
 * The options about the compression of responses.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Coding, CodingLevel } from "../compression/codec/settings.ts";
import {
  DEFAULT_COMPRESSION,
  DEFAULT_TYPES,
  isExceptPath,
  isTypePattern,
  LEVELS,
} from "../compression/codec/settings.ts";
import { RANGES } from "../limits/setting_ranges.ts";
import type { OptionSpec } from "./option_spec.ts";
import { formatByteSize, parseByteSize, parseCount } from "./values.ts";

/** The options, in the order of the help text. */
export const COMPRESSION_OPTIONS: readonly OptionSpec[] = [
  {
    name: "compress",
    value: "[=CODINGS]",
    group: "Compression",
    brief: "Compress responses, for clients that can",
    help:
      "Compress responses, for clients that can: with br, zstd (where the runtime has it) and " +
      "gzip, or with those of a list such as br:5,gzip, the favourite first, each with a level if " +
      "you like: br 0 to 11 (default: 4), zstd 1 to 19 (3), gzip 1 to 9 (6)",
    apply: (settings, text, name) => settings.compress = parseCodings(text, name),
    switchOff: (settings) => settings.compress = null,
  },
  {
    name: "compress-types",
    value: "TYPES",
    needs: "compress",
    group: "Compression",
    help:
      "Compress these media types: a list of TYPE/SUBTYPE, TYPE/* and *+SUFFIX. +, before it adds " +
      "it to the usual ones: text, JSON, JavaScript, XML, WebAssembly, fonts and bitmaps. Event " +
      "streams are compressed if text/event-stream is in it",
    apply: (settings, text, name) => settings.compressTypes = parseTypes(text, name),
  },
  {
    name: "compress-min-bytes",
    value: "BYTES",
    needs: "compress",
    group: "Compression",
    help: "Leave responses alone that are shorter, if their length is known",
    default: formatByteSize(DEFAULT_COMPRESSION.minBytes),
    apply: (settings, text, name) =>
      settings.compressMinBytes = parseByteSize(name, text, RANGES.compressMinBytes.max),
  },
  {
    name: "compress-except",
    value: "PATHS",
    needs: "compress",
    group: "Compression",
    help:
      "Leave the responses of these paths alone, and of all below them: a list such as /account,/api, " +
      "for pages that have secrets beside what others choose",
    apply: (settings, text, name) => settings.compressExcept = parsePaths(text, name),
  },
];

/**
 * Reads a list of codings; the default if it is empty.
 *
 * @throws {ConfigError} if it is something else
 */
export function parseCodings(text: string, name: string): readonly CodingLevel[] {
  if (text === "") return DEFAULT_COMPRESSION.codings;
  const codings: CodingLevel[] = [];
  for (const each of text.split(",")) {
    const [coding, level] = each.trim().split(/:(.*)/s);
    if (!isCoding(coding)) {
      throw new ConfigError(
        `${name} takes br, zstd and gzip, each with :LEVEL or without, not ${JSON.stringify(each)}`,
      );
    }
    if (codings.some((other) => other.coding === coding)) {
      throw new ConfigError(`${name} has ${coding} twice`);
    }
    const { min, max, default: usual } = LEVELS[coding];
    const range = { kind: "count", min, max } as const;
    codings.push({
      coding,
      level: level === undefined
        ? usual
        : parseCount(`the level of ${coding} in ${name}`, level, range),
    });
  }
  return codings;
}

function isCoding(text: string): text is Coding {
  return Object.hasOwn(LEVELS, text);
}

function parsePaths(text: string, name: string): readonly string[] {
  const paths = text.split(",").map((each) => each.trim());
  for (const path of paths) {
    if (isExceptPath(path)) continue;
    throw new ConfigError(`${name} takes paths such as /account, not ${JSON.stringify(path)}`);
  }
  return paths;
}

function parseTypes(text: string, name: string): readonly string[] {
  const given = text.split(",").map((each) => each.trim().toLowerCase());
  const adds = given[0] === "+";
  if (adds) given.shift();
  for (const each of given) {
    if (isTypePattern(each)) continue;
    throw new ConfigError(
      `${name} takes TYPE/SUBTYPE, TYPE/* and *+SUFFIX, not ${JSON.stringify(each)}`,
    );
  }
  return adds ? [...DEFAULT_TYPES, ...given] : given;
}
