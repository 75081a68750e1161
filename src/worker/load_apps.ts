/**
 * Loads apps: imports their modules, picks the exports, and wraps them in middleware.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import { LoadError } from "../base/errors.ts";
import { withPermissionHints } from "../sandbox/permission_hint.ts";
import type { FastCgiHandler } from "../message/fastcgi_request.ts";
import type { App, MountedApp } from "./apps.ts";
import type { Context } from "./context.ts";
import type { AppSet, AppSource, ExportSource } from "./protocol.ts";
import { ADDRESS_IN_USE, LISTENS_IN_EACH, modulesOf } from "./protocol.ts";
import { takeServers } from "./serving/install.ts";
import type { LoadedModule, ModuleExports } from "./serving/served_module.ts";
import { loadModule } from "./serving/served_module.ts";
import { asApp, describe, nameExport } from "./app_forms.ts";
import { handlerApp } from "./fastcgi_handler.ts";

/** The app within middleware. It can be called, like its own `fetch`. */
export type Next = App & App["fetch"];

/** Middleware: given an app, makes another around it. */
export type Middleware = (next: Next) => unknown;

/** A function that makes apps, or middleware, of settings. */
type Factory = (settings: Readonly<Record<string, string>>) => unknown;

const { Error, Promise, Set, clearTimeout, setTimeout } = globalThis;
const { hasOwn, keys } = Object;

/**
 * Loads a set of apps on the current thread. `onLoaded` gets the URL of each app and middleware
 * that is made.
 *
 * Apps that are already loaded share the thread, and may have changed the platform's objects:
 * `apps` alone decides which modules are imported.
 *
 * @throws {LoadError} when a module cannot be imported, or its export is not an app
 */
export function loadApps(
  apps: AppSet,
  onLoaded: (url: string) => void = () => {},
): Promise<MountedApp[]> {
  return Promise.all(apps.mounts.map((source) => loadMount(source, onLoaded)));
}

async function loadMount(
  { middleware, ...source }: AppSource,
  onLoaded: (url: string) => void,
): Promise<MountedApp> {
  const { prefix, stripped, url, exportName } = source;
  const modules = [moduleOf(source)];
  let app: App;
  if (source.form === "fastcgi-handler") app = await loadHandler(source);
  else {
    const value = await appOf(source);
    if (source.kind === "factory" && !mayBeApp(value)) {
      throw new LoadError(
        url,
        `cannot load ${url}: ${subjectOf(source)} ${describe(value)}, and should be an app: a ` +
          `function or an object with a fetch(request, context) method${whyFactory(source)}`,
      );
    }
    app = await called(url, () => asApp(value, url, exportName)) as App;
  }
  onLoaded(url);
  let listener = app;
  let sockets = app;
  for (let i = 0; i < middleware.length; i++) {
    const around = middleware[i];
    modules.push(moduleOf(around));
    app = await wrapped(around, app);
    if (app.onListen !== undefined) listener = app;
    if (app.websocket !== undefined) sockets = app;
    onLoaded(around.url);
  }
  return { prefix, stripped, app, listener, sockets, modules };
}

/**
 * Loads a set of apps on the current thread in `timeoutMs`; 0 disables. An app that blocks the
 * thread cannot be stopped. Those that serve themselves get the first of `addresses` as their own.
 *
 * @throws {LoadError} as {@linkcode loadApps} does, and when the time is over
 */
export async function loadAppsWithin(
  apps: AppSet,
  timeoutMs: number,
  addresses: readonly Deno.Addr[],
): Promise<MountedApp[]> {
  const servers = takeServers(addresses);
  try {
    return await within(apps, timeoutMs);
  } finally {
    servers.leave();
  }
}

async function within(apps: AppSet, timeoutMs: number): Promise<MountedApp[]> {
  if (timeoutMs === 0) return await loadApps(apps);
  const loading = new Set(modulesOf(apps));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(LoadError.timedOut(loading, timeoutMs)),
    timerMs(timeoutMs),
  );
  try {
    return await Promise.race([loadApps(apps, (url) => loading.delete(url)), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The app that middleware makes of `app`. */
async function wrapped(around: ExportSource, app: App): Promise<App> {
  const { url, exportName } = around;
  const wrap = await loadMiddleware(around);
  const takes = wrap.length > 1
    ? `; middleware is a function (next) => App, and this one takes ${wrap.length} arguments`
    : "";
  const made = await called(url, () => wrap(nextOf(app)), takes);
  if (mayBeApp(made)) return asApp(made, url, exportName);
  throw new LoadError(
    url,
    `cannot load the middleware ${url}: it returns ${
      describe(made)
    }, and should return an app: a ` +
      `function or an object with a fetch(request, context) method${takes}`,
  );
}

function nextOf(app: App): Next {
  const fetch = (request: Request, context: Context) => app.fetch(request, context, context);
  const next = fetch as unknown as { -readonly [Name in keyof App]: App[Name] };
  next.fetch = fetch;
  if (app.onListen !== undefined) next.onListen = (address) => app.onListen!(address);
  if (app.websocket !== undefined) next.websocket = app.websocket;
  return fetch as unknown as Next;
}

async function loadHandler(source: ExportSource): Promise<App> {
  const value = await made(source, "handler");
  if (typeof value === "function") return handlerApp(value as FastCgiHandler);
  const { url } = source;
  const advice = typeof (value as Partial<App> | null)?.fetch === "function"
    ? ": it is an app, so leave fastcgi-handler: out"
    : "";
  throw new LoadError(
    url,
    `cannot load the handler ${url}: ${subjectOf(source)} ${describe(value)}, and should be a ` +
      `function (request: FastCgiRequest) => Promise<void>${advice}`,
  );
}

async function loadMiddleware(source: ExportSource): Promise<Middleware> {
  const value = await made(source, "middleware");
  if (typeof value === "function") return value as Middleware;
  throw new LoadError(
    source.url,
    `cannot load the middleware ${source.url}: ${subjectOf(source)} ${
      describe(value)
    }, and should ` +
      "be a function (next: App) => App",
  );
}

/** What factories make, as messages name it. */
const MADE = { app: "App", handler: "FastCgiHandler", middleware: "Middleware" } as const;
const ARTICLED = { handler: "a handler", middleware: "middleware" } as const;

/** The export, or what it makes if it is a factory. */
async function made(source: ExportSource, what: keyof typeof MADE): Promise<unknown> {
  const { url, kind, settings } = source;
  const value = await importExport(source, what === "app" ? undefined : `it is ${ARTICLED[what]}`);
  if (kind === "plain") return value;
  if (typeof value !== "function") {
    throw new LoadError(
      url,
      `cannot load ${url}: its ${nameExport(source.exportName)} is ${
        describe(value)
      }, and should ` +
        `be a function (settings) => ${MADE[what]}, as a factory is${whyFactory(source)}`,
    );
  }
  return await called(url, () => (value as Factory)(settings));
}

/** Why an export is taken for a factory, if that does not stand there as such: one of them may be mistyped. */
function whyFactory({ settings }: ExportSource): string {
  const names = keys(settings);
  return names.length === 0
    ? ""
    : `; it is called as a factory, with its settings: ${names.join(", ")}`;
}

function subjectOf({ kind, exportName }: ExportSource): string {
  return kind === "plain"
    ? `its ${nameExport(exportName)} is`
    : `what its ${nameExport(exportName)} makes is`;
}

/** The app that a module exports, or serves by itself. */
async function appOf(source: ExportSource): Promise<unknown> {
  const { kind, exportName } = source;
  if (kind === "factory" || exportName !== "default") return await made(source, "app");
  const module = moduleOf(source);
  const exports = await Promise.race([evaluated(source), module.accepted.then(() => null)]);
  if (exports !== null && "default" in exports) {
    // Builds of Nitro serve themselves, and export an empty object, as CommonJS does that exports nothing.
    if (isEmpty(exports.default)) await module.waitForApp();
    const isServed = module.served !== null && !mayBeApp(exports.default);
    return isServed ? module.takeServed() : exported(source, module, exports, undefined);
  }
  if (module.served !== null) return module.takeServed();
  if (typeof exports?.fetch === "function") {
    module.leaveServed("it exports fetch(), which is the app");
    return exports;
  }
  // It may have begun what ends in serving.
  if (keys(exports!).length === 0 && await module.waitForApp()) return module.takeServed();
  return exported(source, module, exports!, undefined);
}

/** Whether an export has the looks of an app, or of what makes one. */
function mayBeApp(value: unknown): boolean {
  return typeof value === "function" ||
    typeof value === "object" && value !== null && "fetch" in value;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && !mayBeApp(value) &&
    keys(value).length === 0;
}

/** A module, which is imported when it is asked for first. */
function moduleOf(source: ExportSource): LoadedModule {
  const { url } = source;
  const placed = hasOwn(source, "module") ? source.module! : url;
  return loadModule(url, placed, () => import(placed));
}

async function evaluated(source: ExportSource): Promise<ModuleExports> {
  try {
    return await moduleOf(source).exports;
  } catch (error) {
    const { url } = source;
    throw new LoadError(url, `cannot load ${url}: ${reasonOf(error)}`, { cause: error });
  }
}

/** An export of a module; if there is none of that name, nothing else counts. */
async function importExport(source: ExportSource, why: string | undefined): Promise<unknown> {
  return exported(source, moduleOf(source), await evaluated(source), why);
}

function exported(
  { url, exportName }: ExportSource,
  module: LoadedModule,
  exports: ModuleExports,
  why: string | undefined,
): unknown {
  const name = nameExport(exportName);
  if (exportName in exports) {
    module.leaveServed(why ?? `its ${name} is the app`);
    return exports[exportName];
  }
  const names = keys(exports);
  const known = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
  const hint = module.elsewhere === null
    ? " (Deno.serve(), app.listen())"
    : `: ${module.elsewhere}`;
  const served = exportName === "default" && names.length === 0
    ? `, and serves nothing by itself either${hint}`
    : "";
  throw new LoadError(url, `cannot load ${url}: it has no ${name}; ${known}${served}`);
}

async function called(url: string, make: () => unknown, advice = ""): Promise<unknown> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof LoadError) throw error;
    throw new LoadError(url, `cannot load ${url}: ${reasonOf(error)}${advice}`, { cause: error });
  }
}

/** What went wrong, and where in the app, on one line. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${describe(error)}`;
  // Deno's own messages name a place already, in colour if it likes.
  // deno-lint-ignore no-control-regex
  const plain = withPermissionHints(error.message.replace(/\x1b\[[\d;]*m/g, "").trim());
  // A chain of causes is numbered: the first says it all.
  const message = plain.replace(/\s*\n\s*1: [\s\S]*/, "").replace(/\s*\n\s*(?:0: )?/g, " ");
  const text = error.name === "Error" || error.name === "TypeError" && isLoaderMessage(message)
    ? message
    : `${error.name}: ${message}`;
  if (/:\d+:\d+/.test(message)) return text;
  const advice = adviceOn(text);
  const frame = /((?:file|https?|data|npm|jsr):[^\s()]*:\d+:\d+)/.exec(
    (error.stack ?? "").slice(error.message.length).split("\n").filter(isAppFrame).join("\n"),
  );
  return frame === null ? text + advice : `${text} (at ${frame[1]})${advice}`;
}

/** What to write instead, where Deno would say so, too. */
function adviceOn(text: string): string {
  for (const [feature, missing] of UNSTABLE) {
    if (!missing.test(text)) continue;
    return `; it is unstable in Deno: write "unstable": ["${feature}"] into the app's deno.json, or ` +
      `start with --unstable-${feature}`;
  }
  for (const [fault, advice] of ADVICE) if (fault.test(text)) return `; ${advice}`;
  return "";
}

/** What there is only with the unstable features of Deno. */
const UNSTABLE: readonly (readonly [feature: string, missing: RegExp])[] = [
  ["kv", /\bDeno\.(?:openKv|AtomicOperation|KvU64) is not a /],
  ["cron", /\bDeno\.cron is not a /],
  ["net", /\bDeno\.(?:listenDatagram|connectQuic|QuicEndpoint|upgradeWebTransport) is not a /],
  ["net", /\b(?:WebSocketStream|WebTransport) is not defined$/],
];

const ADVICE: readonly (readonly [fault: RegExp, advice: string])[] = [
  [/\b(?:require|module|exports) is not defined$/, "a CommonJS module needs the extension .cjs"],
  [
    /\b__(?:dir|file)name is not defined$/,
    "write import.meta.dirname or import.meta.filename (a CommonJS module needs the extension .cjs)",
  ],
  [/\bwindow is not defined$/, "write globalThis"],
  [ADDRESS_IN_USE, LISTENS_IN_EACH],
];

function isLoaderMessage(message: string): boolean {
  return /^(?:Module not found|Import|Could not|[Cc]annot)/.test(message);
}

function isAppFrame(line: string): boolean {
  return /^\s+at /.test(line) && !line.includes(GATEHOUSE);
}

/** Where the modules of gatehouse itself are. */
const GATEHOUSE = new URL("../", import.meta.url).href;
