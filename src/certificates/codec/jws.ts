/**
 * Signed requests of ACME: JWS in its flattened form (RFC 7515; RFC 8555, section 6.2), with ES256.
 *
 * @module
 */

import { base64Url } from "./pem.ts";
import type { Sign } from "./certificate_writer.ts";

/** The point of a key is at the end of its SPKI: a byte for its form, and two numbers of 32 bytes. */
const NUMBER_BYTES = 32;

/** A public key on P-256, its members in the order that its thumbprint has (RFC 7638, section 3). */
export interface Jwk {
  readonly crv: "P-256";
  readonly kty: "EC";
  readonly x: string;
  readonly y: string;
}

/** The public key of an SPKI. */
export function jwkOf(spki: Uint8Array): Jwk {
  const x = spki.subarray(-2 * NUMBER_BYTES, -NUMBER_BYTES);
  const y = spki.subarray(-NUMBER_BYTES);
  return { crv: "P-256", kty: "EC", x: base64Url(x), y: base64Url(y) };
}

/** The thumbprint of a key (RFC 7638). */
export async function thumbprintOf({ crv, kty, x, y }: Jwk): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify({ crv, kty, x, y }));
  return base64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** What is signed of a request, besides its body. */
export interface RequestHeader {
  /** URL that the request goes to. */
  readonly url: string;
  /** Number that the server gave for one request. */
  readonly nonce: string;
  /** Who asks: an account by its URL, or, if it has none yet, its key. */
  readonly signer: { readonly kid: string } | { readonly jwk: Jwk };
}

/** The body of a request with `payload`, JSON or `""` to read only, signed by `sign`. */
export async function signedBody(
  { url, nonce, signer }: RequestHeader,
  payload: string,
  sign: Sign,
): Promise<string> {
  const encoder = new TextEncoder();
  const header = base64Url(encoder.encode(JSON.stringify({ alg: "ES256", ...signer, nonce, url })));
  const content = base64Url(encoder.encode(payload));
  const signature = await sign(encoder.encode(`${header}.${content}`));
  return JSON.stringify({ protected: header, payload: content, signature: base64Url(signature) });
}
