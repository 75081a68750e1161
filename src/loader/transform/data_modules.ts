/**
 * Modules made of what is not JavaScript: JSON, text, bytes, WebAssembly and CommonJS.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { LoadError } from "../../base/errors.ts";
import type { ImportReference, TransformedModule } from "../graph/link.ts";
import { RUNTIME_MODULE } from "../graph/link.ts";

const RUNTIME_IMPORT = `import{modules as $modules}from"${RUNTIME_MODULE}";`;

/**
 * A module whose default export is the value of some JSON.
 *
 * @throws {LoadError} when it is malformed
 */
export function jsonModule(url: string, text: string): TransformedModule {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new LoadError(
      url,
      `cannot load ${url}: it is not valid JSON: ${(error as Error).message}`,
    );
  }
  // Not as a literal, in which "__proto__" would mean something else.
  return alone(`export default JSON.parse(${JSON.stringify(text)});`);
}

/** A module whose default export is a text. */
export function textModule(text: string): TransformedModule {
  return alone(`export default ${JSON.stringify(text)};`);
}

/** A module whose default export is a `Uint8Array`. */
export function bytesModule(bytes: Uint8Array): TransformedModule {
  return alone(`${RUNTIME_IMPORT}export default ${valueOf(bytes)};`);
}

/**
 * A module that instantiates WebAssembly: its imports are those of the module, its exports too.
 *
 * @throws {LoadError} when the bytes are not WebAssembly
 */
export function wasmModule(url: string, bytes: Uint8Array<ArrayBuffer>): TransformedModule {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes);
  } catch (error) {
    throw new LoadError(url, `cannot load ${url}: ${(error as Error).message}`);
  }
  const specifiers = [...new Set(WebAssembly.Module.imports(module).map((each) => each.module))];
  const imports: ImportReference[] = specifiers.map((specifier) => ({
    specifier,
    type: "",
    line: 1,
  }));
  const parts = specifiers.map((_, index) =>
    `${index === 0 ? RUNTIME_IMPORT : ";"}import*as i${index} from`
  );
  const given = specifiers.map((specifier, index) => `${JSON.stringify(specifier)}:i${index}`);
  const exported = WebAssembly.Module.exports(module).map((each, index) => ({
    local: `e${index}`,
    name: JSON.stringify(each.name),
  }));
  const rest = [
    specifiers.length === 0 ? RUNTIME_IMPORT : ";",
    `const {instance:$i}=await $modules.instantiate(${valueOf(bytes)},{${given.join(",")}});`,
    ...exported.map(({ local, name }) => `const ${local}=$i.exports[${name}];`),
    `export {${exported.map(({ local, name }) => `${local} as ${name}`).join(",")}};`,
  ].join("");
  return { parts: [...parts, rest], imports, dynamicImports: [], map: "" };
}

/** A module that stands for the CommonJS module at `path` and exports `names` of it. */
export function commonJsModule(path: string, names: readonly string[]): TransformedModule {
  const exported = [...new Set(names)].filter((name) => name !== "default");
  const module = alone([
    RUNTIME_IMPORT,
    `const $exports=$modules.require(${JSON.stringify(path)});`,
    `export default $exports;export{$exports as "module.exports"};`,
    ...exported.map((name, index) => `const e${index}=$exports[${JSON.stringify(name)}];`),
    `export{${exported.map((name, index) => `e${index} as ${JSON.stringify(name)}`).join(",")}};`,
  ].join(""));
  return { ...module, commonJsPath: path };
}

/** An expression for a `Uint8Array` of `bytes`. */
function valueOf(bytes: Uint8Array): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  return `$modules.bytes("${base64}")`;
}

/** A module that exports what the lockdown of workers leaves of a builtin module, and its `names`. */
export function guardedModule(specifier: string, names: readonly string[]): TransformedModule {
  const exported = names.filter((name) => name !== "default");
  return alone([
    RUNTIME_IMPORT,
    `const $builtin=$modules.builtin(${JSON.stringify(specifier)});`,
    "export default $builtin;",
    ...exported.map((name, index) => `const e${index}=$builtin[${JSON.stringify(name)}];`),
    `export{${exported.map((name, index) => `e${index} as ${JSON.stringify(name)}`).join(",")}};`,
  ].join(""));
}

/** The module with what apps have of gatehouse's own package. */
export function ownModule(): TransformedModule {
  return alone(
    `${RUNTIME_IMPORT}export const{contextOf,eventStream,eventText}=await $modules.own();`,
  );
}

function alone(code: string): TransformedModule {
  return { parts: [code], imports: [], dynamicImports: [], map: "" };
}
