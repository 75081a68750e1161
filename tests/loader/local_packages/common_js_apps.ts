/** Apps whose own JavaScript is CommonJS, as their `package.json` says. */

import { assertEquals } from "../../support/assert.ts";
import type { ServingLeg } from "../../worker/self_serving.ts";
import { startGateway } from "../../support/gateway.ts";

const FILES: Readonly<Record<string, string>> = {
  "package.json": '{ "type": "commonjs" }',
  "deno.json": "{}",
  "dist/main.js": `"use strict";
const http = require("node:http");
const { greeting } = require("./greeting");
async function begin() {
  await new Promise((resolve) => setTimeout(resolve, 50));
  http.createServer((_, res) => res.end(greeting)).listen(3000);
}
begin();
`,
  "dist/greeting.js": 'exports.greeting = "hello from CommonJS";\n',
  "ending.cjs": "module.exports = () => new Response('an ending');\n",
  "exported.js": "module.exports = () => new Response('a function');\n",
  "module.js": "export default () => new Response('a module');\n",
  // What is required first, and imported as well.
  "shared.js": "exports.greeting = 'run once';\n",
  "requiring.js": "exports.shared = require('./shared.js');\n",
  "both.js": `import requiring from "./requiring.js";
import shared from "./shared.js";
export default () => new Response(String(requiring.shared === shared && shared.greeting));
`,
  // The nearest package.json decides.
  "modern/package.json": '{ "type": "module" }',
  "modern/part.js": "globalThis.part = `no module: ${typeof module}`;\n",
  "nested.js": `import "./modern/part.js";
export default () => new Response(globalThis.part);
`,
};

/** Apps among these files, and what they answer. */
const APPS: Readonly<Record<string, string>> = {
  "dist/main.js": "hello from CommonJS",
  "ending.cjs": "an ending",
  "exported.js": "a function",
  "module.js": "a module",
  "both.js": "run once",
  "nested.js": "no module: undefined",
};

/** Registers the tests of one leg. */
export function commonJsAppTests({ name, command, args }: ServingLeg): void {
  Deno.test(`JavaScript is CommonJS where package.json says so, unless it is a module (${name})`, async (test) => {
    const folder = await Deno.makeTempDir();
    try {
      for (const name of ["dist", "modern"]) await Deno.mkdir(`${folder}/${name}`);
      for (const [name, text] of Object.entries(FILES)) {
        await Deno.writeTextFile(`${folder}/${name}`, text);
      }
      for (const [app, answer] of Object.entries(APPS)) {
        await test.step(app, async () => {
          await using gateway = await startGateway([`${folder}/${app}`, ...args], { command });
          assertEquals(await (await fetch(gateway.url)).text(), answer);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`each thread of a package beside the app can import, also the second one (${name})`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${folder}/node_modules/threads`, { recursive: true });
      for (const [name, text] of Object.entries(THREADS)) {
        await Deno.writeTextFile(`${folder}/${name}`, text);
      }
      await using gateway = await startGateway([`${folder}/app.mjs`, ...args], { command });
      for (const _ of ["first", "second"]) {
        assertEquals(await (await fetch(gateway.url)).text(), "imported");
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A project with a package that makes a thread, which imports as `real-require` does, for each call. */
const THREADS: Readonly<Record<string, string>> = {
  "package.json": '{ "dependencies": { "threads": "1" } }',
  "app.mjs": `import begin from "threads";
export default async () => new Response(await begin());`,
  "node_modules/threads/package.json": '{ "name": "threads", "version": "1.0.0" }',
  "node_modules/threads/index.js": `const { Worker } = require("node:worker_threads");
module.exports = () => new Promise((resolve, reject) => {
  const thread = new Worker(require("node:path").join(__dirname, "thread.js"));
  thread.on("error", (error) => resolve(error.message)).on("message", (message) => {
    thread.terminate();
    resolve(message);
  });
});`,
  "node_modules/threads/thread.js": `const { realImport } = require("./real.js");
realImport("node:worker_threads").then(({ parentPort }) => parentPort.postMessage("imported"));`,
  "node_modules/threads/real.js": `const realImport = new Function("path", "return import(path)");
module.exports = { realImport };`,
};
