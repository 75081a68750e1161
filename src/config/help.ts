/**
 * The text of `--help`, made from the option table.
 *
 * @module
 */

import type { OptionGroup, OptionSpec } from "./options.ts";
import { hasOptionalValue, OPTIONS } from "./options.ts";

const WIDTH = 80;
const INDENT = 6;
const GROUPS: readonly OptionGroup[] = [
  "Endpoints",
  "Apps",
  "Configuration",
  "Loading",
  "Reloading",
  "Processes",
  "Permissions of apps",
  "Limits",
  "Other",
];

const USAGE = `gatehouse: a gateway for web applications

Usage:
  gatehouse [serve] APP [MIDDLEWARE...] [OPTIONS]
  gatehouse [serve] --mount /PREFIX=APP... [OPTIONS]
  gatehouse [serve] --config FILE [NAME=VALUE...] [OPTIONS]
  gatehouse config check FILE | show [FILE]
  gatehouse cache APP... | --info | --clean
  gatehouse status --mongrel2-control ENDPOINT
  gatehouse help

APP and MIDDLEWARE are modules by path or URL (file:, http:, https:, npm:); a
fragment names an export other than the default: app.ts#admin. An app is an
object with fetch(request, context), or a bare function; middleware is a
function (next: App) => App, the last one named is the outermost.
`;

const EPILOGUE = `Times are in seconds, or with a unit: 500ms, 30s, 5m, 1h. Sizes are in bytes,
or with a unit: 64k, 10m, 1g.

Examples:
  gatehouse app.ts
  gatehouse app.ts --host 0.0.0.0 --port 8080
  gatehouse app.ts --http :80 --https :443 --cert chain.pem --key key.pem
  gatehouse app.ts --http unix:/run/app.sock,mode=0660 --workers 4
  gatehouse app.ts --fastcgi 127.0.0.1:9000
  gatehouse app.ts --mongrel2-config config.sqlite --mongrel2-route /app/
  gatehouse --mount /=site.ts --mount /api=api/main.ts
  gatehouse --config gatehouse.ini --workers 4
  gatehouse https://example.com/app.ts --app-allow-net --app-allow-read=data

Signals: SIGINT or SIGTERM finishes what is in flight, then exits; a second one
exits at once. SIGHUP reloads the apps, without losing a request.
Options come from the command line, or else from variables of the environment
(GATEHOUSE_WORKERS=4; GATEHOUSE_FACTORY=yes; several values have blanks between
them), or else from [server:main] in the configuration file (workers = 4).
Environment: FCGI_WEB_SERVER_ADDRS=ADDR,... says which web servers may connect
to --fastcgi over TCP; GATEHOUSE_LIBZMQ=FILE names the library for --mongrel2;
GATEHOUSE_CACHE=DIR is where modules are kept; NPM_CONFIG_REGISTRY=URL and
JSR_URL=URL are where packages come from.
Exit status: 0 done, 1 failed (an app cannot be loaded, a port is in use),
2 wrong usage.
`;

/** The help text, at most 80 columns wide. */
export function helpText(): string {
  const sections = GROUPS.map((group) => {
    const entries = OPTIONS.filter((option) => option.group === group).map(entryOf);
    return `${group}:\n${entries.join("")}`;
  });
  return [USAGE, ...sections, EPILOGUE].join("\n");
}

function entryOf(option: OptionSpec): string {
  const letter = option.letter === undefined ? "" : `-${option.letter}, `;
  const value = option.value === undefined || hasOptionalValue(option)
    ? option.value ?? ""
    : ` ${option.value}`;
  const repeats = option.repeats ? " (repeatable)" : "";
  const standard = option.default === undefined ? "" : ` [default: ${option.default}]`;
  return `  ${letter}--${option.name}${value}${repeats}\n${wrapped(option.help + standard)}`;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && INDENT + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((each) => `${" ".repeat(INDENT)}${each}\n`).join("");
}
