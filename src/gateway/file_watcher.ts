/**
 * Notices that files have changed: by what is in them, so that it does not matter how an editor or a
 * deployment puts them into place.
 *
 * @module
 */

import { basename, dirname, join, parse, resolve, sep } from "node:path";
import { DEFAULT_FETCH_LIMITS } from "../loader/fetch/limits.ts";
import { statOf } from "../base/folders.ts";
import { SHA256_OF_NOTHING, sha256Of } from "../base/sha256.ts";
import { readRegularFile } from "../loader/files/regular_file.ts";
import type { Log } from "../base/log.ts";
import { Slices } from "../base/slices.ts";
import { timerMs } from "../base/timers.ts";

/** Events come in bursts; the last one of a burst counts, after this many milliseconds. */
const SETTLE_MS = 100;
/** Where events never stop, files are looked at this long after the first one. */
const MAX_SETTLE_MS = 1_000;
/** A file that is replaced or rewritten may be gone, or empty, for a moment: it is looked at so often. */
const UNFINISHED_CHECKS = 5;
/** Links that lead to links, at the most (as Linux has it). */
const MAX_LINKS = 40;

/** Paths of files, and the SHA-256 of what is known to be in them; `null` if that is unknown. */
export type KnownFiles = ReadonlyMap<string, string | null>;

/** Where to look for changes. */
interface Places {
  /** Folders in which something happens when a file becomes another one. */
  readonly folders: Set<string>;
  /** Names that it happens to there. */
  readonly names: Set<string>;
}

/** Watches a set of files. */
export class FileWatcher implements Disposable {
  readonly #files: () => KnownFiles;
  readonly #onChange: (path: string) => void;
  readonly #log: Log;
  /** What is in the files; `null` for those that are not there. */
  readonly #hashes = new Map<string, string | null>();
  #watcher: Deno.FsWatcher | null = null;
  #watched = "";
  /** Ends when nothing is watched any more. */
  #following: Promise<void> = Promise.resolve();
  #names: ReadonlySet<string> = new Set();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the first event of a burst came. */
  #burstBegan: number | null = null;
  #unfinishedChecks = 0;
  /** Whether files are being checked, and must be checked again. */
  #looking: "not" | "once" | "again" = "not";
  /** Whether it was logged that watching failed. */
  #hasComplained = false;
  #closed = false;

  /** Watches the files that `files` names, now and after each change; `onChange` is told of one. */
  constructor(files: () => KnownFiles, onChange: (path: string) => void, log: Log) {
    this.#files = files;
    this.#onChange = onChange;
    this.#log = log;
    this.refresh();
  }

  /** Takes note of files that are new in the set. */
  refresh(): void {
    if (this.#closed) return;
    const files = this.#files();
    for (const [path, sha256] of files) {
      if (!this.#hashes.has(path)) this.#hashes.set(path, sha256 ?? hashOf(path));
    }
    for (const path of this.#hashes.keys()) if (!files.has(path)) this.#hashes.delete(path);
    this.#watch();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#watcher = null;
  }

  #watch(): void {
    const places: Places = { folders: new Set(), names: new Set() };
    for (const path of this.#hashes.keys()) addPlaces(places, path);
    this.#names = places.names;
    const folders = [...places.folders].sort();
    // A folder may be another one than before at the same path.
    const watched = folders.map((path) => `${path}\0${identityOf(path)}`).join("\0");
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#watcher?.close();
    this.#watcher = null;
    // The runtime shares watches of a path, and forgets one when its last reader has seen the end.
    this.#following = this.#following.then(() => this.#followIn(folders, watched));
  }

  async #followIn(folders: readonly string[], watched: string): Promise<void> {
    if (this.#closed || watched !== this.#watched || folders.length === 0) return;
    let watcher: Deno.FsWatcher;
    try {
      watcher = Deno.watchFs([...folders], { recursive: false });
    } catch (error) {
      // A folder was removed just now, or may not be read, or the system has no more watches.
      if (!(error instanceof Error)) throw error;
      if (!this.#hasComplained) this.#log("error", `cannot watch files yet: ${error.message}`);
      this.#hasComplained = true;
      this.#watched = "";
      this.#lookIn(MAX_SETTLE_MS);
      return;
    }
    this.#watcher = watcher;
    this.#hasComplained = false;
    // What happened before it watched.
    this.#lookIn(SETTLE_MS);
    await this.#follow(watcher, new Set(folders));
  }

  async #follow(watcher: Deno.FsWatcher, folders: ReadonlySet<string>): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      // An event without paths says that some were lost.
      if (paths.length > 0 && !paths.some((path) => this.#names.has(basename(path)))) continue;
      // It may come back at once, and even look the same to the system.
      if (paths.some((path) => folders.has(path)) && kind !== "create") this.#watched = "";
      this.#unfinishedChecks = 0;
      const now = performance.now();
      this.#burstBegan ??= now;
      this.#lookIn(Math.min(SETTLE_MS, Math.max(0, this.#burstBegan + MAX_SETTLE_MS - now)));
    }
  }

  #lookIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), timerMs(delayMs));
  }

  /** Looks at all files. One look is over before the next begins. */
  async #look(): Promise<void> {
    if (this.#looking !== "not") {
      this.#looking = "again";
      return;
    }
    this.#looking = "once";
    await this.#lookNow();
    const isDue = (this.#looking as string) === "again" && !this.#closed;
    this.#looking = "not";
    if (isDue) this.#lookIn(0);
  }

  async #lookNow(): Promise<void> {
    this.#burstBegan = null;
    const changes: [path: string, hash: string | null][] = [];
    const slices = new Slices();
    for (const [path, known] of [...this.#hashes]) {
      const bytes = bytesOf(path);
      const hash = bytes === null ? null : await slices.sha256(bytes);
      if (this.#closed) return;
      if (hash === known || !this.#hashes.has(path)) continue;
      const isUnfinished = hash === null || hash === SHA256_OF_NOTHING;
      if (isUnfinished && this.#unfinishedChecks < UNFINISHED_CHECKS) {
        this.#unfinishedChecks++;
        this.#lookIn(SETTLE_MS);
        return;
      }
      changes.push([path, hash]);
    }
    this.#unfinishedChecks = 0;
    for (const [path, hash] of changes) this.#hashes.set(path, hash);
    this.refresh();
    if (changes.length > 0) this.#onChange(changes[0][0]);
  }
}

function hashOf(path: string): string | null {
  const bytes = bytesOf(path);
  return bytes === null ? null : sha256Of(bytes);
}

function bytesOf(path: string): Uint8Array | null {
  try {
    return readRegularFile(path, DEFAULT_FETCH_LIMITS.maxModuleBytes);
  } catch (error) {
    // Whatever keeps it from being read keeps it from being loaded.
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Adds where something happens when the file at `path` becomes another one. */
function addPlaces(places: Places, path: string, links = 0): void {
  const { root } = parse(path);
  const names = path.slice(root.length).split(sep);
  let at = root;
  for (const name of names) {
    const folder = at;
    at = join(at, name);
    places.names.add(name);
    const target = links < MAX_LINKS ? readLink(at) : null;
    if (target === null) continue;
    // A link on the way can be led somewhere else, and so can the one that it leads to.
    places.folders.add(folder);
    addPlaces(places, resolve(folder, target), links + 1);
  }
  places.folders.add(existing(dirname(path)));
}

/** `folder`, or the nearest existing one above it. */
function existing(folder: string): string {
  for (let at = folder;; at = dirname(at)) {
    if (at === dirname(at) || isFolder(at)) return at;
  }
}

function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory ?? false;
}

function identityOf(path: string): string {
  const info = statOf(path);
  return info === null ? "" : `${info.dev}:${info.ino}`;
}

function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    // It does not exist, or is not a link.
    if (error instanceof Error) return null;
    throw error;
  }
}
