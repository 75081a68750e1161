/**
 * CURVE, ZeroMQ's encryption (ZeroMQ RFC 26): both sides of a connection have a pair of keys, and each
 * knows the other's public one. Keys are texts in Z85, of 40 characters.
 *
 * @module
 */

import { ZmqLibraryError } from "../base/errors.ts";
import { lastError, libzmq } from "./library.ts";
import { cString } from "./socket.ts";
import type { ZmqSocket } from "./socket.ts";
import { CURVE_KEY_CHARS } from "../base/z85.ts";

/** A pair of keys. */
export interface CurveKeys {
  /** The half that others know. */
  readonly publicKey: string;
  /** The half that nobody else knows. */
  readonly secretKey: string;
}

/** What a client of a CURVE server has to know. */
export interface CurveClient extends CurveKeys {
  /** Public key of the server. */
  readonly serverKey: string;
}

/**
 * Checks that the library can encrypt.
 *
 * @throws {ZmqLibraryError} if it was built without CURVE
 */
export function requireCurve(): void {
  if (libzmq().zmq_has(cString("curve")) === 1) return;
  throw new ZmqLibraryError(
    "this libzmq was built without CURVE, its encryption: install one that has libsodium, or name " +
      "its file in GATEHOUSE_LIBZMQ",
  );
}

/**
 * Makes a new pair of keys.
 *
 * @throws {ZmqLibraryError} if the library cannot encrypt
 */
export function newCurveKeys(): CurveKeys {
  requireCurve();
  const publicKey = new Uint8Array(CURVE_KEY_CHARS + 1);
  const secretKey = new Uint8Array(CURVE_KEY_CHARS + 1);
  if (libzmq().zmq_curve_keypair(publicKey, secretKey) !== 0) {
    throw lastError("make a pair of keys");
  }
  return { publicKey: keyText(publicKey), secretKey: keyText(secretKey) };
}

/**
 * The public key that belongs to a secret one.
 *
 * @throws {ZmqLibraryError} if the library cannot encrypt
 */
export function publicKeyOf(secretKey: string): string {
  requireCurve();
  const publicKey = new Uint8Array(CURVE_KEY_CHARS + 1);
  if (libzmq().zmq_curve_public(publicKey, cString(secretKey)) !== 0) {
    throw lastError("find the public key of a secret one");
  }
  return keyText(publicKey);
}

/**
 * Makes `socket` a server, before it is bound: it talks to those alone that know its public key. Which of
 * them it takes is asked in the context, under the name `domain` (ZeroMQ RFC 27); without an answer it takes
 * nobody.
 */
export function serveCurve(socket: ZmqSocket, { secretKey }: CurveKeys, domain: string): void {
  requireCurve();
  socket.setOption("curveServer", 1);
  socket.setOption("curveSecretKey", secretKey);
  socket.setOption("zapDomain", domain);
  socket.setOption("zapEnforceDomain", 1);
}

/** Makes `socket` a client, before it is connected: it talks to no server but that one. */
export function connectCurve(socket: ZmqSocket, client: CurveClient): void {
  requireCurve();
  socket.setOption("curveServerKey", client.serverKey);
  socket.setOption("curvePublicKey", client.publicKey);
  socket.setOption("curveSecretKey", client.secretKey);
}

function keyText(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, CURVE_KEY_CHARS));
}
