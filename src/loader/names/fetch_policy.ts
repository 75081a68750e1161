/**
 * From where modules may be fetched, and which are fetched again.
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";
import type { Environment } from "../../base/surroundings.ts";

/** Hosts that modules come from unless `--allow-import` says otherwise: the ones Deno allows. */
export const DEFAULT_IMPORT_HOSTS: readonly string[] = Object.freeze([
  "deno.land:443",
  "jsr.io:443",
  "esm.sh:443",
  "raw.esm.sh:443",
  "cdn.jsdelivr.net:443",
  "raw.githubusercontent.com:443",
  "gist.githubusercontent.com:443",
]);

/** These hosts, and the one at which `JSR_URL` says that JSR is. */
export function defaultImportHosts(env: Environment): readonly string[] {
  const jsr = URL.parse(env.get("JSR_URL") ?? "");
  if (jsr === null || !/^https?:$/.test(jsr.protocol)) return DEFAULT_IMPORT_HOSTS;
  return [...DEFAULT_IMPORT_HOSTS, `${jsr.hostname}:${portOf(jsr)}`];
}

/** A host, or a host and all below it, that modules may come from. */
interface HostPattern {
  readonly hostname: string;
  readonly scope: "host" | "subdomains";
  /** Port, `""` for the usual one of the URL's scheme. */
  readonly port: string;
}

/**
 * Hosts that modules may come from, written `HOST` or `HOST:PORT`: `example.com`,
 * `example.com:8443`, `*.example.com` (all hosts below it, at any depth, but not itself),
 * `127.0.0.1:8000`, `[::1]:80`. Without a port, 443 is meant for `https:` and 80 for `http:`.
 *
 * ```ts
 * import { assert, assertFalse } from "@std/assert";
 *
 * const hosts = new ImportHosts(["*.example.com"]);
 * assert(hosts.allow(new URL("https://cdn.example.com/a.ts")));
 * assertFalse(hosts.allow(new URL("https://cdn.example.com:8443/a.ts")));
 * ```
 */
export class ImportHosts {
  readonly #patterns: readonly HostPattern[] | "any";

  /**
   * Understands the patterns.
   *
   * @throws {ConfigError} when one is not a host
   */
  constructor(patterns: "any" | readonly string[]) {
    this.#patterns = patterns === "any" ? "any" : patterns.map(hostPattern);
  }

  /** Whether modules may come from the host of `url`. */
  allow(url: URL): boolean {
    if (this.#patterns === "any") return true;
    return this.#patterns.some((pattern) => {
      const matches = pattern.scope === "host"
        ? url.hostname === pattern.hostname
        : url.hostname.endsWith(`.${pattern.hostname}`);
      return matches && portOf(url) === (pattern.port || usualPort(url.protocol));
    });
  }
}

function hostPattern(text: string): HostPattern {
  const scope = text.startsWith("*.") ? "subdomains" : "host";
  const [, host, port] = /^([^:/?#@\\\s]+|\[[\d:a-f.]+\])(?::(\d+))?$/i.exec(
    scope === "host" ? text : text.slice(2),
  ) ?? [];
  const url = host === undefined || host.includes("*") ? null : URL.parse(`https://${host}/`);
  if (url === null || Number(port ?? 1) > 65_535 || Number(port ?? 1) === 0) {
    throw new ConfigError(
      `cannot use "${text}" as a host to import from: it should be HOST or HOST:PORT, such as ` +
        "example.com, *.example.com or [::1]:8080",
    );
  }
  return { hostname: url.hostname, scope, port: port === undefined ? "" : String(Number(port)) };
}

/** Port that `url` is fetched from. */
export function portOf(url: URL): string {
  return url.port || usualPort(url.protocol);
}

function usualPort(protocol: string): string {
  return protocol === "https:" ? "443" : "80";
}

/** Whether the host of `url` is this machine by its very name: localhost, 127.0.0.0/8 or ::1. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}

/** What to fetch again though it is in the cache: nothing, everything, or URLs with a prefix. */
export type ReloadPolicy = "none" | "all" | readonly string[];

/** Whether `reload` says to fetch `url` again. Also for specifiers such as `npm:hono`. */
export function isReloaded(url: string, reload: ReloadPolicy): boolean {
  if (reload === "none") return false;
  return reload === "all" || reload.some((prefix) => url.startsWith(prefix));
}
