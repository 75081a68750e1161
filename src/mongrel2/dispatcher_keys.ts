/**
 * The keys with which a handler connects to its dispatchers.
 *
 * @module
 */

import type { CurveClient } from "../zmq/curve.ts";
import { readCurveKeys } from "../zmq/curve_files.ts";
import type { DispatcherSpec } from "./codec/dispatcher_spec.ts";

/**
 * Reads the keys for the dispatcher at `spec`; none if the connection is not to be encrypted.
 *
 * @throws {ConfigError} if the secret key cannot be used
 * @throws {ZmqLibraryError} if libzmq cannot encrypt
 */
export function readDispatcherKeys(
  { curveServer, curveSecretKey }: DispatcherSpec,
): CurveClient | undefined {
  if (curveServer === undefined || curveSecretKey === undefined) return undefined;
  return { ...readCurveKeys(curveSecretKey), serverKey: curveServer };
}
