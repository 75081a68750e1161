/** Threads that packages and apps make by `node:worker_threads`. */

import type { PackageCase } from "./case.ts";

/** `node:worker_threads`. */
export const WORKERS: readonly PackageCase[] = [
  {
    name: "packages have threads of CommonJS, of modules, of text, and of data: URLs",
    packages: {
      "threads@1.0.0": {
        json: { dependencies: { "threads-dep": "1", "threads-modern": "1" } },
        files: {
          "index.js": `
const { Worker, isMainThread } = require("node:worker_threads");
const path = require("node:path");
const go = (file, options) => new Promise((resolve) => {
  const worker = new Worker(file, options);
  const got = [];
  worker.postMessage("early");
  worker.on("message", (message) => got.push(message));
  worker.on("error", (error) => { got.push("ERROR " + error.message); });
  worker.on("exit", () => resolve(got));
});
exports.cjs = () => go(path.join(__dirname, "c.js"), { workerData: { a: [1] }, name: "named" });
exports.esm = () => go(path.join(__dirname, "m.mjs"));
exports.url = () => go(new URL("m.mjs", require("node:url").pathToFileURL(__filename)), { env: { ONLY: "x" } });
exports.text = () => go("require('node:worker_threads').parentPort.postMessage(['text', require('node:worker_threads').workerData, process.argv[1]])", { eval: true, workerData: 7 });
exports.data = () => go(new URL("data:text/javascript," + encodeURIComponent("import { parentPort } from 'node:worker_threads'; parentPort.postMessage('data')")));
exports.made = () => go(path.join(__dirname, "made.js"), { workerData: { file: require("node:url").pathToFileURL(path.join(__dirname, "late.js")).href } });
exports.throws = () => go(path.join(__dirname, "t.js"));
exports.port = async () => {
  const { port1, port2 } = new MessageChannel();
  const said = new Promise((resolve) => port1.onmessage = ({ data }) => { port1.close(); resolve(data); });
  const worker = new Worker(path.join(__dirname, "p.js"), { workerData: { port: port2, shared: new SharedArrayBuffer(4) }, transferList: [port2] });
  const message = await said;
  await worker.terminate();
  return [message, isMainThread];
};
`,
          "c.js": `
const { parentPort, workerData, isMainThread } = require("node:worker_threads");
parentPort.postMessage([require("threads-dep"), require("./part.js"), workerData, isMainThread, typeof require("threads-modern").modern, process.argv[1] === __filename]);
parentPort.once("message", (message) => parentPort.postMessage("heard " + message));
`,
          "made.js":
            "const load = new Function('modulePath', 'return import(modulePath)');\nconst { parentPort, workerData } = require('node:worker_threads');\n" +
            "load(workerData.file).then(({ default: late }) => parentPort.postMessage(late()));\n",
          "late.js": "const part = require('./part');\nmodule.exports = () => 'late ' + part;\n",
          "part.js": "module.exports = 'part';\n",
          "m.mjs": `
import dep from "threads-dep";
import part from "./part.js";
import { modern } from "threads-modern";
import { parentPort, workerData } from "node:worker_threads";
parentPort.postMessage([dep, part, modern, workerData ?? null, process.env.ONLY ?? null, (await import("./part.js")).default]);
parentPort.once("message", (message) => parentPort.postMessage("heard " + message));
`,
          "p.js":
            "const { workerData } = require('node:worker_threads');\nworkerData.port.postMessage(['by port', workerData.shared.byteLength]);\nsetInterval(() => {}, 1e6);\n",
          "t.js": "throw new RangeError('in a thread');\n",
        },
      },
      "threads-dep@1.0.0": { files: { "index.js": "module.exports = 'dep';\n" } },
      "threads-modern@1.0.0": {
        json: { type: "module", exports: "./index.js" },
        files: { "index.js": "export const modern = 'modern';\n" },
      },
    },
    app: `
import threads from "npm:threads@1";
export default async () => [await threads.cjs(), await threads.esm(), await threads.url(), await threads.text(), await threads.data(), await threads.port(), await threads.made()];
`,
  },
  {
    name: "apps have threads of Node of their own modules",
    packages: {},
    app: `
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
if (workerData === "within") parentPort!.postMessage(["from " + import.meta.url.split("/").at(-1), typeof Worker]);
export default () => isMainThread || workerData === null ? new Promise((resolve) => {
  const worker = new Worker(new URL(import.meta.url), { workerData: "within" });
  worker.on("message", (message) => { worker.terminate(); resolve(message); });
  worker.on("error", (error) => resolve("" + error));
}) : null;
`,
  },
];
