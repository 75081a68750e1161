/**
 * Tells requests that are meant for this host from those that a page of another site sends here, by a name
 * of its own that leads to this address (DNS rebinding).
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";

/**
 * Whether `authority` (host and optional port) names the listener at `address`: an IP address, which no
 * other site's name can be, `localhost`, or the name that is listened at. A unix socket is out of the reach of
 * pages.
 */
export function isMeantHost(authority: string, address: ListenAddress): boolean {
  if (address.transport === "unix") return true;
  const host = /^(\[[\da-f:.]+\]|[^:[\]]+)(?::\d*)?$/i.exec(authority)?.[1].toLowerCase();
  if (host === undefined) return false;
  return host.startsWith("[") || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || host === "localhost" ||
    host.endsWith(".localhost") || host === address.hostname.toLowerCase();
}

/** Whether `address` is for programs of this machine alone, over TCP. */
export function isLoopback(address: ListenAddress): boolean {
  return address.transport === "tcp" &&
    /^(?:127(?:\.\d{1,3}){3}|\[?(?:::ffff:127(?:\.\d{1,3}){3}|::1)\]?|localhost)$/i.test(
      address.hostname,
    );
}

/** Whether `origin`, the field, is of a page of the listener's own; a client that sends none has no page. */
export function isOwnOrigin(origin: string | undefined, authority: string): boolean {
  return origin === undefined || origin.toLowerCase() === `http://${authority.toLowerCase()}`;
}
