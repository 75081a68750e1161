/**
 * Keys of certificates: ECDSA on P-256, by WebCrypto.
 *
 * @module
 */

import type { TlsKeyPair } from "../net/tls_identity.ts";
import { certificateRequest, ownCertificate } from "./codec/certificate_writer.ts";
import type { Sign } from "./codec/certificate_writer.ts";
import { firstPem, pemOf } from "./codec/pem.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { name: "ECDSA", hash: "SHA-256" } as const;
const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;

/** A key, and how to sign with it. */
export interface SigningKey {
  /** The public key, in DER (SPKI). */
  readonly spki: Uint8Array<ArrayBuffer>;
  /** The private key, as PEM text. */
  readonly pem: string;
  /** Signs with the private key. */
  readonly sign: Sign;
}

/** Makes a key. */
export async function newKey(): Promise<SigningKey> {
  return await signingKey(await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]));
}

/** The key that `pem` is, as {@linkcode SigningKey.pem} has it; `null` if it is something else. */
export async function keyFrom(pem: string): Promise<SigningKey | null> {
  const pkcs8 = firstPem(pem, "PRIVATE KEY");
  if (pkcs8 === null) return null;
  try {
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, true, ["sign"]);
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
    const jwk = { kty, crv, x, y };
    const publicKey = await crypto.subtle.importKey("jwk", jwk, ALGORITHM, true, ["verify"]);
    return await signingKey({ privateKey, publicKey });
  } catch (error) {
    // It is damaged, or for another algorithm.
    if (error instanceof DOMException) return null;
    throw error;
  }
}

async function signingKey({ privateKey, publicKey }: CryptoKeyPair): Promise<SigningKey> {
  const [spki, pkcs8] = await Promise.all([
    crypto.subtle.exportKey("spki", publicKey),
    crypto.subtle.exportKey("pkcs8", privateKey),
  ]);
  return {
    spki: new Uint8Array(spki),
    pem: pemOf("PRIVATE KEY", new Uint8Array(pkcs8)),
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign(SIGNING, privateKey, bytes)),
  };
}

/** A request for a certificate for `names` and `key`, in DER. */
export async function requestFor(
  names: readonly string[],
  key: SigningKey,
): Promise<Uint8Array<ArrayBuffer>> {
  return await certificateRequest(names, key.spki, key.sign);
}

/** A certificate for `names` that nobody else has signed, and its key. Default: from now on, for a day. */
export async function ownKeyPair(
  names: readonly string[],
  notBeforeMs: number = Date.now(),
  notAfterMs: number = notBeforeMs + DAY_MS,
): Promise<TlsKeyPair> {
  const key = await newKey();
  const serial = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  serial[0] &= 0x7f;
  const facts = { names, notBeforeMs, notAfterMs, serial };
  const cert = await ownCertificate(facts, key.spki, key.sign);
  return { cert: pemOf("CERTIFICATE", cert), key: key.pem };
}
