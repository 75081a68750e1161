/**
 * The options of `gatehouse dispatch` that say whom it trusts.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { CommandOption } from "./command_options.ts";

/** What they set. */
export interface CurveSettings {
  /** Absolute path of the dispatcher's secret key; absent for none. */
  curveSecretKeyFile?: string;
  /** Absolute path of the public keys of handlers; absent for none. */
  curveClients?: string;
}

/** The options: both are given, or none. */
export const CURVE_OPTIONS: readonly CommandOption<CurveSettings>[] = [
  {
    name: "curve-secret-key",
    value: "FILE",
    help: "Encrypt the connections of handlers (CURVE), with the key in FILE, which gatehouse " +
      "dispatch keygen makes",
    apply: (settings, text) => settings.curveSecretKeyFile = text,
  },
  {
    name: "curve-clients",
    value: "FILE|DIR",
    help: "Let only handlers connect whose public keys are in FILE, one a line, or in the " +
      "certificates in DIR. SIGHUP has them read again",
    apply: (settings, text) => settings.curveClients = text,
  },
];

/**
 * Completes the settings: their paths are relative to `cwd`.
 *
 * @throws {ConfigError} if only one is given
 */
export function completeCurve(settings: CurveSettings, cwd: string): void {
  const { curveSecretKeyFile, curveClients } = settings;
  if ((curveSecretKeyFile === undefined) !== (curveClients === undefined)) {
    throw new ConfigError(
      "--curve-secret-key and --curve-clients belong together: the one encrypts, and the other " +
        "says who may connect",
    );
  }
  if (curveSecretKeyFile === undefined || curveClients === undefined) return;
  settings.curveSecretKeyFile = resolve(cwd, curveSecretKeyFile);
  settings.curveClients = resolve(cwd, curveClients);
}
