/**
 * Warns of files that say what gatehouse runs, and that everybody on the machine can change.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isLocal } from "../config/app_permissions.ts";
import type { ServeSettings } from "../config/settings.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { acmeFolder } from "./acme_folder.ts";

const OTHERS_WRITE = 0o002;
const OTHERS_READ = 0o004;
const STICKY = 0o1000;
const FORMAT = 0o170000;
const FOLDER = 0o040000;

/**
 * Tells `log` of each file that `settings` name and that everybody can write to, or replace, and of
 * a private key that everybody can read. The owner of the files does not matter: those of a service
 * often belong to another user, who deploys it.
 */
export function warnOfOpenFiles(
  settings: ServeSettings,
  surroundings: Surroundings,
  log: Log,
): void {
  // Windows expresses permissions differently.
  if (Deno.build.os === "windows") return;
  const told = new Set<string>();
  for (const path of filesOf(settings, surroundings)) {
    const open = everybodyWrites(path, 0) ? path : dirname(path);
    if (told.has(open) || open !== path && !everybodyWrites(open, STICKY)) continue;
    told.add(open);
    const what = open === path ? path : `${open}, where ${path} is,`;
    log(
      "warning",
      `every user of this machine can write to ${what} and so decide what runs: chmod o-w ${open}`,
    );
  }
  for (const keyFile of settings.keyFiles) {
    if (((modeOf(keyFile) ?? 0) & OTHERS_READ) === 0) continue;
    log(
      "warning",
      `every user of this machine can read the private key ${keyFile}: chmod o-r ${keyFile}`,
    );
  }
}

/** Paths of the files that say what is run, and of the folder for certificates. */
function filesOf(settings: ServeSettings, surroundings: Surroundings): Set<string> {
  const { cwd } = surroundings;
  const { acme, configFile, certFiles, keyFiles, mounts, middleware, loading } = settings;
  const modules = [
    ...mounts.flatMap((
      { app, middleware = [] },
    ) => [app, ...middleware.map((each) => each.module)]),
    ...middleware,
  ].map((module) => resolveApp(module, cwd).url);
  if (loading.importMap !== undefined) modules.push(resolveApp(loading.importMap, cwd).url);
  const folder = acme.certificates.length === 0 ? undefined : acmeFolder(acme, surroundings);
  const { lockFile, appLock } = loading;
  const paths = [folder, configFile, lockFile, appLock, ...certFiles, ...keyFiles]
    .flatMap((path) => path === undefined ? [] : [resolve(cwd, path)]);
  return new Set([...paths, ...modules.filter(isLocal).map((url) => fileURLToPath(url))]);
}

/** Whether everybody can write there, unless a bit of `unless` is set. */
function everybodyWrites(path: string, unless: number): boolean {
  const mode = modeOf(path) ?? 0;
  // Of what others have put into such a folder, nothing is used.
  const exempt = (mode & FORMAT) === FOLDER ? STICKY : unless;
  return (mode & OTHERS_WRITE) !== 0 && (mode & exempt) === 0;
}

/** Mode of what is at `path`, or where links there lead; `null` if it is unknown. */
function modeOf(path: string): number | null {
  try {
    return Deno.statSync(path).mode;
  } catch (error) {
    // It is missing or unreadable: its reader will say so.
    if (error instanceof Error) return null;
    throw error;
  }
}
