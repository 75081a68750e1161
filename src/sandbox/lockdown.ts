/**
 * Closes every way to the runtime's own `import()` in an app worker.
 *
 * The runtime of the executable does not check the permission to read when it imports a file from
 * disk: with a native `import()` an app could read any JSON or JavaScript file there. Modules that
 * the built-in loader made have no native `import()`; this takes it from code that is made at run time,
 * by an escape in the keyword. Words that only look like it mean the same with one.
 * What else such code does is not restricted: it has the worker's permissions like all code.
 *
 * The prototypes belong to the app by the time these functions are called. So they use nothing that
 * it can change: operators, indices of strings, and what was taken aside when this module was loaded.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import { lockInternals } from "./internals.ts";

const {
  apply,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  ownKeys,
  setPrototypeOf,
} = Reflect;
const { freeze } = Object;
const { SyntaxError } = globalThis;
const indexOf = uncurried(String.prototype.indexOf);
const slice = uncurried(String.prototype.slice);
const Deny = EvalError;
const Unsupported = Deno.errors.NotSupported;
const readTextFile = Deno.readTextFileSync;

/**
 * Builtin modules with parts that evaluate code, that could end the process, or that hide what
 * exists.
 */
const GUARDED = [
  "crypto",
  "fs",
  "inspector",
  "inspector/promises",
  "module",
  "process",
  "repl",
  "tty",
  "v8",
  "vm",
  "worker_threads",
] as const;

/** Those with parts that the loader replaces for all apps. */
const REPLACED = ["worker_threads"] as const;

/**
 * The name of the builtin module that `specifier` means, such as `vm`, if apps that may not do
 * everything are to get it by its object, whose parts the sandbox replaces; named imports would be the
 * runtime's own. `null` for all others.
 * With `native` builtins, for those that may do everything, there are fewer.
 */
export function guardedBuiltin(
  specifier: string,
  builtins: "native" | "guarded" = "guarded",
): string | null {
  const guarded = builtins === "native" ? REPLACED : GUARDED;
  for (let i = 0; i < guarded.length; i++) {
    const name = guarded[i];
    if (specifier === name || specifier === "node:" + name) return name;
  }
  return null;
}

/**
 * Whether `source` may contain `import()` or `import.meta` and the like: the word, and after it, with
 * white space between, `(`, `.` or a comment. Strings and comments that look so count, too: where they end,
 * only a parser could say.
 */
export function mayImport(source: string): boolean {
  return importAt(source, 0) >= 0;
}

/** Where, from `start` on, the first word is for which {@linkcode mayImport} says so; -1 if there is none. */
export function importAt(source: string, start: number): number {
  for (let i = indexOf(source, "import", start); i >= 0; i = indexOf(source, "import", i + 6)) {
    // Part of a longer name. The keyword has no escapes, and no other letters can be before it.
    if (i > 0 && isNameCharacter(source[i - 1])) continue;
    const at = afterBlanks(source, i + 6);
    if (source[at] === "(" || source[at] === "." || opensComment(source, at)) return i;
  }
  return -1;
}

/**
 * `source` with an escape in each word for which {@linkcode mayImport} says so. In strings, templates, regular
 * expressions, comments and names of members it means the same; as a keyword it is a syntax error.
 */
export function withoutImports(source: string): string {
  let result = "";
  let start = 0;
  for (let at = importAt(source, 0); at >= 0; at = importAt(source, at + 1)) {
    let slashes = 0;
    while (source[at - 1 - slashes] === "\\") slashes++;
    // In a string, a backslash before the letter means nothing.
    result += slice(source, start, slashes % 2 === 0 ? at : at - 1) + "\\u0069";
    start = at + 1;
  }
  return start === 0 ? source : result + slice(source, start);
}

/**
 * Locks the current thread. `requireModule` loads the ES modules that CommonJS may require.
 * `threads` are `guarded` where threads that apps make are locked before they run app code: the
 * caller installs such a class at once. `placeOf` says which file takes the place of a CommonJS
 * file.
 */
export function lockImports(
  requireModule: RequireModule = () => false,
  threads: "closed" | "guarded" = "closed",
  placeOf: (path: string) => string = (path) => path,
): void {
  lockInternals();
  lockFunctionConstructors();
  lockEval();
  lockTimers();
  lockBuiltins();
  lockCommonJs(requireModule, placeOf);
  for (const name of ["SharedWorker", "ShadowRealm", "importScripts"]) {
    if (name in globalThis) replace(globalThis, name, refusal(name));
  }
  if (threads === "closed") closeThreads();
}

function closeThreads(): void {
  replace(globalThis, "Worker", refusal("Worker"));
  const threads = builtin("worker_threads");
  if (threads !== undefined) replace(threads, "Worker", refusal("worker_threads.Worker"));
}

function lockFunctionConstructors(): void {
  const samples = [function () {}, async () => {}, function* () {}, async function* () {}];
  let guardedFunction: unknown;
  for (let i = 0; i < samples.length; i++) {
    const prototype = getPrototypeOf(samples[i])!;
    const native = prototype.constructor as FunctionConstructor;
    // The three others inherit from Function itself.
    if (guardedFunction !== undefined) setPrototypeOf(native, guardedFunction as object);
    const guarded = new Proxy(
      native,
      // Without a prototype: an app could give it traps else.
      {
        __proto__: null,
        apply: (target, self, args) => compiled(() => apply(target, self, checkedAll(args))),
        construct: (target, args, newTarget) =>
          compiled(() => construct(target, checkedAll(args), newTarget)),
      } as ProxyHandler<FunctionConstructor>,
    );
    guardedFunction ??= guarded;
    replace(prototype, "constructor", guarded);
    if (i === 0) replace(globalThis, "Function", guarded);
  }
}

/** The arguments of a function constructor as text without imports. */
function checkedAll(args: unknown[]): string[] {
  let joined = "";
  for (let i = 0; i < args.length; i++) {
    args[i] = withoutImports(`${args[i]}`);
    joined += args[i] + (i < args.length - 2 ? "," : "\n");
  }
  // What is an import only when they are put together.
  if (mayImport(joined)) throw denial();
  return args as string[];
}

/** What `compile` makes of text without imports. If one has become an error, that says what to do. */
function compiled<Result>(compile: () => Result): Result {
  try {
    return compile();
  } catch (error) {
    throw isAboutKeyword(error) ? denial() : error;
  }
}

/** Whether the error says that there is an escape in a keyword. It may be an app's own. */
function isAboutKeyword(error: unknown): boolean {
  if (!(error instanceof SyntaxError)) return false;
  return getOwnPropertyDescriptor(error, "message")?.value === KEYWORD_WITH_ESCAPE;
}

/** What V8 says of it. */
const KEYWORD_WITH_ESCAPE = "Keyword must not contain escaped characters";

function denial(): Error {
  return new Deny(
    "code that is made at run time cannot use import() in gatehouse's executable, unless the app may " +
      "read everything (--app-allow-read): it could read files without permission",
  );
}

/** `eval` becomes an ordinary function: what it evaluates sees the global scope only. */
function lockEval(): void {
  const native = globalThis.eval;
  replace(
    globalThis,
    "eval",
    {
      eval: (source: unknown) =>
        typeof source === "string" ? compiled(() => native(withoutImports(source))) : source,
    }.eval,
  );
}

/** Timers evaluate anything but a function as text. */
function lockTimers(): void {
  for (const name of ["setTimeout", "setInterval"] as const) {
    const native = globalThis[name] as unknown as (...args: unknown[]) => number;
    const { [name]: guarded } = {
      [name](this: unknown, ...args: unknown[]): number {
        if (args.length > 0 && typeof args[0] !== "function") {
          args[0] = withoutImports(`${args[0]}`);
        }
        return apply(native, this, args);
      },
    };
    for (const key of ownKeys(native)) {
      if (typeof key === "symbol") {
        defineProperty(guarded, key, Reflect.getOwnPropertyDescriptor(native, key)!);
      }
    }
    replace(globalThis, name, guarded);
  }
}

/** What builtin modules have that evaluates code elsewhere, in other contexts for one. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  vm: [
    "Script",
    "SourceTextModule",
    "SyntheticModule",
    "compileFunction",
    "createContext",
    "createScript",
    "runInContext",
    "runInNewContext",
    "runInThisContext",
  ],
  repl: ["REPLServer", "start"],
  inspector: ["Session", "open"],
  "inspector/promises": ["Session", "open"],
  v8: ["setFlagsFromString", "startupSnapshot"],
  process: ["abort", "binding", "_linkedBinding"],
};

function lockBuiltins(): void {
  // They need each other as they are loaded.
  const loaded = Object.entries(REFUSED).map(([module, names]) =>
    [module, names, builtin(module)] as const
  );
  for (const [module, names, exported] of loaded) {
    if (exported === undefined) continue;
    for (const name of names) {
      if (name in exported) replace(exported, name, refusal(`${module}.${name}`));
    }
  }
}

/** Loads an ES module that the loader has made into what CommonJS gets; `false` if it has made none. */
type RequireModule = (module: unknown, path: string) => boolean;

/** CommonJS is compiled without imports. The loader has left none in that of packages. */
function lockCommonJs(requireModule: RequireModule, placeOf: (path: string) => string): void {
  const Module = builtin("module")! as unknown as {
    readonly prototype: object;
    readonly _extensions: Record<string, (module: unknown, path: unknown) => unknown>;
    wrapper: readonly string[];
    wrap: (script: string) => string;
  };
  const native = (Module.prototype as { _compile: (...args: unknown[]) => unknown })._compile;
  const [before, after] = [`${Module.wrapper[0]}`, `${Module.wrapper[1]}`];
  const wrapper = freeze([before, after]);
  const wrap = (script: string) => before + withoutHashbang(`${script}`) + after;
  // The runtime asks these for what it evaluates. Some versions do not allow replacing them for
  // good.
  const isOpen = Object.getOwnPropertyDescriptor(Module, "wrap")!.configurable === false;
  if (!isOpen) {
    replace(Module, "wrapper", wrapper, "for good");
    replace(Module, "wrap", wrap, "for good");
  }
  const compile = (module: unknown, source: string, path: string) => {
    if (isOpen) {
      Module.wrapper = wrapper;
      Module.wrap = wrap;
    }
    return compiled(() => apply(native, module, [withoutImports(source), path, "commonjs"]));
  };
  replace(
    Module.prototype,
    "_compile",
    function (this: unknown, source: unknown, path: unknown) {
      return compile(this, `${source}`, `${path}`);
    },
  );
  const load = (module: unknown, filename: unknown) => {
    const path = `${filename}`;
    if (requireModule(module, path)) return;
    compile(module, readTextFile(placeOf(path)), path);
  };
  for (const extension of Object.keys(Module._extensions)) {
    if (extension === ".json" || extension === ".node") continue;
    const isScript = extension === ".js" || extension === ".cjs";
    const refused = refusal(`require() of ${extension} modules`);
    Module._extensions[extension] = isScript
      ? load
      : (module, path) => requireModule(module, `${path}`) || refused();
  }
}

function withoutHashbang(source: string): string {
  if (source[0] !== "#" || source[1] !== "!") return source;
  let rest = "";
  let inFirstLine = true;
  for (let i = 0; i < source.length; i++) {
    if (source[i] === "\n") inFirstLine = false;
    if (!inFirstLine) rest += source[i];
  }
  return rest;
}

function builtin(name: string): Record<string, unknown> | undefined {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): Record<string, unknown> | undefined };
  };
  return name === "process"
    ? process as unknown as Record<string, unknown>
    : process.getBuiltinModule(name);
}

/** Something that always throws when called or constructed. */
function refusal(name: string): (...args: unknown[]) => never {
  return function (): never {
    throw new Unsupported(
      `${name} is not available to apps in gatehouse's executable, unless they may read everything ` +
        "(--app-allow-read, --app-allow-all)",
    );
  };
}

/**
 * Replaces the previous value with `value`. Where the runtime itself asks for it later, it has to
 * be for good; otherwise an app can do with it what it likes: what was there is gone.
 */
function replace(
  target: object,
  key: PropertyKey,
  value: unknown,
  how: "open" | "for good" = "open",
): void {
  const before = Object.getOwnPropertyDescriptor(target, key);
  const done = defineProperty(target, key, {
    value,
    writable: how === "open",
    enumerable: before?.enumerable ?? false,
    configurable: how === "open",
  });
  if (!done) throw new Error(`${String(key)} cannot be locked`);
}

function spells(source: string, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (source[at + i] !== word[i]) return false;
  return true;
}

/** The first place from `at` on without white space. */
function afterBlanks(source: string, at: number): number {
  while (isBlank(source[at])) at++;
  return at;
}

/** Whether a comment begins at `at`. Where it ends is not looked for: many words can stand before one. */
function opensComment(source: string, at: number): boolean {
  return spells(source, at, "//") || spells(source, at, "/*") || spells(source, at, "<!--") ||
    spells(source, at, "-->");
}

/** White space, line ends included. Whatever else is not ASCII is taken for it, too. */
function isBlank(character: string | undefined): boolean {
  return character !== undefined &&
    (character === " " || character >= "\t" && character <= "\r" || character > "~");
}

function isNameCharacter(character: string): boolean {
  return character >= "a" && character <= "z" || character >= "A" && character <= "Z" ||
    character >= "0" && character <= "9" || character === "_" || character === "$";
}
