/**
 * What a web server in front has to know of a gateway: where it is, what it serves, and where clients
 * are to find it.
 *
 * @module
 */

import type { ForwardedField } from "../../proxies/forwarded_fields.ts";
import { ConfigError } from "../../base/errors.ts";
import type { FileField } from "../../message/file_fields.ts";
import { isDispatcherSpec } from "../../mongrel2/codec/dispatcher_spec.ts";
import type { Mongrel2Spec } from "../../mongrel2/codec/spec.ts";
import type { Greeting, ListenAddress } from "../../net/address.ts";
import type { ServeSettings } from "../settings.ts";
import { isIpAddress } from "./site_address.ts";

/** Where the web server finds a gateway. */
export type Place =
  | { readonly transport: "tcp"; readonly host: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** How it speaks to the gateway, and where. */
export interface Backend {
  /** The protocol. */
  readonly scheme: "http" | "https" | "fastcgi";
  /** The gateway's processes, if they listen at places of their own. */
  readonly places: readonly [Place, ...Place[]];
  /** What a connection to it begins with; nothing if absent. */
  readonly greeting?: Greeting;
  /** Whom the gateway believes what they say of clients. */
  readonly trustedProxies: readonly string[];
  /** Which of their fields count. */
  readonly forwardedFields: readonly ForwardedField[];
}

/** What a web server's configuration is made of. Paths are absolute. */
export interface Site {
  /** The gateway; `null` if nothing of it is for web servers. */
  readonly backend: Backend | null;
  /** The Mongrel2 servers that it is a handler of. */
  readonly mongrel2: readonly Mongrel2Spec[];
  /** Prefixes of the paths that are passed on, without a last slash; `""` alone if all are. */
  readonly prefixes: readonly string[];
  /** Name that requests are to be for. */
  readonly name: string | undefined;
  /** Address that the web server listens at; every one if absent. */
  readonly address: string | undefined;
  /** Port that it listens at, if one is named. */
  readonly port: number | undefined;
  /** The certificate and the key, if it speaks TLS. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** The size of the largest body; `Infinity` for any. */
  readonly maxBodyBytes: number;
  /** The time that an idle connection stays open, in milliseconds; 0 for any. */
  readonly idleTimeoutMs: number;
  /** Where the gateway says whether it is ready; `null` if nowhere, or at a socket or port of another kind. */
  readonly health: Extract<Place, { transport: "tcp" }> | null;
  /** How it is told to send files; `null` if it is not. */
  readonly sendfile: FileField | null;
}

const PREFIX = /^(?:\/[\w.~-]+)*$/;

/**
 * What a web server in front of a gateway with `settings` has to know.
 *
 * @throws {ConfigError} if no web server could find it
 */
export function siteOf(settings: ServeSettings): Site {
  const { certFiles, keyFiles, site, limits } = settings;
  const [certFile, another] = certFiles;
  if (another !== undefined) {
    throw new ConfigError("a site of a web server has one certificate: give one --cert");
  }
  if (settings.acme.certificates.length > 0) {
    throw new ConfigError("--acme is for a gateway that its clients reach without a web server");
  }
  const prefixes = [...settings.mounts, ...settings.responses].map(({ prefix }) => prefix);
  for (const prefix of prefixes) {
    if (PREFIX.test(prefix)) continue;
    throw new ConfigError(
      `the prefix ${
        JSON.stringify(prefix)
      }: web servers read paths in ways of their own, so that it ` +
        "can have letters, digits, dots, dashes and underscores only",
    );
  }
  const isAddress = site?.host !== undefined && isIpAddress(site.host);
  return {
    backend: backendOf(settings),
    mongrel2: settings.mongrel2.flatMap((spec) => isDispatcherSpec(spec) ? [] : [spec]),
    prefixes: prefixes.includes("") || prefixes.length === 0 ? [""] : prefixes.toSorted(),
    name: isAddress ? undefined : site?.host,
    address: isAddress ? site?.host : undefined,
    port: site?.port,
    tls: certFile === undefined ? undefined : { certFile, keyFile: keyFiles[0] },
    maxBodyBytes: Number.isSafeInteger(limits.maxBodyBytes + 1) ? limits.maxBodyBytes : Infinity,
    idleTimeoutMs: limits.idleTimeoutMs,
    health: healthOf(settings),
    sendfile: settings.frontFileField,
  };
}

/** The first address, of those that carry most. */
function backendOf(settings: ServeSettings): Backend | null {
  for (const scheme of ["http", "fastcgi", "https"] as const) {
    const [address] = settings[scheme];
    if (address === undefined) continue;
    const places = placesOf(address, `--${scheme}`, settings.processes);
    return {
      scheme,
      places: places as [Place, ...Place[]],
      greeting: address.greeting,
      trustedProxies: settings.trustedProxies,
      forwardedFields: settings.forwardedFields,
    };
  }
  return null;
}

/** Where `/readyz` is, if that is an IP address and a port that stays. */
function healthOf({ health, status }: ServeSettings): Site["health"] {
  const address = health ?? status;
  if (address === null || address.transport !== "tcp" || address.port === 0) return null;
  const [place] = placesOf(address, "--health", 0);
  if (place.transport !== "tcp") return null;
  const host = place.host === "localhost" ? "127.0.0.1" : place.host;
  return isIpAddress(host) ? { ...place, host } : null;
}

function placesOf(address: ListenAddress, option: string, processes: number): Place[] {
  if (address.transport === "tcp") {
    if (address.port === 0) {
      throw new ConfigError(`${option}: a web server in front needs a port that stays the same`);
    }
    const hosts: Record<string, string> = { "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1" };
    const { hostname, port } = address;
    return [{ transport: "tcp", host: hosts[hostname] ?? hostname, port }];
  }
  const { path } = address;
  if (processes === 0) return [{ transport: "unix", path }];
  // Each process has a socket of its own.
  return Array.from({ length: processes }, (_, index) => ({
    transport: "unix",
    path: path.replaceAll("{n}", String(index + 1)),
  }));
}

/**
 * Refuses a gateway over TLS that `server` cannot be sure of: without a name to check, only the network
 * of this machine is trusted.
 */
export function checkTlsBackend(server: string, { scheme, places }: Backend): void {
  if (scheme !== "https") return;
  for (const place of places) {
    if (place.transport === "unix" || /^(?:127\.[\d.]+|::1|localhost)$/.test(place.host)) continue;
    throw refusal(
      server,
      `--https ${place.host}`,
      "the gateway's certificate would go unchecked; use --http on a network of your own, or an " +
        "address of this machine",
    );
  }
}

/** Refuses a gateway that wants connections to begin with what `server` does not send. */
export function checkGreeting(server: string, { greeting }: Backend): void {
  if (greeting === undefined) return;
  throw refusal(server, `,${greeting}`, "it sends no such header to what it passes requests on to");
}

/** What every configuration that is printed sets; of the others, it lets none of the client's own through. */
const SET_FIELDS = ["x-forwarded-for", "x-forwarded-proto"] as const;

/** A line about who says who the client is, if the gateway does not listen to it. */
export function trustAdvice(
  { scheme, places, greeting, trustedProxies, forwardedFields }: Backend,
): string[] {
  if (scheme === "fastcgi" || greeting !== undefined) return [];
  if (trustedProxies.length > 0) {
    const names = forwardedFields.join(",");
    return SET_FIELDS.every((field) => forwardedFields.includes(field)) ? [] : [
      `# This sets ${
        SET_FIELDS.join(" and ")
      }, of which not all count: --forwarded-fields ${names}`,
    ];
  }
  const where = places[0].transport === "unix" ? "unix" : "ADDRESS (this server's)";
  return [
    `# Start gatehouse with --trusted-proxies ${where}, too: X-Forwarded-For has the client.`,
  ];
}

/** That `server` cannot have `what`, and why. */
export function refusal(server: string, what: string, why: string): ConfigError {
  return new ConfigError(`config ${server}: ${what} cannot be expressed: ${why}`);
}

/** Refuses characters that no configuration file can have in a value. */
export function checkPrintable(server: string, value: string): void {
  // deno-lint-ignore no-control-regex
  if (!/[\x00-\x1f\x7f]/.test(value)) return;
  throw refusal(server, JSON.stringify(value), "it has control characters");
}

/** A host as it stands before a port. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The first line of what is printed. */
export function heading(server: string, use: string): string {
  return `# Made by gatehouse config ${server}. ${use}`;
}

/** Lines that are indented by `depth` steps of 2, without those that are absent. */
export function indented(depth: number, lines: readonly (string | null)[]): string[] {
  return lines.filter((line) => line !== null).map((line) =>
    line === "" ? "" : " ".repeat(2 * depth) + line
  );
}
