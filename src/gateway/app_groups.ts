/**
 * Which apps share workers, and what these may do.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { ConfigError } from "../base/errors.ts";
import { denoFolder, isChangeable, overlap, realPathOf } from "../base/folders.ts";
import { logSettings } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import {
  comeFromBoth,
  isLocal,
  permissionsFor,
  permissionsNotice,
  reachesPorts,
} from "../config/app_permissions.ts";
import type { WorkerPermissions } from "../config/app_permissions.ts";
import type { AppSettings, ModuleSetting, MountSetting } from "../config/settings.ts";
import { HANDLER_PREFIX, resolveApp } from "../loader/names/resolve.ts";
import { modulesOf } from "../worker/protocol.ts";
import type { AppSet, AppSource, ExportSource } from "../worker/protocol.ts";
import { projectOf, unstableRules, withStore } from "./app_unstable.ts";

/** Apps that share workers: those that may do the same, and want as many. */
export interface AppGroup {
  readonly apps: AppSet;
  readonly permissions: WorkerPermissions;
  readonly workers: number;
}

/** How what apps print is tagged: always, where the log has to be JSON. */
export function consoleOf(
  { consoleTags, logFormat: format }: AppSettings,
): Pick<AppSet, "console"> {
  const { mark = "" } = logSettings();
  return consoleTags === "none" && format === "text" ? {} : { console: { format, mark } };
}

/** Puts apps together that can share workers. */
export function appGroups(settings: AppSettings, surroundings: Surroundings): AppGroup[] {
  const { faultReports, fileFields } = settings;
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
    groups.set(key, {
      apps: { mounts, faultReports, fileFields, unstable, ...consoleOf(settings) },
      mounts,
      permissions,
      workers,
    });
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
      `--inspect lets anyone who connects do all that gatehouse may do, and ` +
        `${apps.mounts[0].url} could connect, since it may use the network: give it only the ` +
        "ports that it needs (--app-allow-net=HOST:PORT,...), or everything (--app-allow-all)",
    );
  }
}

/**
 * @throws {ConfigError} if apps from files and from URLs share workers, in which Deno's loader loads them:
 * it would let both read the folder of the first
 */
export function refuseMixtures(groups: readonly AppGroup[]): void {
  for (const { apps, permissions } of groups) {
    const urls = modulesOf(apps);
    if (permissions === "inherit" || !comeFromBoth(urls)) continue;
    throw new ConfigError(
      `${urls.find(isLocal)} and ${urls.find((url) => !isLocal(url))} would share workers, and ` +
        "Deno's loader would let both read the folder of the first: use the built-in loader, serve " +
        "them apart, or let them do everything",
    );
  }
}

/** What gatehouse's modules are made of, and read from again and again. */
const OWN_CODE = ["cli.ts", "mod.ts", "deno.json", "deno.lock", "node_modules", "src"];
const OWN_FOLDER = new URL("../../", import.meta.url);

/** The files and folders that gatehouse's code is read from while it runs; none in the executable. */
function ownCode(env: Surroundings["env"]): string[] {
  if (Deno.build.standalone) return [];
  const deno = denoFolder(environmentOf(env));
  const modules = OWN_FOLDER.protocol === "file:"
    ? OWN_CODE.map((name) => fileURLToPath(new URL(name, OWN_FOLDER)))
    : [];
  return deno === null ? modules : [...modules, deno];
}

/** Code that apps are not to replace. */
interface GuardedCode {
  /** Where it is. */
  readonly place: string;
  /** Whose it is, and who may do what they may not, in words. */
  readonly whose: string;
  readonly who: string;
}

/**
 * @throws {ConfigError} if a path that apps may write to has code of gatehouse's in it, or, in `cache`, that of apps
 * which may do something else: they could replace it, and do what these may
 */
export function refuseOwnCode(
  groups: readonly AppGroup[],
  { env }: Pick<Surroundings, "env">,
  cache: string | null = null,
): void {
  const others = groups.length > 1 && cache !== null ? [cache] : [];
  for (const { apps, permissions } of groups) {
    if (permissions === "inherit" || !Array.isArray(permissions.write)) continue;
    const code: readonly GuardedCode[] = [
      ...ownCode(env).map((place) => ({ place, whose: "gatehouse itself is", who: "gatehouse" })),
      ...others.map((place) => ({ place, whose: "other apps are", who: "these" })),
    ];
    for (const path of permissions.write) {
      const real = realPathOf(path);
      const reached = code.find(({ place }) => overlap(real, realPathOf(place)));
      if (reached === undefined || !mayWrite(reached.place)) continue;
      const { place, whose, who } = reached;
      throw new ConfigError(
        `${apps.mounts[0].url} may write to ${path}, and so replace what ${whose} run from ` +
          `(${place}), and then do all that ${who} may: let it write only to the folders that it ` +
          "needs (--app-allow-write=PATH,...), or do everything (--app-allow-all)",
      );
    }
  }
}

/** Whether apps may write wherever gatehouse may, its own code included, and yet not do everything. */
export function writeOwnCode(
  groups: readonly AppGroup[],
  { env }: Pick<Surroundings, "env">,
): boolean {
  return groups.some(writesEverywhere) && ownCode(env).some(mayWrite);
}

/** The same of `cache`, where it has code of apps which may do something else. */
export function writeOthersCode(groups: readonly AppGroup[], cache: string | null): boolean {
  return cache !== null && groups.length > 1 && groups.some(writesEverywhere) && mayWrite(cache);
}

function writesEverywhere({ permissions }: AppGroup): boolean {
  return permissions !== "inherit" && permissions.write === "inherit";
}

/** Whether gatehouse itself may write there, which apps cannot if it may not. */
function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state === "granted" &&
    isChangeable(path);
}

/** What each group may do, in a line. */
export function groupNotices(groups: readonly AppGroup[]): string[] {
  return groups.map(({ apps, permissions }) => {
    const notice = permissionsNotice(modulesOf(apps), permissions);
    const names = apps.mounts.map(({ prefix }) => prefix || "/").join(", ");
    return groups.length === 1 ? notice : `${names}: ${notice}`;
  });
}

/** An app and its middleware as workers are to load them; paths are relative to `cwd`. */
export function appSourceOf(mount: MountSetting, all: AppSettings, cwd: string): AppSource {
  const { prefix, stripped, app, kind = all.appKind, settings = {}, middleware = [] } = mount;
  const source = ({ module, kind, settings }: ModuleSetting): ExportSource => ({
    ...resolveApp(module, cwd),
    kind,
    settings,
  });
  const filters = [...middleware.map(({ module }) => module), ...all.middleware];
  const handler = filters.find((module) => module.startsWith(HANDLER_PREFIX));
  if (handler !== undefined) {
    throw new ConfigError(`${handler} cannot be middleware: a handler takes the place of an app`);
  }
  const around = all.middleware.map((module) => source({ module, kind: "plain", settings: {} }));
  return {
    prefix,
    ...stripped === undefined ? {} : { stripped },
    ...source({ module: app, kind, settings }),
    middleware: [...middleware.map(source), ...around],
  };
}

/** The modules that the settings name, as they do. */
export function modulesNamed({ mounts, middleware }: AppSettings): string[] {
  const around = mounts.flatMap(({ middleware = [] }) => middleware.map(({ module }) => module));
  return [...mounts.map(({ app }) => app), ...around, ...middleware];
}
