/**
 * CommonJS of packages: `require` as Node and Deno have it, by what the loader has made of the packages.
 *
 * @module
 */

import nodeModule from "node:module";
import nodeUrl from "node:url";
import { basename, dirname, extname, join, resolve } from "node:path";
import { SafeMap, uncurried } from "../base/captured.ts";
import { REQUIRE_CONDITIONS } from "../loader/npm/conditions.ts";
import { ResolveFault, resolveImports } from "../loader/npm/package_exports.ts";
import { PackageFiles } from "../loader/npm/package_files.ts";

/** A module as node:module makes it. */
export interface CommonJsModule {
  exports: unknown;
  readonly filename?: string | null;
  readonly paths?: readonly string[];
  _compile(code: string, filename: string, format: "commonjs"): void;
}

type Extension = (module: CommonJsModule, filename: string) => void;

/** The members of node:module that matter here. */
interface ModuleClass {
  readonly _extensions: Record<string, Extension>;
  _nodeModulePaths(from: string): string[];
  _resolveLookupPaths(request: string, parent: CommonJsModule | null): string[] | null;
  _resolveFilename(request: string, parent: CommonJsModule | null, ...rest: unknown[]): string;
}

const { addEventListener, Error, JSON, removeEventListener, SyntaxError } = globalThis;
const scope = globalThis;
const { assign, defineProperties, defineProperty, freeze, getOwnPropertyDescriptor } = Object;
const { apply } = Reflect;
const { parse } = JSON;
const now: () => number = performance.now.bind(performance);
const { permissions, readTextFileSync } = Deno;
const querySync = uncurried(Deno.Permissions.prototype.querySync);

/**
 * Makes `module` that of the ES module at `path`, as `require` has it. `false` if the loader has made none of
 * the file.
 */
export type RequireModule = (module: unknown, path: string) => boolean;

/**
 * The runtime's own way to load an ES module for `require`: the one at `url`, a `file:` URL, whose path is
 * `path`. The runtime asks node:url for the URL of a path, and imports what the answer's `toString()` says
 * without a look at permissions; an app could answer in its place. So it is answered for each call.
 */
export function nativeModuleLoader(): (module: unknown, path: string, url: string) => void {
  const load = (nodeModule as unknown as ModuleClass)._extensions[".mjs"];
  return (module, path, url) => {
    const ofApp = getOwnPropertyDescriptor(nodeUrl, "pathToFileURL")!;
    const answer = freeze({ __proto__: null, href: url, toString: () => url });
    let isAsked = false;
    const restore = () => {
      if (!isAsked) defineProperty(nodeUrl, "pathToFileURL", ofApp);
      isAsked = true;
    };
    // Where an app has fixed its own function, this throws, and nothing is loaded.
    defineProperty(nodeUrl, "pathToFileURL", {
      __proto__: null,
      value: () => {
        // What the module does itself while it is loaded is the app's affair.
        restore();
        return answer;
      },
      writable: true,
      enumerable: true,
      configurable: true,
    } as PropertyDescriptor);
    try {
      load(module as CommonJsModule, path);
    } catch (error) {
      if (error instanceof Error) tellOnce(error);
      throw error;
    } finally {
      restore();
    }
  };
}

/** Evaluates CommonJS that has no file, as if it were a file called `name` in the working directory. */
export function evaluateCommonJs(code: string, name: string): void {
  const filename = resolve(name);
  const module = new (nodeModule as unknown as new (id: string) => CommonJsModule)(filename);
  defineProperties(module, {
    filename: { value: filename, writable: true, enumerable: true, configurable: true },
    paths: {
      value: (nodeModule as unknown as ModuleClass)._nodeModulePaths(dirname(filename)),
      writable: true,
      enumerable: true,
      configurable: true,
    },
  });
  module._compile(code, filename, "commonjs");
}

/** How long a runtime may take to say again what it has thrown, in milliseconds. */
const REPEAT_MS = 60_000;

/** Errors that are remembered. */
const MAX_THROWN = 16;

/** What has been thrown, and when; the newest last. */
const thrown: { readonly message: string; readonly atMs: number }[] = [];

/**
 * Runtimes up to 2.6 throw an error of the module, and say as well that nobody has caught it: at the end of the
 * turn, which may be long, as `require()` can wait.
 */
function tellOnce({ message }: Error): void {
  if (thrown.length === 0) apply(addEventListener, scope, ["unhandledrejection", onRepeated]);
  thrown.push({ message, atMs: now() });
  if (thrown.length > MAX_THROWN) thrown.shift();
}

function onRepeated(event: Event): void {
  const { reason } = event as PromiseRejectionEvent;
  while (thrown.length > 0 && now() - thrown[0].atMs > REPEAT_MS) thrown.shift();
  const index = reason instanceof Error
    ? thrown.findIndex(({ message }) => message.includes(reason.message))
    : -1;
  if (index >= 0) {
    event.preventDefault();
    thrown.splice(index, 1);
  }
  if (thrown.length === 0) apply(removeEventListener, scope, ["unhandledrejection", onRepeated]);
}

/**
 * Makes `require` work on the files of packages where they are, below `packageRoot`, a real path, and on what
 * `requireModule` loads. In an executable, Deno looks for CommonJS only among the files that are built in;
 * elsewhere it guesses what a file is. `placeOf` says which file takes the place of one.
 */
export function installRequire(
  packageRoot: string,
  requireModule: RequireModule,
  placeOf: (path: string) => string = (path) => path,
): void {
  const module = nodeModule as unknown as ModuleClass;
  readFromDisk(module, packageRoot, requireModule, placeOf);
  lookWhereAllowed(module, packageRoot);
  lookNowhereElse(module);
  resolveInternals(module, packageRoot);
}

function readFromDisk(
  { _extensions: extensions }: ModuleClass,
  packageRoot: string,
  requireModule: RequireModule,
  placeOf: (path: string) => string,
): void {
  const read: Extension = (module, filename) =>
    module._compile(readTextFileSync(placeOf(filename)), filename, "commonjs");
  const native = extensions[".js"];
  const readModule: Extension = (module, filename) => {
    if (requireModule(module, filename)) return;
    if (isPackaged(filename, packageRoot)) throw notMade(filename);
    native(module, filename);
  };
  extensions[".cjs"] = read;
  extensions[".mjs"] = readModule;
  extensions[".json"] = (module, filename) => {
    module.exports = jsonIn(filename);
  };
  extensions[".js"] = (module, filename) => {
    // What has no ending comes here, too, and is CommonJS for `require` in Deno.
    const isScript = filename.endsWith(".js");
    if (isScript && isOfModules(filename)) readModule(module, filename);
    else read(module, filename);
  };
}

/** Whether a file is one of a package: of those that the loader has installed, or beside the app. */
function isPackaged(filename: string, packageRoot: string): boolean {
  return filename.startsWith(packageRoot) || /[/\\]node_modules[/\\]/.test(filename);
}

/** What `require` cannot load, since the loader did not foresee it. */
function notMade(filename: string): Error {
  return assign(
    new Error(
      `require() of the ES module ${filename} is not possible in threads of apps, nor with --workers 0, ` +
        "where the loader has not seen that it is required: load it by import()",
    ),
    { code: "ERR_REQUIRE_ESM" },
  );
}

/**
 * Keeps `require` from looking into folders that may not be read: what is in none of the others is
 * not found, instead of denied, which packages with optional dependencies rely on. Modules of apps find the
 * packages below `packageRoot` by their names.
 */
function lookWhereAllowed(module: ModuleClass, packageRoot: string): void {
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
    if (!`${from}`.startsWith(packageRoot)) {
      readable[readable.length] = join(packageRoot, ".store", "node_modules");
    }
    return readable;
  };
}

/** Keeps `require` from the packages of Deno's own that has gatehouse's by their names. */
function lookNowhereElse(module: ModuleClass): void {
  const native = module._resolveLookupPaths;
  module._resolveLookupPaths = function (this: unknown, request, parent) {
    const found = apply(native, this, [request, parent]) as string[] | null;
    const isPath = typeof request !== "string" || /^\.{0,2}[/\\]|^\.{1,2}$/.test(request);
    if (found === null || isPath) return found;
    return found.filter((path) => parent?.paths?.includes(path));
  };
}

/** Makes `#…` mean in packages what their `imports` say: those may be other packages, of which Deno knows not. */
function resolveInternals(module: ModuleClass, packageRoot: string): void {
  const files = new PackageFiles(packageRoot);
  const native = module._resolveFilename;
  module._resolveFilename = function (this: unknown, request, parent, ...rest) {
    const importer = parent?.filename;
    const isInternal = typeof request === "string" && request[0] === "#" &&
      typeof importer === "string" && isPackaged(importer, packageRoot);
    if (!isInternal) return apply(native, this, [request, parent, ...rest]);
    const scope = files.scopeOf(importer);
    const target = scope === null ? request : internal(scope.imports, request);
    return scope !== null && target.startsWith("./")
      ? join(scope.folder, target)
      : apply(native, this, [target, parent, ...rest]);
  };
}

function internal(imports: unknown, specifier: string): string {
  try {
    return resolveImports(imports, specifier, REQUIRE_CONDITIONS);
  } catch (error) {
    if (!(error instanceof ResolveFault)) throw error;
    throw assign(new Error(error.message), { code: "ERR_PACKAGE_IMPORT_NOT_DEFINED" });
  }
}

/** Whether a file is an ES module to `require`. */
export function isModuleFile(filename: string): boolean {
  const ending = extname(filename);
  return ending === ".mjs" || ending === ".js" && isOfModules(filename);
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
    return parse(text[0] === "\uFEFF" ? text.slice(1) : text);
  } catch (error) {
    if (error instanceof SyntaxError) error.message = `${path}: ${error.message}`;
    throw error;
  }
}
