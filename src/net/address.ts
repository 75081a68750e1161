/**
 * The addresses that endpoints listen on, as text.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";

/** Where an endpoint listens. */
export type ListenAddress =
  | {
    readonly transport: "tcp";
    /** A name, whose addresses are all meant, or an address; `""` for every interface. */
    readonly hostname: string;
    readonly port: number;
    /** What comes before anything else on a connection; nothing if absent. */
    readonly greeting?: Greeting;
  }
  | {
    readonly transport: "unix";
    readonly path: string;
    /** Permission bits of the socket file; the process's umask decides if absent. */
    readonly mode: number | undefined;
    /** What comes before anything else on a connection; nothing if absent. */
    readonly greeting?: Greeting;
  };

/** What a proxy begins a connection with: a header of the PROXY protocol. */
export type Greeting = "proxy-protocol";

const FORMS = "write PORT, HOST:PORT, [IPV6]:PORT, :PORT (every interface, IPv4 and IPv6) or " +
  "unix:PATH[,mode=0660]";
const PROXY_PROTOCOL = ",proxy-protocol";

/**
 * Reads an address: `8000` (on 127.0.0.1), `:8000` (on every interface, of IPv4 and IPv6),
 * `host:8000` (on every address of the host), `[::1]:8000`, or `unix:PATH`, optionally with
 * `,mode=0660` in octal. Port 0 picks a free port.
 *
 * @throws {ConfigError} if `text` has none of these forms
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith("unix:")) return parseUnixAddress(text);
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]\s/]*)):)?(\d+)$/.exec(text);
  if (match === null) {
    const [scheme] = /^[a-z]+:\/\//i.exec(text) ?? [];
    if (scheme !== undefined) {
      throw badAddress(text, `write an address, not a URL: leave out ${scheme}`);
    }
    throw badAddress(
      text,
      isIpv6(text) || isIpv6(text.replace(/:\d+$/, ""))
        ? "put an IPv6 address in brackets before :PORT"
        : "it is not in a known form",
    );
  }
  const [whole, ipv6, host, digits] = match;
  const port = Number(digits);
  if (port > 65_535) throw badAddress(text, "ports go up to 65535");
  if (ipv6 !== undefined && !isIpv6(ipv6)) {
    throw badAddress(text, `${ipv6} is not an IPv6 address`);
  }
  if (whole === digits) return { transport: "tcp", hostname: "127.0.0.1", port };
  return { transport: "tcp", hostname: ipv6 ?? host, port };
}

/**
 * Reads an address as {@linkcode parseListenAddress} does, with `,proxy-protocol` at its end or without.
 *
 * @throws {ConfigError} if `text` has none of these forms
 */
export function parseEndpointAddress(text: string): ListenAddress {
  if (!text.endsWith(PROXY_PROTOCOL)) return parseListenAddress(text);
  const address = parseListenAddress(text.slice(0, -PROXY_PROTOCOL.length));
  return { ...address, greeting: "proxy-protocol" };
}

/** The same address, with a path made absolute that is relative to `folder`. */
export function addressIn(folder: string, address: ListenAddress): ListenAddress {
  if (address.transport !== "unix") return address;
  return { ...address, path: resolve(folder, address.path) };
}

function isIpv6(text: string): boolean {
  return URL.canParse(`http://[${text}]/`);
}

function parseUnixAddress(text: string): ListenAddress {
  const [path, ...settings] = text.slice("unix:".length).split(",");
  if (path === "") throw badAddress(text, "the path is missing");
  let mode: number | undefined;
  for (const setting of settings) {
    const digits = /^mode=(?:0o?)?([0-7]{3})$/.exec(setting)?.[1];
    if (digits === undefined) {
      throw badAddress(text, `${JSON.stringify(setting)} is not mode=0660 or another octal mode`);
    }
    if (mode !== undefined) throw badAddress(text, "the mode is given more than once");
    mode = parseInt(digits, 8);
  }
  return { transport: "unix", path, mode };
}

/** An address as a URL, such as `http://127.0.0.1:8000` or `http+unix:/run/app.sock`. */
export function formatListenAddress(scheme: string, address: Deno.Addr): string {
  if ("path" in address) return `${scheme}+unix:${address.path}`;
  if (!("hostname" in address)) return `${scheme}:?`;
  return `${scheme}://${hostText(address.hostname)}:${address.port}`;
}

/** A host as it stands before a port: `*` for every interface. */
export function hostText(hostname: string): string {
  if (hostname === "") return "*";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

const MAPPED = /^::ffff:(\d+(?:\.\d+){3})$/i;

/** `address` in IPv4's own form, if it is one of IPv4 that came to a socket of both versions. */
export function unmapped(address: Deno.Addr): Deno.Addr {
  if (!("hostname" in address)) return address;
  const hostname = MAPPED.exec(address.hostname)?.[1];
  return hostname === undefined ? address : { ...address, hostname } as Deno.NetAddr;
}

function badAddress(text: string, reason: string): ConfigError {
  return new ConfigError(`bad address ${JSON.stringify(text)}: ${reason}; ${FORMS}`);
}
