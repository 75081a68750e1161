/**
 * The library's way to run a gateway.
 *
 * @module
 */

import { comeFromBoth, isLocal, permissionsFor } from "../config/app_permissions.ts";
import { ConfigError } from "../base/errors.ts";
import type { FaultReports } from "../message/exchange.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../fastcgi/codec/limits.ts";
import type { ReloadOutcome } from "./generations.ts";
import { Gateway } from "./gateway.ts";
import type { AppHost } from "./gateway.ts";
import { DEFAULT_HTTP_LIMITS } from "../http1/codec/limits.ts";
import { asApp } from "../worker/app_forms.ts";
import { loadAppsWithin } from "../worker/load_apps.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import { logToStderr } from "../base/log.ts";
import type { AppReference, ServeOptions } from "./serve_options.ts";
import { checked } from "./serve_options.ts";
import { checkNumber } from "../limits/setting_checks.ts";
import { ANY_TIME } from "../limits/setting_ranges.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { takeSurroundings } from "../base/surroundings.ts";
import type { AppSet } from "../worker/protocol.ts";
import { modulesOf } from "../worker/protocol.ts";
import { DEFAULT_WORKER_LIMITS } from "../limits/worker_limits.ts";

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
   * 30,000; `Infinity` for any time); what is not done then is cut off.
   *
   * Rejects with a {@linkcode SettingsError} if `graceMs` is no time.
   */
  shutdown(options?: { readonly graceMs?: number }): Promise<void>;
}

const DEFAULT_GRACE_MS = 30_000;

/**
 * Serves apps over HTTP/1.1 and FastCGI. Resolves when the endpoints accept connections. Environment
 * and working directory are looked at once, by this call: apps can change them later.
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
 * @throws {SettingsError} when options are wrong: all that are
 * @throws {ConfigError} when they do not go together
 * @throws {ListenError} when an address cannot be had
 * @throws {LoadError} when an app cannot be loaded
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const surroundings = takeSurroundings();
  const { cert, key, faultReports = "errors", generationHeader = "" } = options;
  const { references, http, https, fastcgi, mongrel2 } = checked(options, surroundings.cwd);
  const { tempFolder } = surroundings;
  const gateway = await Gateway.start({
    http,
    https,
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    fastcgi: {
      addresses: fastcgi,
      limits: { ...DEFAULT_FASTCGI_LIMITS, ...options.limits },
      faultReports,
      webServerAddrs: options.webServerAddrs,
      tempFolder,
    },
    mongrel2,
    surroundings,
    backlog: options.backlog ?? 511,
    limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
    host: hostFor(references, options, faultReports, surroundings),
    prefixes: [...references.keys()],
    // The program that calls this has files and sockets of its own, which are not to be taken for apps'.
    workerLimits: { ...DEFAULT_WORKER_LIMITS, maxWorkerDescriptors: 0, ...options.workerLimits },
    drainTimeoutMs: options.drainTimeoutMs ?? DEFAULT_GRACE_MS,
    generationHeader,
    log: options.log ?? logToStderr,
  });
  try {
    await gateway.complete;
  } catch (error) {
    await gateway.shutdown(0);
    throw error;
  }
  const finished = Promise.withResolvers<void>();
  const shutdown = async (graceMs: number) => {
    await gateway.shutdown(graceMs);
    finished.resolve();
  };
  return {
    addresses: [...gateway.addresses],
    finished: finished.promise,
    reload: (reason = "reload()") => gateway.reload(reason),
    async shutdown({ graceMs = DEFAULT_GRACE_MS } = {}) {
      checkNumber("graceMs", graceMs, ANY_TIME);
      await shutdown(graceMs);
    },
    [Symbol.asyncDispose]: () => shutdown(0),
  };
}

function hostFor(
  references: Map<string, AppReference>,
  options: ServeOptions,
  faultReports: FaultReports,
  surroundings: Surroundings,
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
  const apps: AppSet = {
    mounts: [...references].map(([prefix, app]) => ({
      prefix,
      ...resolveApp(String(app), surroundings.cwd),
      kind: "plain",
      settings: {},
      middleware: [],
    })),
    faultReports,
  };
  if (workers === 0) {
    const { loadTimeoutMs } = { ...DEFAULT_WORKER_LIMITS, ...options.workerLimits };
    return { kind: "thread", load: (addresses) => loadAppsWithin(apps, loadTimeoutMs, addresses) };
  }
  const urls = modulesOf(apps);
  if (comeFromBoth(urls) && permissions !== "inherit") {
    throw new ConfigError(
      `${urls.find(isLocal)} and ${
        urls.find((url) => !isLocal(url))
      } would share workers, and Deno's ` +
        "loader would let both read the folder of the first: serve them by two gateways, or with " +
        'permissions: "inherit"',
    );
  }
  return {
    kind: "workers",
    prepare: () =>
      Promise.resolve([{
        apps,
        permissions: permissionsFor(urls, permissions, surroundings),
        modules: null,
        workers,
      }]),
  };
}

function isByUrl(app: AppReference): app is string | URL {
  return typeof app === "string" || app instanceof URL;
}
