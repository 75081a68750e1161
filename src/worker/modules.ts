/**
 * What modules of the own loader find in their worker: dynamic `import()`, `import.meta`, and
 * CommonJS. They reach it through a well-known symbol, and have no other way to the loader.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import nodeModule, { createRequire, isBuiltin } from "node:module";
import { basename, dirname, join } from "node:path";
import { moduleKey, urlOfKey } from "../loader/graph_keys.ts";
import type { WorkerGraph } from "../loader/graph_store.ts";
import { resolveSpecifier } from "../loader/import_map.ts";
import type { ImportType } from "../loader/sources.ts";
import { guardedBuiltin } from "./lockdown.ts";
import type { Imported, ImportRequest } from "./protocol.ts";

/** Asks the gateway for a module that the worker does not have. */
export type AskForModule = (request: ImportRequest) => Promise<Imported>;

/** Where modules of the own loader find {@linkcode AppModules}. */
const WELL_KNOWN = Symbol.for("gatehouse.modules");

/** Names of generated files, alone and in URLs. */
const FILE_NAME = /(?:file:\/\/[^\s"'()]*?\/|\.{1,2}\/(?:[\w.]+\/)*)?\b([\da-f]{27}\.js)\b/g;

/** The services of a worker to the modules of its apps. */
export class AppModules {
  readonly #graph: WorkerGraph;
  readonly #ask: AskForModule;
  readonly #builtins: "native" | "guarded";
  /** URLs of sources by the names of their files. */
  readonly #sources = new Map<string, string>();

  private constructor(graph: WorkerGraph, ask: AskForModule, builtins: "native" | "guarded") {
    this.#graph = graph;
    this.#ask = ask;
    this.#builtins = builtins;
    this.#nameSources(graph.files);
  }

  /** Makes the services of the current thread for the modules of `graph`. */
  static install(
    graph: WorkerGraph,
    ask: AskForModule,
    builtins: "native" | "guarded",
  ): AppModules {
    const modules = new AppModules(graph, ask, builtins);
    Object.defineProperty(globalThis, WELL_KNOWN, { value: modules });
    readCommonJsFromDisk();
    lookWhereAllowed();
    return modules;
  }

  /** Does `import(specifier, options)` for the module at `referrer`. */
  import(referrer: string, args: ArrayLike<unknown>): Promise<unknown> {
    return this.#import(referrer, args[0], args[1]);
  }

  /** Makes `import.meta` tell of the source at `url` instead of the generated file. */
  describe(meta: ImportMeta, url: string): void {
    meta.url = url;
    meta.main = false;
    meta.resolve = (specifier) => this.#resolved(`${specifier}`, url);
    const local = url.startsWith("file:") ? pathOf(url) : null;
    if (local === null) {
      delete (meta as Partial<ImportMeta>).filename;
      delete (meta as Partial<ImportMeta>).dirname;
    } else {
      meta.filename = local;
      meta.dirname = local.replace(/[\\/][^\\/]*$/, "") || "/";
    }
  }

  /** Loads the CommonJS module at `path`. */
  require(path: string): unknown {
    return createRequire(path)(path);
  }

  /** A builtin module, as far as the lockdown leaves it. */
  builtin(specifier: string): unknown {
    const { process } = globalThis as unknown as {
      process: { getBuiltinModule(name: string): unknown };
    };
    return specifier === "node:process" ? process : process.getBuiltinModule(specifier);
  }

  /** The bytes that `base64` stands for. */
  bytes(base64: string): Uint8Array {
    return new Uint8Array(Buffer.from(base64, "base64"));
  }

  /** Instantiates WebAssembly. */
  instantiate(
    bytes: Uint8Array<ArrayBuffer>,
    imports: WebAssembly.Imports,
  ): Promise<WebAssembly.WebAssemblyInstantiatedSource> {
    return WebAssembly.instantiate(bytes, imports);
  }

  /** `text` with the URLs of sources in place of the names of generated files. */
  withSources(text: string): string {
    return text.replace(FILE_NAME, (name, file) => this.#sources.get(file) ?? name);
  }

  async #import(referrer: string, given: unknown, options: unknown): Promise<unknown> {
    const specifier = `${given}`;
    const type = typeOf(options);
    const builtin = this.#builtinMeant(specifier, referrer);
    if (builtin !== null) return await import(builtin);
    const file = this.#fileOf(specifier, referrer, type) ??
      await this.#fetched(specifier, referrer, type);
    const name = `${file}`;
    if (!isGeneratedName(name)) throw new TypeError("no such module");
    try {
      return await import(this.#graph.directory + name);
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
    if (isInPackage(referrer) && !specifier.startsWith("data:")) return undefined;
    const url = this.#resolved(specifier, referrer);
    const { files, redirects } = this.#graph;
    return files[moduleKey(redirects[url] ?? url, type)];
  }

  async #fetched(specifier: string, referrer: string, type: ImportType): Promise<string> {
    const answer = await this.#ask({ specifier, referrer, type });
    if ("message" in answer) throw new TypeError(answer.message);
    Object.assign(this.#graph.files, answer.files);
    Object.assign(this.#graph.redirects, answer.redirects);
    this.#nameSources(answer.files);
    return answer.file;
  }

  #resolved(specifier: string, referrer: string): string {
    try {
      return resolveSpecifier(specifier, referrer, this.#graph.importMap);
    } catch (error) {
      throw new TypeError(`${(error as Error).message} (imported by ${referrer})`);
    }
  }

  #nameSources(files: Readonly<Record<string, string>>): void {
    for (const [key, file] of Object.entries(files)) {
      this.#sources.set(file.slice(file.lastIndexOf("/") + 1), urlOfKey(key));
    }
  }

  /** An error whose message speaks of sources; others stay what they are. */
  #renamed(error: unknown): unknown {
    if (error instanceof Error) {
      const message = this.withSources(error.message);
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
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value !== "string") {
      throw new TypeError(`the import attribute '${name}' must be a string`);
    }
    if (name !== "type") throw new TypeError(`there is no import attribute '${name}'`);
  }
  return (attributes as { type?: ImportType }).type ?? "";
}

/** Whether a module belongs to an installed package. */
function isInPackage(url: string): boolean {
  return url.startsWith("file:") && url.includes("/node_modules/");
}

function pathOf(url: string): string {
  const path = decodeURIComponent(new URL(url).pathname);
  return Deno.build.os === "windows" ? path.slice(1).replaceAll("/", "\\") : path;
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
    module._compile(Deno.readTextFileSync(filename), filename, "commonjs");
  const native = extensions[".js"];
  extensions[".cjs"] = read;
  extensions[".json"] = (module, filename) => {
    module.exports = JSON.parse(Deno.readTextFileSync(filename));
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
  const module = nodeModule as unknown as { _nodeModulePaths(from: string): string[] };
  const { permissions } = Deno;
  const known = new Map<string, boolean>();
  const mayRead = (path: string): boolean => {
    const answer = known.get(path) ??
      permissions.querySync({ name: "read", path }).state === "granted";
    known.set(path, answer);
    return answer;
  };
  const all = module._nodeModulePaths;
  module._nodeModulePaths = (from) => all(from).filter(mayRead);
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

const packageTypes = new Map<string, PackageType>();

function typeOfPackage(folder: string): PackageType {
  if (basename(folder) === "node_modules") return "commonjs";
  try {
    const { type } = JSON.parse(Deno.readTextFileSync(join(folder, "package.json")));
    return type === "module" ? "module" : "commonjs";
  } catch {
    return "inherited";
  }
}
