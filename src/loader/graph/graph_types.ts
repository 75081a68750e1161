/**
 * What a graph of modules is asked for with, made of, and like.
 *
 * @module
 */

import type { ProjectConfig } from "../project/deno_config.ts";
import type { TransformedModule } from "./link.ts";
import type { ImportType, MediaType, ModuleSource } from "../names/sources.ts";

/** A file of an installed package. */
export interface PackageFile {
  /** Path of the file, or the specifier of a builtin. */
  readonly path: string;
  /** What it is. */
  readonly format: "module" | "commonjs" | "json" | "wasm" | "builtin";
}

/** Packages that are installed together. */
export interface PackageSet {
  /** Folder that they lie in. */
  readonly root: string;
  /** Folders of those that were asked for, by requirement (`hono@^4`), relative to the root. */
  readonly folders: ReadonlyMap<string, string>;
  /** The file that an `npm:` specifier means. */
  resolve(specifier: string): PackageFile;
  /** Paths of ES modules that a CommonJS file may require, or what it requires, unless told before. */
  requiredModules(path: string): readonly string[];
  /** The file that a specifier means in a file of the set. */
  resolveFrom(specifier: string, importerPath: string): PackageFile;
}

/** Packages in the `node_modules` folders beside an app. */
export interface LocalPackageSet extends Pick<PackageSet, "resolveFrom" | "requiredModules"> {
  /** The file that an `npm:` specifier means in a file; `null` if there is no such package. */
  resolveNpm(specifier: string, importerPath: string): PackageFile | null;
}

/** A module to transform. */
export interface TransformRequest {
  /** URL of the module. */
  readonly url: string;
  /** Where its text came from. */
  readonly source: ModuleSource;
  /** What it is. */
  readonly mediaType: MediaType;
}

/** Where a graph's modules come from. */
export interface GraphSources {
  /** Loads a module by its URL: `file:`, `http:`, `https:` or `data:`, as one of an app, or of packages. */
  load(url: string, owner: "app" | "packages"): Promise<ModuleSource>;
  /** What a source is. */
  mediaTypeOf(source: ModuleSource): MediaType;
  /** The URL of a `jsr:` specifier. */
  resolveJsr(specifier: string): Promise<string>;
  /** Installs packages; with `root`, the folder of others, to these. */
  install(requirements: readonly string[], root: string | null): Promise<PackageSet>;
  /** The packages beside the app; `null` if it has none. */
  localPackages(): LocalPackageSet | null;
  /** Names that the CommonJS module at `path` exports. */
  commonJsExports(path: string, packages: PackageSet | null): readonly string[];
  /** Whether the `package.json` nearest to a local file says that JavaScript is CommonJS. */
  isInCommonJsPackage(path: string): boolean;
  /** Names that a builtin module exports, if apps get a guarded one in its place. */
  guardedExports(specifier: string): Promise<readonly string[] | null>;
  /** Makes JavaScript of a source. */
  transform(request: TransformRequest): Promise<TransformedModule>;
}

/** Where the modules of a running app are, by {@linkcode moduleKey}. */
export interface KnownModules {
  /** Specifiers that lead to them from the modules of a new graph. */
  readonly targets: ReadonlyMap<string, string>;
  /** URLs that stand for others, after redirects. */
  readonly redirects: ReadonlyMap<string, string>;
}

/** A module that a graph begins with. */
export interface GraphRoot {
  /** URL of the module, or a specifier in the module at {@linkcode referrer}. */
  readonly specifier: string;
  /** What the import's attributes ask for. */
  readonly type: ImportType;
  /** URL of the module that imports it; `null` for an app. */
  readonly referrer: string | null;
}

/** What is asked for. */
export interface GraphRequest {
  /** The modules to begin with. */
  readonly roots: readonly GraphRoot[];
  /** How they are read. */
  readonly project: ProjectConfig;
  /** Modules that exist already. */
  readonly known: KnownModules;
  /** Packages that are to stay as they were. */
  readonly requirements: readonly string[];
  /** Folder that these lie in, if there are any. */
  readonly packageRoot: string | null;
  /** Refuses local files, with an error, that may not be imported from where the importer is. */
  readonly checkFile: (url: string, importer: ImporterPlace) => void;
  /** Limits. */
  readonly limits: GraphLimits;
}

/** Where a module is that imports: `"remote"` for those from elsewhere, and the `data:` modules of these. */
export type ImporterPlace = "local" | "remote";

/** Limits of a graph. */
export interface GraphLimits {
  /** Modules from the first to the last in a chain of imports. */
  readonly maxDepth: number;
  /** Modules. */
  readonly maxModules: number;
  /** Bytes of their sources together. */
  readonly maxBytes: number;
}

/** Limits that no app should meet. */
export const DEFAULT_GRAPH_LIMITS: GraphLimits = {
  maxDepth: 2_000,
  maxModules: 20_000,
  maxBytes: 256 * 1_048_576,
};

/** A module of a graph. */
export interface GraphModule {
  /** Its key. */
  readonly key: string;
  /** URL that it says it has. */
  readonly url: string;
  /** Whether it is a file that can change under the app, or something pinned. */
  readonly origin: "local" | "remote" | "package";
  /** SHA-256 of its source. */
  readonly sha256: string;
  /** Content type of its source; `""` if nobody said one. */
  readonly contentType: string;
  /** Its code. */
  readonly module: TransformedModule;
  /** What its imports lead to: the keys of modules, or specifiers that stay as they are. */
  readonly targets: readonly Target[];
  /** What its dynamic imports with literals lead to; `null` for those that lead nowhere. */
  readonly dynamicTargets: readonly (Target | null)[];
}

/** What an import leads to. */
export type Target =
  | { readonly kind: "module"; readonly key: string }
  | { readonly kind: "builtin"; readonly specifier: string };

/** A whole graph: each module, and each that these import, is in it or was known before. */
export interface Graph {
  /** The modules. */
  readonly modules: readonly GraphModule[];
  /** Keys of the roots, in the order that they were asked for. */
  readonly roots: readonly string[];
  /** URLs that stand for others. */
  readonly redirects: ReadonlyMap<string, string>;
  /** Keys of the modules that CommonJS may require, which nothing else need import. */
  readonly required: readonly string[];
  /** All packages that were asked for. */
  readonly requirements: readonly string[];
  /** Where they lie, if there are any. */
  readonly packageRoot: string | null;
  /** Their folders there, by requirement. */
  readonly packages: ReadonlyMap<string, string>;
  /** Whether names that no import map has are looked for in `node_modules` folders. */
  readonly nodeModules: boolean;
}
