/**
 * What the help says beside the options: about commands, and notes.
 *
 * @module
 */

/** Command lines to begin with. */
export const EXAMPLES = `Examples:
  gatehouse app.ts
  gatehouse app.ts --host 0.0.0.0 --port 8080
  gatehouse app.ts --http :80 --https :443 --cert chain.pem --key key.pem
  gatehouse app.ts --http unix:/run/app.sock,mode=0660 --workers 4
  gatehouse app.ts --fastcgi 127.0.0.1:9000
  gatehouse serve ./public --listing
  gatehouse app.ts --mongrel2-config config.sqlite --mongrel2-route /app/
  gatehouse --mount /=site.ts --mount /api=api/main.ts
  gatehouse --config gatehouse.ini --workers 4
  gatehouse https://example.com/app.ts --app-allow-net --app-allow-read=data
`;

/** Commands, and what each does. */
export const COMMAND_HELP: ReadonlyMap<string, string> = new Map([
  [
    "serve",
    `gatehouse [serve] APP [MIDDLEWARE...] [OPTIONS]
gatehouse [serve] --mount /PREFIX=APP... [OPTIONS]
gatehouse [serve] --config FILE [NAME=VALUE...] [OPTIONS]

  Serves apps. APP and MIDDLEWARE are modules by path or URL (file:, http:,
  https:, npm:). A fragment names an export other than the default:
  app.ts#admin. An app is an object with fetch(request, context), or a
  function of the same form; apps that call Deno.serve() or listen with
  node:http work too. Middleware is a function (next: App) => App; the last
  one named is the outermost. APP can also be a folder, whose files are served
  (see gatehouse help files).
`,
  ],
  [
    "cache",
    `gatehouse cache APP... [OPTIONS]
gatehouse cache --info | --clean

  Fetches the modules and packages of apps into the cache, so that they can
  start with --cached-only. Takes the options under "gatehouse help loading".
  --info says where the cache is and what is in it; --clean empties it.
`,
  ],
  [
    "config",
    `gatehouse config check FILE [NAME=VALUE...] [OPTIONS]
gatehouse config show [FILE] [NAME=VALUE...] [OPTIONS]

  check reports every problem in a configuration file with its line number,
  and exits with status 2 if there is one. show prints the settings that
  serve would use, and where each comes from.
`,
  ],
  [
    "status",
    `gatehouse status --mongrel2-control ENDPOINT

  Prints what a running Mongrel2 says of its tasks and connections.
`,
  ],
  [
    "help",
    `gatehouse help [TOPIC]

  Prints help about a command, a group of options, an option, or all of it.
`,
  ],
]);

/** A variable of the environment that is not an option. */
export interface Variable {
  /** Its name, and what its value is. */
  readonly usage: string;
  /** What it says, in a few words. */
  readonly help: string;
}

/** Variables that are not options, in the order of the help text. */
export const VARIABLES: readonly Variable[] = [
  { usage: "FCGI_WEB_SERVER_ADDRS=ADDR,...", help: "web servers that may connect to --fastcgi" },
  { usage: "GATEHOUSE_LIBZMQ=FILE", help: "the library for --mongrel2" },
  { usage: "GATEHOUSE_CACHE=DIR", help: "where modules are kept" },
  { usage: "GATEHOUSE_STATE=DIR", help: "where apps' Deno.openKv() keeps its data" },
  { usage: "NPM_CONFIG_REGISTRY=URL", help: "where npm packages come from" },
  { usage: "JSR_URL=URL", help: "where jsr packages come from" },
  { usage: "DENO_CERT=FILE", help: "certificates to trust as well (PEM)" },
  { usage: "NODE_EXTRA_CA_CERTS=FILE", help: "the same, if DENO_CERT is not set" },
  { usage: "DENO_TLS_CA_STORE=STORES", help: "whose to trust: mozilla, system, or both" },
  { usage: "HTTP_PROXY, HTTPS_PROXY=URL", help: "proxies to load modules through" },
  { usage: "ALL_PROXY, NO_PROXY", help: "a proxy for both; hosts to reach without" },
];

function variableLine({ usage, help }: Variable): string {
  return `  ${usage.padEnd(30)}  ${help}\n`;
}

/** Notes, by topic. */
export const NOTES: ReadonlyMap<string, string> = new Map([
  [
    "values",
    `Values:
  Times are in seconds, or with a unit: 500ms, 30s, 5m, 1h. Sizes are in bytes,
  or with a unit: 64k, 10m, 1g.
`,
  ],
  [
    "environment",
    `Environment:
  Each option has a variable, except those that say so: GATEHOUSE_WORKERS=4,
  GATEHOUSE_FACTORY=yes. Several values are separated by blanks. The command
  line comes first, then the environment, then [server:main] of the
  configuration file (workers = 4).

${VARIABLES.map(variableLine).join("")}`,
  ],
  [
    "signals",
    `Signals:
  SIGINT or SIGTERM finishes what is in flight, then exits. A second one exits
  at once. SIGHUP reloads the apps without losing a request.

Exit status: 0 done, 1 failed (an app cannot be loaded, a port is in use),
2 wrong usage.
`,
  ],
]);
