/**
 * Whom `gatehouse dispatch` trusts.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { CurveSettings } from "../config/curve_options.ts";
import type { DoorKeys } from "../dispatch/curve/door.ts";

const LOOPBACK = /^tcp:\/\/(?:127(?:\.\d+){3}|localhost|\[::1\]):/;

/**
 * The keys that the settings name; none if they name none, which is worth a warning unless only this machine
 * can connect to `endpoint`.
 *
 * @throws {ConfigError} if keys cannot be used
 * @throws {ZmqLibraryError} if libzmq cannot encrypt
 */
export async function dispatchKeys(
  { curveSecretKeyFile, curveClients }: CurveSettings,
  endpoint: string,
  log: Log,
): Promise<DoorKeys | undefined> {
  if (curveSecretKeyFile === undefined || curveClients === undefined) {
    if (!LOOPBACK.test(endpoint)) log("warning", openDoor(endpoint));
    return undefined;
  }
  const { readCurveKeys } = await import("../zmq/curve_files.ts");
  const { ClientKeys } = await import("../dispatch/curve/client_keys.ts");
  return { own: readCurveKeys(curveSecretKeyFile), clients: new ClientKeys(curveClients, log) };
}

function openDoor(endpoint: string): string {
  return `dispatch: whoever can connect to ${endpoint} can become a handler, which gets requests ` +
    "and answers them, and can read what others get: keep strangers from this network, or give " +
    "--curve-secret-key and --curve-clients";
}
