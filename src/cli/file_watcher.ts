/**
 * Notices that files have changed: by what is in them, so that it does not matter how an editor or a
 * deployment puts them into place.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname, join, parse, sep } from "node:path";

/** Events come in bursts; the last one of a burst counts, after this many milliseconds. */
const SETTLE_MS = 100;
/** A file that is replaced may be gone for a moment: it is looked for so often. */
const MISSING_CHECKS = 5;

/** Watches a set of files. */
export class FileWatcher implements Disposable {
  readonly #files: () => readonly string[];
  readonly #onChange: (path: string) => void;
  readonly #hashes = new Map<string, string | null>();
  #watcher: Deno.FsWatcher | null = null;
  #watched = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #missingChecks = 0;

  /** Watches the files that `files` names, now and after each change; `onChange` is told of one. */
  constructor(files: () => readonly string[], onChange: (path: string) => void) {
    this.#files = files;
    this.#onChange = onChange;
    for (const path of files()) this.#hashes.set(path, hashOf(path));
    this.#watch();
  }

  /** Takes note of files that are new in the set. */
  refresh(): void {
    const files = this.#files();
    for (const path of files) {
      if (!this.#hashes.has(path)) this.#hashes.set(path, hashOf(path));
    }
    for (const path of this.#hashes.keys()) if (!files.includes(path)) this.#hashes.delete(path);
    this.#watch();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#watcher = null;
  }

  #watch(): void {
    const folders = [...new Set([...this.#hashes.keys()].flatMap(foldersOf))].sort();
    const key = folders.join("\0");
    if (key === this.#watched) return;
    this.#watched = key;
    this.#watcher?.close();
    this.#watcher = folders.length === 0 ? null : Deno.watchFs(folders, { recursive: false });
    if (this.#watcher !== null) this.#follow(this.#watcher);
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind } of watcher) {
      if (kind === "access") continue;
      this.#missingChecks = 0;
      this.#checkSoon();
    }
  }

  #checkSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), SETTLE_MS);
  }

  #check(): void {
    let changed: string | null = null;
    for (const [path, known] of this.#hashes) {
      const hash = hashOf(path);
      if (hash === known) continue;
      if (hash === null && this.#missingChecks++ < MISSING_CHECKS) {
        this.#checkSoon();
        return;
      }
      this.#hashes.set(path, hash);
      changed ??= path;
    }
    this.refresh();
    if (changed !== null) this.#onChange(changed);
  }
}

function hashOf(path: string): string | null {
  try {
    return createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
  } catch {
    return null;
  }
}

/** Folders in which something happens when the file at `path` becomes another one. */
function foldersOf(path: string): string[] {
  const folders: string[] = [];
  const { root } = parse(path);
  let at = root;
  for (const name of path.slice(root.length).split(sep)) {
    const folder = at;
    at = join(at, name);
    const info = lstat(at);
    // A link on the way can be led somewhere else.
    if (info?.isSymlink) folders.push(folder, ...foldersOf(realPath(at) ?? at));
  }
  return [...folders, existing(dirname(path))];
}

function existing(folder: string): string {
  for (let at = folder;; at = dirname(at)) {
    if (at === dirname(at) || lstat(at) !== null) return at;
  }
}

function lstat(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch {
    return null;
  }
}

function realPath(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch {
    return null;
  }
}
