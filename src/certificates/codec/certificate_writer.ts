/**
 * Makes certificates, and requests for them (RFC 5280, RFC 2986), with ECDSA on P-256.
 *
 * @module
 */

import { der, derInteger, derObjectId, TAG } from "./der.ts";

/** Signs bytes, and returns the two numbers of the signature, 32 bytes each, as WebCrypto does. */
export type Sign = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;

const ECDSA_WITH_SHA256 = der(TAG.sequence, derObjectId("1.2.840.10045.4.3.2"));
const COMMON_NAME = "2.5.4.3";
const SUBJECT_ALT_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const UTF8_STRING = 0x0c;
const BOOLEAN_TRUE = Uint8Array.of(0x01, 0x01, 0xff);
const VERSION_3 = der(0xa0, derInteger(Uint8Array.of(2)));
/** Longer names do not fit into a common name (RFC 5280, appendix A.1). */
const MAX_COMMON_NAME = 64;

const encoder = new TextEncoder();

/** A request for a certificate for `names`, with the public key `spki`, in DER. */
export async function certificateRequest(
  names: readonly string[],
  spki: Uint8Array,
  sign: Sign,
): Promise<Uint8Array<ArrayBuffer>> {
  const extensions = der(TAG.sequence, extension(SUBJECT_ALT_NAME, subjectAltName(names)));
  const attribute = der(TAG.sequence, derObjectId(EXTENSION_REQUEST), der(TAG.set, extensions));
  const info = der(
    TAG.sequence,
    derInteger(Uint8Array.of(0)),
    // The names are in the extension.
    der(TAG.sequence),
    spki,
    der(0xa0, attribute),
  );
  return await signed(info, sign);
}

/** What a certificate that signs itself says. */
export interface OwnCertificateFacts {
  /** Names of hosts, one or more. */
  readonly names: readonly string[];
  /** Begin and end of its validity, in milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Its number, 20 bytes at the most, the first below 0x80. */
  readonly serial: Uint8Array;
}

/** A certificate that signs itself, with the public key `spki`, in DER. */
export async function ownCertificate(
  { names, notBeforeMs, notAfterMs, serial }: OwnCertificateFacts,
  spki: Uint8Array,
  sign: Sign,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = distinguishedName(names[0]);
  const toBeSigned = der(
    TAG.sequence,
    VERSION_3,
    derInteger(serial),
    ECDSA_WITH_SHA256,
    name,
    der(TAG.sequence, derTime(notBeforeMs), derTime(notAfterMs)),
    name,
    spki,
    der(
      0xa3,
      der(
        TAG.sequence,
        extension(BASIC_CONSTRAINTS, der(TAG.sequence), "critical"),
        extension(SUBJECT_ALT_NAME, subjectAltName(names)),
      ),
    ),
  );
  return await signed(toBeSigned, sign);
}

async function signed(info: Uint8Array<ArrayBuffer>, sign: Sign): Promise<Uint8Array<ArrayBuffer>> {
  const numbers = await sign(info);
  const half = numbers.length / 2;
  const signature = der(
    TAG.sequence,
    derInteger(numbers.subarray(0, half)),
    derInteger(numbers.subarray(half)),
  );
  return der(TAG.sequence, info, ECDSA_WITH_SHA256, bitString(signature));
}

function bitString(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  // No bit of the last byte is unused.
  return der(TAG.bitString, Uint8Array.of(0), bytes);
}

function extension(
  id: string,
  value: Uint8Array,
  weight: "critical" | "plain" = "plain",
): Uint8Array<ArrayBuffer> {
  const critical = weight === "critical" ? [BOOLEAN_TRUE] : [];
  return der(TAG.sequence, derObjectId(id), ...critical, der(TAG.octetString, value));
}

function subjectAltName(names: readonly string[]): Uint8Array<ArrayBuffer> {
  return der(TAG.sequence, ...names.map((name) => der(0x82, encoder.encode(name))));
}

function distinguishedName(name: string): Uint8Array<ArrayBuffer> {
  const text = der(UTF8_STRING, encoder.encode(name.slice(0, MAX_COMMON_NAME)));
  return der(TAG.sequence, der(TAG.set, der(TAG.sequence, derObjectId(COMMON_NAME), text)));
}

function derTime(timeMs: number): Uint8Array<ArrayBuffer> {
  const digits = new Date(timeMs).toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "");
  // From 2050 on, years have four digits (RFC 5280, section 4.1.2.5).
  const isShort = /^(?:19[5-9]|20[0-4])/.test(digits);
  return der(
    isShort ? TAG.utcTime : TAG.generalizedTime,
    encoder.encode(isShort ? digits.slice(2) : digits),
  );
}
