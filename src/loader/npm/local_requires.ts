/**
 * What CommonJS in `node_modules` requires by literals, followed from file to file.
 *
 * @module
 */

import { mayImport } from "../../sandbox/lockdown.ts";
import { hasModuleSyntax } from "./commonjs.ts";
import type { LocalFiles } from "./local_files.ts";
import { TOP_FOLDER } from "./local_files.ts";
import { isInNodeModules } from "./node_modules_path.ts";
import { ResolveFault } from "./package_exports.ts";
import { isPlainModule, REQUIRE, RequireResolver } from "./required_modules.ts";

/** Files that are followed at most: what others require is not found in time, and the error says so. */
const MAX_FILES = 20_000;
/** Size of the largest of them. */
const MAX_FILE_BYTES = 64 * 1_048_576;
/** Bytes of all of them together. */
const MAX_BYTES = 256 * 1_048_576;

/**
 * Follows requires: of `"all"` files, or of the `"app"`'s own, with the JSON that these require; or all, with
 * whatever they require, as a `"whole"`.
 */
export class LocalRequires {
  readonly #files: LocalFiles;
  readonly #extent: "all" | "app" | "whole";
  readonly #resolver: LocalRequireResolver;
  readonly #seen = new Set<string>();
  readonly #importing = new Map<string, string>();
  #bytes = 0;

  /** Looks at `files`. */
  constructor(files: LocalFiles, extent: "all" | "app" | "whole" = "all") {
    this.#files = files;
    this.#extent = extent;
    this.#resolver = new LocalRequireResolver(files);
  }

  /** The texts of those files, of all that were followed, which may use `import()`, by path. */
  get importing(): ReadonlyMap<string, string> {
    return this.#importing;
  }

  /** Paths of the ES modules that the CommonJS file at `path`, and what it requires, may ask for. */
  from(path: string): string[] {
    const found = new Set<string>();
    const pending = [path];
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      if (this.#seen.has(file) || this.#seen.size >= MAX_FILES || this.#bytes > MAX_BYTES) continue;
      this.#seen.add(file);
      const text = this.#textOf(file);
      if (mayImport(text) && !hasModuleSyntax(text)) this.#importing.set(file, text);
      for (const [, , specifier] of text.matchAll(REQUIRE)) {
        const target = this.#resolver.resolvedFrom(specifier, file);
        if (target === null) continue;
        if (this.#extent === "app" && isInNodeModules(target)) continue;
        if (isPlainModule(target, this.#files)) found.add(target);
        else if (this.#isFollowed(target)) pending.push(target);
      }
    }
    return [...found];
  }

  #isFollowed(path: string): boolean {
    if (/\.c?js$|[/\\][^./\\]+$/.test(path) || this.#extent === "whole") return true;
    return this.#extent === "app" && path.endsWith(".json");
  }

  #textOf(path: string): string {
    try {
      const text = this.#files.textOf(path, MAX_FILE_BYTES);
      this.#bytes += text.length;
      return text;
    } catch (error) {
      // It shows when it is loaded.
      if (error instanceof ResolveFault) return "";
      throw error;
    }
  }
}

class LocalRequireResolver extends RequireResolver {
  readonly #local: LocalFiles;

  constructor(files: LocalFiles) {
    super(files, TOP_FOLDER);
    this.#local = files;
  }

  override folderOf(name: string, importer: string): string | null {
    return this.#local.folderFor(name, importer);
  }
}
