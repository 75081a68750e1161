import { assertEquals, assertRejects } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { LoadError } from "../../src/base/errors.ts";
import { loadAppsWithin } from "../../src/worker/load_apps.ts";
import type { MountedApp } from "../../src/worker/apps.ts";
import type { Context } from "../../src/worker/context.ts";
import { servingTests } from "./self_serving.ts";

const command = FROM_SOURCE;
servingTests({ name: "Deno's loader", command, args: ["--workers=2", "--loader=native"] });
servingTests({ name: "built-in loader", command, args: ["--workers=2", "--loader=own"] });
servingTests({ name: "the gateway's thread", command, args: ["--workers=0"] });

function data(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Loads the apps at `urls`, on this thread. */
function load(...urls: string[]): Promise<MountedApp[]> {
  const mounts = urls.map((url, index) => ({
    prefix: `/${index}`,
    url,
    exportName: "default",
    kind: "plain" as const,
    settings: {},
    middleware: [],
  }));
  return loadAppsWithin({ mounts, faultReports: "none" }, 0, []);
}

async function answerOf({ app }: MountedApp): Promise<string> {
  const context = { waitUntil() {}, passThroughOnException() {}, mount: "/m" };
  const response = await app.fetch(
    new Request("http://localhost/"),
    context as unknown as Context,
    context as unknown as Context,
  );
  return await response.text();
}

const FORMS: Readonly<Record<string, readonly [code: string, answer: string]>> = {
  "an object": ["export default { fetch: () => new Response('object') };", "object"],
  "a bare function": ["export default () => new Response('bare');", "bare"],
  "a bound function": [
    "export default (function () { return new Response(this.x); }).bind({ x: 'bound' });",
    "bound",
  ],
  "a named function fetch alone": [
    "export function fetch() { return new Response('named'); } export const other = 1;",
    "named",
  ],
  "a class": [
    "export default class { #name = 'class'; fetch() { return new Response(this.#name); } }",
    "class",
  ],
  "a class with a static fetch": [
    "export default class { static fetch() { return new Response('static'); } }",
    "static",
  ],
  "an object with what other servers are told": [
    "export default { port: 3000, hostname: '::', fetch: () => new Response('told') };",
    "told",
  ],
  "an object with onError": [
    `export default {
      text: "mended ",
      fetch() { throw new Error("fault"); },
      onError(error) { return new Response(this.text + error.message); },
    };`,
    "mended fault",
  ],
  "Cloudflare's three arguments": [
    `export default { async fetch(request, env, ctx) {
      ctx.waitUntil(0); ctx.passThroughOnException();
      return new Response([env.SELF_SERVING, env.NO_SUCH_NAME, "HOME" in env, ctx.mount].join());
    } };`,
    "yes,,true,/m",
  ],
  "Cloudflare's, which copies its environment": [
    `export default { async fetch(request, env, ctx) {
      const { SELF_SERVING, ...rest } = env;
      const isOwn = Object.hasOwn(env, "SELF_SERVING");
      try { env.SELF_SERVING = "no"; } catch (error) { return new Response(
        [SELF_SERVING, "HOME" in rest, Object.keys(env).includes("HOME"), isOwn, error.name].join()); }
    } };`,
    "yes,true,true,true,TypeError",
  ],
  "rest arguments, the third of which is the context": [
    "export default { fetch: (...args) => new Response(args[2].mount) };",
    "/m",
  ],
};
for (const [what, [code, answer]] of Object.entries(FORMS)) {
  Deno.test(`an app can be exported as ${what}`, async () => {
    Deno.env.set("SELF_SERVING", "yes");
    const [mounted] = await load(data(code));
    assertEquals(await answerOf(mounted), answer);
  });
}

const REFUSALS: Readonly<Record<string, readonly [code: string, message: string]>> = {
  "a class without fetch": [
    "export default class { handle() {} }",
    "its default export is a class without a fetch(request, context) method",
  ],
  "a class that throws": [
    "export default class { constructor() { throw new Error('on purpose'); } fetch() {} }",
    "on purpose",
  ],
  "an app of Express": [
    "export default Object.assign((req, res, next) => {}, { handle() {}, listen() {} });",
    "let the module call app.listen(8000) instead of exporting it",
  ],
  "onError that is no function": [
    "export default { fetch() {}, onError: 500 };",
    "onError of its default export is a number, and should be a function (error) => Response",
  ],
  "Deno.serve of an object with fetch": [
    "Deno.serve({ fetch() {} });",
    "handler must be a function, received undefined (write Deno.serve(app.fetch), or export default",
  ],
  "Deno.serve of nothing": ["Deno.serve();", "either a `handler` or `options` must be specified"],
  "Deno.serve of an onListen that is no function": [
    "Deno.serve({ onListen: 1 }, () => {});",
    "options.onListen is not a function",
  ],
  "what is unstable": [
    "throw new TypeError('Deno.openKv is not a function');",
    'write "unstable": ["kv"] into the app\'s deno.json, or start with --unstable-kv',
  ],
  "what is unstable, which is looked for by its name": [
    "throw new ReferenceError('WebSocketStream is not defined');",
    'write "unstable": ["net"]',
  ],
  "the global of browsers": ["window.app = 1;", "window is not defined"],
  "a variable of CommonJS": ["console.log(__dirname);", "write import.meta.dirname"],
  "an address that is taken": [
    "throw new Deno.errors.AddrInUse('Address already in use (os error 98)');",
    "each worker loads the app, which listens there by itself: if it has to, start with --workers 1",
  ],
  "another export alone": ["export const app = 1;", "it has no default export; it exports app"],
  "no exports": [
    "let neverUsed;",
    "it exports nothing, and serves nothing by itself either (Deno.serve(), app.listen())",
  ],
};
for (const [what, [code, message]] of Object.entries(REFUSALS)) {
  Deno.test(`a module with ${what} is refused, saying what is wanted`, async () => {
    await assertRejects(() => load(data(code)), LoadError, message);
  });
}

Deno.test("a module that is mounted twice serves at both places", async () => {
  const url = data("Deno.serve(() => new Response('twice'));");
  const mounted = await load(url, url);
  assertEquals(await Promise.all(mounted.map(answerOf)), ["twice", "twice"]);
});

Deno.test("Deno.serve() listens again when all is loaded", async () => {
  await load(data("Deno.serve(() => new Response('taken'));"));
  const server = Deno.serve({ port: 0, onListen() {} }, () => new Response("listens"));
  const { port } = server.addr;
  assertEquals(await (await fetch(`http://127.0.0.1:${port}`)).text(), "listens");
  await server.shutdown();
});
