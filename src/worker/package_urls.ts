/**
 * What specifiers mean in packages, and `npm:` specifiers anywhere, for those that ask without importing:
 * `import.meta.resolve()`.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { SafeMap } from "../base/captured.ts";
import { filePath } from "../base/paths.ts";
import { ResolveFault } from "../loader/npm/package_exports.ts";
import { PackageFiles } from "../loader/npm/package_files.ts";
import { PackageResolver } from "../loader/npm/package_resolver.ts";
import { npmSpecifierParts } from "../loader/names/specifier_parts.ts";

const { TypeError, URL } = globalThis;
const { keys } = Object;

/** Makes URLs of what is in packages, as Deno does: whether there is such a file, only an import asks. */
class UrlResolver extends PackageResolver<string> {
  protected override at(path: string): string {
    return pathToFileURL(path).href;
  }

  protected override builtin(name: string): string {
    return `node:${name}`;
  }
}

/** The packages of the apps of a thread. */
export class PackageUrls {
  readonly #resolver: UrlResolver;
  readonly #rootUrl: string;
  /** Folders, relative to the root, by requirement: `hono@^4`. */
  readonly #folders = new SafeMap<string, string>();

  /** Packages in the folder `root`, a real path. */
  constructor(root: string) {
    this.#resolver = new UrlResolver(new PackageFiles(root), root);
    this.#rootUrl = `${pathToFileURL(root).href}/`;
  }

  /** Takes note of what packages were asked for, and where they are. An app may have made it up. */
  add(folders: Readonly<Record<string, string>> | undefined): void {
    if (typeof folders !== "object" || folders === null) return;
    const requirements = keys(folders);
    for (let i = 0; i < requirements.length; i++) {
      this.#folders.set(requirements[i], `${folders[requirements[i]]}`);
    }
  }

  /** Whether the module at `url` is a package's. */
  has(url: string): boolean {
    return url.startsWith(this.#rootUrl);
  }

  /**
   * The URL that `specifier` means in a package's module at `referrer`.
   *
   * @throws {TypeError} when it means none
   */
  resolveFrom(specifier: string, referrer: string): string {
    const isUrl = /^(?:(?:\.\.?)?\/|\.\.?$|(?:data|file|node):)/.test(specifier);
    const url = isUrl ? URL.parse(specifier, referrer) : null;
    if (url !== null) return url.href;
    return told(specifier, referrer, () => {
      return this.#resolver.resolveFrom(specifier, filePath(referrer));
    });
  }

  /**
   * The URL of what an `npm:` specifier means; the specifier itself if the package was not imported
   * by it.
   *
   * @throws {TypeError} when the package does not offer that
   */
  resolveNpm(specifier: string, referrer: string): string {
    const parts = npmSpecifierParts(specifier);
    const folder = parts === null ? undefined : this.#folders.get(`${parts.name}@${parts.range}`);
    if (parts === null || folder === undefined) return specifier;
    return told(specifier, referrer, () => {
      const path = filePath(new URL(folder, this.#rootUrl).href);
      return this.#resolver.resolveInPackage(path, parts.subPath);
    });
  }
}

function told(specifier: string, referrer: string, resolve: () => string): string {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof ResolveFault)) throw error;
    throw new TypeError(
      `cannot resolve "${specifier}": ${error.message} (imported by ${referrer})`,
      { cause: error },
    );
  }
}
