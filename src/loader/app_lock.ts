/**
 * The lock of whole apps (`--app-lock`): what each app has to be made of, on every machine.
 *
 * @module
 */

import { ConfigError, LoadError } from "../base/errors.ts";
import { withoutPasswords } from "../base/passwords.ts";
import { isSha256Hex, sha256Of } from "../base/sha256.ts";
import { relativeUrl } from "./names/relative_url.ts";
import { writeAtomically } from "./files/atomic_write.ts";
import type { AppContents } from "./contents.ts";
import { contentHash, differences, sorted } from "./contents.ts";
import { isObject, lineOfKey, parsedObject, unusableFile } from "./project/lock_text.ts";
import { pathToFileURL } from "node:url";

const VERSION = 1;

/** An app is not what the lock says. */
export class AppLockError extends LoadError {
  /** Name of the class. */
  override name = "AppLockError";
  /** What is another, in clauses; none if the lock does not have the app. */
  readonly differences: readonly string[];

  /** Makes an error about the app at `url`. */
  constructor(url: string, message: string, differences: readonly string[]) {
    super(url, message);
    this.differences = differences;
  }
}

/**
 * The lock of whole apps: a JSON file with an entry for each. Apps at URLs have these as their names, local
 * ones their paths from the folder of the lock.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const contents = { config: "0".repeat(64), links: "1".repeat(64), modules: {}, packages: {} };
 * const apps = new Map([["https://example.com/app.ts", contents]]);
 * await AppLock.write(`${folder}/gatehouse.lock`, apps);
 * const lock = await AppLock.read(`${folder}/gatehouse.lock`);
 * const found = { roots: ["https://example.com/app.ts"], contents: [contents] };
 * assertEquals(lock.faultOf(found), null);
 * assertEquals(lock.apps, ["https://example.com/app.ts"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class AppLock {
  /** Path of the file. */
  readonly path: string;
  /** SHA-256 of its text. */
  readonly sha256: string;
  readonly #apps: ReadonlyMap<string, AppContents>;

  private constructor(path: string, sha256: string, apps: ReadonlyMap<string, AppContents>) {
    this.path = path;
    this.sha256 = sha256;
    this.#apps = apps;
  }

  /**
   * Reads the lock at `path`, which is absolute.
   *
   * @throws {ConfigError} when there is none, or it cannot be understood: `FILE:LINE: …`
   */
  static async read(path: string): Promise<AppLock> {
    try {
      const text = await Deno.readTextFile(path);
      return new AppLock(path, sha256Of(text), parsedApps(path, text));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        throw new ConfigError(
          `there is no lock file ${path}: make it with gatehouse lock APP... --app-lock FILE`,
          { cause: error },
        );
      }
      throw unusableFile(error, path, "read");
    }
  }

  /**
   * Writes a lock of `apps`, by their URLs, to `path`, which is absolute. What was there is replaced if it was
   * such a lock.
   *
   * @throws {ConfigError} when it was something else, or cannot be written
   */
  static async write(path: string, apps: ReadonlyMap<string, AppContents>): Promise<void> {
    try {
      parsedApps(path, await Deno.readTextFile(path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw unusableFile(error, path, "read");
    }
    const entries = [...apps].map(([url, contents]) => {
      const { config, links, modules, packages } = contents;
      return [appName(url, path), {
        hash: contentHash(contents),
        config,
        links,
        modules: Object.fromEntries(sorted(modules)),
        packages: Object.fromEntries(sorted(packages)),
      }] as const;
    });
    const ordered = Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
    const text = `${JSON.stringify({ version: VERSION, apps: ordered }, null, 2)}\n`;
    try {
      await writeAtomically(path, new TextEncoder().encode(text), "shared");
    } catch (error) {
      throw unusableFile(error, path, "write");
    }
  }

  /** Names of the apps that it has. */
  get apps(): string[] {
    return [...this.#apps.keys()];
  }

  /** What it has against the apps at these URLs, the first thing; `null` if they are what it says. */
  faultOf(
    { roots, contents }: {
      readonly roots: readonly string[];
      readonly contents: readonly AppContents[] | undefined;
    },
  ): AppLockError | null {
    for (const [index, url] of roots.entries()) {
      const fault = this.#faultOf(url, contents![index]);
      if (fault !== null) return fault;
    }
    return null;
  }

  #faultOf(url: string, contents: AppContents): AppLockError | null {
    const name = appName(url, this.path);
    const expected = this.#apps.get(name);
    const shown = withoutPasswords(url);
    if (expected === undefined) {
      return new AppLockError(
        url,
        `cannot load ${shown}: ${this.path} does not have the app ${name}; add it with gatehouse lock`,
        [],
      );
    }
    if (contentHash(contents) === contentHash(expected)) return null;
    const told = differences(expected, contents);
    return new AppLockError(
      url,
      `cannot load ${shown}: it is not what ${this.path} says:\n${told.join("\n")}\n` +
        "if you expect the change, make the lock again with gatehouse lock",
      told,
    );
  }
}

/** What an app is called in the lock at `path`. */
function appName(url: string, path: string): string {
  if (!url.startsWith("file:")) return withoutPasswords(url);
  return relativeUrl(new URL(".", pathToFileURL(path)).href, url);
}

function parsedApps(path: string, text: string): Map<string, AppContents> {
  const fault = (key: string, message: string) =>
    new ConfigError(`${path}:${lineOfKey(text, key)}: ${message}`);
  const value = parsedObject(path, text);
  const { version, apps, ...others } = value;
  if (apps === undefined) {
    throw fault("version", "this is no lock of apps, which gatehouse lock makes");
  }
  if (version !== VERSION) {
    throw fault(
      "version",
      `this lock of apps cannot be used: its version is ${JSON.stringify(version)}, and this ` +
        `gatehouse reads version ${VERSION}`,
    );
  }
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw fault(unknown, `"${unknown}" does not belong in a lock of apps`);
  if (!isObject(apps)) throw fault("apps", '"apps" should be an object');
  return new Map(
    Object.entries(apps).map(([name, entry]) => {
      const contents = contentsIn(entry);
      if (contents === null) {
        throw fault(
          name,
          `the entry of "${name}" should have hashes as gatehouse lock writes them`,
        );
      }
      if (!isObject(entry) || contentHash(contents) !== entry.hash) {
        throw fault(name, `the entry of "${name}" was changed by hand: its hash is another`);
      }
      return [name, contents];
    }),
  );
}

/** What an entry says; `null` if it has not the form of one. */
function contentsIn(entry: unknown): AppContents | null {
  if (!isObject(entry)) return null;
  const { config, links, modules, packages } = entry;
  if (!isSha256Hex(config) || !isSha256Hex(links)) return null;
  const isWhole = areHashes(modules) && areHashes(packages);
  return isWhole ? { config, links, modules, packages } : null;
}

function areHashes(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every(isSha256Hex);
}
