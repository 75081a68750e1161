/**
 * The command line of `gatehouse log`.
 *
 * @module
 */

// @ts-types="../types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { parseLogFormat } from "../logs/format.ts";
import type { LogFormat } from "../logs/format.ts";
import type { Grouping } from "../logs/line_reader.ts";
import { GROUPINGS } from "../logs/line_reader.ts";
import { parseTime } from "../logs/time_words.ts";
import { parseCount } from "./values.ts";

/** What `gatehouse log summarize` is to do. */
export interface LogCommand {
  readonly kind: "log";
  /** Path of the log; `"-"` for standard input. */
  readonly file: string;
  /** What is grouped by. */
  readonly groupBy: Grouping;
  /** The time span that counts, in milliseconds since 1970. */
  readonly earliestMs: number;
  readonly latestMs: number;
  /** The format of the lines; `null` if each is to be known by its form. */
  readonly format: LogFormat | null;
  /** How many groups are shown. */
  readonly top: number;
  /** What is printed. */
  readonly output: "table" | "json";
}

const VALUED = ["earliest", "latest", "group-by", "format", "top"];
const FLAGS = ["json"];
const DEFAULT_TOP = "50";

/**
 * Reads the words after `log`.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function parseLogCommand(words: readonly string[], nowMs: number): LogCommand {
  const [action, ...rest] = words;
  if (action !== "summarize") {
    throw new ConfigError("log needs a subcommand: summarize FILE");
  }
  const parsed = parseArgs(withJoinedValues(rest), {
    string: [...VALUED, "_"],
    boolean: FLAGS,
    collect: VALUED,
    "--": true,
    unknown: (arg, key) => {
      if (key === undefined) return;
      const name = arg.replace(/=.*$/s, "");
      const known = [...VALUED, ...FLAGS].map((each) => `--${each}`);
      throw new ConfigError(`log summarize has no option ${name}${nearest(name, known)}`);
    },
  });
  const texts = [...parsed._, ...parsed["--"] ?? []].map(String);
  if (texts.length > 1) throw new ConfigError("log summarize takes one FILE, or - (or none)");
  const value = (name: string): string | undefined => {
    const given = parsed[name];
    const texts = Array.isArray(given) ? given.map(String) : [];
    if (texts.length > 1) throw new ConfigError(`--${name} is given twice`);
    if (texts[0] === "") throw new ConfigError(`--${name} needs a value`);
    return texts[0];
  };
  const [earliest, latest] = ["earliest", "latest"].map(value);
  const format = value("format");
  return {
    kind: "log",
    file: texts[0] ?? "-",
    groupBy: groupingOf(value("group-by") ?? "path"),
    earliestMs: earliest === undefined ? -Infinity : parseTime(earliest, nowMs, "--earliest"),
    latestMs: latest === undefined ? Infinity : parseTime(latest, nowMs, "--latest"),
    format: format === undefined ? null : parseLogFormat(format, "--format"),
    top: parseCount("--top", value("top") ?? DEFAULT_TOP, { min: 1, max: 1_000_000 }),
    output: parsed.json === true ? "json" : "table",
  };
}

/** Spawning calls it so. */
const OTHER_NAMES: Readonly<Record<string, Grouping>> = { status_code: "status" };

function groupingOf(text: string): Grouping {
  const name = OTHER_NAMES[text] ?? text;
  const grouping = GROUPINGS.find((each) => each === name);
  if (grouping !== undefined) return grouping;
  throw new ConfigError(
    `--group-by takes ${GROUPINGS.join(", ")}, not ${JSON.stringify(text)}${
      nearest(text, GROUPINGS)
    }`,
  );
}

/** The words, with each value joined to its option: one may begin with a dash, as `-1 hour` does. */
function withJoinedValues(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === "--") return [...joined, ...words.slice(i)];
    const takesNext = VALUED.some((name) => word === `--${name}`) && i + 1 < words.length;
    joined.push(takesNext ? `${word}=${words[++i]}` : word);
  }
  return joined;
}
