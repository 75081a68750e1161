/**
 * Folders in which packages lie so that Node's own algorithm finds what each depends on.
 *
 *     <set>/.store/<key>/node_modules/<name>/        files of the package
 *     <set>/.store/<key>/node_modules/<dependency>   link to that one's folder, under another key
 *     <set>/.store/<key>/files.json                  what there is, written before it is in place
 *     <set>/.store/<key>/originals.json              where the files are that others were made of
 *     <set>/.store/node_modules/<name>               link to a package of that name: for those that
 *                                                    use what they do not declare, as Deno does
 *     <set>/sets/<hash>.json                         which instance is meant by which requirement
 *
 * A key says all that an instance is made of, so that what is in place never changes; packages that
 * a running app asks for later are put beside those that it has.
 *
 * @module
 */

import { sha256Of } from "../../base/sha256.ts";
import { dirname, join, relative } from "node:path";
import {
  moveInto,
  PRIVATE_FILE,
  PRIVATE_FOLDER,
  readIfThere,
  removeFolder,
  temporaryPath,
  writeAtomically,
} from "../files/atomic_write.ts";
import { mayImport } from "../../sandbox/lockdown.ts";
import { hasModuleSyntax } from "./commonjs.ts";
import { idOfKey } from "./instances.ts";
import type { EarlierChoices, EarlierInstance, Instance } from "./instances.ts";
import { areWhole, filesOf, listOf } from "./package_store.ts";
import type { StoredPackage } from "./package_store.ts";
import { nameAndVersion } from "./resolution.ts";
import type { UnpackedFile } from "./tarball.ts";

/** File that lists the files of an instance. */
const LIST_NAME = "files.json";
/** File that says of files that are not as they were unpacked where those are that they were made of. */
const ORIGINALS_NAME = "originals.json";

/** Changes CommonJS files on their way into a set. */
export interface CommonJsRewriter {
  /** Tells its work from that of other rewriters. */
  readonly version: string;
  /** The text that takes the place of `source`. */
  rewrite(source: string, filename: string): string | Promise<string>;
}

/** Which packages there are in a set, and for what. */
export interface SetManifest extends EarlierChoices {
  /** Integrities by `name@version`. */
  readonly integrities: ReadonlyMap<string, string>;
}

/** An instance, and the `name@version` of its package. */
export type InstanceName = Pick<Instance, "key" | "id">;

/** A folder with packages. */
export class SetFolder {
  /** Absolute path of it. */
  readonly root: string;
  readonly #rewriter: CommonJsRewriter;
  /** Folders that links were put into. */
  readonly #made = new Set<string>();

  /** The set in `root`, which need not exist yet. */
  constructor(root: string, rewriter: CommonJsRewriter) {
    this.root = root;
    this.#rewriter = rewriter;
  }

  /** Folder of the package of an instance. */
  packageFolder(key: string, id: string): string {
    return packageFolder(this.root, key, id);
  }

  /** Whether all files of an instance are there, as far as sizes tell. */
  has(instance: InstanceName): Promise<boolean> {
    const files = this.filesOf(instance);
    const { key, id } = instance;
    return Promise.resolve(files !== null && areWhole(this.packageFolder(key, id), files));
  }

  /** The files of an instance, as they were listed; `null` if the list is missing or damaged. */
  filesOf({ key }: InstanceName): UnpackedFile[] | null {
    try {
      const text = Deno.readTextFileSync(join(this.root, ".store", key, LIST_NAME));
      const list: unknown = JSON.parse(text);
      return Array.isArray(list) ? filesOf(list) : null;
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }

  /** Paths, from the root, of what files of an instance were made of, by their paths in the package. */
  originalsOf({ key }: Pick<InstanceName, "key">): ReadonlyMap<string, string> {
    try {
      const text = Deno.readTextFileSync(join(this.root, ".store", key, ORIGINALS_NAME));
      return new Map(Object.entries(JSON.parse(text) as Record<string, string>));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof Deno.errors.NotFound) return new Map();
      throw error;
    }
  }

  /** Puts an instance into place, unless another process does so meanwhile. */
  async add(instance: Instance, stored: StoredPackage): Promise<void> {
    const folder = join(this.root, ".store", instance.key);
    Deno.mkdirSync(dirname(folder), PRIVATE_FOLDER);
    const temporary = temporaryPath(folder);
    let isThere = true;
    try {
      const modules = join(temporary, "node_modules");
      const { name } = nameAndVersion(instance.id);
      const { files, changed } = await this.#fill(join(modules, name), stored);
      for (const [alias, key] of instance.dependencies) {
        // A package can depend on another version of itself, whose place is taken by its own.
        const path = join("node_modules", ...alias === name ? [name, "node_modules"] : [], alias);
        this.#link(join(temporary, path), join(folder, path), key);
      }
      const list = JSON.stringify(listOf(files));
      Deno.writeTextFileSync(join(temporary, LIST_NAME), list, PRIVATE_FILE);
      if (changed.size > 0) {
        const originals = JSON.stringify(Object.fromEntries(changed));
        Deno.writeTextFileSync(join(temporary, ORIGINALS_NAME), originals, PRIVATE_FILE);
      }
      isThere = await moveInto(temporary, folder, () => this.has(instance)) !== "ours";
    } finally {
      if (isThere) await removeFolder(temporary);
    }
  }

  /** Fills the folder of a package; says which files were changed, and where their originals are. */
  async #fill(
    target: string,
    stored: StoredPackage,
  ): Promise<{ files: UnpackedFile[]; changed: ReadonlyMap<string, string> }> {
    const types = new ScopeTypes(stored);
    const folders = new Set<string>();
    const files: UnpackedFile[] = [];
    const changed = new Map<string, string>();
    for (const file of stored.files) {
      const from = `${stored.folder}/${file.path}`;
      const to = `${target}/${file.path}`;
      const folder = to.slice(0, to.lastIndexOf("/"));
      if (!folders.has(folder)) Deno.mkdirSync(folder, PRIVATE_FOLDER);
      folders.add(folder);
      const text = await this.#rewritten(from, file, types);
      if (text === null) {
        linkOrCopy(from, to);
        files.push(file);
      } else {
        const bytes = new TextEncoder().encode(text);
        const mode = (Deno.statSync(from).mode ?? 0) & 0o700;
        Deno.writeFileSync(to, bytes, { ...PRIVATE_FILE, ...mode === 0 ? {} : { mode } });
        files.push({ ...file, sizeBytes: bytes.length });
        changed.set(file.path, relative(this.root, from));
      }
    }
    if (files.length === 0) Deno.mkdirSync(target, PRIVATE_FOLDER);
    return { files, changed };
  }

  /** The text that a file is to have; `null` if it stays as it is. */
  async #rewritten(
    from: string,
    { path, names }: UnpackedFile,
    types: ScopeTypes,
  ): Promise<string | null> {
    if (names === "nothing") return null;
    if (!/\.c?js$/.test(path) && /\.[^/]*$/.test(path)) return null;
    const type = path.endsWith(".cjs") ? "commonjs" : types.of(path);
    if (type === "module") return null;
    const source = /\.c?js$/.test(path) ? Deno.readTextFileSync(from) : textIn(from);
    if (source === null) return null;
    if (!mayImport(source)) return null;
    if (type === "unsaid" && hasModuleSyntax(source)) return null;
    const changed = await this.#rewriter.rewrite(source, path);
    return changed === source ? null : changed;
  }

  /**
   * Makes packages known to those that use them without saying so: for each name an instance, unless
   * there is one already.
   */
  offer(keys: ReadonlyMap<string, string>): void {
    for (const [name, key] of keys) {
      const at = join(this.root, ".store", "node_modules", name);
      try {
        this.#link(at, at, key);
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
  }

  /** What the rewriter makes of a file. */
  async rewrittenText(source: string, path: string): Promise<string> {
    return await this.#rewriter.rewrite(source, path);
  }

  /** Makes a link to an instance at `at`, from where it will be moved to `finalPath`. */
  #link(at: string, finalPath: string, key: string): void {
    const parent = dirname(at);
    if (!this.#made.has(parent)) Deno.mkdirSync(parent, PRIVATE_FOLDER);
    this.#made.add(parent);
    const target = packageFolder(this.root, key, idOfKey(key));
    if (Deno.build.os === "windows") {
      // Unlike symbolic links, these need no privileges; they are absolute.
      Deno.symlinkSync(target, at, { type: "junction" });
    } else {
      Deno.symlinkSync(relative(dirname(finalPath), target), at);
    }
  }

  /** Keeps which instance is meant by which requirement; returns the hash that it is found by. */
  async writeManifest(manifest: SetManifest): Promise<string> {
    const { requirements, instances, integrities } = manifest;
    const bytes = new TextEncoder().encode(JSON.stringify({
      requirements: Object.fromEntries(requirements),
      instances: Object.fromEntries(instances),
      integrities: Object.fromEntries(integrities),
    }));
    const hash = sha256Of(bytes);
    await writeAtomically(join(this.root, "sets", `${hash}.json`), bytes);
    return hash;
  }

  /** What was kept; `null` if it is missing or has changed. */
  async readManifest(hash: string): Promise<SetManifest | null> {
    const bytes = await readIfThere(join(this.root, "sets", `${hash}.json`));
    if (bytes === null || sha256Of(bytes) !== hash) return null;
    const json = JSON.parse(new TextDecoder().decode(bytes));
    return {
      requirements: new Map<string, string>(Object.entries(json.requirements)),
      instances: new Map<string, EarlierInstance>(Object.entries(json.instances)),
      integrities: new Map<string, string>(Object.entries(json.integrities)),
    };
  }

  /** All that was kept in this folder. */
  async *manifests(): AsyncGenerator<SetManifest> {
    const hashes: string[] = [];
    try {
      for await (const { name } of Deno.readDir(join(this.root, "sets"))) {
        if (/^[\da-f]{64}\.json$/.test(name)) hashes.push(name.slice(0, 64));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    for (const hash of hashes.sort()) {
      const manifest = await this.readManifest(hash);
      if (manifest !== null) yield manifest;
    }
  }
}

/** The text of a file that may be a program of any kind; `null` if it is not text. */
function textIn(path: string): string | null {
  const bytes = Deno.readFileSync(path);
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function packageFolder(root: string, key: string, id: string): string {
  return join(root, ".store", key, "node_modules", ...nameAndVersion(id).name.split("/"));
}

/** What `.js` files are in the folders of a package that is not in place yet. */
class ScopeTypes {
  readonly #types = new Map<string, "module" | "commonjs" | "unsaid">();

  constructor({ folder, files }: StoredPackage) {
    for (const { path } of files) {
      if (!/(?:^|\/)package\.json$/.test(path)) continue;
      this.#types.set(path.slice(0, -"package.json".length), typeIn(join(folder, path)));
    }
  }

  of(path: string): "module" | "commonjs" | "unsaid" {
    for (let folder = path; folder !== "";) {
      folder = folder.slice(0, folder.slice(0, -1).lastIndexOf("/") + 1);
      const type = this.#types.get(folder);
      if (type !== undefined) return type;
    }
    return "unsaid";
  }
}

function typeIn(path: string): "module" | "commonjs" | "unsaid" {
  const type = parsed(Deno.readTextFileSync(path))?.type;
  return type === "module" || type === "commonjs" ? type : "unsaid";
}

/** What a `package.json` says; `null` if it is broken, which shows when somebody needs it. */
function parsed(text: string): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
    return typeof json === "object" ? json as Record<string, unknown> | null : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** One file for the store and all sets, where the file system can. */
function linkOrCopy(from: string, to: string): void {
  try {
    Deno.linkSync(from, to);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (!/^(?:EXDEV|EPERM|EACCES|EMLINK|ENOTSUP|EOPNOTSUPP|ENOSYS)$/.test(String(code))) {
      throw error;
    }
    Deno.copyFileSync(from, to);
  }
}
