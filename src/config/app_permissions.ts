/**
 * What apps may do: from what the user asks for, and where the apps come from, to the permissions of
 * the workers that they run in.
 *
 * @module
 */

import { basename, delimiter, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import { projectFolder } from "./project_folder.ts";

/** A kind of permission, as Deno names it. */
export type PermissionKind =
  | "net"
  | "read"
  | "write"
  | "env"
  | "run"
  | "sys"
  | "ffi"
  | "import";

/** The kinds of permissions. */
export const PERMISSION_KINDS: readonly PermissionKind[] = [
  "net",
  "read",
  "write",
  "env",
  "run",
  "sys",
  "ffi",
  "import",
];

/** How much of a kind: all, nothing, or what a list names. */
export type PermissionGrant = boolean | readonly string[];

/**
 * What apps may do, by kind: `net`, `read`, `write`, `env`, `run`, `sys`, `ffi` and `import`, with
 * values as `deno run --allow-…` takes them. For a kind that is absent, it depends on where the app
 * comes from: one from a file may read the folder of its project, and use the network, the
 * environment and facts about the system; one from a URL may use the network to its own origin, and
 * nothing else.
 */
export type AppPermissions = { readonly [Kind in PermissionKind]?: PermissionGrant };

/** How much of a kind a worker gets; `"inherit"` for all that gatehouse itself may. */
export type WorkerGrant = "inherit" | false | string[];

/** Permissions of a worker: what `new Worker()` takes. `"inherit"` for all that gatehouse itself may. */
export type WorkerPermissions = "inherit" | { readonly [Kind in PermissionKind]: WorkerGrant };

/** Kinds whose values are paths. */
export const PATH_KINDS: ReadonlySet<PermissionKind> = new Set(["read", "write", "ffi"]);
/** What an app from a file may use without being asked, besides its folder, and what tells of the system. */
const LOCAL_KINDS: readonly PermissionKind[] = ["net", "env", "import"];
/** What tells of the system, and changes nothing: neither priorities nor the inspector. */
const SYSTEM_FACTS: readonly string[] = [
  "hostname",
  "osRelease",
  "osUptime",
  "loadavg",
  "networkInterfaces",
  "systemMemoryInfo",
  "uid",
  "gid",
  "getegid",
  "cpus",
  "homedir",
  "statfs",
  "getPriority",
  "userInfo",
  "username",
];
const ANYBODY_RUNS = 0o111;
const NOTHING: { readonly [Kind in PermissionKind]: WorkerGrant } = {
  net: false,
  read: false,
  write: false,
  env: false,
  run: false,
  sys: false,
  ffi: false,
  import: false,
};

/**
 * The permissions of workers that run the modules at `urls`: apps, and middleware, which shares
 * their workers. Relative paths in `asked` begin at the working directory of `surroundings`, and
 * programs are found by its `PATH`: Deno would look for them in whatever an app has set by then.
 *
 * Modules can be loaded from where the apps are, whatever `asked` says of these kinds: their origins
 * are importable, and the folders of their projects readable. Of modules from both places, those from
 * elsewhere decide: they get no more than they would alone, nor do those from files.
 */
export function permissionsFor(
  urls: readonly string[],
  asked: AppPermissions | "inherit",
  surroundings: Pick<Surroundings, "cwd" | "env">,
): WorkerPermissions {
  if (asked === "inherit") return "inherit";
  const remote = urls.filter((url) => !isLocal(url));
  const permissions = { ...NOTHING };
  if (remote.length > 0) permissions.net = unique(remote.flatMap(originOf));
  else {
    for (const kind of LOCAL_KINDS) permissions[kind] = "inherit";
    permissions.sys = systemFacts();
  }
  for (const kind of PERMISSION_KINDS) {
    const grant = asked[kind];
    if (grant !== undefined) permissions[kind] = granted(kind, grant, surroundings);
  }
  if (remote.length === 0) {
    permissions.read = extended(permissions.read, projectFoldersOf(urls, surroundings));
  }
  permissions.import = extended(permissions.import, remote.flatMap(importOf));
  return permissions;
}

/** Whether some modules come from files, and others do not. */
export function comeFromBoth(urls: readonly string[]): boolean {
  return urls.some(isLocal) && !urls.every(isLocal);
}

/** The facts about the system that gatehouse itself may ask for: apps cannot be given more. */
function systemFacts(): string[] {
  return SYSTEM_FACTS.filter((kind) => {
    // Deno's types do not know all that it knows.
    const descriptor = { name: "sys", kind } as Deno.SysPermissionDescriptor;
    return Deno.permissions.querySync(descriptor).state === "granted";
  });
}

function projectFoldersOf(
  urls: readonly string[],
  { env }: Pick<Surroundings, "env">,
): string[] {
  const variables = environmentOf(env);
  const home = variables.get("HOME") ?? variables.get("USERPROFILE");
  return unique(urls.map((url) => projectFolder(dirname(fileURLToPath(url)), home)));
}

/** The same permissions, and to read what is in `dirs`. */
export function withReadOf(
  permissions: WorkerPermissions,
  dirs: readonly string[],
): WorkerPermissions {
  if (permissions === "inherit") return permissions;
  return { ...permissions, read: extended(permissions.read, dirs) };
}

/** Whether all files can be read that gatehouse itself can read. */
export function readsEverything(permissions: WorkerPermissions): boolean {
  return permissions === "inherit" || permissions.read === "inherit";
}

/**
 * Whether apps with these permissions can connect to one of `ports` of this machine: a host may have any
 * address.
 */
export function reachesPorts(permissions: WorkerPermissions, ports: readonly number[]): boolean {
  if (permissions === "inherit") return true;
  const { net } = permissions;
  if (net === "inherit") return true;
  return (net || []).some((entry) => {
    const [, port] = /^(?:\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
    return port === undefined || ports.includes(Number(port));
  });
}

/** The permissions in words, such as `net, read=/srv/app, env`. */
export function describePermissions(permissions: WorkerPermissions): string {
  if (permissions === "inherit") return "everything that gatehouse itself may do";
  const parts = PERMISSION_KINDS.flatMap((kind) => {
    const grant = permissions[kind];
    if (grant === false || grant.length === 0) return [];
    if (kind === "sys" && SYSTEM_FACTS.every((fact) => grant.includes(fact))) {
      return ["sys (to read)"];
    }
    return grant === "inherit" ? [kind] : [`${kind}=${grant.join(",")}`];
  });
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** The line that says at the start what apps may do, and how to change it. */
export function permissionsNotice(
  urls: readonly string[],
  permissions: WorkerPermissions,
): string {
  const may = `apps may use: ${describePermissions(permissions)}`;
  if (permissions === "inherit") return `apps may do ${describePermissions(permissions)}`;
  const remote = urls.find((url) => !isLocal(url));
  return remote === undefined
    ? `${may} (more with --app-allow-…, see --help)`
    : `${may} (no more by default, since ${shown(remote)} is not a local file; give more with ` +
      "--app-allow-net, --app-allow-env, --app-allow-read=PATH, …, or --app-allow-all)";
}

/** Whether the module at `url` is a file. */
export function isLocal(url: string): boolean {
  return url.startsWith("file:");
}

function granted(
  kind: PermissionKind,
  grant: PermissionGrant,
  { cwd, env }: Pick<Surroundings, "cwd" | "env">,
): WorkerGrant {
  if (typeof grant === "boolean") return grant ? "inherit" : false;
  return grant.map((value) => {
    if (kind === "run" && basename(value) === value) return programNamed(value, cwd, env);
    return PATH_KINDS.has(kind) || kind === "run" ? resolve(cwd, value) : value;
  });
}

/**
 * Path of the program that runs as `name`; `name` itself if there is none, or if the system would
 * find others.
 */
function programNamed(name: string, cwd: string, env: Surroundings["env"]): string {
  // Names have endings there that are left out.
  if (Deno.build.os === "windows") return name;
  const folders = (environmentOf(env).get("PATH") ?? "").split(delimiter);
  return folders.map((folder) => resolve(cwd, folder, name)).find(isProgram) ?? name;
}

function isProgram(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & ANYBODY_RUNS) !== 0;
  } catch (error) {
    // It does not exist, or is unreadable.
    if (error instanceof Error) return false;
    throw error;
  }
}

function extended(grant: WorkerGrant, values: readonly string[]): WorkerGrant {
  if (grant === "inherit" || values.length === 0) return grant;
  return unique([...(grant || []), ...values]);
}

/** The host and port that the module at `url` came from, if it came from one. */
function originOf(url: string): string[] {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return [];
  return [`${hostname}:${port || (protocol === "https:" ? 443 : 80)}`];
}

/** The host that Deno asks to be importable for the module at `url`. */
function importOf(url: string): string[] {
  return url.startsWith("jsr:") ? ["jsr.io:443"] : originOf(url);
}

function shown(url: string): string {
  return url.length > 80 ? `${url.slice(0, 60)}…` : url;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
