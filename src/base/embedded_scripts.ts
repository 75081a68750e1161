/**
 * Scripts that `scripts/compile.ts` has put into the executable, each with what V8 has made of it by then:
 * parsing and compiling takes most of the start of a program otherwise.
 *
 * V8 takes that code for modules only from the runtime, which keeps it in a folder that all can write to. So
 * modules that are loaded at each start are bundled to scripts.
 *
 * @module
 */

import { Script } from "node:vm";
import { uncurried } from "./captured.ts";
import type { ScriptBytes } from "./embedded_files.ts";
import { embeddedScriptBytes } from "./embedded_files.ts";

// Scripts of workers import modules when apps run that may have changed the platform.
const { Promise } = globalThis;
const { hasOwn } = Object;
const { defineProperty, get, getOwnPropertyDescriptor, set } = Reflect;
const startsWith = uncurried(String.prototype.startsWith);

/** What a script knows of the module that evaluates it. */
export interface ScriptHost {
  /** The module's own. */
  readonly meta: ImportMeta;
  /** The runtime's modules that the script uses, by specifier. */
  readonly builtins: Readonly<Record<string, unknown>>;
  /** The script of modules that are imported by `import()` alone, if there are some that it lacks. */
  readonly late?: () => Script;
  /** Other scripts that it uses as modules, by specifier: each is made when it is needed first. */
  readonly scripts: Readonly<Record<string, () => unknown>>;
}

/** A module in a script: evaluates it, and returns what it exports. */
type ScriptModule = () => Readonly<Record<string, unknown>>;

/**
 * What evaluates to the modules of a script, by specifier. Where a script names timers, it would get those of
 * Node, which are others; so it does as members of the global object, in the place of which `global` is then.
 */
type ScriptFunction = (
  meta: ImportMeta,
  builtins: ScriptHost["builtins"],
  load: (specifier: string) => unknown,
  importModule: (specifier: string) => Promise<unknown>,
  global: object,
  setTimeout: typeof globalThis.setTimeout,
  clearTimeout: typeof globalThis.clearTimeout,
  setInterval: typeof globalThis.setInterval,
  clearInterval: typeof globalThis.clearInterval,
) => Readonly<Record<string, ScriptModule>>;

/**
 * The global object as modules see it: the runtime has other timers for scripts, and looks at who asks for
 * them.
 */
const GLOBAL = new Proxy(
  globalThis,
  // Without a prototype: an app could give it traps else.
  {
    __proto__: null,
    get: (target, key) => get(target, key),
    set: (target, key, value) => set(target, key, value),
    getOwnPropertyDescriptor: (target, key) => getOwnPropertyDescriptor(target, key),
    defineProperty: (target, key, descriptor) => defineProperty(target, key, descriptor),
  } as ProxyHandler<typeof globalThis>,
);

/**
 * The embedded script `name`, ready to be run.
 *
 * @throws {Error} when there is none
 */
export function embeddedScript(name: string): Script {
  const bytes = embeddedScriptBytes(name);
  if (bytes === null) throw new Error(`there is no ${name} in this executable`);
  return scriptOf(name, bytes);
}

/**
 * The script `name`, ready to be run; its bytes are gone. Errors call it the same wherever the executable lies,
 * as V8 keeps the name with the code.
 */
export function scriptOf(name: string, { source, code }: ScriptBytes): Script {
  // V8 checks whether the code fits, and does without it if not.
  const script = new Script(new TextDecoder().decode(source), {
    filename: `gatehouse:${name}`,
    cachedData: code ?? undefined,
  });
  // They are large, and a collector that has little to do would come late.
  source.buffer.transfer(0);
  code?.buffer.transfer(0);
  return script;
}

/** What the name of a script ends with that another one needs later. */
export const LATE_SUFFIX = "_late";

/** Evaluates the module `entry` of `script`, and those that it imports; returns what it exports. */
export function evaluateScript(script: Script, entry: string, host: ScriptHost): unknown {
  const { meta, builtins, scripts } = host;
  let { late } = host;
  const loaded: Record<string, unknown> = { __proto__: null };
  const load = (specifier: string): unknown => {
    if (!(specifier in loaded)) {
      const make = hasOwn(scripts, specifier) ? scripts[specifier] : modules[specifier];
      loaded[specifier] = make();
    }
    return loaded[specifier];
  };
  const importModule = (specifier: string): Promise<unknown> => {
    if (late !== undefined && startsWith(specifier, "./") && !hasOwn(modules, specifier)) {
      Object.assign(modules, modulesOf(late()));
      late = undefined;
    }
    if (!hasOwn(modules, specifier)) return import(specifier);
    return new Promise((resolve) => resolve(load(specifier)));
  };
  const modulesOf = (script: Script) =>
    (script.runInThisContext() as ScriptFunction)(
      meta,
      builtins,
      load,
      importModule,
      GLOBAL,
      setTimeout,
      clearTimeout,
      setInterval,
      clearInterval,
    );
  const modules = { ...modulesOf(script) };
  return load(entry);
}
