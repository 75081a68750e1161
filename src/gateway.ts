/**
 * The gateway: endpoints before, apps behind, and an orderly end.
 *
 * @module
 */

import { ConfigError } from "./errors.ts";
import type { LoadableApps, ReloadOutcome } from "./generations.ts";
import { Generations } from "./generations.ts";
import { formatListenAddress } from "./net/address.ts";
import type { ListenAddress } from "./net/address.ts";
import type { ExchangeHandler, FaultReports } from "./exchange.ts";
import type { FastCgiLimits } from "./fastcgi/limits.ts";
import { HttpEndpoint } from "./http1/endpoint.ts";
import type { Mongrel2Endpoint } from "./mongrel2/endpoint.ts";
import type { Mongrel2Spec } from "./mongrel2/spec.ts";
import type { HttpLimits } from "./http1/limits.ts";
import type { Listening, SocketSharing, TlsKeyPair } from "./net/listen.ts";
import { listen } from "./net/listen.ts";
import type { Log } from "./log.ts";
import { routed } from "./router.ts";
import type { MountedApp } from "./worker/apps.ts";
import { AppRunner } from "./worker/apps.ts";
import type { WorkerLimits } from "./worker_limits.ts";

/** Where apps run: in workers that load them, or on this thread. */
export type AppHost =
  | { readonly kind: "workers"; readonly prepare: () => Promise<readonly LoadableApps[]> }
  | { readonly kind: "thread"; readonly load: () => Promise<readonly MountedApp[]> };

/** What a gateway's FastCGI endpoints are made of. */
export interface FastCgiOptions {
  /** Addresses to serve FastCGI on. */
  readonly addresses: readonly ListenAddress[];
  /** Limits of each endpoint. */
  readonly limits: FastCgiLimits;
  /** What the web servers' error logs are told of the apps' faults. */
  readonly faultReports: FaultReports;
  /** Addresses of the web servers that may connect over TCP; all if absent. */
  readonly webServerAddrs: readonly string[] | undefined;
}

/** What a gateway is made of. */
export interface GatewayOptions {
  /** Addresses to serve plain HTTP/1.1 on. */
  readonly http: readonly ListenAddress[];
  /** Addresses to serve HTTP/1.1 over TLS on. */
  readonly https: readonly ListenAddress[];
  /** Keys for `https`. */
  readonly tls: TlsKeyPair | undefined;
  /** FastCGI, if it is served. */
  readonly fastcgi: FastCgiOptions | undefined;
  /** Mongrel2 servers to be a handler of. */
  readonly mongrel2: readonly Mongrel2Spec[];
  /** Connections that the system queues for each address. */
  readonly backlog: number;
  /** Who else may listen at the addresses. Default: nobody. */
  readonly sharing?: SocketSharing;
  /** Limits of the HTTP endpoints. */
  readonly limits: HttpLimits;
  /** Where the apps run. */
  readonly host: AppHost;
  /** Path prefixes of the apps that run on this thread, in their order. */
  readonly prefixes: readonly string[];
  /** Limits of each worker. */
  readonly workerLimits: WorkerLimits;
  /** How long workers that a reload replaces may finish their requests, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Name of a response header that says the generation of workers; `""` for none. */
  readonly generationHeader: string;
  /** Takes the gateway's messages. */
  readonly log: Log;
}

/** Something that takes requests. */
interface Endpoint extends AsyncDisposable {
  drain(): Promise<void>;
}

/** An open socket, and what will serve it. */
interface Opening {
  readonly listening: Listening;
  readonly scheme: string;
  serve(handler: ExchangeHandler): Endpoint & { readonly address: Deno.Addr };
}

/** Something that runs apps, and can be brought to an end. */
interface Backend extends ExchangeHandler {
  drain(): Promise<void>;
  terminate(): void;
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
  #shutdown: Promise<void> | null = null;
  #cutShort = Promise.withResolvers<void>();

  private constructor(
    endpoints: readonly Endpoint[],
    listening: readonly Listening[],
    backend: Backend,
    addresses: readonly Deno.Addr[],
    urls: readonly string[],
  ) {
    this.#endpoints = endpoints;
    this.#listening = listening;
    this.#backend = backend;
    this.addresses = addresses;
    this.#urls = urls;
  }

  /**
   * Opens the sockets, loads the apps, and begins to serve.
   *
   * @throws {ListenError} when an address cannot be had
   * @throws {LoadError} when an app cannot be loaded
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const openings: Opening[] = [];
    let backend: Backend | null = null;
    try {
      // A socket that is shared gets its part of the connections at once, and cannot give them back.
      const isShared = options.sharing !== undefined && options.sharing !== "exclusive";
      if (isShared) backend = await startBackend(options);
      for await (const opening of openSockets(options)) openings.push(opening);
      backend ??= await startBackend(options);
      const handler = backend;
      const mongrel2 = await mongrel2Endpoints(options, handler);
      const listeners = openings.map((opening) => opening.serve(handler));
      const addresses = listeners.map(({ address }) => address);
      const urls = openings.map(({ scheme }, index) =>
        formatListenAddress(scheme, addresses[index])
      );
      for (const [index, endpoint] of mongrel2.entries()) {
        await endpoint.connected;
        urls.push(`mongrel2 ${options.mongrel2[index].send}`);
      }
      const listening = openings.map((opening) => opening.listening);
      return new Gateway([...listeners, ...mongrel2], listening, backend, addresses, urls);
    } catch (error) {
      for (const { listening } of openings) {
        listening.listener.close();
        listening.cleanUp();
      }
      backend?.terminate();
      throw error;
    }
  }

  /** The endpoints as URLs, such as `http://127.0.0.1:8000`. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  /**
   * Loads the apps anew in new workers, which take over when all of them are ready; no connection
   * is closed. If the apps cannot be loaded, the workers that serve go on. `reason` goes to the log.
   */
  async reload(reason: string): Promise<ReloadOutcome> {
    return await this.#backend.reload(reason);
  }

  /**
   * Stops accepting, finishes what is in flight, and ends. What is not done after `graceMs` is cut
   * off; a later call can cut it shorter.
   */
  shutdown(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#cutShort.resolve(), graceMs);
    this.#shutdown ??= this.#drain();
    return this.#shutdown.finally(() => clearTimeout(timer));
  }

  async #drain(): Promise<void> {
    const endpointsDrained = Promise.all(this.#endpoints.map((endpoint) => endpoint.drain()));
    const drained = endpointsDrained.then(() => this.#backend.drain());
    await Promise.race([drained, this.#cutShort.promise]);
    for (const endpoint of this.#endpoints) await endpoint[Symbol.asyncDispose]();
    await endpointsDrained;
    this.#backend.terminate();
    for (const each of this.#listening) each.cleanUp();
  }
}

// Most gateways speak one protocol: the others are loaded by those that do.

async function mongrel2Endpoints(
  { mongrel2, limits, log }: GatewayOptions,
  handler: ExchangeHandler,
): Promise<Mongrel2Endpoint[]> {
  if (mongrel2.length === 0) return [];
  const { Mongrel2Endpoint } = await import("./mongrel2/endpoint.ts");
  return mongrel2.map((spec) => new Mongrel2Endpoint({ spec, handler, limits, log }));
}

async function* openSockets(options: GatewayOptions): AsyncGenerator<Opening> {
  const { backlog, limits, log, sharing, tls } = options;
  for (const scheme of ["http", "https"] as const) {
    for (const address of options[scheme]) {
      const keys = scheme === "https" ? tls : undefined;
      const listening = await listen({ address, backlog, tls: keys, sharing });
      const { listener } = listening;
      const serve = (handler: ExchangeHandler) =>
        new HttpEndpoint(listener, scheme, handler, limits, log);
      yield { listening, scheme, serve };
    }
  }
  if (options.fastcgi === undefined || options.fastcgi.addresses.length === 0) return;
  const { FastCgiEndpoint } = await import("./fastcgi/endpoint.ts");
  const { addresses, ...settings } = options.fastcgi;
  for (const address of addresses) {
    const listening = await listen({ address, backlog, tls: undefined, sharing });
    const { listener } = listening;
    const serve = (handler: ExchangeHandler) =>
      new FastCgiEndpoint({ listener, handler, log, ...settings });
    yield { listening, scheme: "fastcgi", serve };
  }
}

async function startBackend(options: GatewayOptions): Promise<Backend> {
  const { host, limits, fastcgi, log } = options;
  if (host.kind === "workers") {
    const { prepare } = host;
    // A FastCGI request's parameters go along with the header fields made of them.
    const maxHeadBytes = Math.max(
      limits.maxHeaderBytes,
      fastcgi === undefined ? 0 : fastcgi.limits.maxHeaderBytes * 2 + fastcgi.limits.maxTargetBytes,
    );
    const { workerLimits, drainTimeoutMs, generationHeader: headerName } = options;
    return await Generations.start({
      prepare,
      maxHeadBytes,
      workerLimits,
      drainTimeoutMs,
      headerName,
      log,
    });
  }
  if (options.generationHeader !== "") {
    throw new ConfigError(
      "a generation header needs workers: without them there are no generations",
    );
  }
  const runner = new AppRunner(await host.load(), fastcgi?.faultReports ?? "none", log);
  const apps: ExchangeHandler = {
    handle(exchange) {
      // Apps look at their requests later, too.
      exchange.head.detach();
      runner.handle(exchange);
    },
  };
  const { prefixes } = options;
  const handler = routed(prefixes.map((prefix, mount) => ({ prefix, mount, handler: apps })));
  return {
    handle: (exchange) => handler.handle(exchange),
    drain: () => runner.drained(),
    terminate() {},
    reload(reason) {
      const error = new ConfigError("a reload needs workers, and there are none (--workers 0)");
      log("error", `not reloading (${reason}): ${error.message}`);
      return Promise.resolve({ kind: "failed", error });
    },
  };
}
