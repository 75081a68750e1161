/** Dynamic imports. */

import type { Theme } from "./case.ts";

/** What a failed import says. */
const CAUGHT = `
// deno-lint-ignore no-explicit-any
const caught = async (promise: () => Promise<unknown>): Promise<any> => { try { await promise(); return null; } catch (error) { return error; } };
`;

/** import(). */
export const DYNAMIC: Theme = {
  name: "dynamic imports",
  cases: [
    {
      name: "literal, computed and absolute specifiers are relative to the module that imports",
      files: {
        "app.ts": `
import { load } from "./lib/load.ts";
const name = ["a", "b"];
const values = [
  await import("./a.ts"), await import(\`./\${name[1]}.ts\`), await import("{site}/c.ts"),
  await import(new URL("./a.ts", import.meta.url).href), await load("../a.ts"), await load("./inner.ts"),
].map((m) => m.url);
export default () => Response.json(values);
`,
        "a.ts": `export const url: string = import.meta.url;\n`,
        "b.ts": `export const url: string = import.meta.url;\n`,
        "c.ts": `export const url: string = import.meta.url;\n`,
        "lib/load.ts": `export const load = (specifier: string) => import(specifier);\n`,
        "lib/inner.ts": `export const url: string = import.meta.url;\n`,
      },
      answer: [
        "{base}/a.ts",
        "{base}/b.ts",
        "{site}/c.ts",
        "{base}/a.ts",
        "{base}/a.ts",
        "{base}/lib/inner.ts",
      ],
    },
    {
      name: "a handler imports when it is called, again and again",
      files: {
        "app.ts": `
export default async () => {
  const part = "late";
  const [a, b] = await Promise.all([import(\`./\${part}.tsx\`), import("./" + part + ".tsx")]);
  return Response.json([a === b, a.count(), (await import("./late.tsx")).count(), a.dep]);
};
`,
        "late.tsx":
          `import { dep } from "./dep.ts";\nlet n = 0;\nexport const count = (): number => ++n;\nexport { dep };\n`,
        "dep.ts": `export const dep: string = import.meta.url;\n`,
      },
      answer: [true, 1, 2, "{base}/dep.ts"],
    },
    {
      name: "what is imported statically and dynamically is one instance",
      files: {
        "app.ts": `
import * as fixed from "./token.ts";
import { other } from "./other.ts";
const path = "./tok";
const computed = await import(path + "en.ts");
const absolute = await import(new URL("./sub/../token.ts", import.meta.url).href);
export default async () => {
  // Not before: it waits for this module.
  const later = await import("./late" + ".ts");
  return Response.json([fixed === computed, fixed === absolute, await other() === fixed, later.fixed === fixed, later.app === await import("./app.ts")]);
};
`,
        "token.ts": `export const token: object = {};\n`,
        "other.ts": `export const other = () => import("./token.ts");\n`,
        "late.ts": `export * as fixed from "./token.ts";\nexport * as app from "./app.ts";\n`,
      },
      answer: [true, true, true, true, true],
    },
    {
      name: "modules that are imported late share what has been loaded late before",
      files: {
        "app.ts": `
const [one, two] = ["one", "two"];
const a = await import(\`./\${one}.ts\`);
const b = await import(\`./\${two}.ts\`);
export default () => Response.json([a.shared === b.shared, a.shared.runs]);
`,
        "one.ts": `export { shared } from "./shared.ts";\n`,
        "two.ts": `export { shared } from "./shared.ts";\n`,
        "shared.ts": `export const shared = { runs: 0 };\nshared.runs++;\n`,
      },
      answer: [true, 1],
    },
    {
      name: "import() stands wherever an expression does",
      files: {
        "app.ts": `
import { helper } from "./helper.js";
const arrow = () => import("./v.ts");
async function declared() { return (await import("./v.ts")).v; }
class A { field = import("./v.ts"); static s = import("./v.ts"); async method() { const { v } = await import("./v.ts"); return v; } }
const object = { get lazy() { return import("./v.ts"); } };
function* gen() { yield import("./v.ts"); }
const withDefault = async (m = import("./v.ts")) => (await m).v;
const nested = async () => (await import((await import("./v.ts")).next)).v;
const list = await Promise.all([arrow(), new A().field, A.s, object.lazy, gen().next().value, true ? import("./v.ts") : null, (0, await import("./v.ts"))]);
export default async () => Response.json([list.map((m) => m!.v), await declared(), await new A().method(), await withDefault(), await nested(), await helper()]);
`,
        "v.ts": `export const v: number = 1;\nexport const next = "./w.ts";\n`,
        "w.ts": `export const v: number = 2;\n`,
        "helper.js":
          `export const helper = async () => { const m = await import ( /* in */ "./v.ts" /* between */ , ); return m.v; };\n`,
      },
      answer: [[1, 1, 1, 1, 1, 1, 1], 1, 1, 1, 2, 1],
    },
    {
      name: "the specifier becomes a text, once; what that throws is a rejection",
      files: {
        "app.ts": `${CAUGHT}
// deno-lint-ignore no-explicit-any
type Any = any;
let calls = 0;
const specifier = { toString() { calls++; return "./v.ts"; } };
const { v } = await import(specifier as Any);
const url = await import(new URL("./v.ts", import.meta.url) as Any);
const thrown = await caught(() => import({ toString() { throw new RangeError("no text"); } } as Any));
const symbol = await caught(() => import(Symbol("s") as Any));
const nothing = await caught(() => import(undefined as Any));
let sync = "no";
try { await import((() => { throw new Error("argument"); })()); } catch (error) { sync = (error as Error).message; }
export default () => Response.json({ v, url: url.v, calls, thrown: thrown.message, symbol: symbol.name, nothing: nothing.name, sync });
`,
        "v.ts": `export const v: number = 1;\n`,
      },
      answer: {
        v: 1,
        url: 1,
        calls: 1,
        thrown: "no text",
        symbol: "TypeError",
        nothing: "TypeError",
        sync: "argument",
      },
    },
    {
      name: "the options of import() are looked at as the standard says",
      files: {
        "app.ts": `${CAUGHT}
// deno-lint-ignore no-explicit-any
type Any = any;
const name = async (promise: () => Promise<unknown>) => (await caught(promise))?.name ?? "fine";
const results = [
  await name(() => import("./v.ts", undefined)),
  await name(() => import("./v.ts", {})),
  await name(() => import("./v.ts", { with: undefined } as Any)),
  await name(() => import("./v.ts", { with: {} })),
  await name(() => import("./v.ts", null as Any)),
  await name(() => import("./v.ts", "text" as Any)),
  await name(() => import("./v.ts", { with: 1 } as Any)),
  await name(() => import("./v.ts", { with: { type: 1 } } as Any)),
  await name(() => import("./v.ts", { get with(): Any { throw new RangeError(); } })),
  await name(() => import("./v.ts", { with: { unknown: "x" } })),
];
export default () => Response.json(results);
`,
        "v.ts": `export const v: number = 1;\n`,
      },
      answer: [
        "fine",
        "fine",
        "fine",
        "fine",
        "TypeError",
        "TypeError",
        "TypeError",
        "TypeError",
        "RangeError",
        "TypeError",
      ],
    },
    {
      name: "JSON, text and bytes are imported with computed names and attributes",
      files: {
        "app.ts": `
const file = "data.json";
const options = { with: { type: "json" } };
const data = (await import("./" + file, options)).default;
const text = (await import("./words" + ".txt", { with: { type: "text" } })).default;
const bytes = (await import("./words" + ".txt", { with: { type: "bytes" } })).default;
export default () => Response.json({ data, text, bytes: bytes.length });
`,
        "data.json": `{"a":1}`,
        "words.txt": "words",
      },
      answer: { data: { a: 1 }, text: "words", bytes: 5 },
    },
    {
      name: "node: and data: modules are imported by computed names",
      files: {
        "app.ts": `
const scheme = "node:", mime = "text/javascript";
const { sep } = await import(scheme + "path");
const { default: n } = await import(\`data:\${mime},export default 7\`);
export default () => Response.json([sep, n]);
`,
      },
      answer: ["/", 7],
    },
    {
      name: "an import that fails is a rejection that names the module by its source",
      files: {
        "app.ts": `${CAUGHT}
const suffix = ".ts";
const errors = {
  missing: await caught(() => import("./missing" + suffix)),
  broken: await caught(() => import("./broken" + suffix)),
  deep: await caught(() => import("./deep" + suffix)),
  noExport: await caught(() => import("./no_export" + suffix)),
  throws: await caught(() => import("./throws" + suffix)),
  bare: await caught(() => import("no-such-" + "package")),
  scheme: await caught(() => import("weird:" + "thing")),
};
const names = (error: Error, text: string) => [error instanceof Error, error.message.includes(text) || error.message];
export default () => Response.json({
  missing: names(errors.missing, "{base}/missing.ts"), broken: names(errors.broken, "{base}/broken.ts"), deep: names(errors.deep, "{base}/not/there.ts"),
  noExport: [errors.noExport.name, /absent/.test(errors.noExport.message)], throws: [errors.throws.name, errors.throws.message],
  bare: names(errors.bare, "no-such-package"), scheme: names(errors.scheme, "weird"),
});
`,
        "broken.ts": `export const = 1;\n`,
        "deep.ts": `import "./not/there.ts";\n`,
        "no_export.ts": `import { absent } from "./v.ts";\nconsole.log(absent);\n`,
        "throws.ts": `throw new RangeError("on purpose");\n`,
        "v.ts": `export const v: number = 1;\n`,
      },
      answer: {
        missing: [true, true],
        broken: [true, true],
        deep: [true, true],
        noExport: ["SyntaxError", true],
        throws: ["RangeError", "on purpose"],
        bare: [true, true],
        scheme: [true, true],
      },
    },
    {
      name: "literal imports that fail do not keep the app from starting",
      files: {
        "app.ts": `${CAUGHT}
export default async () => {
  const failed = await Promise.all([caught(() => import("./missing.ts")), caught(() => import("no-such-package")), caught(() => import("./broken.ts")), caught(() => import("weird:thing"))]);
  return Response.json(failed.map((error) => error instanceof Error));
};
`,
        "broken.ts": `export const = 1;\n`,
      },
      answer: [true, true, true, true],
    },
    {
      name: "a module that threw once throws the same again",
      files: {
        "app.ts": `${CAUGHT}
const path = "./throws.ts";
const first = await caught(() => import(path));
const second = await caught(() => import(path));
const outer = await caught(() => import("./outer.ts"));
const { runs } = await import("./runs.ts");
export default () => Response.json([first === second, first === outer, runs.length]);
`,
        "throws.ts":
          `import { runs } from "./runs.ts";\nruns.push(1);\nthrow new Error("on purpose");\n`,
        "outer.ts": `import "./throws.ts";\n`,
        "runs.ts": `export const runs: number[] = [];\n`,
      },
      answer: [true, true, 1],
    },
    {
      name: "modules with a then are thenables",
      files: {
        "app.ts": `
const a = await import("./thenable.ts");
const b = await import("./then" + "able.ts");
export default () => Response.json([a, b]);
`,
        "thenable.ts":
          `export function then(resolve: (value: string) => void) { resolve("from then"); }\n`,
      },
      answer: ["from then", "from then"],
    },
    {
      name: "import() waits for top-level await, and takes its failures",
      files: {
        "app.ts": `${CAUGHT}
const path = "./slow.ts";
const [a, b] = await Promise.all([import(path), import("./slow.ts")]);
const failed = await caught(() => import("./fails" + ".ts"));
export default () => Response.json([a.value, a === b, failed.message]);
`,
        "slow.ts":
          `export const value: number = await new Promise((r) => setTimeout(() => r(3), 10));\n`,
        "fails.ts": `await Promise.reject(new Error("later"));\n`,
      },
      answer: [3, true, "later"],
    },
    {
      name: "modules that are imported late have their own import.meta and redirects",
      files: {
        "app.ts": `
const { meta, resolved, inner } = await import("{site}/moved" + ".ts");
export default () => Response.json({ meta, resolved, inner });
`,
        "moved.ts": { redirect: "{site}/lib/mod.ts" },
        "lib/mod.ts":
          `export const meta = { ...import.meta, resolve: null };\nexport const resolved = import.meta.resolve("./x.ts");\nexport const { inner } = await import("./in" + "ner.ts");\n`,
        "lib/inner.ts": `export const inner: string = import.meta.url;\n`,
      },
      answer: {
        meta: { url: "{site}/lib/mod.ts", main: false, resolve: null },
        resolved: "{site}/lib/x.ts",
        inner: "{site}/lib/inner.ts",
      },
    },
    {
      name: "import() in eval and new Function is relative to the module, where it works at all",
      files: {
        "app.ts": `
const indirect = await (0, eval)('import("data:text/javascript,export default 1")').then((m: { default: number }) => m.default, (error: Error) => error.name);
const made = await new Function('return import("node:path")')().then((m: { sep: string }) => m.sep, (error: Error) => error.name);
export default () => Response.json([indirect, made]);
`,
      },
      except: {
        own: "code that is made at run time is not seen by the loader",
        executable: "code that is made at run time is not seen by the loader",
      },
      answer: [1, "/"],
    },
  ],
};
