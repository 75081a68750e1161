/**
 * `gatehouse dispatch keygen`: makes a pair of keys for CURVE.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import { print } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { newCurveKeys } from "../zmq/curve.ts";
import { formatCertificate, SECRET_ENDING } from "../zmq/curve_files.ts";
import { openLibzmq } from "../zmq/library.ts";

/**
 * Writes a pair of keys into two new files: the public one at `path`, and the secret one beside it. Tells
 * the public one.
 *
 * @throws {ConfigError} if a file cannot be written, or is there already
 * @throws {ZmqLibraryError} if libzmq cannot be loaded, or cannot encrypt
 */
export function keygenCommand(path: string, surroundings: Surroundings): void {
  openLibzmq(surroundings);
  const keys = newCurveKeys();
  const { publicKey } = keys;
  const secretPath = `${path}${SECRET_ENDING}`;
  write(secretPath, formatCertificate(keys), 0o600);
  try {
    write(path, formatCertificate({ publicKey }), 0o644);
  } catch (error) {
    Deno.removeSync(secretPath);
    throw error;
  }
  print(`${path} has the public key, ${publicKey}\n${secretPath} has the secret one`);
}

function write(path: string, text: string, mode: number): void {
  try {
    Deno.writeTextFileSync(path, text, { createNew: true, mode });
  } catch (error) {
    throw new ConfigError(
      error instanceof Deno.errors.AlreadyExists
        ? `${path} is there already: it is not replaced`
        : `${path} cannot be written: ${messageOf(error)}`,
    );
  }
}
