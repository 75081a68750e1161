/**
 * From the settings to apps that are ready to be loaded, by Deno's loader or by gatehouse's own.
 *
 * @module
 */

import { resolve } from "node:path";
import {
  isLocal,
  permissionsFor,
  permissionsNotice,
  readsEverything,
  withReadOf,
} from "../config/app_permissions.ts";
import type { WorkerPermissions } from "../config/app_permissions.ts";
import { needsOwnLoader } from "../config/loader_options.ts";
import type { LoaderSettings, ModuleSetting, ServeSettings } from "../config/settings.ts";
import { ConfigError, LoadError } from "../errors.ts";
import type { AppHost } from "../gateway.ts";
import type { LoadableApps } from "../generations.ts";
import { AppModuleSet } from "../loader/app_modules.ts";
import { ModuleCache } from "../loader/cache.ts";
import { defaultImportHosts } from "../loader/fetch_policy.ts";
import { loadApps } from "../loader/load.ts";
import { Loader } from "../loader/loader.ts";
import type { ImportPolicy, LoaderOptions } from "../loader/loader_protocol.ts";
import { resolveApp } from "../loader/resolve.ts";
import type { Log } from "../log.ts";
import type { MountedApp } from "../worker/apps.ts";
import { AppModules } from "../worker/modules.ts";
import type { AppSet, ExportSource } from "../worker/protocol.ts";
import { modulesOf } from "../worker/protocol.ts";
import { installLightResponse } from "../worker/response.ts";
import { preventPrompts } from "./no_prompts.ts";

/** Where the apps of a gateway run, and the loader that has to be ended with it. */
export interface AppLoading extends Disposable {
  /** Where the apps run. */
  readonly host: AppHost;
  /** What the user should know about what the apps may do. */
  readonly notice: Parameters<Log> | null;
  /** Paths of the local files that the apps are made of. */
  localFiles(): readonly string[];
  /** Asks for remote modules again: whether any of the apps' is another one now. */
  hasChangedRemotely(): Promise<boolean>;
}

/** Loads what `settings` name; a reload loads what `reread` then says. */
export function appLoading(
  settings: ServeSettings,
  reread: () => ServeSettings,
  log: Log,
): AppLoading {
  const cwd = Deno.cwd();
  const apps = appSetOf(settings, cwd);
  const urls = modulesOf(apps);
  const asked = settings.appAllowAll || settings.workers === 0
    ? "inherit"
    : settings.appPermissions;
  const permissions = permissionsFor(urls, asked, cwd);
  // The executable's runtime does not check what import() reads.
  const builtins = Deno.build.standalone && !readsEverything(permissions) ? "guarded" : "native";
  const loader = usesOwnLoader(settings)
    ? new Loader(loaderOptions(settings.loading, builtins, cwd), log)
    : null;
  const end = {
    localFiles: () => [],
    hasChangedRemotely: () => Promise.resolve(false),
    [Symbol.dispose]: () => loader?.[Symbol.dispose](),
  };
  if (settings.workers === 0) {
    return { ...end, host: threadHost(apps, loader), notice: threadNotice(urls) };
  }
  if (permissions !== "inherit") preventPrompts();
  const supply = new AppSupply(loader, cwd, reread);
  return {
    ...end,
    host: { kind: "workers", workers: settings.workers, prepare: () => supply.prepare() },
    notice: ["info", permissionsNotice(urls, permissions)],
    localFiles: () => supply.localFiles,
    hasChangedRemotely: () => supply.hasChangedRemotely(),
  };
}

/** The apps and their middleware as workers are to load them; paths are relative to `cwd`. */
function appSetOf(settings: ServeSettings, cwd: string): AppSet {
  const source = ({ module, kind, settings }: ModuleSetting): ExportSource => ({
    ...resolveApp(module, cwd),
    kind,
    settings,
  });
  const around = settings.middleware.map((module) =>
    source({ module, kind: "plain", settings: {} })
  );
  return {
    mounts: settings.mounts.map(({ prefix, app, kind, settings: own = {}, middleware = [] }) => ({
      prefix,
      ...source({ module: app, kind: kind ?? settings.appKind, settings: own }),
      middleware: [...middleware.map(source), ...around],
    })),
    faultReports: settings.faultReports,
  };
}

/**
 * Whether gatehouse's own loader is to be used.
 *
 * @throws {ConfigError} when Deno's is asked for something that it does not do
 */
function usesOwnLoader(settings: ServeSettings): boolean {
  const { loader } = settings.loading;
  const needed = needsOwnLoader(settings);
  if (loader === "native" && needed) {
    throw new ConfigError(
      "--loader native does not go with the other options for loading, nor with --watch: Deno's " +
        "loader takes its own options (deno run --import-map …), and does not tell what it loads",
    );
  }
  return loader === "auto" ? Deno.build.standalone || needed : loader === "own";
}

/** The loader's options, with absolute paths. */
export function loaderOptions(
  loading: LoaderSettings,
  builtins: LoaderOptions["builtins"],
  cwd: string,
): LoaderOptions {
  const { importMap, reload, cachePolicy, allowImport, allowHttp, lockFile, lockMode } = loading;
  if (lockMode === "frozen" && lockFile === undefined) {
    throw new ConfigError("--frozen needs --lock FILE");
  }
  return {
    cacheRoot: ModuleCache.defaultRoot(Deno.env),
    importMapUrl: importMap === undefined ? undefined : resolveApp(importMap, cwd).url,
    reload,
    cachePolicy,
    allowImport: allowImport === "any" ? "any" : [...defaultImportHosts(Deno.env), ...allowImport],
    allowHttp,
    lockFile: lockFile === undefined ? undefined : resolve(cwd, lockFile),
    lockMode,
    builtins,
  };
}

/** Makes the apps ready for each generation of workers. */
class AppSupply {
  readonly #loader: Loader | null;
  readonly #cwd: string;
  readonly #reread: () => ServeSettings;
  #modules: AppModuleSet | null = null;

  constructor(loader: Loader | null, cwd: string, reread: () => ServeSettings) {
    this.#loader = loader;
    this.#cwd = cwd;
    this.#reread = reread;
  }

  /** Paths of the local files that the last generation is made of. */
  get localFiles(): readonly string[] {
    return this.#modules?.localFiles ?? [];
  }

  async prepare(): Promise<LoadableApps> {
    const loader = this.#loader;
    const { apps, permissions, policy } = this.#wanted();
    if (loader === null) return { apps, permissions, modules: null };
    const modules = await AppModuleSet.prepare(loader, apps, policy);
    this.#modules = modules;
    return {
      apps: loader.builtins === "guarded"
        ? { ...modules.apps, lockdown: modules.folders }
        : modules.apps,
      permissions: withReadOf(permissions, modules.folders),
      modules,
    };
  }

  async hasChangedRemotely(): Promise<boolean> {
    if (this.#loader === null || this.#modules === null) return false;
    const { apps, policy } = this.#wanted();
    const { folder } = await AppModuleSet.prepare(this.#loader, apps, policy, "revalidated");
    return folder !== this.#modules.folder;
  }

  #wanted(): { apps: AppSet; permissions: WorkerPermissions; policy: ImportPolicy } {
    const settings = this.#reread();
    const apps = appSetOf(settings, this.#cwd);
    const asked = settings.appAllowAll ? "inherit" : settings.appPermissions;
    const permissions = permissionsFor(modulesOf(apps), asked, this.#cwd);
    return { apps, permissions, policy: importPolicy(permissions, settings.loading) };
  }
}

/** What apps with these permissions may import while they run. */
function importPolicy(permissions: WorkerPermissions, loading: LoaderSettings): ImportPolicy {
  const { allowImport } = loading;
  const everywhere = allowImport === "any"
    ? "any"
    : [...defaultImportHosts(Deno.env), ...allowImport];
  const grant = permissions === "inherit" ? "inherit" : permissions.import;
  const read = permissions === "inherit" ? "inherit" : permissions.read;
  return {
    files: read === "inherit" ? "any" : read || [],
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

function threadHost(apps: AppSet, loader: Loader | null): AppHost {
  const load = async (): Promise<MountedApp[]> => {
    if (loader === null) {
      installLightResponse();
      return await loadApps(apps);
    }
    const modules = await AppModuleSet.prepare(loader, apps, ALL_IMPORTS);
    installLightResponse();
    AppModules.install(modules.apps.graph!, (request) => modules.supply(request), "native");
    try {
      return await loadApps(modules.apps);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      throw new LoadError(error.url, await modules.explain(error.message), { cause: error });
    }
  };
  return { kind: "thread", load };
}
