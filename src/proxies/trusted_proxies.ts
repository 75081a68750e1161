/**
 * Which proxies are trusted: what they say of a client is taken for true.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { formatIpAddress, parseIpAddress } from "../base/ip_addresses.ts";

/** Addresses whose first bits are the same. */
interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** What stands for all that connect over a unix socket. */
const UNIX = "unix";
const FORMS = "write addresses and networks such as 10.0.0.0/8, ::1 or 2001:db8::/32, and unix " +
  "for what connects over unix sockets";

/** A set of addresses. */
export class TrustedProxies {
  /** Whether who connects over a unix socket is trusted. */
  readonly hasUnix: boolean;
  readonly #networks: readonly Network[];

  /**
   * Makes the set of what `texts` name: addresses, networks with the number of their bits, and `unix`.
   *
   * @throws {ConfigError} if one is neither
   */
  constructor(texts: readonly string[]) {
    this.hasUnix = texts.includes(UNIX);
    this.#networks = texts.filter((text) => text !== UNIX).map(parseNetwork);
  }

  /** Whether the address with these bytes, 4 or 16, is in the set. */
  has(bytes: Uint8Array): boolean {
    return this.#networks.some((network) => isWithin(bytes, network));
  }

  /** Whether the other side of a connection is in the set. */
  hasPeer(address: Deno.Addr): boolean {
    if (!("hostname" in address)) return this.hasUnix;
    // Addresses of a link have a zone.
    const [hostname] = address.hostname.split("%", 1);
    const bytes = parseIpAddress(hostname);
    return bytes !== null && this.has(bytes);
  }
}

function parseNetwork(text: string): Network {
  const [address, length, ...others] = text.split("/");
  const bytes = parseIpAddress(address);
  if (bytes === null || others.length > 0) throw badNetwork(text, "it is not an address");
  const most = bytes.length * 8;
  if (length === undefined) return { bytes, bits: most };
  const written = /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  // The bits of an address of IPv4 that is written as one of IPv6 are counted from the start of that.
  const bits = address.includes(":") && most === 32 ? written - 96 : written;
  if (!(bits >= 0 && bits <= most)) throw badNetwork(text, `it has no ${length} bits`);
  const first = bytes.map((byte, i) => byte & maskOf(bits - i * 8));
  if (first.some((byte, i) => byte !== bytes[i])) {
    throw badNetwork(text, `the network begins at ${formatIpAddress(first)}`);
  }
  return { bytes, bits };
}

/** The mask of a byte of which the first `bits` count. */
function maskOf(bits: number): number {
  return bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}

function isWithin(bytes: Uint8Array, network: Network): boolean {
  if (bytes.length !== network.bytes.length) return false;
  for (let i = 0; i * 8 < network.bits; i++) {
    const mask = maskOf(network.bits - i * 8);
    if ((bytes[i] & mask) !== network.bytes[i]) return false;
  }
  return true;
}

function badNetwork(text: string, reason: string): ConfigError {
  return new ConfigError(`bad network ${JSON.stringify(text)}: ${reason}; ${FORMS}`);
}
