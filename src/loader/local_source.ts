/**
 * Sources of modules that no server is asked for: those of files, and those in their very URL.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { LoadError } from "../errors.ts";
import { sha256Hex } from "./hash.ts";
import type { ModuleSource } from "./sources.ts";

/** Length from which on URLs are shortened in messages: those of `data:` have no end. */
const MAX_SHOWN_LENGTH = 300;

/**
 * Reads the source of a module from a `file:` URL.
 *
 * @throws {LoadError} when that cannot be done
 */
export async function readFileSource(url: string): Promise<ModuleSource> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(fileURLToPath(withoutFragment(url)));
  } catch (error) {
    const reason = fileFault(error);
    if (reason === null) throw error;
    throw new LoadError(url, `cannot load ${shownUrl(url)}: ${reason}`, { cause: error });
  }
  return { url, bytes, contentType: "", sha256: await sha256Hex(bytes) };
}

/** What keeps a file from being read, `null` if that is none of a file's faults. */
function fileFault(error: unknown): string | null {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.NotADirectory) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "the file may not be read";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof TypeError || error instanceof URIError) return "it is no path of a file";
  return null;
}

/**
 * Reads the source of a module from a `data:` URL.
 *
 * @throws {LoadError} when it is no valid one
 */
export async function readDataSource(url: string): Promise<ModuleSource> {
  let response: Response;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    response = await fetch(withoutFragment(url));
    bytes = await response.bytes();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new LoadError(url, `cannot load ${shownUrl(url)}: it is no valid data: URL`, {
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
