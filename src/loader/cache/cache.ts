/**
 * The folder in which the loader keeps what it has fetched and made.
 *
 * @module
 */

import { dirname, isAbsolute, join, normalize, resolve } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import type { Environment } from "../../base/surroundings.ts";
import {
  fileSystemReason,
  readIfThere,
  removeIfThere,
  TEMPORARY_PREFIX,
  writeAtomically,
} from "../files/atomic_write.ts";
import { cleanCacheFolder, describeCacheFolder } from "./cache_folder.ts";
import type { CacheInfo, CleanResult } from "./cache_folder.ts";
import { sha256Hex, sha256Of } from "../../base/sha256.ts";
import { decodeHttpEntry, encodeHttpEntry } from "./http_entry.ts";
import type { HttpEntry } from "./http_entry.ts";

/** File that marks a folder as a cache, for programs that back up and for `clean()`. */
const TAG_NAME = "CACHEDIR.TAG";
/**
 * The content that the Cache Directory Tagging Specification requires, and what the folder is for.
 */
const TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n" +
  "# This folder is the cache of gatehouse; `gatehouse cache --clean` empties it.\n" +
  "# https://bford.info/cachedir/ says what this file is for.\n";

/** The environment says no folder for caches. */
export class NoCacheFolderError extends ConfigError {
  /** Name of the class. */
  override name = "NoCacheFolderError";

  /** `missing` is the variable that would say one. */
  constructor(missing: string) {
    super(`there is no folder for the cache, since neither GATEHOUSE_CACHE nor ${missing} is set`);
  }
}

/**
 * The cache: a folder that several processes may use at once. What is read from it is verified, and
 * counts as missing if it is not what was written.
 *
 * - `http/<sha256 of the URL>.json`: what servers said
 * - `blobs/<2 digits>/<sha256>`: the bodies
 * - `js/<2 digits>/<key>.json`: transformed modules, or where the imports are in those of JavaScript, of a
 *   package in one file
 * - `apps/<hash>.json`: which graph was made for which apps
 * - `graphs/<hash>/`, `npm/<host>/<name>/<version>/`, `npm-sets/<hash>/`: folders that others fill
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new ModuleCache(await Deno.makeTempDir());
 * const sha256 = await cache.writeBlob(new TextEncoder().encode("export default 1;"));
 * assertEquals((await cache.readBlob(sha256))?.length, 17);
 * await Deno.remove(cache.root, { recursive: true });
 * ```
 */
export class ModuleCache {
  /** Absolute path of the folder. */
  readonly root: string;
  #prepared: Promise<void> | null = null;

  /** A cache in the folder `root`, an absolute path, which need not exist yet. */
  constructor(root: string) {
    if (!isAbsolute(root)) throw new TypeError(`"${root}" is not an absolute path`);
    this.root = normalize(root);
  }

  /**
   * Where the cache is unless the user says otherwise: `GATEHOUSE_CACHE`, else the folder for
   * caches of the platform. A relative path begins at `cwd`.
   *
   * @throws {NoCacheFolderError} when the environment names no such folder
   */
  static defaultRoot(
    env: Environment,
    cwd: string,
    os: typeof Deno.build.os = Deno.build.os,
  ): string {
    const named = env.get("GATEHOUSE_CACHE");
    if (named) return resolve(cwd, named);
    const home = env.get("HOME");
    const xdg = env.get("XDG_CACHE_HOME");
    const local = env.get("LOCALAPPDATA");
    let parent: string | null = null;
    if (os === "windows") parent = local || null;
    // Its specification says to ignore a relative path.
    else if (xdg && isAbsolute(xdg)) parent = xdg;
    else if (home) parent = join(home, ...(os === "darwin" ? ["Library", "Caches"] : [".cache"]));
    if (parent === null) {
      const missing = os === "windows" ? "LOCALAPPDATA" : "HOME";
      throw new NoCacheFolderError(missing);
    }
    return resolve(cwd, parent, "gatehouse");
  }

  /** Folder of one graph of modules. */
  graphFolder(hash: string): string {
    return join(this.root, "graphs", safeSegment(hash));
  }

  /** Folder of one extracted package of an npm registry; `registryHost` is `host` or `host:port`. */
  npmFolder(registryHost: string, name: string, version: string): string {
    // A colon cannot be in the name of a file on Windows.
    const host = safeSegment(registryHost.replaceAll(":", "+"));
    return join(this.root, "npm", host, ...name.split("/").map(safeSegment), safeSegment(version));
  }

  /** Folder of one layout of packages with a `node_modules`. */
  npmSetFolder(hash: string): string {
    return join(this.root, "npm-sets", safeSegment(hash));
  }

  /** The body with this hash; `null` if there is none, or it is damaged. */
  async readBlob(sha256: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const path = this.#blobPath(sha256);
    const bytes = await this.#read(path);
    if (bytes === null) return null;
    if (await sha256Hex(bytes) === sha256) return bytes;
    await this.#explained("write to", () => removeIfThere(path));
    return null;
  }

  /** Keeps a body, and returns its hash. */
  async writeBlob(bytes: Uint8Array): Promise<string> {
    const sha256 = await sha256Hex(bytes);
    await this.writeAtomically(this.#blobPath(sha256), bytes);
    return sha256;
  }

  /**
   * What a server said about `url`; `null` if that is not known. `variant` tells apart what one URL
   * answers to different requests: the value of `Accept`, `""` for modules.
   */
  async readHttpEntry(url: string, variant = ""): Promise<HttpEntry | null> {
    const bytes = await this.#read(this.#httpPath(url, variant));
    return bytes === null ? null : decodeHttpEntry(url, bytes);
  }

  /** Keeps what a server said about a URL. */
  async writeHttpEntry(entry: HttpEntry, variant = ""): Promise<void> {
    await this.writeAtomically(this.#httpPath(entry.url, variant), encodeHttpEntry(entry));
  }

  /** What was kept by {@linkcode writeTransform}; `null` if nothing was, or it is not intact. */
  async readTransform(key: string): Promise<unknown> {
    const path = this.#transformPath(key);
    const bytes = await this.#read(path);
    if (bytes === null) return null;
    const frame = transformFrame("0".repeat(64));
    const body = bytes.subarray(frame.length, -1);
    const head = new TextDecoder().decode(bytes.subarray(0, frame.length));
    if (head === transformFrame(sha256Of(body))) {
      return JSON.parse(new TextDecoder().decode(body));
    }
    await this.#explained("write to", () => removeIfThere(path));
    return null;
  }

  /** Keeps a transformed module, anything that JSON can say, with a checksum. */
  async writeTransform(key: string, value: unknown): Promise<void> {
    const body = JSON.stringify(value);
    const text = `${transformFrame(sha256Of(body))}${body}}`;
    await this.writeAtomically(this.#transformPath(key), new TextEncoder().encode(text));
  }

  /**
   * Writes a file of the cache, so that it is there as a whole or not at all; its folder is made
   * if need be.
   *
   * @throws {ConfigError} when the disk is full or the folder cannot be written to
   */
  async writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
    await this.prepare();
    await this.#explained("write to", () => writeAtomically(path, bytes));
  }

  /**
   * Makes the folder of the cache, and marks it as one if it is new. To be called before anything
   * is put there by other means than this class.
   *
   * @throws {ConfigError} when it cannot be made
   */
  prepare(): Promise<void> {
    return this.#prepared ??= this.#explained("write to", () => this.#makeRoot()).catch((error) => {
      this.#prepared = null;
      throw error;
    });
  }

  /** What is in the cache. */
  info(): Promise<CacheInfo> {
    return describeCacheFolder(this.root);
  }

  /**
   * Removes what the cache has put into its folder, and nothing else. Processes that use it
   * meanwhile fetch again.
   *
   * @throws {ConfigError} when the folder held other things before it became the cache
   */
  clean(): Promise<CleanResult> {
    this.#prepared = null;
    return cleanCacheFolder(this.root, TAG_NAME);
  }

  /** A folder that held anything before is not marked: `clean()` could not tell what is whose. */
  async #makeRoot(): Promise<void> {
    // Bodies may have been fetched with credentials, and code is run from here.
    await Deno.mkdir(dirname(this.root), { recursive: true });
    await Deno.mkdir(this.root, { recursive: true, mode: 0o700 });
    const names: string[] = [];
    for await (const { name } of Deno.readDir(this.root)) names.push(name);
    if (names.every((name) => name.startsWith(TEMPORARY_PREFIX))) {
      await writeAtomically(join(this.root, TAG_NAME), new TextEncoder().encode(TAG_TEXT));
    }
  }

  #read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#explained("read", () => readIfThere(path));
  }

  async #explained<T>(verb: "read" | "write to", use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } catch (error) {
      const reason = fileSystemReason(error);
      if (reason === null) throw error;
      throw new ConfigError(
        `cannot ${verb} the cache ${this.root}: ${reason}; set GATEHOUSE_CACHE to use another ` +
          "folder",
        { cause: error },
      );
    }
  }

  #blobPath(sha256: string): string {
    return join(this.root, "blobs", sha256.slice(0, 2), safeSegment(sha256));
  }

  #transformPath(key: string): string {
    return join(this.root, "js", key.slice(0, 2), `${safeSegment(key)}.json`);
  }

  #httpPath(url: string, variant: string): string {
    const key = sha256Of(variant === "" ? url : `${url}\n${variant}`);
    return join(this.root, "http", `${key}.json`);
  }
}

/** The cache for those who take nothing from it that was made of sources, but make it again. */
export class SourceCache extends ModuleCache {
  override readTransform(): Promise<null> {
    return Promise.resolve(null);
  }
}

/** How the file of a transformed module begins; a `}` ends it. */
function transformFrame(sha256: string): string {
  return `{"sha256":"${sha256}","value":`;
}

/** Names of folders come from outside at times: from packages and registries. */
function safeSegment(name: string): string {
  if (/^\.{0,2}$|[/\\\0]/.test(name)) {
    throw new TypeError(`"${name}" cannot be the name of a file in the cache`);
  }
  return name;
}
