/**
 * Which file an import means in a package, and what it is.
 *
 * @module
 */

import { liesIn } from "../../base/paths.ts";
import { hasModuleSyntax } from "./commonjs.ts";
import { ResolveFault } from "./package_exports.ts";
import { PackageResolver } from "./package_resolver.ts";

/** What a file of a package is. */
export type PackageFileFormat = "module" | "commonjs" | "json" | "wasm" | "builtin";

/** A file that an import means. */
export interface ResolvedFile {
  /** Its absolute path; the specifier with `node:` for a builtin. */
  readonly path: string;
  /** What it is. */
  readonly format: PackageFileFormat;
}

/** Resolves what is imported within packages to files that there are, and that lie in its folder. */
export class NodeResolver extends PackageResolver<ResolvedFile> {
  protected override builtin(name: string): ResolvedFile {
    return { path: `node:${name}`, format: "builtin" };
  }

  protected override at(path: string, wanted: string): ResolvedFile {
    // It is not told whether there is such a file elsewhere.
    if (!liesIn(path, this.root)) {
      throw new ResolveFault(
        "a package cannot import files of " +
          "another",
      );
    }
    const kind = this.files.kindOf(path);
    if (kind === "file" && !/[/\\]$/.test(path)) return this.#found(path);
    const endings = [".js", ".mjs", ".cjs", "/index.js", "/index.mjs", "/index.cjs"];
    const trimmed = path.replace(/[/\\]$/, "");
    const better = endings.find((ending) => this.files.kindOf(trimmed + ending) === "file");
    const hint = better === undefined
      ? ""
      : `; did you mean ${wanted.replace(/\/$/, "")}${better}?`;
    throw new ResolveFault(
      kind === "folder" ? `${wanted} is a folder${hint}` : `it has no file ${wanted}${hint}`,
    );
  }

  #found(path: string): ResolvedFile {
    const real = Deno.realPathSync(path);
    return { path: real, format: this.formatOf(real) };
  }

  /** What the file at `path` is. */
  formatOf(path: string): PackageFileFormat {
    const ending = /\.([^./\\]*)$/.exec(path)?.[1] ?? "";
    switch (ending) {
      case "mjs":
      case "ts":
      case "mts":
      case "tsx":
        return "module";
      case "cjs":
      case "cts":
      case "node":
        return "commonjs";
      case "json":
      case "wasm":
        return ending;
      case "js":
      case "":
        break;
      default:
        // Its importer says what it is, or gets an error.
        return "module";
    }
    const type = this.files.scopeOf(path)?.type ?? "unsaid";
    if (type !== "unsaid") return type;
    return hasModuleSyntax(this.textOf(path)) ? "module" : "commonjs";
  }

  /** The text of a file that there is. */
  protected textOf(path: string): string {
    return Deno.readTextFileSync(path);
  }
}
