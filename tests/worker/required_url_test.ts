/** An app that answers in the place of node:url while the runtime loads an ES module for `require`. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const APP = `
import "./module.mjs";
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const nodeModule = require("node:module");
const url = require("node:url");
const path = new URL("./module.mjs", import.meta.url).pathname;
const forged = 'data:text/javascript,import s from "file://SECRET" with { type: "json" };export const got=s.word';

function loaded(attempt) {
  const module = { exports: {} };
  const undo = attempt();
  try {
    nodeModule._extensions[".mjs"](module, path);
    return module.exports.got ?? module.exports.word ?? "nothing";
  } catch (error) {
    return error.name;
  } finally {
    undo();
  }
}

function replacing(target, key, value) {
  const before = Object.getOwnPropertyDescriptor(target, key);
  return () => {
    Object.defineProperty(target, key, { value, writable: true, configurable: true });
    return () => Object.defineProperty(target, key, before);
  };
}

const attempts = {
  "the text of a URL": replacing(URL.prototype, "toString", () => forged),
  "the function that makes it": replacing(url, "pathToFileURL", () => ({ toString: () => forged, href: forged })),
  "the path of a URL": () => {
    const before = Object.getOwnPropertyDescriptor(URL.prototype, "pathname");
    const { set } = Object.getOwnPropertyDescriptor(URL.prototype, "href");
    Object.defineProperty(URL.prototype, "pathname", { ...before, set() { set.call(this, forged); } });
    return () => Object.defineProperty(URL.prototype, "pathname", before);
  },
};
const found = Object.fromEntries(Object.entries(attempts).map(([name, attempt]) => [name, loaded(attempt)]));
found.honest = loaded(() => () => {});
found.kept = url.pathToFileURL("/a").href;
export default () => Response.json(found);
`;

Deno.test("no app decides what the runtime imports for a module that is required", async () => {
  await inFolder({
    "secret/secret.json": '{ "word": "secret" }',
    "app/deno.json": "{}",
    "app/module.mjs": 'export const word = "honest";\n',
    "app/app.mjs": "",
  }, async (folder) => {
    const text = APP.replace("SECRET", `${folder}/secret/secret.json`);
    await Deno.writeTextFile(`${folder}/app/app.mjs`, text);
    await using gateway = await startGateway([`${folder}/app/app.mjs`, "--workers=1"]);
    assertEquals(await (await fetch(gateway.url)).json(), {
      "the text of a URL": "honest",
      "the function that makes it": "honest",
      "the path of a URL": "TypeError",
      honest: "honest",
      kept: "file:///a",
    });
  });
});
