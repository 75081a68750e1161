/**
 * From the settings to apps that are ready to be loaded, by gatehouse's loader or by Deno's.
 *
 * @module
 */

import { resolve } from "node:path";
import {
  comeFromBoth,
  isLocal,
  permissionsFor,
  permissionsNotice,
  reachesPorts,
  readsEverything,
  withReadOf,
} from "../config/app_permissions.ts";
import type { WorkerPermissions } from "../config/app_permissions.ts";
import { needsBuiltInLoader } from "../config/loader_options.ts";
import type {
  LoaderSettings,
  ModuleSetting,
  MountSetting,
  ServeSettings,
} from "../config/settings.ts";
import { ConfigError, LoadError } from "../base/errors.ts";
import type { AppHost } from "./gateway.ts";
import type { LoadableApps } from "./generations.ts";
import { AppModuleSet } from "./app_modules.ts";
import { lockBeside } from "../loader/project/deno_config.ts";
import { defaultImportHosts } from "../loader/names/fetch_policy.ts";
import { loadAppsWithin } from "../worker/load_apps.ts";
import { Loader } from "../loader/loader.ts";
import type { Freshness, ImportPolicy, LoaderOptions } from "../loader/protocol.ts";
import type { PartPermission } from "../loader/npm/package_needs.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import type { Log } from "../base/log.ts";
import type { UnstableRules } from "../base/unstable_features.ts";
import { shareOwnThread } from "../worker/own_thread.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import { withoutPasswords } from "../base/passwords.ts";
import type { MountedApp } from "../worker/apps.ts";
import { presentAsMain } from "../worker/main_module.ts";
import { installModules } from "../worker/modules.ts";
import type { AppSet, AppSource, ExportSource } from "../worker/protocol.ts";
import { mainModulesOf, modulesOf } from "../worker/protocol.ts";
import { installLightResponse } from "../worker/response.ts";
import type { KnownFiles } from "./file_watcher.ts";
import {
  makeStoreFolder,
  projectOf,
  unstableInVain,
  unstableRules,
  withStore,
} from "./app_unstable.ts";
import { cacheFolder } from "./module_cache.ts";
import { preventPrompts } from "./no_prompts.ts";

/** Where the apps of a gateway run, and the loader that has to be ended with it. */
export interface AppLoading extends Disposable {
  /** Where the apps run. */
  readonly host: AppHost;
  /** What the user should know about what the apps may do. */
  readonly notice: Parameters<Log> | null;
  /** The local files that the apps are made of. */
  localFiles(): KnownFiles;
  /** Is called when there are more of these: apps import while they run. */
  onMoreFiles: () => void;
  /** Asks for remote modules again: whether any of the apps' is another one now. */
  hasChangedRemotely(): Promise<boolean>;
}

/**
 * Loads what `settings` name; a reload loads what `reread` then says. No app is loaded that could reach an
 * inspector at one of `inspectorPorts`, and with it do more than it may.
 */
export function appLoading(
  settings: ServeSettings,
  reread: () => ServeSettings,
  surroundings: Surroundings,
  inspectorPorts: readonly number[],
  log: Log,
): AppLoading {
  const { cwd } = surroundings;
  const groups = checkedGroups(settings, surroundings, inspectorPorts);
  for (
    const line of new Set(
      modulesNamed(settings).flatMap((name) => unstableInVain(resolveApp(name, cwd).url)),
    )
  ) {
    log("warning", line);
  }
  const resources = new DisposableStack();
  const end = { [Symbol.dispose]: () => resources.dispose() };
  let loader: Loader | null = null;
  if (settings.loading.loader === "built-in") {
    const { root } = resources.use(cacheFolder(surroundings, log));
    const apps = settings.mounts.map(({ app }) => app);
    const options = loaderOptions(settings.loading, apps, surroundings, root);
    loader = resources.use(new Loader(options, log));
  }
  if (settings.workers === 0) {
    const mounts = settings.mounts.map((mount) => appSourceOf(mount, settings, cwd));
    const unstable = rulesOfThread(settings, surroundings);
    makeStoreFolder(unstable);
    const apps: AppSet = { mounts, faultReports: settings.faultReports, unstable };
    return {
      ...end,
      host: threadHost(apps, loader, settings.workerLimits.loadTimeoutMs),
      notice: threadNotice(modulesOf(apps)),
      localFiles: () => new Map(),
      onMoreFiles() {},
      hasChangedRemotely: () => Promise.resolve(false),
    };
  }
  if (groups.some(({ permissions }) => permissions !== "inherit")) preventPrompts();
  const rereadChecked = () => {
    const again = reread();
    checkedGroups(again, surroundings, inspectorPorts);
    return again;
  };
  const loading: AppLoading = {
    ...end,
    host: { kind: "workers", prepare: () => supply.prepare() },
    notice: ["info", groupNotices(groups).join("\n")],
    localFiles: () => supply.localFiles,
    onMoreFiles() {},
    hasChangedRemotely: () => supply.hasChangedRemotely(),
  };
  const supply = new AppSupply(
    loader,
    surroundings,
    settings,
    rereadChecked,
    () => loading.onMoreFiles(),
  );
  return loading;
}

/**
 * The apps by the workers that they share, without those of `--workers 0`, which have none.
 *
 * @throws {ConfigError} when the settings for apps and for loading them do not go together
 */
export function checkedGroups(
  settings: ServeSettings,
  surroundings: Surroundings,
  inspectorPorts: readonly number[],
): AppGroup[] {
  checkLoader(settings);
  checkLock(settings.loading, settings.mounts.map(({ app }) => app), surroundings.cwd);
  if (settings.workers === 0) {
    if (settings.watch !== "nothing" || settings.watchRemoteMs > 0) {
      throw new ConfigError("--watch needs workers that can be replaced: not --workers 0");
    }
    rulesOfThread(settings, surroundings);
    return [];
  }
  const groups = appGroups(settings, surroundings);
  for (const { apps, permissions } of groups) {
    const urls = modulesOf(apps);
    if (
      settings.loading.loader === "built-in" || permissions === "inherit" || !comeFromBoth(urls)
    ) continue;
    throw new ConfigError(
      `--loader native does not go with ${urls.find(isLocal)} and ${
        urls.find((url) => !isLocal(url))
      } in the same workers: Deno's loader would let both read the folder of the first`,
    );
  }
  refuseInspected(groups, inspectorPorts);
  return groups;
}

/**
 * The unstable features of apps that share the gateway's own thread.
 *
 * @throws {ConfigError} if they cannot share it
 */
function rulesOfThread(settings: ServeSettings, surroundings: Surroundings): UnstableRules {
  const all = settings.mounts.map(({ app }) => {
    const { url } = resolveApp(app, surroundings.cwd);
    return unstableRules(url, settings.unstable, surroundings);
  });
  const stores = new Set(all.map(({ kvPath }) => kvPath).filter((path) => path !== ""));
  const features = [...new Set(all.flatMap(({ features }) => features))];
  if (stores.size > 1) {
    throw new ConfigError(
      "with --workers 0 apps of several projects cannot have a Deno.openKv() of their own: give " +
        "--workers 1 or more, or start a gatehouse for each",
    );
  }
  if (features.includes("cron") && settings.processes > 0) {
    throw new ConfigError(
      "with --workers 0 the jobs of Deno.cron() would run in each of the --processes: give " +
        "--workers 1 or more",
    );
  }
  const [kvPath = ""] = stores;
  return { features, kvPath };
}

/** Apps that share workers: those that may do the same, and want as many. */
export interface AppGroup {
  readonly apps: AppSet;
  readonly permissions: WorkerPermissions;
  readonly workers: number;
}

/** Puts apps together that can share workers. */
export function appGroups(settings: ServeSettings, surroundings: Surroundings): AppGroup[] {
  const { faultReports } = settings;
  const groups = new Map<string, AppGroup & { readonly mounts: AppSource[] }>();
  for (const mount of settings.mounts) {
    const source = appSourceOf(mount, settings, surroundings.cwd);
    const urls = modulesOf({ mounts: [source], faultReports });
    const asked = mount.permissions ??
      (settings.appAllowAll ? "inherit" : settings.appPermissions);
    const unstable = unstableRules(source.url, settings.unstable, surroundings);
    const permissions = withStore(permissionsFor(urls, asked, surroundings), unstable);
    const workers = mount.workers ?? settings.workers;
    // Each project has its own import map and lock file, and names for its jobs.
    const project = projectOf(source.url);
    const key = JSON.stringify([permissions, workers, unstable, project]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.mounts.push(source);
      continue;
    }
    const mounts = [source];
    groups.set(key, { apps: { mounts, faultReports, unstable }, mounts, permissions, workers });
  }
  return [...groups.values()];
}

/**
 * @throws {ConfigError} if an app can reach an inspector at one of `ports`, though it may not do everything
 */
export function refuseInspected(groups: readonly AppGroup[], ports: readonly number[]): void {
  if (ports.length === 0) return;
  for (const { apps, permissions } of groups) {
    if (permissions === "inherit" || !reachesPorts(permissions, ports)) continue;
    throw new ConfigError(
      `--inspect lets whoever connects to it do all that gatehouse may do, and ` +
        `${apps.mounts[0].url} could, since it may use the network: give it what it needs, with ` +
        "ports (--app-allow-net=HOST:PORT,...), or everything (--app-allow-all)",
    );
  }
}

/** An app and its middleware as workers are to load them; paths are relative to `cwd`. */
function appSourceOf(mount: MountSetting, all: ServeSettings, cwd: string): AppSource {
  const { prefix, stripped, app, kind = all.appKind, settings = {}, middleware = [] } = mount;
  const source = ({ module, kind, settings }: ModuleSetting): ExportSource => ({
    ...resolveApp(module, cwd),
    kind,
    settings,
  });
  const around = all.middleware.map((module) => source({ module, kind: "plain", settings: {} }));
  return {
    prefix,
    ...stripped === undefined ? {} : { stripped },
    ...source({ module: app, kind, settings }),
    middleware: [...middleware.map(source), ...around],
  };
}

/** @throws {ConfigError} when Deno's loader is asked for something that it does not do */
function checkLoader(settings: ServeSettings): void {
  if (settings.loading.loader !== "native") return;
  if (Deno.build.standalone) {
    throw new ConfigError(
      "--loader native is for gatehouse from source: Deno's loader is not in the executable",
    );
  }
  if (modulesNamed(settings).some((module) => withoutPasswords(module) !== module)) {
    throw new ConfigError("--loader native does not go with passwords in URLs: Deno prints them");
  }
  if (needsBuiltInLoader(settings)) {
    throw new ConfigError(
      "--loader native does not go with the other options for loading, nor with --watch: Deno's " +
        "loader takes its own options (deno run --import-map …), and does not tell what it loads",
    );
  }
}

/** The modules that the settings name, as they do. */
function modulesNamed({ mounts, middleware }: ServeSettings): string[] {
  const around = mounts.flatMap(({ middleware = [] }) => middleware.map(({ module }) => module));
  return [...mounts.map(({ app }) => app), ...around, ...middleware];
}

/**
 * The loader's options for apps that are named so, with absolute paths; the cache is in `cacheRoot`.
 *
 * @throws {ConfigError} if they do not go together
 */
export function loaderOptions(
  loading: LoaderSettings,
  apps: readonly string[],
  { cwd, env }: Surroundings,
  cacheRoot: string,
): LoaderOptions {
  const { importMap, reload, cachePolicy, allowHttp, lockFile, lockMode } = loading;
  checkLock(loading, apps, cwd);
  return {
    cacheRoot,
    importMapUrl: importMap === undefined ? undefined : resolveApp(importMap, cwd).url,
    reload,
    cachePolicy,
    allowImport: importHosts(loading, env),
    allowHttp,
    ...lockFile === undefined
      ? { lockFile: undefined, lockOrigin: "found" }
      : { lockFile: resolve(cwd, lockFile), lockOrigin: "named" },
    lockMode,
    env: withAbsolutePaths(env, cwd),
  };
}

function checkLock(
  { lockFile, lockMode }: LoaderSettings,
  apps: readonly string[],
  cwd: string,
): void {
  if (lockMode !== "frozen" || lockFile !== undefined) return;
  const without = apps.find((app) => lockBeside([resolveApp(app, cwd).url]) === null);
  if (without === undefined) return;
  throw new ConfigError(
    `--frozen needs --lock FILE, or a deno.lock beside the app's deno.json: ${without} has none`,
  );
}

/** The same variables, with paths made absolute that the loader's thread looks at. */
function withAbsolutePaths(env: Surroundings["env"], cwd: string): Surroundings["env"] {
  const paths = ["HOME", "USERPROFILE", "NPM_CONFIG_USERCONFIG"].flatMap((name) => {
    const path = environmentOf(env).get(name);
    return path ? [[name, resolve(cwd, path)]] : [];
  });
  return { ...env, ...Object.fromEntries(paths) };
}

/** Hosts that modules may come from, besides those of the apps. */
function importHosts(
  { allowImport }: LoaderSettings,
  env: Surroundings["env"],
): "any" | readonly string[] {
  if (allowImport === "any") return "any";
  return [...defaultImportHosts(environmentOf(env)), ...allowImport];
}

/** Makes the apps ready for each generation of workers. */
class AppSupply {
  readonly #loader: Loader | null;
  readonly #surroundings: Surroundings;
  readonly #reread: () => ServeSettings;
  readonly #onMoreFiles: () => void;
  /** What the first generation is made of; `null` when it was. */
  #first: ServeSettings | null;
  #modules: readonly AppModuleSet[] = [];
  /** Files that were looked for in vain, or had faults, when apps were last prepared. */
  #faulty: readonly string[] = [];

  constructor(
    loader: Loader | null,
    surroundings: Surroundings,
    first: ServeSettings,
    reread: () => ServeSettings,
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
      for (const { apps } of groups) makeStoreFolder(apps.unstable!);
      for (const group of groups) {
        sets.push(await this.#prepareModules(loader, group, settings, "cached"));
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
    let hasChanged = false;
    // All of them: what several have in common is to be of one version in the generation that follows.
    for (const group of appGroups(settings, this.#surroundings)) {
      const { remoteState } = await this.#prepareModules(
        this.#loader,
        group,
        settings,
        "revalidated",
        late,
      );
      hasChanged ||= !known.has(remoteState);
    }
    return hasChanged;
  }

  #prepareModules(
    loader: Loader,
    { apps, permissions }: AppGroup,
    { loading }: ServeSettings,
    freshness: Freshness,
    late: readonly string[] = [],
  ): Promise<AppModuleSet> {
    const policy = importPolicy(permissions, importHosts(loading, this.#surroundings.env));
    const builtins = permissions === "inherit" ? "native" : "guarded";
    return AppModuleSet.prepare(loader, apps, policy, builtins, freshness, late);
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
  const read = permissions === "inherit" ? "inherit" : permissions.read;
  return {
    files: permissions === "inherit" ? "any" : read === "inherit" ? "ordinary" : read || [],
    hosts: grant === "inherit" ? everywhere : grant || [],
    hostsOption: grant === "inherit" ? "--allow-import" : "--app-allow-import",
  };
}

/** What apps may import that share the gateway's own thread. */
const ALL_IMPORTS: ImportPolicy = { files: "any", hosts: "any", hostsOption: "--allow-import" };

function threadNotice(urls: readonly string[]): Parameters<Log> | null {
  if (urls.every(isLocal)) return null;
  return [
    "warning",
    "with --workers 0 apps may do all that gatehouse itself may, those from elsewhere too",
  ];
}

function groupNotices(groups: readonly AppGroup[]): string[] {
  return groups.map(({ apps, permissions }) => {
    const notice = permissionsNotice(modulesOf(apps), permissions);
    const names = apps.mounts.map(({ prefix }) => prefix || "/").join(", ");
    return groups.length === 1 ? notice : `${names}: ${notice}`;
  });
}

function threadHost(apps: AppSet, loader: Loader | null, loadTimeoutMs: number): AppHost {
  const load = async (addresses: readonly Deno.Addr[]): Promise<MountedApp[]> => {
    await shareOwnThread(apps);
    if (loader === null) {
      installLightResponse();
      return await loadAppsWithin(apps, loadTimeoutMs, addresses);
    }
    const modules = await AppModuleSet.prepare(loader, apps, ALL_IMPORTS);
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
  };
  return { kind: "thread", load };
}
