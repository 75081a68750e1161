/**
 * The lock file: what an app was made of when somebody last looked.
 *
 * @module
 */

import { ConfigError, LoadError } from "../../base/errors.ts";
import { writeAtomically } from "../files/atomic_write.ts";
import { canonicalRequirement, isDenoLock, pinsOfDenoLock } from "./deno_lock.ts";
import { isSha256Hex } from "../../base/sha256.ts";
import { isObject, lineOfKey, parsedObject, unusableFile } from "./lock_text.ts";

/** What to do with what the lock does not know: add it, or refuse it. */
export type LockMode = "extend" | "frozen";

const VERSION = 1;
/** The parts of the file, in the order in which they are written, and what their values look like. */
const PARTS = {
  modules: { isValid: isSha256Hex, form: "a SHA-256 of 64 hexadecimal digits" },
  // Only Deno's have it: its own pin each module of these.
  jsr: { isValid: isSha256Hex, form: "a SHA-256 of 64 hexadecimal digits" },
  packages: {
    isValid: (value: string) => /^sha\d+-[A-Za-z\d+/]+=*(?: sha\d+-[A-Za-z\d+/]+=*)*$/.test(value),
    form: 'an integrity such as "sha512-…"',
  },
  redirects: { isValid: (value: string) => URL.canParse(value), form: "a URL" },
  specifiers: { isValid: (value: string) => value !== "", form: "a version" },
} as const;
type Part = keyof typeof PARTS;
const PART_NAMES = Object.keys(PARTS) as Part[];

/** Whose form a lock file has. */
type LockForm = "own" | "Deno's";

/** What is in a lock file. */
interface LockContents {
  readonly form: LockForm;
  readonly parts: Record<Part, Map<string, string>>;
}

/**
 * A lock file: pins remote modules by the SHA-256 of their source, packages by their integrity,
 * redirects by where they lead, and the requirements of `npm:` and `jsr:` specifiers by the version
 * that was chosen. One of Deno's own lock files is read, too, and never written: what it does not know
 * is not remembered.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const lock = await Lock.read(`${folder}/gatehouse.lock`, "extend");
 * lock.pinSpecifier("npm:hono@^4", "4.13.19");
 * await lock.write();
 * const again = await Lock.read(`${folder}/gatehouse.lock`, "frozen");
 * assertEquals(again.specifier("npm:hono@^4"), "4.13.19");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class Lock {
  /** Path of the file. */
  readonly path: string;
  /** What is done with what the lock does not know. */
  readonly mode: LockMode;
  readonly #form: LockForm;
  readonly #parts: Readonly<Record<Part, Map<string, string>>>;
  #isChanged = false;

  private constructor(path: string, mode: LockMode, { form, parts }: LockContents) {
    this.path = path;
    this.mode = mode;
    this.#form = form;
    this.#parts = parts;
  }

  /**
   * Reads the lock file at `path`; a new, empty lock if there is no such file.
   *
   * @throws {ConfigError} when the file is not a lock file of a known version: `FILE:LINE: …`
   */
  static async read(path: string, mode: LockMode): Promise<Lock> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        return new Lock(path, mode, { form: "own", parts: emptyParts() });
      }
      throw unusableFile(error, path, "read");
    }
    return new Lock(path, mode, parsed(path, text));
  }

  /**
   * Compares the source of the module at `url`, or remembers it.
   *
   * @throws {LoadError} when it is another one than the lock says, or unknown to a frozen lock
   */
  checkModule(url: string, sha256: string): void {
    const known = this.#parts.modules.get(url);
    if (known === sha256) return;
    if (known !== undefined) {
      throw new LoadError(
        url,
        `cannot load ${url}: its content does not match the lock file ${this.path}: SHA-256 ` +
          `${sha256.slice(0, 12)}… and not ${
            known.slice(0, 12)
          }…; if you expect the change, remove ` +
          "its line from the lock file; if not, find out who made it (--reload asks the server again)",
      );
    }
    this.#add("modules", url, sha256, url);
  }

  /**
   * Compares the integrity of a package, such as `hono@4.13.19`, or remembers it.
   *
   * @throws {LoadError} when it is another one than the lock says, or unknown to a frozen lock
   */
  checkPackage(id: string, integrity: string): void {
    const known = this.#parts.packages.get(id);
    if (known === integrity) return;
    const url = `npm:${id}`;
    if (known !== undefined) {
      throw new LoadError(
        url,
        `cannot load ${url}: its integrity does not match the lock file ${this.path}: ` +
          `${shortIntegrity(integrity)} and not ${shortIntegrity(known)}; published versions do ` +
          "not change, so find out why before you remove its line from the lock file",
      );
    }
    this.#add("packages", id, integrity, url);
  }

  /**
   * Compares what JSR says of a version of a package, such as `@std/path@1.0.2`. If it is pinned, so are its
   * `modules`: SHA-256 by URL.
   *
   * @throws {LoadError} when it is another one than the lock says, or unknown to one of Deno's that is frozen
   */
  checkJsrPackage(
    id: string,
    sha256: string,
    modules: () => Iterable<readonly [url: string, sha256: string]>,
  ): void {
    const known = this.#parts.jsr.get(id);
    if (known === undefined && this.#form === "own") return;
    if (known === sha256) {
      for (const [url, sha256] of modules()) this.#parts.modules.set(url, sha256);
      return;
    }
    const url = `jsr:${id}`;
    if (known !== undefined) {
      throw new LoadError(
        url,
        `cannot load ${url}: its integrity does not match the lock file ${this.path}: SHA-256 ` +
          `${sha256.slice(0, 12)}… and not ${known.slice(0, 12)}…; published versions do not ` +
          "change, so find out why before you remove its line from the lock file",
      );
    }
    this.#add("jsr", id, sha256, url);
  }

  /** The integrity that is pinned for a package, such as `hono@4.13.19`. */
  packageIntegrity(id: string): string | undefined {
    return this.#parts.packages.get(id);
  }

  /** The version that is pinned for a requirement such as `npm:hono@^4`. */
  specifier(requirement: string): string | undefined {
    return this.#parts.specifiers.get(this.#keyOf(requirement));
  }

  /**
   * Pins the version for a requirement; another one than before replaces it.
   *
   * @throws {LoadError} when the lock is frozen and says otherwise or nothing
   */
  pinSpecifier(requirement: string, version: string): void {
    const key = this.#keyOf(requirement);
    if (this.#parts.specifiers.get(key) === version) return;
    this.#add("specifiers", key, version, requirement);
  }

  /** Where `url` is pinned to lead. */
  redirect(url: string): string | undefined {
    return this.#parts.redirects.get(url);
  }

  /**
   * Pins where `url` leads; another place than before replaces it.
   *
   * @throws {LoadError} when the lock is frozen and says otherwise or nothing
   */
  pinRedirect(url: string, location: string): void {
    if (this.#parts.redirects.get(url) === location) return;
    this.#add("redirects", url, location, url);
  }

  /**
   * Writes the file if anything was added since it was read. Several processes that extend one file
   * do not see each other's additions: the last one wins.
   *
   * @throws {ConfigError} when the file cannot be written
   */
  async write(): Promise<void> {
    if (!this.#isChanged || this.#form === "Deno's") return;
    this.#isChanged = false;
    await this.#takeOthers();
    const file: Record<string, unknown> = { version: VERSION };
    for (const part of PART_NAMES) {
      const pins = [...this.#parts[part]];
      if (pins.length > 0) file[part] = Object.fromEntries(pins.sort(byKey));
    }
    try {
      const text = `${JSON.stringify(file, null, 2)}\n`;
      await writeAtomically(this.path, new TextEncoder().encode(text), "shared");
    } catch (error) {
      this.#isChanged = true;
      throw unusableFile(error, this.path, "write");
    }
  }

  /** Takes over what others have pinned in the file meanwhile, and is not pinned here. */
  async #takeOthers(): Promise<void> {
    const others = (await Lock.read(this.path, this.mode).catch((error) => {
      // Its writer reports if it cannot be written.
      if (error instanceof ConfigError) return this;
      throw error;
    })).#parts;
    for (const part of PART_NAMES) {
      for (const [key, value] of others[part]) {
        if (!this.#parts[part].has(key)) this.#parts[part].set(key, value);
      }
    }
  }

  #keyOf(requirement: string): string {
    return this.#form === "own" ? requirement : canonicalRequirement(requirement);
  }

  #add(part: Part, key: string, value: string, url: string): void {
    if (this.mode === "frozen") {
      throw new LoadError(
        url,
        `cannot load ${url}: the lock file ${this.path} is out of date: it does not list ` +
          `${this.#parts[part].has(key) ? `${value} for it` : "it"}; update it with ` +
          (this.#form === "own" ? `gatehouse cache --lock=${this.path} APP` : "deno install"),
      );
    }
    this.#parts[part].set(key, value);
    this.#isChanged = true;
  }
}

function byKey([a]: readonly string[], [b]: readonly string[]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function emptyParts(): Record<Part, Map<string, string>> {
  return {
    modules: new Map(),
    jsr: new Map(),
    packages: new Map(),
    redirects: new Map(),
    specifiers: new Map(),
  };
}

/** Enough of an integrity to tell it from another. */
function shortIntegrity(integrity: string): string {
  return integrity.length > 20 ? `${integrity.slice(0, 19)}…` : integrity;
}

function parsed(path: string, text: string): LockContents {
  const fault = (line: number, message: string) => new ConfigError(`${path}:${line}: ${message}`);
  const value = parsedObject(path, text);
  const form = isDenoLock(value) ? "Deno's" : "own";
  if (form === "own" && value.version !== VERSION) {
    const found = value.version === undefined ? "it has no version" : "its version is " +
      JSON.stringify(value.version);
    throw fault(
      lineOfKey(text, "version"),
      `this lock file cannot be used: ${found}, and this gatehouse reads version ${VERSION}`,
    );
  }
  const parts = emptyParts();
  for (const [name, pins] of Object.entries(form === "own" ? value : pinsOfDenoLock(value))) {
    if (name === "version") continue;
    if (name === "apps") {
      throw fault(lineOfKey(text, name), "this lock pins whole apps: it is for --app-lock");
    }
    if (!PART_NAMES.includes(name as Part)) {
      throw fault(lineOfKey(text, name), `"${name}" does not belong in a lock file`);
    }
    if (!isObject(pins)) throw fault(lineOfKey(text, name), `"${name}" should be an object`);
    const { isValid, form } = PARTS[name as Part];
    for (const [key, pin] of Object.entries(pins)) {
      if (typeof pin !== "string" || !isValid(pin)) {
        throw fault(lineOfKey(text, key), `the value of "${key}" should be ${form}`);
      }
      parts[name as Part].set(key, pin);
    }
  }
  return { form, parts };
}
