/** Tries everything that might lead to an `import()` after the lockdown, and says what came of it. */
import vmBefore from "node:vm";
import nodeModule, { createRequire } from "node:module";
import { guardedBuiltin, lockImports } from "../../src/sandbox/lockdown.ts";

// deno-lint-ignore no-explicit-any
type Any = any;
const folder: string = (globalThis as Any).name;
const before = { Deno: (Deno as Any)[(Deno as Any).internal], AsyncFunction: async () => {} };
lockImports();

const TARGET = "data:text/javascript,export default 'IMPORTED'";
const CODE = `import(${JSON.stringify(TARGET)})`;
const { prototype: FunctionPrototype } = Function;
const AsyncFunction = (async () => {}).constructor as Any;
const GeneratorFunction = function* () {}.constructor as Any;
const AsyncGeneratorFunction = async function* () {}.constructor as Any;
const require = createRequire(`${folder}/app.js`);
const unchecked = (name: string) => (globalThis as Any).process.getBuiltinModule(name);
/** An object that is harmless text at first, and something else later. */
const changing = () => {
  let times = 0;
  return { toString: () => times++ === 0 ? "1" : CODE };
};
const globalEval = eval;

const attempts: Record<string, () => unknown> = {
  "direct eval": () => eval(CODE),
  "indirect eval": () => globalEval(CODE),
  "eval by reflection": () => Reflect.apply(globalThis.eval, undefined, [CODE]),
  "eval in eval": () => eval(`eval(${JSON.stringify(CODE)})`),
  "eval of parts put together in it": () => eval(`eval("imp" + ${JSON.stringify(CODE.slice(3))})`),
  "import with white space": () => eval(`import \t\n\u00a0\u2028\ufeff(${JSON.stringify(TARGET)})`),
  "import with comments": () => eval(`import/*.*/ //x\n /* ( */(${JSON.stringify(TARGET)})`),
  "import with HTML-like comments": () =>
    globalEval(`import <!-- x\n--> y\n(${JSON.stringify(TARGET)})`),
  "import.source and the like": () => eval(`import.defer(${JSON.stringify(TARGET)})`),
  "import within a template": () => eval("`${" + CODE + "}`"),
  "import after a string": () => eval(`"use strict";${CODE}`),
  "import with an escape": () => eval(`\\u0069mport(${JSON.stringify(TARGET)})`),
  "import split by a comment": () => eval(`im/**/port(${JSON.stringify(TARGET)})`),
  "Function()": () => Function(`return ${CODE}`)(),
  "new Function()": () => new Function(`return ${CODE}`)(),
  "new Function() with parameters": () => new Function("a", `b = ${CODE}`, "return b")(),
  "new Function() with a comment across parameters": () =>
    new Function("a = import/*", `*/(${JSON.stringify(TARGET)})){return a}; //`)(),
  "Reflect.construct(Function)": () => Reflect.construct(Function, [`return ${CODE}`])(),
  "Reflect.construct with another target": () =>
    Reflect.construct(Function, [`return ${CODE}`], Object)(),
  "Reflect.apply(Function)": () => Reflect.apply(Function, null, [`return ${CODE}`])(),
  "a class that extends Function": () => new (class extends Function {})(`return ${CODE}`)(),
  "Function by its prototype": () => (FunctionPrototype as Any).constructor(`return ${CODE}`)(),
  "Function by a class": () => (class {} as Any).constructor(`return ${CODE}`)(),
  "Function by a builtin": () => (Math.max as Any).constructor(`return ${CODE}`)(),
  "Function by AsyncFunction's prototype": () =>
    Object.getPrototypeOf(AsyncFunction)(`return ${CODE}`)(),
  "Function by GeneratorFunction's prototype": () =>
    Object.getPrototypeOf(GeneratorFunction)(`return ${CODE}`)(),
  "Function by binding": () => (Function.bind(null, `return ${CODE}`) as Any)()(),
  "AsyncFunction": () => new AsyncFunction(`return await ${CODE}`)(),
  "AsyncFunction of a function made before": () =>
    (before.AsyncFunction.constructor as Any)(`return await ${CODE}`)(),
  "GeneratorFunction": () => new GeneratorFunction(`yield ${CODE}`)().next().value,
  "AsyncGeneratorFunction": () => new AsyncGeneratorFunction(`yield ${CODE}`)().next(),
  "text that changes in Function": () => (Function as Any)(changing())(),
  "text that changes in a parameter": () => (Function as Any)(changing(), "return 1")(),
  "text that changes in eval": () => eval(changing() as Any),
  "a String object in eval": () => eval(new String(CODE) as Any),
  "setTimeout with text": () => setTimeout(CODE as Any, 0),
  "setInterval with text": () => setInterval(CODE as Any, 0),
  "setTimeout with an object": () => setTimeout({ toString: () => CODE } as Any, 0),
  "setTimeout's own constructor": () =>
    ((setTimeout as Any).prototype?.constructor ?? setTimeout)(CODE, 0),
  "methods that lie": () => {
    const { exec } = RegExp.prototype;
    const { charCodeAt, includes, indexOf, replace } = String.prototype;
    RegExp.prototype.exec = () => null;
    String.prototype.includes = () => false;
    String.prototype.indexOf = () => -1;
    String.prototype.charCodeAt = () => 0;
    try {
      return eval(CODE);
    } finally {
      RegExp.prototype.exec = exec;
      Object.assign(String.prototype, { charCodeAt, includes, indexOf, replace });
    }
  },
  "traps by Object.prototype": () => {
    let native: Any;
    const trap = { configurable: true, value: (target: Any) => (native = target, undefined) };
    Object.defineProperty(Object.prototype, "get", trap);
    try {
      void (Function as Any).anything;
    } finally {
      delete (Object.prototype as Any).get;
    }
    return native(`return ${CODE}`)();
  },
  "setters on Array.prototype": () => {
    const set = { configurable: true, set() {}, get: () => `return ${CODE}` };
    Object.defineProperty(Array.prototype, "0", set);
    try {
      return Function("return 1")();
    } finally {
      delete (Array.prototype as Any)[0];
    }
  },
  "Deno's internals": () =>
    (Deno as Any)[(Deno as Any).internal].core.evalContext(CODE, "file:///x"),
  "Deno.core": () => (Deno as Any).core.evalContext(CODE),
  "vm, imported before": () => (vmBefore as Any).runInThisContext(CODE),
  "vm.Script": () => new (unchecked("vm").Script)(CODE).runInThisContext(),
  "vm.createContext": () => unchecked("vm").createContext({}),
  "vm.compileFunction": () => unchecked("vm").compileFunction(`return ${CODE}`)(),
  "vm in another context": () => require("vm").runInNewContext("(function(){}).constructor")(CODE),
  "a nested worker": () => new Worker(TARGET, { type: "module" }),
  "a worker thread": () => new (unchecked("worker_threads").Worker)(CODE, { eval: true }),
  "module._compile": () => new (nodeModule as Any)("x")._compile(CODE, `${folder}/x.js`),
  "module._compile of ESM": () =>
    new (nodeModule as Any)("x")._compile(`import "${TARGET}"`, `${folder}/x.mjs`, "module"),
  "module._compile of ESM that is no CommonJS": () =>
    new (nodeModule as Any)("x")._compile(`import "${TARGET}"; export {}`, `${folder}/x.js`),
  "a wrapper of its own": () => {
    (nodeModule as Any).wrapper[0] = `(function(){${CODE}});(function(){`;
  },
  "a wrap of its own": () => {
    (nodeModule as Any).wrap = () => CODE;
  },
  "require() of a file that imports": () => require("./imports.cjs"),
  "require() of a module": () => require("./esm.mjs"),
  "require() of a file that is no script": () => require("./notes.txt"),
  "require() of a file without an ending": () => require("./program"),
  "_extensions['.mjs']": () =>
    (nodeModule as Any)._extensions[".mjs"](new (nodeModule as Any)("x"), `${folder}/esm.mjs`),
  "_extensions['.wasm']": () =>
    (nodeModule as Any)._extensions[".wasm"](new (nodeModule as Any)("x"), `${folder}/esm.mjs`),
  "_extensions['.js']": () =>
    (nodeModule as Any)._extensions[".js"](new (nodeModule as Any)("x"), `${folder}/imports.cjs`),
  "repl": () => unchecked("repl").start({ eval: undefined }),
  "the inspector": () => new (unchecked("inspector").Session)(),
  "process.binding": () => (globalThis as Any).process.binding("contextify"),
  "importScripts": () => (globalThis as Any).importScripts(TARGET),
  "ShadowRealm": () => new (globalThis as Any).ShadowRealm().evaluate(CODE),
};

/** What still has to work. */
const uses: Record<string, () => unknown> = {
  "new Function": () => new Function("a", "b", "return a + b")(1, 2),
  "Function without arguments": () => String(new Function()()),
  "eval": () => eval("1 + 2"),
  "eval of no text": () => eval(42 as Any),
  "async functions": () => new AsyncFunction("return 3")(),
  "instanceof": () => [() => {}, AsyncFunction, class {}].every((each) => each instanceof Function),
  "a subclass of Function": () => {
    class F extends Function {}
    const made = new F("return 4");
    return [made(), made instanceof F].join();
  },
  "constructors": () =>
    [(() => {}).constructor === Function, Function.prototype.constructor === Function].join(),
  "names": () => [Function.name, Function.length, eval.name, setTimeout.name].join(),
  "words that begin like import": () =>
    eval("var reimport = (x) => x, importer = 5; reimport(importer)"),
  "the word in other places": () => new Function("const o = { import: 6 }; return o['import']")(),
  "text that looks like imports": () =>
    new Function(
      "o",
      "/* import(x) */ // import.meta\nconst r = /import./; const t = `import(${ o.import(1) })`;" +
        " return ['import(x)', \"\\import(y)\", '\\\\import(z)', r.test(t), t, r.source.length].join()",
    )({ import: (x: number) => x + 1 }),
  "eval of text that looks like imports": () => eval("'import(x)' + ' // import.meta'"),
  "what is said of imports": () => {
    try {
      new Function("return import('x')");
      return "";
    } catch (error) {
      return (error as Error).message.includes("--app-allow-read");
    }
  },
  "require() of a file that speaks of imports": () => require("./speaks.cjs").value,
  "timers": () => new Promise((resolve) => setTimeout(resolve, 1, 7)),
  "text in a timer": () => {
    setTimeout("globalThis.ticked = 8" as Any, 0);
    return new Promise((resolve) => setTimeout(() => resolve((globalThis as Any).ticked), 20));
  },
  "require() of a file": () => require("./plain.cjs").value,
  "require() of JSON": () => require("./data.json").value,
  "require() of builtin modules": () => typeof require("node:fs").readFileSync,
  "guarded builtin modules": () =>
    ["vm", "node:process", "inspector/promises"].map((name) => guardedBuiltin(name)).join(),
  "other builtin modules": () => String([guardedBuiltin("path"), guardedBuiltin("node:http")]),
};

async function outcomes(table: Record<string, () => unknown>): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(table)) {
    try {
      const value = await attempt() as Any;
      results[name] = value?.default === "IMPORTED" ? "IMPORTED" : `${value}`;
    } catch (error) {
      results[name] = error instanceof Error ? error.name : "an odd error";
    }
  }
  return results;
}

const refused = await outcomes(attempts);
(globalThis as Any).postMessage({ refused, used: await outcomes(uses) });
