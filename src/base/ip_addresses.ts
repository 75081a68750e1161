/**
 * Addresses of the Internet Protocol, as text and as bytes.
 *
 * @module
 */

/** Bytes of an address of IPv4, and of one of IPv6. */
export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[\dA-Fa-f]{1,4}$/;
/** Longer than any address as text. */
const MAX_CHARS = 45;
/** Bytes before an address of IPv4 that is written as one of IPv6 (RFC 4291 2.5.5.2). */
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * The bytes of the address `text`, 4 or 16; `null` if it is none. An address of IPv4 that is mapped to IPv6
 * (`::ffff:192.0.2.1`) is one of IPv4. Zones, and numbers other than four decimal ones, are not known.
 */
export function parseIpAddress(text: string): Uint8Array | null {
  if (text.length > MAX_CHARS) return null;
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text);
  return bytes !== null && isMapped(bytes) ? bytes.subarray(MAPPED_PREFIX.length) : bytes;
}

/** An address of 4 or 16 bytes as text; one of IPv6 in the form of RFC 5952. */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join(".");
  if (isMapped(bytes)) return bytes.subarray(MAPPED_PREFIX.length).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[i * 2] << 8) | bytes[i * 2 + 1]);
  const [start, length] = longestZeros(groups);
  const texts = groups.map((group) => group.toString(16));
  if (length < 2) return texts.join(":");
  return `${texts.slice(0, start).join(":")}::${texts.slice(start + length).join(":")}`;
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== IPV4_BYTES) return null;
  const isValid = parts.every((part) => OCTET.test(part) && Number(part) <= 255);
  return isValid ? Uint8Array.from(parts, Number) : null;
}

function parseIpv6(text: string): Uint8Array | null {
  const [head, tail, ...others] = text.split("::");
  if (others.length > 0) return null;
  const before = groupsOf(head, tail === undefined);
  const after = tail === undefined ? [] : groupsOf(tail, true);
  if (before === null || after === null) return null;
  const missing = IPV6_BYTES - before.length - after.length;
  // Two colons stand for one group of zeros at the least.
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return Uint8Array.from([...before, ...new Array<number>(missing).fill(0), ...after]);
}

/** The bytes of some groups; the last may be an address of IPv4 if it ends the whole. */
function groupsOf(text: string, endsAddress: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (GROUP.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const isLast = endsAddress && i === groups.length - 1;
    const ipv4 = isLast ? parseIpv4(group) : null;
    if (ipv4 === null) return null;
    bytes.push(...ipv4);
  }
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === IPV6_BYTES && MAPPED_PREFIX.every((byte, i) => bytes[i] === byte);
}

/** Where the longest run of zeros begins, the first of several, and its length. */
function longestZeros(groups: readonly number[]): [number, number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
    start = Math.max(start, end - 1);
  }
  return best;
}
