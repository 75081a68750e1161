/**
 * From the settings to apps that are ready to be loaded, by gatehouse's loader or by Deno's.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Log, LogLevel } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { UnstableRules } from "../base/unstable_features.ts";
import { isLocal } from "../config/app_permissions.ts";
import type { AppSettings } from "../config/settings.ts";
import { Loader } from "../loader/loader.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import { modulesOf } from "../worker/protocol.ts";
import type { AppSet } from "../worker/protocol.ts";
import {
  appGroups,
  appSourceOf,
  groupNotices,
  modulesNamed,
  refuseInspected,
  refuseMixtures,
  refuseOwnCode,
  writeOthersCode,
  writeOwnCode,
} from "./app_groups.ts";
import type { AppGroup } from "./app_groups.ts";
import { consoleOf } from "./app_groups.ts";
import { checkLock, loaderOptions, readAppLock } from "./app_loader.ts";
import { AppSupply } from "./app_supply.ts";
import { makeStoreFolder, unstableInVain, unstableRules } from "./app_unstable.ts";
import type { KnownFiles } from "./file_watcher.ts";
import type { AppHost } from "./gateway_options.ts";
import { cacheFolder, namedCacheRoot } from "./module_cache.ts";
import { preventPrompts } from "./no_prompts.ts";

/** Where the apps of a gateway run, and the loader that has to be ended with it. */
export interface AppLoading extends Disposable {
  /** Where the apps run. */
  readonly host: AppHost;
  /** What the user should know about what the apps may do. */
  readonly notice: readonly [level: LogLevel, text: string] | null;
  /** The local files that the apps are made of. */
  localFiles(): KnownFiles;
  /** Is called when there are more of these: apps import while they run. */
  onMoreFiles: () => void;
  /** Asks for remote modules again: whether any of the apps' is another one now. */
  hasChangedRemotely(): Promise<boolean>;
}

/** Where there are but folders to serve. */
const NO_APPS: AppLoading = {
  host: { kind: "thread", load: () => Promise.resolve([]) },
  notice: null,
  localFiles: () => new Map(),
  onMoreFiles() {},
  hasChangedRemotely: () => Promise.resolve(false),
  [Symbol.dispose]() {},
};

/**
 * Loads what `settings` name; a reload loads what `reread` then says. No app is loaded that could reach an
 * inspector at one of `inspectorPorts`, and with it do more than it may.
 */
export function appLoading(
  settings: AppSettings,
  reread: () => AppSettings,
  surroundings: Surroundings,
  inspectorPorts: readonly number[],
  log: Log,
): AppLoading {
  const { cwd } = surroundings;
  if (settings.mounts.length === 0) return NO_APPS;
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
  let cacheRoot: string | null = null;
  if (settings.loading.loader === "built-in") {
    using folder = new DisposableStack();
    const { root } = folder.use(cacheFolder(surroundings, log));
    // Where none is named that can be written to, it is among temporary files.
    refuseOwnCode(groups, surroundings, root);
    resources.use(folder.move());
    cacheRoot = root;
    const apps = settings.mounts.map(({ app }) => app);
    const options = loaderOptions(settings.loading, apps, surroundings, root);
    loader = resources.use(new Loader(options, log));
  }
  if (settings.workers === 0) {
    const mounts = settings.mounts.map((mount) => appSourceOf(mount, settings, cwd));
    const unstable = rulesOfThread(settings, surroundings);
    makeStoreFolder(unstable);
    const apps: AppSet = { mounts, faultReports: settings.faultReports, unstable };
    const { loadTimeoutMs } = settings.workerLimits;
    const { console } = consoleOf(settings);
    return {
      ...end,
      host: {
        kind: "thread",
        async load(addresses) {
          const { loadOnThread } = await import("./thread_apps.ts");
          const appLock = await readAppLock(settings.loading, cwd);
          const all = { apps, loader, appLock, console, loadTimeoutMs };
          return await loadOnThread(all, addresses);
        },
      },
      notice: threadNotice(modulesOf(apps)),
      localFiles: () => new Map(),
      onMoreFiles() {},
      hasChangedRemotely: () => Promise.resolve(false),
    };
  }
  if (groups.some(({ permissions }) => permissions !== "inherit")) preventPrompts();
  const rereadChecked = () => {
    const again = reread();
    refuseOwnCode(checkedGroups(again, surroundings, inspectorPorts), surroundings, cacheRoot);
    return again;
  };
  const loading: AppLoading = {
    ...end,
    host: { kind: "workers", prepare: () => supply.prepare() },
    notice: noticeOf(groups, surroundings, cacheRoot),
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

/** What apps may do, and whether that is more than it seems. */
function noticeOf(
  groups: readonly AppGroup[],
  surroundings: Surroundings,
  cacheRoot: string | null,
): NonNullable<AppLoading["notice"]> {
  const lines = groupNotices(groups);
  const replaced = writeOwnCode(groups, surroundings)
    ? "gatehouse's own modules, and then do all that gatehouse may"
    : writeOthersCode(groups, cacheRoot)
    ? "the modules of other apps, and then do all that these may"
    : null;
  if (replaced === null) return ["info", lines.join("\n")];
  const warning = `who may write everywhere can replace ${replaced}: name the folders that apps ` +
    "need (--app-allow-write=PATH,...)";
  return ["warning", [...lines, warning].join("\n")];
}

/**
 * The apps by the workers that they share, without those of `--workers 0`, which have none.
 *
 * @throws {ConfigError} when the settings for apps and for loading them do not go together
 */
export function checkedGroups(
  settings: AppSettings,
  surroundings: Surroundings,
  inspectorPorts: readonly number[],
): AppGroup[] {
  checkLock(settings.loading, settings.mounts.map(({ app }) => app), surroundings.cwd);
  if (settings.loading.appLock !== undefined && settings.watchRemoteMs > 0) {
    throw new ConfigError(
      "--watch-remote cannot be combined with --app-lock: apps change when the lock does; reload " +
        "then, or let --watch do it",
    );
  }
  if (settings.workers === 0) {
    if (settings.watch !== "nothing" || settings.watchRemoteMs > 0) {
      throw new ConfigError("--watch needs --workers 1 or more");
    }
    rulesOfThread(settings, surroundings);
    return [];
  }
  const groups = appGroups(settings, surroundings);
  if (settings.loading.loader === "native") refuseMixtures(groups);
  refuseInspected(groups, inspectorPorts);
  const hasCache = settings.loading.loader === "built-in";
  refuseOwnCode(groups, surroundings, hasCache ? namedCacheRoot(surroundings) : null);
  return groups;
}

/**
 * The unstable features of apps that share the gateway's own thread.
 *
 * @throws {ConfigError} if they cannot share it
 */
function rulesOfThread(settings: AppSettings, surroundings: Surroundings): UnstableRules {
  const all = settings.mounts.map(({ app }) => {
    const { url } = resolveApp(app, surroundings.cwd);
    return unstableRules(url, settings.unstable, surroundings);
  });
  const stores = new Set(all.map(({ kvPath }) => kvPath).filter((path) => path !== ""));
  const features = [...new Set(all.flatMap(({ features }) => features))];
  if (stores.size > 1) {
    throw new ConfigError(
      "with --workers 0, apps of several projects cannot each have a Deno.openKv(): give " +
        "--workers 1 or more, or run a gatehouse for each project",
    );
  }
  if (features.includes("cron") && settings.processes > 0) {
    throw new ConfigError(
      "with --workers 0, the jobs of Deno.cron() would run in each of the --processes: give " +
        "--workers 1 or more",
    );
  }
  const [kvPath = ""] = stores;
  return { features, kvPath };
}

function threadNotice(urls: readonly string[]): AppLoading["notice"] {
  if (urls.every(isLocal)) return null;
  return [
    "warning",
    "with --workers 0, apps may do whatever gatehouse itself may, even apps from URLs",
  ];
}
