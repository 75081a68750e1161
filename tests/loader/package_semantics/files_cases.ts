/** What is in packages, and what it is taken for. */

import type { PackageCase } from "./case.ts";

/** Files of packages. */
export const FILES: readonly PackageCase[] = [
  {
    name: "JSON may begin with a byte order mark",
    packages: {
      "bom-json@1.0.0": {
        files: {
          "index.js": "exports.data = require('./data.json');\n" +
            "exports.bare = require('./data');\n" +
            "exports.broken = () => require('./broken.json');\n",
          "data.json": '\uFEFF{"a":"marked"}',
          "broken.json": "\uFEFF{",
        },
      },
    },
    app: `
import { bare, broken, data } from "npm:bom-json@1";
export default [data, bare, (await failing(broken)).name];
`,
    answer: [{ a: "marked" }, { a: "marked" }, "SyntaxError"],
  },
  ...["bundleDependencies", "bundledDependencies"].map((field): PackageCase => ({
    name: `what a package brings along counts, as ${field}`,
    packages: {
      [`brings-${field.toLowerCase()}@1.0.0`]: {
        json: { dependencies: { within: "^1.0.0" }, [field]: ["within"] },
        files: {
          "index.js": "module.exports = require('within');\n",
          "node_modules/within/package.json":
            '{ "name": "within", "version": "1.0.0", "main": "m.js" }',
          "node_modules/within/m.js": "module.exports = 'brought along';\n",
        },
      },
    },
    app: `export { default } from "npm:brings-${field.toLowerCase()}@1";\n`,
    answer: "brought along",
  })),
  {
    name: "programs in packages can be executed, whatever they are written in",
    packages: {
      "files-tools@1.0.0": {
        executables: ["bin/shell", "bin/binary", "bin/script.js", "bin/node"],
        files: {
          "index.js": `
const { execFileSync } = require("node:child_process");
const { readFileSync, statSync } = require("node:fs");
const { join } = require("node:path");
const at = (name) => join(__dirname, "bin", name);
exports.shell = execFileSync(at("shell"), ["a"], { encoding: "utf8" });
exports.modes = ["shell", "binary", "script.js", "node", "data"].map((name) => statSync(at(name)).mode & 0o100);
exports.texts = ["shell", "binary", "data"].map((name) => readFileSync(at(name), "latin1"));
exports.node = require("./bin/node");
`,
          "bin/shell": "#!/bin/sh\n# import (nothing)\necho shell $1\n",
          "bin/binary": "\x7fELF\0import('x')\0",
          "bin/data": "import (this) is no program\n",
          "bin/script.js": "#!/usr/bin/env node\nimport('node:fs');\n",
          "bin/node": "module.exports = () => import('node:path');\n",
        },
      },
    },
    app: `
import { modes, node, shell, texts } from "npm:files-tools@1";
export default async () => [shell, modes, texts, typeof (await node()).join];
`,
  },
];
