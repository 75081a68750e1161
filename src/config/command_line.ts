/**
 * From the words of a command line to what is to be done.
 *
 * @module
 */

// @ts-types="../types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
// @ts-types="../types/std_closest_string.d.ts"
import { closestString } from "@std/text/closest-string";
import { ConfigError } from "../errors.ts";
import { parseListenAddress } from "../net/address.ts";
import { hasOptionalValue, mountApp, OPTIONS } from "./options.ts";
import type { CacheAction, ServeSettings } from "./settings.ts";
import { defaultSettings } from "./settings.ts";

/** What a command line asks for. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "status"; readonly endpoint: string }
  | {
    readonly kind: "cache";
    /** What is done: apps fetched, the cache described, or emptied. */
    readonly action: CacheAction;
    /** Apps to fetch, by path or URL. */
    readonly apps: readonly string[];
    readonly settings: ServeSettings;
  }
  | { readonly kind: "serve"; readonly settings: ServeSettings };

/**
 * Reads the arguments of the `gatehouse` command.
 *
 * @throws {ConfigError} if they cannot be understood, or do not go together
 */
export function parseCommandLine(args: readonly string[]): Command {
  refuseMisreadWords(args);
  const flags = OPTIONS.filter(({ value }) => value === undefined).map(({ name }) => name);
  const valued = OPTIONS.filter(({ value }) => value !== undefined).map(({ name }) => name);
  const { words, bare } = withoutBareOptions(args);
  const parsed = parseArgs(words, {
    // Positional arguments stay text, even if they look like numbers.
    string: [...valued, "_"],
    boolean: flags,
    collect: [...valued, ...flags],
    alias: Object.fromEntries(
      OPTIONS.flatMap(({ name, letter }) => letter === undefined ? [] : [[letter, name]]),
    ),
    "--": true,
    unknown: (arg, key) => {
      if (key !== undefined) throw unknownOption(arg);
    },
  });
  if (given(parsed.help).length > 0) return { kind: "help" };
  if (given(parsed.version).length > 0) return { kind: "version" };

  const settings = defaultSettings();
  const positional = [...parsed._, ...parsed["--"] ?? []].map(String);
  const verb = VERBS.has(positional[0]) ? positional.shift() : "serve";
  if (verb !== "cache") {
    const [app, ...middleware] = positional;
    if (app !== undefined) mountApp(settings, "", app);
    settings.middleware = middleware;
  }
  for (const option of OPTIONS) {
    const values = given(parsed[option.name]);
    const name = `--${option.name}`;
    if (values.length > 1 && option.repeats === undefined && option.value !== undefined) {
      throw new ConfigError(`${name} is given more than once`);
    }
    if (bare.has(name)) option.apply(settings, "", name);
    for (const value of values) {
      if (hasOptionalValue(option) && value === "") {
        throw new ConfigError(`${name}= needs a value after the equals sign, or to be without one`);
      }
      if (option.value !== undefined && value === "") {
        throw new ConfigError(`${name} needs a value: ${name} ${option.value}`);
      }
      option.apply(settings, String(value), name);
    }
  }
  // Only now: the empty value of an option is among the positional arguments too.
  if (positional.includes("")) {
    throw new ConfigError(
      "an argument is empty: apps and middleware are named by URL or path " +
        "(is a variable of the shell not set?)",
    );
  }
  const { mongrel2Control, cacheAction } = settings;
  if (verb === "cache") return cacheCommand(settings, positional);
  if (cacheAction !== "fetch") {
    throw new ConfigError(`--${cacheAction} is for gatehouse cache`);
  }
  if (verb === "status") {
    if (mongrel2Control === undefined) {
      throw new ConfigError("status needs --mongrel2-control ENDPOINT");
    }
    return { kind: "status", endpoint: mongrel2Control };
  }
  if (mongrel2Control !== undefined) {
    throw new ConfigError("--mongrel2-control is for gatehouse status");
  }
  return { kind: "serve", settings: completed(settings) };
}

/** Words that say what to do, before everything else. */
const VERBS: ReadonlySet<string> = new Set(["serve", "status", "cache"]);

function cacheCommand(settings: ServeSettings, positional: readonly string[]): Command {
  const { cacheAction: action, mounts, middleware } = settings;
  const apps = [...positional, ...mounts.map(({ app }) => app), ...middleware];
  if (action === "fetch" && apps.length === 0) {
    throw new ConfigError("cache needs apps to fetch, or --info, or --clean");
  }
  if (action !== "fetch" && apps.length > 0) {
    throw new ConfigError(`cache --${action} takes no apps`);
  }
  return { kind: "cache", action, apps, settings };
}

/**
 * Takes the options out whose optional value was left out: the parser would make the next word of
 * them.
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

/** Checks what must go together, and fills in the default endpoint. */
function completed(settings: ServeSettings): ServeSettings {
  if (settings.mounts.length === 0) {
    throw new ConfigError("no app is named: give the URL or path of one, or --mount /PREFIX=APP");
  }
  const { certFile, keyFile } = settings;
  if (settings.https.length > 0 && (certFile === undefined || keyFile === undefined)) {
    throw new ConfigError("--https needs --cert FILE and --key FILE");
  }
  if (settings.https.length === 0 && (certFile !== undefined || keyFile !== undefined)) {
    throw new ConfigError("--cert and --key are for --https ADDR, which is not given");
  }
  checkPermissions(settings);
  const { mongrel2Config, mongrel2Choice } = settings;
  if (mongrel2Config === undefined && Object.keys(mongrel2Choice).length > 0) {
    throw new ConfigError("--mongrel2-handler, -route, -host and -server need --mongrel2-config");
  }
  const endpoints = [settings.http, settings.https, settings.fastcgi, settings.mongrel2];
  if (mongrel2Config === undefined && endpoints.every(({ length }) => length === 0)) {
    settings.http.push(parseListenAddress("127.0.0.1:8000"));
  }
  return settings;
}

function checkPermissions({ appPermissions, appAllowAll, workers }: ServeSettings): void {
  const [kind] = Object.keys(appPermissions);
  if (kind === undefined) return;
  if (appAllowAll) {
    throw new ConfigError(`--app-allow-all includes --app-allow-${kind}: give one of them`);
  }
  if (workers === 0) {
    throw new ConfigError(
      `--app-allow-${kind} is for apps in workers: with --workers 0 they run on the gateway's own ` +
        "thread, and may do all that it may",
    );
  }
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
  // One letter is as near to one name as to any other.
  if (bareName.length < 2) return new ConfigError(`unknown option ${name}`);
  const nearest = closestString(bareName, OPTIONS.map((option) => option.name));
  return new ConfigError(`unknown option ${name}; did you mean --${nearest}?`);
}
