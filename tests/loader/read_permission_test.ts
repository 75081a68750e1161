/** Imports obey the permission to read, wherever they come from and however they are written. */

import { LoadError } from "../../src/base/errors.ts";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { GraphBuilder } from "../../src/loader/graph_builder.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import { ask, complaints, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { answerHere, refusalHere } from "../support/loading_here.ts";
import { reloadOf } from "../support/gateway.ts";
import { test } from "../support/strict.ts";
import { FakeRegistry } from "../support/npm_registry.ts";

const SECRET = "SECRET-OF-OTHERS";

const OUTSIDE = {
  "other/secret.pem": SECRET,
  "other/secret.json": JSON.stringify({ key: SECRET }),
  "other/secret.js": `export default "${SECRET}";\n`,
  "other/secret.cjs": `exports.key = "${SECRET}";\n`,
  "app/own.js": "export default 'own';\n",
};

const say = (specifier: string, type = "") =>
  `import said from ${JSON.stringify(specifier)}${type && ` with { type: "${type}" }`};\n` +
  "export default () => new Response(JSON.stringify(said));\n";

/** Makes a folder with an app and others' files beside it, and links to them in the app's. */
function lab(files: Readonly<Record<string, string>> = {}): LoaderLab {
  const made = new LoaderLab({ ...OUTSIDE, ...files });
  const links = {
    "app/link.js": made.path("other/secret.js"),
    "app/relative.js": "../other/secret.js",
    "app/folder": "../other",
    "app/up": "..",
    "app/dangling.js": "../other/nothing.js",
  };
  for (const [name, target] of Object.entries(links)) Deno.symlinkSync(target, made.path(name));
  return made;
}

/** Sources of an app that import what is not in its folder; `{outside}` is the path of others' files. */
const LEADING_OUT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "JSON": { "app/app.js": say("../other/secret.json", "json") },
  "text": { "app/app.js": say("{outside}/secret.pem", "text") },
  "bytes": { "app/app.js": say("file://{outside}/secret.pem", "bytes") },
  "a module": { "app/app.js": say("../other/secret.js") },
  "CommonJS": { "app/app.js": say("../other/secret.cjs") },
  "what a module imports": {
    "app/app.js": say("./between.js"),
    "app/between.js": 'import said from "../other/secret.js"; export default said;',
  },
  "what a module exports": {
    "app/app.js": say("./between.js"),
    "app/between.js": 'export * from "../other/secret.js"; export { default } from "./own.js";',
  },
  "a data: module": {
    "app/app.js": say(
      "data:text/javascript,export { default } from 'file://{outside}/secret.js'",
    ),
  },
  "a data: module in one": {
    "app/app.js": say(
      "data:text/javascript,export { default } from " +
        "'data:text/javascript,export { default } from %22file://{outside}/secret.js%22'",
    ),
  },
  "the host of this machine": { "app/app.js": say("file://localhost{outside}/secret.js") },
  "one slash": { "app/app.js": say("file:{outside}/secret.js") },
  "capitals and blanks": { "app/app.js": say(" FILE://{outside}/secret.js ") },
  "escapes": { "app/app.js": say("file://{outside}/%73ecret.js") },
  "encoded dots": { "app/app.js": say("./%2e%2e/other/secret.js") },
  "half-encoded dots": { "app/app.js": say("file://{outside}/../app/.%2E/other/secret.js") },
  "double slashes": { "app/app.js": say("file:///{outside}/secret.js") },
  "a query": { "app/app.js": say("../other/secret.js?as=own.js") },
  "an import map": {
    "app/app.js": say("mapped"),
    "app/deno.json": '{ "imports": { "mapped": "../other/secret.js" } }',
  },
  "a prefix of an import map": {
    "app/app.js": say("mapped/secret.js"),
    "app/deno.json": '{ "imports": { "mapped/": "../other/" } }',
  },
  "an import map elsewhere": {
    "app/app.js": say("./own.js"),
    "app/deno.json": '{ "importMap": "../other/secret.json" }',
  },
};

/** The same, where a path in the app's folder leads out of it. */
const LINKED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "a link": { "app/app.js": say("./link.js") },
  "a link as text": { "app/app.js": say("./link.js", "text") },
  "a relative link": { "app/app.js": say("./relative.js") },
  "a link to a folder": { "app/app.js": say("./folder/secret.js") },
  "a link to the folder above": { "app/app.js": say("./up/other/secret.js") },
  "links through links": { "app/app.js": say("./up/app/folder/secret.js") },
};

function placed(
  files: Readonly<Record<string, string>>,
  outside: string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, text.replaceAll("{outside}", outside)]),
  );
}

/** Makes the graph of an app that may read its own folder; what refuses it. */
async function refusal(project: LoaderLab): Promise<string> {
  const cache = new ModuleCache(project.cache);
  const builder = await GraphBuilder.open(cache, {
    cacheRoot: cache.root,
    importMapUrl: undefined,
    reload: "none",
    cachePolicy: "only",
    allowImport: [],
    allowHttp: "loopback",
    lockFile: undefined,
    lockOrigin: "named",
    lockMode: "extend",
    env: {},
  }, () => {});
  const prepared = builder.prepare([project.url("app/app.js")], { files: [project.path("app")] });
  return (await assertRejects(() => prepared, LoadError)).message;
}

Deno.test("an app from a path is not loaded if it imports statically what is not in its folder", async (context) => {
  for (const [name, files] of Object.entries(LEADING_OUT)) {
    await context.step(name, async () => {
      await using project = lab();
      project.write(placed(files, project.path("other")));
      const message = await refusal(project);
      assertMatch(message, /the app may not read it; --app-allow-read=\/\S+ would permit it/);
      assertStringIncludes(message, `--app-allow-read=${project.path("other")}/secret.`);
      assert(!message.includes(SECRET), message);
    });
  }
  for (const [name, files] of Object.entries(LINKED)) {
    await context.step(name, async () => {
      await using project = lab(files);
      const message = await refusal(project);
      assertMatch(
        message,
        /behind a link to what the app may not read; permit it with --app-allow-read/,
      );
      assert(!message.includes(SECRET), message);
    });
  }
});

test("such an app ends the start with one message", async () => {
  await using project = lab();
  project.write(placed(LEADING_OUT["a data: module"], project.path("other")));
  const ended = await project.run("app/app.js");
  const [complaint, ...others] = complaints(ended);
  assertEquals([ended.code, others], [1, []], ended.stderr);
  assertMatch(
    complaint,
    /--app-allow-read=\S+secret\.js would permit it \(imported by data:/,
  );
  assert(!ended.stderr.includes(SECRET), ended.stderr);
  project.write(LINKED["a link"]);
  const linked = await refusalHere(project, "app/app.js");
  assertMatch(
    linked,
    /behind a link to what the app may not read; .*\(imported by file:\S+app\.js:1\)/,
  );
  assert(!linked.includes(SECRET), linked);
});

test("what --app-allow-read names can be imported statically, and no more", async () => {
  await using project = lab({
    "app/app.js": say("../other/secret.json", "json"),
    "app/linked.js": say("./folder/secret.js"),
    "app/more.js": say("../other/secret.pem", "text"),
  });
  const one = `--app-allow-read=${project.path("other/secret.json")}`;
  assertEquals(
    await answerHere(project, "app/app.js", one),
    JSON.stringify({ key: SECRET }),
  );
  assertStringIncludes(await refusalHere(project, "app/more.js", one), "secret.pem");
  // The graph that was made with a permission is not that of an app without it.
  assertStringIncludes(await refusalHere(project, "app/app.js"), "secret.json");
  for (const grant of ["=..", "", "=/"]) {
    const text = await answerHere(project, "app/linked.js", `--app-allow-read${grant}`);
    assertEquals([grant, text], [grant, JSON.stringify(SECRET)]);
  }
});

test("an app whose path leads elsewhere has the files beside it, here and there", async () => {
  await using project = new LoaderLab({
    "releases/1/app.js":
      'import beside from "./beside.js";\nimport { where } from "./where.js";\n' +
      "export default () => new Response(beside + where);\n",
    "releases/1/beside.js": "export default 'beside ';\n",
    "releases/1/where.js": "export const where = 'there';\n",
  });
  Deno.symlinkSync("releases/1", project.path("current"));
  assertEquals(await answerHere(project, "current/app.js"), "beside there");
  Deno.mkdirSync(project.path("files"));
  for (const name of ["app.js", "beside.js", "where.js"]) {
    Deno.symlinkSync(`../releases/1/${name}`, project.path(`files/${name}`));
  }
  assertEquals(await answerHere(project, "files/app.js"), "beside there");
});

test("dynamic imports of literals, and CommonJS, tell nobody what there is elsewhere", async () => {
  const literal = (specifier: string) => `
    () => import(${JSON.stringify(specifier)}, { with: { type: "text" } })`;
  const names = [
    "../other/secret.pem",
    "../other/nothing.pem",
    "./folder/secret.pem",
    "./folder/nothing.pem",
    "./link.js",
    "./dangling.js",
    "/proc/self/environ",
  ];
  await using project = lab({
    "app/app.js": `const imports = [${names.map(literal)}];
      export default async () => Response.json(await Promise.all(imports.map(async (get) => {
        try { return (await get()).default; } catch (error) { return error.message; }
      })));`,
    "app/names.js": 'import * as all from "./names.cjs";\n' +
      "export default () => Response.json(Object.keys(all));\n",
    "app/names.cjs":
      'exports.own = 1;\nif (globalThis.never) module.exports = require("../other/secret.cjs");\n',
    "app/linked.js": 'import * as all from "./linked.cjs";\n' +
      "export default () => Response.json(Object.keys(all));\n",
    "app/linked.cjs":
      'exports.own = 1;\nif (globalThis.never) module.exports = require("./folder/secret.cjs");\n',
  });
  await using gateway = await project.start(
    "app/app.js",
    "--mount=/names=app/names.js",
    "--mount=/linked=app/linked.js",
  );
  for (const name of ["names", "linked"]) {
    const text = await ask(gateway, `/${name}/`);
    assertEquals(JSON.parse(text).includes("key"), false, text);
    assertEquals(JSON.parse(text).includes("own"), true, text);
  }
  const answers: string[] = JSON.parse(await ask(gateway));
  const without = (text: string) =>
    text.replace(/[\w./-]*(?:secret|nothing|link|dangling)\.\w+/g, "FILE").replace(/ \(imp.*/, "");
  const [there, missing, linked, linkedMissing, link, dangling, proc] = answers.map(without);
  assertEquals(missing, there);
  assertEquals(linkedMissing, linked);
  assertEquals(dangling, link);
  for (const each of [there, linked, link, proc]) assertStringIncludes(each, "--app-allow-read");
});

test("what the system shows of itself in files is for apps that may do everything", async () => {
  await using project = lab({
    "app/app.ts": IMPORTING_APP,
    "app/static.js": say("/proc/self/environ", "text"),
  });
  {
    await using gateway = await project.start("app/app.ts", "--app-allow-read");
    const path = project.path("other/secret.pem");
    assertEquals(await importAt(gateway, `file://${path}`, "text"), SECRET);
    for (const path of ["/proc/self/environ", "/proc/self/root/etc/passwd", "/sys/kernel/ostype"]) {
      const message = String(await importAt(gateway, `file://${path}`, "text"));
      assertMatch(message, /^TypeError: cannot load \S+: the app may not read it/);
    }
  }
  assertStringIncludes(
    await refusalHere(project, "app/static.js", "--app-allow-read"),
    "/proc/self/environ",
  );
  const text = await answerHere(project, "app/static.js", "--app-allow-all");
  assertStringIncludes(text, "PATH=");
});

test("a package imports and requires its own files, and learns nothing of others", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "gatehouse-outside-" });
  const write = (name: string, text: string) => Deno.writeTextFileSync(`${folder}/${name}`, text);
  write("secret.js", `export default "${SECRET}";\n`);
  write("secret.cjs", `exports.key = "${SECRET}";\n`);
  const dots = `./${"../".repeat(20)}.${folder}/secret.js`;
  const data = `data:text/javascript,export { default } from 'file://${folder}/secret.js'`;
  const statics = {
    "by-path": `${folder}/secret.js`,
    "by-url": `file://${folder}/secret.js`,
    "by-dots": dots,
    "by-data": data,
    "by-imports": "#secret",
  };
  await using registry = await FakeRegistry.start({
    "late@1.0.0": {
      files: {
        "index.js": "exports.late = async (name) => {\n" +
          "  try { return (await import(name)).default; } catch (error) { return error.message; }\n};\n" +
          `exports.required = () => { try { return require("${folder}/secret.cjs").key; } ` +
          "catch (error) { return error.name; } };\n" +
          `if (globalThis.never) module.exports = require("${folder}/secret.cjs");\n`,
      },
    },
    "by-exports@1.0.0": { json: { exports: dots }, files: { "index.js": "" } },
    "by-main@1.0.0": { json: { main: dots }, files: { "main.js": "" } },
    ...Object.fromEntries(
      Object.entries(statics).map(([name, specifier]) => [`${name}@1.0.0`, {
        json: { type: "module", exports: "./index.js", imports: { "#secret": dots } },
        files: { "index.js": `export { default } from ${JSON.stringify(specifier)};` },
      }]),
    ),
  });
  await using project = lab({
    "app/app.js": `import * as all from "npm:late";
      const { late, required } = all.default;
      export default async () => Response.json([
        Object.keys(all), required(), await late("${folder}/secret.js"), await late("${folder}/nothing.js"),
        await late("file://${folder}/secret.js"), await late("file://${folder}/nothing.js"),
        await late("#secret"), await late(${JSON.stringify(data)}),
      ]);`,
    "app/.npmrc": `registry=${registry.url}\n`,
  });
  await using gateway = await project.start("app/app.js");
  const text = await ask(gateway);
  for (const name of [...Object.keys(statics), "by-exports", "by-main"]) {
    project.write({ "app/app.js": say(`npm:${name}`) });
    const said = await reloadOf(gateway);
    assertEquals(said.at(-1), "generation 1 goes on serving", name);
    const errors = said.filter((line) => line.startsWith("error: "));
    assertEquals([name, errors.length], [name, 1], said.join("\n"));
    assert(!/SECRET-OF-OTHERS|the loader failed/.test(said.join("\n")), said.join("\n"));
  }
  const [names, required, ...late] = JSON.parse(text);
  assert(!/SECRET-OF-OTHERS|the loader failed/.test(text), text);
  assertEquals([names.includes("late"), names.includes("key")], [true, false]);
  assertMatch(required, /NotCapable|PermissionDenied/);
  const messages = late.map((each: string) => each.replace(/secret|nothing/g, "FILE"));
  assertEquals(messages[1], messages[0]);
  assertEquals(messages[3], messages[2]);
  await Deno.remove(folder, { recursive: true });
});

test("import maps beside middleware give an app from elsewhere nothing that it may not read", async () => {
  const app = (imports: string) =>
    `${imports}\nexport default { fetch: () => new Response("app") };\n`;
  const sources: Readonly<Record<string, string>> = {
    "/static.js": app('import said from "@/secret.json" with { type: "json" };'),
    "/exported.js": app('export { default as said } from "@/secret.js";'),
    "/data.js": app(
      "import said from \"data:text/javascript,export { default } from '@/secret.js'\";",
    ),
    "/dynamic.js": `export default {
      fetch: () => import("@/secret.js").then((all) => new Response(all.default),
        (error) => new Response(error.message)),
    };\n`,
  };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    return new Response(sources[new URL(request.url).pathname], {
      headers: { "content-type": "text/javascript" },
    });
  });
  await using project = lab({
    "own/deno.json": '{ "imports": { "@/": "./" } }',
    "own/middleware.js": 'import "./between.js"; export default (next) => next;',
    "own/between.js": "",
    "own/secret.json": JSON.stringify({ key: SECRET }),
    "own/secret.js": `export default "${SECRET}";\n`,
  });
  const path = project.path("own");
  for (const name of ["static", "exported", "data"]) {
    const url = `http://127.0.0.1:${server.addr.port}/${name}.js`;
    const message = await refusalHere(project, url, "own/middleware.js");
    assertMatch(message, /^cannot load file:\S+secret\.js(?:on)?: the app may not read it; /);
    assertStringIncludes(message, `--app-allow-read=${path}/secret.js`);
  }
  const url = `http://127.0.0.1:${server.addr.port}/dynamic.js`;
  await using gateway = await project.start(url, "own/middleware.js");
  assertMatch(await ask(gateway), /^cannot load file:\S+secret\.js: the app may not read it; /);
});
