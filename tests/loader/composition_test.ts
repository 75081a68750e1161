import { assertEquals, assertRejects } from "../support/assert.ts";
import { LoadError } from "../../src/base/errors.ts";
import { loadApps } from "../../src/worker/load_apps.ts";
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
  export const calling = (next) => async (request, context) =>
    new Response("called(" + await (await next(request, context)).text() + ")");
  export const spreading = (next) => ({ ...next, other: 1 });
  export const passing = (next) => next;
  export const arrow = (settings) => around(settings.name);
  export async function named(config) { return around(config.name); }
  export const unnamed = ({ name }) => (next) => around(name)(next);
  export const nothing = () => undefined;
  export const ofHono = async (c, next) => { await next(); c.header("x-a", "b"); };
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

const nexts: [string, string][] = [
  ["called", "calling"],
  ["taken apart", "spreading"],
  ["handed on", "passing"],
];
for (const [what, exportName] of nexts) {
  Deno.test(`the app that middleware is around can be ${what}`, async () => {
    const apps = setOf(mounted("", source(APP, "plain"), source(AROUND, exportName)));
    const [{ app }] = await loadApps(apps);
    // deno-lint-ignore no-explicit-any
    const response = await app.fetch(new Request("http://localhost/"), {} as any);
    assertEquals(await response.text(), exportName === "calling" ? "called(plain)" : "plain");
  });
}

Deno.test("the onListen of an app is that of next, too", async () => {
  const code =
    "export default { fetch() {}, heard: [], onListen(at) { this.heard.push(at.port); } };";
  const app = data(code);
  const apps = setOf(mounted("", source(app, "default"), source(AROUND, "spreading")));
  const [{ listener }] = await loadApps(apps);
  listener!.onListen!({ transport: "tcp", hostname: "::", port: 7 });
  assertEquals((await import(app)).default.heard, [7]);
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
    "an app's factory with settings",
    mounted("", source(APP, "default", { wrokers: "2", b: "" })),
    "should be a function (settings) => App, as a factory is; it is called as a factory, with its settings: wrokers, b",
  ],
  [
    "what an app's factory makes",
    mounted("", source(APP, "plain", { wrokers: "2" })),
    'what its export "plain" makes is an object, and should be an app: a function or an object with a ' +
    "fetch(request, context) method; it is called as a factory, with its settings: wrokers",
  ],
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
    "what middleware returns",
    mounted("", source(APP, "plain"), source(AROUND, "nothing")),
    "it returns undefined, and should return an app: a function or an object with a fetch(request, context)",
  ],
  [
    "middleware of Hono",
    mounted("", source(APP, "plain"), source(AROUND, "ofHono")),
    "middleware is a function (next) => App, and this one takes 2 arguments",
  ],
  [
    "an app's factory without --factory",
    mounted("", source(AROUND, "arrow")),
    'its export "arrow" takes settings, as a factory does, and not a request: start with --factory',
  ],
  [
    "an app's factory, a function with a name, without --factory",
    mounted("", source(AROUND, "named")),
    'its export "named" takes config, as a factory does',
  ],
  [
    "a middleware's factory that is taken for middleware",
    mounted("", source(APP, "plain"), source(AROUND, "unnamed")),
    'what its export "unnamed" makes takes next, as middleware does, so the export is a factory',
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
