/**
 * What an app lacks whose package has failed at its native addon, or its program, said at once: the package's
 * own error seldom tells.
 *
 * @module
 */

import { dirname, join, sep } from "node:path";
import { FileFault, readRegularFile } from "../files/regular_file.ts";

/** Permissions that packages need for parts other than JavaScript. */
export type PartPermission = "ffi" | "run";

/** Size of the largest `package.json` that is looked at, in bytes. */
const MAX_JSON_BYTES = 1_048_576;
/** Entries of folders that are looked at, for each package. */
const MAX_ENTRIES = 10_000;
/** Packages of a message that are looked at. */
const MAX_PACKAGES = 8;
/** Length of a message that is looked at, in characters. */
const MAX_CHARS = 65_536;

/** What errors about native addons say. */
const ABOUT_ADDON = /\.node\b|\bbindings file\b|\bnative build\b/i;
/** How files begin that are programs: ELF, Mach-O of one or several kinds, Windows. */
const PROGRAM_STARTS = ["7f454c46", "cffaedfe", "cafebabe", "4d5a"];
const LIBRARY = /\.(?:so(?:\.\d+)*|dylib|dll|node)$/;

/** What a package says of itself. */
interface Description {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly gypfile?: unknown;
  readonly os?: unknown;
  readonly cpu?: unknown;
  readonly scripts?: Readonly<Record<string, unknown>>;
}

/** What a package has besides JavaScript, with those that are of it for this system. */
interface Parts {
  addon: boolean;
  program: boolean;
}

/**
 * What to do about `message`, an error with its stack perhaps, of a package in the folder `packageRoot`; `null`
 * if that is not known. The app has none of the permissions `lacking`. The message may be an app's: of no other
 * folder is anything read.
 */
export function packageNeeds(
  message: string,
  packageRoot: string,
  lacking: readonly PartPermission[],
): string | null {
  const text = message.slice(0, MAX_CHARS);
  const isAboutAddon = ABOUT_ADDON.test(text);
  const found = packagesIn(text, packageRoot);
  const denied = (["ffi", "run"] as const).filter((kind) =>
    text.includes(`Requires ${kind} access`)
  );
  const all = [...lacking, ...denied];
  const needs = found.flatMap((folder) => needsOf(folder, isAboutAddon, all));
  // What is for one system alone is part of another package, which comes after it.
  if (needs.length > 0) return needs.at(-1)!;
  const isDenied = isAboutAddon && text.includes("Requires ffi access");
  return isDenied ? NEEDS_FFI : null;
}

/** How the list begins of all places where a package, or `bindings` for it, has looked for its addon. */
const SEARCH = /\.? Tried:\n/;

/** `message` without the places where an addon was looked for, and the stack behind them. */
export function withoutSearch(message: string): string {
  const start = ABOUT_ADDON.test(message.slice(0, MAX_CHARS)) ? message.search(SEARCH) : -1;
  return start < 0 ? message.trimEnd() : message.slice(0, start);
}

const TRUST = "(then it can do all that gatehouse can)";
const NEEDS_FFI =
  "native addons are loaded with --app-allow-ffi (they can do all that gatehouse can)";

function needsOf(
  folder: string,
  isAboutAddon: boolean,
  lacking: readonly PartPermission[],
): string[] {
  const json = descriptionIn(folder);
  if (json === null) return [];
  const id = `npm:${json.name}@${json.version}`;
  const parts = partsOf(folder);
  const script = isAboutAddon && !parts.addon ? installScriptOf(json) : null;
  if (script !== null) {
    return [
      `${id} builds or downloads its addon with a script (${script}); gatehouse does not run ` +
      "scripts of packages, so use a package that ships its addon",
    ];
  }
  const needs: string[] = [];
  const options: string[] = [];
  for (
    const [permission, isThere, what] of [
      ["ffi", parts.addon, "native addons"],
      ["run", parts.program, "a program of its own"],
    ] as const
  ) {
    if (!isThere || !lacking.includes(permission)) continue;
    needs.push(what);
    options.push(`--app-allow-${permission}`);
  }
  if (needs.length === 0) return [];
  return [`${id} has ${needs.join(" and ")}, for which it needs ${options.join(" ")} ${TRUST}`];
}

/** Folders of the packages in `packageRoot` that `message` names. */
function packagesIn(message: string, packageRoot: string): string[] {
  const folders = new Set<string>();
  const start = join(packageRoot, ".store") + sep;
  for (
    let at = message.indexOf(start);
    at >= 0 && folders.size < MAX_PACKAGES;
    at = message.indexOf(start, at + start.length)
  ) {
    const path = IN_STORE.exec(
      message.slice(at + packageRoot.length, at + packageRoot.length + 600),
    );
    if (path !== null && !path[0].includes("..")) folders.add(packageRoot + path[0]);
  }
  return [...folders];
}

const IN_STORE = /^[/\\]\.store[/\\][\w@+.~-]+[/\\]node_modules[/\\](?:@[\w.~-]+[/\\])?[\w.~-]+/;

function descriptionIn(folder: string): Description | null {
  try {
    const bytes = readRegularFile(join(folder, "package.json"), MAX_JSON_BYTES);
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof json === "object" ? json as Description | null : null;
  } catch (error) {
    if (error instanceof FileFault || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The script that a package runs when it is installed; `null` if it has none. */
function installScriptOf({ scripts, gypfile }: Description): string | null {
  const { install, preinstall, postinstall } = scripts ?? {};
  const script = [install, preinstall, postinstall].find((each) => typeof each === "string");
  return script as string | undefined ?? (gypfile === true ? "node-gyp rebuild" : null);
}

/** What a package has, and those beside it that are for one system alone. */
function partsOf(folder: string): Parts {
  const parts: Parts = { addon: false, program: false };
  lookForParts(folder, parts);
  for (const other of packagesBeside(folder)) {
    const json = descriptionIn(other);
    if (json?.os !== undefined || json?.cpu !== undefined) lookForParts(other, parts);
  }
  return parts;
}

/** Packages that a package in the store finds by their names. */
function packagesBeside(folder: string): string[] {
  const parent = dirname(folder);
  const root = parent.endsWith("node_modules") ? parent : dirname(parent);
  return namesIn(root)
    .flatMap((name) =>
      name[0] === "@" ? namesIn(join(root, name)).map((sub) => join(name, sub)) : name
    )
    .map((name) => join(root, name))
    .filter((other) => other !== folder);
}

function namesIn(folder: string): string[] {
  return entriesOf(folder).slice(0, MAX_ENTRIES).map(({ name }) => name);
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    // An app may name what there is not.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}

function lookForParts(folder: string, parts: Parts): void {
  const pending = [folder];
  let left = MAX_ENTRIES;
  for (let next = pending.pop(); next !== undefined && left > 0; next = pending.pop()) {
    for (const { name, isDirectory, isFile } of entriesOf(next)) {
      if (left-- === 0) return;
      const path = join(next, name);
      if (isDirectory && name !== "node_modules") pending.push(path);
      if (!isFile) continue;
      if (name.endsWith(".node")) parts.addon = true;
      else if (!parts.program) parts.program = isProgram(path);
    }
  }
}

function isProgram(path: string): boolean {
  if (LIBRARY.test(path) || /\.[cm]?[jt]s$|\.(?:json|md|map|txt)$/.test(path)) return false;
  const { mode } = Deno.lstatSync(path);
  if (mode !== null && (mode & 0o111) === 0) return false;
  using file = Deno.openSync(path);
  const start = new Uint8Array(4);
  const size = file.readSync(start) ?? 0;
  const hex = [...start.subarray(0, size)].map((byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
  return PROGRAM_STARTS.some((each) => hex.startsWith(each));
}
