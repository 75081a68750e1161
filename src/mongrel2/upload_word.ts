/**
 * Word that Mongrel2 has written all of an upload, from the process that it has told to the one that reads the
 * file: a small file beside that one, which only the user has that both run as.
 *
 * @module
 */

import { constants, lstat, open, unlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

const PREFIX = ".gatehouse-end-";
/** Bytes of the word at the most: a path. */
const MAX_BYTES = 4_096;
const OWNER_ONLY = 0o600;

/** Leaves word in `folder` that the upload which Mongrel2 calls `path` is complete, unless there is word already. */
export async function leaveWord(folder: string, path: string): Promise<void> {
  try {
    await writeFile(placeOf(folder, path), path, { flag: "wx", mode: OWNER_ONLY });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/** Removes word of that upload, if there is any; `false` if there is none that can be believed. */
export async function takeWord(folder: string, path: string): Promise<boolean> {
  const place = placeOf(folder, path);
  try {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    await using file = await open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const [read, named] = [await file.stat(), await lstat(place)];
    const isOwn = read.isFile() && read.nlink === 1 && read.uid === Deno.uid() &&
      read.ino === named.ino && read.size <= MAX_BYTES;
    // It may have been another upload's, and not be written yet.
    if (!isOwn || await file.readFile("utf8") !== path) return false;
    await unlink(place);
    return true;
  } catch {
    // What others put in its place, such as a socket, cannot even be opened.
    return false;
  }
}

function placeOf(folder: string, path: string): string {
  return join(folder, PREFIX + basename(path));
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code);
}
