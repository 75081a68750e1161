/**
 * The table of commands: the one place that says which there are, and what each does. The command line,
 * the help and the reference come from it. The main module carries them out. Every start reads it, so it
 * loads nothing: the tables of commands with options of their own are in `command_help.ts`.
 *
 * @module
 */

/** Stands for the help of a command that has options of its own. */
export const OWN_OPTIONS: unique symbol = Symbol("own options");

/** One command. */
export interface CommandSpec {
  /** The word that asks for it, before everything else. */
  readonly name: string;
  /** What it does, in a few words without a period. */
  readonly brief: string;
  /** What can be the next word, if these are certain ones, for completions. */
  readonly words?: readonly string[];
  /**
   * Its help: lines that show how it is used, an empty one, and what it does, indented by 2. {@linkcode OWN_OPTIONS}
   * if it is made of the table of its options.
   */
  readonly help: string | typeof OWN_OPTIONS;
}

/**
 * Words that may become commands. As the first word, none of them names an app now, so that the command
 * changes nothing for those who serve one. A word moves from here to {@linkcode COMMANDS}.
 */
export const RESERVED_WORDS: ReadonlySet<string> = new Set([
  "drain",
  "profile",
  "reload",
  "version",
]);

/** The servers that `gatehouse config` makes configurations of. */
export const CONFIG_SERVERS: readonly string[] = [
  "nginx",
  "apache",
  "lighttpd",
  "caddy",
  "haproxy",
  "mongrel2",
  "systemd",
];

/** The shells that there are completions for. */
export const SHELL_NAMES: readonly string[] = ["bash", "zsh", "fish"];

/** All commands, in the order of the help text. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "serve",
    brief: "Serve apps; the word may be left out",
    help: `gatehouse [serve] APP [MIDDLEWARE...] [OPTIONS]
gatehouse [serve] --mount /PREFIX=APP... [OPTIONS]
gatehouse [serve] --config FILE [NAME=VALUE...] [OPTIONS]

  Serves apps. APP and MIDDLEWARE are modules by path or URL (file:, http:,
  https:, npm:). A fragment names an export other than the default:
  app.ts#admin. An app is an object with fetch(request, context), or a
  function of the same form; apps that call Deno.serve() or listen with
  node:http work too. Middleware is a function (next: App) => App; the last
  one named is the outermost. fastcgi-handler:MODULE is a low-level handler of
  FastCGI instead of an app. APP can also be a folder, whose files are served
  (see gatehouse help files). A file named like a command, or like a word that
  is kept for one (see gatehouse help commands), needs ./ before it.
`,
  },
  {
    name: "cache",
    brief: "Fetch the modules of apps into the cache, or look into it",
    help: `gatehouse cache APP... [OPTIONS]
gatehouse cache --info | --clean

  Fetches the modules and packages of apps into the cache, so that they can
  start with --cached-only. Takes the options under "gatehouse help loading".
  --info says where the cache is and what is in it; --clean empties it.
`,
  },
  {
    name: "lock",
    brief: "Write down what apps are made of, for --app-lock",
    help: `gatehouse lock APP [MIDDLEWARE...] --app-lock FILE [OPTIONS]
gatehouse lock --config FILE --app-lock FILE [OPTIONS]

  Writes FILE anew: for each app and middleware, hashes of its modules, of its
  packages, and of the whole. Give it the arguments and options that serve
  gets. Asks servers for what they have now, unless --cached-only is given.
  Exits with status 1 if an app cannot be loaded; FILE stays as it is then.
`,
  },
  {
    name: "config",
    words: ["check", "show", ...CONFIG_SERVERS],
    brief: "Check or show the configuration, or print one of a server",
    help: `gatehouse config check FILE [NAME=VALUE...] [OPTIONS]
gatehouse config show [FILE] [NAME=VALUE...] [OPTIONS]
gatehouse config SERVER APP... [--site WHERE] [OPTIONS]

  check reports every problem in a configuration file with its line number,
  and exits with status 2 if there is one. show prints the settings that
  serve would use, and where each comes from. With a SERVER (nginx, apache,
  lighttpd, caddy, haproxy, mongrel2 or systemd), it prints a configuration
  of that server for a gateway with these apps and options; what it cannot
  express is refused.
`,
  },
  {
    name: "log",
    brief: "Sum up an access log",
    words: ["summarize"],
    help: `gatehouse log summarize [FILE] [--group-by NAME] [--earliest T] [--latest T]
                        [--format FORMAT] [--top N] [--json]

  Sums up an access log, from FILE or standard input, of any length: how many
  requests there were of each path, and how long they took (mean, median, 99th
  percentile). Groups by path, target, status, method, client, protocol,
  endpoint, scheme, mount, worker, generation, outcome, hour or minute. T is a
  time (2026-12-01T01:50:14Z), or a span before now: 30s, "1 hour", 2d. Knows
  lines in JSON, common and combined; others by their FORMAT.
`,
  },
  {
    name: "status",
    brief: "Show how a running gateway does, or a Mongrel2",
    help: `gatehouse status [ADDR] [--watch] [--status-control FILE]
gatehouse status --mongrel2-control ENDPOINT

  Prints how a running gateway does, which shows it at ADDR (--status); with
  --watch, again every second. With the token in FILE, facts about the system,
  too. Or prints what a running Mongrel2 says of its tasks and connections.
`,
  },
  {
    name: "fetch",
    brief: "Ask a server: one exchange, many requests, or a WebSocket",
    help: OWN_OPTIONS,
  },
  {
    name: "bench",
    brief: "Put a server under load, and tell what its clients got",
    help: OWN_OPTIONS,
  },
  {
    name: "respond",
    brief: "Answer all that a Mongrel2 asks with one response",
    help: OWN_OPTIONS,
  },
  {
    name: "dispatch",
    brief: "Give the requests of a Mongrel2 to gatehouses on many machines",
    help: OWN_OPTIONS,
  },
  {
    name: "reap",
    brief: "End connections of a Mongrel2 that have lasted too long",
    help: OWN_OPTIONS,
  },
  {
    name: "completions",
    brief: "Print completions for a shell",
    words: SHELL_NAMES,
    help: `gatehouse completions bash | zsh | fish

  Prints a script that completes commands, options and their values:
  source <(gatehouse completions bash), in ~/.bashrc.
`,
  },
  {
    name: "man",
    brief: "Print the manual page",
    help: `gatehouse man

  Prints the manual page, in roff: gatehouse man | man -l -
`,
  },
  {
    name: "help",
    brief: "Print help about a topic",
    help: `gatehouse help [TOPIC]

  Prints help about a command, a group of options, an option, or all of it.
`,
  },
];

/** The names of all commands. */
export const COMMAND_NAMES: ReadonlySet<string> = new Set(COMMANDS.map(({ name }) => name));
