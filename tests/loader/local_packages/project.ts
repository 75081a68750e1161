/** A project with packages in `node_modules`, as package managers lay them out, and a workspace of Deno's. */

/** Where links of the project lead, by where they are. */
export const LINKS: Readonly<Record<string, string>> = {
  "npm/node_modules/member": "../packages/member",
  "npm/node_modules/pnpmed": ".pnpm/pnpmed@1.0.0/node_modules/pnpmed",
  "npm/node_modules/.pnpm/pnpmed@1.0.0/node_modules/beside":
    "../../beside@2.0.0/node_modules/beside",
};

const json = (value: unknown) => JSON.stringify(value);
const module = (name: string, more: object = {}) => json({ name, type: "module", ...more });

/** The files. */
export const PROJECT: Readonly<Record<string, string>> = {
  "npm/package.json": module("own", {
    exports: { "./self": "./src/self.js" },
    imports: { "#inner": "./src/inner.js", "#pack": "esm", "#dir/*": "./src/*.js" },
    dependencies: { esm: "1", cjs: "1" },
    workspaces: ["packages/*"],
  }),
  "npm/src/self.js": "export default 'self';",
  "npm/src/inner.js": "export default 'inner';",
  "npm/packages/member/package.json": module("member", { exports: "./index.ts" }),
  "npm/packages/member/index.ts": `import nested from "nested"; const said: string = nested;
    export default "member " + said + " " + import.meta.url.endsWith("packages/member/index.ts");`,
  "npm/node_modules/esm/package.json": module("esm", {
    version: "1.2.3",
    exports: {
      ".": { types: "./index.d.ts", require: "./index.cjs", import: "./index.js" },
      "./sub/*": "./sub/*.js",
      "./data.json": "./data.json",
      "./hidden": null,
    },
    imports: { "#own": { node: "./own.js", default: "./other.js" }, "#dependency": "nested" },
  }),
  "npm/node_modules/esm/index.js": `import nested from "nested"; import own from "#own";
    import dependency from "#dependency"; import * as me from "esm/sub/a";
    export const url = import.meta.url; export const state = { count: 0 };
    export default ["esm", nested, own, dependency, me.default].join();
    export const late = (name) => import(name);
    export const resolved = () => [import.meta.resolve("nested"), import.meta.resolve("./own.js")];`,
  "npm/node_modules/esm/index.cjs": "module.exports = 'required esm';",
  "npm/node_modules/esm/own.js": "export default 'own';",
  "npm/node_modules/esm/sub/a.js": "export default 'a';",
  "npm/node_modules/esm/data.json": json({ data: [1] }),
  "npm/node_modules/esm/node_modules/nested/package.json": module("nested", { main: "main.js" }),
  "npm/node_modules/esm/node_modules/nested/main.js": "export default 'nested 2';",
  "npm/node_modules/nested/package.json": module("nested", { version: "1.0.0" }),
  "npm/node_modules/nested/index.js": "export default 'nested 1';",
  "npm/node_modules/@scope/p/package.json": module("@scope/p", {
    exports: { ".": { deno: "./deno.js", node: "./node.js", default: "./default.js" } },
  }),
  "npm/node_modules/@scope/p/deno.js": "export default 'for deno';",
  "npm/node_modules/@scope/p/node.js": "export default 'for node';",
  "npm/node_modules/@scope/p/default.js": "export default 'for all';",
  "npm/node_modules/cjs/package.json": json({ name: "cjs", version: "1.0.0", main: "lib/main" }),
  "npm/node_modules/cjs/lib/main.js": `const { join } = require("path");
    exports.named = "named"; exports.part = require("./part"); exports.place = __dirname;
    exports.text = require("fs").readFileSync(join(__dirname, "text.txt"), "utf8");
    exports.data = require("./data.json"); exports.module = require("modern").default;
    exports.esm = require("esm"); exports.own = require("../package.json").version;
    exports.synced = require("synced");
    exports.late = (name) => import(name); exports.lateModern = () => import("modern");`,
  "npm/node_modules/cjs/lib/part.js":
    "module.exports = { part: typeof require, file: __filename };",
  "npm/node_modules/cjs/lib/data.json": json({ in: "json" }),
  "npm/node_modules/cjs/lib/text.txt": "text of a package",
  "npm/node_modules/modern/package.json": module("modern", { exports: "./index.js" }),
  "npm/node_modules/modern/index.js":
    `import inner from "./inner.js"; export default "modern " + inner;
    globalThis.evaluations = (globalThis.evaluations ?? 0) + 1;`,
  "npm/node_modules/modern/inner.js": "export default 'inner';",
  "npm/node_modules/synced/package.json": json({
    name: "synced",
    exports: {
      node: { "module-sync": "./index.mjs", default: "./index.cjs" },
      default: "./not.js",
    },
  }),
  "npm/node_modules/synced/index.mjs": "export default 'a module'; export const state = {};",
  "npm/node_modules/synced/index.cjs": "module.exports = { default: 'CommonJS', state: {} };",
  "npm/node_modules/.pnpm/pnpmed@1.0.0/node_modules/pnpmed/package.json": module("pnpmed"),
  "npm/node_modules/.pnpm/pnpmed@1.0.0/node_modules/pnpmed/index.js":
    "import beside from 'beside'; export default 'pnpmed ' + beside + ' ' + import.meta.url;",
  "npm/node_modules/.pnpm/beside@2.0.0/node_modules/beside/package.json": json({ name: "beside" }),
  "npm/node_modules/.pnpm/beside@2.0.0/node_modules/beside/index.js":
    "exports.default = 'beside'; module.exports = 'beside';",

  "deno/deno.json": json({
    workspace: ["./app", "./lib/*"],
    imports: { "shared": "./shared.ts", "both": "./shared.ts", "dir/": "./dir/" },
    compilerOptions: { jsx: "react", jsxFactory: "make" },
  }),
  "deno/shared.ts": "export default 'shared by the root';",
  "deno/dir/file.ts": "export default 'in the folder of the root';",
  "deno/app/deno.json": json({ imports: { "both": "./both.ts", "own": "./both.ts" } }),
  "deno/app/both.ts": "export default 'said by the member';",
  "deno/app/make.tsx":
    "const make = (name: string) => 'made ' + name; export default (<a /> as unknown) as string;",
  "deno/lib/one/deno.jsonc": `{ // A comment.
    "name": "@scope/one", "version": "1.0.0",
    "exports": { ".": "./mod.ts", "./sub": "./sub.ts" }, "imports": { "inside": "./inside.ts" } }`,
  "deno/lib/one/mod.ts":
    "import inside from 'inside'; import both from 'both'; export default ['one', inside, both].join();",
  "deno/lib/one/inside.ts": "export default 'inside';",
  "deno/lib/one/sub.ts": "export default 'sub';",
  "deno/lib/two/deno.json": json({ name: "@scope/two", version: "1.0.0", exports: "./two.ts" }),
  "deno/lib/two/two.ts": "import one from '@scope/one'; export default 'two of ' + one;",
};

/** What is asked: expressions in a module, by where it is and what it is called. */
export const QUESTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "npm/src": {
    "a package of ES modules": `(await import("esm")).default`,
    "where it is": `(await import("esm")).url`,
    "one instance of it":
      `[++(await import("esm")).state.count, ++(await import(name("esm"))).state.count]`,
    "what its exports offer": `(await import("esm/sub/a")).default`,
    "what they hide": `await failing(() => import(name("esm/hidden")))`,
    "what they do not offer": `await failing(() => import(name("esm/own.js")))`,
    "JSON of it": `(await import("esm/data.json", { with: { type: "json" } })).default`,
    "a name that it imports late": `(await (await import("esm")).late(name("nested"))).default`,
    "a file that it imports late": `(await (await import("esm")).late(name("./own.js"))).default`,
    "what it resolves": `(await import("esm")).resolved()`,
    "a version beside another": `(await import("nested")).default`,
    "a scope, and conditions": `(await import("@scope/p")).default`,
    "CommonJS": `(await import("cjs")).named`,
    "all of CommonJS": `Object.keys((await import("cjs")).default).sort()`,
    "files that it requires": `(await import("cjs")).part`,
    "files that it reads": `[(await import("cjs")).text, (await import("cjs")).place]`,
    "JSON that it requires": `(await import("cjs")).data`,
    "ES modules that it requires": `(await import("cjs")).module`,
    "what exports say of require": `[(await import("cjs")).esm, (await import("cjs")).own]`,
    "what is the same for require and import":
      `[(await import("synced")).default, (await import("cjs")).synced.state === (await import("synced")).state]`,
    "a name that CommonJS imports": `(await (await import("cjs")).lateModern()).default`,
    "any name that CommonJS imports": `(await (await import("cjs")).late(name("modern"))).default`,
    "evaluations of what both load": `(await import("modern")).default + globalThis.evaluations`,
    "a member of the workspace": `(await import("member")).default`,
    "pnpm's links": `(await import("pnpmed")).default`,
    "the project itself": `(await import("own/self")).default`,
    "its imports": `[(await import("#inner")).default, (await import("#pack")).url]`,
    "patterns of its imports": `(await import("#dir/inner")).default`,
    "a name with npm:": `(await import("npm:esm@1")).url`,
    "what import.meta.resolve says": `[import.meta.resolve("esm"), import.meta.resolve("#inner")]`,
    "what it said, imported": `(await import(import.meta.resolve("cjs"))).named`,
    "what require finds": `createRequire(import.meta.url)("cjs").named`,
    "a name that is nowhere": `await failing(() => import(name("nowhere")))`,
  },
  "deno/app": {
    "imports of the root": `(await import("shared")).default`,
    "folders of the root": `(await import("dir/file.ts")).default`,
    "imports of the member before those":
      `[(await import("both")).default, (await import("own")).default]`,
    "a member by its name": `(await import("@scope/one")).default`,
    "more that it exports": `(await import("@scope/one/sub")).default`,
    "what it does not export": `await failing(() => import(name("@scope/one/inside.ts")))`,
    "a member that imports one": `(await import("@scope/two")).default`,
    "imports of another member": `await failing(() => import(name("inside")))`,
    "compiler options of the root": `(await import("./make.tsx")).default`,
    "what import.meta.resolve says": `import.meta.resolve("@scope/one/sub")`,
  },
};
