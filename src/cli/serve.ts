/**
 * `gatehouse serve`: runs a gateway until a signal ends it.
 *
 * @module
 */

import { isLocal, permissionsFor, permissionsNotice } from "../config/app_permissions.ts";
import type { ServeSettings } from "../config/settings.ts";
import { ConfigError } from "../errors.ts";
import { Gateway } from "../gateway.ts";
import type { AppHost, FastCgiOptions } from "../gateway.ts";
import type { TlsKeyPair } from "../net/listen.ts";
import { loadApps } from "../loader/load.ts";
import { resolveApp } from "../loader/resolve.ts";
import { logToStderr } from "../log.ts";
import type { AppSet } from "../worker/protocol.ts";
import { modulesOf } from "../worker/protocol.ts";
import { specFromConfig } from "../mongrel2/config_db.ts";
import type { Mongrel2Spec } from "../mongrel2/spec.ts";
import { installLightResponse } from "../worker/response.ts";

/** Serves until SIGINT or SIGTERM, then drains. A second signal exits at once. */
export async function serveCommand(settings: ServeSettings): Promise<void> {
  const stop = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = () => {
    // The second one: whoever sends it does not want to wait for what is in flight.
    if (++signals > 1) Deno.exit(1);
    stop.resolve();
  };
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of names) Deno.addSignalListener(name, onSignal);
  try {
    const host = hostFor(settings);
    const starting = Gateway.start({
      http: settings.http,
      https: settings.https,
      tls: readKeyPair(settings),
      fastcgi: fastCgiOptions(settings),
      mongrel2: mongrel2Specs(settings),
      backlog: settings.backlog,
      limits: settings.limits,
      host,
      prefixes: settings.mounts.map(({ prefix }) => prefix),
      log: logToStderr,
    });
    const gateway = await Promise.race([starting, stop.promise]);
    if (gateway === undefined) {
      console.error("gatehouse: stopped before it was ready");
      Deno.exit(1);
    }
    sayWhatAppsMay(host, settings);
    for (const url of gateway.urls) console.error(`listening ${url}`);
    console.error("ready");
    await stop.promise;
    await gateway.shutdown(settings.drainTimeoutMs);
  } finally {
    for (const name of names) Deno.removeSignalListener(name, onSignal);
  }
}

function hostFor(settings: ServeSettings): AppHost {
  const cwd = Deno.cwd();
  const apps: AppSet = {
    mounts: settings.mounts.map(({ prefix, app }) => ({ prefix, ...resolveApp(app, cwd) })),
    middleware: settings.middleware.map((specifier) => resolveApp(specifier, cwd)),
    appKind: settings.appKind,
    faultReports: settings.faultReports,
  };
  const { workers, appAllowAll, appPermissions } = settings;
  if (workers > 0) {
    const asked = appAllowAll ? "inherit" : appPermissions;
    const permissions = permissionsFor(modulesOf(apps), asked, cwd);
    return { kind: "workers", workers, apps, permissions };
  }
  return {
    kind: "thread",
    load() {
      installLightResponse();
      return loadApps(apps);
    },
  };
}

function sayWhatAppsMay(host: AppHost, settings: ServeSettings): void {
  if (host.kind === "workers") {
    logToStderr("info", permissionsNotice(modulesOf(host.apps), host.permissions));
    return;
  }
  const names = [...settings.mounts.map(({ app }) => app), ...settings.middleware];
  if (names.every((name) => isLocal(resolveApp(name, Deno.cwd()).url))) return;
  logToStderr(
    "warning",
    "with --workers 0 apps may do all that gatehouse itself may, those from elsewhere too",
  );
}

function mongrel2Specs(settings: ServeSettings): Mongrel2Spec[] {
  const { mongrel2, mongrel2Config, mongrel2Choice } = settings;
  if (mongrel2Config === undefined) return mongrel2;
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
