/**
 * The libzmq that `scripts/compile.ts` has put into the executable, for systems that have none.
 *
 * @module
 */

import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { embeddedFile } from "../base/embedded_files.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import { tell } from "../base/log.ts";

/** What `libraries.json` in the executable tells. */
export interface EmbeddedLibraries {
  /** Names of libraries, which are embedded as `NAME.gz`: each after those that it needs, libzmq last. */
  readonly files: readonly string[];
}

/**
 * Opens the embedded libzmq by `open`; `null` if there is none, or it is unusable here.
 *
 * The system's dynamic linker reads files, so they are written to a folder of our own and removed
 * as soon as they are open. What libzmq needs is taken from the system where it is there: later
 * libraries are satisfied by names that are loaded already.
 */
export function openEmbedded<Library>(
  surroundings: Surroundings,
  open: (path: string) => Library,
): Library | null {
  const { files } = readManifest();
  const library = files.at(-1);
  if (library === undefined) return null;
  let failure: Error | null = null;
  for (const parent of writableParents(surroundings)) {
    let folder: string;
    try {
      folder = Deno.makeTempDirSync({ dir: parent, prefix: "gatehouse-" });
    } catch (error) {
      failure = asError(error);
      continue;
    }
    try {
      for (const name of files.slice(0, -1)) {
        if (!canOpen(name)) Deno.dlopen(extract(name, folder), {});
      }
      return open(extract(library, folder));
    } catch (error) {
      // Programs may not be run from there, say. Permission for FFI was asked for before.
      failure = asError(error);
    } finally {
      remove(folder);
    }
  }
  if (failure !== null) tell(`libzmq in the executable cannot be used here: ${failure}`);
  return null;
}

function readManifest(): EmbeddedLibraries {
  const manifest = embeddedFile("libraries.json");
  return manifest === null ? { files: [] } : JSON.parse(new TextDecoder().decode(manifest));
}

/** The folder for temporary files, and another one where no library can be loaded from that. */
function writableParents({ env, cwd, tempFolder }: Surroundings): string[] {
  const cache = environmentOf(env).get("GATEHOUSE_CACHE");
  return cache ? [tempFolder, resolve(cwd, cache)] : [tempFolder];
}

function canOpen(name: string): boolean {
  try {
    // It stays open, for the libraries that need it.
    Deno.dlopen(name, {});
    return true;
  } catch (error) {
    asError(error);
    return false;
  }
}

function extract(name: string, folder: string): string {
  const path = `${folder}/${name}`;
  const compressed = embeddedFile(`${name}.gz`);
  if (compressed === null) throw new Error(`${name} is not in the executable`);
  Deno.writeFileSync(path, gunzipSync(compressed), { createNew: true });
  return path;
}

function remove(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    // Windows does not remove libraries that are in use.
    if (Deno.build.os !== "windows") throw error;
  }
}

/** What was thrown, if it is an error of the system's; else it is thrown again. */
function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  throw error;
}
