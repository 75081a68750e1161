/**
 * `gatehouse serve`: runs a gateway until a signal ends it.
 *
 * @module
 */

import { resolve } from "node:path";
import type { ServeSettings } from "../config/settings.ts";
import { ConfigError } from "../errors.ts";
import { Gateway } from "../gateway.ts";
import type { FastCgiOptions } from "../gateway.ts";
import type { SocketSharing, TlsKeyPair } from "../net/listen.ts";
import { logToStderr } from "../log.ts";
import type { Mongrel2Spec } from "../mongrel2/spec.ts";
import type { Membership } from "../supervisor/membership.ts";
import { place } from "../supervisor/places.ts";
import type { Announcer } from "./announcer.ts";
import { CommandAnnouncer, MemberAnnouncer } from "./announcer.ts";
import type { AppLoading } from "./app_loading.ts";
import { appLoading } from "./app_loading.ts";
import { FileWatcher } from "./file_watcher.ts";

/**
 * Serves until SIGINT or SIGTERM, then drains; a second signal exits at once. SIGHUP reloads the apps
 * that `reread` then names.
 */
export async function serveCommand(
  settings: ServeSettings,
  reread: () => ServeSettings,
  membership: Membership | null,
): Promise<void> {
  const stop = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = () => {
    // The second one: whoever sends it does not want to wait for what is in flight. A supervised
    // process may get the same signal from the terminal and the supervisor, which knows what is meant.
    if (++signals > 1 && membership === null) Deno.exit(1);
    stop.resolve();
  };
  membership?.orphaned.then(onSignal);
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of names) Deno.addSignalListener(name, onSignal);
  try {
    using announcer = membership === null
      ? new CommandAnnouncer(settings)
      : new MemberAnnouncer(membership);
    if (membership !== null) {
      place(settings, membership.number, membership.assignment.ports);
    }
    if (settings.inspect !== "nothing") {
      const { openInspector } = await import("./inspector.ts");
      await openInspector(logToStderr);
    }
    using loading = appLoading(settings, reread, logToStderr);
    const starting = Gateway.start({
      http: settings.http,
      https: settings.https,
      tls: readKeyPair(settings),
      fastcgi: fastCgiOptions(settings),
      mongrel2: await mongrel2Specs(settings),
      backlog: settings.backlog,
      sharing: sharingOf(membership),
      limits: settings.limits,
      host: loading.host,
      prefixes: settings.mounts.map(({ prefix }) => prefix),
      workerLimits: settings.workerLimits,
      drainTimeoutMs: settings.drainTimeoutMs,
      generationHeader: settings.generationHeader,
      log: logToStderr,
    });
    const gateway = await Promise.race([starting, stop.promise]);
    if (gateway === undefined) {
      console.error("gatehouse: stopped before it was ready");
      Deno.exit(1);
    }
    using _reloading = reloadWhenAsked(gateway, loading, settings, announcer);
    announcer.ready(gateway.urls, loading.notice);
    await stop.promise;
    announcer.stopping();
    await gateway.shutdown(settings.drainTimeoutMs);
  } finally {
    for (const name of names) Deno.removeSignalListener(name, onSignal);
  }
}

/** Reloads the apps on SIGHUP, and when what they are made of changes. */
function reloadWhenAsked(
  gateway: Gateway,
  loading: AppLoading,
  { watch, watchRemoteMs, configFile }: ServeSettings,
  announcer: Announcer,
): Disposable {
  const ending = new DisposableStack();
  let watcher: FileWatcher | null = null;
  const reload = async (reason: string) => {
    announcer.reloading();
    await gateway.reload(reason);
    announcer.reloaded();
    watcher?.refresh();
  };
  if (Deno.build.os !== "windows") {
    const onSignal = () => reload("SIGHUP");
    Deno.addSignalListener("SIGHUP", onSignal);
    ending.defer(() => Deno.removeSignalListener("SIGHUP", onSignal));
  }
  if (watch === "files") {
    const configFiles = configFile === undefined ? [] : [resolve(configFile)];
    const watched = () =>
      new Map([
        ...loading.localFiles(),
        ...configFiles.map((path) => [path, null] as const),
      ]);
    const changed = (path: string) => reload(`${path} has changed`);
    const files = watcher = ending.use(new FileWatcher(watched, changed, logToStderr));
    loading.onMoreFiles = () => files.refresh();
  }
  if (watchRemoteMs > 0) {
    let isAsking = false;
    const timer = setInterval(async () => {
      if (isAsking) return;
      isAsking = true;
      try {
        if (await loading.hasChangedRemotely()) await reload("remote modules have changed");
      } catch (error) {
        logToStderr("error", error instanceof Error ? error.message : String(error));
      } finally {
        isAsking = false;
      }
    }, watchRemoteMs);
    ending.defer(() => clearInterval(timer));
  }
  return ending;
}

function sharingOf(membership: Membership | null): SocketSharing {
  if (membership === null) return "exclusive";
  return membership.assignment.role === "successor" ? "successor" : "shared";
}

async function mongrel2Specs(settings: ServeSettings): Promise<Mongrel2Spec[]> {
  const { mongrel2, mongrel2Config, mongrel2Choice } = settings;
  if (mongrel2Config === undefined) return mongrel2;
  const { specFromConfig } = await import("../mongrel2/config_db.ts");
  return [...mongrel2, specFromConfig(mongrel2Config, mongrel2Choice)];
}

function fastCgiOptions(settings: ServeSettings): FastCgiOptions | undefined {
  const { fastcgi, limits, maxConns, maxReqs, faultReports } = settings;
  if (fastcgi.length === 0) return undefined;
  // The variable is the specification's own way to say who may connect.
  const allowed = Deno.env.get("FCGI_WEB_SERVER_ADDRS");
  return {
    addresses: fastcgi,
    limits: { ...limits, maxConns, maxReqs },
    faultReports,
    webServerAddrs: allowed ? allowed.split(",").map((address) => address.trim()) : undefined,
  };
}

function readKeyPair(settings: ServeSettings): TlsKeyPair | undefined {
  const { certFile, keyFile } = settings;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { cert: readFile("--cert", certFile), key: readFile("--key", keyFile) };
}

function readFile(option: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${option} ${path} cannot be read: ${reason}`);
  }
}
