/**
 * Parses the command line.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { parseListenAddress } from "../net/address.ts";
import type { Command } from "./command.ts";
import { readWords } from "./command_words.ts";
import { COMMAND_NAMES, CONFIG_SERVERS, RESERVED_WORDS, SHELL_NAMES } from "./commands.ts";
import { behindServer, completed, withApps } from "./completed_settings.ts";
import { CONFIG_OPTIONS } from "./config_options.ts";
import type { ConfigSources } from "./gather.ts";
import { gather, NO_SOURCES } from "./gather.ts";
import type { Given, Origins } from "./given.ts";
import type { ServeSettings } from "./settings.ts";

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
  const { asksFor, flags, positional } = readWords(args);
  if (asksFor === "help") return helpAbout(positional);
  if (asksFor === "version") return { kind: "version" };
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
  if (verb === "lock") return readLockCommand(settings, origins);
  return { kind: "serve", settings: completed(withApps(settings), origins) };
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

function readConfigCommand(
  flags: readonly Given[],
  positional: readonly string[],
  sources: ConfigSources,
): Command {
  const [action, ...words] = positional;
  if (action !== "check" && action !== "show") {
    const advice = nearest(action ?? "", ["check", "show", ...CONFIG_SERVERS]);
    throw new ConfigError(
      `config needs a subcommand: check FILE, show [FILE], or one of ${CONFIG_SERVERS.join(", ")}` +
        advice,
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
  return { kind: "config", action, settings: completed(settings, origins), origins };
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
    return {
      kind: "server-config",
      server,
      settings: behindServer(settings, origins),
      origins,
      args: [],
    };
  }
  if (settings.site !== null) throw new ConfigError("--site is for web servers, not for systemd");
  const own = args.toSpliced(place, 2);
  return {
    kind: "server-config",
    server,
    settings: completed(settings, origins),
    origins,
    args: own,
  };
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

function readLockCommand(settings: ServeSettings, origins: Origins): Command {
  const { loader, appLock: path } = settings.loading;
  if (path === undefined) throw new ConfigError("lock needs --app-lock FILE, the file to write");
  if (loader === "native") throw new ConfigError("lock needs the built-in loader");
  return { kind: "lock", path, settings: completed(withApps(settings), origins) };
}
