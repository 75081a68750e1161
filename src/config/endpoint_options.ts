/**
 * The options about where requests come from, and how they are answered there.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { named } from "../base/named_problems.ts";
import { RANGES } from "../limits/setting_ranges.ts";
import type { ListenAddress } from "../net/address.ts";
import { parseEndpointAddress } from "../net/address.ts";
import { MONGREL2_OPTIONS } from "./mongrel2_options.ts";
import type { OptionSpec } from "./option_spec.ts";
import { addressFrom } from "./relative_paths.ts";
import { checkServerHeader } from "./server_header.ts";
import type { ServeSettings } from "./settings.ts";
import { parseCount } from "./values.ts";

/** The options, in the order of the help text. */
export const ENDPOINT_OPTIONS: readonly OptionSpec[] = [
  {
    name: "http",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    brief: "Serve HTTP/1.1 at PORT, HOST:PORT or unix:PATH",
    help: "Serve HTTP/1.1 at PORT, HOST:PORT (every address of the host), [IPV6]:PORT, :PORT " +
      "(every interface, IPv4 and IPv6) or unix:PATH[,mode=0660]. Port 0 picks a free port. With " +
      ",proxy-protocol at its end, each connection has to begin with a header of the PROXY protocol",
    default: "127.0.0.1:8000, if no endpoint is named",
    apply: (settings, text, name) => settings.http.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "host",
    value: "HOST",
    givenBy: "flag",
    group: "Endpoints",
    brief: "Listen on HOST, with --port",
    help: "Listen on HOST, with --port, as deno serve does. Uses TLS when --cert and --key are " +
      "given without --https",
    default: "127.0.0.1",
    apply() {},
  },
  {
    name: "port",
    letter: "p",
    value: "PORT",
    givenBy: "flag",
    group: "Endpoints",
    brief: "Listen on PORT, with --host",
    help: "Listen on PORT, with --host. Short for --http HOST:PORT",
    default: "8000",
    apply() {},
  },
  {
    name: "https",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    help: "Serve HTTP/1.1 over TLS, at a port. Requires --cert and --key",
    apply: (settings, text, name) => settings.https.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "redirect-http",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    help:
      "Redirect requests over HTTP at ADDR, such as :80, to --https. Hosts that no certificate is " +
      "for get 421",
    apply: (settings, text, name) => settings.redirectHttp.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "fastcgi",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    brief: "Serve FastCGI, behind nginx, Apache or Caddy",
    help: "Serve FastCGI, behind a web server. Takes the same forms as --http",
    apply: (settings, text, name) => settings.fastcgi.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "fastcgi-stderr",
    value: "WHAT",
    choices: ["none", "errors", "console"],
    group: "Endpoints",
    help: "Send this to the web server's error log: none, errors, or console (errors, and what " +
      "apps print with console.error and console.warn)",
    default: "errors",
    apply: setFaultReports,
  },
  {
    name: "compress-messages",
    value: "HOW",
    choices: ["none", "each", "stream"],
    group: "Endpoints",
    help: "Compress the messages of WebSockets, for clients that can: none, each (by itself), or " +
      "stream (all of a socket: smaller, and up to 300 KiB of memory for each socket)",
    default: "none",
    apply: setMessageCompression,
  },
  {
    name: "server-header",
    value: "TEXT",
    group: "Endpoints",
    help: "Say this in the Server header of responses that do not have one, over HTTP and Mongrel2",
    apply: (settings, text, name) => settings.serverHeader = checkServerHeader(name, text),
  },
  ...MONGREL2_OPTIONS,
  {
    name: "backlog",
    value: "N",
    group: "Endpoints",
    help: "Let the system queue this many connections. On unix sockets, this requires that " +
      "gatehouse may use FFI",
    default: "511",
    apply: (settings, text, name) => settings.backlog = parseCount(name, text, RANGES.backlog),
  },
];

function readAddress(name: string, text: string): ListenAddress {
  return named(name, () => parseEndpointAddress(text));
}

function setFaultReports(settings: ServeSettings, text: string, name: string): void {
  if (text !== "none" && text !== "errors" && text !== "console") {
    throw new ConfigError(`${name} takes none, errors or console, not ${JSON.stringify(text)}`);
  }
  settings.faultReports = text;
}

function setMessageCompression(settings: ServeSettings, text: string, name: string): void {
  if (text !== "none" && text !== "each" && text !== "stream") {
    throw new ConfigError(`${name} takes none, each or stream, not ${JSON.stringify(text)}`);
  }
  settings.messageCompression = text;
}
