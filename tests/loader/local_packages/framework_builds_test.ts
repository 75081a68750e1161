import { startGateway } from "../../support/gateway.ts";
import { assertEquals } from "../../support/assert.ts";
import { LoaderLab } from "../../support/loader_lab.ts";

/** What frameworks make of a project, in small: what the module that is served does, and what it needs. */
interface Build {
  readonly files: Readonly<Record<string, string>>;
  readonly app: string;
}

const NODE_SERVER = `import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
export const served = (files, render) => createServer(async (req, res) => {
  if (req.url.endsWith("/robots.txt")) return res.end(await readFile(files));
  const parts = [];
  for await (const part of req) parts.push(part);
  res.setHeader("content-type", "text/html");
  res.end(render(req.method + " " + Buffer.concat(parts)));
});
`;
/** A package of CommonJS that chooses by NODE_ENV what it is, with conditions, as React does. */
const RENDERER = {
  "render/package.json": JSON.stringify({
    name: "render",
    version: "1.0.0",
    exports: { ".": { deno: "./web.js", default: "./node.js" }, "./node": "./node.js" },
  }),
  "render/web.js": "exports.render = (text) => '<p>' + text + ' by the web';",
  "render/node.js": `'use strict';
if (process.env.NODE_ENV === "production") module.exports = require("./production.js");
else module.exports = require("./development.js");`,
  "render/development.js": `const { emphasis } = require("scheduler");
exports.render = (text) => '<p>' + emphasis(text);`,
  "render/production.js": `exports.render = require("./development.js").render;`,
  "scheduler/package.json": JSON.stringify({ name: "scheduler", main: "lib" }),
  "scheduler/lib/index.js": "exports.emphasis = (text) => `<b>${text}</b>`;",
};
const within = (folder: string, files: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(
    Object.entries(files).flatMap(([path, text]) =>
      text === undefined ? [] : [[`${folder}/${path}`, text]]
    ),
  );
const PACKAGE = JSON.stringify({ type: "module", dependencies: { render: "1" } });

const BUILDS: Readonly<Record<string, Build>> = {
  "Nitro 2: a server of node:http, an empty default export, packages and files of its own": {
    files: {
      ".output/nitro.json": "{}",
      ".output/public/robots.txt": "robots",
      ".output/server/package.json": PACKAGE,
      ".output/server/index.mjs": 'export { n as default } from "./chunks/nitro.mjs";',
      ".output/server/chunks/server.mjs": NODE_SERVER,
      ".output/server/chunks/nitro.mjs": `import { served } from "./server.mjs";
import { render } from "render";
import { fileURLToPath } from "node:url";
const files = fileURLToPath(new URL("../../public/robots.txt", import.meta.url));
const server = served(files, render).listen(process.env.PORT || 3000, process.env.HOST);
process.on("unhandledRejection", (error) => console.error(error));
const n = {};
export { n };`,
      // Nitro copies what Node takes: not web.js, which is for Deno.
      ...within(".output/server/node_modules", { ...RENDERER, "render/web.js": undefined }),
    },
    app: ".output/server/index.mjs",
  },
  "SvelteKit: a server of node:http after top-level await, names for others": {
    files: {
      "package.json": PACKAGE,
      "build/client/robots.txt": "robots",
      "build/server.js": NODE_SERVER,
      "build/handler.js": `import { render } from "render/node";
import { served } from "./server.js";
import { fileURLToPath } from "node:url";
await new Promise((resolve) => setTimeout(resolve));
export const server = served(fileURLToPath(new URL("client/robots.txt", import.meta.url)), render);`,
      "build/index.js": `import { server } from "./handler.js";
export const host = process.env.HOST ?? "0.0.0.0";
export const port = Number(process.env.PORT ?? 3000);
server.listen({ host, port }, () => {});
export { server };`,
      ...within("node_modules", RENDERER),
    },
    app: "build/index.js",
  },
  "Astro: a server that a function starts, in one file, with a handler for others": {
    files: {
      "package.json": PACKAGE,
      "dist/client/robots.txt": "robots",
      "dist/server/entry.mjs": `${NODE_SERVER}
import { render } from "render/node";
const startServer = () =>
  served(new URL("../client/robots.txt", import.meta.url), render).listen(4321);
const handler = () => {};
if (process.env.ASTRO_NODE_AUTOSTART !== "disabled") startServer();
export { handler, startServer };`,
      ...within("node_modules", RENDERER),
    },
    app: "dist/server/entry.mjs",
  },
  "React Router, TanStack Start: a module of one's own around a build that serves nothing": {
    files: {
      "package.json": PACKAGE,
      "build/client/robots.txt": "robots",
      "build/server/index.js": `import { render } from "render/node";
export const routes = { render };`,
      "server.js": `import * as build from "./build/server/index.js";
const handle = async (request) =>
  new Response(build.routes.render(request.method + " " + await request.text()));
const files = async (request, next) => request.url.endsWith("/robots.txt")
  ? new Response(await Deno.readFile(new URL("build/client/robots.txt", import.meta.url)))
  : await next();
export default { fetch: (request) => files(request, () => handle(request)) };`,
      ...within("node_modules", RENDERER),
    },
    app: "server.js",
  },
};

Deno.test("builds are served as frameworks leave them, with their files and packages", async (test) => {
  const builds = Object.entries(BUILDS);
  await using lab = new LoaderLab(
    Object.assign({}, ...builds.map(([, { files }], index) => within(`${index}`, files))),
  );
  const mounts = builds.map(([, { app }], index) =>
    `--mount=/${index}=${lab.path(`${index}/${app}`)}`
  );
  await using gateway = await startGateway([...mounts, "--workers=1"], { env: { ...lab.env } });
  for (const [index, [name]] of builds.entries()) {
    await test.step(name, async () => {
      const post = await fetch(`${gateway.url}/${index}/`, { method: "POST", body: "a form" });
      assertEquals(await post.text(), "<p><b>POST a form</b>");
      const file = await fetch(`${gateway.url}/${index}/robots.txt`);
      assertEquals(await file.text(), "robots");
    });
  }
});
