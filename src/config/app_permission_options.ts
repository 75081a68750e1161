/**
 * The options that say what apps may do: `--app-allow-net=…` and the like.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { PermissionKind } from "./app_permissions.ts";
import { PATH_KINDS } from "./app_permissions.ts";
import type { OptionSpec } from "./option_spec.ts";
import { pathsFrom, programsFrom } from "./relative_paths.ts";
import type { UnstableFeature } from "../base/unstable_features.ts";
import type { ServeSettings } from "./settings.ts";

const HELP: Readonly<Record<PermissionKind, string>> = {
  net: "Let apps use the network: all of it, or these HOST[:PORT],...",
  read: "Let apps read files: all, or these paths. Local apps can always read their own project",
  write: "Let apps write files: all, or these paths",
  env: "Let apps see the environment: all of it, or these variables",
  run: "Let apps run programs: all, or these",
  sys: "Let apps query the system: everything, or these facts, such as hostname,cpus",
  ffi: "Let apps load native libraries: all, or these paths",
  import: "Let apps import modules at run time: from all hosts, or these HOST[:PORT],...",
};

const BRIEF: Partial<Record<PermissionKind, string>> = {
  net: "Let apps use the network, or these hosts alone",
  read: "Let apps read files, or these paths alone",
};

const UNSTABLE_HELP: Readonly<Record<UnstableFeature, string>> = {
  kv: "Let apps use Deno.openKv(), with a store for each project",
  cron: "Let apps use Deno.cron(): one worker at a time runs the jobs",
  net: "Let apps use Deno's unstable APIs for the network",
};

/** The options, in the order of the help text. */
export const APP_PERMISSION_OPTIONS: readonly OptionSpec[] = [
  ...Object.entries(HELP).map(([kind, help]): OptionSpec => ({
    name: `app-allow-${kind}`,
    value: "[=LIST]",
    repeats: true,
    group: "Permissions of apps",
    help,
    brief: BRIEF[kind as PermissionKind],
    apply: (settings, text, name) => allow(settings, kind as PermissionKind, text, name),
    switchOff: (settings) => settings.appPermissions[kind as PermissionKind] = false,
    relativeTo: (folder, text) => {
      if (kind === "run") return programsFrom(text, folder);
      return PATH_KINDS.has(kind as PermissionKind) ? pathsFrom(text, folder) : text;
    },
  })),
  {
    name: "app-allow-all",
    group: "Permissions of apps",
    help: "Let apps do whatever gatehouse itself may do",
    apply: (settings) => settings.appAllowAll = true,
  },
  ...Object.entries(UNSTABLE_HELP).map(([feature, help]): OptionSpec => ({
    name: `unstable-${feature}`,
    group: "Permissions of apps",
    help: `${help}; default: if the app's deno.json has it in "unstable"`,
    apply: (settings) => settings.unstable.push(feature as UnstableFeature),
  })),
];

/** Adds `text`, a list or `""` for everything, to what apps may do of `kind`. */
function allow(settings: ServeSettings, kind: PermissionKind, text: string, name: string): void {
  const given = settings.appPermissions[kind];
  if (text === "") {
    settings.appPermissions[kind] = true;
  } else {
    const values = valuesOf(text, name);
    for (const value of values) check(kind, value, name);
    if (given !== true) settings.appPermissions[kind] = [...(given || []), ...values];
  }
}

/** The values of a list with commas between; a value's own commas are doubled. */
function valuesOf(text: string, name: string): string[] {
  const values = text.split(/(?<!,),(?!,)/).map((value) => value.replaceAll(",,", ","));
  if (values.some((value) => value.trim() === "")) {
    throw new ConfigError(`${name} has an empty value in its list ${JSON.stringify(text)}`);
  }
  return values;
}

/** Refuses what is easily mistaken. The rest is checked where workers get it: Deno knows its values. */
function check(kind: PermissionKind, value: string, name: string): void {
  const isHost = kind === "net" || kind === "import";
  if (isHost && /^[a-z]+:\/\/|[\s/]$/i.test(value)) {
    throw new ConfigError(`${name} takes HOST or HOST:PORT, not ${JSON.stringify(value)}`);
  }
  if (kind === "env" && value.includes("=")) {
    throw new ConfigError(`${name} takes names of variables, not ${JSON.stringify(value)}`);
  }
}
