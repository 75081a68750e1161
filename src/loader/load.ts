/**
 * Loads apps: imports their modules, picks the exports, and wraps them in middleware.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import { withPermissionHints } from "../worker/permission_hint.ts";
import type { App, MountedApp } from "../worker/apps.ts";
import type { AppSet, AppSource, MiddlewareSource } from "../worker/protocol.ts";

/** Middleware: given an app, makes another around it. */
export type Middleware = (next: App) => unknown;

/**
 * Loads a set of apps on the current thread.
 *
 * @throws {LoadError} when a module cannot be imported, or what it exports is no app
 */
export async function loadApps(apps: AppSet): Promise<MountedApp[]> {
  const middleware: [MiddlewareSource, Middleware][] = [];
  for (const source of apps.middleware) {
    const value = await importExport(source);
    if (typeof value !== "function") {
      throw new LoadError(
        source.url,
        `cannot load the middleware ${source.url}: its ${nameExport(source.exportName)} is ` +
          `${describe(value)}, and should be a function (next: App) => App`,
      );
    }
    middleware.push([source, value as Middleware]);
  }
  return Promise.all(apps.mounts.map(async (source) => {
    let app = asApp(await exported(source, apps.appKind), source.url, source.exportName);
    for (const [{ url, exportName }, wrap] of middleware) {
      app = asApp(await called(url, () => wrap(app)), url, exportName);
    }
    return { prefix: source.prefix, app };
  }));
}

async function exported(source: AppSource, kind: AppSet["appKind"]): Promise<unknown> {
  const value = await importExport(source);
  if (kind === "app") return value;
  if (typeof value !== "function") {
    throw new LoadError(
      source.url,
      `cannot load ${source.url}: its ${nameExport(source.exportName)} is ${describe(value)}, ` +
        "and --factory wants a function that makes the app",
    );
  }
  return await called(source.url, () => (value as (settings: object) => unknown)({}));
}

async function importExport(source: AppSource | MiddlewareSource): Promise<unknown> {
  const { url, exportName } = source;
  let module: Record<string, unknown>;
  try {
    module = await import(source.module ?? url);
  } catch (error) {
    throw new LoadError(url, `cannot load ${url}: ${reasonOf(error)}`, { cause: error });
  }
  if (!(exportName in module)) {
    const names = Object.keys(module);
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
  if (typeof (value as App | null)?.fetch === "function") return value as App;
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
