/** import.meta, and what stands beside a module. */

import type { Theme } from "./case.ts";

/** The smallest module of WebAssembly that adds two numbers: `add(a, b)`. */
// deno-fmt-ignore
export const ADD_WASM = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0,
  10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
]);

/** Imports `./host.js`.`log` and has `run()`, which calls it with 7. */
// deno-fmt-ignore
const HOST_WASM = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 2, 96, 1, 127, 0, 96, 0, 0, 2, 17, 1, 9, 46, 47, 104, 111, 115, 116, 46, 106, 115,
  3, 108, 111, 103, 0, 0, 3, 2, 1, 1, 7, 7, 1, 3, 114, 117, 110, 0, 1, 10, 8, 1, 6, 0, 65, 7, 16, 0, 11,
]);

/** import.meta of the source. */
export const META: Theme = {
  name: "import.meta",
  cases: [
    {
      name: "the app is the main module, and what it imports is not",
      files: {
        "app.ts": `
import { inner } from "./inner.js";
export default () => Response.json([import.meta.main, inner]);
`,
        "inner.js": "export const inner = import.meta.main;\n",
      },
      answer: [true, false],
      except: { native: "Deno's main module is gatehouse" },
    },
    {
      name: "url, dirname and filename are those of the source",
      files: {
        "app.ts": `
import { inner } from "./deep/er/inner.js";
const { url, dirname, filename } = import.meta;
export default () => Response.json({ app: { url, dirname, filename }, inner });
`,
        "deep/er/inner.js":
          `const { url, dirname, filename, main } = import.meta;\nexport const inner = { url, dirname, filename, main };\n`,
      },
      answer: {
        app: {
          url: "{base}/app.ts",
          dirname: "{folder}",
          filename: "{folder}/app.ts",
        },
        inner: {
          url: "{base}/deep/er/inner.js",
          dirname: "{folder}/deep/er",
          filename: "{folder}/deep/er/inner.js",
          main: false,
        },
      },
      remoteAnswer: {
        app: { url: "{base}/app.ts" },
        inner: { url: "{base}/deep/er/inner.js", main: false },
      },
    },
    {
      name: "import.meta has no prototype, is one object for a module, and can be written to",
      files: {
        "app.ts": `
const first = import.meta;
(import.meta as unknown as Record<string, unknown>).extra = 1;
export default () => Response.json({
  same: first === import.meta, proto: Object.getPrototypeOf(import.meta), keys: Object.keys(import.meta).sort(),
  resolve: typeof import.meta.resolve,
});
`,
      },
      answer: {
        same: true,
        proto: null,
        keys: ["dirname", "extra", "filename", "main", "resolve", "url"],
        resolve: "function",
      },
      remoteAnswer: {
        same: true,
        proto: null,
        keys: ["extra", "main", "resolve", "url"],
        resolve: "function",
      },
    },
    {
      name: "resolve() resolves what is relative, absolute, of node or of a package",
      files: {
        "app.ts": `
import { nested } from "./lib/nested.ts";
const { resolve } = import.meta;
export default () => Response.json([
  resolve("./a.ts"), resolve("./lib/../b.ts"), resolve("/c.ts") === new URL("/c.ts", "{base}").href, import.meta.resolve("https://example.com/x/../y.ts?q#f"),
  resolve("node:fs"), resolve("data:text/javascript,1"), resolve("npm:left-pad@1"), resolve("jsr:@std/x@1/y"), nested,
]);
`,
        "lib/nested.ts":
          `export const nested = [import.meta.resolve("./x.ts"), import.meta.resolve("../x.ts")];\n`,
      },
      answer: [
        "{base}/a.ts",
        "{base}/b.ts",
        true,
        "https://example.com/y.ts?q#f",
        "node:fs",
        "data:text/javascript,1",
        "npm:left-pad@1",
        "jsr:@std/x@1/y",
        ["{base}/lib/x.ts", "{base}/x.ts"],
      ],
    },
    {
      name: "resolve() goes through the import map",
      place: "local",
      files: {
        "deno.json":
          `{ "imports": { "bare": "./lib/bare.ts", "dir/": "{site}/dir/", "https://example.com/": "./mirror/" }, "scopes": { "./lib/": { "bare": "./scoped.ts" } } }`,
        "app.ts":
          `import { nested } from "./lib/nested.ts";\nexport default () => Response.json([...["bare", "dir/x.ts", "https://example.com/a.ts"].map((s) => import.meta.resolve(s)), nested]);\n`,
        "lib/nested.ts": `export const nested = import.meta.resolve("bare");\n`,
      },
      answer: [
        "{base}/lib/bare.ts",
        "{site}/dir/x.ts",
        "{base}/mirror/a.ts",
        "{base}/scoped.ts",
      ],
    },
    {
      name: "resolve() throws a TypeError for a bare specifier that nothing maps",
      files: {
        "app.ts": `
const caught = (() => { try { return import.meta.resolve("nothing-maps-this"); } catch (error) { return error as Error; } })() as Error;
export default () => Response.json({ name: caught.name, names: caught.message.includes("nothing-maps-this") });
`,
      },
      answer: { name: "TypeError", names: true },
    },
    {
      name: "resolve() makes a text of its argument",
      files: {
        "app.ts": `
// deno-lint-ignore no-explicit-any
const resolve = import.meta.resolve as any;
export default () => Response.json([resolve({ toString: () => "./a.ts" }), resolve(new URL("./b.ts", import.meta.url))]);
`,
      },
      answer: ["{base}/a.ts", "{base}/b.ts"],
    },
    {
      name: "data beside the module is read by its URL",
      files: {
        "app.ts": `
const url = new URL("./data/words.txt", import.meta.url);
const text = await (await fetch(url)).text();
const inner = await (await import("./sub/reader.ts")).read();
export default () => Response.json({ text, inner });
`,
        "data/words.txt": "héllo words\n",
        "sub/reader.ts":
          `export const read = async () => (await fetch(new URL("../data/words.txt", import.meta.url))).text();\n`,
      },
      answer: { text: "héllo words\n", inner: "héllo words\n" },
    },
    {
      name: "files beside a local module are read by URL and by path",
      place: "local",
      files: {
        "app.ts": `
import { readFileSync } from "node:fs";
export default async () => Response.json([
  Deno.readTextFileSync(new URL("./data.txt", import.meta.url)), await Deno.readTextFile(import.meta.dirname + "/data.txt"),
  readFileSync(new URL("./data.txt", import.meta.url), "utf8"),
]);
`,
        "data.txt": "data",
      },
      answer: ["data", "data", "data"],
    },
    {
      name: "WebAssembly is fetched from beside the module",
      files: {
        "app.ts": `
const url = new URL("./add.wasm", import.meta.url);
const { instance } = await WebAssembly.instantiate(await (await fetch(url)).arrayBuffer());
export default () => Response.json((instance.exports.add as (a: number, b: number) => number)(2, 3));
`,
        "add.wasm": { body: ADD_WASM },
      },
      answer: 5,
    },
    {
      name: "WebAssembly streams from a server",
      place: "remote",
      files: {
        "app.ts": `
const { instance } = await WebAssembly.instantiateStreaming(fetch(new URL("add.wasm", import.meta.url)));
export default () => Response.json((instance.exports.add as (a: number, b: number) => number)(2, 3));
`,
        "add.wasm": { body: ADD_WASM },
      },
      answer: 5,
    },
    {
      name: "WebAssembly is imported, statically and dynamically, as one instance",
      files: {
        "app.ts": `
import { add } from "./add.wasm";
import * as all from "./add.wasm";
const again = await import("./add.wasm");
export default () => Response.json({ five: add(2, 3), names: Object.keys(all), same: again === all });
`,
        "add.wasm": { body: ADD_WASM },
      },
      answer: { five: 5, names: ["add"], same: true },
    },
    {
      name: "WebAssembly imports from modules",
      files: {
        "app.ts": `
import { run } from "./host.wasm";
import { seen } from "./host.js";
run();
export default () => Response.json(seen);
`,
        "host.wasm": { body: HOST_WASM },
        "host.js": `export const seen = [];\nexport const log = (x) => void seen.push(x);\n`,
      },
      answer: [7],
    },
    {
      name: "new Worker takes a module beside the app's",
      files: {
        "app.ts": `
const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const answer = await new Promise((resolve) => { worker.onmessage = (event) => resolve(event.data); });
worker.terminate();
export default () => Response.json(answer);
`,
        "worker.ts":
          `import { value } from "./value.ts";\nself.postMessage({ value, url: import.meta.url } as const);\n`,
        "value.ts": `export const value: number = 3;\n`,
      },
      answer: { value: 3, url: "{base}/worker.ts" },
    },
  ],
};
