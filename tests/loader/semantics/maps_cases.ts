/** Import maps, and the deno.json beside a local app. */

import type { Theme } from "./case.ts";

/** A module that tells its URL. */
const TELLS = `export const url: string = import.meta.url;\n`;

/** Why `deno run` cannot do it. */
const NO_PACKAGE = "the package is gatehouse's own";

/** Modules that are named by maps. */
export const MAPS: Theme = {
  name: "import maps",
  cases: [
    {
      name: "--import-map FILE maps names, prefixes and URLs, for all modules of the app",
      place: "local",
      args: ["--import-map={folder}/maps/map.json"],
      files: {
        "maps/map.json": `{ "imports": {
          "lib": "../lib/mod.ts", "lib/": "../lib/", "lib/special": "../lib/special_one.ts",
          "https://example.com/x.ts": "../lib/x.ts", "https://example.com/dir/": "{site}/lib/", "#inner": "../lib/inner.ts",
          "../app_dep.ts": "../lib/replaced.ts", "node-path": "node:path"
        } }`,
        "app.ts": `
import { url as lib } from "lib";
import { url as below } from "lib/deep/below.ts";
import { url as special } from "lib/special";
import { url as x } from "https://example.com/x.ts";
import { url as dir } from "https://example.com/dir/mod.ts";
import { url as hash } from "#inner";
import { url as replaced } from "./app_dep.ts";
import { inner } from "{site}/lib/uses_map.ts";
import { sep } from "node-path";
const dynamic = await import("li" + "b");
export default () => Response.json({ lib, below, special, x, dir, hash, replaced, inner, sep, dynamic: dynamic.url });
`,
        "lib/mod.ts": TELLS,
        "lib/deep/below.ts": TELLS,
        "lib/special_one.ts": TELLS,
        "lib/x.ts": TELLS,
        "lib/inner.ts": TELLS,
        "lib/replaced.ts": TELLS,
        "lib/uses_map.ts": `export { url as inner } from "#inner";\n`,
      },
      answer: {
        lib: "{base}/lib/mod.ts",
        below: "{base}/lib/deep/below.ts",
        special: "{base}/lib/special_one.ts",
        x: "{base}/lib/x.ts",
        dir: "{site}/lib/mod.ts",
        hash: "{base}/lib/inner.ts",
        replaced: "{base}/lib/replaced.ts",
        inner: "{base}/lib/inner.ts",
        sep: "/",
        dynamic: "{base}/lib/mod.ts",
      },
    },
    {
      name: "--import-map URL is relative to where the map is",
      args: ["--import-map={site}/maps/map.json"],
      files: {
        "maps/map.json": `{ "imports": { "lib": "./lib.ts" } }`,
        "maps/lib.ts": TELLS,
        "app.ts": `import { url } from "lib";\nexport default () => Response.json(url);\n`,
      },
      answer: "{site}/maps/lib.ts",
    },
    {
      name: "scopes are for the modules below them, the longest first, then the imports",
      place: "local",
      args: ["--import-map={folder}/map.json"],
      files: {
        "map.json":
          `{ "imports": { "a": "./a1.ts", "b": "./b1.ts" }, "scopes": { "./in/": { "a": "./a2.ts" }, "./in/deep/": { "a": "./a3.ts" }, "{site}/": { "a": "./a4.ts" }, "./in/one.ts": { "b": "./b2.ts" } } }`,
        "app.ts": `
import { url } from "a";
import * as one from "./in/one.ts";
import * as two from "./in/deep/two.ts";
import * as far from "{site}/far.ts";
export default () => Response.json([url, one, two, far]);
`,
        "in/one.ts": `export { url as a } from "a";\nexport { url as b } from "b";\n`,
        "in/deep/two.ts": `export { url as a } from "a";\nexport { url as b } from "b";\n`,
        "far.ts": `export { url as a } from "a";\n`,
        "a1.ts": TELLS,
        "a2.ts": TELLS,
        "a3.ts": TELLS,
        "a4.ts": TELLS,
        "b1.ts": TELLS,
        "b2.ts": TELLS,
      },
      answer: [
        "{base}/a1.ts",
        { a: "{base}/a2.ts", b: "{base}/b2.ts" },
        { a: "{base}/a3.ts", b: "{base}/b1.ts" },
        { a: "{base}/a4.ts" },
      ],
    },
    {
      name: "deno.json beside the app maps imports and scopes",
      place: "local",
      files: {
        "deno.json":
          `{ "imports": { "@/": "./src/", "lib": "./src/lib.ts" }, "scopes": { "./src/": { "lib": "./src/other.ts" } } }`,
        "app.ts":
          `import { url } from "lib";\nimport { inner } from "@/inner.ts";\nexport default () => Response.json([url, inner]);\n`,
        "src/lib.ts": TELLS,
        "src/other.ts": TELLS,
        "src/inner.ts": `export { url as inner } from "lib";\n`,
      },
      answer: ["{base}/src/lib.ts", "{base}/src/other.ts"],
    },
    {
      name: "deno.jsonc may have comments and commas at the end",
      place: "local",
      files: {
        "deno.jsonc":
          `// settings\n{\n  /* the map: "lib" */\n  "imports": {\n    "lib": "./lib.ts", // "lib": "./nothing.ts"\n    "url": "{site}/lib.ts", // https://example.com\n  },\n}\n`,
        "app.ts":
          `import { url } from "lib";\nimport { url as far } from "url";\nexport default () => Response.json([url, far]);\n`,
        "lib.ts": TELLS,
      },
      answer: ["{base}/lib.ts", "{site}/lib.ts"],
    },
    {
      name: "deno.json names the file of the import map",
      place: "local",
      files: {
        "deno.json": `{ "importMap": "./maps/map.json" }`,
        "maps/map.json": `{ "imports": { "lib": "../lib.ts" } }`,
        "app.ts": `import { url } from "lib";\nexport default () => Response.json(url);\n`,
        "lib.ts": TELLS,
      },
      answer: "{base}/lib.ts",
    },
    {
      name: "an import map on the command line takes the place of that of deno.json",
      place: "local",
      args: ["--import-map={folder}/map.json"],
      files: {
        "deno.json":
          `{ "imports": { "lib": "./one.ts" }, "compilerOptions": { "jsx": "react", "jsxFactory": "h" } }`,
        "map.json": `{ "imports": { "lib": "./two.ts" } }`,
        "app.tsx":
          `import { url } from "lib";\nconst h = (...args: unknown[]) => args;\nexport default () => Response.json([url, <a />]);\n`,
        "one.ts": TELLS,
        "two.ts": TELLS,
      },
      entry: "app.tsx",
      answer: ["{base}/two.ts", ["a", null]],
    },
    {
      name: "deno.json in a folder above the app is found",
      place: "local",
      entry: "src/server/app.ts",
      files: {
        "deno.json": `{ "imports": { "lib": "./lib.ts" } }`,
        "src/server/app.ts":
          `import { url } from "lib";\nexport default () => Response.json(url);\n`,
        "lib.ts": TELLS,
      },
      answer: "{base}/lib.ts",
    },
    {
      name:
        "deno.json is for the remote modules of a local app, too, and compilerOptions are as well",
      place: "local",
      files: {
        "deno.json":
          `{ "imports": { "lib": "./lib.ts" }, "compilerOptions": { "experimentalDecorators": true } }`,
        "app.ts":
          `import { inner, args } from "{site}/far.ts";\nexport default () => Response.json([inner, args]);\n`,
        "far.ts":
          `export { url as inner } from "lib";\nexport let args = 0;\nfunction d(...all: unknown[]) { args = all.length; }\nexport class A { @d method() {} }\n`,
        "lib.ts": TELLS,
      },
      answer: ["{base}/lib.ts", 3],
    },
    {
      name: "deno.json beside a remote app is none of its business",
      place: "remote",
      files: {
        "deno.json": `{ "imports": { "lib": "./lib.ts" } }`,
        "app.ts": `import { url } from "lib";\nexport default () => Response.json(url);\n`,
        "lib.ts": TELLS,
      },
      fails: ["lib", "{base}/app.ts"],
    },
    {
      name: "a map that blocks a name, or leads out of its prefix, says so",
      place: "local",
      args: ["--import-map={folder}/map.json"],
      files: {
        "map.json": `{ "imports": { "blocked": null, "fine": "./fine.ts" } }`,
        "app.ts":
          `import { url } from "fine";\nimport "blocked";\nexport default () => Response.json(url);\n`,
        "fine.ts": TELLS,
      },
      fails: ["blocked", "{base}/app.ts"],
    },
    {
      name: "an import map that is missing is named",
      place: "local",
      args: ["--import-map={folder}/nothing_here.json"],
      files: { "app.ts": `export default () => Response.json(1);\n` },
      except: { native: "Deno does not begin to run gatehouse" },
      fails: ["nothing_here.json"],
    },
    {
      name: "gatehouse has of its package what apps can use, under the names of its package",
      except: { native: NO_PACKAGE },
      files: {
        "app.ts": `
import { eventStream } from "gatehouse/events";
import * as whole from "@gatehouse/gatehouse";
import type { Context } from "gatehouse";
const name = "@gatehouse/gatehouse/events";
const late = await import(name);
const known = await import("gatehouse");
const { eventText } = await import("jsr:@gatehouse/gatehouse@^0.1.0/events");
const response = eventStream(new Request("http://localhost/"), ["a", { id: "1", data: [2] }]);
const text = await response.text();
export default (_: Request, { endpoint }: Context) =>
  Response.json([Object.keys(whole), late === whole, known === whole, eventText("b"), text, endpoint]);
`,
      },
      answer: [
        ["contextOf", "eventStream", "eventText"],
        true,
        true,
        "data: b\n\n",
        ":\n\ndata: a\n\nid: 1\ndata: [2]\n\n",
        "http",
      ],
    },
    {
      name: "what else gatehouse's package has is not for apps",
      except: { native: NO_PACKAGE },
      files: {
        "app.ts":
          `import { serve } from "gatehouse";\nexport default () => Response.json(typeof serve);\n`,
      },
      fails: ["{base}/app.ts", /'gatehouse:app' does not provide an export named 'serve'/],
    },
    {
      name: "a map says what the names of gatehouse's package mean",
      place: "local",
      files: {
        "deno.json": `{ "imports": { "gatehouse/events": "./own.ts" } }`,
        "app.ts":
          `import { url } from "gatehouse/events";\nexport default () => Response.json(url);\n`,
        "own.ts": TELLS,
      },
      answer: "{base}/own.ts",
    },
    {
      name: "so does a package of that name beside the app",
      except: { native: "Deno's loader looks for none beside a file of another program" },
      place: "local",
      files: {
        "package.json": `{ "type": "module" }`,
        "app.ts":
          `import { url } from "gatehouse/events";\nexport default () => Response.json(url);\n`,
        "node_modules/gatehouse/package.json":
          `{ "name": "gatehouse", "type": "module", "exports": { "./events": "./own.js" } }`,
        "node_modules/gatehouse/own.js": TELLS.replace(": string", ""),
      },
      answer: "{base}/node_modules/gatehouse/own.js",
    },
  ],
};
