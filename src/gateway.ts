/**
 * The gateway: endpoints before, apps behind, and an orderly end.
 *
 * @module
 */

import { formatListenAddress } from "./net/address.ts";
import type { ListenAddress } from "./net/address.ts";
import type { ExchangeHandler } from "./exchange.ts";
import { HttpEndpoint } from "./http1/endpoint.ts";
import type { HttpLimits } from "./http1/limits.ts";
import type { Listening, TlsKeyPair } from "./net/listen.ts";
import { listen } from "./net/listen.ts";
import type { Log } from "./log.ts";
import { WorkerPool } from "./pool/pool.ts";
import { MountRouter } from "./router.ts";
import type { MountedApp } from "./worker/apps.ts";
import { AppRunner } from "./worker/apps.ts";
import type { AppSet } from "./worker/protocol.ts";

/** Where apps run: in workers that load them, or on this thread, where they are loaded already. */
export type AppHost =
  | { readonly kind: "workers"; readonly workers: number; readonly apps: AppSet }
  | { readonly kind: "thread"; readonly load: () => Promise<readonly MountedApp[]> };

/** What a gateway is made of. */
export interface GatewayOptions {
  /** Addresses to serve plain HTTP/1.1 on. */
  readonly http: readonly ListenAddress[];
  /** Addresses to serve HTTP/1.1 over TLS on. */
  readonly https: readonly ListenAddress[];
  /** Keys for `https`. */
  readonly tls: TlsKeyPair | undefined;
  /** Connections that the system queues for each address. */
  readonly backlog: number;
  /** Limits of the HTTP endpoints. */
  readonly limits: HttpLimits;
  /** Where the apps run. */
  readonly host: AppHost;
  /** Path prefixes of the apps, in their order. */
  readonly prefixes: readonly string[];
  /** Takes the gateway's messages. */
  readonly log: Log;
}

/** Something that runs apps, and can be brought to an end. */
interface Backend extends ExchangeHandler {
  drain(): Promise<void>;
  terminate(): void;
}

/** A running gateway. */
export class Gateway {
  readonly #endpoints: readonly HttpEndpoint[];
  readonly #listening: readonly Listening[];
  readonly #backend: Backend;
  readonly #urls: readonly string[];
  #shutdown: Promise<void> | null = null;
  #cutShort = Promise.withResolvers<void>();

  private constructor(
    endpoints: readonly HttpEndpoint[],
    listening: readonly Listening[],
    backend: Backend,
    urls: readonly string[],
  ) {
    this.#endpoints = endpoints;
    this.#listening = listening;
    this.#backend = backend;
    this.#urls = urls;
  }

  /**
   * Opens the sockets, loads the apps, and begins to serve.
   *
   * @throws {ListenError} when an address cannot be had
   * @throws {LoadError} when an app cannot be loaded
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { backlog, limits, log } = options;
    const listening: Listening[] = [];
    try {
      for (const address of options.http) {
        listening.push(await listen({ address, backlog, tls: undefined }));
      }
      for (const address of options.https) {
        listening.push(await listen({ address, backlog, tls: options.tls }));
      }
      const backend = await startBackend(options);
      const handler = options.prefixes.length === 1 && options.prefixes[0] === ""
        ? backend
        : new MountRouter(options.prefixes, backend);
      const schemes = listening.map((_, index) => index < options.http.length ? "http" : "https");
      const endpoints = listening.map(({ listener }, index) =>
        new HttpEndpoint(listener, schemes[index] as "http" | "https", handler, limits, log)
      );
      const urls = endpoints.map((endpoint, index) =>
        formatListenAddress(schemes[index], endpoint.address)
      );
      return new Gateway(endpoints, listening, backend, urls);
    } catch (error) {
      for (const each of listening) {
        each.listener.close();
        each.cleanUp();
      }
      throw error;
    }
  }

  /** Addresses of the endpoints, with the ports that were chosen. */
  get addresses(): Deno.Addr[] {
    return this.#endpoints.map((endpoint) => endpoint.address);
  }

  /** The endpoints as URLs, such as `http://127.0.0.1:8000`. */
  get urls(): readonly string[] {
    return this.#urls;
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

async function startBackend(options: GatewayOptions): Promise<Backend> {
  const { host, limits, log } = options;
  if (host.kind === "workers") {
    const { apps, workers } = host;
    const pool = new WorkerPool({ apps, workers, maxHeadBytes: limits.maxHeaderBytes }, log);
    await pool.start();
    return pool;
  }
  const runner = new AppRunner(await host.load(), log);
  return {
    handle(exchange) {
      // Apps look at their requests later, too.
      exchange.head.detach();
      runner.handle(exchange);
    },
    drain: () => runner.drained(),
    terminate() {},
  };
}
