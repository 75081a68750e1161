/**
 * Folders of files among what is mounted.
 *
 * @module
 */

import { isAbsolute, resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { filePath } from "../base/paths.ts";
import type { MountSetting, ServeSettings } from "../config/settings.ts";

/** A folder, and where it is mounted. */
export interface FolderMount {
  /** Path prefix without a trailing slash; `""` for the root. */
  readonly prefix: string;
  /** Absolute path of the folder. */
  readonly path: string;
}

/** Settings without their folders, and these. */
export interface FoldersApart {
  /** Folders that are mounted. */
  readonly folders: readonly FolderMount[];
  /** The settings with the apps alone. */
  readonly apps: ServeSettings;
}

/**
 * Takes the folders out of what `settings` mount.
 *
 * @throws {ConfigError} if something is asked of a folder that is for apps
 */
export function foldersApart(settings: ServeSettings, cwd: string): FoldersApart {
  const folders: FolderMount[] = [];
  const mounts: MountSetting[] = [];
  for (const mount of settings.mounts) {
    const path = folderAt(mount.app, cwd);
    if (path === null) {
      mounts.push(mount);
      continue;
    }
    const { middleware = [], stripped } = mount;
    if (middleware.length + settings.middleware.length > 0) {
      throw new ConfigError(
        `${mount.app} is a folder: there can be no middleware around its files`,
      );
    }
    if (stripped !== undefined) {
      throw new ConfigError(`${mount.app} is a folder, whose files have no use for ,strip`);
    }
    folders.push({ prefix: mount.prefix, path });
  }
  const apps = { ...settings, mounts };
  // Without apps there is nothing to run, watch or count.
  return mounts.length > 0 ? { folders, apps } : {
    folders,
    apps: { ...apps, workers: 0, watch: "nothing", watchRemoteMs: 0, generationHeader: "" },
  };
}

/** Absolute path of the folder that `name` names, a path or a `file:` URL; `null` if it is none. */
export function folderAt(name: string, cwd: string): string | null {
  let path: string;
  try {
    if (/^file:/i.test(name)) path = filePath(name);
    else if (/^[a-z][a-z\d+.-]+:/i.test(name)) return null;
    else path = isAbsolute(name) ? name : resolve(cwd, name);
    return Deno.statSync(path).isDirectory ? path : null;
  } catch (error) {
    // It is no path, or nothing is there: who loads apps says so better.
    if (error instanceof Error) return null;
    throw error;
  }
}
