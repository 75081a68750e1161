/**
 * What the help says beside options and commands: examples, and notes.
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
  { usage: "OTEL_EXPORTER_OTLP_ENDPOINT=URL", help: "a collector to send traces to" },
  { usage: "OTEL_TRACES_SAMPLER=NAME", help: "which traces are recorded" },
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
  at once. SIGHUP reloads the apps without losing a request, and reads the
  certificates again.

Exit status: 0 done, 1 failed (an app cannot be loaded, a port is in use),
2 wrong usage.
`,
  ],
]);
