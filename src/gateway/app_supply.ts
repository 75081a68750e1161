/**
 * Makes apps ready for each generation of workers.
 *
 * @module
 */

import type { Surroundings } from "../base/surroundings.ts";
import { readsEverything, withReadOf } from "../config/app_permissions.ts";
import type { WorkerPermissions } from "../config/app_permissions.ts";
import type { AppSettings } from "../config/settings.ts";
import { Loader } from "../loader/loader.ts";
import type { PartPermission } from "../loader/npm/package_needs.ts";
import type { ImportPolicy } from "../loader/protocol.ts";
import { appGroups } from "./app_groups.ts";
import type { AppGroup } from "./app_groups.ts";
import { importHosts, readAppLock } from "./app_loader.ts";
import { AppModuleSet } from "./app_modules.ts";
import type { ModuleSetOptions } from "./app_modules.ts";
import { readGrantOf } from "./file_desk.ts";
import { makeStoreFolder } from "./app_unstable.ts";
import type { KnownFiles } from "./file_watcher.ts";
import type { LoadableApps } from "./generations.ts";

/** How often all groups are asked for what has changed, at the most, until it stays the same. */
const MAX_ROUNDS = 5;

/** Makes the apps ready for each generation of workers. */
export class AppSupply {
  readonly #loader: Loader | null;
  readonly #surroundings: Surroundings;
  readonly #reread: () => AppSettings;
  readonly #onMoreFiles: () => void;
  /** What the first generation is made of; `null` when it was. */
  #first: AppSettings | null;
  #modules: readonly AppModuleSet[] = [];
  /** Files that were missing or faulty when apps were last prepared. */
  #faulty: readonly string[] = [];
  /** Path of the lock of the apps, and the SHA-256 of what was in it, if there is one. */
  #lockFile: readonly (readonly [path: string, sha256: string])[] = [];

  constructor(
    loader: Loader | null,
    surroundings: Surroundings,
    first: AppSettings,
    reread: () => AppSettings,
    onMoreFiles: () => void,
  ) {
    this.#loader = loader;
    this.#surroundings = surroundings;
    this.#first = first;
    this.#reread = reread;
    this.#onMoreFiles = onMoreFiles;
  }

  /** The local files that the last generation is made of, and what kept a later one from being made. */
  get localFiles(): KnownFiles {
    const files = new Map<string, string | null>(this.#faulty.map((path) => [path, null]));
    for (const [path, sha256] of this.#lockFile) files.set(path, sha256);
    for (const { localFiles } of this.#modules) {
      for (const [path, sha256] of localFiles) files.set(path, sha256);
    }
    return files;
  }

  async prepare(): Promise<LoadableApps[]> {
    const settings = this.#first ?? this.#reread();
    this.#first = null;
    const loader = this.#loader;
    const groups = appGroups(settings, this.#surroundings);
    if (loader === null) return groups.map((group) => ({ ...group, modules: null }));
    const sets: AppModuleSet[] = [];
    try {
      const appLock = await readAppLock(settings.loading, this.#surroundings.cwd);
      this.#lockFile = appLock === null ? [] : [[appLock.path, appLock.sha256]];
      for (const { apps } of groups) makeStoreFolder(apps.unstable!);
      for (const group of groups) {
        const terms = { freshness: "cached", appLock } as const;
        sets.push(await this.#prepareModules(loader, group, settings, terms));
      }
      this.#faulty = [];
    } catch (error) {
      this.#faulty = loader.failedFiles;
      throw error;
    }
    this.#modules = sets;
    return groups.map((group, index) => {
      const modules = sets[index];
      const { apps, folders } = modules;
      return {
        apps: isLocked(group.permissions) ? { ...apps, lockdown: "locked" as const } : apps,
        permissions: withReadOf(group.permissions, folders),
        modules: this.#observed(modules, group.permissions),
        workers: group.workers,
      };
    });
  }

  async hasChangedRemotely(): Promise<boolean> {
    if (this.#loader === null) return false;
    const settings = this.#reread();
    const known = new Set(this.#modules.map(({ remoteState }) => remoteState));
    const late = this.#modules.flatMap(({ lateUrls }) => lateUrls);
    let states = await this.#remoteStates(this.#loader, settings, late);
    if (states.every((state) => known.has(state))) return false;
    // What changes while one group is asked for after another is of two versions: then all are asked for again.
    for (let rounds = 1; states.length > 1 && rounds < MAX_ROUNDS; rounds++) {
      const again = await this.#remoteStates(this.#loader, settings, late);
      const isSettled = again.every((state, index) => state === states[index]);
      states = again;
      if (isSettled) break;
    }
    return true;
  }

  /** Asks for the remote modules of all groups: shared ones must have one version in the next generation. */
  async #remoteStates(
    loader: Loader,
    settings: AppSettings,
    late: readonly string[],
  ): Promise<string[]> {
    const states: string[] = [];
    for (const group of appGroups(settings, this.#surroundings)) {
      const terms = { freshness: "revalidated", late } as const;
      const modules = await this.#prepareModules(loader, group, settings, terms);
      states.push(modules.remoteState);
    }
    return states;
  }

  #prepareModules(
    loader: Loader,
    { apps, permissions }: AppGroup,
    { loading }: AppSettings,
    terms: ModuleSetOptions,
  ): Promise<AppModuleSet> {
    const policy = importPolicy(permissions, importHosts(loading, this.#surroundings.env));
    const builtins = permissions === "inherit" ? "native" : "guarded";
    return AppModuleSet.prepare(loader, apps, policy, { ...terms, builtins });
  }

  #observed(modules: AppModuleSet, permissions: WorkerPermissions): LoadableApps["modules"] {
    const lacking = PART_PERMISSIONS.filter((kind) => hasNone(permissions, kind));
    return {
      supply: async (request) => {
        const imported = await modules.supply(request);
        this.#onMoreFiles();
        return imported;
      },
      explain: (message) => modules.explain(message, lacking),
      needs: (message) => modules.needs(message, lacking),
    };
  }
}

/** What packages may need besides what apps have. */
const PART_PERMISSIONS: readonly PartPermission[] = ["ffi", "run"];

/** Whether apps with these permissions have nothing of a kind. */
function hasNone(permissions: WorkerPermissions, kind: PartPermission): boolean {
  if (permissions === "inherit") return false;
  const grant = permissions[kind];
  return !grant || typeof grant === "object" && grant.length === 0;
}

/** Whether workers have to be kept from import(): the executable's runtime does not check it. */
function isLocked(permissions: WorkerPermissions): boolean {
  return Deno.build.standalone && !readsEverything(permissions);
}

/** What apps with these permissions may import while they run; `everywhere` is what all apps may. */
export function importPolicy(
  permissions: WorkerPermissions,
  everywhere: ImportPolicy["hosts"],
): ImportPolicy {
  const grant = permissions === "inherit" ? "inherit" : permissions.import;
  return {
    files: readGrantOf(permissions),
    hosts: grant === "inherit" ? everywhere : grant || [],
    hostsOption: grant === "inherit" ? "--allow-import" : "--app-allow-import",
  };
}
