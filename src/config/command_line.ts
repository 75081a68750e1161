/**
 * Parses the command line.
 *
 * @module
 */

// @ts-types="../types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { ConfigError } from "../base/errors.ts";
import type { BenchSettings } from "./bench_options.ts";
import type { DispatchSettings } from "./dispatch_options.ts";
import type { FetchSettings } from "./fetch_options.ts";
import type { ListenAddress } from "../net/address.ts";
import { hostText, parseListenAddress } from "../net/address.ts";
import { COMMAND_NAMES, CONFIG_SERVERS, RESERVED_WORDS, SHELL_NAMES } from "./commands.ts";
import { checkGreetings, checkSecure } from "./proxy_options.ts";
import { CONFIG_OPTIONS } from "./config_options.ts";
import type { ConfigSources } from "./gather.ts";
import { gather, NO_SOURCES } from "./gather.ts";
import type { Given, Origins } from "./given.ts";
import { refuseTwice } from "./given.ts";
import { nearest } from "../base/nearest.ts";
import type { LogCommand } from "./log_command.ts";
import { isDispatcherSpec, sharedHandler } from "../mongrel2/codec/dispatcher_spec.ts";
import type { OptionSpec } from "./options.ts";
import { hasOptionalValue, OPTIONS } from "./options.ts";
import type { ReapSettings } from "./reap_options.ts";
import type { RespondSettings } from "./respond_options.ts";
import type { CacheAction, ServeSettings } from "./settings.ts";
import { parseCount } from "./values.ts";

/** What a command line asks for. */
export type Command =
  | {
    readonly kind: "help";
    /** What about; absent for the first screen. */
    readonly topic?: string;
  }
  | { readonly kind: "version" }
  | { readonly kind: "fetch"; readonly settings: FetchSettings }
  | { readonly kind: "bench"; readonly settings: BenchSettings }
  | { readonly kind: "respond"; readonly settings: RespondSettings }
  | { readonly kind: "dispatch"; readonly settings: DispatchSettings }
  | { readonly kind: "reap"; readonly settings: ReapSettings }
  | { readonly kind: "keygen"; readonly path: string }
  | {
    readonly kind: "status";
    /** Whose status is shown. */
    readonly of:
      | { readonly server: "mongrel2"; readonly endpoint: string }
      | {
        readonly server: "gatehouse";
        /** Where it shows its status. */
        readonly address: ListenAddress;
        /** File of the token, to see more. */
        readonly tokenFile: string | undefined;
        /** Whether it is shown once, or again and again. */
        readonly watching: "once" | "on";
      };
  }
  | LogCommand
  | {
    readonly kind: "completions";
    /** One of {@linkcode SHELL_NAMES}. */
    readonly shell: string;
  }
  | { readonly kind: "man" }
  | {
    readonly kind: "cache";
    /** What is done: apps fetched, the cache described, or emptied. */
    readonly action: CacheAction;
    /** Apps to fetch, by path or URL. */
    readonly apps: readonly string[];
    readonly settings: ServeSettings;
  }
  | {
    readonly kind: "lock";
    /** Path of the lock that is written. */
    readonly path: string;
    readonly settings: ServeSettings;
  }
  | {
    readonly kind: "config";
    /** What is done: the configuration checked, or shown. */
    readonly action: "check" | "show";
    readonly settings: ServeSettings;
    /** Where the settings come from. */
    readonly origins: Origins;
  }
  | {
    readonly kind: "server-config";
    /** The server that a configuration is made of: one of {@linkcode CONFIG_SERVERS}. */
    readonly server: string;
    readonly settings: ServeSettings;
    /** Where the settings come from. */
    readonly origins: Origins;
    /** The arguments that gatehouse would be started with. */
    readonly args: readonly string[];
  }
  | { readonly kind: "serve"; readonly settings: ServeSettings };

/** Commands that have options of their own, in a module of each. */
const OWN_COMMANDS = ["fetch", "bench", "respond", "dispatch", "reap"] as const;

/**
 * Reads the arguments of the `gatehouse` command, and with them what `sources` say: the
 * environment, and the configuration file. Commands with options of their own have these loaded.
 *
 * @throws {ConfigError} if they cannot be understood, or do not go together
 */
export async function parseCommand(
  args: readonly string[],
  sources: ConfigSources = NO_SOURCES,
): Promise<Command> {
  const [verb, ...words] = args;
  const own = OWN_COMMANDS.find((each) => each === verb);
  if (own !== undefined) return await ownCommand(own, words, sources);
  if (verb !== "log") return parseCommandLine(args, sources);
  if (words.some(isHelp)) return { kind: "help", topic: verb };
  const { parseLogCommand } = await import("./log_command.ts");
  return parseLogCommand(words, Date.now());
}

/**
 * The same for all commands but those that have options of their own.
 *
 * @throws {ConfigError} if they cannot be understood, or do not go together
 */
export function parseCommandLine(
  args: readonly string[],
  sources: ConfigSources = NO_SOURCES,
): Command {
  // An option after it is what the help is about.
  if (args[0] === "help" && args.length === 2 && !isHelp(args[1])) {
    return helpCommand(args.slice(1));
  }
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
  if (given(parsed.help).length > 0) return helpAbout(parsed._.map(String));
  if (given(parsed.version).length > 0) return { kind: "version" };

  const named = OPTIONS.flatMap((option): Given[] => {
    const name = `--${option.name}`;
    const texts = given(parsed[option.name]).map((text) => valueOf(option, text));
    if (bare.has(name)) texts.unshift("");
    return texts.map((text) => ({ option, text, name, origin: `flag ${name}` }));
  });
  const flags = withEndpoint(named);
  const positional = [...parsed._, ...parsed["--"] ?? []].map(String);
  if (RESERVED_WORDS.has(positional[0])) throw reservedWord(positional[0]);
  const verb = COMMAND_NAMES.has(positional[0]) ? positional.shift() : "serve";
  if (verb === "help") return helpCommand(positional);
  if (OWN_COMMANDS.some((each) => each === verb)) {
    throw new ConfigError(`${verb} comes first, before its options: gatehouse ${verb} …`);
  }
  if (verb === "log") throw new ConfigError("log has options of its own, which come after it");
  if (verb === "completions") return completionsCommand(positional);
  if (verb === "man") {
    if (positional.length > 0) throw new ConfigError("man takes no arguments");
    return { kind: "man" };
  }
  if (positional[0] === "run") {
    throw new ConfigError(
      'there is no command "run": gatehouse APP serves an app (write ./run for an app of that ' +
        "name)",
    );
  }
  if (positional.includes("")) {
    throw new ConfigError(
      "an argument is empty: name apps and middleware by URL or path " +
        "(is a shell variable unset?)",
    );
  }
  if (verb === "config") {
    return CONFIG_SERVERS.includes(positional[0])
      ? readServerConfigCommand(args, flags, positional, sources)
      : readConfigCommand(flags, positional, sources);
  }
  const { settings, origins, words: rest } = gather(
    flags,
    positional,
    verb === "serve" || verb === "lock" ? "apps" : "arguments",
    sources,
  );
  const { cacheAction } = settings;
  if (settings.site !== null) throw new ConfigError("--site is for gatehouse config");
  if (verb === "cache") return readCacheCommand(settings, rest);
  if (cacheAction !== "fetch") {
    throw new ConfigError(`--${cacheAction} is for gatehouse cache`);
  }
  if (verb === "status") return readStatusCommand(settings, origins, rest);
  if (origins.get("mongrel2-control")?.[0].origin.startsWith("flag")) {
    throw new ConfigError("--mongrel2-control is for gatehouse status");
  }
  if (verb === "lock") return readLockCommand(settings);
  return { kind: "serve", settings: completed(withApps(settings)) };
}

/** Commands that have options of their own, and no configuration. */
async function ownCommand(
  kind: typeof OWN_COMMANDS[number],
  words: readonly string[],
  { cwd }: ConfigSources,
): Promise<Command> {
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  if (own.some(isHelp)) return { kind: "help", topic: kind };
  switch (kind) {
    case "fetch": {
      const { parseFetch } = await import("./fetch_options.ts");
      return { kind, settings: parseFetch(words) };
    }
    case "bench": {
      const { parseBench } = await import("./bench_options.ts");
      return { kind, settings: parseBench(words) };
    }
    case "respond": {
      const { parseRespond } = await import("./respond_options.ts");
      return { kind, settings: parseRespond(words, cwd) };
    }
    case "dispatch": {
      const { parseDispatch, parseKeygen } = await import("./dispatch_options.ts");
      if (words[0] === "keygen") return { kind: "keygen", path: parseKeygen(words.slice(1), cwd) };
      return { kind, settings: parseDispatch(words, cwd) };
    }
    case "reap": {
      const { parseReap } = await import("./reap_options.ts");
      return { kind, settings: parseReap(words, cwd) };
    }
  }
}

function isHelp(word: string): boolean {
  return word === "-h" || word === "--help";
}

/** What `--help` after these words shows: a command's own help, or the first screen. */
function helpAbout([verb, ...words]: readonly string[]): Command {
  if (verb === "help") return helpCommand(words);
  return COMMAND_NAMES.has(verb) ? { kind: "help", topic: verb } : { kind: "help" };
}

function helpCommand(words: readonly string[]): Command {
  if (words.length > 1) throw new ConfigError("help takes one topic: gatehouse help TOPIC");
  return words.length === 0 ? { kind: "help" } : { kind: "help", topic: words[0] };
}

function reservedWord(word: string): ConfigError {
  return new ConfigError(
    `"${word}" is reserved for a command of a later version: write ./${word} for an app of that name`,
  );
}

function completionsCommand([shell, ...others]: readonly string[]): Command {
  if (SHELL_NAMES.includes(shell) && others.length === 0) return { kind: "completions", shell };
  throw new ConfigError(`completions needs one shell: ${SHELL_NAMES.join(", ")}`);
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

function readConfigCommand(
  flags: readonly Given[],
  positional: readonly string[],
  sources: ConfigSources,
): Command {
  const [action, ...words] = positional;
  if (action !== "check" && action !== "show") {
    throw new ConfigError(
      `config needs a subcommand: check FILE, show [FILE], or one of ${CONFIG_SERVERS.join(", ")}`,
    );
  }
  const option = CONFIG_OPTIONS.find(({ name }) => name === "config")!;
  const isNamed = flags.some((each) => each.option === option);
  const file = isNamed ? undefined : words.shift();
  const named = file === undefined ? flags : [...flags, {
    option,
    text: file,
    name: "FILE",
    origin: "argument",
  }];
  const { settings, origins } = gather(named, words, "apps", sources);
  if (action === "check") {
    if (settings.configFile === undefined) throw new ConfigError("config check needs a FILE");
    withApps(settings);
  }
  return { kind: "config", action, settings: completed(settings), origins };
}

function readStatusCommand(
  settings: ServeSettings,
  origins: Origins,
  [word, ...more]: readonly string[],
): Command {
  const { mongrel2Control: endpoint, status, statusControl: tokenFile } = settings;
  const isFlag = (name: string) => origins.get(name)?.[0].origin.startsWith("flag") ?? false;
  if (more.length > 0) throw new ConfigError("status takes one address");
  const address = word === undefined ? status : parseListenAddress(word);
  const isMongrel2 = isFlag("mongrel2-control") || address === null;
  if (isMongrel2 && endpoint !== undefined) {
    if (word !== undefined) {
      throw new ConfigError("status takes ADDR or --mongrel2-control, not both");
    }
    return { kind: "status", of: { server: "mongrel2", endpoint } };
  }
  if (address === null) {
    throw new ConfigError(
      "status needs the address that a gateway was given with --status, or --mongrel2-control ENDPOINT",
    );
  }
  const watching = isFlag("watch") ? "on" : "once";
  return { kind: "status", of: { server: "gatehouse", address, tokenFile, watching } };
}

function readServerConfigCommand(
  args: readonly string[],
  flags: readonly Given[],
  [server, ...words]: readonly string[],
  sources: ConfigSources,
): Command {
  const place = args.indexOf("config");
  if (args[place + 1] !== server) {
    throw new ConfigError(`write config ${server} before the options`);
  }
  const { settings, origins } = gather(flags, words, "apps", sources);
  withApps(settings);
  if (server !== "systemd") {
    return { kind: "server-config", server, settings: behindServer(settings), origins, args: [] };
  }
  if (settings.site !== null) throw new ConfigError("--site is for web servers, not for systemd");
  const own = args.toSpliced(place, 2);
  return { kind: "server-config", server, settings: completed(settings), origins, args: own };
}

/** The settings of a gateway whose web server may have the certificate. */
function behindServer(settings: ServeSettings): ServeSettings {
  const { certFiles, keyFiles, https } = settings;
  if (https.length > 0 || certFiles.length !== keyFiles.length) return completed(settings);
  return { ...completed({ ...settings, certFiles: [], keyFiles: [] }), certFiles, keyFiles };
}

function readCacheCommand(settings: ServeSettings, positional: readonly string[]): Command {
  const { cacheAction: action, mounts, middleware } = settings;
  const mounted = action === "fetch" ? mounts : [];
  const apps = [
    ...positional,
    ...mounted.flatMap(({ app, middleware = [] }) => [app, ...middleware.map((m) => m.module)]),
    ...middleware,
  ];
  if (action === "fetch" && apps.length === 0) {
    throw new ConfigError("cache needs apps to fetch, or --info, or --clean");
  }
  if (action !== "fetch" && apps.length > 0) {
    throw new ConfigError(`cache --${action} takes no apps`);
  }
  return { kind: "cache", action, apps, settings };
}

function readLockCommand(settings: ServeSettings): Command {
  const { loader, appLock: path } = settings.loading;
  if (path === undefined) throw new ConfigError("lock needs --app-lock FILE, the file to write");
  if (loader === "native") throw new ConfigError("lock needs the built-in loader");
  return { kind: "lock", path, settings: completed(withApps(settings)) };
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

/** Checks that there are apps. */
function withApps(settings: ServeSettings): ServeSettings {
  const { mounts, responses, middleware } = settings;
  const [response] = responses;
  if (response !== undefined && middleware.length > 0) {
    throw new ConfigError(
      `${response.text} is a response: there can be no middleware around it, nor beside it on the ` +
        "command line",
    );
  }
  if (mounts.length + responses.length > 0) return settings;
  throw new ConfigError(
    settings.configFile === undefined
      ? "no app given: name one by URL or path, or with --mount /PREFIX=APP"
      : `no app given: ${settings.configFile} needs [app:main], [composite:main] or ` +
        "[pipeline:main]",
  );
}

/** Checks what must go together, and fills in the default endpoint. */
function completed(settings: ServeSettings): ServeSettings {
  checkCertificates(settings);
  const { http, https, fastcgi, trustedProxies } = settings;
  checkSecure(https);
  checkGreetings({ https, others: [...http, ...fastcgi], trustedProxies });
  if (settings.statusControl !== undefined && settings.status === null) {
    throw new ConfigError("--status-control needs --status ADDR");
  }
  checkPermissions(settings);
  if (settings.processes > 1 && isAnyEarly(settings)) {
    throw new ConfigError(
      "--mongrel2 with ,uploads-start=early needs one process: word of an upload's end would go to any of " +
        "--processes",
    );
  }
  const { mongrel2Config, mongrel2Choice } = settings;
  if (mongrel2Config === undefined && Object.keys(mongrel2Choice).length > 0) {
    throw new ConfigError("--mongrel2-handler, -route, -host and -server need --mongrel2-config");
  }
  sharedHandler(settings.mongrel2.filter(isDispatcherSpec));
  const endpoints = [settings.http, settings.https, settings.fastcgi, settings.mongrel2];
  if (mongrel2Config === undefined && endpoints.every(({ length }) => length === 0)) {
    settings.http.push(parseListenAddress("127.0.0.1:8000"));
  }
  return settings;
}

function checkCertificates(settings: ServeSettings): void {
  const { http, https, redirectHttp, certFiles, keyFiles, acme } = settings;
  const isAcme = acme.certificates.length > 0;
  if (https.length > 0 && !isAcme && (certFiles.length === 0 || keyFiles.length === 0)) {
    throw new ConfigError("--https needs --cert FILE and --key FILE");
  }
  if (https.length === 0 && certFiles.length + keyFiles.length > 0) {
    throw new ConfigError("--cert and --key need --https ADDR");
  }
  if (redirectHttp.length > 0 && !https.some(({ transport }) => transport === "tcp")) {
    throw new ConfigError("--redirect-http needs --https with a port to redirect to");
  }
  if (certFiles.length !== keyFiles.length) {
    throw new ConfigError(
      `each --cert needs a --key: there are ${certFiles.length} of the one and ${keyFiles.length} of ` +
        "the other",
    );
  }
  if (!isAcme) return;
  if (https.length === 0) throw new ConfigError("--acme needs --https ADDR");
  if (![...http, ...redirectHttp].some(({ transport }) => transport === "tcp")) {
    throw new ConfigError(
      "--acme needs --redirect-http :80, or --http :80: the authority connects to port 80",
    );
  }
  if (acme.terms !== "agreed") {
    throw new ConfigError(
      "--acme needs --acme-agree-terms: read the authority's terms of service, which " +
        `${acme.directory} links to, and agree to them`,
    );
  }
}

/** Whether any requests begin when their uploads do. */
function isAnyEarly({ mongrel2, mongrel2Settings }: ServeSettings): boolean {
  return mongrel2Settings.uploadsStart === "early" ||
    mongrel2.some((spec) => !isDispatcherSpec(spec) && spec.uploadsStart === "early");
}

function checkPermissions(settings: ServeSettings): void {
  const { appPermissions, appAllowAll, workers, mounts } = settings;
  const own = mounts.find((mount) => (mount.workers ?? mount.permissions) !== undefined);
  if (workers === 0 && own !== undefined) {
    throw new ConfigError(
      `${own.origin}: ${own.workers === undefined ? "permissions" : "workers"} of a single app ` +
        "need --workers 1 or more",
    );
  }
  const [kind] = Object.keys(appPermissions);
  if (kind === undefined) return;
  if (appAllowAll) {
    throw new ConfigError(`--app-allow-all includes --app-allow-${kind}: give one of them`);
  }
  if (workers === 0) {
    throw new ConfigError(
      `--app-allow-${kind} applies to apps in workers: with --workers 0 they run on the gateway's own ` +
        "thread, and may do whatever it may",
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
  return new ConfigError(`unknown option ${name}${adviceOn(bareName)}`);
}

/** What stands here for options that `deno serve` has and gatehouse has not. */
const DENO_OPTIONS: ReadonlyMap<string, string> = new Map([
  ["A", "use --app-allow-all to let apps do everything"],
  ["E", "use --app-allow-env"],
  ["N", "use --app-allow-net"],
  ["R", "use --app-allow-read"],
  ["S", "use --app-allow-sys"],
  ["W", "use --app-allow-write"],
  ["parallel", "apps run in --workers N, by default one for each core"],
  ["watch-hmr", "use --watch"],
  ["V", "use --version"],
]);

function adviceOn(bareName: string): string {
  const advice = DENO_OPTIONS.get(bareName);
  if (advice !== undefined) return `; ${advice}`;
  const names = OPTIONS.map(({ name }) => name);
  if (names.includes(`app-${bareName}`)) return `; did you mean --app-${bareName}?`;
  return nearest(bareName, names).replace("mean ", "mean --");
}
