/**
 * Files that are there as a whole or not at all, whatever other processes do meanwhile.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { ConfigError } from "../../base/errors.ts";

/** How the names of files begin that are still being written, or were when their process died. */
export const TEMPORARY_PREFIX = ".tmp-";

/** Mode of folders that are the user's alone. */
export const PRIVATE_FOLDER = { recursive: true, mode: 0o700 } as const;
/** Mode of files that are the user's alone. */
export const PRIVATE_FILE = { mode: 0o600 } as const;

/** What is read and written at once, in bytes. */
const AT_ONCE_BYTES = 1024 * 1024;

/** Times that a folder is made again when another process removes it meanwhile. */
const FOLDER_ATTEMPTS = 10;

/** Times that a folder is moved to its place when other processes put broken ones there. */
const MOVE_ATTEMPTS = 10;

/** A path of its own in the folder of `path`, from where a rename to `path` is atomic. */
export function temporaryPath(path: string): string {
  const random = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  return join(dirname(path), `${TEMPORARY_PREFIX}${Deno.pid}-${random}`);
}

/**
 * Writes `bytes` to `path`, and makes its folder if need be. Readers find what was there before or
 * all of `bytes`; of several writers the last one wins. After a crash of the machine the file may
 * be cut off, as waiting for the disk would cost more than checking what is read. The file, and folders
 * that are made for it, are the user's alone, or `"shared"`: as files are.
 *
 * @throws what the file system says: a full disk, a folder that is not writable
 */
export async function writeAtomically(
  path: string,
  bytes: Uint8Array,
  access: "private" | "shared" = "private",
): Promise<void> {
  const folder = access === "private" ? PRIVATE_FOLDER : { recursive: true };
  const { mode } = access === "private" ? PRIVATE_FILE : { mode: 0o644 };
  for (let attempt = 1;; attempt++) {
    const temporary = temporaryPath(path);
    try {
      // What is small is written sooner than it is handed to another thread.
      if (bytes.length <= AT_ONCE_BYTES) {
        Deno.writeFileSync(temporary, bytes, { createNew: true, mode });
        Deno.renameSync(temporary, path);
      } else {
        await Deno.writeFile(temporary, bytes, { createNew: true, mode });
        await Deno.rename(temporary, path);
      }
      return;
    } catch (error) {
      // It does not exist yet; or another process, which cleans up, has removed it.
      const isMissing = error instanceof Deno.errors.NotFound;
      if (!isMissing) await removeIfThere(temporary);
      if (!isMissing || attempt === FOLDER_ATTEMPTS) throw error;
      Deno.mkdirSync(dirname(path), folder);
    }
  }
}

/** Removes the file at `path` unless it is gone already. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Whether `error` says that there is no such file or folder, or that a file is on the way to it.
 */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.IsADirectory;
}

/** The content of the file at `path`; `null` if there is none. */
export async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const isSmall = Deno.statSync(path).size <= AT_ONCE_BYTES;
    return isSmall ? Deno.readFileSync(path) : await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The error to report for `error`, which kept something in the cache at `path` from being read. */
export function unreadable(error: unknown, path: string): unknown {
  const reason = fileSystemReason(error);
  if (reason === null) return error;
  return new ConfigError(
    `cannot read ${path} in the cache: ${reason}; set GATEHOUSE_CACHE to use another folder`,
    { cause: error },
  );
}

/**
 * What a file system said, as a clause for a message; `null` if `error` is not from a file system.
 */
export function fileSystemReason(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") return null;
  if (code === "EMFILE") return "the process may have no more files open (ulimit -n)";
  // Where a file is in the place of a folder, the system's message does not help.
  if (code === "EEXIST" || code === "ENOTDIR") return "a file is where a folder should be";
  // Without the number, the call and the path that Deno puts after it.
  return error.message.replace(/ \(os error \d+\).*/s, "");
}

/**
 * Moves a folder to its place. If another process was there first, its folder stays as long as
 * `isGood` says so.
 *
 * @returns whose folder it is
 */
export async function moveInto(
  temporary: string,
  folder: string,
  isGood: () => Promise<boolean>,
): Promise<"ours" | "another's"> {
  for (let attempt = 1;; attempt++) {
    try {
      Deno.renameSync(temporary, folder);
      return "ours";
    } catch (error) {
      if (attempt === MOVE_ATTEMPTS || !isTaken(error)) throw error;
    }
    if (await isGood()) return "another's";
    // Out of the way first: others see the old one or the new one, and never half of it.
    const broken = temporaryPath(folder);
    try {
      await Deno.rename(folder, broken);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await removeFolder(broken);
  }
}

function isTaken(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  // Windows says EPERM or EACCES.
  return /^(?:ENOTEMPTY|EEXIST|ENOTDIR|EPERM|EACCES)$/.test(String(code));
}

/** Removes a folder and all in it, if it is there. */
export async function removeFolder(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
