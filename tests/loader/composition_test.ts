import { assertEquals, assertRejects } from "../support/assert.ts";
import { LoadError } from "../../src/errors.ts";
import { loadApps } from "../../src/loader/load.ts";
import type { AppSet, AppSource, ExportSource } from "../../src/worker/protocol.ts";
import { modulesOf } from "../../src/worker/protocol.ts";

const APP = data(`
  export const plain = () => new Response("plain");
  export const factory = (settings) => () => new Response(JSON.stringify(settings));
  export default 7;
`);
const AROUND = data(`
  const around = (name) => (next) => ({
    fetch: async (request, context) =>
      new Response(name + "(" + await (await next.fetch(request, context)).text() + ")"),
  });
  export default around("plain");
  export const factory = ({ name }) => around(name);
  export const nothing = () => undefined;
`);

function data(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

function source(url: string, exportName: string, settings?: Record<string, string>): ExportSource {
  return { url, exportName, kind: settings ? "factory" : "plain", settings: settings ?? {} };
}

function mounted(prefix: string, app: ExportSource, ...middleware: ExportSource[]): AppSource {
  return { ...app, prefix, middleware };
}

function setOf(...mounts: AppSource[]): AppSet {
  return { mounts, faultReports: "none" };
}

Deno.test("each mount has its own settings and its own middleware, the last outermost", async () => {
  const apps = setOf(
    mounted("", source(APP, "factory", { a: "1" })),
    mounted("/b", source(APP, "factory", { a: "2" }), source(AROUND, "default")),
    mounted(
      "/c",
      source(APP, "plain"),
      source(AROUND, "factory", { name: "inner" }),
      source(AROUND, "factory", { name: "outer" }),
    ),
  );
  const answers = await Promise.all((await loadApps(apps)).map(async ({ prefix, app }) => {
    // deno-lint-ignore no-explicit-any
    const response = await app.fetch(new Request("http://localhost/"), {} as any);
    return `${prefix} ${await response.text()}`;
  }));
  assertEquals(answers, [' {"a":"1"}', '/b plain({"a":"2"})', "/c outer(inner(plain))"]);
});

Deno.test("the modules of a set of apps are those of all mounts and of what is around them", () => {
  const apps = setOf(
    mounted("", source("file:///a", "default")),
    mounted("/b", source("file:///b", "default"), source("file:///m", "default")),
  );
  assertEquals(modulesOf(apps), ["file:///a", "file:///b", "file:///m"]);
});

const refusals: [string, AppSource, string][] = [
  ["an app's factory", mounted("", source(APP, "default", {})), "its default export is a number"],
  [
    "a middleware's factory",
    mounted("", source(APP, "plain"), source(APP, "default", {})),
    "should be a function (settings) => Middleware, as a factory is",
  ],
  [
    "middleware",
    mounted("", source(APP, "plain"), source(APP, "default")),
    "should be a function (next: App) => App",
  ],
  [
    "what a middleware's factory makes",
    mounted("", source(APP, "plain"), source(AROUND, "nothing", {})),
    'what its export "nothing" makes is undefined',
  ],
];
for (const [what, mount, message] of refusals) {
  Deno.test(`${what} that is none is refused, saying what is wanted`, async () => {
    await assertRejects(() => loadApps(setOf(mount)), LoadError, message);
  });
}
