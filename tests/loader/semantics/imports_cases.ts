/** Static imports and exports: what modules are, and in which order they run. */

import type { Theme } from "./case.ts";

/** The body of a module that notes its name. */
const noting = (name: string, before = "") =>
  `${before}import { log } from "{base}/log.js";\nlog.push("${name}");\n`;

const LOG = `export const log = [];\n`;

/** How modules depend on each other. */
export const IMPORTS: Theme = {
  name: "imports and exports",
  cases: [
    {
      name: "modules run once each, after what they import, in the order of imports",
      files: {
        "app.ts": `
import { log } from "./log.js";
import "./a.js";
import "./b.js";
import "./a.js";
log.push("app");
import "./c.js";
export default () => Response.json(log);
`,
        "a.js": noting("a", `import "./deep.js";\n`),
        "b.js": noting("b", `import "./c.js";\nimport "./deep.js";\n`),
        "c.js": noting("c"),
        "deep.js": noting("deep"),
        "log.js": LOG,
      },
      answer: ["deep", "a", "c", "b", "app"],
    },
    {
      name: "top-level await holds up those that import, and not their siblings",
      files: {
        "app.ts": `
import { log } from "./log.js";
import { value } from "./slow.js";
import "./quick.js";
log.push("app " + value);
export default () => Response.json(log);
`,
        "slow.js": `import { log } from "./log.js";
log.push("slow begins");
export const value = await new Promise((resolve) => setTimeout(() => resolve(log.length), 20));
log.push("slow ends");
`,
        "quick.js": noting("quick"),
        "log.js": LOG,
      },
      answer: ["slow begins", "quick", "slow ends", "app 2"],
    },
    {
      name: "a cycle sees functions at once, and variables later",
      files: {
        "app.ts": `
import { early, late, tdz } from "./a.js";
export default () => Response.json({ early, late: late(), tdz });
`,
        "a.js": `import { name, seen, lookNow } from "./b.js";
export function hoisted() { return "hoisted"; }
export let variable = "set";
export const early = seen;
export const late = () => name() + lookNow();
export { tdz } from "./b.js";
`,
        "b.js": `import { hoisted, variable } from "./a.js";
export const seen = hoisted();
let error = "";
try { variable; } catch (caught) { error = caught.name + ": " + caught.message; }
export const tdz = error;
export const name = () => variable;
export const lookNow = () => typeof variable;
`,
      },
      answer: {
        early: "hoisted",
        late: "setstring",
        tdz: "ReferenceError: Cannot access 'variable' before initialization",
      },
    },
    {
      name: "a module imports itself, and classes extend each other through a cycle",
      files: {
        "app.ts": `
import * as self from "./app.ts";
import { Leaf } from "./leaf.ts";
export const here: number = 1;
export default () => Response.json([self.here, Object.keys(self), new Leaf().kind(), typeof self.default]);
`,
        "leaf.ts":
          `import { Base } from "./base.ts";\nexport class Leaf extends Base { override kind() { return "leaf of " + super.kind(); } }\n`,
        "base.ts":
          `import { Leaf } from "./leaf.ts";\nexport class Base { kind() { return "base" + (this instanceof Leaf); } }\n`,
      },
      entry: "app.ts",
      answer: [1, ["default", "here"], "leaf of basetrue", "function"],
    },
    {
      name: "imports are live bindings, and cannot be written to",
      files: {
        "app.ts": `
import counter, { count, increment, renamed as again } from "./counter.js";
import * as all from "./counter.js";
increment();
const { count: copied } = all;
increment();
let refused = "";
// deno-lint-ignore no-explicit-any
try { (all as any).count = 9; } catch (error) { refused = (error as Error).name; }
export default () => Response.json({ count, copied, again, live: all.count, counter, refused });
`,
        "counter.js": `export let count = 0;
export { count as renamed };
export default count;
export const increment = () => { count++; };
`,
      },
      answer: { count: 2, copied: 1, again: 2, live: 2, counter: 0, refused: "TypeError" },
    },
    {
      name: "a default export that is a function or a class is a live binding",
      files: {
        "app.ts": `
import f, { change } from "./f.js";
import C from "./c.js";
import Anonymous from "./anonymous.js";
const before = f();
change();
export default () => Response.json([before, f(), C.name, new C().own, Anonymous.name]);
`,
        "f.js":
          `export default function f() { return "first"; }\nexport const change = () => { f = () => "second"; };\n`,
        "c.js": `export default class Named { own = Named.name; }\n`,
        "anonymous.js": `export default () => {};\n`,
      },
      answer: ["first", "second", "Named", "Named", "default"],
    },
    {
      name: "re-exports pass on what they name, as bindings",
      files: {
        "app.ts": `
import * as all from "./all.js";
import { again, default as main, inner, "a text" as text } from "./all.js";
all.bump();
export default () => Response.json({ keys: Object.keys(all), n: all.n, again, main, inner: Object.keys(inner), text });
`,
        "all.js": `export * from "./one.js";
export * from "./two.js";
export * as inner from "./two.js";
export { default, n as again } from "./one.js";
export const own = 1;
const spaced = "spaced";
export { spaced as "a text" };
`,
        "one.js":
          `export let n = 1;\nexport const bump = () => { n++; };\nexport const own = "hidden";\nexport const both = 1;\nexport default "main";\n`,
        "two.js": `export const m = 2;\nexport const both = 2;\nexport default "not passed on";\n`,
      },
      answer: {
        keys: ["a text", "again", "bump", "default", "inner", "m", "n", "own"],
        n: 2,
        again: 2,
        main: "main",
        inner: ["both", "default", "m"],
        text: "spaced",
      },
    },
    {
      name: "the same binding by two ways is no conflict",
      files: {
        "app.ts": `import { x } from "./both.js";\nexport default () => Response.json(x);\n`,
        "both.js": `export * from "./left.js";\nexport * from "./right.js";\n`,
        "left.js": `export * from "./x.js";\n`,
        "right.js": `export { x } from "./x.js";\n`,
        "x.js": `export const x = 1;\n`,
      },
      answer: 1,
    },
    {
      name: "namespace objects are sorted, sealed, without prototype, and called Module",
      files: {
        "app.ts": `
import * as ns from "./ns.js";
const descriptor = Object.getOwnPropertyDescriptor(ns, "b");
// deno-lint-ignore no-explicit-any
const loose = ns as any;
const refusal = (act: () => unknown) => { try { act(); return "done"; } catch (error) { return (error as Error).name; } };
export default () => Response.json({
  keys: Reflect.ownKeys(ns).map(String), tag: Object.prototype.toString.call(ns), proto: Object.getPrototypeOf(ns), descriptor,
  extensible: Object.isExtensible(ns), frozen: Object.isFrozen(ns), sealed: Object.isSealed(ns),
  add: refusal(() => loose.z = 1), remove: refusal(() => delete loose.b), absent: loose.nothing ?? null, in: "b" in ns,
});
`,
        "ns.js":
          `export const b = 2;\nexport const a = 1;\nexport default 3;\nexport const A = 0;\n`,
      },
      answer: {
        keys: ["A", "a", "b", "default", "Symbol(Symbol.toStringTag)"],
        tag: "[object Module]",
        proto: null,
        descriptor: { value: 2, writable: true, enumerable: true, configurable: false },
        extensible: false,
        frozen: false,
        sealed: true,
        add: "TypeError",
        remove: "TypeError",
        absent: null,
        in: true,
      },
    },
    {
      name: "one URL is one module, however it is written",
      files: {
        "app.ts": `
import { token as a } from "./lib/token.js";
import { token as b } from "./lib/../lib/./token.js";
import { token as c } from "{base}/lib/token.js";
import { token as d } from "./other/by.js";
export default () => Response.json([a === b, a === c, a === d]);
`,
        "lib/token.js": `export const token = {};\n`,
        "other/by.js": `export * from "../lib/token.js";\n`,
      },
      answer: [true, true, true],
    },
    {
      name: "a query or a fragment makes another module of the same file",
      files: {
        "app.ts": `
import * as plain from "./token.ts";
import * as query from "./token.ts?v=1";
import * as again from "./token.ts?v=1";
import * as fragment from "./token.ts#part";
const all = [plain, query, again, fragment];
export default () => Response.json({ urls: all.map((m) => m.url), same: all.map((m) => m.token === query.token) });
`,
        "token.ts":
          `export const token: object = {};\nexport const url: string = import.meta.url;\n`,
      },
      answer: {
        urls: [
          "{base}/token.ts",
          "{base}/token.ts?v=1",
          "{base}/token.ts?v=1",
          "{base}/token.ts#part",
        ],
        same: [false, true, true, false],
      },
    },
    {
      name: "paths may have spaces, percent signs and letters of all kinds",
      files: {
        "app.ts": `
import { url as a } from "./a folder/ü 名.ts";
import { url as b } from "./a%20folder/%C3%BC%20%E5%90%8D.ts";
import { url as c } from "./100%25.ts";
import { url as d } from "./it's (1) [x].ts";
export default () => Response.json({ a, same: a === b, c, d });
`,
        "a folder/ü 名.ts": `export const url: string = import.meta.url;\n`,
        "100%.ts": `export const url: string = import.meta.url;\n`,
        "it's (1) [x].ts": `export const url: string = import.meta.url;\n`,
      },
      answer: {
        a: "{base}/a%20folder/%C3%BC%20%E5%90%8D.ts",
        same: true,
        c: "{base}/100%25.ts",
        d: "{base}/it's%20(1)%20[x].ts",
      },
    },
    {
      name: "JSON is imported with its type, as one instance with the dynamic import",
      files: {
        "app.ts": `
import data from "./data.json" with { type: "json" };
import * as all from "./data.json" with { type: "json" };
import { default as list } from "./list.json" with { "type": "json", };
const again = await import("./data.json", { with: { type: "json" } });
data.changed = true;
export default () => Response.json({ data, keys: Object.keys(all), same: again.default === data, list });
`,
        "data.json":
          `{ "a": [1, 2.5e3, null, "\\u00e9 \\u2028"], "__proto__": { "x": 1 }, "é": "ü" }`,
        "list.json": ` [1, {"b": "</script>"}]\n`,
      },
      answer: {
        data: JSON.parse(
          '{ "a": [1, 2500, null, "é \u2028"], "__proto__": { "x": 1 }, "é": "ü", "changed": true }',
        ),
        keys: ["default"],
        same: true,
        list: [1, { b: "</script>" }],
      },
    },
    {
      name: "text and bytes are imported with their types, whatever they are",
      files: {
        "app.ts": `
import text from "./page.html" with { type: "text" };
import code from "./code.ts" with { type: "text" };
import bytes from "./page.html" with { type: "bytes" };
import json from "./data.json" with { type: "text" };
const dynamic = await import("./page.html", { with: { type: "text" } });
const module = await import("./code.ts");
export default () => Response.json({
  text, code, bytes: [...bytes as Uint8Array], is: bytes instanceof Uint8Array, json, dynamic: dynamic.default, value: module.value,
});
`,
        "page.html": "<p>é\r\n",
        "code.ts": `export const value: number = 1;\n`,
        "data.json": `{ broken`,
      },
      answer: {
        text: "<p>é\r\n",
        code: "export const value: number = 1;\n",
        bytes: [60, 112, 62, 195, 169, 13, 10],
        is: true,
        json: "{ broken",
        dynamic: "<p>é\r\n",
        value: 1,
      },
    },
    {
      name: "builtin modules of node are there, by default and by name",
      files: {
        "app.ts": `
import fs, { existsSync } from "node:fs";
import * as path from "node:path";
import { join } from "node:path/posix";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import EventEmitter, { once } from "node:events";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
const emitter = new EventEmitter();
const fired = once(emitter, "go");
emitter.emit("go", 1);
export default async () => Response.json({
  fs: fs.existsSync === existsSync, join: join("a", "..", "b"), same: path.posix.join === join, buffer: Buffer.from("é").toString("hex"),
  hash: createHash("sha1").update("").digest("hex").slice(0, 8), fired: await fired, argv: Array.isArray(process.argv),
  slept: await sleep(1, "slept"), promisify: typeof promisify, dynamic: (await import("node:os")).EOL,
});
`,
      },
      answer: {
        fs: true,
        join: "b",
        same: true,
        buffer: "c3a9",
        hash: "da39a3ee",
        fired: [1],
        argv: true,
        slept: "slept",
        promisify: "function",
        dynamic: "\n",
      },
    },
    {
      name: "builtin modules of node are the same for all modules",
      files: {
        "app.ts":
          `import { EventEmitter } from "node:events";\nimport { Other } from "./other.js";\nimport * as ns from "node:events";\nimport { ns as otherNs } from "./other.js";\nexport default () => Response.json([EventEmitter === Other, ns === otherNs]);\n`,
        "other.js":
          `export { EventEmitter as Other } from "node:events";\nexport * as ns from "node:events";\n`,
      },
      answer: [true, true],
    },
    {
      name: "data: URLs are modules of JavaScript, TypeScript and JSON",
      files: {
        "app.ts": `
import js from "data:text/javascript,export default 1 %2B 1";
import { typed } from "data:application/typescript,export const typed: number = 3; export enum E { A }";
import { coded } from "data:application/javascript;base64,ZXhwb3J0IGNvbnN0IGNvZGVkID0gIsOpIjs=";
import json from "data:application/json,[1,%22a%22]" with { type: "json" };
import { url } from "data:text/javascript;charset=utf-8,export const url = import.meta.url;";
const dynamic = await import("data:text/javascript,export const n = 5");
const twice = await import("data:text/javascript,export const n = 5");
export default () => Response.json({ js, typed, coded, json, url, n: dynamic.n, once: dynamic === twice });
`,
      },
      answer: {
        js: 2,
        typed: 3,
        coded: "é",
        json: [1, "a"],
        url: "data:text/javascript;charset=utf-8,export const url = import.meta.url;",
        n: 5,
        once: true,
      },
    },
    {
      name: "data: modules import by absolute URLs, and of node",
      files: {
        "app.ts": `
const { five, sep } = await import("data:application/typescript," + encodeURIComponent(
  'export { five } from "{base}/five.ts"; export { sep } from "node:path";',
));
export default () => Response.json([five, sep]);
`,
        "five.ts": `export const five: number = 5;\n`,
      },
      answer: [5, "/"],
    },
    {
      name: "local and remote modules import remote ones",
      files: {
        "app.ts": `
import { inner, url } from "{site}/lib/mod.ts";
export default () => Response.json({ inner, url });
`,
        "lib/mod.ts":
          `export { inner } from "./inner.ts";\nexport const url: string = import.meta.url;\n`,
        "lib/inner.ts": `export const inner: string = import.meta.url;\n`,
      },
      answer: { inner: "{site}/lib/inner.ts", url: "{site}/lib/mod.ts" },
    },
    {
      name: "an absolute path is relative to the server",
      place: "remote",
      files: {
        "app.ts": `
const path = new URL("./dep.ts", import.meta.url).pathname;
const { value } = await import(path);
const { value: again } = await import("//" + new URL(import.meta.url).host + path);
export default () => Response.json([value, again]);
`,
        "dep.ts": `export const value: string = import.meta.url;\n`,
      },
      answer: ["{base}/dep.ts", "{base}/dep.ts"],
    },
    {
      name: "the module behind a redirect has the final URL, and is one with that",
      place: "remote",
      files: {
        "app.ts": `
import { inner, token, url } from "./moved.ts";
import { token as direct } from "./new/place/mod.ts";
const dynamic = await import("./moved.ts");
export default () => Response.json({ url, inner, same: token === direct, dynamic: dynamic.token === token });
`,
        "moved.ts": { redirect: "{base}/again.ts", status: 301 },
        "again.ts": { redirect: "new/place/mod.ts", status: 307 },
        "new/place/mod.ts":
          `export { inner } from "./inner.ts";\nexport const token: object = {};\nexport const url: string = import.meta.url;\n`,
        "new/place/inner.ts": `export const inner: string = import.meta.url;\n`,
      },
      answer: {
        url: "{base}/new/place/mod.ts",
        inner: "{base}/new/place/inner.ts",
        same: true,
        dynamic: true,
      },
    },
    {
      name: "an app behind a redirect to another server imports from there",
      place: "remote",
      entry: "latest",
      files: {
        "latest": { redirect: "{site}/v1/app.ts" },
        "v1/app.ts":
          `import { dep } from "./dep.ts";\nexport default () => Response.json([dep, import.meta.url]);\n`,
        "v1/dep.ts": `export const dep: string = import.meta.url;\n`,
      },
      answer: ["{site}/v1/dep.ts", "{site}/v1/app.ts"],
    },
    {
      name: "the content type says what a module is, before its name",
      place: "remote",
      files: {
        "app.ts": `
import { a } from "./no_extension";
import { b } from "./types_as_js.ts";
import { c } from "./js_as_types.js";
import { d } from "./plain.ts";
import { e } from "./video.ts";
import { f } from "./tsx_as_ts.tsx";
import { g } from "./octets.ts";
import { h } from "./nothing.ts";
import { i } from "./upper.js";
import j from "./data" with { type: "json" };
import { k } from "./plain.mjs";
import { l } from "./jsx";
export default () => Response.json({ a, b, c, d, e, f, g, h, i, j, k, l });
`,
        "no_extension": {
          body: `export const a: number = 1;\n`,
          contentType: "application/typescript; charset=utf-8",
        },
        "types_as_js.ts": { body: `export const b = 1;\n`, contentType: "text/javascript" },
        "js_as_types.js": {
          body: `export const c: number = 1;\n`,
          contentType: "application/typescript",
        },
        "plain.ts": { body: `export const d: number = 1;\n`, contentType: "text/plain" },
        "video.ts": { body: `export const e: number = 1;\n`, contentType: "video/mp2t" },
        "tsx_as_ts.tsx": {
          body: `export const f: unknown = ((x: unknown) => x)(1);\n`,
          contentType: "application/typescript",
        },
        "octets.ts": {
          body: `export const g: number = 1;\n`,
          contentType: "application/octet-stream",
        },
        "nothing.ts": { body: `export const h: number = 1;\n`, contentType: null },
        "upper.js": { body: `export const i: number = 1;\n`, contentType: "Text/TypeScript" },
        "data": { body: `{"j":1}`, contentType: "application/json" },
        "plain.mjs": { body: `export const k = 1;\n`, contentType: "text/plain" },
        "jsx": {
          body: `const React = { createElement: () => 1 };\nexport const l = <a />;\n`,
          contentType: "text/jsx",
        },
      },
      answer: { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: { j: 1 }, k: 1, l: 1 },
    },
    {
      name: "the character set of the content type decodes the module",
      place: "remote",
      files: {
        "app.ts":
          `import { latin } from "./latin.js";\nimport { wide } from "./wide.js";\nexport default () => Response.json([latin, wide]);\n`,
        "latin.js": {
          body: Uint8Array.from(`export const latin = "\xe9";\n`, (char) => char.charCodeAt(0)),
          contentType: "text/javascript; charset=windows-1252",
        },
        "wide.js": {
          body: new Uint8Array(
            Uint16Array.from(`export const wide = "\xe9";\n`, (char) => char.charCodeAt(0)).buffer,
          ),
          contentType: "text/javascript; charset=utf-16le",
        },
      },
      answer: ["é", "é"],
    },
    {
      name: "byte order marks, CRLF and a #! line do not disturb",
      files: {
        "app.ts":
          `#!/usr/bin/env -S deno run\r\nimport { a } from "./bom.ts";\r\nimport { b } from "./shebang.js";\r\nimport json from "./bom.json" with { type: "json" };\r\nconst text: string = \`one\r\ntwo\`;\r\nexport default () => Response.json({ a, b, json, text, line: Number(/:(\\d+):\\d+\\)?$/m.exec(new Error().stack ?? "")?.[1]) });\r\n`,
        "bom.ts": `\uFEFFexport const a: number = 1;\n`,
        "shebang.js": `#!/usr/bin/env node\n"use strict";\nexport const b = 2;\n`,
        "bom.json": `\uFEFF{"c":3}`,
      },
      answer: { a: 1, b: 2, json: { c: 3 }, text: "one\ntwo", line: 7 },
    },
    {
      name: "sources may have letters of every kind, and look like code where they are text",
      files: {
        "app.ts": `
const größe = 1, 名 = 2, \\u0061bc = 3, $\\u{5f} = 4;
const astral: string = "😀\\u{1F600}\\uD83D";
const lookalike = \`import("./nothing.ts") \${"import x from './nothing.ts'"} import.meta.url\`;
// import "./nothing.ts"; import("./nothing.ts")
/* export * from "./nothing.ts"; */
const regex = /import\\("\\.\\/nothing\\.ts"\\)/u;
const object = { import: 1, meta: { url: 2 }, export: 3, default: 4 };
const separators = "\u2028\u2029".length;
class A { import() { return "method"; } static meta = "m"; }
export default () => Response.json({
  größe, 名, abc, $_, astral: [...astral].length, lookalike, regex: regex.test('import("./nothing.ts")'),
  object: object.import + object.meta.url, separators, method: new A().import(), meta: A.meta,
});
`,
      },
      answer: {
        größe: 1,
        名: 2,
        abc: 3,
        $_: 4,
        astral: 3,
        lookalike: `import("./nothing.ts") import x from './nothing.ts' import.meta.url`,
        regex: true,
        object: 3,
        separators: 2,
        method: "method",
        meta: "m",
      },
    },
    {
      name:
        "names of the app's own do not get in the way of the loader, nor the loader's in theirs",
      files: {
        "app.js": `
const globals = Object.keys(globalThis).filter((name) => /gatehouse|loader|__/i.test(name));
const require = 1, exports = 2, module = 3, __dirname = 4, process2 = 5, Deno2 = typeof Deno;
const { URL: MyUrl } = globalThis;
{ const Symbol = null, Object = null, Promise = null, URL = null, import_ = null; void [Symbol, Object, Promise, URL, import_]; }
const { dep } = await import("./dep.js");
export default () => Response.json({ sum: require + exports + module + __dirname + process2, Deno2, dep, url: typeof MyUrl, globals });
`,
        "dep.js":
          `const Promise = 1, URL = 2, Error = 3, globalThis = 4;\nconst { inner } = await import("./inner.js");\nexport const dep = [Promise, URL, Error, globalThis, inner, import.meta.resolve("./x")];\n`,
        "inner.js": `export const inner = 1;\n`,
      },
      entry: "app.js",
      answer: {
        sum: 15,
        Deno2: "object",
        dep: [1, 2, 3, 4, 1, "{base}/x"],
        url: "function",
        globals: [],
      },
    },
    {
      name: "import defer and import source are refused or kept, and import attributes stay",
      place: "remote",
      files: {
        "app.ts":
          `import data from "./data.json" with { type: "json", };\nexport { default as again } from "./data.json" with { type: "json" };\nexport default () => Response.json(data);\n`,
        "data.json": `1`,
      },
      answer: 1,
    },
    {
      name: "a module of a megabyte loads, and a line of 200,000 characters",
      files: {
        "app.ts":
          `import { last } from "./huge.ts";\nimport { long } from "./long.js";\nexport default () => Response.json([last, long]);\n`,
        "huge.ts": Array.from(
          { length: 20_000 },
          (_, n) => `export const value${n}: number = ${n}; // comment no. ${n}\n`,
        ).join("") + `export const last: number = value19999;\n`,
        "long.js": `const list = [${"1,2,3,4,".repeat(25_000)}];export const long = list.length;\n`,
      },
      answer: [19_999, 100_000],
    },
    {
      name: "a graph of 300 modules loads",
      place: "remote",
      files: {
        "app.ts":
          Array.from({ length: 300 }, (_, n) => `import { n as n${n} } from "./n/${n}.ts";\n`)
            .join("") + `export default () => Response.json(n0 + n150 + n299);\n`,
        ...Object.fromEntries(
          Array.from({ length: 300 }, (_, n) => [`n/${n}.ts`, `export const n: number = ${n};\n`]),
        ),
      },
      answer: 449,
    },
    {
      name: "a chain of 100 modules loads",
      files: Object.fromEntries([
        [
          "app.ts",
          `import { depth } from "./c0.js";\nexport default () => Response.json(depth);\n`,
        ],
        ...Array.from({ length: 100 }, (_, n) => [
          `c${n}.js`,
          n === 99
            ? `export const depth = 1;\n`
            : `import { depth as below } from "./c${n + 1}.js";\nexport const depth = below + 1;\n`,
        ]),
      ]),
      answer: 100,
    },
    {
      name: "an app that is served as something else is JavaScript",
      place: "remote",
      files: {
        "app.ts": {
          body: `
const names = ["page", "style", "notes"];
const kinds = { page: "html", style: "css", notes: "md" };
const load = async (name) => { try { return (await import("./" + name + "." + kinds[name])).default; } catch (error) { return error.name; } };
const loaded = await Promise.all(names.map(load));
export default () => Response.json(loaded);
`,
          contentType: "text/vnd.trolltech.linguist",
        },
        "page.html": { body: "export default 'page';\n", contentType: "text/html" },
        "style.css": { body: "export default 'style';\n", contentType: "text/css" },
        "notes.md": { body: "export default 'notes';\n", contentType: "text/markdown" },
      },
      answer: ["page", "TypeError", "TypeError"],
    },
    {
      name: "what an app imports by its name has to be served as a module",
      place: "remote",
      files: {
        "app.ts": `import "./lib.ts";\nexport default () => new Response();\n`,
        "lib.ts": { body: "export {};\n", contentType: "text/vnd.trolltech.linguist" },
      },
      fails: ["{base}/lib.ts"],
      failsOwn: ["text/vnd.trolltech.linguist; have its server say text/typescript"],
    },
  ],
};
