/**
 * The forms in which modules export apps.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import { LoadError } from "../base/errors.ts";
import type { App } from "./apps.ts";
import type { Context } from "./context.ts";
import { withErrorHandler } from "./serving/deno_serve.ts";
import type { WebSocketHandlers } from "./websocket/handlers.ts";
import { HANDLER_NAMES } from "./websocket/handlers.ts";

/** An app as a module may export it: that of `deno serve`, of Bun, or of Cloudflare. */
interface ExportedApp extends App {
  /** Answers if `fetch` throws. */
  readonly onError?: (error: unknown) => Response | Promise<Response>;
}

/** A `fetch` that takes its environment and its context apart, as Cloudflare's workers do. */
type ThreeArgumentFetch = (
  request: Request,
  env: Readonly<Record<string, string>>,
  context: Context,
) => Response | Promise<Response>;

const { Proxy } = globalThis;
const { getOwnPropertyDescriptor, keys } = Object;
const { apply, construct } = Reflect;
const { env } = Deno;
const sourceOf: (value: object) => string = uncurried(Function.prototype.toString) as never;
const { NotCapable } = Deno.errors;

/**
 * Takes for an app: an object with `fetch`, a class of such objects, or a bare function.
 *
 * @throws {LoadError} saying what to write, if it is not one
 */
export function asApp(value: unknown, url: string, exportName: string): App {
  const name = nameExport(exportName);
  if (isClass(value) && typeof (value as Partial<App>).fetch !== "function") {
    return fromObject(instanceOf(value, url, name), url, name);
  }
  if (typeof value === "function") {
    refuseOtherFunctions(value, url, name);
    if (!isClass(value)) return { fetch: value as App["fetch"] };
  }
  return fromObject(value, url, name);
}

/** What the export of that name is called in messages. */
export function nameExport(exportName: string): string {
  return exportName === "default" ? "default export" : `export "${exportName}"`;
}

/** What `value` is, with an article. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  return `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}

function fromObject(value: unknown, url: string, name: string): App {
  if (typeof (value as App | null)?.fetch !== "function") {
    throw new LoadError(
      url,
      `cannot load ${url}: its ${name} is ${describe(value)}, and should be a ` +
        "function or an object with a fetch(request, context) method",
    );
  }
  const app = value as ExportedApp;
  for (
    const [member, shape] of [
      ["onListen", "(address) => void"],
      ["onError", "(error) => Response"],
    ] as const
  ) {
    const given: unknown = app[member];
    if (given === undefined || typeof given === "function") continue;
    throw new LoadError(
      url,
      `cannot load ${url}: ${member} of its ${name} is ${describe(given)}, and ` +
        `should be a function ${shape}`,
    );
  }
  if (app.websocket !== undefined) checkHandlers(app.websocket, url, name);
  const isCloudflares = app.fetch.length > 2;
  if (!isCloudflares && app.onError === undefined) return app;
  const fetch: App["fetch"] = isCloudflares
    ? (request, context) =>
      (app as unknown as { fetch: ThreeArgumentFetch }).fetch(request, ENVIRONMENT, context)
    : (request, context) => app.fetch(request, context);
  return {
    fetch: withErrorHandler(
      fetch,
      app.onError === undefined ? undefined : (error) => apply(app.onError!, app, [error]),
    ),
    ...(app.onListen === undefined ? {} : { onListen: (address) => app.onListen!(address) }),
    ...(app.websocket === undefined ? {} : { websocket: app.websocket }),
  };
}

/** @throws {LoadError} if a member of an app's `websocket` is not what it should be */
function checkHandlers(handlers: unknown, url: string, name: string): void {
  if (typeof handlers !== "object" || handlers === null) {
    throw new LoadError(
      url,
      `cannot load ${url}: websocket of its ${name} is ${
        describe(handlers)
      }, and should be an object ` +
        "{ open, message, close, drain }",
    );
  }
  for (let i = 0; i < HANDLER_NAMES.length; i++) {
    const given: unknown = (handlers as WebSocketHandlers)[HANDLER_NAMES[i]];
    if (given === undefined || typeof given === "function") continue;
    throw new LoadError(
      url,
      `cannot load ${url}: websocket.${HANDLER_NAMES[i]} of its ${name} is ${
        describe(given)
      }, and ` +
        "should be a function (socket, ...) => void",
    );
  }
  const { idleTimeout } = handlers as WebSocketHandlers;
  if (idleTimeout === undefined || typeof idleTimeout === "number" && idleTimeout >= 0) return;
  throw new LoadError(
    url,
    `cannot load ${url}: websocket.idleTimeout of its ${name} is ${idleTimeout}, and should be a ` +
      "number of seconds, 0 or more",
  );
}

/** Whether it is a class. Only their prototypes cannot be replaced; bound functions and arrows have none. */
function isClass(value: unknown): value is new () => unknown {
  return typeof value === "function" &&
    getOwnPropertyDescriptor(value, "prototype")?.writable === false;
}

function instanceOf(value: new () => unknown, url: string, name: string): unknown {
  if (typeof (value.prototype as Partial<App> | undefined)?.fetch !== "function") {
    throw new LoadError(
      url,
      `cannot load ${url}: its ${name} is a class without a fetch(request, context) method`,
    );
  }
  return construct(value, []);
}

/** Functions that are something else than an app: each request would fail. */
function refuseOtherFunctions(value: object, url: string, name: string): void {
  const { handle, listen } = value as { handle?: unknown; listen?: unknown };
  if (typeof handle === "function" && typeof listen === "function") {
    throw new LoadError(
      url,
      `cannot load ${url}: its ${name} is an app of Express: let the module call app.listen(8000) ` +
        "instead of exporting it",
    );
  }
  const parameter = firstParameterOf(value);
  if (/^(?:settings|options|opts|config)$/.test(parameter)) {
    throw new LoadError(
      url,
      `cannot load ${url}: its ${name} takes ${parameter}, as a factory does, and not a request: ` +
        "start with --factory (or write factory = true in its section of the configuration file)",
    );
  }
  if (parameter === "next") {
    throw new LoadError(
      url,
      `cannot load ${url}: what its ${name} makes takes next, as middleware does, so the export is a ` +
        "factory: write factory = true in its [filter:NAME] section of a configuration file, or export " +
        "what it makes",
    );
  }
}

/** The start of a function, of an arrow function, and of one whose parameter stands alone. */
const FIRST_PARAMETER =
  /^(?:async\s+)?function\b[^(]*\(\s*([\w$]+)|^(?:async\s*)?\(\s*([\w$]+)|^(?:async\s+)?([\w$]+)\s*=>/;

/** Name of the first parameter of a function; `""` if it has none, or none that is plain to see. */
function firstParameterOf(value: object): string {
  const [, ofFunction, ofArrow, alone] = FIRST_PARAMETER.exec(sourceOf(value)) ?? [];
  return ofFunction ?? ofArrow ?? alone ?? "";
}

/**
 * Environment variables as an object, as far as the app may see them: each when it is asked for. Their names are
 * there if it may see all.
 */
const ENVIRONMENT = new Proxy<Record<string, string>>({}, {
  get: (_, name) => typeof name === "string" ? variable(name) : undefined,
  has: (_, name) => typeof name === "string" && variable(name) !== undefined,
  set: () => false,
  deleteProperty: () => false,
  defineProperty: () => false,
  ownKeys: () => keys(variables()),
  getOwnPropertyDescriptor(_, name) {
    const value = typeof name === "string" ? variable(name) : undefined;
    return value === undefined ? undefined : { value, enumerable: true, configurable: true };
  },
});

function variables(): Record<string, string> {
  try {
    return env.toObject();
  } catch (error) {
    if (error instanceof NotCapable) return {};
    throw error;
  }
}

function variable(name: string): string | undefined {
  if (name === "") return undefined;
  try {
    return env.get(name);
  } catch (error) {
    if (error instanceof NotCapable) return undefined;
    throw error;
  }
}
