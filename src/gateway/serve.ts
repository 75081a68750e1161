/**
 * The library's way to run a gateway.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { logAs } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { takeSurroundings } from "../base/surroundings.ts";
import { needsBuiltInLoader } from "../config/loader_options.ts";
import type { AppSettings, LoaderSettings } from "../config/settings.ts";
import { adminAddresses, defaultSettings } from "../config/settings.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../fastcgi/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../http1/codec/limits.ts";
import type { FileField } from "../message/file_fields.ts";
import { LocalSwitchboard } from "../signals/switchboard.ts";
import type { RequestObserver } from "../observe/request_record.ts";
import { checkNumber } from "../limits/setting_checks.ts";
import { soleIdentity } from "../net/tls_identity.ts";
import { ANY_TIME, DEFAULT_HEALTH_CHECK_MS } from "../limits/setting_ranges.ts";
import { DEFAULT_WORKER_LIMITS } from "../limits/worker_limits.ts";
import { asApp } from "../worker/app_forms.ts";
import type { App, MountedApp } from "../worker/apps.ts";
import type { AppSet } from "../worker/protocol.ts";
import { appSourceOf } from "./app_groups.ts";
import { appLoading } from "./apps.ts";
import { checked, compressionOf } from "./checked_options.ts";
import { openAccessLog } from "./access_log.ts";
import type { CheckedWatch } from "./checked_watch.ts";
import type { FolderMount } from "./folder_mounts.ts";
import { folderAt } from "./folder_mounts.ts";
import { Gateway } from "./gateway.ts";
import type { AppHost } from "./gateway_options.ts";
import type { ReloadOutcome } from "./generations.ts";
import { openHub } from "./hub.ts";
import { Reloading } from "./reloading.ts";
import type { ServingWatch } from "./serving_watch.ts";
import { openTraces } from "./traces.ts";
import type { AppReference, ServeOptions } from "./serve_options.ts";

/** A gateway that {@linkcode serve} started. */
export interface Server extends AsyncDisposable {
  /** The addresses that it listens on: those of `http`, of `https`, of `fastcgi`. */
  readonly addresses: Deno.Addr[];
  /** The addresses of `health`, `metrics` and `status`, each once. */
  readonly monitoringAddresses: Deno.Addr[];
  /** Resolves when the gateway has ended. */
  readonly finished: Promise<void>;
  /**
   * Reloads the apps in new workers, which take over when all are ready; the old workers finish
   * their requests. If the apps cannot be loaded, the old workers go on serving. Apps on the
   * calling thread cannot be reloaded.
   */
  reload(reason?: string): Promise<ReloadOutcome>;
  /** Goes on with a new file for the access log: the one that it had has been moved away. */
  reopenLogs(): void;
  /**
   * Stops accepting, and finishes requests in flight for up to `graceMs` milliseconds (default
   * 30,000; `Infinity` sets no limit); the rest is cut off.
   *
   * Rejects with a {@linkcode SettingsError} if `graceMs` is not a valid time.
   */
  shutdown(options?: { readonly graceMs?: number }): Promise<void>;
}

const DEFAULT_GRACE_MS = 30_000;

/**
 * Serves apps over HTTP/1.1 and FastCGI. Resolves when the endpoints accept connections.
 * Environment and working directory are read once, by this call: apps can change them later.
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
 * @throws {SettingsError} with all options that are wrong
 * @throws {ConfigError} when they cannot be combined
 * @throws {ListenError} when an address cannot be used
 * @throws {LoadError} when an app cannot be loaded
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const surroundings = takeSurroundings();
  const { cert, key, faultReports = "errors", generationHeader = "" } = options;
  const { references, responses, http, https, fastcgi, mongrel2, watch, ...others } = checked(
    options,
    surroundings.cwd,
  );
  const { fileFields, frontFileField, trustedProxies, forwardedFields } = others;
  const { cwd, tempFolder } = surroundings;
  const folders = takeFolders(references, cwd);
  const ownLog = options.log ?? logAs(watch.log);
  await using needs = new AsyncDisposableStack();
  const stop = Promise.withResolvers<void>();
  const monitoring = await openedMonitoring(watch, surroundings, ownLog, stop.resolve);
  if (monitoring !== null) needs.use(monitoring);
  const log = monitoring?.watching(ownLog) ?? ownLog;
  const hosting = needs.use(hostingFor(references, options, fileFields, surroundings, log));
  const hub = needs.use(await openHub(others.signals, log));
  if (monitoring !== null) monitoring.hub = hub.hub;
  const accessLog = watch.accessLog === null
    ? null
    : await openAccessLog(watch.accessLog, cwd, null, log);
  needs.defer(() => accessLog?.close());
  const traces = options.traces === "environment" ? await openTraces(surroundings, log) : null;
  needs.use(traces);
  const gateway = await completed(Gateway.start({
    http,
    https,
    tls: cert !== undefined && key !== undefined ? soleIdentity({ cert, key }) : undefined,
    fastcgi: {
      addresses: fastcgi,
      limits: { ...DEFAULT_FASTCGI_LIMITS, ...options.limits },
      faultReports,
      webServerAddrs: options.webServerAddrs,
      tempFolder,
    },
    mongrel2,
    trustedProxies,
    forwardedFields,
    requestId: options.requestId,
    surroundings,
    backlog: options.backlog ?? 511,
    limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
    messageCompression: options.messageCompression ?? "none",
    serverHeader: options.serverHeader,
    compression: compressionOf(options),
    host: hosting.host,
    prefixes: [...references.keys()],
    fileFields,
    frontFileField,
    switchboard: new LocalSwitchboard(hub.hub),
    folders,
    responses,
    folderOptions: { listing: "none", fallback: "", cacheControl: "", ...options.files },
    // The program that calls this has files and sockets of its own, which are not to be taken for apps'.
    workerLimits: { ...DEFAULT_WORKER_LIMITS, maxWorkerDescriptors: 0, ...options.workerLimits },
    drainTimeoutMs: options.drainTimeoutMs ?? DEFAULT_GRACE_MS,
    generationHeader,
    observers: [
      ...observersOf(options),
      ...accessLog === null ? [] : [accessLog],
      ...monitoring?.observers ?? [],
    ],
    tracer: traces?.tracer ?? null,
    healthChecks: watch.healthChecks,
    healthCheckTimeoutMs: options.healthCheckTimeoutMs ?? DEFAULT_HEALTH_CHECK_MS,
    counts: monitoring?.process.counts,
    adminAddresses: adminAddresses(watch.monitoring),
    log,
  }));
  monitoring?.onServing(gateway);
  const reload = async (reason: string) => {
    const outcome = await gateway.reload(reason);
    monitoring?.process.onReloaded(outcome);
    return outcome;
  };
  const reloading = hosting.reloading(reload);
  if (monitoring !== null && hosting.host.kind === "workers") {
    monitoring.reload = () => reload("somebody has asked for it");
  }
  const running = needs.move();
  let ended: Promise<void> | null = null;
  const finished = Promise.withResolvers<void>();
  const shutdown = async (graceMs: number) => {
    monitoring?.onStopping();
    reloading[Symbol.dispose]();
    await gateway.shutdown(graceMs);
    await (ended ??= running.disposeAsync());
    finished.resolve();
  };
  stop.promise.then(() => shutdown(DEFAULT_GRACE_MS));
  return {
    addresses: [...gateway.addresses],
    monitoringAddresses: [...monitoring?.listening ?? []],
    finished: finished.promise,
    reload: (reason = "reload()") => reload(reason),
    reopenLogs: () => accessLog?.reopen(),
    async shutdown({ graceMs = DEFAULT_GRACE_MS } = {}) {
      checkNumber("graceMs", graceMs, ANY_TIME);
      await shutdown(graceMs);
    },
    [Symbol.asyncDispose]: () => shutdown(0),
  };
}

function observersOf({ onRequestEnd }: ServeOptions): RequestObserver[] {
  return onRequestEnd === undefined ? [] : [{ onEnd: (record) => onRequestEnd(record) }];
}

/** What the gateway is watched by, if that is asked for; `drain` has it end. */
async function openedMonitoring(
  { monitoring: addresses }: CheckedWatch,
  surroundings: Surroundings,
  log: Log,
  drain: () => void,
): Promise<ServingWatch | null> {
  if (adminAddresses(addresses).length === 0) return null;
  const { ServingWatch } = await import("./serving_watch.ts");
  return await ServingWatch.open({
    addresses,
    surroundings,
    part: null,
    log,
    drain,
  });
}

/** The gateway once its apps are loaded. */
async function completed(starting: Promise<Gateway>): Promise<Gateway> {
  const gateway = await starting;
  try {
    await gateway.complete;
    return gateway;
  } catch (error) {
    await gateway.shutdown(0);
    throw error;
  }
}

/** Where the apps run, and what has to be ended with them. */
interface Hosting extends Disposable {
  readonly host: AppHost;
  /** Reloads the apps when what they are made of changes, until it is disposed of. */
  reloading(reload: (reason: string) => Promise<unknown>): Disposable;
}

function hostingFor(
  references: Map<string, AppReference>,
  options: ServeOptions,
  fileFields: readonly FileField[],
  surroundings: Surroundings,
  log: Log,
): Hosting {
  const { workers = navigator.hardwareConcurrency, permissions = "inherit" } = options;
  const settings = appSettings(references, options, fileFields);
  const byUrl = [...references.values()].filter(isByUrl).length;
  if (permissions !== "inherit" && (byUrl === 0 || workers === 0)) {
    throw new ConfigError(
      "permissions apply to apps in workers; an app on the calling thread may do whatever the thread may",
    );
  }
  if (options.consoleTags === "tagged" && (byUrl === 0 || workers === 0)) {
    throw new ConfigError(
      "consoleTags are for apps by URL in workers: the console of the calling thread is the program's",
    );
  }
  if (byUrl > 0 && byUrl < references.size) {
    throw new ConfigError("serve() takes apps by URL, or as objects, but not both");
  }
  const isBuiltIn = settings.loading.loader === "built-in";
  if (isBuiltIn && (byUrl === 0 || workers === 0)) {
    throw new ConfigError(
      "the built-in loader, and with it watch, is for apps by URL in workers: those on the calling " +
        "thread are part of the program",
    );
  }
  if (!isBuiltIn && needsBuiltInLoader(settings)) {
    throw new ConfigError(
      'loader: "native" cannot be combined with watch, or with other options for loading: ' +
        "Deno's loader " +
        "takes its own, and does not report what it loads",
    );
  }
  if (byUrl === 0) {
    if (settings.middleware.length > 0) {
      throw new ConfigError("middleware is for apps by URL: put it around those that are objects");
    }
    const mounts = [...references].map(([prefix, app]) => ({
      prefix,
      app: asApp(app as App, "serve()", "app"),
    }));
    return threadHosting(() => Promise.resolve(mounts));
  }
  if (workers === 0) {
    const mounts = settings.mounts.map((mount) => appSourceOf(mount, settings, surroundings.cwd));
    const apps: AppSet = { mounts, faultReports: settings.faultReports };
    const { loadTimeoutMs } = settings.workerLimits;
    return threadHosting(async (addresses) => {
      const { loadAppsWithin } = await import("../worker/load_apps.ts");
      return await loadAppsWithin(apps, loadTimeoutMs, addresses);
    });
  }
  const loading = appLoading(settings, () => settings, surroundings, [], log);
  return {
    host: loading.host,
    reloading: (reload) => new Reloading(loading, { ...settings, files: [], reload, log }),
    [Symbol.dispose]: () => loading[Symbol.dispose](),
  };
}

/** Takes the folders out of what is mounted. */
function takeFolders(references: Map<string, AppReference>, cwd: string): FolderMount[] {
  const folders: FolderMount[] = [];
  for (const [prefix, reference] of references) {
    const path = isByUrl(reference) ? folderAt(String(reference), cwd) : null;
    if (path === null) continue;
    references.delete(prefix);
    folders.push({ prefix, path });
  }
  return folders;
}

function threadHosting(
  load: (addresses: readonly Deno.Addr[]) => Promise<MountedApp[]>,
): Hosting {
  const nothing = { [Symbol.dispose]() {} };
  return { host: { kind: "thread", load }, reloading: () => nothing, ...nothing };
}

/** The options in the form of settings. */
function appSettings(
  references: ReadonlyMap<string, AppReference>,
  options: ServeOptions,
  fileFields: readonly FileField[],
): AppSettings {
  const { permissions = "inherit", loading = {}, watch = "nothing", watchRemoteMs = 0 } = options;
  const defaults = defaultSettings();
  const said = Object.fromEntries(
    Object.entries(loading).filter(([, value]) => value !== undefined),
  );
  const native: LoaderSettings = { ...defaults.loading, ...said, loader: "native" };
  const loader = loading.loader ??
    (needsBuiltInLoader({ loading: native, watch, watchRemoteMs }) ? "built-in" : "native");
  return {
    mounts: [...references].map(([prefix, app]) => ({ prefix, app: String(app) })),
    middleware: (options.middleware ?? []).map(String),
    appKind: "plain",
    faultReports: options.faultReports ?? "errors",
    consoleTags: options.consoleTags ?? "none",
    logFormat: options.logFormat ?? "text",
    fileFields: [...fileFields],
    loading: { ...native, loader },
    workers: options.workers ?? navigator.hardwareConcurrency,
    appPermissions: permissions === "inherit" ? {} : permissions,
    appAllowAll: permissions === "inherit",
    workerLimits: { ...defaults.workerLimits, ...options.workerLimits },
    watch,
    watchRemoteMs,
    unstable: defaults.unstable,
    processes: 0,
  };
}

function isByUrl(app: AppReference): app is string | URL {
  return typeof app === "string" || app instanceof URL;
}
