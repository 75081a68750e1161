/**
 * What a server has to know of its certificate (RFC 5280): for which names it is, and how long.
 *
 * @module
 */

import { DerError, derMembers, derValues, isObjectId, TAG } from "./der.ts";
import type { DerValue } from "./der.ts";
import { firstPem } from "./pem.ts";

/** What a certificate says. */
export interface CertificateFacts {
  /** Names of hosts, in lower case; the first label may be `*`. */
  readonly names: readonly string[];
  /** Addresses, in the form that URLs have, IPv6 without brackets. */
  readonly addresses: readonly string[];
  /** Begin of its validity, in milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** End of its validity, in milliseconds since 1970. */
  readonly notAfterMs: number;
}

const SUBJECT_ALT_NAME = "2.5.29.17";
/** `[3]` in a certificate: its extensions. `[2]` and `[7]` in names: DNS, and IP. */
const EXTENSIONS_TAG = 0xa3;
const VERSION_TAG = 0xa0;
const DNS_NAME_TAG = 0x82;
const ADDRESS_TAG = 0x87;
/** Names that are read of a certificate. */
const MAX_NAMES = 1_000;

/**
 * Reads the first certificate of `pem`.
 *
 * @throws {DerError} if there is none, or it is malformed
 */
export function readCertificate(pem: string): CertificateFacts {
  const bytes = firstPem(pem, "CERTIFICATE");
  if (bytes === null) throw new DerError("there is no certificate in it");
  const [toBeSigned] = derMembers(bytes, TAG.sequence);
  const members = [...derValues(toBeSigned?.content ?? bytes)];
  // Serial number, algorithm, issuer, validity; before them, mostly, the version.
  const validity = members[members[0]?.tag === VERSION_TAG ? 4 : 3];
  const times = validity === undefined ? [] : [...derValues(validity.content)].map(timeOf);
  const [notBeforeMs = NaN, notAfterMs = NaN] = times;
  if (Number.isNaN(notBeforeMs + notAfterMs)) throw new DerError("it has no time of validity");
  const extensions = members.find(({ tag }) => tag === EXTENSIONS_TAG);
  return { ...namesOf(extensions), notBeforeMs, notAfterMs };
}

function timeOf({ tag, content }: DerValue): number {
  const text = String.fromCharCode(...content.subarray(0, 32));
  const digits = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)?.slice(1);
  if (digits === undefined || digits[0].length !== (tag === TAG.utcTime ? 2 : 4)) return NaN;
  const [year, month, day, hour, minute, second] = digits.map(Number);
  // Two digits are of 1950 to 2049 (RFC 5280, section 4.1.2.5.1).
  const century = tag !== TAG.utcTime ? 0 : year < 50 ? 2_000 : 1_900;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}

function namesOf(extensions: DerValue | undefined): Pick<CertificateFacts, "names" | "addresses"> {
  const names: string[] = [];
  const addresses: string[] = [];
  const list = extensions === undefined ? [] : derMembers(extensions.content, TAG.sequence);
  for (const { content } of list) {
    const [id, ...rest] = derValues(content);
    const value = rest.at(-1);
    if (id === undefined || value === undefined || !isObjectId(id, SUBJECT_ALT_NAME)) continue;
    for (const { tag, content } of derMembers(value.content, TAG.sequence)) {
      if (names.length + addresses.length >= MAX_NAMES) break;
      if (tag === DNS_NAME_TAG) names.push(asciiOf(content).toLowerCase());
      const address = tag === ADDRESS_TAG ? addressOf(content) : null;
      if (address !== null) addresses.push(address);
    }
  }
  return { names, addresses };
}

function asciiOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 255));
}

function addressOf(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return null;
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] << 8) | bytes[at + 1]).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** Whether a certificate with these `facts` is for `host`, as URLs have it: a name, or an address. */
export function isFor({ names, addresses }: CertificateFacts, host: string): boolean {
  if (host.startsWith("[")) return addresses.includes(host.slice(1, -1));
  const dot = host.indexOf(".");
  // A star is for one label (RFC 6125, section 6.4.3).
  return names.includes(host) || addresses.includes(host) ||
    dot > 0 && names.includes(`*${host.slice(dot)}`);
}
