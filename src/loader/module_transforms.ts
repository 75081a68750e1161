/**
 * What is made of the sources of modules, and kept.
 *
 * @module
 */

import { filePath, liesIn } from "../base/paths.ts";
import { sha256Of } from "../base/sha256.ts";
import type { ModuleCache } from "./cache/cache.ts";
import type { DiskQuota } from "./files/disk_quota.ts";
import type { TransformRequest } from "./graph/graph_types.ts";
import type { TransformedModule } from "./graph/link.ts";
import { TRANSFORM_VERSION } from "./graph/link.ts";
import type { ModuleSource } from "./names/sources.ts";
import { sourceText } from "./names/sources.ts";
import { PackageImports } from "./package_imports.ts";
import type { CompilerOptions } from "./project/deno_config.ts";
import { checkExtent } from "./transform/code_extent.ts";
import type { ModuleUses } from "./transform/module_uses.ts";
import type { TransformInput } from "./transform/transform.ts";

/** What is kept of a module: what was made of it, or, as its text is at hand, only where its imports are. */
type KeptTransform = { readonly module: TransformedModule } | { readonly uses: ModuleUses };

/** Called with what is being done. */
export interface Progress {
  /** A server is asked. */
  readonly onFetch: (url: string) => void;
  /** So many bytes have come. */
  readonly onFetched?: (bytes: number) => void;
  /** The work at a module begins, and may take its time. */
  readonly onWork?: (url: string) => void;
}

/** Transforms the modules of one graph, or finds what was made of them before. */
export class ModuleTransforms {
  readonly #cache: ModuleCache;
  readonly #progress: Progress;
  readonly #quota: DiskQuota | undefined;
  readonly #packageImports: PackageImports;

  /** Keeps what it makes in `cache`, within `quota`. */
  constructor(cache: ModuleCache, progress: Progress, quota: DiskQuota | undefined) {
    this.#cache = cache;
    this.#progress = progress;
    this.#quota = quota;
    this.#packageImports = new PackageImports(cache);
  }

  /**
   * What the graph has of a module, with the options of its project. `root` is the folder of installed packages, if
   * there is one.
   *
   * @throws {LoadError} if the module cannot be understood
   */
  async transform(
    request: TransformRequest,
    compilerOptions: CompilerOptions,
    root: string | null,
  ): Promise<TransformedModule> {
    const { url, source, mediaType } = request;
    const inPackage = await this.#usesInPackage(request, root);
    if (inPackage !== null) return await moduleOf({ uses: inPackage }, url, source);
    const { sha256, contentType } = source;
    const inputs = [TRANSFORM_VERSION, url, mediaType, contentType, compilerOptions, sha256];
    const key = sha256Of(JSON.stringify(inputs));
    const cached = await this.#cache.readTransform(key) as KeptTransform | null;
    if (cached !== null) return await moduleOf(cached, url, source);
    const text = this.#textOf(request);
    const kept = await transformed({ url, text, mediaType, compilerOptions });
    const made = await moduleOf(kept, url, source);
    this.#quota?.take(url, made.map.length + text.length);
    await this.#cache.writeTransform(key, kept);
    return made;
  }

  /** The imports of JavaScript in an installed package; `null` for all else, and what takes TypeScript. */
  async #usesInPackage(
    { url, source, mediaType }: TransformRequest,
    root: string | null,
  ): Promise<ModuleUses | null> {
    const isInPackage = mediaType === "javascript" && root !== null && url.startsWith("file:") &&
      liesIn(filePath(url), root);
    if (!isInPackage) return null;
    const text = this.#textOf({ url, source, mediaType });
    const quick = await quickUsesIn(text);
    // What is made of it is written with the graph.
    if (quick !== null) {
      this.#quota?.take(url, text.length, 0);
      return quick;
    }
    // What takes a parser is kept.
    return await this.#packageImports.usesIn(source, root, async () => {
      const uses = await plainUsesIn(text);
      if (uses !== null) this.#quota?.take(url, text.length, 0);
      return uses;
    });
  }

  /** The text that is about to be worked at. */
  #textOf({ url, source, mediaType }: TransformRequest): string {
    const text = sourceText(source);
    checkExtent(url, text, mediaType);
    this.#progress.onWork?.(url);
    return text;
  }

  /** Keeps what is known of packages by now. */
  async keep(): Promise<void> {
    await this.#packageImports.write();
  }
}

/** TypeScript takes its time to start: only where it is needed. */
async function transformed(input: TransformInput): Promise<KeptTransform> {
  if (input.mediaType === "javascript") {
    const uses = await plainUsesIn(input.text);
    if (uses !== null) return { uses };
  }
  const { transformCode } = await import("./transform/transform.ts");
  return { module: transformCode(input) };
}

/** The imports that are found without a parser; `null` if it takes one. */
async function quickUsesIn(text: string): Promise<ModuleUses | null> {
  const { headerUses } = await import("./transform/header_uses.ts");
  const inHeader = headerUses(text);
  if (inHeader !== null) return inHeader;
  const { tokenUses } = await import("./transform/token_uses.ts");
  return tokenUses(text);
}

async function plainUsesIn(text: string): Promise<ModuleUses | null> {
  const { plainUses } = await import("./transform/plain_uses.ts");
  return plainUses(text, "module");
}

async function moduleOf(
  kept: KeptTransform,
  url: string,
  source: ModuleSource,
): Promise<TransformedModule> {
  if ("module" in kept) return kept.module;
  const { openImports } = await import("./transform/open_imports.ts");
  return openImports(url, sourceText(source), kept.uses, null);
}

/** CommonJS of packages, with what takes the place of its `import()`. */
export async function rewrittenCommonJs(source: string, filename: string): Promise<string> {
  const { rewritePlain } = await import("./plain_common_js.ts");
  const made = await rewritePlain(source, filename);
  if (made !== null) return made;
  const { rewriteCommonJs } = await import("./transform/transform.ts");
  return rewriteCommonJs(source, filename);
}
