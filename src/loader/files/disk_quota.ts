/**
 * Limits how much of the disk an app may use by imports at run time: no permission covers that, and
 * `data:` URLs never end.
 *
 * @module
 */

import { join } from "node:path";
import { LoadError } from "../../base/errors.ts";
import { readIfThere, writeAtomically } from "./atomic_write.ts";
import { inWords } from "../../base/sizes.ts";

/** What an app's late imports may take, as long as its graph is in the cache, in bytes. */
export const LATE_QUOTA_BYTES = 256 * 1_048_576;

/** What a file takes at least, whatever is in it. */
const FILE_BYTES = 4_096;

/** Where it is kept how much a graph has had. */
const LEDGER = "used.json";

/** What may be written. */
export class DiskQuota {
  readonly #limitBytes: number;
  #usedBytes: number;

  /** A quota of `limitBytes`, of which `usedBytes` are used. */
  constructor(limitBytes: number, usedBytes = 0) {
    this.#limitBytes = limitBytes;
    this.#usedBytes = usedBytes;
  }

  /** What was used, in bytes. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** What is left, in bytes. */
  get leftBytes(): number {
    return Math.max(0, this.#limitBytes - this.#usedBytes);
  }

  /** How many files that is enough for, if nothing is in them. */
  get leftFiles(): number {
    return Math.floor(this.leftBytes / FILE_BYTES);
  }

  /**
   * Counts what is about to be written for the import of `url`.
   *
   * @throws {LoadError} when less than that is left
   */
  take(url: string, bytes: number, files = 1): void {
    const usedBytes = this.#usedBytes + bytes + files * FILE_BYTES;
    if (usedBytes > this.#limitBytes) throw this.exceeded(url);
    this.#usedBytes = usedBytes;
  }

  /**
   * Looks whether there is anything left, before something is fetched for the import of `url`.
   *
   * @throws {LoadError} when there is not
   */
  check(url: string): void {
    if (this.#usedBytes + FILE_BYTES > this.#limitBytes) throw this.exceeded(url);
  }

  /** The error of what needs more than is left, for the import of `url`. */
  exceeded(url: string): LoadError {
    const shown = url.length > 200 ? `${url.slice(0, 100)}…` : url;
    return new LoadError(
      url,
      `cannot load ${shown}: what the app has imported at run time takes more than ` +
        `${inWords(this.#limitBytes)} of the disk; gatehouse cache --clean makes room`,
    );
  }
}

/** What the graph in `folder` has left. It counts across restarts: an app may be able to cause these. */
export async function lateQuota(
  folder: string,
  limitBytes: number = LATE_QUOTA_BYTES,
): Promise<DiskQuota> {
  const bytes = await readIfThere(join(folder, "ext", LEDGER));
  const used = bytes === null ? 0 : Number(new TextDecoder().decode(bytes));
  return new DiskQuota(limitBytes, Number.isSafeInteger(used) && used >= 0 ? used : limitBytes);
}

/** Stores how much that is by now. */
export async function keepQuota(folder: string, { usedBytes }: DiskQuota): Promise<void> {
  const bytes = new TextEncoder().encode(`${usedBytes}`);
  await writeAtomically(join(folder, "ext", LEDGER), bytes);
}
