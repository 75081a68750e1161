/**
 * The options that say how apps are loaded.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { OptionSpec } from "./option_spec.ts";
import type { ServeSettings } from "./settings.ts";

/** The options, in the order of the help text. */
export const LOADER_OPTIONS: readonly OptionSpec[] = [
  {
    name: "loader",
    value: "WHICH",
    choices: ["built-in", "native"],
    group: "Loading",
    help: "Load modules with gatehouse's loader (built-in) or, from source, with Deno's (native)",
    default: "built-in",
    apply: setLoader,
  },
  {
    name: "import-map",
    value: "FILE",
    group: "Loading",
    help: "Use the import map at this path or URL",
    default: "that of the app's deno.json",
    apply: (settings, text) => settings.loading.importMap = text,
  },
  {
    name: "env-file",
    value: "[=FILE]",
    repeats: true,
    group: "Loading",
    help: "Set the variables in FILE (lines of NAME=value), unless they are set already",
    apply: (settings, text) => settings.envFiles.push(text),
    relativeTo: (folder, text) => resolve(folder, text || ".env"),
  },
  {
    name: "reload",
    value: "[=PREFIXES]",
    repeats: true,
    group: "Loading",
    help: "Ask again for cached modules: all, or those whose URLs begin with these prefixes",
    apply: (settings, text) => {
      const { loading } = settings;
      if (text === "" || loading.reload === "all") loading.reload = "all";
      else loading.reload = [...(loading.reload === "none" ? [] : loading.reload), ...listOf(text)];
    },
  },
  {
    name: "cached-only",
    group: "Loading",
    help: "Load from the cache alone, and fail if a module is missing",
    apply: (settings) => settings.loading.cachePolicy = "only",
  },
  {
    name: "lock",
    value: "FILE",
    group: "Loading",
    help:
      "Check remote modules and packages against the hashes in FILE. Adds new ones, except to a " +
      "deno.lock",
    default: "the deno.lock of the app's deno.json",
    apply: (settings, text) => settings.loading.lockFile = text,
  },
  {
    name: "frozen",
    group: "Loading",
    help: "Refuse what the lock file does not have, instead of adding it",
    apply: (settings) => settings.loading.lockMode = "frozen",
  },
  {
    name: "app-lock",
    value: "FILE",
    group: "Loading",
    help: "Serve apps only if they are made of just what FILE says, which gatehouse lock makes",
    apply: (settings, text) => settings.loading.appLock = text,
  },
  {
    name: "allow-import",
    value: "[=HOSTS]",
    repeats: true,
    group: "Loading",
    help: "Load modules from any host, or also from these: HOST, HOST:PORT or *.HOST",
    default: "the apps' own hosts, and deno.land, jsr.io, esm.sh, cdn.jsdelivr.net and GitHub's",
    apply: (settings, text) => {
      const { loading } = settings;
      if (text === "" || loading.allowImport === "any") loading.allowImport = "any";
      else loading.allowImport = [...loading.allowImport, ...listOf(text)];
    },
  },
  {
    name: "allow-insecure-import",
    group: "Loading",
    help: "Load modules over http: from other machines too",
    apply: (settings) => settings.loading.allowHttp = "any",
  },
];

/** The options of `gatehouse cache`. */
export const CACHE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "info",
    givenBy: "flag",
    group: "Other",
    help: "Say where the cache is and what is in it. For cache",
    apply: (settings) => settings.cacheAction = "info",
  },
  {
    name: "clean",
    givenBy: "flag",
    group: "Other",
    help: "Empty the cache. For cache",
    apply: (settings) => settings.cacheAction = "clean",
  },
];

/** Loaders by their names, older ones included. */
const LOADERS: ReadonlyMap<string, ServeSettings["loading"]["loader"]> = new Map([
  ["built-in", "built-in"],
  ["native", "native"],
  ["own", "built-in"],
  ["auto", "built-in"],
]);

function setLoader(settings: ServeSettings, text: string, name: string): void {
  const loader = LOADERS.get(text);
  if (loader === undefined) {
    throw new ConfigError(`${name} takes built-in or native, not ${JSON.stringify(text)}`);
  }
  settings.loading.loader = loader;
}

function listOf(text: string): string[] {
  return text.split(",").map((value) => value.trim()).filter((value) => value !== "");
}

/** Whether any option was given that needs the built-in loader. */
export function needsBuiltInLoader(
  { loading, watch, watchRemoteMs }: Pick<ServeSettings, "loading" | "watch" | "watchRemoteMs">,
): boolean {
  // Only it tells which files an app is made of.
  if (watch === "files" || watchRemoteMs > 0) return true;
  return loading.importMap !== undefined || loading.reload !== "none" ||
    loading.cachePolicy === "only" || loading.lockFile !== undefined ||
    loading.lockMode === "frozen" || loading.appLock !== undefined ||
    loading.allowImport === "any" ||
    loading.allowImport.length > 0 || loading.allowHttp === "any";
}
