/**
 * The messages between the gateway's thread and the loader's own.
 *
 * @module
 */

import type { LoadError } from "../base/errors.ts";
import type { FileGrant } from "./files/file_grant.ts";
import type { ReloadPolicy } from "./names/fetch_policy.ts";
import type { AppContents } from "./contents.ts";
import type { GraphRoot } from "./graph/graph_types.ts";
import type { InstalledFile } from "./npm/npm_set.ts";

/** How apps are loaded. */
export interface LoaderOptions {
  /** Folder of the cache. */
  readonly cacheRoot: string;
  /** URL of the import map; absent, that of a deno.json beside the app. */
  readonly importMapUrl: string | undefined;
  /** What is fetched again though it is in the cache. */
  readonly reload: ReloadPolicy;
  /** Whether the network is used for what is not in the cache. */
  readonly cachePolicy: "use" | "only";
  /** Hosts that modules may come from, besides those of the apps themselves. */
  readonly allowImport: "any" | readonly string[];
  /** Where modules may come from over `http:`. */
  readonly allowHttp: "loopback" | "any";
  /** Path of the lock file that the user named. */
  readonly lockFile: string | undefined;
  /** Whether there is such a file, or each app has Deno's, beside its `deno.json`, if there is one. */
  readonly lockOrigin: "named" | "found";
  /** What happens with what the lock does not know. */
  readonly lockMode: "extend" | "frozen";
  /** The environment, as it was before any app ran. */
  readonly env: Readonly<Record<string, string>>;
}

/** What an app that runs may import. */
export interface ImportPolicy {
  /** Local files. */
  readonly files: FileGrant;
  /** Hosts of remote modules. */
  readonly hosts: "any" | readonly string[];
  /** The option that there can be more hosts by. */
  readonly hostsOption: "--allow-import" | "--app-allow-import";
}

/** What apps get of the runtime's modules: all, or what the lockdown of workers leaves. */
export type Builtins = "native" | "guarded";

/** Whether remote modules in the cache are taken as they are, or asked for again. */
export type Freshness = "cached" | "revalidated";

/**
 * Whether it is found out what apps are made of: then nothing that was made of sources earlier is taken from
 * the cache, and nothing is imported later that was not found out.
 */
export type Inspection = "uninspected" | "inspected";

/** How apps are made ready. */
export interface PrepareOptions {
  /** What they get of the runtime's own modules; `"native"` unless it is given. */
  readonly builtins?: Builtins;
  /** Whether what is in the cache will do; `"cached"` unless it is given. */
  readonly freshness?: Freshness;
  /** Local files that they may be made of; `"any"` unless it is given. */
  readonly files?: FileGrant;
  /** URLs that apps have imported while they ran, to ask for again, too; none unless it is given. */
  readonly late?: readonly string[];
  /** Whether it is found out what they are made of; `"uninspected"` unless it is given. */
  readonly inspection?: Inspection;
}

/** The same for those who leave it to others to number what they ask. */
export type Question<Numbered = LoaderQuestion> = Numbered extends { readonly id: number }
  ? Omit<Numbered, "id">
  : never;

/** How often the loader's thread says that it is still there while it works, in milliseconds. */
export const LOADER_PULSE_MS = 1_000;

/** What the loader's thread is told. */
export type LoaderRequest =
  /** Comes first. */
  | { readonly kind: "start"; readonly options: LoaderOptions }
  | LoaderQuestion;

/** What it is asked. */
export type LoaderQuestion =
  /** Makes the graph of some apps. */
  | {
    readonly kind: "prepare";
    readonly id: number;
    readonly roots: readonly string[];
    readonly freshness: Freshness;
    readonly builtins: Builtins;
    readonly files: FileGrant;
    readonly late: readonly string[];
    readonly inspection: Inspection;
  }
  /** Removes from the cache what is unused, except these folders. */
  | { readonly kind: "tidy"; readonly id: number; readonly inUse: readonly string[] }
  /** Adds to the graph of an app that runs. */
  | ({ readonly kind: "extend"; readonly id: number } & ExtendRequest);

/** A graph, and what it is to grow by. */
export interface ExtendRequest {
  /** URLs of the apps that the graph was made for. */
  readonly roots: readonly string[];
  /** Folder of the graph. */
  readonly folder: string;
  /** Its files by key, relative to the folder. */
  readonly files: Readonly<Record<string, string>>;
  /** URLs that stand for others. */
  readonly redirects: Readonly<Record<string, string>>;
  /** All packages that were asked for. */
  readonly requirements: readonly string[];
  /** Folder of the packages, if there are any. */
  readonly packageRoot: string | null;
  /** What the graph's modules get of the runtime's own. */
  readonly builtins: Builtins;
  /** Whether the graph may only grow by what it was found to be made of. */
  readonly inspection: Inspection;
  /** What is imported. */
  readonly root: GraphRoot;
  /** What may be. */
  readonly policy: ImportPolicy;
}

/** A local file that went into a graph. */
export interface LocalFile {
  /** Its path. */
  readonly path: string;
  /** SHA-256 of what was in it. */
  readonly sha256: string;
}

/** What the loader's thread reports. */
export type LoaderReport =
  /** It is still there, and works at a module. */
  | { readonly kind: "working"; readonly url: string }
  /** Something is being fetched, after so many bytes since the thread has begun. */
  | { readonly kind: "fetching"; readonly url: string; readonly fetchedBytes: number }
  /** The graph is made. */
  | {
    readonly kind: "prepared";
    readonly id: number;
    readonly folder: string;
    readonly local: readonly LocalFile[];
    /** Files in `node_modules` folders that it was made of, or decided by; the hash is `""` if one is not there. */
    readonly packages: readonly LocalFile[];
    /** Files of CommonJS that it may require. */
    readonly installed: readonly InstalledFile[];
    /** What each app is made of, in the order in which they were asked for, if it was found out. */
    readonly contents?: readonly AppContents[];
  }
  /** The graph has grown. */
  | { readonly kind: "extended"; readonly id: number; readonly extension: Extension }
  /** The cache is tidy. */
  | { readonly kind: "tidied"; readonly id: number }
  /** It could not be done. */
  | {
    readonly kind: "failed";
    readonly id: number;
    readonly error: "LoadError" | "ConfigError" | "Error";
    readonly url: string;
    readonly message: string;
    /** Paths of the local files that were asked for. */
    readonly files: readonly string[];
  };

/** What a graph has grown by. */
export interface Extension {
  /** File of the module that was asked for, relative to the folder. */
  readonly file: string;
  /** More files by key. */
  readonly files: Readonly<Record<string, string>>;
  /** More redirects. */
  readonly redirects: Readonly<Record<string, string>>;
  /** All packages that were asked for. */
  readonly requirements: readonly string[];
  /** Folder of the packages. */
  readonly packageRoot: string | null;
  /** Their folders there, by requirement. */
  readonly packages: Readonly<Record<string, string>>;
  /** More CommonJS, as a graph for workers has it. */
  readonly commonJs: Readonly<Record<string, string>>;
}

/** Whoever does the loader's work. */
export interface LoaderWorker {
  /** Local files that were asked for by the last request that failed. */
  readonly failedFiles: readonly string[];
  /**
   * Asks for something.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  ask(question: Question): Promise<LoaderReport>;
  /** Ends the work; what was asked fails with `error`. */
  end(error: LoadError): void;
}
