/**
 * Loads apps: imports their modules, picks the exports, and wraps them in middleware.
 *
 * @module
 */

import { timerMs } from "../timers.ts";
import { LoadError } from "../errors.ts";
import { withPermissionHints } from "../sandbox/permission_hint.ts";
import type { App, MountedApp } from "../worker/apps.ts";
import type { AppSet, AppSource, ExportSource } from "../worker/protocol.ts";
import { modulesOf } from "../worker/protocol.ts";

/** Middleware: given an app, makes another around it. */
export type Middleware = (next: App) => unknown;

/** A function that makes apps, or middleware, of settings. */
type Factory = (settings: Readonly<Record<string, string>>) => unknown;

const { Error, Promise, Set, clearTimeout, setTimeout } = globalThis;
const { hasOwn, keys } = Object;

/**
 * Loads a set of apps on the current thread. `onLoaded` is told the URL of each app and middleware that
 * is made.
 *
 * The apps that are there already share the thread, and may have changed what the platform's objects do:
 * which modules are imported is for `apps` alone to say.
 *
 * @throws {LoadError} when a module cannot be imported, or what it exports is no app
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
  const { prefix, url, exportName } = source;
  let app = asApp(await made(source, "app"), url, exportName);
  onLoaded(url);
  let listener = app;
  for (let i = 0; i < middleware.length; i++) {
    const around = middleware[i];
    const wrap = await loadMiddleware(around);
    app = asApp(await called(around.url, () => wrap(app)), around.url, around.exportName);
    if (app.onListen !== undefined) listener = app;
    onLoaded(around.url);
  }
  return { prefix, app, listener };
}

/**
 * Loads a set of apps on the current thread in `timeoutMs`; 0 for any time. An app that blocks the thread
 * cannot be stopped.
 *
 * @throws {LoadError} as {@linkcode loadApps} does, and when the time is over
 */
export async function loadAppsWithin(apps: AppSet, timeoutMs: number): Promise<MountedApp[]> {
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

/** The export, or what it makes if it is a factory. */
async function made(source: ExportSource, what: "app" | "middleware"): Promise<unknown> {
  const { url, kind, settings } = source;
  const value = await importExport(source);
  if (kind === "plain") return value;
  if (typeof value !== "function") {
    throw new LoadError(
      url,
      `cannot load ${url}: its ${nameExport(source.exportName)} is ${
        describe(value)
      }, and should ` +
        `be a function (settings) => ${what === "app" ? "App" : "Middleware"}, as a factory is`,
    );
  }
  return await called(url, () => (value as Factory)(settings));
}

function subjectOf({ kind, exportName }: ExportSource): string {
  return kind === "plain"
    ? `its ${nameExport(exportName)} is`
    : `what its ${nameExport(exportName)} makes is`;
}

async function importExport(source: ExportSource): Promise<unknown> {
  const { url, exportName } = source;
  let module: Record<string, unknown>;
  try {
    const placed = hasOwn(source, "module") ? source.module : undefined;
    module = await import(placed ?? url);
  } catch (error) {
    throw new LoadError(url, `cannot load ${url}: ${reasonOf(error)}`, { cause: error });
  }
  if (!(exportName in module)) {
    const names = keys(module);
    const known = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
    throw new LoadError(url, `cannot load ${url}: it has no ${nameExport(exportName)}; ${known}`);
  }
  return module[exportName];
}

async function called(url: string, make: () => unknown): Promise<unknown> {
  try {
    return await make();
  } catch (error) {
    throw new LoadError(url, `cannot load ${url}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Takes an object with `fetch`, or a bare function, for an app. */
export function asApp(value: unknown, url: string, exportName: string): App {
  if (typeof value === "function") return { fetch: value as App["fetch"] };
  if (typeof (value as App | null)?.fetch === "function") {
    const { onListen } = value as Partial<App>;
    if (onListen === undefined || typeof onListen === "function") return value as App;
    throw new LoadError(
      url,
      `cannot load ${url}: onListen of its ${nameExport(exportName)} is ${
        describe(onListen)
      }, and ` +
        "should be a function (address) => void",
    );
  }
  throw new LoadError(
    url,
    `cannot load ${url}: its ${nameExport(exportName)} is ${describe(value)}, and should be a ` +
      "function or an object with a fetch(request, context) method",
  );
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
  const frame = /((?:file|https?|data|npm|jsr):[^\s()]*:\d+:\d+)/.exec(
    (error.stack ?? "").slice(error.message.length).split("\n").filter(isAppFrame).join("\n"),
  );
  return frame === null ? text : `${text} (at ${frame[1]})`;
}

function isLoaderMessage(message: string): boolean {
  return /^(?:Module not found|Import|Could not|Cannot)/.test(message);
}

function isAppFrame(line: string): boolean {
  return /^\s+at /.test(line) && !line.includes(GATEHOUSE);
}

/** Where the modules of gatehouse itself are. */
const GATEHOUSE = new URL("../", import.meta.url).href;

function nameExport(exportName: string): string {
  return exportName === "default" ? "default export" : `export "${exportName}"`;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  return `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}
