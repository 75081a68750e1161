/**
 * What an app lacks whose package could not load its native addon, said at once: the package's own error
 * seldom tells.
 *
 * @module
 */

import { join, sep } from "node:path";
import { FileFault, readRegularFile } from "../regular_file.ts";

/** Size of the largest `package.json` that is looked at, in bytes. */
const MAX_JSON_BYTES = 1_048_576;
/** Entries of folders that are looked at for an addon. */
const MAX_ENTRIES = 10_000;

/** What errors about native addons say. */
const ABOUT_ADDON = /\.node\b|\bbindings file\b|\bnative build\b/i;

/**
 * What to do about `message`, an error of a package in the folder `packageRoot`; `null` if it is not about a
 * native addon. The message may be an app's: of no other folder is anything read.
 */
export function addonHint(message: string, packageRoot: string): string | null {
  if (!ABOUT_ADDON.test(message)) return null;
  const isDenied = message.includes("Requires ffi access");
  const found = packageIn(message, packageRoot);
  if (found === null) return isDenied ? NEEDS_FFI : null;
  const script = isDenied ? null : installScriptOf(found);
  if (script === null || hasAddon(found)) return NEEDS_FFI;
  return `${script}; gatehouse runs no scripts of packages, so take one that has its addon with it`;
}

const NEEDS_FFI =
  "native addons are loaded with --app-allow-ffi (they can do all that gatehouse can)";

/** Folder of the first package in `packageRoot` that `message` names. */
function packageIn(message: string, packageRoot: string): string | null {
  const start = message.indexOf(join(packageRoot, ".store") + sep);
  if (start < 0) return null;
  const rest = message.slice(start + packageRoot.length);
  const path = /^[/\\]\.store[/\\][\w@+.~-]+[/\\]node_modules[/\\](?:@[\w.~-]+[/\\])?[\w.~-]+/.exec(
    rest,
  );
  return path === null || path[0].includes("..") ? null : packageRoot + path[0];
}

/** Says which script a package wants to be run when it is installed; `null` if it wants none. */
function installScriptOf(folder: string): string | null {
  let json: {
    name?: unknown;
    version?: unknown;
    gypfile?: unknown;
    scripts?: Record<string, unknown>;
  };
  try {
    json = JSON.parse(
      new TextDecoder().decode(readRegularFile(join(folder, "package.json"), MAX_JSON_BYTES)),
    );
  } catch (error) {
    if (error instanceof FileFault || error instanceof SyntaxError) return null;
    throw error;
  }
  const { install, preinstall, postinstall } = json?.scripts ?? {};
  const script = [install, preinstall, postinstall].find((each) => typeof each === "string") ??
    (json?.gypfile === true ? "node-gyp rebuild" : undefined);
  return script === undefined
    ? null
    : `npm:${json.name}@${json.version} makes or fetches its addon by a script (${script})`;
}

/** Whether there is an addon among the files of a package. */
function hasAddon(folder: string): boolean {
  const pending = [folder];
  let left = MAX_ENTRIES;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { name, isDirectory } of Deno.readDirSync(next)) {
      if (name.endsWith(".node")) return true;
      if (--left === 0) return false;
      if (isDirectory) pending.push(join(next, name));
    }
  }
  return false;
}
