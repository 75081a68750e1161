/**
 * Whether a folder is its user's alone. Code is run from the cache: anyone who can write there can
 * do all that gatehouse may do.
 *
 * @module
 */

import { dirname, join, parse, resolve, sep } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import { ownUid } from "../../base/folders.ts";
import { PRIVATE_FOLDER } from "../files/atomic_write.ts";
import { CACHE_KINDS } from "./cache_folder.ts";

const GROUP_OR_OTHERS_WRITE = 0o022;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;
const ROOT = 0;
/** Links that lead to links, at the most (as Linux has it). */
const MAX_LINKS = 40;

/** What is wrong with a folder, as a clause of a sentence. */
interface Fault {
  readonly path: string;
  readonly reason: string;
}

/**
 * Ensures that only the user and root can put anything into the cache at `root`, which may not
 * exist yet, or replace its folder. `warn` is called if everybody can replace the folder, although
 * it is the user's own.
 *
 * @throws {ConfigError} if others can write to it
 */
export function checkCacheFolder(root: string, warn: (message: string) => void): void {
  // Windows expresses permissions differently.
  if (Deno.build.os === "windows") return;
  const trust = new Trust(ownUid());
  const fault = trust.faultOfCache(root);
  if (fault !== null) {
    throw new ConfigError(
      `the cache ${root} is refused, since code is run from it: ${fault.path} ${fault.reason}; ` +
        "name a folder of your own in GATEHOUSE_CACHE, or fix that one (chown, chmod go-w)",
    );
  }
  const [replaceable] = trust.replaceable;
  if (replaceable === undefined) return;
  warn(
    `every user can write to ${replaceable}, and so replace the cache ${root}: if there are other ` +
      `users, chmod +t ${replaceable}, or name another folder in GATEHOUSE_CACHE`,
  );
}

/** What is known of the folders on the way to the cache. */
class Trust {
  /** Folders on the way whose entries everybody can replace. */
  readonly replaceable: string[] = [];
  /** Number of the user; `null` if it may not be known. */
  readonly #uid: number | null;

  constructor(uid: number | null) {
    this.#uid = uid;
  }

  /** What is wrong with the cache at `root`. */
  faultOfCache(root: string): Fault | null {
    const onTheWay = this.#follow(dirname(root), 0);
    if (typeof onTheWay !== "string") return onTheWay;
    let folder = join(onTheWay, parse(root).base);
    const info = lstatOf(folder);
    if (info?.isSymlink) {
      const target = this.#follow(folder, 0);
      if (typeof target !== "string") return target;
      folder = target;
    }
    const fault = this.#faultOf(folder, GROUP_OR_OTHERS_WRITE);
    if (fault !== null) return fault;
    const kinds = CACHE_KINDS.map((kind) => join(folder, kind));
    // As in /tmp: others cannot remove the folder, but could be the first to make it.
    if (((lstatOf(folder)?.mode ?? 0) & GROUP_OR_OTHERS_WRITE) !== 0) {
      for (const path of kinds) if (lstatOf(path) === null) Deno.mkdirSync(path, PRIVATE_FOLDER);
    }
    for (const path of kinds) {
      const fault = this.#faultOf(path, GROUP_OR_OTHERS_WRITE);
      if (fault !== null) return fault;
    }
    return null;
  }

  /** Where `path` leads, if others cannot change that. */
  #follow(path: string, links: number): string | Fault {
    const { root } = parse(path);
    let at = root;
    for (const name of path.slice(root.length).split(sep)) {
      if (name === "") continue;
      const next = join(at, name);
      const info = lstatOf(next);
      // What is missing will be made by the user.
      if (info === null) return path;
      if (info.isSymlink) {
        if (!this.#isTrusted(info)) return this.#foreign(next, info, "is a link of");
        if (links === MAX_LINKS) return { path: next, reason: "leads nowhere" };
        const target = this.#follow(resolve(at, Deno.readLinkSync(next)), links + 1);
        if (typeof target !== "string") return target;
        at = target;
        continue;
      }
      const fault = this.#faultOf(next, 0);
      if (fault !== null) return fault;
      if (isWritable(info, OTHERS_WRITE)) this.replaceable.push(next);
      at = next;
    }
    return at;
  }

  /** What is wrong with what is at `path`, if anything is: it is another's, or `bits` let others write. */
  #faultOf(path: string, bits: number): Fault | null {
    const info = lstatOf(path);
    if (info === null) return null;
    if (info.isSymlink && bits !== 0) return { path, reason: "is a link" };
    if (!this.#isTrusted(info)) return this.#foreign(path, info, "belongs to");
    if (isWritable(info, bits)) return { path, reason: "can be written to by others" };
    return null;
  }

  #foreign(path: string, { uid }: Deno.FileInfo, what: string): Fault {
    return { path, reason: `${what} another user (${uid})` };
  }

  #isTrusted({ uid }: Deno.FileInfo): boolean {
    return this.#uid === null || uid === this.#uid || uid === ROOT || uid === unmappedUid();
  }
}

/** Whether `bits` of its mode let others add to a folder, and take away what is not theirs. */
function isWritable({ mode }: Deno.FileInfo, bits: number): boolean {
  return mode !== null && (mode & bits) !== 0 && (mode & STICKY) === 0;
}

function lstatOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    // What cannot be looked at cannot be used either: its use will report it.
    if (isAbsent || error instanceof Deno.errors.PermissionDenied) return null;
    throw error;
  }
}

/**
 * The number that all users outside of a user namespace have within it, root among them; `null`
 * outside of such a namespace.
 */
function unmappedUid(): number | null {
  if (Deno.build.os !== "linux") return null;
  try {
    const map = Deno.readTextFileSync("/proc/self/uid_map").trim().split(/\s+/);
    const isWhole = map.length === 3 && map[2] === "4294967295";
    return isWhole ? null : Number(Deno.readTextFileSync("/proc/sys/kernel/overflowuid"));
  } catch (error) {
    // There may be no /proc, and Deno requires all permissions to read it.
    if (error instanceof Error) return null;
    throw error;
  }
}
