/**
 * `gatehouse serve`: runs a gateway until a signal ends it.
 *
 * @module
 */

import { statOf } from "../base/folders.ts";
import { resolve } from "node:path";
import type { ServeSettings } from "../config/settings.ts";
import { adminAddresses } from "../config/settings.ts";
import { ConfigError } from "../base/errors.ts";
import { Gateway } from "../gateway/gateway.ts";
import type { FastCgiOptions } from "../gateway/gateway_options.ts";
import type { CpuProfiles } from "../gateway/cpu_profiles.ts";
import { descriptors } from "../net/descriptors.ts";
import type { SocketSharing } from "../net/listen.ts";
import { logToStderr, tell } from "../base/log.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { LocalSwitchboard, RemoteSwitchboard } from "../signals/switchboard.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import type { Membership } from "../supervisor/membership.ts";
import { place } from "../supervisor/places.ts";
import { TrustedProxies } from "../proxies/trusted_proxies.ts";
import type { Announcer } from "./announcer.ts";
import { CommandAnnouncer, MemberAnnouncer } from "./announcer.ts";
import type { AppLoading } from "../gateway/apps.ts";
import { foldersApart } from "../gateway/folder_mounts.ts";
import type { Certificates } from "./certificates.ts";
import { serveAccessLog } from "./access_log.ts";
import { AppEnvironment } from "./app_environment.ts";
import { appGroups, refuseInspected } from "../gateway/app_groups.ts";
import { checkLoader } from "../gateway/app_loader.ts";
import { appLoading } from "../gateway/apps.ts";
import { EarlySockets } from "../gateway/early_sockets.ts";
import { Reloading } from "../gateway/reloading.ts";
import type { ServingWatch } from "../gateway/serving_watch.ts";
import { openTraces } from "../gateway/traces.ts";
import { Hangups } from "./hangups.ts";
import { openHub } from "../gateway/hub.ts";
import type { OpenInspector } from "./inspector.ts";
import type { DelayedEnd } from "./delayed_end.ts";
import { fixTrust } from "./trust.ts";
import { tellOfWait } from "./wait_notice.ts";

/** With fewer file descriptors, Deno itself ends the process when it starts a worker. */
const MIN_DESCRIPTORS = 32;

/**
 * Serves until SIGINT or SIGTERM, then drains; a second signal exits at once. SIGHUP reloads the apps
 * that `reread` then names. Resolves to the exit status: 1 if requests had to be cut off.
 */
export async function serveCommand(
  settings: ServeSettings,
  reread: () => ServeSettings,
  startedIn: Surroundings,
  membership: Membership | null,
): Promise<number> {
  checkDescriptors();
  checkWatched(settings.watchedFiles);
  using hangups = new Hangups();
  const stop = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = () => {
    // The second one: its sender does not want to wait for requests in flight. A supervised process
    // may get the same signal from the terminal and the supervisor, which knows what is meant.
    if (++signals > 1 && membership === null) Deno.exit(1);
    stop.resolve();
  };
  membership?.orphaned.then(onSignal);
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of names) Deno.addSignalListener(name, onSignal);
  try {
    using announcer = membership === null
      ? new CommandAnnouncer(settings, startedIn)
      : new MemberAnnouncer(membership);
    if (membership !== null) {
      place(settings, membership.number, membership.assignment.ports);
    }
    await using watch = await openedWatch(settings, startedIn, membership, stop.resolve);
    const log = watch?.watching(logToStderr) ?? logToStderr;
    fixTrust(startedIn, logToStderr);
    using certificates = await openCertificates(settings, startedIn);
    const sharing = sharingOf(membership);
    const dropped = await withoutPrivileges(
      settings,
      startedIn,
      certificates,
      sharing,
      announcer,
    );
    const { surroundings } = dropped;
    using early = dropped.sockets;
    const { folders, apps } = foldersApart(settings, surroundings.cwd);
    const { logFormat } = apps;
    using inspector = await openedInspector(apps, surroundings);
    const environment = new AppEnvironment(surroundings);
    environment.showTo(settings);
    const rereadFor = () => {
      // The log goes on as it has begun.
      const again = { ...foldersApart(reread(), surroundings.cwd).apps, logFormat };
      environment.showTo(again);
      checkLoader(again);
      return again;
    };
    checkLoader(apps);
    using loading = appLoading(
      apps,
      rereadFor,
      surroundings,
      inspector?.ports ?? [],
      log,
    );
    using switchboard = await openSwitchboard(settings, membership);
    await using profiles = await beginProfiles(settings);
    if (watch !== null && switchboard.board instanceof LocalSwitchboard) {
      watch.hub = switchboard.board.hub;
    }
    await using accessLog = await serveAccessLog(
      settings,
      surroundings.cwd,
      membership?.bus ?? null,
    );
    await using traces = await openTraces(surroundings, logToStderr);
    const starting = Gateway.start({
      http: settings.http,
      https: settings.https,
      tls: certificates?.identity,
      plainHttp: certificates?.plainHttp,
      fastcgi: fastCgiOptions(settings, surroundings),
      mongrel2: await mongrel2Specs(settings),
      trustedProxies: settings.trustedProxies.length === 0
        ? undefined
        : new TrustedProxies(settings.trustedProxies),
      forwardedFields: settings.forwardedFields,
      requestId: settings.requestId,
      surroundings,
      backlog: settings.backlog,
      sharing,
      early: early ?? undefined,
      limits: settings.limits,
      messageCompression: settings.messageCompression,
      serverHeader: settings.serverHeader,
      compression: settings.compress === null ? undefined : {
        codings: settings.compress,
        types: settings.compressTypes,
        minBytes: settings.compressMinBytes,
        exceptPaths: settings.compressExcept,
      },
      host: loading.host,
      prefixes: apps.mounts.map(({ prefix }) => prefix),
      folders,
      responses: settings.responses,
      fileFields: settings.fileFields,
      frontFileField: settings.frontFileField,
      folderOptions: settings.folderFiles,
      workerLimits: settings.workerLimits,
      drainTimeoutMs: settings.drainTimeoutMs,
      generationHeader: apps.generationHeader,
      switchboard: switchboard.board,
      bus: membership?.bus,
      processNumber: membership?.number,
      profiles: profiles ?? undefined,
      observers: watch === null
        ? accessLog.observers
        : [...accessLog.observers, ...watch.observers],
      tracer: traces?.tracer ?? null,
      jobs: membership === null || membership.number === 1 ? "here" : "elsewhere",
      healthChecks: settings.healthChecks,
      healthCheckTimeoutMs: settings.healthCheckTimeoutMs,
      counts: watch?.process.counts,
      adminAddresses: adminAddresses(settings),
      log,
    });
    const gateway = await Promise.race([starting, stop.promise]);
    if (gateway === undefined) {
      tell("gatehouse: stopped before it was ready");
      await watch?.[Symbol.asyncDispose]();
      Deno.exit(1);
    }
    watch?.onServing(gateway);
    if (!await isComplete(gateway, stop.promise)) {
      tell("gatehouse: stopped before it was ready");
      await gateway.shutdown(settings.drainTimeoutMs);
      return 1;
    }
    announcer.ready(gateway.urls, loading.notice);
    using reloading = reloadWhenAsked(
      gateway,
      loading,
      settings,
      surroundings,
      announcer,
      watch,
    );
    if (watch !== null && settings.workers > 0) {
      watch.reload = () => reloading.reload("somebody has asked for it");
    }
    certificates?.keepUp(
      gateway,
      membership === null || membership.number === 1 ? "first" : "other",
    );
    hangups.tell(() => {
      certificates?.reread();
      reloading.reload("SIGHUP");
    });
    using delayedEnd = await expectedEnd(gateway, settings, membership);
    await stop.promise;
    watch?.onStopping();
    announcer.stopping();
    // Another process may be about to take this one's place, and its work.
    certificates?.[Symbol.dispose]();
    await delayedEnd?.pass();
    await profiles?.end();
    using _telling = tellOfWait(
      gateway,
      settings.drainTimeoutMs,
      membership === null ? "alone" : "supervised",
    );
    return await gateway.shutdown(settings.drainTimeoutMs) === 0 ? 0 : 1;
  } finally {
    for (const name of names) Deno.removeSignalListener(name, onSignal);
  }
}

/** @throws {ConfigError} if one of the files to watch is a folder, of which nothing would be noticed */
function checkWatched(files: readonly string[]): void {
  const folder = files.find((path) => statOf(path)?.isDirectory);
  if (folder === undefined) return;
  throw new ConfigError(`--watch=${folder} is a folder: name the files in it`);
}

/** What is left to a process, and to know, once it has become another user. */
interface Dropped {
  readonly surroundings: Surroundings;
  /** The sockets that were opened before. */
  readonly sockets: EarlySockets | null;
}

/**
 * Becomes the user that `settings` name, if they do: after the sockets are open that this user could
 * not open, and before anything of the apps is read.
 *
 * @throws {ConfigError} if the process cannot become this user, or would keep anything of root
 * @throws {ListenError} if a socket cannot be opened
 */
async function withoutPrivileges(
  settings: ServeSettings,
  surroundings: Surroundings,
  certificates: Certificates | null,
  sharing: SocketSharing,
  announcer: Announcer,
): Promise<Dropped> {
  const { user, http, https, redirectHttp, fastcgi, backlog } = settings;
  if (user === null) return { surroundings, sockets: null };
  const { become, checkRuntime, findAccount, giveSocket, isForRoot, surroundingsOf } = await import(
    "./privileges.ts"
  );
  const account = findAccount(user);
  const addresses = [...http, ...https, ...redirectHttp, ...fastcgi].filter((address) =>
    // Where others listen at the same address, clients are led to this one from now on.
    sharing === "exclusive" || isForRoot(address)
  );
  using opened = new DisposableStack();
  const sockets = opened.use(
    await EarlySockets.open(addresses.map((address) => ({
      address,
      backlog,
      tls: https.includes(address) ? certificates?.identity : undefined,
      sharing,
      log: logToStderr,
    }))),
  );
  const admin = sharing === "exclusive" ? adminAddresses(settings) : [];
  for (const address of [...addresses, ...admin]) giveSocket(address, account);
  certificates?.giveTo(account.uid, account.gid);
  announcer.givingUpPrivileges();
  become(account);
  checkRuntime(account, surroundings);
  certificates?.readAsUser(sockets);
  opened.move();
  return { surroundings: surroundingsOf(account, surroundings), sockets };
}

/** @throws {ConfigError} if the process may have too few file descriptors to start */
function checkDescriptors(): void {
  const { limit } = descriptors;
  if (limit >= MIN_DESCRIPTORS) return;
  throw new ConfigError(
    `the process may have ${limit} files open (ulimit -n), and needs ${MIN_DESCRIPTORS} to start, ` +
      "and more for each worker and connection",
  );
}

/**
 * Whether all workers of `gateway` became ready before `stopped` resolved. Requests are served meanwhile.
 *
 * @throws {LoadError} when a worker cannot load the apps
 */
async function isComplete(gateway: Gateway, stopped: Promise<void>): Promise<boolean> {
  try {
    return await Promise.race([
      gateway.complete.then(() => true),
      stopped.then(() => false),
    ]);
  } catch (error) {
    await gateway.shutdown(0);
    throw error;
  }
}

/** What the process is watched by, if that is asked for. */
async function openedWatch(
  settings: ServeSettings,
  surroundings: Surroundings,
  membership: Membership | null,
  drain: () => void,
): Promise<ServingWatch | null> {
  if (adminAddresses(settings).length === 0) return null;
  const { ServingWatch } = await import("../gateway/serving_watch.ts");
  return await ServingWatch.open({
    addresses: settings,
    surroundings,
    part: membership === null
      ? null
      : { number: membership.number, key: membership.assignment.key, bus: membership.bus },
    log: logToStderr,
    drain,
  });
}

/** The end of a gateway that goes on serving for a while; `null` if it ends at once. */
async function expectedEnd(
  gateway: Gateway,
  { drainDelayMs }: ServeSettings,
  membership: Membership | null,
): Promise<DelayedEnd | null> {
  if (drainDelayMs === 0) return null;
  const { DelayedEnd } = await import("./delayed_end.ts");
  return new DelayedEnd(gateway, drainDelayMs, membership);
}

/** What connects workers to the hub of signals and topics: the supervisor's, or one that ends with this. */
async function openSwitchboard(
  { signals }: ServeSettings,
  membership: Membership | null,
): Promise<Disposable & { readonly board: Switchboard }> {
  if (membership !== null) {
    const board = new RemoteSwitchboard(membership.bus, membership.assignment.key);
    return { board, [Symbol.dispose]: () => board[Symbol.dispose]() };
  }
  const opened = await openHub(signals, logToStderr);
  return {
    board: new LocalSwitchboard(opened.hub),
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

/** Begins the profiles that are asked for. */
async function beginProfiles(
  { profileFolder, profileMs }: ServeSettings,
): Promise<CpuProfiles | null> {
  if (profileFolder === undefined) return null;
  const { CpuProfiles } = await import("../gateway/cpu_profiles.ts");
  return await CpuProfiles.begin(profileFolder, profileMs, logToStderr);
}

/** Opens the inspector that is asked for, unless apps could reach it. */
async function openedInspector(
  settings: ServeSettings,
  surroundings: Surroundings,
): Promise<OpenInspector | null> {
  const { inspect, workers } = settings;
  if (inspect === null) return null;
  if (workers > 0) refuseInspected(appGroups(settings, surroundings), [inspect.port]);
  const { openInspector } = await import("./inspector.ts");
  return await openInspector(inspect, logToStderr);
}

/** Reloads the apps when it is told to, and when what they are made of changes. */
function reloadWhenAsked(
  gateway: Gateway,
  loading: AppLoading,
  { watch, watchedFiles, watchRemoteMs, configFile }: ServeSettings,
  { cwd }: Surroundings,
  announcer: Announcer,
  serving: ServingWatch | null,
): Reloading {
  const reload = async (reason: string) => {
    announcer.reloading();
    const outcome = await gateway.reload(reason);
    serving?.process.onReloaded(outcome);
    announcer.reloaded();
  };
  return new Reloading(loading, {
    watch,
    watchRemoteMs,
    files: [...watchedFiles, ...configFile === undefined ? [] : [resolve(cwd, configFile)]],
    reload,
    log: logToStderr,
  });
}

/** The certificates for `--https`, if it is served. */
async function openCertificates(
  settings: ServeSettings,
  surroundings: Surroundings,
): Promise<Certificates | null> {
  if (settings.https.length === 0) return null;
  const { Certificates } = await import("./certificates.ts");
  return await Certificates.open(settings, surroundings, logToStderr);
}

function sharingOf(membership: Membership | null): SocketSharing {
  if (membership === null) return "exclusive";
  return membership.assignment.role === "successor" ? "successor" : "shared";
}

async function mongrel2Specs(settings: ServeSettings): Promise<HandlerSpec[]> {
  const { mongrel2, mongrel2Config, mongrel2Choice, mongrel2Settings } = settings;
  if (mongrel2Config === undefined) return mongrel2;
  const { specFromConfig } = await import("../mongrel2/config_db.ts");
  return [...mongrel2, { ...specFromConfig(mongrel2Config, mongrel2Choice), ...mongrel2Settings }];
}

function fastCgiOptions(
  settings: ServeSettings,
  { env, tempFolder }: Surroundings,
): FastCgiOptions | undefined {
  const { fastcgi, limits, maxConns, maxReqs, faultReports } = settings;
  if (fastcgi.length === 0) return undefined;
  // The variable is the specification's own way to say who may connect.
  const allowed = environmentOf(env).get("FCGI_WEB_SERVER_ADDRS");
  return {
    addresses: fastcgi,
    limits: { ...limits, maxConns, maxReqs },
    faultReports,
    tempFolder,
    webServerAddrs: allowed ? allowed.split(",").map((address) => address.trim()) : undefined,
  };
}
