/**
 * The gateway: endpoints before, apps behind, and an orderly end.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { Bus } from "../bus/bus.ts";
import type { LoadableApps, ReloadOutcome } from "./generations.ts";
import { formatListenAddress } from "../net/address.ts";
import type { ListenAddress } from "../net/address.ts";
import type { CompressionSettings } from "../compression/codec/settings.ts";
import type { CompressingHandler } from "../compression/handler.ts";
import { descriptors } from "../net/descriptors.ts";
import { DescriptorWatch } from "../pool/descriptor_watch.ts";
import type { OpeningWorker } from "../pool/descriptor_watch.ts";
import type { ThreadProfiles } from "../pool/thread_profiles.ts";
import type { FileField } from "../message/file_fields.ts";
import type { ExchangeHandler, FaultReports } from "../message/exchange.ts";
import { PARAMS_PER_HEADER_BYTES } from "../fastcgi/codec/limits.ts";
import type { FastCgiLimits } from "../fastcgi/codec/limits.ts";
import { HttpEndpoint } from "../http1/endpoint.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { DispatchLinkReport } from "../mongrel2/dispatch_link.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import type { Listening, SocketSharing } from "../net/listen.ts";
import type { TlsIdentity } from "../net/tls_identity.ts";
import { listen } from "../net/listen.ts";
import type { Log } from "../base/log.ts";
import type { EndpointReport, GenerationReport } from "../monitor/report.ts";
import type { WorkerCounts } from "../pool/counts.ts";
import type { Route } from "./router.ts";
import { routed } from "./router.ts";
import type { SendGrantedFile } from "./file_desk.ts";
import { FileDesk } from "./file_desk.ts";
import type { ObservingHandler } from "../observe/handler.ts";
import type { RequestObserver, RequestTracer } from "../observe/request_record.ts";
import type { Mongrel2Site } from "./mongrel2_endpoints.ts";
import type { FolderMount } from "./folder_mounts.ts";
import type { ResponseMount } from "../config/respond_mounts.ts";
import type { EarlySockets } from "./early_sockets.ts";
import type { FolderOptions } from "../files/folder.ts";
import type { ReservedAddresses } from "../sandbox/rules.ts";
import type { ForwardedField } from "../proxies/forwarded_fields.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { Hub } from "../signals/hub.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { LocalSwitchboard } from "../signals/switchboard.ts";
import { MemoryTopicStore } from "../signals/topic_store.ts";
import { timerMs } from "../base/timers.ts";
import { normalPath } from "../message/request_url.ts";
import type { MountedApp } from "../worker/apps.ts";
import type { MessageCompression } from "../websocket/codec/deflate_terms.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";

/** Where apps run: in workers that load them, or on this thread. */
export type AppHost =
  | { readonly kind: "workers"; readonly prepare: () => Promise<readonly LoadableApps[]> }
  | { readonly kind: "thread"; readonly load: AppLoad };

/** Loads apps on this thread, and tells them what addresses are listened at. */
export type AppLoad = (addresses: readonly Deno.Addr[]) => Promise<readonly MountedApp[]>;

/** What a gateway's FastCGI endpoints are made of. */
export interface FastCgiOptions {
  /** Addresses to serve FastCGI on. */
  readonly addresses: readonly ListenAddress[];
  /** Limits of each endpoint. */
  readonly limits: FastCgiLimits;
  /** Which faults of apps go to the web servers' error logs. */
  readonly faultReports: FaultReports;
  /** Addresses of the web servers that may connect over TCP; all if absent. */
  readonly webServerAddrs: readonly string[] | undefined;
  /** Folder for the temporary files that long bodies go to. */
  readonly tempFolder: string;
}

/** What is served over plain HTTP, besides the apps, where there is HTTPS. */
export interface PlainHttp {
  /** Addresses where requests are redirected. */
  readonly redirects: readonly ListenAddress[];
  /** Handles requests there; `httpsPort` is that of the first address of HTTPS. */
  redirectTo(httpsPort: number): ExchangeHandler;
  /** What stands before the apps wherever plain HTTP is served. */
  before(apps: ExchangeHandler): ExchangeHandler;
}

/** What a gateway is made of. */
export interface GatewayOptions {
  /** Addresses to serve plain HTTP/1.1 on. */
  readonly http: readonly ListenAddress[];
  /** Addresses to serve HTTP/1.1 over TLS on. */
  readonly https: readonly ListenAddress[];
  /** Who `https` is. */
  readonly tls: TlsIdentity | undefined;
  /** What is served over plain HTTP besides the apps. Default: nothing. */
  readonly plainHttp?: PlainHttp;
  /** FastCGI, if it is served. */
  readonly fastcgi: FastCgiOptions | undefined;
  /** Mongrel2 servers, and dispatchers, to be a handler of. */
  readonly mongrel2: readonly HandlerSpec[];
  /** Number of this process among those of a gateway, from 1. Default: `null`, it is the only one. */
  readonly processNumber?: number | null;
  /** What the process was started in and with. */
  readonly surroundings: Surroundings;
  /** Proxies whose word is taken for whom they forward requests for. Default: none. */
  readonly trustedProxies?: TrustedProxies;
  /** Which of their fields say for whom they do. Default: the three `X-Forwarded-…`. */
  readonly forwardedFields?: readonly ForwardedField[];
  /** What apps get in `X-Request-Id`: what was sent, or the request's id. Default: what was sent. */
  readonly requestId?: "as-sent" | "field";
  /** Connections that the system queues for each address. */
  readonly backlog: number;
  /** Who else may listen at the addresses. Default: nobody. */
  readonly sharing?: SocketSharing;
  /** Sockets that are open already. Default: none. */
  readonly early?: EarlySockets;
  /** Limits of the HTTP endpoints. */
  readonly limits: HttpLimits;
  /** What is done with messages of WebSockets. */
  readonly messageCompression: MessageCompression;
  /** What `Server` says in responses that do not have it. Default: there is none. */
  readonly serverHeader?: string;
  /** How responses are compressed. Default: not at all. */
  readonly compression?: CompressionSettings;
  /** Where the apps run. */
  readonly host: AppHost;
  /** Path prefixes of the apps, in their order. */
  readonly prefixes: readonly string[];
  /** Header fields by which apps on this thread name files. Default: none. */
  readonly fileFields?: readonly FileField[];
  /** By which field a front server is told to send files that apps order. Default: the gateway sends them. */
  readonly frontFileField?: FileField | null;
  /** Folders that are served beside the apps. */
  readonly folders: readonly FolderMount[];
  /** Responses that are served beside the apps. Default: none. */
  readonly responses?: readonly ResponseMount[];
  /** How folders are served. */
  readonly folderOptions: FolderOptions;
  /** Limits of each worker. */
  readonly workerLimits: WorkerLimits;
  /** How long workers that a reload replaces may finish their requests, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Name of a response header that says the generation of workers; `""` for none. */
  readonly generationHeader: string;
  /** Path that apps are asked for before they serve; `""`, the default, for none. */
  readonly healthCheck?: string;
  /** Counts what befalls the workers. Default: they are not counted. */
  readonly counts?: WorkerCounts;
  /** Addresses of the gateway's own that apps may not listen at, besides those of endpoints. Default: none. */
  readonly adminAddresses?: readonly ListenAddress[];
  /** Whether jobs of the apps run here, or in another process. Default: here. */
  readonly jobs?: "here" | "elsewhere";
  /** Connects to the hub of signals and topics. Default: a hub of its own. */
  readonly switchboard?: Switchboard;
  /** Who takes profiles of the workers. Default: nobody. */
  readonly profiles?: ThreadProfiles;
  /** Carries messages to the gateway's other processes. Default: there are none. */
  readonly bus?: Bus;
  /** Who is told of each request at its end. Default: nobody, which costs nothing. */
  readonly observers?: readonly RequestObserver[];
  /** Who traces requests. Default: nobody. */
  readonly tracer?: RequestTracer | null;
  /** Takes the gateway's messages. */
  readonly log: Log;
}

/** Where clients look for HTTPS. */
const HTTPS_PORT = 443;

/** File descriptors that a worker takes. While a reload is under way there are two for each. */
const DESCRIPTORS_PER_WORKER = 6;

/** File descriptors without which no worker is started: it takes more for a moment. */
const DESCRIPTORS_TO_START = 16;

/** Something that takes requests. */
interface Endpoint extends AsyncDisposable {
  /** Requests without a complete answer. */
  readonly unansweredCount: number;
  /** Requests that it cut off when it was ended. */
  readonly cutOffCount: number;
  /** Open connections, where it has any. */
  readonly connectionCount?: number;
  /** Connections that were accepted so far, where it accepts any. */
  readonly acceptedCount?: number;
  /** Clients with a request under way, where they have no connections. */
  readonly clientCount?: number;
  /** Counts of what the protocol has besides. */
  readonly counts?: Readonly<Record<string, number>>;
  /** How its links to dispatchers do, where it can have any. */
  readonly links?: readonly DispatchLinkReport[];
  /** Takes note that another generation of the apps serves, where somebody wants to know. */
  setGeneration?(generation: number): void;
  /** Goes on as before, but asks clients to go elsewhere, where the protocol has a way. */
  announceEnd?(): void;
  /** Finishes what is in flight, for which there will be up to `graceMs`. */
  drain(graceMs: number): Promise<void>;
}

/** Where an endpoint is. */
type EndpointSite = Pick<EndpointReport, "url" | "protocol">;

/** An open socket, and what will serve it. */
interface Opening {
  readonly listening: Listening;
  readonly scheme: string;
  /** Has requests handled by `handler`; what takes requests from the endpoint itself is `watched`. */
  serve(handler: ExchangeHandler, watched: Watch): Endpoint;
}

/** Has somebody know what becomes of the requests for `handler`. */
type Watch = (handler: ExchangeHandler) => ExchangeHandler;

/** Something that runs apps, and can be brought to an end. */
export interface Backend extends ExchangeHandler {
  /** Number of workers that serve. */
  readonly workerCount: number;
  /** All workers, those that are loading or retiring included. */
  readonly allWorkers: readonly OpeningWorker[];
  /** Whether each app has a worker that is ready for requests. */
  readonly isAlive: boolean;
  /** How each generation does, the one that serves first. */
  report(): readonly GenerationReport[];
  /** Replaces a worker; `false` if that cannot be done. */
  retire(mount: string, number: number): boolean;
  /** Resolves when all workers have loaded the apps; rejects when one cannot. */
  readonly complete: Promise<void>;
  /** Tells the apps what addresses are listened at. */
  announce(addresses: readonly Deno.Addr[]): void;
  /** Resolves when all that it was given is done. */
  drain(): Promise<void>;
  /** Ends it at once. */
  terminate(): void;
  /** Replaces all workers; `reason` goes to the log. */
  reload(reason: string): Promise<ReloadOutcome>;
}

/** A running gateway. */
export class Gateway {
  /** Addresses of the endpoints that listen, with the ports that were chosen. */
  readonly addresses: readonly Deno.Addr[];
  readonly #endpoints: readonly Endpoint[];
  readonly #listening: readonly Listening[];
  readonly #backend: Backend;
  readonly #urls: readonly string[];
  /** Where each endpoint is. */
  readonly #sites: readonly EndpointSite[];
  readonly #releaseDescriptors: () => void;
  readonly #watch: DescriptorWatch | null;
  readonly #compressing: CompressingHandler | null;
  #shutdown: Promise<number> | null = null;
  readonly #switchboard: Switchboard;
  #cutShort = Promise.withResolvers<void>();

  private constructor(
    endpoints: readonly Endpoint[],
    listening: readonly Listening[],
    backend: Backend,
    addresses: readonly Deno.Addr[],
    urls: readonly string[],
    sites: readonly EndpointSite[],
    watch: DescriptorWatch | null,
    compressing: CompressingHandler | null,
    switchboard: Switchboard,
    /** The requests under way, if anybody wants to know of them. */
    readonly observing: ObservingHandler | null,
  ) {
    this.#compressing = compressing;
    this.#switchboard = switchboard;
    this.#watch = watch;
    this.#endpoints = endpoints;
    this.#listening = listening;
    this.#backend = backend;
    this.addresses = addresses;
    this.#urls = urls;
    this.#sites = sites;
    this.#releaseDescriptors = descriptors.keepFree(backend.workerCount * DESCRIPTORS_PER_WORKER);
  }

  /**
   * Opens the sockets, loads the apps, and begins to serve, with one worker for each app:
   * {@linkcode complete} reports the others.
   *
   * @throws {ListenError} when an address cannot be used
   * @throws {LoadError} when an app cannot be loaded
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const openings: Opening[] = [];
    const { switchboard = localSwitchboard() } = options;
    let backend: Backend | null = null;
    let compressing: CompressingHandler | null = null;
    try {
      // Before apps run, which may replace this library with another.
      const mongrel2Endpoints = await preparedMongrel2(options);
      // A socket that is shared gets its part of the connections at once, and cannot give them back.
      const isShared = options.sharing !== undefined && options.sharing !== "exclusive";
      if (isShared) {
        backend = await startBackend(options, switchboard, plannedAddresses(options));
        await backend.complete;
      }
      for await (const opening of openSockets(options)) openings.push(opening);
      const addresses = openings.flatMap(({ listening }) => listening.addresses);
      backend ??= await startBackend(options, switchboard, addresses);
      const served = await withOtherMounts(backend, options);
      compressing = await compressingHandler(options, served);
      const answering = await forwarding(options, compressing ?? served);
      const observing = await observingHandler(options, answering);
      const watched: Watch = (handler) => observing?.before(handler) ?? handler;
      const mongrel2 = await mongrel2Endpoints(observing ?? answering, backend.workerCount);
      const listeners = openings.map((opening) => opening.serve(answering, watched));
      const urls = openings.flatMap(({ scheme, listening }) =>
        listening.addresses.map((address) => formatListenAddress(scheme, address))
      );
      const sites = openings.map(({ scheme, listening }): EndpointSite => {
        const [address] = listening.addresses;
        return { url: formatListenAddress(scheme, address), protocol: scheme };
      });
      for (const { endpoint, url } of mongrel2) {
        await endpoint.connected;
        urls.push(url);
        sites.push({ url, protocol: "mongrel2" });
      }
      const listening = openings.map((opening) => opening.listening);
      const endpoints = [...listeners, ...mongrel2.map(({ endpoint }) => endpoint)];
      const coming = isShared ? 0 : backend.workerCount * DESCRIPTORS_PER_WORKER;
      const watch = watchDescriptors(options, backend, coming);
      const releaseComing = descriptors.keepFree(coming);
      const gateway = new Gateway(
        endpoints,
        listening,
        backend,
        addresses,
        urls,
        sites,
        watch,
        compressing,
        switchboard,
        observing,
      );
      backend.complete.then(() => {
        releaseComing();
        watch?.settle();
        if (listeners.length > 0) reportRoom(options);
      }, releaseComing);
      backend.announce(addresses);
      return gateway;
    } catch (error) {
      for (const { listening } of openings) {
        listening.listener.close();
        listening.cleanUp();
      }
      compressing?.end();
      backend?.terminate();
      throw error;
    }
  }

  /** Resolves when all workers have loaded the apps; rejects with a {@linkcode LoadError} when one cannot. */
  get complete(): Promise<void> {
    return this.#backend.complete;
  }

  /** The endpoints as URLs, such as `http://127.0.0.1:8000`. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  /**
   * Reloads the apps in new workers, which take over when all are ready; no connection is closed.
   * If the apps cannot be loaded, the old workers go on serving. `reason` goes to the log.
   */
  async reload(reason: string): Promise<ReloadOutcome> {
    const outcome = await this.#backend.reload(reason);
    if (outcome.kind === "reloaded") {
      for (const endpoint of this.#endpoints) endpoint.setGeneration?.(outcome.generation);
    }
    return outcome;
  }

  /**
   * Shows `identity` to the clients of `https` that connect from now on. No connection is closed.
   *
   * @throws {MoveError} if the system does not let it
   */
  renewTls(identity: TlsIdentity): void {
    for (const listening of this.#listening) listening.renew(identity);
  }

  /** Whether it finishes what is in flight. */
  get isDraining(): boolean {
    return this.#shutdown !== null;
  }

  /** Whether each app has a worker that is ready for requests. */
  get isAlive(): boolean {
    return this.#backend.isAlive;
  }

  /** How each generation of workers does, the one that serves first; none if there are no workers. */
  get generations(): readonly GenerationReport[] {
    return this.#backend.report();
  }

  /** How each endpoint does. */
  get endpointReports(): EndpointReport[] {
    return this.#endpoints.map((endpoint, index) => {
      const { connectionCount, clientCount = 0, acceptedCount = 0, unansweredCount } = endpoint;
      const { url, protocol } = this.#sites[index];
      return {
        url,
        protocol,
        connections: connectionCount ?? clientCount,
        accepted: acceptedCount,
        unanswered: unansweredCount,
      };
    });
  }

  /** Counts of what each protocol has besides, by its name; of all its endpoints. */
  get protocolCounts(): ReadonlyMap<string, Readonly<Record<string, number>>> {
    const sums = new Map<string, Record<string, number>>();
    for (const [index, { counts = {} }] of this.#endpoints.entries()) {
      const { protocol } = this.#sites[index];
      const sum = sums.get(protocol) ?? {};
      for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
      sums.set(protocol, sum);
    }
    return sums;
  }

  /** How the links to dispatchers do. */
  get dispatcherLinks(): readonly DispatchLinkReport[] {
    return this.#endpoints.flatMap(({ links = [] }) => links);
  }

  /**
   * Replaces the worker `number` of the app at `mount`, `"/"` for the root; `false` if there is none, or it is
   * being replaced already.
   */
  retire(mount: string, number: number): boolean {
    return this.#backend.retire(mount, number);
  }

  /** Requests without a complete answer. */
  get unansweredCount(): number {
    return this.#endpoints.reduce((sum, { unansweredCount }) => sum + unansweredCount, 0);
  }

  /** Goes on as before, but asks clients to go elsewhere with their next request. */
  announceEnd(): void {
    for (const endpoint of this.#endpoints) endpoint.announceEnd?.();
  }

  /**
   * Stops accepting, finishes what is in flight, and ends. What is not done after `graceMs` is cut
   * off; a later call can cut it shorter. Resolves to how many requests were.
   */
  shutdown(graceMs: number): Promise<number> {
    const timer = setTimeout(() => this.#cutShort.resolve(), timerMs(graceMs));
    this.#shutdown ??= this.#drain(graceMs);
    return this.#shutdown.finally(() => clearTimeout(timer));
  }

  async #drain(graceMs: number): Promise<number> {
    // Subscriptions have no end of their own.
    this.#switchboard.finish();
    const draining = this.#endpoints.map((endpoint) => endpoint.drain(graceMs));
    const endpointsDrained = Promise.all(draining);
    const drained = endpointsDrained.then(() => this.#backend.drain());
    await Promise.race([drained, this.#cutShort.promise]);
    for (const endpoint of this.#endpoints) await endpoint[Symbol.asyncDispose]();
    await endpointsDrained;
    this.#backend.terminate();
    this.#compressing?.end();
    this.#watch?.[Symbol.dispose]();
    this.#releaseDescriptors();
    for (const each of this.#listening) each.cleanUp();
    return this.#endpoints.reduce((sum, { cutOffCount }) => sum + cutOffCount, 0);
  }
}

/** Watches what apps open, where there is a limit. */
function watchDescriptors(
  options: GatewayOptions,
  backend: Backend,
  coming: number,
): DescriptorWatch | null {
  const { workerLimits, log } = options;
  if (workerLimits.maxWorkerDescriptors === 0 || backend.workerCount === 0) return null;
  const watch = DescriptorWatch.start({
    maxPerWorker: workerLimits.maxWorkerDescriptors,
    processLimit: descriptors.limit,
    count: () => descriptors.countOthers(),
    coming,
    workers: () => backend.allWorkers,
    log,
  });
  if (watch !== null) descriptors.onShortage = () => watch.onShortage();
  return watch;
}

/** Says so if there is room for fewer connections than the limits allow. */
function reportRoom({ limits, log }: GatewayOptions): void {
  const { room, limit } = descriptors;
  if (room >= limits.maxConnections) return;
  log(
    "info",
    `accepting at most ${room} connections at a time, since the process may have ${limit} files ` +
      `open ` +
      "(ulimit -n)",
  );
}

// Most gateways speak one protocol, and run apps in one way: the others are loaded by those that do.

/** Makes what makes the endpoints for Mongrel2. */
async function preparedMongrel2(
  { mongrel2: specs, processNumber = null, surroundings, limits, serverHeader, log }:
    GatewayOptions,
): Promise<(handler: ExchangeHandler, workerCount: number) => Promise<readonly Mongrel2Site[]>> {
  if (specs.length === 0) return () => Promise.resolve([]);
  const { prepareMongrel2 } = await import("./mongrel2_endpoints.ts");
  return prepareMongrel2(
    { specs, processNumber, limits, server: serverHeader, log },
    surroundings,
  );
}

/** What takes the clients of `handler` from what trusted proxies say, if there are any, and names requests. */
async function forwarding(
  { trustedProxies, forwardedFields, requestId = "as-sent" }: GatewayOptions,
  next: ExchangeHandler,
): Promise<ExchangeHandler> {
  let handler = next;
  if (requestId === "field") {
    const { IdentifyingHandler } = await import("../proxies/identifying.ts");
    handler = new IdentifyingHandler(next);
  }
  if (trustedProxies === undefined) return handler;
  const { ForwardingHandler } = await import("../proxies/forwarding.ts");
  return new ForwardingHandler(handler, trustedProxies, forwardedFields);
}

/** Who has to say, by the PROXY protocol, for whom connections to `address` are. */
function greetersOf(
  { trustedProxies }: GatewayOptions,
  { greeting }: ListenAddress,
): TrustedProxies | undefined {
  if (greeting === undefined) return undefined;
  if (trustedProxies !== undefined) return trustedProxies;
  throw new ConfigError(
    "proxy-protocol needs trusted proxies: nobody else may say who a client is",
  );
}

/** What tells observers of the requests that `handler` gets, if there are any. */
async function observingHandler(
  { observers = [], tracer = null }: GatewayOptions,
  handler: ExchangeHandler,
): Promise<ObservingHandler | null> {
  if (observers.length === 0 && tracer === null) return null;
  const { ObservingHandler } = await import("../observe/handler.ts");
  return new ObservingHandler(handler, observers, tracer);
}

/** What compresses the responses of `handler`, if that is wanted. */
async function compressingHandler(
  { compression, log }: GatewayOptions,
  handler: ExchangeHandler,
): Promise<CompressingHandler | null> {
  if (compression === undefined) return null;
  const { CompressingHandler } = await import("../compression/handler.ts");
  return new CompressingHandler(handler, compression, log);
}

async function* openSockets(options: GatewayOptions): AsyncGenerator<Opening> {
  const { backlog, early, limits, log, messageCompression, plainHttp, serverHeader, sharing, tls } =
    options;
  let httpsPort: number | undefined;
  for (const scheme of ["http", "https"] as const) {
    for (const address of options[scheme]) {
      const keys = scheme === "https" ? tls : undefined;
      const greeters = greetersOf(options, address);
      const listening = early?.take(address) ??
        await listen({ address, backlog, tls: keys, sharing, log });
      const { listener } = listening;
      const before = scheme === "http" ? plainHttp?.before ?? asIs : asIs;
      const serve = (handler: ExchangeHandler, watched: Watch) =>
        new HttpEndpoint(listener, scheme, watched(before(handler)), limits, log, {
          compression: messageCompression,
          greeters,
          server: serverHeader,
        });
      if (scheme === "https") httpsPort ??= portOf(listening);
      yield { listening, scheme, serve };
    }
  }
  for (const address of plainHttp?.redirects ?? []) {
    const listening = early?.take(address) ??
      await listen({ address, backlog, tls: undefined, sharing });
    const { listener } = listening;
    const redirect = plainHttp!.before(plainHttp!.redirectTo(httpsPort ?? HTTPS_PORT));
    yield {
      listening,
      scheme: "http",
      serve: (_apps, watched) =>
        new HttpEndpoint(listener, "http", watched(redirect), limits, log, {
          greeters: greetersOf(options, address),
          server: serverHeader,
        }),
    };
  }
  if (options.fastcgi === undefined || options.fastcgi.addresses.length === 0) return;
  const { FastCgiEndpoint } = await import("../fastcgi/endpoint.ts");
  const { addresses, ...settings } = options.fastcgi;
  for (const address of addresses) {
    const greeters = greetersOf(options, address);
    const listening = early?.take(address) ??
      await listen({ address, backlog, tls: undefined, sharing });
    const { listener } = listening;
    const serve = (handler: ExchangeHandler, watched: Watch) =>
      new FastCgiEndpoint({ listener, handler: watched(handler), greeters, log, ...settings });
    yield { listening, scheme: "fastcgi", serve };
  }
}

function asIs(handler: ExchangeHandler): ExchangeHandler {
  return handler;
}

function portOf({ addresses: [address] }: Listening): number | undefined {
  return "port" in address ? address.port : undefined;
}

/** Leads requests to folders and responses, and others to the apps. */
async function withOtherMounts(
  apps: ExchangeHandler,
  options: GatewayOptions,
): Promise<ExchangeHandler> {
  const others = [...await folderRoutes(options), ...await responseRoutes(options)];
  if (others.length === 0) return apps;
  const { prefixes } = options;
  return routed([...prefixes.map((prefix) => ({ prefix, mount: 0, handler: apps })), ...others]);
}

async function folderRoutes(
  { folders, folderOptions, surroundings, log }: GatewayOptions,
): Promise<Route[]> {
  if (folders.length === 0) return [];
  const { FolderHandler } = await import("../files/folder.ts");
  const { FileSender } = await import("../files/file_sender.ts");
  const sender = new FileSender(surroundings.cwd, log);
  return folders.map(({ prefix, path }) => ({
    prefix,
    mount: 0,
    handler: new FolderHandler(path, prefix, folderOptions, sender, log),
  }));
}

async function responseRoutes({ responses = [] }: GatewayOptions): Promise<Route[]> {
  if (responses.length === 0) return [];
  const { ResponseHandler } = await import("../respond/handler.ts");
  return responses.map(({ prefix, response }) => ({
    prefix,
    mount: 0,
    handler: new ResponseHandler(response, { kind: "mount", prefix: pathOfPrefix(prefix) }),
  }));
}

/** A prefix as it is written in URLs. */
function pathOfPrefix(prefix: string): string {
  return prefix === "" ? "" : normalPath(prefix);
}

/** Where no app may listen. Ports that the system chooses are safe: it gives a port to one alone. */
function reservedAddresses(
  options: GatewayOptions,
  listening: readonly Deno.Addr[],
): ReservedAddresses {
  const { surroundings } = options;
  const addresses = [...configuredAddresses(options), ...options.adminAddresses ?? []];
  return {
    addresses: listening,
    ports: addresses.flatMap((each) =>
      each.transport === "tcp" && each.port > 0 ? [each.port] : []
    ),
    socketPaths: addresses.flatMap((each) =>
      each.transport === "unix" ? [resolve(surroundings.cwd, each.path)] : []
    ),
  };
}

function configuredAddresses(
  { http, https, fastcgi, plainHttp }: GatewayOptions,
): ListenAddress[] {
  return [...http, ...https, ...plainHttp?.redirects ?? [], ...fastcgi?.addresses ?? []];
}

/** What will be listened at, as far as that is known before it is. */
function plannedAddresses(options: GatewayOptions): Deno.Addr[] {
  return configuredAddresses(options).flatMap((each): Deno.Addr[] => {
    if (each.transport === "unix") return [{ transport: "unix", path: each.path }];
    const { hostname, port } = each;
    return port === 0 ? [] : [{ transport: "tcp", hostname: hostname || "0.0.0.0", port }];
  });
}

/** A FastCGI request's parameters go along with the target and the header fields made of them. */
function maxHeadBytesOf({ maxHeaderBytes, maxTargetBytes }: FastCgiLimits): number {
  return maxHeaderBytes * (PARAMS_PER_HEADER_BYTES + 2) + maxTargetBytes;
}

/** Starts what runs the apps, with `addresses` as where they listen. */
async function startBackend(
  options: GatewayOptions,
  switchboard: Switchboard,
  addresses: readonly Deno.Addr[],
): Promise<Backend> {
  const { host, limits, fastcgi, log } = options;
  const desk = new FileDesk(options.surroundings.cwd, options.frontFileField ?? null, log);
  const sendFile: SendGrantedFile = (...order) => desk.send(...order);
  const checkHealth = healthCheckOf(options);
  if (host.kind === "workers") {
    const { prepare } = host;
    const maxHeadBytes = Math.max(
      limits.maxHeaderBytes,
      fastcgi === undefined ? 0 : maxHeadBytesOf(fastcgi.limits),
    );
    const { workerLimits, drainTimeoutMs, generationHeader: headerName } = options;
    const { Generations } = await import("./generations.ts");
    return await Generations.start({
      prepare,
      hasRoom: () => descriptors.makeAvailable(DESCRIPTORS_TO_START),
      reserved: reservedAddresses(options, addresses),
      maxHeadBytes,
      workerLimits,
      drainTimeoutMs,
      headerName,
      sendFile,
      jobs: options.jobs,
      bus: options.bus,
      switchboard,
      profiles: options.profiles,
      checkHealth,
      counts: options.counts,
      memoryReports: options.counts === undefined ? "for limits" : "always",
      log,
    });
  }
  const { startThreadBackend } = await import("./thread_backend.ts");
  return await startThreadBackend(options, {
    load: host.load,
    addresses,
    switchboard,
    sendFile,
    checkHealth,
  });
}

/** What asks apps whether they are fit to serve, if that is wanted. */
function healthCheckOf(
  { healthCheck = "" }: GatewayOptions,
): ((handler: ExchangeHandler) => Promise<void>) | undefined {
  if (healthCheck === "") return undefined;
  return async (handler) => {
    const { checkHealth } = await import("./health_check.ts");
    await checkHealth(handler, healthCheck);
  };
}

/** Connects to a hub in this process, which has no other. */
function localSwitchboard(): Switchboard {
  return new LocalSwitchboard(new Hub(new MemoryTopicStore()));
}
