import { Script } from "node:vm";
import * as path from "node:path";
import { BundleError, scriptOf } from "../../scripts/compile/script.ts";
import { evaluateScript, scriptOf as scriptOfBytes } from "../../src/base/embedded_scripts.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";

type Modules = Readonly<Record<string, string>>;

/** The script of `modules`, the first of which imports the others. */
function scriptFrom(modules: Modules) {
  const read = (specifier: string) => Promise.resolve(modules[specifier]);
  return scriptOf(Object.keys(modules)[0], read, ["other"]);
}

/** What the first of `modules` exports when they are evaluated as a script. */
async function exported(modules: Modules): Promise<Record<string, unknown>> {
  const { text } = await scriptFrom(modules);
  const scripts = { other: () => ({ default: "from elsewhere" }) };
  const host = { meta: import.meta, builtins: { "node:path": path }, scripts };
  return evaluateScript(new Script(text), Object.keys(modules)[0], host) as never;
}

const MEANINGS: Record<string, [modules: Modules, value: unknown]> = {
  "what is exported under another name": [
    { "./a.js": "function a() { return 1; } var b = a();\nexport { b as value, a };" },
    1,
  ],
  "the runtime's modules": [
    {
      "./a.js": `import { basename as base } from "node:path"; import whole from "node:path";
        import * as all from "node:path";
        var value = [base("a/b"), whole.basename("a/c"), all.basename("a/d")];
        export { value };`,
    },
    ["b", "c", "d"],
  ],
  "other modules, evaluated once and in their order": [
    {
      "./a.js":
        `import { log } from "./c.js"; import "./b.js"; import { log as same } from "./c.js";
        var value = [...log, log === same]; export { value };`,
      "./b.js": 'import { log } from "./c.js"; log.push("b");',
      "./c.js": 'var log = ["c"]; export { log };',
    },
    ["c", "b", true],
  ],
  "what a package of CommonJS is made into": [
    {
      "./a.js": 'import all from "./b.js"; var value = all; export { value };',
      "./b.js": "function require_b() { return 'exports'; }\nexport default require_b();\n",
    },
    "exports",
  ],
  "what is not ASCII": [
    {
      "./a.js": 'var value = ["\u2026", `\u{10400}`, /^\u2026$/.test("\u2026")]; export { value };',
    },
    ["\u2026", "\u{10400}", true],
  ],
  "modules that are made elsewhere": [
    { "./a.js": 'import value from "other"; export { value };' },
    "from elsewhere",
  ],
  "functions that are used before they are declared, and imports after their use": [
    {
      "./a.js":
        'var value = f(); function f() { return sep; } import { sep } from "node:path"; export { value };',
    },
    path.sep,
  ],
  "what a class says of itself when it is made": [
    { "./a.js": "var value; class A { static { value = 7; } } export { value };" },
    7,
  ],
  "strict code, whose functions have no this": [
    { "./a.js": "var value = [this, (function () { return this; })()]; export { value };" },
    [undefined, undefined],
  ],
  "import.meta": [
    { "./a.js": "var value = import.meta.url; export { value };" },
    import.meta.url,
  ],
  "the platform's timers, however they are taken": [
    {
      "./a.js": `const { setTimeout: other, Map } = globalThis; var name = "setTimeout";
        var value = [setTimeout, other, Map, globalThis[name]]; export { value };`,
    },
    [setTimeout, setTimeout, Map, setTimeout],
  ],
};

for (const [what, [modules, value]] of Object.entries(MEANINGS)) {
  Deno.test(`a script keeps the meaning of modules: ${what}`, async () => {
    assertEquals((await exported(modules)).value, value);
  });
}

Deno.test("a script puts things in the place of the global object's members where modules see them", async () => {
  const name = "putThereByAScript";
  Object.defineProperty(globalThis, name, { value: 1, configurable: true });
  try {
    await exported({
      "./a.js": `function replace2(target, key, value) {
          const { value: old } = Object.getOwnPropertyDescriptor(target, key);
          Object.defineProperty(target, key, { value: old + value, configurable: true });
        }
        replace2(globalThis, "${name}", 1);`,
    });
    assertEquals(Reflect.get(globalThis, name), 2);
  } finally {
    Reflect.deleteProperty(globalThis, name);
  }
});

Deno.test("a script sees the global object itself when the platform has been changed", async () => {
  const { timer } = await exported({
    "./a.js": `function timer(name) { return globalThis[name]; } export { timer };`,
  });
  const native = Reflect.get;
  let calls = 0;
  try {
    Reflect.get = (): never => {
      calls++;
      throw new Error("changed");
    };
    assertEquals([(timer as (name: string) => unknown)("setTimeout"), calls], [setTimeout, 0]);
  } finally {
    Reflect.get = native;
  }
});

Deno.test("a script tells whether it imports TypeScript", async () => {
  const module = { "./a.js": 'import ts from "typescript"; export { ts };' };
  const read = (specifier: "./a.js") => Promise.resolve(module[specifier]);
  const script = await scriptOf("./a.js", read as never, ["typescript"]);
  assertEquals([script.usesTypeScript, (await scriptFrom({ "./a.js": "" })).usesTypeScript], [
    true,
    false,
  ]);
});

Deno.test("a script can be made of bytes, which are gone then", () => {
  const source = new TextEncoder().encode("1 + 1");
  const script = scriptOfBytes("sum.js", { source, code: null });
  assertEquals([script.runInThisContext(), source.length], [2, 0]);
});

Deno.test("a script imports its own modules and others while it runs", async () => {
  const { importAll } = await exported({
    "./a.js": `function importAll(url) { return Promise.all([import("./b.js"), import(url)]); }
      export { importAll };`,
    "./b.js": "var b = 2; export { b };",
  });
  const [own, other] = await (importAll as (url: string) => Promise<Record<string, unknown>[]>)(
    "data:text/javascript,export const c = 3;",
  );
  assertEquals([own.b, other.c], [2, 3]);
});

Deno.test("what is imported late alone is another script, which is made once, when it is needed first", async () => {
  const modules: Modules = {
    "./a.js": `import { name } from "./shared.js";
      function now() { return import("./now.js"); }
      function late() { return Promise.all([import("./late-1.js"), import("./late-2.js")]); }
      export { name, now, late };`,
    "./shared.js": 'var name = "shared"; export { name };',
    "./now.js": 'var name = "now"; export { name };',
    "./late-1.js":
      `import { name } from "./shared.js"; import { other } from "./below.js"; import value from "other";
      function later() { return import("./late-2.js"); }
      var all = [name, other, value]; export { all, later };`,
    "./late-2.js": 'import { other } from "./below.js"; export { other };',
    "./below.js": "var other = { b: 1 }; export { other };",
  };
  const read = (specifier: string) => Promise.resolve(modules[specifier]);
  const isLate = (specifier: string) => specifier.startsWith("./late-");
  const { text, lateText } = await scriptOf("./a.js", read, ["other"], isLate);
  assertEquals(text.includes("./below.js") || lateText!.includes('name = "now"'), false);
  let made = 0;
  const { now, late } = evaluateScript(new Script(text), "./a.js", {
    meta: import.meta,
    builtins: {},
    scripts: { other: () => ({ default: "from elsewhere" }) },
    late: () => {
      made++;
      return new Script(lateText!);
    },
  }) as Record<string, () => Promise<unknown>>;
  assertEquals((await now() as { name: string }).name, "now");
  assertEquals(made, 0);
  const [first, second] = await late() as [
    { all: unknown[]; later(): Promise<unknown> },
    { other: unknown },
  ];
  assertEquals(first.all, ["shared", { b: 1 }, "from elsewhere"]);
  assertEquals(first.all[1] === second.other, true);
  assertEquals(await first.later(), second);
  assertEquals(made, 1);
});

Deno.test("a module of a script that fails rejects its import", async () => {
  const { load } = await exported({
    "./a.js": 'function load() { return import("./b.js"); } export { load };',
    "./b.js": 'throw new RangeError("no"); export {};',
  });
  await assertRejects(() => (load as () => Promise<unknown>)(), RangeError);
});

const REFUSED: Record<string, [modules: Modules, message: string]> = {
  "await at the top": [{ "./a.js": "\nawait 0;" }, "./a.js:2: await at the top"],
  "export default of more than bundlers write": [
    { "./a.js": "export default f(1);" },
    "./a.js:1: export default",
  ],
  "re-exports": [{ "./a.js": 'export { b } from "./b.js";' }, "./a.js:1: re-export"],
  "what changes after it is exported": [
    { "./a.js": "let n = 0; function step() { n++; }\nexport { n, step };" },
    "./a.js:1: n is exported, and changes later",
  ],
  cycles: [
    { "./a.js": 'import "./b.js";', "./b.js": 'import "./a.js";' },
    "a cycle: ./a.js imports ./b.js imports ./a.js",
  ],
  "names that scripts use themselves": [
    { "./a.js": "var $load;" },
    "./a.js:1: the name $load is taken",
  ],
  "the global object's timers": [
    { "./a.js": "globalThis.setTimeout(f);" },
    "./a.js:1: a timer of the global object",
  ],
};

for (const [what, [modules, message]] of Object.entries(REFUSED)) {
  Deno.test(`no script is made of modules that it would change the meaning of: ${what}`, async () => {
    const error = await assertRejects(() => scriptFrom(modules), BundleError);
    assertEquals((error as Error).message, message);
  });
}
