/**
 * The library's way to run a gateway.
 *
 * @module
 */

import type { AppPermissions } from "./config/app_permissions.ts";
import { permissionsFor } from "./config/app_permissions.ts";
import { checkGenerationHeader } from "./config/reload_options.ts";
import { parseMongrel2Spec } from "./mongrel2/spec.ts";
import { parseListenAddress } from "./net/address.ts";
import { ConfigError } from "./errors.ts";
import type { FaultReports } from "./exchange.ts";
import type { FastCgiLimits } from "./fastcgi/limits.ts";
import { DEFAULT_FASTCGI_LIMITS } from "./fastcgi/limits.ts";
import type { ReloadOutcome } from "./generations.ts";
import { Gateway } from "./gateway.ts";
import type { AppHost } from "./gateway.ts";
import type { HttpLimits } from "./http1/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "./http1/limits.ts";
import { asApp, loadAppsWithin } from "./loader/load.ts";
import { resolveApp } from "./loader/resolve.ts";
import type { Log } from "./log.ts";
import { logToStderr } from "./log.ts";
import type { App } from "./worker/apps.ts";
import type { Context } from "./worker/context.ts";
import type { AppSet } from "./worker/protocol.ts";
import { modulesOf } from "./worker/protocol.ts";
import type { WorkerLimits } from "./worker_limits.ts";
import { DEFAULT_WORKER_LIMITS } from "./worker_limits.ts";

/** A bare function that is an app. */
export type AppFunction = (request: Request, context: Context) => Response | Promise<Response>;

/** An app: by the URL or path of its module (with `#export`, if not the default), or as it is. */
export type AppReference = string | URL | App | AppFunction;

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /** The app to serve at the root. */
  readonly app?: AppReference;
  /** Apps by path prefix, such as `{ "/admin": "./admin.ts" }`. The longest prefix wins. */
  readonly mounts?: Readonly<Record<string, AppReference>>;
  /**
   * Addresses to serve HTTP on: `[host]:port`, a port, or `unix:PATH[,mode=0660]`. Port 0 is any
   * free one. Default `"127.0.0.1:8000"`, unless another endpoint is given.
   */
  readonly http?: string | readonly string[];
  /** Addresses to serve HTTPS on. Needs `cert` and `key`. */
  readonly https?: string | readonly string[];
  /** Addresses to serve FastCGI on, to web servers in front. */
  readonly fastcgi?: string | readonly string[];
  /**
   * Mongrel2 servers to be a handler of: the endpoint that each sends requests at, such as
   * `tcp://127.0.0.1:9999`, followed by `,recv=ENDPOINT`, `,ident=ID`, `,chroot=DIR` and `,uploads=DIR`
   * where needed.
   */
  readonly mongrel2?: string | readonly string[];
  /** Certificate chain for `https`, as PEM text. */
  readonly cert?: string;
  /** Private key for `https`, as PEM text. */
  readonly key?: string;
  /**
   * Number of workers for apps given by URL; 0 runs them on the calling thread. Default: number of
   * cores. Apps given as objects always run on the calling thread.
   */
  readonly workers?: number;
  /**
   * What apps in workers may do. Default `"inherit"`: all that this program may.
   *
   * Deno wants its flag `--unstable-worker-options` (or `"unstable": ["worker-options"]` in deno.json)
   * for anything else, and ends the program, saying so, where it is missing.
   */
  readonly permissions?: AppPermissions | "inherit";
  /**
   * How long workers that are replaced may finish their requests, in
   * milliseconds. Default 30,000.
   */
  readonly drainTimeoutMs?: number;
  /** Limits of each worker that differ from {@linkcode DEFAULT_WORKER_LIMITS}. */
  readonly workerLimits?: Partial<WorkerLimits>;
  /** Name of a response header that says which generation of workers answered. Default: none. */
  readonly generationHeader?: string;
  /** Connections that the system queues for each address. Default 511. */
  readonly backlog?: number;
  /** Limits that differ from {@linkcode DEFAULT_HTTP_LIMITS} and {@linkcode DEFAULT_FASTCGI_LIMITS}. */
  readonly limits?: Partial<HttpLimits & FastCgiLimits>;
  /** What the web servers' error logs are told of the apps' faults, over FastCGI. Default `"errors"`. */
  readonly faultReports?: FaultReports;
  /** Addresses of the web servers that may connect to `fastcgi` over TCP. Default: all. */
  readonly webServerAddrs?: readonly string[];
  /** Takes the gateway's messages. Default: lines to standard error. */
  readonly log?: Log;
}

/** A gateway that {@linkcode serve} started. */
export interface Server extends AsyncDisposable {
  /** Addresses that are served: those of `http`, of `https`, of `fastcgi`. */
  readonly addresses: Deno.Addr[];
  /** Resolves when the gateway has come to its end. */
  readonly finished: Promise<void>;
  /**
   * Loads the apps anew, in new workers, and lets these take over when all of them are ready; those
   * that serve finish their requests. If the apps cannot be loaded, they go on. Apps on the calling
   * thread cannot be loaded anew.
   */
  reload(reason?: string): Promise<ReloadOutcome>;
  /**
   * Stops accepting and finishes what is in flight, for up to `graceMs` milliseconds (default
   * 30,000); what is not done then is cut off.
   */
  shutdown(options?: { readonly graceMs?: number }): Promise<void>;
}

const DEFAULT_GRACE_MS = 30_000;

/**
 * Serves apps over HTTP/1.1 and FastCGI. Resolves when the endpoints accept connections.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { serve } from "gatehouse";
 *
 * await using server = await serve({
 *   http: "127.0.0.1:0",
 *   app: (request) => new Response(`Hello from ${new URL(request.url).pathname}`),
 * });
 * const { port } = server.addresses[0] as Deno.NetAddr;
 * const response = await fetch(`http://127.0.0.1:${port}/here`);
 * assertEquals(await response.text(), "Hello from /here");
 * ```
 *
 * @throws {ConfigError} when the options do not go together
 * @throws {ListenError} when an address cannot be had
 * @throws {LoadError} when an app cannot be loaded
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { cert, key } = options;
  const https = listOf(options.https);
  const fastcgi = listOf(options.fastcgi);
  const faultReports = options.faultReports ?? "errors";
  const mongrel2 = listOf(options.mongrel2);
  const others = https.length + fastcgi.length + mongrel2.length;
  const http = options.http === undefined && others === 0
    ? ["127.0.0.1:8000"]
    : listOf(options.http);
  if (https.length > 0 && (cert === undefined || key === undefined)) {
    throw new ConfigError("https needs cert and key, as PEM text");
  }
  const references = new Map<string, AppReference>();
  if (options.app !== undefined) references.set("", options.app);
  for (const [prefix, app] of Object.entries(options.mounts ?? {})) {
    const path = prefix.replace(/\/$/, "");
    if (path !== "" && !path.startsWith("/")) {
      throw new ConfigError(
        `the mount prefix ${JSON.stringify(prefix)} does not begin with a slash`,
      );
    }
    if (references.has(path)) throw new ConfigError(`two apps are mounted at ${path || "/"}`);
    references.set(path, app);
  }
  if (references.size === 0) throw new ConfigError("serve() needs an app, or mounts");
  const { generationHeader = "" } = options;
  if (generationHeader !== "") checkGenerationHeader("generationHeader", generationHeader);

  const gateway = await Gateway.start({
    http: http.map(parseListenAddress),
    https: https.map(parseListenAddress),
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    fastcgi: {
      addresses: fastcgi.map(parseListenAddress),
      limits: { ...DEFAULT_FASTCGI_LIMITS, ...options.limits },
      faultReports,
      webServerAddrs: options.webServerAddrs,
    },
    mongrel2: mongrel2.map(parseMongrel2Spec),
    backlog: options.backlog ?? 511,
    limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
    host: hostFor(references, options, faultReports),
    prefixes: [...references.keys()],
    workerLimits: { ...DEFAULT_WORKER_LIMITS, ...options.workerLimits },
    drainTimeoutMs: options.drainTimeoutMs ?? DEFAULT_GRACE_MS,
    generationHeader,
    log: options.log ?? logToStderr,
  });
  const finished = Promise.withResolvers<void>();
  const shutdown = async (graceMs: number) => {
    await gateway.shutdown(graceMs);
    finished.resolve();
  };
  return {
    addresses: [...gateway.addresses],
    finished: finished.promise,
    reload: (reason = "reload()") => gateway.reload(reason),
    shutdown: (how = {}) => shutdown(how.graceMs ?? DEFAULT_GRACE_MS),
    [Symbol.asyncDispose]: () => shutdown(0),
  };
}

function hostFor(
  references: Map<string, AppReference>,
  options: ServeOptions,
  faultReports: FaultReports,
): AppHost {
  const { workers = navigator.hardwareConcurrency, permissions = "inherit" } = options;
  const byUrl = [...references.values()].filter(isByUrl).length;
  if (permissions !== "inherit" && (byUrl === 0 || workers === 0)) {
    throw new ConfigError(
      "permissions are for apps in workers; those that run on the calling thread may do all that it may",
    );
  }
  if (byUrl === 0) {
    const mounts = [...references].map(([prefix, app]) => ({
      prefix,
      app: asApp(app, "serve()", "app"),
    }));
    return { kind: "thread", load: () => Promise.resolve(mounts) };
  }
  if (byUrl < references.size) {
    throw new ConfigError("serve() takes apps by URL, or as objects, but not both");
  }
  const cwd = Deno.cwd();
  const apps: AppSet = {
    mounts: [...references].map(([prefix, app]) => ({
      prefix,
      ...resolveApp(String(app), cwd),
      kind: "plain",
      settings: {},
      middleware: [],
    })),
    faultReports,
  };
  if (workers === 0) {
    const { loadTimeoutMs } = { ...DEFAULT_WORKER_LIMITS, ...options.workerLimits };
    return { kind: "thread", load: () => loadAppsWithin(apps, loadTimeoutMs) };
  }
  return {
    kind: "workers",
    prepare: () =>
      Promise.resolve([{
        apps,
        permissions: permissionsFor(modulesOf(apps), permissions, cwd),
        modules: null,
        workers,
      }]),
  };
}

function isByUrl(app: AppReference): app is string | URL {
  return typeof app === "string" || app instanceof URL;
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
