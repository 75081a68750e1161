/**
 * Which ES modules CommonJS may `require`: they have to be in the graph when it does, as nothing can be
 * waited for then.
 *
 * Only packages that say that they are modules, and files that end in `.mjs`, are looked for, so that
 * packages of CommonJS alone cost little.
 *
 * @module
 */

import { join } from "node:path";
import { REQUIRE_CONDITIONS } from "./conditions.ts";
import type { EarlierInstance } from "./instances.ts";
import { ResolveFault } from "./package_exports.ts";
import type { PackageFiles } from "./package_files.ts";
import { PackageResolver } from "./package_resolver.ts";

/** What `require` tries where there is no such file. */
const ENDINGS = ["", ".js", ".json", ".node", "/index.js", "/index.json", "/index.node"];
/** A `require` with a literal. */
export const REQUIRE = /\brequire\s*\(\s*(["'`])([^"'`\\\n]+)\1\s*\)/g;

/** Resolves what is required to the path of a file; `null` for what is of no interest. */
export class RequireResolver extends PackageResolver<string | null> {
  /** A resolver that looks at `files`, and for packages at none that is not below `root`. */
  constructor(files: PackageFiles, root: string) {
    super(files, root, REQUIRE_CONDITIONS);
  }

  /**
   * The file that `require(specifier)` means in the file `importer`; `null` if there is none, which
   * matters only if the call is ever made.
   */
  resolvedFrom(specifier: string, importer: string): string | null {
    try {
      return this.resolveFrom(specifier, importer);
    } catch (error) {
      if (error instanceof ResolveFault) return null;
      throw error;
    }
  }

  protected override at(path: string): string | null {
    const ending = ENDINGS.find((each) => this.files.kindOf(path + each) === "file");
    if (ending !== undefined) return Deno.realPathSync(path + ending);
    const main = this.files.kindOf(path) === "folder" ? this.files.packageJsonIn(path)?.main : null;
    return typeof main === "string" && !/^\.?\.?\/?$/.test(main) ? this.at(join(path, main)) : null;
  }

  protected override builtin(): null {
    return null;
  }
}

/** Whether the file at `path` is an ES module by its ending, or because its package says so. */
export function isPlainModule(path: string, files: PackageFiles): boolean {
  if (path.endsWith(".mjs")) return true;
  return path.endsWith(".js") && files.scopeOf(path)?.type === "module";
}

/** Finds the ES modules that the packages of a set may require. */
export class RequiredModules {
  readonly #files: PackageFiles;
  readonly #instances: ReadonlyMap<string, EarlierInstance>;
  readonly #folderOf: (key: string) => string;
  readonly #resolver: RequireResolver;
  readonly #seen = new Set<string>();

  /** The packages `instances`, each in its folder below `root`, a real path. */
  constructor(
    files: PackageFiles,
    root: string,
    instances: ReadonlyMap<string, EarlierInstance>,
    folderOf: (key: string) => string,
  ) {
    this.#files = files;
    this.#instances = instances;
    this.#folderOf = folderOf;
    this.#resolver = new RequireResolver(files, root);
  }

  /** The instances that were followed so far: those whose CommonJS may be used. */
  get followed(): ReadonlySet<string> {
    return this.#seen;
  }

  /** Paths of the modules that the CommonJS of the instance `key`, and what it requires, may ask for. */
  from(key: string): string[] {
    const found = new Set<string>();
    const pending = [key];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const instance = this.#instances.get(next);
      if (instance === undefined || this.#seen.has(next)) continue;
      this.#seen.add(next);
      const folder = this.#folderOf(next);
      const modern = new Set<string>();
      for (const [alias, target] of Object.entries(instance.dependencies)) {
        if (this.#isModern(target)) modern.add(alias);
        if (this.#isOldScript(target)) {
          pending.push(target);
          continue;
        }
        const path = this.#resolver.resolvedFrom(alias, join(folder, "package.json"));
        if (path === null) continue;
        if (this.#isModule(path)) found.add(path);
        else pending.push(target);
      }
      const isModern = this.#isModern(next);
      if (modern.size === 0 && !isModern) continue;
      for (const [file, specifier] of this.#requiresIn(folder)) {
        const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? "";
        if (!modern.has(name) && !(isModern && /^[.#]/.test(specifier))) continue;
        const path = this.#resolver.resolvedFrom(specifier, file);
        if (path !== null && this.#isModule(path)) found.add(path);
      }
    }
    return [...found];
  }

  /** Whether a package is CommonJS for all that require it: it says of nothing that it is a module. */
  #isOldScript(key: string): boolean {
    if (!this.#instances.has(key)) return false;
    const json = this.#files.packageJsonIn(this.#folderOf(key));
    // A folder that `main` leads to may have a package.json of its own.
    return json !== null && json.type !== "module" && json.exports === undefined &&
      /^(?:\.\/)?[\w.-]+\.c?js$/.test(`${json.main ?? "index.js"}`);
  }

  #isModern(key: string): boolean {
    return this.#instances.has(key) &&
      this.#files.packageJsonIn(this.#folderOf(key))?.type === "module";
  }

  #isModule(path: string): boolean {
    return isPlainModule(path, this.#files);
  }

  /** What CommonJS in a package requires by literals, with the file that does. */
  *#requiresIn(folder: string): Generator<readonly [file: string, specifier: string]> {
    const pending = [folder];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const { name, isDirectory, isFile } of Deno.readDirSync(next)) {
        const path = join(next, name);
        if (isDirectory && name !== "node_modules") pending.push(path);
        if (!isFile || !/\.c?js$/.test(name) || this.#isModule(path)) continue;
        for (const [, , specifier] of Deno.readTextFileSync(path).matchAll(REQUIRE)) {
          yield [path, specifier];
        }
      }
    }
  }
}
