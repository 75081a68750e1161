import { dirname } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { until } from "../support/reloading.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A folder of files, with a cache of its own. */
class Project implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async make(files: Record<string, string>): Promise<Project> {
    const project = new Project(await Deno.realPath(await Deno.makeTempDir()));
    for (const [name, text] of Object.entries(files)) await project.write(name, text);
    return project;
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.mkdir(dirname(this.path(name)), { recursive: true });
    await Deno.writeTextFile(this.path(name), text);
  }

  start(app: string, ...args: string[]): Promise<GatewayProcess> {
    return startGateway([
      ...(app === "" ? [] : [/^https?:/.test(app) ? app : this.path(app)]),
      "--workers=1",
      `--app-allow-read=${this.folder}`,
      ...args,
    ], { env: { GATEHOUSE_CACHE: this.path("cache") } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function answerOf(gateway: GatewayProcess, path = "/"): Promise<string> {
  return await (await fetch(`${gateway.url}${path}`)).text();
}

async function becomes(gateway: GatewayProcess, expected: string): Promise<void> {
  try {
    await until(`it answers ${expected}`, async () => await answerOf(gateway) === expected);
  } catch (error) {
    throw new Error(gateway.log.join("\n"), { cause: error });
  }
}

function reloadsOf({ log }: GatewayProcess): string[] {
  return log.filter((line) => line.includes("reloading: "));
}

const APP = `import { part } from "../elsewhere/part.ts";
import data from "./data.json" with { type: "json" };
import text from "./text.txt" with { type: "text" };
import { named } from "named";
import { mapped } from "deep/mapped.ts";
let late = "";
export default async (request: Request): Promise<Response> => {
  if (request.url.endsWith("/late")) late = (await import("../later/" + "late.ts")).late;
  return new Response([part, data.data, text.trim(), named, mapped, late].join(" "));
};
`;

Deno.test("--watch notices each kind of file that an app is made of, and says which one", async (test) => {
  await using project = await Project.make({
    "app/main.ts": APP,
    "elsewhere/part.ts": 'export { part } from "./further.ts";\n',
    "elsewhere/further.ts": 'export const part: string = "part";\n',
    "app/data.json": '{ "data": "data" }',
    "app/text.txt": "text\n",
    "maps/named.ts": 'export const named = "named";\n',
    "maps/renamed.ts": 'export const named = "renamed";\n',
    "maps/1/mapped.ts": 'export const mapped = "mapped1";\n',
    "maps/2/mapped.ts": 'export const mapped = "mapped2";\n',
    "later/late.ts": 'export { late } from "./latest.ts";\n',
    "later/latest.ts": 'export const late = "late";\n',
    "app/deno.json": '{ "importMap": "../maps/map.json" }',
    "maps/map.json": '{ "imports": { "named": "./named.ts", "deep/": "./1/" } }',
    "maps/other.json": '{ "imports": { "named": "./renamed.ts", "deep/": "./2/" } }',
    "app/unrelated.ts": "export {};\n",
  });
  await using gateway = await project.start("app/main.ts", "--watch");
  assertEquals(await answerOf(gateway), "part data text named mapped1 ");
  const steps: [name: string, file: string, text: string, answer: string][] = [
    [
      "a module in another folder",
      "elsewhere/further.ts",
      'export const part = "PART";',
      "PART data text named mapped1 ",
    ],
    ["JSON", "app/data.json", '{ "data": "DATA" }', "PART DATA text named mapped1 "],
    ["text", "app/text.txt", "TEXT", "PART DATA TEXT named mapped1 "],
    [
      "a module that the import map names",
      "maps/named.ts",
      'export const named = "NAMED";',
      "PART DATA TEXT NAMED mapped1 ",
    ],
    [
      "the import map",
      "maps/map.json",
      '{ "imports": { "named": "./named.ts", "deep/": "./2/" } }',
      "PART DATA TEXT NAMED mapped2 ",
    ],
    [
      "deno.json",
      "app/deno.json",
      '{ "importMap": "../maps/other.json" }',
      "PART DATA TEXT renamed mapped2 ",
    ],
    [
      "the app itself",
      "app/main.ts",
      APP.replace('.join(" ")', '.join("-")'),
      "PART-DATA-TEXT-renamed-mapped2-",
    ],
  ];
  for (const [name, file, text, answer] of steps) {
    await test.step(name, async () => {
      const before = reloadsOf(gateway).length;
      await project.write(file, text);
      await becomes(gateway, answer);
      assertEquals(
        reloadsOf(gateway).slice(before),
        [`reloading: ${project.path(file)} has changed`],
      );
    });
  }
  await test.step("what it is not made of (any more) does nothing", async () => {
    const before = reloadsOf(gateway).length;
    await project.write("app/unrelated.ts", "export const nothing = 1;\n");
    await project.write("maps/1/mapped.ts", 'export const mapped = "never";\n');
    await project.write("maps/map.json", "{}");
    await project.write("later/latest.ts", 'export const late = "LATE";\n');
    await sleep(400);
    assertEquals(reloadsOf(gateway).length, before);
  });
  await test.step("what is imported late, from then on", async () => {
    assertEquals(await answerOf(gateway, "/late"), "PART-DATA-TEXT-renamed-mapped2-LATE");
    for (const file of ["later/latest.ts", "later/late.ts"]) {
      const before = reloadsOf(gateway).length;
      // The app is new after a reload, and has imported nothing late.
      assertStringIncludes(await answerOf(gateway, "/late"), "LATE");
      await project.write(file, 'export const late = "LATE" + "R";\n');
      await until("it is loaded anew", () => reloadsOf(gateway).length > before);
      await becomes(gateway, "PART-DATA-TEXT-renamed-mapped2-");
      assertStringIncludes(reloadsOf(gateway).at(-1)!, file);
    }
    assertStringIncludes(await answerOf(gateway, "/late"), "LATER");
  });
});

const app = (text: string, ...imports: string[]) =>
  `${imports.map((name) => `import "./${name}";\n`).join("")}
export default () => new Response(${JSON.stringify(text)});\n`;

/** What breaks an app, and what repairs it. */
const repairs: Record<string, [broken: Record<string, string>, repaired: Record<string, string>]> =
  {
    "a syntax error": [{ "app.js": "export default {" }, { "app.js": app("repaired") }],
    "an app that throws": [{ "app.js": "throw 1;" }, { "app.js": app("repaired") }],
    "a file that is gone": [{}, { "app.js": app("repaired") }],
    "an import that is not there yet": [
      { "app.js": app("repaired", "new/a.js") },
      { "new/a.js": "export {};" },
    ],
    "a syntax error in a new module": [
      { "b.js": "export {", "app.js": app("repaired", "b.js") },
      { "b.js": "export {};" },
    ],
    "a new module that throws": [
      { "c.js": "throw new Error('new');", "app.js": app("repaired", "c.js") },
      { "c.js": "export {};" },
    ],
    "a new module's import that is not there yet": [
      { "d.js": 'import "./newer.js";', "app.js": app("repaired", "d.js") },
      { "newer.js": "export {};" },
    ],
  };
Deno.test("--watch: a broken version leaves the old one, and its repair is noticed", async (test) => {
  await using project = await Project.make({ "app.js": app("old") });
  await using gateway = await project.start("app.js", "--watch");
  const failures = () => gateway.log.filter((line) => line.endsWith("goes on serving")).length;
  for (const [name, [broken, repaired]] of Object.entries(repairs)) {
    await test.step(name, async () => {
      await project.write("app.js", app(`before ${name}`));
      await becomes(gateway, `before ${name}`);
      const [failed, reloads] = [failures(), reloadsOf(gateway).length];
      if (name === "a file that is gone") await Deno.remove(project.path("app.js"));
      for (const [file, text] of Object.entries(broken)) await project.write(file, text);
      await until("it fails", () => failures() > failed);
      assertEquals(await answerOf(gateway), `before ${name}`);
      for (const [file, text] of Object.entries(repaired)) await project.write(file, text);
      await becomes(gateway, "repaired");
      const [file] = Object.keys(repaired);
      assertStringIncludes(reloadsOf(gateway).at(-1)!, project.path(file));
      assert(reloadsOf(gateway).length <= reloads + 3, reloadsOf(gateway).join("\n"));
    });
  }
});

Deno.test("--watch follows a link that a deployment leads to another folder", async () => {
  await using project = await Project.make({
    "releases/1/app.js":
      'import { text } from "./text.js";\nexport default () => new Response(text);\n',
    "releases/1/text.js": 'export const text = "first";\n',
    "releases/2/app.js":
      'import { text } from "./words.js";\nexport default () => new Response(text);\n',
    "releases/2/words.js": 'export const text = "second";\n',
  });
  await Deno.symlink("releases/1", project.path("current"));
  await using gateway = await project.start("current/app.js", "--watch");
  assertEquals(await answerOf(gateway), "first");
  await Deno.symlink("releases/2", project.path("next"));
  await Deno.rename(project.path("next"), project.path("current"));
  await becomes(gateway, "second");
  assertEquals(reloadsOf(gateway).length, 1);
  await project.write("releases/2/words.js", 'export const text = "third";\n');
  await becomes(gateway, "third");
  assertEquals(reloadsOf(gateway).length, 2);
});

Deno.test("--watch takes a burst of changes for few, and ends in the last one", async () => {
  const names = Array.from({ length: 30 }, (_, index) => `part${index}.js`);
  const part = (text: string) => `export default ${JSON.stringify(text)};\n`;
  await using project = await Project.make({
    "app.js": names.map((name, index) => `import part${index} from "./${name}";\n`).join("") +
      `export default () => new Response([${names.map((_, index) => `part${index}`)}].join(""));\n`,
    ...Object.fromEntries(names.map((name) => [name, part("a")])),
  });
  await using gateway = await project.start("app.js", "--watch");
  for (const text of ["b", "c", "d"]) {
    for (const name of names) Deno.writeTextFileSync(project.path(name), part(text));
  }
  await becomes(gateway, "d".repeat(30));
  assert(reloadsOf(gateway).length < 10, reloadsOf(gateway).join("\n"));
});

Deno.test("--watch notices the configuration file, what it then names, and files named to it", async () => {
  const config = (app: string) =>
    `[app:main]\nuse = ${app}\n\n[server:main]\nuse = http\nport = 0\n`;
  await using project = await Project.make({
    "first.js": app("first"),
    "second/second.js": app("second"),
    "gatehouse.ini": config("first.js"),
    "data/names.txt": "one",
  });
  await using gateway = await project.start(
    "",
    `--config=${project.path("gatehouse.ini")}`,
    `--watch=${project.path("data/names.txt")},${project.path("data/later.txt")}`,
  );
  assertEquals(await answerOf(gateway), "first");
  await project.write("gatehouse.ini", config("second/second.js"));
  await becomes(gateway, "second");
  assertStringIncludes(reloadsOf(gateway).at(-1)!, "gatehouse.ini has changed");
  await project.write("gatehouse.ini", "[app:main\n");
  await gateway.logged(/^generation 2 goes on serving$/);
  await project.write("gatehouse.ini", config("second/second.js"));
  await project.write("second/second.js", app("third"));
  await becomes(gateway, "third");
  for (const [name, text] of [["names.txt", "two"], ["later.txt", "new"]]) {
    const before = gateway.log.length;
    await project.write(`data/${name}`, text);
    await gateway.logged(new RegExp(`data/${name} has changed`), { before });
    await gateway.logged(/^generation \d+ serves$/, { before });
  }
});

/** A server of modules. */
class ModuleServer implements AsyncDisposable {
  readonly files = new Map<string, string>();
  requests = 0;
  /** Is told of each request before it is answered. */
  onRequest: (path: string) => void = () => {};
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      this.requests++;
      const { pathname } = new URL(request.url);
      this.onRequest(pathname);
      const text = this.files.get(pathname);
      if (text === undefined) return new Response("not here", { status: 404 });
      return new Response(text, { headers: { "content-type": "text/javascript" } });
    });
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("--watch-remote asks for remote modules again, and loads the app anew if one has changed", async (test) => {
  await using server = new ModuleServer();
  server.files.set(
    "/part.js",
    'import { deep } from "./deep.js";\nexport const part = deep;\n',
  );
  server.files.set("/deep.js", 'export const deep = "one";\n');
  const local = (more: string) =>
    `import { part } from ${JSON.stringify(server.url("/part.js"))};\n` +
    `export default () => new Response(part + ${JSON.stringify(more)});\n`;
  await using project = await Project.make({ "app.js": local("") });
  await using gateway = await project.start(
    "app.js",
    "--watch-remote=100ms",
    `--allow-import=${new URL(server.url("/")).host}`,
  );
  assertEquals(await answerOf(gateway), "one");
  const askedAgain = async () => {
    const { requests } = server;
    await until("it has asked again", () => server.requests >= requests + 6);
  };
  await test.step("nothing new does nothing", async () => {
    await askedAgain();
    assertEquals(reloadsOf(gateway), []);
  });
  await test.step("nor does a local file", async () => {
    await project.write("app.js", local("!"));
    await askedAgain();
    assertEquals(reloadsOf(gateway), []);
  });
  await test.step("another version of a module does", async () => {
    server.files.set("/deep.js", 'export const deep = "two";\n');
    await becomes(gateway, "two!");
    assertEquals(reloadsOf(gateway), ["reloading: remote modules have changed"]);
    await askedAgain();
    assertEquals(reloadsOf(gateway).length, 1);
  });
  await test.step("one that is broken, or gone, leaves the old one", async () => {
    server.files.set("/deep.js", "export const deep = ;\n");
    await gateway.logged(/^error: .*deep\.js/);
    assertEquals(await answerOf(gateway), "two!");
    server.files.delete("/deep.js");
    await askedAgain();
    assertEquals(await answerOf(gateway), "two!");
    server.files.set("/deep.js", 'export const deep = "three";\n');
    await becomes(gateway, "three!");
  });
});

Deno.test("--watch-remote reloads an app from a URL", async () => {
  await using server = new ModuleServer();
  server.files.set("/app.js", app("one"));
  await using project = await Project.make({});
  await using gateway = await project.start(
    server.url("/app.js"),
    "--watch-remote=100ms",
    "--watch",
  );
  assertEquals(await answerOf(gateway), "one");
  server.files.set("/app.js", app("two"));
  await becomes(gateway, "two");
});

const LATE_APP = (server: ModuleServer) =>
  `import { part } from ${JSON.stringify(server.url("/part.js"))};
export default async (request) => {
  if (!request.url.endsWith("/late")) return new Response(part);
  const { late } = await import(${JSON.stringify(server.url("/"))} + "late.js");
  return new Response(part + " " + late);
};
`;

Deno.test("--watch-remote: what is imported late is of the version of the generation that imports it", async (test) => {
  await using server = new ModuleServer();
  server.files.set("/part.js", 'export const part = "one";\n');
  server.files.set("/late.js", 'export const late = "late one";\n');
  await using project = await Project.make({ "app.js": LATE_APP(server) });
  const args = ["app.js", `--allow-import=${new URL(server.url("/")).host}`] as const;
  const asked = async () => {
    const { requests } = server;
    await until("it has asked again", () => server.requests >= requests + 4);
  };
  await test.step("from the cache, though a look has asked for all else", async () => {
    {
      await using gateway = await project.start(...args, "--loader=own");
      assertEquals(await answerOf(gateway, "/late"), "one late one");
    }
    server.files.set("/late.js", 'export const late = "late two";\n');
    await using gateway = await project.start(...args, "--watch-remote=100ms");
    await asked();
    assertEquals(await answerOf(gateway, "/late"), "one late one");
  });
  await test.step("asked for again before the next generation", async () => {
    await using gateway = await project.start(...args, "--watch-remote=100ms");
    assertEquals(await answerOf(gateway, "/late"), "one late one");
    await asked();
    assertEquals(await answerOf(gateway, "/late"), "one late one");
    server.files.set("/part.js", 'export const part = "two";\n');
    await becomes(gateway, "two");
    assertEquals(await answerOf(gateway, "/late"), "two late two");
  });
});

Deno.test("--watch-remote: apps of different permissions get the same version of what they share", async () => {
  await using server = new ModuleServer();
  server.files.set("/part.js", 'export const part = "one";\n');
  const shared = `import { part } from ${JSON.stringify(server.url("/part.js"))};
export default () => new Response(part);
`;
  const config = `[composite:main]
use = urlmap
/ = a
/b = b
[app:a]
use = a.js
[app:b]
use = b.js
app-allow-net = a.example
`;
  await using project = await Project.make({
    "a.js": shared,
    "b.js": shared,
    "gatehouse.ini": config,
  });
  await using gateway = await project.start(
    "",
    `--config=${project.path("gatehouse.ini")}`,
    "--watch-remote=100ms",
    `--allow-import=${new URL(server.url("/")).host}`,
  );
  assertEquals([await answerOf(gateway), await answerOf(gateway, "/b")], ["one", "one"]);
  // It changes when one of the two has asked for it, and the other has not.
  let asked = 0;
  server.onRequest = () => {
    if (++asked === 2) server.files.set("/part.js", 'export const part = "two";\n');
  };
  await gateway.logged(/^generation 2 serves$/);
  assertEquals([await answerOf(gateway), await answerOf(gateway, "/b")], ["two", "two"]);
});
