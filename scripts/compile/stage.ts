/**
 * What goes into the executable: gatehouse's modules in a few bundles, which start sooner than a
 * hundred files, and of npm packages only what is needed.
 *
 * @module
 */

import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { LibrarySet } from "./libraries.ts";
import { LATE_SUFFIX } from "../../src/base/embedded_scripts.ts";
import { BundleError, inAscii, scriptOf } from "./script.ts";
import type { ModuleScript } from "./script.ts";
import { scriptModule } from "./script_module.ts";
import type { ScriptKind } from "./script_module.ts";
import { TYPESCRIPT_FILE, typeScriptModule } from "./typescript.ts";
import { walk } from "./walk.ts";

/**
 * Where the bundles are in the executable. One folder below `src`, as all modules are, so that what
 * they name relative to themselves keeps its meaning: `../` is `src/`.
 */
const BUNDLES = "src/bundle";

/** URLs that modules name relative to themselves. */
const RELATIVE_URL = /new URL\(\s*"(\.[^"]*)",\s*import\.meta\.url,?\s*\)/g;

/** The bundle that the executable begins with. */
const MAIN = "gatehouse";

/** The bundles that become scripts, and what they are of. */
const SCRIPTS = new Map<string, ScriptKind>([
  [MAIN, "main"],
  ["loader_thread_service", "thread"],
  ["worker_main", "app worker"],
]);

/** The modules that a start with an app imports by `import()`: others are not read then. */
const START = ["serve", "writable_files", "generations", "thread_backend", "thread_apps"];

/** A bundle as a script. */
export interface StagedScript extends ModuleScript {
  /** Name of the bundle, without the extension. */
  readonly name: string;
}

/** A folder that `deno compile` can be given. */
export interface Stage {
  /** Its path. */
  readonly folder: string;
  /** The module that the executable begins with. */
  readonly main: string;
  /** Modules and folders that no module imports. */
  readonly included: readonly string[];
  /** Bundles that are scripts. */
  readonly scripts: readonly StagedScript[];
  /** Files that are not modules, scripts among them, by name, but for libraries. */
  readonly rare: ReadonlyMap<string, Uint8Array>;
}

/** Fills `folder` with what the executable is made of, from the checkout `root`. */
export async function stageModules(root: string, folder: string): Promise<Stage> {
  const workers = await findWorkers(root);
  const entries = `${folder}/entries`;
  const bundles = `${folder}/${BUNDLES}`;
  await Deno.mkdir(entries, { recursive: true });
  const write = (name: string, text: string) => Deno.writeTextFile(`${entries}/${name}`, text);
  const quotedUrl = (path: string) => JSON.stringify(pathToFileURL(root + path).href);
  await write(`${MAIN}.ts`, `export { main } from ${quotedUrl("src/cli/main.ts")};\n`);
  for (const { path, bundle } of workers) {
    await write(`${bundle}.ts`, `import ${quotedUrl(path)};\n`);
  }
  await write("typescript.js", await typeScriptModule(await typeScriptNames(root)));

  // Each on its own: threads share no modules, and one file loads sooner than many.
  for (const name of [MAIN, ...workers.map(({ bundle }) => bundle)]) {
    const options = ["--code-splitting", "--external", "typescript", "--outdir", bundles];
    await bundle(root, [`${entries}/${name}.ts`], options);
  }
  for await (const path of walk(bundles)) await adaptBundle(path, workers);
  const script = `${entries}/minified.js`;
  await bundle(root, [`${entries}/typescript.js`], ["--minify", "--output", script]);
  // Modules are strict without saying so.
  const strict = inAscii(`"use strict";${await Deno.readTextFile(script)}`);
  const rare = new Map([[TYPESCRIPT_FILE, new TextEncoder().encode(strict)]]);
  const scripts = await makeScripts(bundles);
  const encoder = new TextEncoder();
  for (const { name, text, lateText } of scripts) {
    rare.set(`${name}.js`, encoder.encode(text));
    if (lateText !== null) rare.set(`${name}${LATE_SUFFIX}.js`, encoder.encode(lateText));
  }
  await Deno.remove(entries, { recursive: true });

  const { unstable } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  // The compiler has to find the modules that are imported later.
  const features = (unstable as string[]).filter((name) => name !== "lazy-dynamic-imports");
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ unstable: features }));
  const stage = {
    folder,
    main: `${bundles}/${MAIN}.js`,
    included: [...workers.map(({ bundle }) => `${bundles}/${bundle}.js`), `${folder}/src/lib`],
    scripts,
    rare,
  };
  await stageScripts(root, stage, "run");
  return stage;
}

/** Names of what the modules use of TypeScript, types included. */
async function typeScriptNames(root: string): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const file of walk(`${root}src`)) {
    const text = await Deno.readTextFile(file);
    if (!/^import ts from "typescript";$/m.test(text)) continue;
    for (const [, name] of text.matchAll(/\bts\.(\w+)/g)) names.add(name);
    for (const [, list] of text.matchAll(/\{ ([\w, ]+) \} = ts\b/g)) {
      for (const name of list.split(", ")) names.add(name);
    }
  }
  return names;
}

/** Makes scripts of bundles, in the place of which {@linkcode stageScripts} puts others. */
async function makeScripts(bundles: string): Promise<StagedScript[]> {
  const read = (specifier: string) => Deno.readTextFile(join(bundles, specifier));
  const scripts: StagedScript[] = [];
  for (const name of SCRIPTS.keys()) {
    const isLate = (specifier: string) =>
      name === MAIN && !START.some((start) => specifier.startsWith(`./${start}-`));
    scripts.push({ name, ...await scriptOf(`./${name}.js`, read, ["typescript"], isLate) });
  }
  return scripts;
}

/**
 * Puts modules that evaluate the scripts into the stage. Those that are to `"make code"` keep what V8 has
 * made of the scripts by the time when they are asked for it.
 */
export async function stageScripts(
  root: string,
  { folder, scripts }: Stage,
  purpose: "run" | "make code",
): Promise<void> {
  for (const script of scripts) {
    const { name } = script;
    const entry = `${folder}/${name}.entry.js`;
    const text = scriptModule(root, script, SCRIPTS.get(name)!, purpose);
    await Deno.writeTextFile(entry, text);
    await bundle(root, [entry], ["--output", `${folder}/${BUNDLES}/${name}.js`]);
    await Deno.remove(entry);
  }
}

/**
 * Puts what an executable has beside modules into the stage, in place of what another one has. Returns the
 * files that are rarely needed, libraries included, by name: they are still to be attached, or carried.
 */
export async function stageFiles(
  { folder, rare }: Stage,
  libraries: LibrarySet,
): Promise<Map<string, Uint8Array>> {
  const place = `${folder}/src/lib`;
  await Deno.remove(place, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(place, { recursive: true });
  const files = libraries.files.map(({ name }) => name);
  await Deno.writeTextFile(`${place}/libraries.json`, JSON.stringify({ files }));
  const all = new Map(rare);
  for (const { name, bytes } of libraries.files) {
    all.set(`${name}.gz`, gzipSync(bytes, { level: 9 }));
  }
  return all;
}

/** Has the runtime carry `files`, as it cannot be otherwise. */
export async function carry(
  { folder }: Stage,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [name, bytes] of files) await Deno.writeFile(`${folder}/src/lib/${name}`, bytes);
}

/** A module that runs in a worker of its own. */
interface WorkerModule {
  /** Its path below the root. */
  readonly path: string;
  /** What it is named by, next to other modules of its folder, and in the bundle. */
  readonly specifiers: Set<string>;
  /** Name of its bundle, without the extension. */
  readonly bundle: string;
}

/** Modules that are not imported, but named by their URL. */
async function findWorkers(root: string): Promise<WorkerModule[]> {
  const found = new Map<string, WorkerModule>();
  const owners = new Map<string, string>();
  for await (const file of walk(`${root}src`)) {
    if (!/\.tsx?$/.test(file)) continue;
    for (const [, specifier] of (await Deno.readTextFile(file)).matchAll(RELATIVE_URL)) {
      if (!/\.tsx?$/.test(specifier)) continue;
      const path = relative(root, join(dirname(file), specifier)).replaceAll("\\", "/");
      if (!await isFile(`${root}${path}`)) continue;
      if ((owners.get(specifier) ?? path) !== path) {
        throw new Error(`${specifier} names both ${owners.get(specifier)} and ${path}`);
      }
      owners.set(specifier, path);
      const bundle = path.replace(/^src\//, "").replace(/\.tsx?$/, "").replaceAll("/", "_");
      const worker = found.get(path) ?? { path, specifiers: new Set(), bundle };
      worker.specifiers.add(specifier);
      found.set(path, worker);
    }
  }
  return [...found.values()];
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function bundle(
  root: string,
  entries: readonly string[],
  options: readonly string[],
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform",
      "deno",
      "--config",
      `${root}deno.json`,
      ...options,
      ...entries,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
  }).output();
  if (success) return;
  const [reason] = new TextDecoder().decode(stderr).split(/\n\s*Stack backtrace/);
  throw new BundleError(`the modules cannot be bundled: ${reason.trim()}`);
}

/** Leads a bundle to the other bundles that workers begin with. */
async function adaptBundle(path: string, workers: readonly WorkerModule[]): Promise<void> {
  const text = await Deno.readTextFile(path);
  const adapted = text.replace(RELATIVE_URL, (whole, specifier) => {
    const worker = workers.find(({ specifiers }) => specifiers.has(specifier));
    return worker ? `new URL("./${worker.bundle}.js", import.meta.url)` : whole;
  });
  await Deno.writeTextFile(path, adapted);
  await definePaths(path);
}

/** Gives CommonJS modules in a bundle the variables that they know their place by. */
async function definePaths(path: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  const variables = { __filename: "filename", __dirname: "dirname" };
  const definitions = Object.entries(variables)
    .filter(([name]) => new RegExp(`\\b${name}\\b`).test(text))
    .map(([name, property]) => `var ${name} = import.meta.${property};\n`);
  await Deno.writeTextFile(path, definitions.join("") + text);
}
