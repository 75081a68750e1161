/** What import.meta.resolve() and require.resolve() say. */

import type { FakePackages } from "../../support/npm_registry.ts";
import type { PackageCase } from "./case.ts";

/** Specifiers that modules of a package ask about. */
const ASKED_WITHIN = [
  ...["resolve-q", "resolve-q/f.txt", "resolve-q/none.txt", "resolve-q/sub", "resolve-q?x"],
  ...["resolve-p", "resolve-p/x", "resolve-p/none", "resolve-p/data.txt", "resolve-p/package.json"],
  ...["#in", "#none", "#q", "fs", "node:fs", "./x.js", "./none.js", "./x.js?query#h", "./a b.js"],
  ...["nope", "npm:resolve-q", "npm:resolve-q@1", "jsr:@a/b", "https://x/y", "x:y", ""],
  ...["data:text/javascript,1", "file:///etc/x", "@resolve/z", "@resolve/z/deep.js"],
  ...["resolve-r/both", "resolve-r/none"],
];

const PACKAGES: FakePackages = {
  "resolve-p@1.0.0": {
    json: {
      type: "module",
      exports: {
        ".": "./i.js",
        "./x": "./x.js",
        "./data.txt": "./data.txt",
        "./c": "./c.cjs",
        "./load": "./load.js",
      },
      imports: { "#in": "./x.js", "#q": "resolve-q" },
      dependencies: { "resolve-q": "1", "@resolve/z": "1", "resolve-r": "1" },
    },
    files: {
      "i.js": `export const asked = (specifiers) => specifiers.map((each) => {
        try { return import.meta.resolve(each); } catch (error) { return error.name; }
      });
      export const required = async (specifiers) => {
        const { createRequire } = await import("node:module");
        const { resolve } = createRequire(import.meta.url);
        return specifiers.map((each) => { try { return resolve(each); } catch (e) { return e.code; } });
      };
      export const literal = [import.meta.resolve("resolve-q"), import.meta.resolve("#in")];
      export const text = async () => (await fetch(import.meta.resolve("resolve-p/data.txt"))).text();
`,
      "c.cjs": `exports.asked = (specifiers) => specifiers.map((each) => {
        try { return require.resolve(each); } catch (error) { return error.code; }
      });
      exports.text = () => require("node:fs").readFileSync(require.resolve("resolve-q/f.txt"), "utf8");\n`,
      "x.js": "export const x = 'x';\n",
      "data.txt": "data",
      "load.js": "export const load = async (name) => (await import(import.meta.resolve(name)));\n",
    },
  },
  "resolve-q@1.0.0": {
    json: { main: "m.js" },
    files: { "m.js": "exports.m = 'm';\n", "f.txt": "file", "sub/index.js": "exports.sub = 1;\n" },
  },
  "@resolve/z@1.0.0": { files: { "index.js": "", "deep.js": "" } },
  "resolve-r@1.0.0": {
    json: { exports: { "./both": { require: "./r.cjs", import: "./i.mjs" } } },
    files: { "r.cjs": "", "i.mjs": "" },
  },
};

/** Resolution without import. */
export const RESOLVE: readonly PackageCase[] = [
  {
    name: "import.meta.resolve of packages, their dependencies, imports and files",
    packages: PACKAGES,
    app: `
import { asked, literal, required, text } from "npm:resolve-p@1";
import commons from "npm:resolve-p@1/c";
const specifiers = ${JSON.stringify(ASKED_WITHIN)};
const zip = (values: unknown[]) => values.map((value, index) => [specifiers[index], value]);
export default async () => ({
  asked: zip(asked(specifiers)), literal, text: await text(),
  commons: zip(commons.asked(specifiers)), file: commons.text(), required: zip(await required(specifiers)),
});
`,
  },
  {
    name: "import.meta.resolve of an app's packages, and import of what it says",
    packages: {},
    app: `
import { createRequire } from "node:module";
import "npm:resolve-p@1";
import "npm:resolve-q@^1.0.0";
import { load } from "npm:resolve-p@1/load";
const specifiers = [
  "npm:resolve-p@1", "npm:resolve-p@1/x", "npm:/resolve-p@1/x", "npm:resolve-p@1/none", "npm:resolve-p@1/data.txt",
  "npm:resolve-q@^1.0.0/f.txt", "npm:resolve-q@^1.0.0", "npm:nobody-asks", "npm:nobody-asks@2/x", "node:fs", "jsr:@a/b", "resolve-q",
];
const { resolve } = createRequire(import.meta.url);
const tried = async (work: () => unknown) => { try { return await work(); } catch (error) { return (error as Error).name; } };
const keys = async (url: string) => Object.keys(await import(url)).sort();
export default async () => ({
  asked: await Promise.all(specifiers.map((each) => tried(() => import.meta.resolve(each)))),
  literal: import.meta.resolve("npm:resolve-p@1/data.txt"),
  imported: await Promise.all(["npm:resolve-p@1/x", "npm:resolve-q@^1.0.0", "npm:resolve-p@1/c"].map((each) => tried(() => keys(import.meta.resolve(each))))),
  byPackage: Object.keys(await load("resolve-q")),
  text: await (await fetch(import.meta.resolve("npm:resolve-p@1/data.txt"))).text(),
  required: ["resolve-q", "resolve-q/f.txt", "resolve-p/x", "resolve-p/none", "nobody-asks"].map((each) => { try { return resolve(each); } catch (error) { return (error as { code: string }).code; } }),
});
`,
  },
];
