/**
 * What modules of the built-in loader find in their worker: dynamic `import()`, `import.meta`, and
 * CommonJS. They reach it through a well-known symbol, and have no other way to the loader.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createRequire, isBuiltin } from "node:module";
import { pathToFileURL } from "node:url";
import { getterOf, isInstance, SafeMap, SafeSet, uncurried } from "../base/captured.ts";
import { moduleKey } from "../loader/names/graph_keys.ts";
import type { WorkerGraph } from "../loader/graph/graph_store.ts";
import { meantSpecifier, resolveSpecifier } from "../loader/names/meaning.ts";
import type { ImportType } from "../loader/names/sources.ts";
import { guardedBuiltin } from "../sandbox/lockdown.ts";
import type { Imported, ImportRequest } from "./protocol.ts";
import { installRequire, isModuleFile, nativeModuleLoader } from "./common_js.ts";
import type { RequireModule } from "./common_js.ts";
import { PackageUrls } from "./package_urls.ts";
import { SourceNames } from "./source_names.ts";
import { importError } from "./thrown.ts";

/** What of a graph grows while its apps run. */
type GrowingPart = "files" | "redirects" | "packages";

/** What a graph has of it, or grows by. */
type GraphGrowth =
  & Pick<WorkerGraph, GrowingPart>
  & Partial<Pick<WorkerGraph, "commonJs">>
  & { readonly told?: number };

/** Asks the gateway for a module that the worker does not have. */
export type AskForModule = (request: ImportRequest) => Promise<Imported>;

/** Asks the gateway for a module that CommonJS requires, and waits for the answer. */
export type RequireNow = (request: ImportRequest) => Imported;

/** What the modules of apps are served with. Apps can see it, and do with it what they like. */
export interface ModuleServices {
  /** Does `import(specifier, options)` for the module at `referrer`. */
  import(referrer: string, args: ArrayLike<unknown>): Promise<unknown>;
  /** Makes `import.meta` tell of the source at `url` instead of the generated file. */
  describe(meta: ImportMeta, url: string): void;
  /** Loads the CommonJS module at `path`. */
  require(path: string): unknown;
  /** A builtin module, as far as the lockdown leaves it. */
  builtin(specifier: string): unknown;
  /** What apps import of gatehouse's own package. */
  own(): Promise<unknown>;
  /** The bytes that `base64` stands for. */
  bytes(base64: string): Uint8Array;
  /** Instantiates WebAssembly. */
  instantiate(
    bytes: Uint8Array<ArrayBuffer>,
    imports: WebAssembly.Imports,
  ): Promise<WebAssembly.WebAssemblyInstantiatedSource>;
  /** `text` with the URLs of sources in place of the names of generated files. */
  withSources(text: string): string;
}

/** What {@linkcode installModules} makes. */
export interface InstalledModules {
  /** What apps find. */
  readonly services: ModuleServices;
  /** Loads ES modules for `require`. */
  readonly requireModule: RequireModule;
  /** Path of the file that takes the place of the CommonJS file at a path. */
  readonly placeOf: (path: string) => string;
}

/** The members of `node:process` that matter here. */
interface NodeProcess {
  getBuiltinModule(name: string): unknown;
}

const { Error, TypeError, Uint8Array, URL, decodeURIComponent } = globalThis;
const { process } = globalThis as unknown as { process: NodeProcess };
const { defineProperty, freeze, hasOwn, keys, setPrototypeOf } = Object;
const { os } = Deno.build;
const { instantiate } = WebAssembly;
const getBuiltinModule = uncurried(process.getBuiltinModule);
const decodeBase64: (base64: string, encoding: "base64") => Uint8Array = Buffer.from.bind(Buffer);
const replace: (text: string, pattern: RegExp, by: string) => string = uncurried(
  String.prototype.replace,
) as never;
const hrefOf = getterOf<URL, string>(URL.prototype, "href");
const pathnameOf = getterOf<URL, string>(URL.prototype, "pathname");
const startsWith = uncurried(String.prototype.startsWith);
const endsWith = uncurried(String.prototype.endsWith);
const includes = uncurried(String.prototype.includes);
const slice = uncurried(String.prototype.slice);

/** Where modules of the built-in loader find their {@linkcode ModuleServices}. */
const WELL_KNOWN = Symbol.for("gatehouse.modules");

/**
 * Makes the services of the current thread for the modules of `graph`, of which those at the URLs
 * `mains` are main modules, as apps are under `deno serve`. Apps see them as functions that lead
 * nowhere else, and take their arguments as they are: text as text. Without `requireNow`, CommonJS
 * gets no ES modules but those of the graph.
 */
export function installModules(
  graph: WorkerGraph,
  ask: AskForModule,
  builtins: "native" | "guarded",
  mains: readonly string[] = [],
  requireNow: RequireNow | null = null,
): InstalledModules {
  const modules = new AppModules(graph, ask, builtins, mains);
  const services: ModuleServices = {
    import: (referrer, args) => modules.import(referrer, args),
    describe: (meta, url) => modules.describe(meta, `${url}`),
    require: (path) => modules.requireCommonJs(`${path}`),
    builtin: (specifier) => builtinModule(`${specifier}`),
    own: () => import("./for_apps.ts"),
    bytes: (base64) => new Uint8Array(decodeBase64(`${base64}`, "base64")),
    instantiate: (bytes, imports) => instantiate(bytes, imports),
    withSources: (text) => modules.withSources(`${text}`),
  };
  for (const service of Object.values(services)) freeze(setPrototypeOf(service, null));
  freeze(setPrototypeOf(services, null));
  defineProperty(globalThis, WELL_KNOWN, { value: services });
  const requireModule = modules.moduleRequirer(requireNow);
  const placeOf = (path: string) => modules.commonJsAt(path);
  installRequire(graph.packageRoot, requireModule, placeOf);
  return { services, requireModule, placeOf };
}

function builtinModule(name: string): unknown {
  return name === "node:process" ? process : getBuiltinModule(process, name);
}

/** The modules of the apps of a thread. */
class AppModules {
  readonly #directory: string;
  readonly #importMap: WorkerGraph["importMap"];
  readonly #ask: AskForModule;
  readonly #builtins: "native" | "guarded";
  /** Files by key, relative to the folder. */
  readonly #files = new SafeMap<string, string>();
  /** URLs that stand for others. */
  readonly #redirects = new SafeMap<string, string>();
  /** Modules that are the main ones of a program. */
  readonly #mains = new SafeSet<string>();
  /** Whether packages lie beside the app. */
  readonly #hasLocalPackages: boolean;
  /** Paths of files that take the place of CommonJS, by path. */
  readonly #commonJs = new SafeMap<string, string>();
  /** How much of what threads have had added to the graph it was told. */
  #commonJsTold = 0;
  /** Paths of files that are known to be CommonJS. */
  readonly #requiredPaths = new SafeSet<string>();
  /** Files by module, specifier and type, where only the loader knows what is meant. */
  readonly #told = new SafeMap<string, string>();
  readonly #names = new SourceNames();
  readonly #packages: PackageUrls;

  constructor(
    graph: WorkerGraph,
    ask: AskForModule,
    builtins: "native" | "guarded",
    mains: readonly string[],
  ) {
    for (let i = 0; i < mains.length; i++) {
      this.#mains.add(graph.redirects[mains[i]] ?? mains[i]);
    }
    this.#directory = graph.directory;
    this.#importMap = graph.importMap;
    this.#ask = ask;
    this.#builtins = builtins;
    this.#hasLocalPackages = graph.nodeModules === true;
    this.#packages = new PackageUrls(graph.packageRoot);
    this.#add(graph);
  }

  async import(referrer: unknown, args: ArrayLike<unknown>): Promise<unknown> {
    return await this.#import(`${referrer}`, `${args[0]}`, typeOf(args[1]));
  }

  describe(meta: ImportMeta, url: string): void {
    meta.url = url;
    meta.main = this.#mains.has(url);
    meta.resolve = (specifier) => this.#meant(`${specifier}`, url);
    const local = startsWith(url, "file:") ? pathOf(url) : null;
    if (local === null) {
      delete (meta as Partial<ImportMeta>).filename;
      delete (meta as Partial<ImportMeta>).dirname;
    } else {
      meta.filename = local;
      meta.dirname = replace(local, /[\\/][^\\/]*$/, "") || "/";
    }
  }

  /** What `import.meta.resolve(specifier)` says in the module at `url`. */
  #meant(specifier: string, url: string): string {
    const isLocal = this.#hasLocalPackages && startsWith(url, "file:");
    if (this.#packages.has(url) || isLocal && (isInPackage(url) || this.#isName(specifier, url))) {
      return this.#packages.resolveFrom(specifier, url);
    }
    const target = this.#resolved(specifier, url);
    return startsWith(target, "npm:") ? this.#packages.resolveNpm(target, url) : target;
  }

  /** What loads ES modules that CommonJS requires: those of the graph, and what else `now` finds. */
  moduleRequirer(now: RequireNow | null): RequireModule {
    const load = nativeModuleLoader();
    // The runtime takes a second attempt for a cycle (2.6).
    const asynchronous = new SafeMap<string, Error>();
    return (module, path) => {
      // What the graph has by its URL is what ES modules import in its place.
      if (endsWith(path, ".cjs") || this.#requiredPaths.has(path)) return false;
      const url = hrefOf(pathToFileURL(path));
      const file = this.#files.get(moduleKey(url, "")) ??
        (now !== null && isModuleFile(path) ? this.#requiredNow(url, now) : undefined);
      const name = `${file}`;
      if (file === undefined || !isGeneratedName(name)) return false;
      const before = asynchronous.get(path);
      if (before !== undefined) throw before;
      try {
        load(module, pathOf(this.#directory + name), this.#directory + name);
      } catch (error) {
        const told = this.#renamed(error);
        if (isAsyncModule(told)) asynchronous.set(path, told);
        throw told;
      }
      return true;
    };
  }

  /** Requires a file that is CommonJS. */
  requireCommonJs(path: string): unknown {
    this.#requiredPaths.add(path);
    return createRequire(path)(path);
  }

  #requiredNow(url: string, now: RequireNow): string | undefined {
    const answer = now({ specifier: url, referrer: url, type: "", told: this.#commonJsTold });
    if (hasOwn(answer, "message")) {
      // Outside of packages, the runtime may load a file itself, if the app may read it.
      if (!this.#packages.has(url)) return undefined;
      throw importError((answer as { message: string }).message);
    }
    const added = answer as Exclude<Imported, { message: string }>;
    this.#add(added);
    return added.file;
  }

  /** Path of the file that takes the place of the CommonJS file at `path`. */
  commonJsAt(path: string): string {
    return this.#commonJs.get(path) ?? path;
  }

  withSources(text: string): string {
    return this.#names.withSources(text);
  }

  async #import(referrer: string, specifier: string, type: ImportType): Promise<unknown> {
    const builtin = this.#builtinMeant(specifier, referrer);
    if (builtin !== null) return await import(builtin);
    const file = this.#fileOf(specifier, referrer, type) ??
      await this.#fetched(specifier, referrer, type);
    const name = `${file}`;
    if (!isGeneratedName(name)) throw new TypeError("no such module");
    try {
      return await import(this.#directory + name);
    } catch (error) {
      throw this.#renamed(error);
    }
  }

  /** The builtin module that a specifier means, if apps get it unchanged. */
  #builtinMeant(specifier: string, referrer: string): string | null {
    const isNode = specifier[0] === "n" && specifier[1] === "o" && specifier[2] === "d" &&
      specifier[3] === "e" && specifier[4] === ":";
    if (!isNode && !(isInPackage(referrer) && isBuiltin(specifier))) return null;
    // The runtime would overlook blanks in it.
    if (!isPlain(specifier, isNode ? 5 : 0)) return null;
    if (guardedBuiltin(specifier, this.#builtins) !== null) return null;
    return isNode ? specifier : `node:${specifier}`;
  }

  /** The file that an import leads to, if it is known here. */
  #fileOf(specifier: string, referrer: string, type: ImportType): string | undefined {
    // What a package's own specifiers mean, only the loader knows.
    const isForLoader = isInPackage(referrer) && !startsWith(specifier, "data:") ||
      this.#hasLocalPackages && startsWith(referrer, "file:") && this.#isName(specifier, referrer);
    if (isForLoader) return this.#told.get(`${type} ${referrer} ${specifier}`);
    const url = this.#resolved(specifier, referrer);
    return this.#files.get(moduleKey(this.#redirects.get(url) ?? url, type));
  }

  async #fetched(specifier: string, referrer: string, type: ImportType): Promise<string> {
    const answer = await this.#ask({ specifier, referrer, type, told: this.#commonJsTold });
    if (hasOwn(answer, "message")) throw importError((answer as { message: string }).message);
    const added = answer as Exclude<Imported, { message: string }>;
    this.#add(added);
    // Waiting for it often must not mean asking often. Asked once: what answers may be the app's.
    const file = `${added.file}`;
    this.#told.set(`${type} ${referrer} ${specifier}`, file);
    return file;
  }

  /** Whether only packages beside the app could say what `specifier` means. */
  #isName(specifier: string, referrer: string): boolean {
    try {
      return meantSpecifier(specifier, referrer, this.#importMap) === null;
    } catch {
      // The import map says that it means nothing.
      return false;
    }
  }

  #resolved(specifier: string, referrer: string): string {
    try {
      return resolveSpecifier(specifier, referrer, this.#importMap);
    } catch (error) {
      throw importError(`${(error as Error).message} (imported by ${referrer})`);
    }
  }

  #add({ files, redirects, packages, commonJs, told = 0 }: GraphGrowth): void {
    this.#packages.add(packages);
    if (told > this.#commonJsTold) this.#commonJsTold = told;
    const isGiven = typeof commonJs === "object" && commonJs !== null;
    const paths = isGiven ? keys(commonJs) : [];
    for (let i = 0; i < paths.length; i++) {
      const name = `${commonJs![paths[i]]}`;
      this.#requiredPaths.add(paths[i]);
      if (isGeneratedName(name)) this.#commonJs.set(paths[i], pathOf(this.#directory + name));
    }
    const fileKeys = keys(files);
    for (let i = 0; i < fileKeys.length; i++) {
      const key = fileKeys[i];
      this.#files.set(key, files[key]);
    }
    this.#names.add(files);
    const urls = keys(redirects);
    for (let i = 0; i < urls.length; i++) this.#redirects.set(urls[i], redirects[urls[i]]);
  }

  /** An error whose message speaks of sources; others stay what they are. */
  #renamed(error: unknown): unknown {
    if (isInstance(error, Error)) {
      const message = this.withSources(`${error.message}`);
      if (message !== error.message) error.message = message;
    }
    return error;
  }
}

/** Whether it is the error about top-level await, which gets the code that older runtimes do not give it. */
function isAsyncModule(error: unknown): error is Error {
  if (!isInstance(error, Error)) return false;
  if (!includes(error.message, "Top-level await is not allowed")) return false;
  defineProperty(error, "code", { value: "ERR_REQUIRE_ASYNC_MODULE", configurable: true });
  return true;
}

/**
 * Whether `name` is that of a generated file, whatever an app made of the prototypes that led to it:
 * only the letters count. URLs lose tabs and line ends, so that `..` need not look like it.
 */
function isGeneratedName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (name[i] === "." ? name[i + 1] !== "j" : !isPlain(name[i], 0)) return false;
  }
  return name.length > 0;
}

/** Whether `text` has nothing from `start` on that means something in a URL, but slashes. */
function isPlain(text: string, start: number): boolean {
  for (let i = start; i < text.length; i++) {
    const letter = text[i];
    const isKnown = letter >= "a" && letter <= "z" || letter >= "0" && letter <= "9" ||
      letter === "_" || letter === "/";
    if (!isKnown) return false;
  }
  return true;
}

/** The type that import options ask for (ECMAScript, section 13.3.10.2). */
function typeOf(options: unknown): ImportType {
  if (options === undefined) return "";
  if (typeof options !== "object" || options === null) {
    throw new TypeError("the second argument of import() must be an object");
  }
  const attributes = (options as { with?: unknown }).with;
  if (attributes === undefined) return "";
  if (typeof attributes !== "object" || attributes === null) {
    throw new TypeError("the 'with' option of import() must be an object");
  }
  const given = attributes as Record<string, unknown>;
  const names = keys(given);
  let type: string = "";
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = given[name];
    if (typeof value !== "string") {
      throw new TypeError(`the import attribute '${name}' must be a string`);
    }
    if (name !== "type") throw new TypeError(`there is no import attribute '${name}'`);
    type = value;
  }
  if (!isTypeName(type)) throw new TypeError(`the import type '${type}' is not supported`);
  return type as ImportType;
}

/** Whether `type` may be the name of a type; which there are, the loader knows. */
function isTypeName(type: string): boolean {
  return type.length <= MAX_TYPE_LENGTH && isPlain(type, 0) && !includes(type, "/");
}

const MAX_TYPE_LENGTH = 64;

/** Whether a module belongs to an installed package. */
function isInPackage(url: string): boolean {
  return startsWith(url, "file:") && includes(url, "/node_modules/");
}

function pathOf(url: string): string {
  const path = decodeURIComponent(pathnameOf(new URL(url)));
  return os === "windows" ? replace(slice(path, 1), /\//g, "\\") : path;
}
