/**
 * The addresses that endpoints listen on, as text.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";

/** Where an endpoint listens. */
export type ListenAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | {
    readonly transport: "unix";
    readonly path: string;
    /** Permission bits of the socket file; the process's umask decides if absent. */
    readonly mode: number | undefined;
  };

const FORMS = "write PORT, HOST:PORT, [IPV6]:PORT, :PORT (every interface) or " +
  "unix:PATH[,mode=0660]";

/**
 * Reads an address: `8000` (on 127.0.0.1), `:8000` (on every interface), `host:8000`, `[::1]:8000`, or
 * `unix:PATH`, optionally with `,mode=0660` in octal. Port 0 is any free one.
 *
 * @throws {ConfigError} if `text` is none of these
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith("unix:")) return parseUnixAddress(text);
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]\s/]*)):)?(\d+)$/.exec(text);
  if (match === null) {
    throw badAddress(
      text,
      isIpv6(text) || isIpv6(text.replace(/:\d+$/, ""))
        ? "an IPv6 address stands in brackets, before :PORT"
        : "it has no known form",
    );
  }
  const [whole, ipv6, host, digits] = match;
  const port = Number(digits);
  if (port > 65_535) throw badAddress(text, "ports go up to 65535");
  if (ipv6 !== undefined && !isIpv6(ipv6)) {
    throw badAddress(text, `${ipv6} is no IPv6 address`);
  }
  if (whole === digits) return { transport: "tcp", hostname: "127.0.0.1", port };
  return { transport: "tcp", hostname: ipv6 ?? (host || "0.0.0.0"), port };
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
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${scheme}://${host}:${address.port}`;
}

function badAddress(text: string, reason: string): ConfigError {
  return new ConfigError(`bad address ${JSON.stringify(text)}: ${reason}; ${FORMS}`);
}
