/**
 * Loads apps on the gateway's own thread: loaded itself by gateways without workers, before their apps.
 *
 * @module
 */

import { LoadError } from "../base/errors.ts";
import type { AppLock } from "../loader/app_lock.ts";
import type { Loader } from "../loader/loader.ts";
import type { ImportPolicy } from "../loader/protocol.ts";
import type { MountedApp } from "../worker/apps.ts";
import type { ConsoleTerms } from "../worker/console_tags.ts";
import { tagConsole } from "../worker/console_tags.ts";
import { loadAppsWithin } from "../worker/load_apps.ts";
import { presentAsMain } from "../worker/main_module.ts";
import { installModules } from "../worker/modules.ts";
import { shareOwnThread } from "../worker/own_thread.ts";
import { mainModulesOf } from "../worker/protocol.ts";
import type { AppSet } from "../worker/protocol.ts";
import { installLightResponse } from "../worker/response.ts";
import { AppModuleSet } from "./app_modules.ts";

/** What is loaded, and how. */
export interface ThreadApps {
  /** The apps. */
  readonly apps: AppSet;
  /** Loads their modules; Deno does if null. */
  readonly loader: Loader | null;
  /** What they have to be made of; anything if null. */
  readonly appLock: AppLock | null;
  /** How what they print is tagged; not at all if undefined. */
  readonly console: ConsoleTerms | undefined;
  /** How long they may take, in milliseconds. */
  readonly loadTimeoutMs: number;
}

/** What apps may import that share the gateway's own thread. */
const ALL_IMPORTS: ImportPolicy = { files: "any", hosts: "any", hostsOption: "--allow-import" };

/**
 * Loads apps that listen at `addresses`.
 *
 * @throws {LoadError} when one cannot be loaded
 */
export async function loadOnThread(
  { apps, loader, appLock, console, loadTimeoutMs }: ThreadApps,
  addresses: readonly Deno.Addr[],
): Promise<MountedApp[]> {
  if (console !== undefined) tagConsole(console, "");
  await shareOwnThread(apps);
  if (loader === null) {
    installLightResponse();
    return await loadAppsWithin(apps, loadTimeoutMs, addresses);
  }
  const modules = await AppModuleSet.prepare(loader, apps, ALL_IMPORTS, { appLock });
  installLightResponse();
  const mains = mainModulesOf(apps);
  presentAsMain(mains[0]);
  installModules(modules.apps.graph!, (request) => modules.supply(request), "native", mains);
  try {
    return await loadAppsWithin(modules.apps, loadTimeoutMs, addresses);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    throw new LoadError(error.url, await modules.explain(error.message, []), { cause: error });
  }
}
