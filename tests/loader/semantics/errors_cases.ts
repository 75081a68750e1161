/** What users meet when an app cannot be loaded: one readable message each. */

import type { Theme } from "./case.ts";

const APP = `export default () => Response.json(1);\n`;

/** Errors at start. */
export const ERRORS: Theme = {
  name: "errors",
  cases: [
    {
      name: "an app that is not there is named",
      atStart: true,
      entry: "nothing_here.ts",
      files: { "app.ts": APP },
      fails: ["{base}/nothing_here.ts", /not found|no such file|404/i],
    },
    {
      name: "a dependency that is not there is named with its importer",
      files: {
        "app.ts": `import "./lib/mod.ts";\n${APP}`,
        "lib/mod.ts": `export {};\n\nimport "./nothing_here.ts";\n`,
      },
      fails: ["{base}/lib/nothing_here.ts", /not found|no such file|404/i, "{base}/lib/mod.ts:3"],
    },
    {
      name: "a server's refusal is told with its status",
      place: "remote",
      files: {
        "app.ts": `import "./forbidden.ts";\n${APP}`,
        "forbidden.ts": { body: "no", status: 403 },
      },
      fails: ["{base}/forbidden.ts", /403|forbidden/i],
    },
    {
      name: "a server that fails is told with its status",
      place: "remote",
      files: { "app.ts": { body: "oh", status: 500 } },
      fails: ["{base}/app.ts", /500|internal server error/i],
    },
    {
      name: "a server that cannot be reached is named",
      place: "remote",
      files: { "app.ts": `import "http://127.0.0.1:2/nobody.ts";\n${APP}` },
      fails: ["http://127.0.0.1:2/nobody.ts", /refused|connect/i, "{base}/app.ts"],
    },
    {
      name: "redirects without end are told",
      place: "remote",
      files: {
        "app.ts": `import "./round.ts";\n${APP}`,
        "round.ts": { redirect: "{base}/round.ts" },
      },
      fails: ["{base}/round.ts"],
      failsOwn: [/redirect/i],
    },
    {
      name: "a server that speaks no TLS is told",
      place: "remote",
      files: {
        "app.ts": `import { five } from "./tls.ts";\nexport default () => Response.json(five);\n`,
        "tls.ts": { redirect: "https://127.0.0.1:{port}/tls.ts" },
      },
      fails: ["https://127.0.0.1:{port}/tls.ts", /tls|certificate|handshake|corrupt|ssl/i],
    },
    {
      name: "a syntax error in the app is told with its place and a code frame",
      atStart: true,
      files: {
        "app.ts": `export const fine: number = 1;\nexport const broken: = 2;\n${APP}`,
      },
      fails: ["{base}/app.ts:2:22"],
      failsOwn: [/^\s*2 ?\| export const broken: = 2;$/m, /^[ |]*\^/m],
    },
    {
      name: "a syntax error in JavaScript is told with its place and a code frame",
      entry: "app.js",
      files: { "app.js": `const fine = 1;\nconst broken = [1, 2;\n${APP}` },
      fails: ["{base}/app.js:2:21"],
      failsOwn: [/^\s*2 ?\| const broken = \[1, 2;$/m, /^[ |]*\^/m],
    },
    {
      name: "a syntax error in a dependency is told with its place and a code frame",
      files: {
        "app.ts": `import "./lib/dep.ts";\n${APP}`,
        "lib/dep.ts": `\n\n  function () {}\n`,
      },
      fails: ["{base}/lib/dep.ts:3:1"],
      failsOwn: ["function () {}", /^[ |]*\^/m],
    },
    {
      name: "types in a JavaScript module are a syntax error",
      entry: "app.js",
      files: { "app.js": `const n: number = 1;\n${APP}` },
      fails: ["{base}/app.js:1:"],
    },
    {
      name: "what only V8 refuses is told with its place",
      files: {
        "app.ts": `import "./dep.js";\n${APP}`,
        "dep.js": `export const a = 1;\nexport const regex = /(/;\n`,
      },
      fails: ["{base}/dep.js:2"],
    },
    {
      name: "a name declared twice is told with its place",
      files: {
        "app.ts": `import "./dep.js";\n${APP}`,
        "dep.js": `export const a = 1;\nconst a = 2;\n`,
      },
      fails: ["{base}/dep.js:2:7", /\ba\b/],
    },
    {
      name: "an export that is missing is named with both modules",
      files: {
        "app.ts":
          `import { value } from "./lib/mod.ts";\nexport default () => Response.json(value);\n`,
        "lib/mod.ts": `export { absent as value } from "./inner.js";\n`,
        "lib/inner.js": `export const present = 1;\n`,
      },
      fails: ["absent", "inner.js", "{base}/lib/mod.ts"],
      failsOwn: ["{base}/lib/inner.js", "{base}/lib/mod.ts"],
    },
    {
      name: "a default export that is missing is named",
      files: {
        "app.ts": `import mod from "./mod.js";\nexport default () => Response.json(mod);\n`,
        "mod.js": `export const present = 1;\n`,
      },
      fails: ["default", "mod.js", "{base}/app.ts"],
      failsOwn: ["{base}/mod.js"],
    },
    {
      name: "a name that two modules export is ambiguous, and told",
      files: {
        "app.ts": `import { both } from "./all.js";\nexport default () => Response.json(both);\n`,
        "all.js": `export * from "./one.js";\nexport * from "./two.js";\n`,
        "one.js": `export const both = 1;\n`,
        "two.js": `export const both = 2;\n`,
      },
      fails: ["both", "all.js", "{base}/app.ts"],
    },
    {
      name: "a name that leads round a cycle is told",
      files: {
        "app.ts": `import { name } from "./a.js";\nexport default () => Response.json(name);\n`,
        "a.js": `export { name } from "./b.js";\n`,
        "b.js": `export { name } from "./a.js";\n`,
      },
      fails: ["name", /[ab]\.js/],
    },
    {
      name: "a wrong name in a cycle is told",
      files: {
        "app.ts": `import { a } from "./a.js";\nexport default () => Response.json(a);\n`,
        "a.js": `import { wrong } from "./b.js";\nexport const a = () => wrong;\n`,
        "b.js": `import { a } from "./a.js";\nexport const right = () => a;\n`,
      },
      fails: ["wrong", "b.js", "{base}/a.js"],
    },
    {
      name: "a page of HTML is no module",
      place: "remote",
      files: {
        "app.ts": `import "./page";\n${APP}`,
        "page": { body: "<!doctype html>\n<p>Sign in</p>\n", contentType: "text/html" },
      },
      fails: ["{base}/page"],
      failsOwn: [/HTML|text\/html/],
    },
    {
      name: "a file of an unknown kind is no module",
      files: {
        "app.ts": `import "./style.css";\n${APP}`,
        "style.css": { body: "a {}", contentType: "text/css" },
      },
      fails: ["{base}/style.css"],
    },
    {
      name: "JSON without its type is told what it needs",
      files: {
        "app.ts": `import data from "./data.json";\nexport default () => Response.json(data);\n`,
        "data.json": `{}`,
      },
      fails: [/type: "json"|"type": "json"/, "{base}/"],
      failsOwn: ["{base}/data.json"],
    },
    {
      name: "JSON that is broken is told with its URL",
      files: {
        "app.ts":
          `import data from "./data.json" with { type: "json" };\nexport default () => Response.json(data);\n`,
        "data.json": `{ "a": 1,\n  b }`,
      },
      fails: [/JSON/, /data\.json|app\.ts/],
      failsOwn: ["{base}/data.json"],
    },
    {
      name: "a type that is no JSON is told",
      files: {
        "app.ts":
          `import data from "./mod.ts" with { type: "json" };\nexport default () => Response.json(data);\n`,
        "mod.ts": `export default 1;\n`,
      },
      fails: ["{base}/mod.ts", /json/i],
    },
    {
      name: "a type of import that there is none of is named",
      except: { native: "with --unstable-raw-imports, Deno takes any type" },
      files: {
        "app.ts":
          `import data from "./a.css" with { type: "css" };\nexport default () => Response.json(data);\n`,
        "a.css": { body: "a {}", contentType: "text/css" },
      },
      fails: ["css", "{base}/"],
    },
    {
      name: "a bare specifier that nothing maps is told what maps do",
      files: {
        "app.ts": `\nimport { z } from "no-such-thing";\nexport default () => Response.json(z);\n`,
      },
      fails: ["no-such-thing", /import map|deno\.json/i, "{base}/app.ts"],
      failsOwn: ["{base}/app.ts:2"],
    },
    {
      name: "a relative path without its extension is not found",
      files: {
        "app.ts": `import { x } from "./lib";\nexport default () => Response.json(x);\n`,
        "lib.ts": `export const x = 1;\n`,
      },
      fails: ["{base}/lib", /not found|no such file|404/i, "{base}/app.ts"],
    },
    {
      name: "a remote module may not import a local one",
      place: "remote",
      files: {
        "app.ts": `import "./lib.ts";\n${APP}`,
        "lib.ts": `import "file:///etc/hosts.ts";\n`,
      },
      fails: ["file:///etc/hosts.ts", "{base}/lib.ts"],
    },
    {
      name: "a scheme that is unknown is named",
      files: { "app.ts": `import "weird:thing";\n${APP}` },
      fails: ["weird:thing", "{base}/app.ts"],
    },
    {
      name: "a module of node that there is none of is named",
      files: { "app.ts": `import "node:nothing_here";\n${APP}` },
      fails: ["node:nothing_here", "{base}/app.ts"],
    },
    {
      name: "http: is for this machine only",
      place: "remote",
      files: { "app.ts": `import "http://gatehouse.invalid/x.ts";\n${APP}` },
      fails: ["http://gatehouse.invalid/x.ts"],
      failsOwn: [/--allow-insecure-import/],
    },
    {
      name: "an error thrown at load is told with its place",
      atStart: true,
      files: {
        "app.ts": `import "./lib/throws.ts";\n${APP}`,
        "lib/throws.ts":
          `interface Gone { a: 1 }\n\nexport const x: number = check(1);\nfunction check(n: number): number {\n  throw new RangeError("on purpose " + n);\n}\n`,
      },
      fails: ["RangeError", "on purpose 1", "{base}/lib/throws.ts:5:9"],
    },
    {
      name: "an error of top-level await is told with its place",
      files: {
        "app.ts": `type Gone = 1;\nawait Promise.resolve();\nthrow new Error("awaited");\n${APP}`,
      },
      fails: ["awaited", "{base}/app.ts:3:7"],
    },
    {
      name: "an app that may not is told which option lets it",
      place: "remote",
      permissions: "default",
      files: { "app.ts": `Deno.readTextFileSync("/etc/hostname");\n${APP}` },
      fails: ["{base}/app.ts:1", /read access/i],
      failsOwn: ["--app-allow-read"],
    },
    {
      name: "a module without a default export is told what it exports",
      files: { "app.ts": `export const handler = () => Response.json(1);\nexport type T = 1;\n` },
      fails: ["{base}/app.ts", "default export", "handler"],
    },
  ],
};
