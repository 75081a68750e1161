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
];
