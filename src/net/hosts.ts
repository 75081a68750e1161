/**
 * The addresses of a host to listen at.
 *
 * @module
 */

import { mayRead } from "./open_descriptors.ts";

/** Says whether sockets for every IPv6 address leave those of IPv4 to others, unless told otherwise. */
const IPV6_ONLY = "/proc/sys/net/ipv6/bindv6only";

/** Whether `hostname` is an address already. */
function isAddress(hostname: string): boolean {
  return hostname.includes(":") || /^\d+(?:\.\d+){3}$/.test(hostname);
}

/**
 * All addresses of `hostname`, each once, in the system's order. A name that cannot be looked up
 * stands for itself: listening there will report why.
 */
export async function addressesOf(hostname: string): Promise<readonly string[]> {
  if (isAddress(hostname)) return [hostname];
  const { lookup } = await import("node:dns");
  return await new Promise((resolve) => {
    const onFound = (error: Error | null, found?: readonly { address: string }[] | string) => {
      const isFound = error === null && Array.isArray(found) && found.length > 0;
      resolve(isFound ? [...new Set(found.map(({ address }) => address))] : [hostname]);
    };
    try {
      lookup(hostname, { all: true }, onFound);
    } catch (error) {
      // It is not permitted, say.
      onFound(error as Error);
    }
  });
}

/** Whether a socket that listens on `::` may take no connections to IPv4 addresses. */
export function mayBeIpv6Only(): boolean {
  if (Deno.build.os !== "linux") return true;
  return mayRead(IPV6_ONLY) && Deno.readTextFileSync(IPV6_ONLY).trim() !== "0";
}

/** Whether `error` says that there is no such address here, or no such version of IP. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Deno.errors.AddrNotAvailable ||
    (error as { code?: string } | null)?.code === "EAFNOSUPPORT" ||
    error instanceof Error && /\(os error 97\)/.test(error.message) && Deno.build.os === "linux";
}
