/**
 * libzmq for the executable, with what it needs that is not a part of every system.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { binaryFormat, neededLibraries } from "./binary_format.ts";
import type { Target } from "./binary_format.ts";

/** A file to embed. */
export interface LibraryFile {
  /** The name that others need it by. */
  readonly name: string;
  /** Its content. */
  readonly bytes: Uint8Array;
}

/** libzmq and what goes along with it. */
export interface LibrarySet {
  /** Each after those that it needs; libzmq is the last one. */
  readonly files: readonly LibraryFile[];
  /** Names of those that the system has to have: they were not found. */
  readonly missing: readonly string[];
}

/** Of the C library, and what the executable itself needs: there wherever it runs. */
const EVERYWHERE = /^(?:ld-linux\S*|lib(?:c|m|dl|rt|pthread|resolv|util|gcc_s|anl)\.so\.\d+)$/;

const LINUX_FOLDERS: Readonly<Partial<Record<Target, readonly string[]>>> = {
  "x86_64-unknown-linux-gnu": ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"],
  "aarch64-unknown-linux-gnu": ["/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"],
};

/** Folders that libraries for a target may be in, and the names that libzmq goes by there. */
function placesOf(target: Target): { folders: readonly string[]; names: readonly string[] } {
  if (target.includes("linux")) {
    return { folders: LINUX_FOLDERS[target] ?? [], names: ["libzmq.so.5"] };
  }
  if (target.includes("darwin")) {
    return { folders: ["/opt/homebrew/lib", "/usr/local/lib"], names: ["libzmq.5.dylib"] };
  }
  return { folders: [], names: [] };
}

/** The libzmq for `target` that this system has; `null` if there is none. */
export async function findLibzmq(target: Target): Promise<string | null> {
  const { folders, names } = placesOf(target);
  for (const folder of folders) {
    for (const name of names) {
      const path = `${folder}/${name}`;
      if (await readFor(target, path) !== null) return path;
    }
  }
  return null;
}

/** The libzmq at `path`, which is for `target`, with what it needs. */
export async function collectLibraries(path: string, target: Target): Promise<LibrarySet> {
  const bytes = await Deno.readFile(path);
  // Windows and macOS are told elsewhere where to find what a library needs.
  if (!target.includes("linux")) return { files: [{ name: basename(path), bytes }], missing: [] };
  const folders = [
    dirname(path),
    dirname(await Deno.realPath(path)),
    ...placesOf(target).folders,
  ];
  const files: LibraryFile[] = [];
  const missing: string[] = [];
  const seen = new Set<string>();
  const add = async (file: LibraryFile): Promise<void> => {
    seen.add(file.name);
    for (const name of neededLibraries(file.bytes)) {
      if (seen.has(name) || EVERYWHERE.test(name)) continue;
      seen.add(name);
      const found = await readFirst(target, folders.map((folder) => `${folder}/${name}`));
      if (found === null) missing.push(name);
      else await add({ name, bytes: found });
    }
    files.push(file);
  };
  // Links such as libzmq.so lead to it under a name that nobody asks for.
  await add({ name: "libzmq.so.5", bytes });
  return { files, missing };
}

async function readFirst(target: Target, paths: readonly string[]): Promise<Uint8Array | null> {
  for (const path of paths) {
    const bytes = await readFor(target, path);
    if (bytes !== null) return bytes;
  }
  return null;
}

/** The file at `path`, if there is one, and it is for `target`. */
async function readFor(target: Target, path: string): Promise<Uint8Array | null> {
  try {
    const bytes = await Deno.readFile(path);
    return binaryFormat(bytes).targets.includes(target) ? bytes : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
