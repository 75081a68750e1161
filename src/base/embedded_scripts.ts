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
import { embeddedFile } from "./embedded_files.ts";

/** What the name of a script's code ends with. */
export const CODE_SUFFIX = ".code";

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
 * Node, which are others.
 */
type ScriptFunction = (
  meta: ImportMeta,
  builtins: ScriptHost["builtins"],
  load: (specifier: string) => unknown,
  importModule: (specifier: string) => Promise<unknown>,
  timers: Readonly<Record<string, unknown>>,
  setTimeout: typeof globalThis.setTimeout,
  clearTimeout: typeof globalThis.clearTimeout,
  setInterval: typeof globalThis.setInterval,
  clearInterval: typeof globalThis.clearInterval,
) => Readonly<Record<string, ScriptModule>>;

/**
 * The embedded script `name`, ready to be run. Errors call it the same wherever the executable lies, as V8
 * keeps the name with the code.
 *
 * @throws {Error} when there is none
 */
export function embeddedScript(name: string): Script {
  const source = embeddedFile(name);
  if (source === null) throw new Error(`there is no ${name} in this executable`);
  const code = embeddedFile(name + CODE_SUFFIX);
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
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval };
  const loaded = new Map<string, unknown>();
  const load = (specifier: string): unknown => {
    if (!loaded.has(specifier)) {
      const make = Object.hasOwn(scripts, specifier) ? scripts[specifier] : modules[specifier];
      loaded.set(specifier, make());
    }
    return loaded.get(specifier);
  };
  const importModule = (specifier: string): Promise<unknown> => {
    if (late !== undefined && specifier.startsWith("./") && !Object.hasOwn(modules, specifier)) {
      Object.assign(modules, modulesOf(late()));
      late = undefined;
    }
    if (!Object.hasOwn(modules, specifier)) return import(specifier);
    return new Promise((resolve) => resolve(load(specifier)));
  };
  const modulesOf = (script: Script) =>
    (script.runInThisContext() as ScriptFunction)(
      meta,
      builtins,
      load,
      importModule,
      Object.assign(Object.create(globalThis), timers),
      setTimeout,
      clearTimeout,
      setInterval,
      clearInterval,
    );
  const modules = { ...modulesOf(script) };
  return load(entry);
}
