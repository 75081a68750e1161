/**
 * What modules of the built-in loader find in their worker: dynamic `import()`, `import.meta`, and
 * CommonJS. They reach it through a well-known symbol, and have no other way to the loader.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import nodeModule, { createRequire, isBuiltin } from "node:module";
import { basename, dirname, join } from "node:path";
import { getterOf, SafeMap, SafeSet, uncurried } from "../captured.ts";
import { moduleKey } from "../loader/graph_keys.ts";
import type { WorkerGraph } from "../loader/graph_store.ts";
import { resolveSpecifier } from "../loader/import_map.ts";
import type { ImportType } from "../loader/sources.ts";
import { guardedBuiltin } from "../sandbox/lockdown.ts";
import type { Imported, ImportRequest } from "./protocol.ts";
import { SourceNames } from "./source_names.ts";

/** Asks the gateway for a module that the worker does not have. */
export type AskForModule = (request: ImportRequest) => Promise<Imported>;

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

/** The members of `node:process` that matter here. */
interface NodeProcess {
  getBuiltinModule(name: string): unknown;
}

const { Error, SyntaxError, TypeError, Uint8Array, URL, decodeURIComponent } = globalThis;
const { process } = globalThis as unknown as { process: NodeProcess };
const { defineProperty, freeze, hasOwn, keys, setPrototypeOf } = Object;
const { parse } = JSON;
const { permissions, readTextFileSync } = Deno;
const { os } = Deno.build;
const { instantiate } = WebAssembly;
const getBuiltinModule = uncurried(process.getBuiltinModule);
const querySync = uncurried(Deno.Permissions.prototype.querySync);
const decodeBase64: (base64: string, encoding: "base64") => Uint8Array = Buffer.from.bind(Buffer);
const replace: (text: string, pattern: RegExp, by: string) => string = uncurried(
  String.prototype.replace,
) as never;
const pathnameOf = getterOf<URL, string>(URL.prototype, "pathname");
const startsWith = uncurried(String.prototype.startsWith);
const endsWith = uncurried(String.prototype.endsWith);
const includes = uncurried(String.prototype.includes);
const slice = uncurried(String.prototype.slice);

/** Where modules of the built-in loader find their {@linkcode ModuleServices}. */
const WELL_KNOWN = Symbol.for("gatehouse.modules");

/**
 * Makes the services of the current thread for the modules of `graph`, of which those at the URLs `mains`
 * are main modules, as apps are under `deno serve`. What apps find of them are
 * functions that lead nowhere else, and take whatever they are given for what it is: text for text.
 */
export function installModules(
  graph: WorkerGraph,
  ask: AskForModule,
  builtins: "native" | "guarded",
  mains: readonly string[] = [],
): ModuleServices {
  const modules = new AppModules(graph, ask, builtins, mains);
  const services: ModuleServices = {
    import: (referrer, args) => modules.import(referrer, args),
    describe: (meta, url) => modules.describe(meta, `${url}`),
    require: (path) => createRequire(`${path}`)(`${path}`),
    builtin: (specifier) => builtinModule(`${specifier}`),
    bytes: (base64) => new Uint8Array(decodeBase64(`${base64}`, "base64")),
    instantiate: (bytes, imports) => instantiate(bytes, imports),
    withSources: (text) => modules.withSources(`${text}`),
  };
  for (const service of Object.values(services)) freeze(setPrototypeOf(service, null));
  freeze(setPrototypeOf(services, null));
  defineProperty(globalThis, WELL_KNOWN, { value: services });
  readCommonJsFromDisk();
  lookWhereAllowed();
  return services;
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
  readonly #names = new SourceNames();

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
    this.#add(graph);
  }

  async import(referrer: unknown, args: ArrayLike<unknown>): Promise<unknown> {
    return await this.#import(`${referrer}`, `${args[0]}`, typeOf(args[1]));
  }

  describe(meta: ImportMeta, url: string): void {
    meta.url = url;
    meta.main = this.#mains.has(url);
    meta.resolve = (specifier) => this.#resolved(`${specifier}`, url);
    const local = startsWith(url, "file:") ? pathOf(url) : null;
    if (local === null) {
      delete (meta as Partial<ImportMeta>).filename;
      delete (meta as Partial<ImportMeta>).dirname;
    } else {
      meta.filename = local;
      meta.dirname = replace(local, /[\\/][^\\/]*$/, "") || "/";
    }
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

  /** The builtin module that a specifier means, if it is to be had as it is. */
  #builtinMeant(specifier: string, referrer: string): string | null {
    const isNode = specifier[0] === "n" && specifier[1] === "o" && specifier[2] === "d" &&
      specifier[3] === "e" && specifier[4] === ":";
    if (!isNode && !(isInPackage(referrer) && isBuiltin(specifier))) return null;
    // The runtime would overlook blanks in it.
    if (!isPlain(specifier, isNode ? 5 : 0)) return null;
    if (this.#builtins === "guarded" && guardedBuiltin(specifier) !== null) return null;
    return isNode ? specifier : `node:${specifier}`;
  }

  /** The file that an import leads to, if it is known here. */
  #fileOf(specifier: string, referrer: string, type: ImportType): string | undefined {
    // What a package's own specifiers mean, only the loader knows.
    if (isInPackage(referrer) && !startsWith(specifier, "data:")) return undefined;
    const url = this.#resolved(specifier, referrer);
    return this.#files.get(moduleKey(this.#redirects.get(url) ?? url, type));
  }

  async #fetched(specifier: string, referrer: string, type: ImportType): Promise<string> {
    const answer = await this.#ask({ specifier, referrer, type });
    if (hasOwn(answer, "message")) throw new TypeError((answer as { message: string }).message);
    const added = answer as Exclude<Imported, { message: string }>;
    this.#add(added);
    return added.file;
  }

  #resolved(specifier: string, referrer: string): string {
    try {
      return resolveSpecifier(specifier, referrer, this.#importMap);
    } catch (error) {
      throw new TypeError(`${(error as Error).message} (imported by ${referrer})`);
    }
  }

  #add({ files, redirects }: Pick<WorkerGraph, "files" | "redirects">): void {
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
    if (error instanceof Error) {
      const message = this.withSources(`${error.message}`);
      if (message !== error.message) error.message = message;
    }
    return error;
  }
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

/** A module as node:module makes it. */
interface CommonJsModule {
  exports: unknown;
  _compile(code: string, filename: string, format: "commonjs"): void;
}

/**
 * Makes `require` read the files of packages where they are. In an executable, Deno looks for
 * CommonJS only among the files that are built in; elsewhere it guesses what a file is.
 */
function readCommonJsFromDisk(): void {
  const extensions = (nodeModule as unknown as {
    _extensions: Record<string, (module: CommonJsModule, filename: string) => void>;
  })._extensions;
  const read = (module: CommonJsModule, filename: string): void =>
    module._compile(readTextFileSync(filename), filename, "commonjs");
  const native = extensions[".js"];
  extensions[".cjs"] = read;
  extensions[".json"] = (module, filename) => {
    module.exports = jsonIn(filename);
  };
  extensions[".js"] = (module, filename) => {
    if (isOfModules(filename)) native(module, filename);
    else read(module, filename);
  };
}

/**
 * Keeps `require` from looking into folders that may not be read: what is in none of the others is
 * not found, instead of denied, which packages with optional dependencies rely on.
 */
function lookWhereAllowed(): void {
  const module = nodeModule as unknown as {
    _nodeModulePaths(from: string): string[];
    _resolveLookupPaths(request: string, parent: unknown): string[] | null;
  };
  const known = new SafeMap<string, boolean>();
  const mayRead = (path: string): boolean => {
    const answer = known.get(path) ??
      querySync(permissions, { name: "read", path }).state === "granted";
    known.set(path, answer);
    return answer;
  };
  const all = module._nodeModulePaths;
  module._nodeModulePaths = (from) => {
    const paths = all(from);
    const readable: string[] = [];
    for (let i = 0; i < paths.length; i++) {
      if (mayRead(paths[i])) readable[readable.length] = paths[i];
    }
    return readable;
  };
  const lookedUp = module._resolveLookupPaths;
  module._resolveLookupPaths = (request, parent) => {
    const paths = lookedUp(request, parent);
    if (paths === null || request[0] === ".") return paths;
    // Deno looks among its own packages first, which are those that gatehouse itself is made of.
    const ofPackages: string[] = [];
    for (let i = 0; i < paths.length; i++) {
      if (endsWith(paths[i], "node_modules")) ofPackages[ofPackages.length] = paths[i];
    }
    return ofPackages;
  };
}

/** Whether the package of a `.js` file says that its files are modules. */
function isOfModules(filename: string): boolean {
  for (let folder = dirname(filename);; folder = dirname(folder)) {
    const known = packageTypes.get(folder) ?? typeOfPackage(folder);
    packageTypes.set(folder, known);
    if (known !== "inherited") return known === "module";
    if (folder === dirname(folder)) return false;
  }
}

/** What package.json in a folder says, or that there is none. */
type PackageType = "module" | "commonjs" | "inherited";

const packageTypes = new SafeMap<string, PackageType>();

function typeOfPackage(folder: string): PackageType {
  if (basename(folder) === "node_modules") return "commonjs";
  try {
    const { type } = jsonIn(join(folder, "package.json")) as { type?: unknown };
    return type === "module" ? "module" : "commonjs";
  } catch {
    return "inherited";
  }
}

/** What the file at `path`, with a byte order mark or without, says as JSON. */
function jsonIn(path: string): unknown {
  const text = readTextFileSync(path);
  try {
    return parse(text[0] === "\uFEFF" ? slice(text, 1) : text);
  } catch (error) {
    if (error instanceof SyntaxError) error.message = `${path}: ${error.message}`;
    throw error;
  }
}
