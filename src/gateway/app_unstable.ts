/**
 * Which of the runtime's unstable features an app gets, and where it keeps what it puts into them.
 *
 * @module
 */

import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isLocal } from "../config/app_permissions.ts";
import type { WorkerPermissions } from "../config/app_permissions.ts";
import { ConfigError } from "../base/errors.ts";
import { fileSystemReason, PRIVATE_FOLDER } from "../loader/files/atomic_write.ts";
import { findConfig, packageJsonOf, unstableOfProject } from "../loader/project/deno_config.ts";
import { sha256Of } from "../base/sha256.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import type { UnstableFeature, UnstableRules } from "../base/unstable_features.ts";
import { hasUnstable, NOTHING_UNSTABLE, UNSTABLE_FEATURES } from "../base/unstable_features.ts";

/** Features that all apps have anyway, or that change nothing once an app runs. */
const WITHOUT_MEANING: ReadonlySet<string> = new Set([
  "broadcast-channel",
  "ffi",
  "fs",
  "http",
  "lazy-dynamic-imports",
  "lockfile-v5",
  "npm-lazy-caching",
  "process",
  "raw-imports",
  "temporal",
  "tsgo",
  "vsock",
  "webgpu",
  "worker-options",
]);

/** Length of the part of a folder's name that makes it unique. */
const HASH_LENGTH = 16;

/**
 * What the app at `url` gets: what the `unstable` of its `deno.json` says, and what `asked` does.
 * Apps of one `deno.json` share their data, as under Deno.
 *
 * @throws {ConfigError} if this process lacks what is asked for, or there is no place for the data
 */
export function unstableRules(
  url: string,
  asked: readonly UnstableFeature[],
  surroundings: Surroundings,
): UnstableRules {
  const config = configOf(url);
  const named = config === null ? [] : unstableOfProject(config);
  const features = UNSTABLE_FEATURES.filter((name) => asked.includes(name) || named.includes(name));
  if (features.length === 0) return NOTHING_UNSTABLE;
  for (const feature of features) {
    if (hasUnstable(feature)) continue;
    const who = asked.includes(feature) ? `--unstable-${feature}` : `"unstable" of ${config}`;
    throw new ConfigError(
      `${who} asks for "${feature}", which this process of Deno does not have: start it with ` +
        `deno run --unstable-${feature}, or use gatehouse's executable`,
    );
  }
  const kvPath = features.includes("kv") ? storeOf(config ?? url, surroundings) : "";
  return { features, kvPath };
}

/** What the `deno.json` of the app at `url` asks for that gatehouse lacks: a sentence for each. */
export function unstableInVain(url: string): string[] {
  const config = configOf(url);
  if (config === null) return [];
  return unstableOfProject(config)
    .filter((name) => !isKnown(name))
    .map((name) => `${config}: gatehouse does not support ${JSON.stringify(name)} in "unstable"`);
}

function isKnown(name: string): boolean {
  return WITHOUT_MEANING.has(name) || (UNSTABLE_FEATURES as readonly string[]).includes(name);
}

function configOf(url: string): string | null {
  return isLocal(url) ? findConfig(dirname(fileURLToPath(url))) : null;
}

/**
 * Identifies the project of the app at `url`: the path of its file, or `""` where there is none.
 */
export function projectOf(url: string): string {
  const config = configOf(url);
  return config ?? packageJsonOf(url, config) ?? "";
}

/** The same permissions, and those for the store of `rules`. */
export function withStore(permissions: WorkerPermissions, rules: UnstableRules): WorkerPermissions {
  const { kvPath } = rules;
  if (kvPath === "" || permissions === "inherit") return permissions;
  const { read, write } = permissions;
  return {
    ...permissions,
    read: read === "inherit" ? read : [...read || [], kvPath],
    write: write === "inherit" ? write : [...write || [], kvPath],
  };
}

/**
 * Makes the folder of the store that `rules` name.
 *
 * @throws {ConfigError} if it cannot be made
 */
export function makeStoreFolder({ kvPath }: UnstableRules): void {
  if (kvPath === "") return;
  const folder = dirname(kvPath);
  try {
    Deno.mkdirSync(folder, PRIVATE_FOLDER);
  } catch (error) {
    const reason = fileSystemReason(error);
    if (reason === null) throw error;
    throw new ConfigError(
      `cannot make the folder ${folder} for Deno.openKv(): ${reason}; set GATEHOUSE_STATE to use ` +
        "another",
    );
  }
}

/** The file of the store of the project that is named so, by a path or URL. */
function storeOf(project: string, surroundings: Surroundings): string {
  const name = basename(dirname(project)).replace(/[^\w.-]+/g, "-").slice(0, 40);
  const folder = `${name}-${sha256Of(project).slice(0, HASH_LENGTH)}`;
  return join(stateFolder(surroundings), "kv", folder, "kv.sqlite3");
}

/** The folder for what is to last, as the environment says it. */
function stateFolder({ cwd, env }: Pick<Surroundings, "cwd" | "env">): string {
  const variables = environmentOf(env);
  const named = variables.get("GATEHOUSE_STATE");
  if (named) return resolve(cwd, named);
  // What systemd makes for StateDirectory=.
  const [given] = (variables.get("STATE_DIRECTORY") ?? "").split(":");
  if (given) return resolve(cwd, given);
  const home = variables.get("HOME");
  const xdg = variables.get("XDG_STATE_HOME");
  const local = variables.get("LOCALAPPDATA");
  const { os } = Deno.build;
  let parent: string | null = null;
  if (os === "windows") parent = local || null;
  // Its specification says to ignore a relative path.
  else if (xdg && isAbsolute(xdg)) parent = xdg;
  else if (home) {
    parent = join(
      home,
      ...(os === "darwin" ? ["Library", "Application Support"] : [".local/state"]),
    );
  }
  if (parent !== null) return resolve(cwd, parent, "gatehouse");
  throw new ConfigError(
    "Deno.openKv() has no folder for its data: set GATEHOUSE_STATE " +
      `(${os === "windows" ? "LOCALAPPDATA" : "HOME"} is not set)`,
  );
}
