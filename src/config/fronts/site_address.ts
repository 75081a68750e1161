/**
 * Where clients find a web server, as text.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";

/** Where clients find the web server. */
export interface SiteAddress {
  /** A name, which requests are to be for, or an address, which it listens at; all if absent. */
  readonly host?: string;
  /** The port; absent for the usual one. */
  readonly port?: number;
}

/** A name, whose last label is no number: it would be a wrong address. */
const NAME = /^(?:\*\.)?(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)*(?!\d+$)[a-z\d](?:[a-z\d-]*[a-z\d])?$/i;

function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);
}

function isIpv6(text: string): boolean {
  return /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`);
}

/** Whether `host` is an address, and not a name. */
export function isIpAddress(host: string): boolean {
  return isIpv4(host) || isIpv6(host);
}

/**
 * Reads where clients find the web server: `NAME`, `ADDRESS`, `[IPV6]`, each with or without `:PORT`,
 * or `:PORT` alone.
 *
 * @throws {ConfigError} if `text` has none of these forms
 */
export function parseSite(text: string, option: string): SiteAddress {
  const [whole, ipv6, host, digits] =
    /^(?:\[([^\]]+)\]|([^:[\]\s/]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const named = ipv6 ?? host;
  const port = digits === undefined ? undefined : Number(digits);
  const isHost = ipv6 === undefined
    ? named === "" ? port !== undefined : isIpv4(named ?? "") || NAME.test(named ?? "")
    : isIpv6(ipv6);
  if (whole === undefined || !isHost || port === 0 || (port ?? 1) > 65_535) {
    throw new ConfigError(
      `${option} takes NAME, ADDRESS or [IPV6], each with or without :PORT, or :PORT, not ${
        JSON.stringify(text)
      }`,
    );
  }
  return { ...named === "" ? {} : { host: named }, ...port === undefined ? {} : { port } };
}
