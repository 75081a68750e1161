/**
 * What the nearest `package.json` says that JavaScript is.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { foldersUpwards, statOf } from "../../base/folders.ts";
import { sha256Of } from "../../base/sha256.ts";
import { FileFault, readRegularFile } from "../files/regular_file.ts";
import { findConfig, rootConfigOf } from "./deno_config.ts";

/** Size of the largest `package.json`. */
const MAX_BYTES = 1_048_576;

/** Looks for the `package.json` of files, and remembers what it has seen. */
export class PackageTypes {
  /** By folder. */
  readonly #isCommonJs = new Map<string, boolean>();
  readonly #consulted = new Map<string, string>();

  /** SHA-256 of each `package.json` that was looked for, by path; `""` for those that are not there. */
  get consulted(): ReadonlyMap<string, string> {
    return this.#consulted;
  }

  /**
   * Whether the `package.json` nearest to the file at `path`, no higher than its `deno.json`, or that of its
   * workspace, has the type `commonjs`. One that cannot be read says nothing.
   */
  isInCommonJsPackage(path: string): boolean {
    const folder = dirname(path);
    let isCommonJs = this.#isCommonJs.get(folder);
    if (isCommonJs === undefined) {
      isCommonJs = this.#typeFor(folder) === "commonjs";
      this.#isCommonJs.set(folder, isCommonJs);
    }
    return isCommonJs;
  }

  #typeFor(folder: string): unknown {
    const config = findConfig(folder);
    const top = config === null ? null : dirname(rootConfigOf(config));
    for (const at of foldersUpwards(folder)) {
      const path = join(at, "package.json");
      const bytes = bytesOf(path);
      this.#consulted.set(path, bytes === null ? "" : sha256Of(bytes));
      if (bytes !== null) return typeIn(new TextDecoder().decode(bytes));
      if (at === top) return undefined;
    }
    return undefined;
  }
}

function bytesOf(path: string): Uint8Array | null {
  if (statOf(path)?.isFile !== true) return null;
  try {
    return readRegularFile(path, MAX_BYTES);
  } catch (error) {
    if (error instanceof FileFault) return null;
    throw error;
  }
}

function typeIn(text: string): unknown {
  try {
    return JSON.parse(text)?.type;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
