/**
 * Sources of modules that no server is asked for: those of files, and those in their very URL.
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";
import type { FileGrant } from "../files/file_grant.ts";
import { pathOf, readGranted, staysWithin } from "../files/file_grant.ts";
import { sha256Hex } from "../../base/sha256.ts";
import { FileFault } from "../files/regular_file.ts";
import type { ModuleSource } from "../names/sources.ts";

/** How the paths of modules end, in the order in which they are looked for. */
const ENDINGS = [
  ".ts",
  ".tsx",
  ".js",
  ".mjs",
  ".jsx",
  ".mts",
  ".json",
  "/index.ts",
  "/mod.ts",
  "/index.js",
];

/** URLs longer than this are shortened in messages: those of `data:` can have any length. */
const MAX_SHOWN_LENGTH = 300;

/**
 * Reads the source of a module from a `file:` URL, if it is among the files that are `granted`.
 *
 * @throws {LoadError} when that cannot be done
 */
export async function readFileSource(
  url: string,
  granted: FileGrant,
  maxBytes: number,
): Promise<ModuleSource> {
  try {
    const path = pathOf(url);
    if (path === null) throw new FileFault("it is not the path of a file");
    const bytes = readGranted(path, granted, maxBytes);
    return { url, bytes, contentType: "", sha256: await sha256Hex(bytes) };
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    const advice = adviceOn(url, error, granted);
    throw new LoadError(url, `cannot load ${shownUrl(url)}: ${error.message}${advice}`, {
      cause: error,
    });
  }
}

/**
 * What the URL of a file that cannot be read may have meant: one with its extension, or the main
 * module of a folder.
 */
function adviceOn(url: string, { kind }: FileFault, granted: FileGrant): string {
  const path = kind === "unfit" ? null : pathOf(withoutFragment(url));
  if (path === null) return "";
  const stem = path.replace(/\.js$|\/$/, "");
  const ending = ENDINGS.find((each) => {
    const candidate = stem + each;
    return staysWithin(candidate, granted) && isRegularFile(candidate);
  });
  if (ending === undefined) return "";
  const name = stem.slice(stem.lastIndexOf("/") + 1);
  return `; did you mean ${name}${ending}? Imports include the file's extension`;
}

function isRegularFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/**
 * Reads the source of a module from a `data:` URL.
 *
 * @throws {LoadError} when it is malformed
 */
export async function readDataSource(url: string): Promise<ModuleSource> {
  let response: Response;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    response = await fetch(withoutFragment(url));
    bytes = await response.bytes();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new LoadError(url, `cannot load ${shownUrl(url)}: it is not a valid data: URL`, {
      cause: error,
    });
  }
  const contentType = response.headers.get("content-type") ?? "";
  return { url, bytes, contentType, sha256: await sha256Hex(bytes) };
}

/** A URL as messages show it: of bearable length, and without a password. */
export function shownUrl(url: string): string {
  const open = url.replace(/^(https?:\/\/[^/?#@:]*):[^/?#@]*@/, "$1:***@");
  return open.length > MAX_SHOWN_LENGTH ? `${open.slice(0, MAX_SHOWN_LENGTH)}…` : open;
}

/** A URL up to its fragment. */
export function withoutFragment(url: string): string {
  const hash = url.indexOf("#");
  return hash < 0 ? url : url.slice(0, hash);
}
