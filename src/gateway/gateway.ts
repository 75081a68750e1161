/**
 * The gateway: endpoints before, apps behind, and an orderly end.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import type { CompressingHandler } from "../compression/handler.ts";
import type { DispatchLinkReport } from "../mongrel2/dispatch_link.ts";
import type { EndpointReport, GenerationReport } from "../monitor/report.ts";
import { formatListenAddress } from "../net/address.ts";
import { descriptors } from "../net/descriptors.ts";
import type { Listening } from "../net/listen.ts";
import type { TlsIdentity } from "../net/tls_identity.ts";
import type { ObservingHandler } from "../observe/handler.ts";
import { DescriptorWatch } from "../pool/descriptor_watch.ts";
import { Hub } from "../signals/hub.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { LocalSwitchboard } from "../signals/switchboard.ts";
import { MemoryTopicStore } from "../signals/topic_store.ts";
import type { Backend } from "./backend.ts";
import { startBackend } from "./backend.ts";
import type { Endpoint, EndpointSite, Opening, Watch } from "./endpoints.ts";
import { openSockets, plannedAddresses, preparedMongrel2 } from "./endpoints.ts";
import type { GatewayOptions } from "./gateway_options.ts";
import type { ReloadOutcome } from "./generations.ts";
import { compressingHandler, forwarding, observingHandler, withOtherMounts } from "./handlers.ts";

/** File descriptors that a worker takes. While a reload is under way there are two for each. */
const DESCRIPTORS_PER_WORKER = 6;

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
      const inner = compressing ?? served;
      const answering = await forwarding(options, inner);
      const { plainHttp } = options;
      const plain = plainHttp && await forwarding(options, plainHttp.before(inner));
      const observing = await observingHandler(options, answering);
      const watched: Watch = (handler) => observing?.before(handler) ?? handler;
      const mongrel2 = await mongrel2Endpoints(observing ?? answering, backend.workerCount);
      const listeners = openings.map(({ scheme, serve }) =>
        serve(scheme === "http" ? plain ?? answering : answering, watched)
      );
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
    this.observing?.[Symbol.dispose]();
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

/** Connects to a hub in this process, which has no other. */
function localSwitchboard(): Switchboard {
  return new LocalSwitchboard(new Hub(new MemoryTopicStore()));
}
