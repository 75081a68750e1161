/** `require()` of ES modules. */

import type { PackageCase } from "./case.ts";

/** What CommonJS gets of ES modules. */
export const REQUIRE: readonly PackageCase[] = [
  {
    name: "CommonJS requires ES modules of packages, which are those that are imported",
    packages: {
      "reqm-user@1.0.0": {
        json: {
          dependencies: {
            "reqm-modern": "1",
            "reqm-mjs": "1",
            "reqm-middle": "1",
            "reqm-await": "1",
            "reqm-throws": "1",
          },
        },
        files: {
          "index.js": `
const modern = require("reqm-modern");
exports.names = Object.keys(modern).sort();
exports.value = modern.default.value;
exports.count = () => modern.count();
exports.sub = require("reqm-modern/sub").sub;
exports.whole = require("reqm-modern/whole");
exports.mjs = require("reqm-mjs").mjs;
exports.middle = require("reqm-middle");
exports.awaits = () => require("reqm-await");
exports.throws = () => require("reqm-throws");
exports.again = () => require("reqm-modern") === modern;
exports.tag = [Object.prototype.toString.call(modern), modern.__esModule];
`,
        },
      },
      "reqm-modern@1.0.0": {
        json: {
          type: "module",
          exports: { ".": "./index.js", "./sub": "./sub.js", "./whole": "./whole.js" },
          imports: { "#inner": "./inner.js" },
          dependencies: { "reqm-commons": "1" },
        },
        files: {
          "index.js": `import commons, { name } from "reqm-commons";
import { again } from "./cycle.js";
import { readFileSync } from "node:fs";
import inner from "#inner";
let counted = 0;
export const count = () => ++counted;
export const here = () => "here";
export default { value: [commons.name, name, inner, again(), typeof readFileSync, import.meta.url.slice(-9)] };
`,
          "cycle.js":
            'import { here } from "./index.js";\nexport const again = () => typeof here;\n',
          "inner.js": "export default 'inner';\n",
          "sub.js": "export const sub = 'sub';\n",
          "whole.js": "const whole = () => 1;\nexport { whole as 'module.exports' };\n",
        },
      },
      "reqm-commons@1.0.0": { files: { "index.js": "exports.name = 'commons';\n" } },
      "reqm-mjs@1.0.0": {
        json: { main: "main.mjs" },
        files: { "main.mjs": "export const mjs = 'mjs';\n" },
      },
      "reqm-middle@1.0.0": {
        json: { dependencies: { "reqm-modern": "1" } },
        files: { "index.js": "module.exports = require('reqm-modern').here();\n" },
      },
      "reqm-await@1.0.0": {
        json: { type: "module", exports: "./index.js" },
        files: { "index.js": "await null;\nexport default 1;\n" },
      },
      "reqm-throws@1.0.0": {
        json: { type: "module", exports: "./index.js" },
        files: { "index.js": "throw new RangeError('at load');\n" },
      },
    },
    app: `
import user from "npm:reqm-user@1";
import { count } from "npm:reqm-modern@1";
export default async () => ({
  names: user.names, value: user.value, counts: [user.count(), count(), user.count()], sub: user.sub, whole: user.whole(),
  mjs: user.mjs, middle: user.middle, again: user.again(), tag: user.tag, awaits: [(await failing(user.awaits)).code, (await failing(user.awaits)).code], throws: (await failing(user.throws)).name,
});
`,
  },
  {
    name: "CommonJS requires ES modules whose names it makes while it runs",
    packages: {
      "reqc-user@1.0.0": {
        json: { dependencies: { "reqc-modern": "1" } },
        files: {
          "index.js": `
exports.load = (name) => require("reqc-modern/" + name);
exports.own = (name) => require("./parts/" + name + ".mjs");
exports.later = (name) => import("./parts/" + name + ".mjs");
`,
          "parts/a.mjs":
            "import { common } from 'reqc-modern/one';\nlet n = 0;\nexport const a = () => [common, ++n];\n",
        },
      },
      "reqc-modern@1.0.0": {
        json: {
          type: "module",
          exports: { ".": "./index.js", "./*": "./lib/*.js" },
          dependencies: { "reqc-deep": "1" },
        },
        files: {
          "index.js": `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
export const load = (name) => require("./lib/" + name + ".js");
`,
          "lib/one.js":
            "import { deep } from 'reqc-deep';\nexport const common = 'common ' + deep;\nexport const count = { n: 0 };\n",
          "lib/waits.js": "await null;\nexport default 1;\n",
          "lib/throws.js": "throw new RangeError('at load');\n",
        },
      },
      "reqc-deep@1.0.0": {
        json: { type: "module", exports: "./index.js" },
        files: { "index.js": "export const deep = 'deep';\n" },
      },
    },
    app: `
import user from "npm:reqc-user@1";
import { load } from "npm:reqc-modern@1";
export default async () => {
  const one = user.load("one");
  const own = user.own("a");
  one.count.n++;
  return {
    common: one.common, same: load("one") === one, count: (await import("npm:reqc-modern@1/one")).count.n,
    own: [own.a(), (await user.later("a")).a()], none: (await failing(() => user.load("none"))).name,
    waits: (await failing(() => user.load("waits"))).code, throws: (await failing(() => user.load("throws"))).name,
  };
};
`,
  },
  {
    name: "what packages have for module-sync is for imports and require alike",
    packages: {
      "reqs-user@1.0.0": {
        json: { dependencies: { "reqs-sync": "1" } },
        files: {
          "index.js":
            "exports.sync = require('reqs-sync').kind;\nexports.self = require('reqs-sync/self').self;\n",
        },
      },
      "reqs-sync@1.0.0": {
        json: {
          exports: {
            ".": { "module-sync": "./sync.mjs", "default": "./common.cjs" },
            "./self": { "require": "./self.cjs" },
          },
          imports: { "#kind": { "module-sync": "./sync.mjs", "default": "./common.cjs" } },
        },
        files: {
          "sync.mjs": "export const kind = 'sync';\n",
          "common.cjs": "exports.kind = 'common';\n",
          "self.cjs": "exports.self = require('#kind').kind;\n",
        },
      },
    },
    exceptExecutable: "Deno knows the condition from 2.8.2 on",
    app: `
import user from "npm:reqs-user@1";
import { kind } from "npm:reqs-sync@1";
export default [kind, user.sync, user.self];
`,
  },
  {
    name: "a package of modules requires its own from CommonJS",
    packages: {
      "reqm-self@1.0.0": {
        json: {
          type: "module",
          exports: { ".": "./main.cjs", "./lib": "./lib/lib.js" },
          imports: { "#in": "./in.js" },
        },
        files: {
          "main.cjs":
            "const { lib } = require('./lib/lib.js');\nmodule.exports = [lib, require('#in').default, " +
            "require('reqm-self/lib').lib, require('./lib/plain.cjs')];\n",
          "lib/lib.js": "export const lib = 'lib';\n",
          "lib/plain.cjs": "module.exports = require('./lib.js').lib + ' plain';\n",
          "in.js": "export default 'in';\n",
        },
      },
    },
    app: 'export { default } from "npm:reqm-self@1";\n',
  },
  {
    name: "CommonJS finds what is installed for the app, and nothing of gatehouse's own",
    packages: {
      "reqm-finds@1.0.0": {
        json: { dependencies: { "reqm-found": "1" } },
        files: {
          "index.js":
            "module.exports = ['reqm-found', 'semver', 'ini', 'typescript', 'hono', './none'].map((name) => {" +
            " try { return require(name); } catch (error) { return error.code; } });\n",
        },
      },
      "reqm-found@1.0.0": { files: { "index.js": "module.exports = 'found';\n" } },
    },
    app: `
import { createRequire } from "node:module";
import finds from "npm:reqm-finds@1";
const require = createRequire(import.meta.url);
export default [finds, ["semver", "ini", "typescript", "hono"].map((name) => { try { return typeof require(name); } catch (error) { return (error as { code: string }).code; } })];
`,
  },
  {
    name: "a file without an ending is CommonJS for require, in a package of modules, too",
    packages: {
      "reqm-plain@1.0.0": {
        json: { dependencies: { "reqm-bare": "1" } },
        files: { "index.js": "module.exports = require('reqm-bare/y');\n" },
      },
      "reqm-bare@1.0.0": {
        json: { type: "module", exports: { "./y": [{ require: "./y" }, "./y"] } },
        files: {
          "y": "module.exports = 'y ' + require('./lib.cjs');\n",
          "lib.cjs": "module.exports = 'lib';\n",
        },
      },
    },
    app: 'export { default } from "npm:reqm-plain@1";\n',
  },
];
