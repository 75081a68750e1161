/** Which globals packages have, and which apps. */

import type { PackageCase } from "./case.ts";

const LOOK = `
const kind = (value) => value === null ? "null" : typeof value === "object" ? value.constructor?.name : typeof value;
const timer = setTimeout(() => {}, 1e6), interval = setInterval(() => {}, 1e6);
const look = () => ({
  timers: [kind(timer), typeof timer.unref, kind(interval), typeof interval.unref],
  immediate: kind(setImmediate(() => {})), same: typeof global === "undefined" ? null : global === globalThis,
  types: [typeof global, typeof Buffer, typeof process, typeof setImmediate, typeof clearImmediate, typeof window, typeof self, typeof Deno],
  members: [typeof globalThis.setTimeout(() => {}, 0), typeof globalThis.Buffer, typeof globalThis.process, typeof globalThis.global, globalThis.setTimeout === setTimeout, typeof globalThis.clearTimeout],
  process: [typeof process?.version, process === globalThis.process], buffer: Buffer === globalThis.Buffer,
  own: Object.hasOwn(globalThis, "setTimeout"), shadow: ((setTimeout) => setTimeout)(7), named: { setTimeout }.setTimeout === setTimeout,
});
const fired = () => new Promise((resolve) => { const log = []; const id = setTimeout(() => log.push("never"), 1); clearTimeout(id);
  const number = setTimeout(() => log.push("never"), 1); clearTimeout(Number(number)); setTimeout((a) => { log.push(a); resolve(log); }, 5, "fired").ref?.(); });
clearTimeout(timer); clearInterval(interval);
`;

/** Globals. */
export const GLOBALS: readonly PackageCase[] = [
  {
    name: "packages have the globals of Node, whether they are CommonJS or modules",
    packages: {
      "globals-cjs@1.0.0": {
        files: { "index.js": `${LOOK}\nexports.look = look;\nexports.fired = fired;\n` },
      },
      "globals-esm@1.0.0": {
        json: { type: "module", exports: "./index.js" },
        files: { "index.js": `${LOOK}\nexport { fired, look };\n` },
      },
    },
    app: `
import cjs from "npm:globals-cjs@1";
import * as esm from "npm:globals-esm@1";
export default async () => ({ cjs: cjs.look(), esm: esm.look(), fired: [await cjs.fired(), await esm.fired()] });
`,
  },
  {
    name: "apps have the globals of the web",
    packages: {},
    app: `// deno-lint-ignore-file
// @ts-nocheck
${LOOK}
export default async () => ({ ...look(), fired: await fired() });
`,
  },
];
