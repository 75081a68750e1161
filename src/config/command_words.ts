/**
 * Tells the options of a command line apart from its other words.
 *
 * @module
 */

// @ts-types="../types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { hostText } from "../net/address.ts";
import type { Given } from "./given.ts";
import { refuseTwice } from "./given.ts";
import type { OptionSpec } from "./option_spec.ts";
import { hasOptionalValue } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";
import { parseCount } from "./values.ts";

/** What the words of a command line are. */
export interface CommandWords {
  /** What is asked for instead of what the command does. */
  readonly asksFor: "help" | "version" | null;
  /** The options, in the order of the table, with `--host` and `--port` as the endpoint that they are short for. */
  readonly flags: readonly Given[];
  /** All other words. */
  readonly positional: string[];
}

/**
 * Reads the words of a command line that has the options of `serve`.
 *
 * @throws {ConfigError} if an option is unknown, or has a value that it cannot have
 */
export function readWords(args: readonly string[]): CommandWords {
  refuseMisreadWords(args);
  const valueless = OPTIONS.filter(({ value }) => value === undefined).map(({ name }) => name);
  const valued = OPTIONS.filter(({ value }) => value !== undefined).map(({ name }) => name);
  const { words, bare } = withoutBareOptions(args);
  const parsed = parseArgs(withJoinedHyphens(words, valued), {
    // Positional arguments stay text, even if they look like numbers.
    string: [...valued, "_"],
    boolean: valueless,
    collect: [...valued, ...valueless],
    alias: Object.fromEntries(
      OPTIONS.flatMap(({ name, letter }) => letter === undefined ? [] : [[letter, name]]),
    ),
    "--": true,
    unknown: (arg, key) => {
      if (key !== undefined) throw unknownOption(arg);
    },
  });
  const before = parsed._.map(String);
  if (given(parsed.help).length > 0) return { asksFor: "help", flags: [], positional: before };
  if (given(parsed.version).length > 0) {
    return { asksFor: "version", flags: [], positional: before };
  }

  const named = OPTIONS.flatMap((option): Given[] => {
    const name = `--${option.name}`;
    const texts = given(parsed[option.name]).map((text) => valueOf(option, text));
    if (bare.has(name)) texts.unshift("");
    return texts.map((text) => ({ option, text, name, origin: `flag ${name}` }));
  });
  const positional = [...before, ...(parsed["--"] ?? []).map(String)];
  return { asksFor: null, flags: withEndpoint(named), positional };
}

/** The flags, with `--host` and `--port` replaced by an endpoint. */
function withEndpoint(flags: readonly Given[]): Given[] {
  const isPart = ({ option: { name } }: Given) => name === "host" || name === "port";
  const parts = flags.filter(isPart);
  if (parts.length === 0) return [...flags];
  const [host, port] = ["host", "port"].map((name) => {
    const given = parts.filter(({ option }) => option.name === name);
    if (given.length > 0) refuseTwice(given);
    return given[0]?.text;
  });
  if (port !== undefined) parseCount("--port", port!, { min: 0, max: 65_535 });
  const has = (name: string) => flags.some(({ option }) => option.name === name);
  const isSecure = has("cert") && has("key") && !has("https");
  const option = OPTIONS.find(({ name }) => name === (isSecure ? "https" : "http"))!;
  const { name, origin } = parts[0];
  const text = `${hostText(host ?? "127.0.0.1")}:${port ?? 8000}`;
  return [...flags.filter((given) => !isPart(given)), { option, text, name, origin }];
}

/** The value of `option` as it was written, if it can have it. */
function valueOf(option: OptionSpec, value: unknown): string {
  const name = `--${option.name}`;
  // The parser says `true` of an option without a value.
  if (option.value === undefined) return "";
  if (hasOptionalValue(option) && value === "") {
    throw new ConfigError(`${name}= needs a value after the equals sign, or no equals sign`);
  }
  if (value === "") throw new ConfigError(`${name} needs a value: ${name} ${option.value}`);
  return String(value);
}

/**
 * Removes the options whose optional value was left out: the parser would take the next word for
 * it.
 */
function withoutBareOptions(args: readonly string[]): { words: string[]; bare: Set<string> } {
  const names = new Set(OPTIONS.filter(hasOptionalValue).map(({ name }) => `--${name}`));
  const end = args.indexOf("--");
  const isBare = (word: string, place: number) => (end < 0 || place < end) && names.has(word);
  return {
    words: args.filter((word, place) => !isBare(word, place)),
    bare: new Set(args.filter(isBare)),
  };
}

/** The words, with a lone hyphen, which stands for an output, joined to the option of `names` before it. */
function withJoinedHyphens(words: readonly string[], names: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [place, word] of words.entries()) {
    if (word === "--") return [...joined, ...words.slice(place)];
    const isValue = word === "-" && names.some((name) => `--${name}` === words[place - 1]);
    if (isValue) joined[joined.length - 1] += "=-";
    else joined.push(word);
  }
  return joined;
}

/** The values given for an option: a list, whatever the parser made of it. */
function given(value: unknown): unknown[] {
  if (value === undefined || value === false) return [];
  return (Array.isArray(value) ? value : [value]).filter((each) => each !== false);
}

/**
 * Refuses words that the parser would take for something else: a flag's value (`--factory=no`,
 * `--factory false`, `-h5`), and `--no-workers=3`, which it reads as `--workers=3`.
 */
function refuseMisreadWords(args: readonly string[]): void {
  for (const [place, word] of args.entries()) {
    if (word === "--") return;
    const [name] = word.split("=", 1);
    const next = args[place + 1];
    if (isFlag(name) && (name !== word || next === "true" || next === "false")) {
      throw new ConfigError(`${name} takes no value`);
    }
    const isNegated = name !== word && name.startsWith("--no-");
    const isCluster = /^-[^-]/.test(word);
    if (isNegated && !OPTIONS.some((option) => name === `--${option.name}`)) {
      throw unknownOption(word);
    }
    if (isCluster && ![...word.slice(1)].every(isLetter)) throw unknownOption(word);
  }
}

function isLetter(letter: string): boolean {
  return OPTIONS.some((option) => option.letter === letter);
}

/** Whether `word` is the name of an option without a value, dashes included. */
function isFlag(word: string): boolean {
  return OPTIONS.some(({ name, letter, value }) =>
    value === undefined && (word === `--${name}` || word === `-${letter}`)
  );
}

function unknownOption(word: string): ConfigError {
  const name = word.replace(/=.*$/s, "");
  const bareName = name.replace(/^-+/, "");
  return new ConfigError(`unknown option ${name}${adviceOn(bareName)}`);
}

/** What stands here for options that `deno serve` has and gatehouse has not. */
const DENO_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["A", "use --app-allow-all to let apps do everything"],
  ["E", "use --app-allow-env"],
  ["I", "use --allow-import"],
  ["N", "use --app-allow-net"],
  ["R", "use --app-allow-read"],
  ["S", "use --app-allow-sys"],
  ["W", "use --app-allow-write"],
  ["parallel", "apps run in --workers N, by default one for each core"],
  ["watch-hmr", "use --watch"],
  ["V", "use --version"],
  ["c", "the deno.json beside the app counts"],
  ["r", "use --reload"],
  ["q", "use --log-level error"],
  ["quiet", "use --log-level error"],
  ["check", "gatehouse checks no types: run deno check"],
  ["no-check", "gatehouse checks no types: leave it out"],
  ["no-prompt", "gatehouse never asks: leave it out"],
  ["no-lock", "the deno.lock beside the app's deno.json counts, and is never written"],
  ["frozen-lockfile", "use --frozen"],
  ["node-modules-dir", 'write "nodeModulesDir" into the app\'s deno.json'],
  ["inspect-brk", "use --inspect"],
  ["inspect-wait", "use --inspect"],
  ["unstable", 'write "unstable" into the app\'s deno.json'],
  ["unstable-temporal", "apps always have it: leave it out"],
  ["unstable-broadcast-channel", "apps always have it: leave it out"],
  ["unstable-worker-options", "apps always have it: leave it out"],
]);

/** What stands here for those whose names begin like that. */
const DENO_PREFIXES: readonly (readonly [prefix: string, advice: string])[] = [
  ["deny-", "list what apps may do: --app-allow-…=LIST"],
  ["ignore-", "list what apps may do: --app-allow-…=LIST"],
];

function adviceOn(bareName: string): string {
  const advice = DENO_OPTIONS.get(bareName) ??
    DENO_PREFIXES.find(([prefix]) => bareName.startsWith(prefix))?.[1];
  if (advice !== undefined) return `; ${advice}`;
  const names = OPTIONS.map(({ name }) => name);
  if (names.includes(`app-${bareName}`)) return `; did you mean --app-${bareName}?`;
  return nearest(bareName, names).replace("mean ", "mean --");
}
