/**
 * What there is on disk of packages, and what their `package.json` say.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { ResolveFault } from "./package_exports.ts";

const { JSON, Map, String, SyntaxError } = globalThis;
const { readTextFileSync, statSync } = Deno;
const { NotADirectory, NotCapable, NotFound } = Deno.errors;

/** What is used of a `package.json`. */
export interface PackageJson {
  /** Folder that it is in. */
  readonly folder: string;
  /** Name of the package. */
  readonly name?: string;
  /** Version of the package. */
  readonly version?: string;
  /** What `.js` files are. */
  readonly type: "module" | "commonjs" | "unsaid";
  /** File that `require` means, before there were `exports`. */
  readonly main?: string;
  /** What others may import. */
  readonly exports?: unknown;
  /** What `#…` means in it. */
  readonly imports?: unknown;
}

/** Looks at files, and remembers what it saw of `package.json`: packages do not change. */
export class PackageFiles {
  readonly #root: string;
  readonly #known = new Map<string, PackageJson | null>();

  /** Packages in the folder `root`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** What is at `path`. */
  kindOf(path: string): "file" | "folder" | "nothing" {
    try {
      const info = statSync(path);
      return info.isDirectory ? "folder" : "file";
    } catch (error) {
      const isMissing = error instanceof NotFound ||
        error instanceof NotADirectory ||
        // What may not be read counts as missing.
        error instanceof NotCapable ||
        (error as { code?: unknown })?.code === "ENAMETOOLONG";
      if (isMissing) return "nothing";
      throw error;
    }
  }

  /**
   * The `package.json` in `folder`, `null` if there is none.
   *
   * @throws {ResolveFault} when it does not hold a JSON object
   */
  packageJsonIn(folder: string): PackageJson | null {
    let known = this.#known.get(folder);
    if (known === undefined) {
      known = readPackageJson(folder);
      this.#known.set(folder, known);
    }
    return known;
  }

  /** The `package.json` that a file belongs to: the nearest one, but none beyond `node_modules`. */
  scopeOf(path: string): PackageJson | null {
    for (let folder = dirname(path);;) {
      if (/[/\\]node_modules$/.test(folder)) return null;
      const found = this.packageJsonIn(folder);
      if (found !== null) return found;
      const parent = dirname(folder);
      if (folder === this.#root || parent === folder) return null;
      folder = parent;
    }
  }
}

function readPackageJson(folder: string): PackageJson | null {
  const path = join(folder, "package.json");
  let text: string;
  try {
    text = readTextFileSync(path);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (error instanceof NotCapable || /^(?:ENOENT|ENOTDIR|EISDIR)$/.test(String(code))) {
      return null;
    }
    throw error;
  }
  return parsePackageJson(folder, text);
}

/**
 * What the `package.json` in `folder` says.
 *
 * @throws {ResolveFault} when it does not hold a JSON object
 */
export function parsePackageJson(folder: string, text: string): PackageJson {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ResolveFault(`${join(folder, "package.json")} is not valid JSON`, { cause: error });
  }
  if (typeof json !== "object" || json === null) {
    throw new ResolveFault(`${join(folder, "package.json")} does not hold a JSON object`);
  }
  const string = (value: unknown) => typeof value === "string" ? value : undefined;
  return {
    folder,
    name: string(json.name),
    version: string(json.version),
    type: json.type === "module" || json.type === "commonjs" ? json.type : "unsaid",
    main: string(json.main),
    exports: json.exports ?? undefined,
    imports: json.imports ?? undefined,
  };
}
