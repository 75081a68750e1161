/**
 * The options about proxies in front.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { named } from "../base/named_problems.ts";
import type { ListenAddress } from "../net/address.ts";
import { DEFAULT_FORWARDED_FIELDS, parseForwardedFields } from "../proxies/forwarded_fields.ts";
import { TrustedProxies } from "../proxies/trusted_proxies.ts";
import type { OptionSpec } from "./option_spec.ts";

/** The options, in the order of the help text. */
export const PROXY_OPTIONS: readonly OptionSpec[] = [
  {
    name: "trusted-proxies",
    value: "LIST",
    repeats: true,
    group: "Endpoints",
    help:
      "Take the client's address, and the scheme and host that it asked for, from what these proxies " +
      "say, in X-Forwarded-For, -Proto and -Host, and by the PROXY protocol. A list of " +
      "addresses and networks such as 10.0.0.0/8 and ::1, and unix for what connects over unix " +
      "sockets",
    apply(settings, text, name) {
      const texts = listed(text);
      named(name, () => new TrustedProxies(texts));
      settings.trustedProxies.push(...texts);
    },
    switchOff: (settings) => settings.trustedProxies.length = 0,
  },
  {
    name: "forwarded-fields",
    value: "LIST",
    needs: "trusted-proxies",
    group: "Endpoints",
    help:
      "Which fields of trusted proxies count, of forwarded, x-forwarded-for, x-forwarded-proto and " +
      "x-forwarded-host: those that every one of them sets or removes. Default: the last three",
    apply: (settings, text, name) =>
      settings.forwardedFields = named(name, () => parseForwardedFields(listed(text))),
    switchOff: (settings) => settings.forwardedFields = DEFAULT_FORWARDED_FIELDS,
  },
  {
    name: "request-id",
    group: "Endpoints",
    help:
      "Give apps the id of each request in the header X-Request-Id: that of a trusted proxy, or a " +
      "new one, in place of what other clients send there",
    apply: (settings) => settings.requestId = "field",
  },
];

function listed(text: string): string[] {
  return text.split(",").map((each) => each.trim());
}

/** Addresses to listen at, and who is trusted there. */
export interface Listeners {
  /** Addresses for HTTP over TLS. */
  readonly https: readonly ListenAddress[];
  /** Other addresses. */
  readonly others: readonly ListenAddress[];
  /** Proxies that are trusted. */
  readonly trustedProxies: readonly string[];
}

/**
 * Checks that TLS can be spoken at each address of `https`.
 *
 * @throws {ConfigError} if one is a unix socket: the runtime has no TLS there
 */
export function checkSecure(https: readonly ListenAddress[]): void {
  for (const address of https) {
    if (address.transport !== "unix") continue;
    throw new ConfigError(
      `HTTPS needs a port, not unix:${address.path}: the runtime has no TLS over unix sockets; ` +
        "serve HTTP there",
    );
  }
}

/**
 * Checks that connections may begin with a header of the PROXY protocol where they have to.
 *
 * @throws {ConfigError} if they may not
 */
export function checkGreetings({ https, others, trustedProxies }: Listeners): void {
  if (https.some(({ greeting }) => greeting !== undefined)) {
    throw new ConfigError(
      "proxy-protocol is not for HTTPS: its header comes before TLS, where the runtime cannot read " +
        "it; let the proxy end TLS, or pass it on without the header",
    );
  }
  if (trustedProxies.length > 0 || others.every(({ greeting }) => greeting === undefined)) return;
  throw new ConfigError(
    "proxy-protocol needs the proxies that may say who a client is, such as " +
      "--trusted-proxies 127.0.0.1",
  );
}
