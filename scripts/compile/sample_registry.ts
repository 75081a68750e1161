/**
 * A registry of npm with a few small packages, so that what loads packages is part of the code that V8 makes.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";

/** Bytes of a header, and what contents are filled up to. */
const BLOCK_BYTES = 512;

/** What an app imports of it. */
export const SAMPLE_PACKAGE = "npm:sample-module@^1.0.0";

/** Files of the packages, by name. */
const PACKAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "sample-module": {
    "package.json": `{ "name": "sample-module", "version": "1.0.0", "type": "module",
  "exports": { ".": { "import": "./main.js" } }, "dependencies": { "sample-script": "^1.0.0" } }`,
    "main.js": `import { part } from "./part.js";
import script from "sample-script";
export { part };
export const later = () => import("./part.js");
export default script;
`,
    "part.js": 'export * from "./names.js";\nexport const part = "part";\n',
    "names.js": "export const a = 1;\n",
  },
  "sample-script": {
    "package.json": '{ "name": "sample-script", "version": "1.0.0", "main": "main.js" }',
    "main.js": `"use strict";
const part = require("./part");
exports.part = part;
exports.later = () => import("./part.js");
`,
    "part.js": "module.exports = 1;\n",
  },
};

/** Serves the packages on 127.0.0.1. */
export function serveSamples(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const { pathname, origin } = new URL(url);
    const [, name, isArchive] = /^\/([\w-]+?)(\.tgz)?$/.exec(pathname) ?? [];
    if (name === undefined || !Object.hasOwn(PACKAGES, name)) {
      return new Response(null, { status: 404 });
    }
    const archive = archiveOf(PACKAGES[name]);
    if (isArchive !== undefined) return new Response(archive);
    const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
    const dist = { tarball: `${origin}/${name}.tgz`, integrity };
    const manifest = { ...JSON.parse(PACKAGES[name]["package.json"]), dist };
    return Response.json({
      name,
      "dist-tags": { latest: "1.0.0" },
      versions: { "1.0.0": manifest },
    });
  });
}

/** An archive as `npm pack` makes them (POSIX.1, pax: ustar). */
function archiveOf(files: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const blocks = Object.entries(files).flatMap(([path, text]) => {
    const content = new TextEncoder().encode(text);
    const filled = new Uint8Array(Math.ceil(content.length / BLOCK_BYTES) * BLOCK_BYTES);
    filled.set(content);
    return [header(`package/${path}`, content.length), filled];
  });
  const end = new Uint8Array(2 * BLOCK_BYTES);
  return new Uint8Array(gzipSync(new Uint8Array(blocks.concat(end).flatMap((each) => [...each]))));
}

function header(path: string, sizeBytes: number): Uint8Array {
  const fields = new Map([
    [0, path],
    [100, "0000644\0"],
    [124, `${sizeBytes.toString(8).padStart(11, "0")}\0`],
    [136, "00000000000\0"],
    // The checksum counts as blanks while it is made.
    [148, "        "],
    [156, "0"],
    [257, "ustar\x0000"],
  ]);
  const bytes = new Uint8Array(BLOCK_BYTES);
  const write = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  for (const [at, text] of fields) write(at, text);
  const sum = bytes.reduce((sum, byte) => sum + byte, 0);
  write(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}
