/**
 * The clients that modules are fetched with. Deno's own read the environment's proxies when they are
 * made, and by then an app may have set other ones: these are told which way to go.
 *
 * @module
 */

import { restoreVariables } from "../surroundings.ts";
import type { Environment } from "../surroundings.ts";
import { Proxies } from "./proxies.ts";

/** Variables that Deno's HTTP clients look at when they are made. */
const PROXY_VARIABLES = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]
  .flatMap((name) => [name, name.toLowerCase()]);

/** Clients that are kept, besides the one without a proxy: each has its own connections. */
const MAX_CLIENTS = 32;

/** Makes clients, and keeps them. */
export class HttpClients implements Disposable {
  readonly #proxies: Proxies;
  /** For `https:` without a proxy, or why there is none. */
  readonly #direct: Deno.HttpClient | Error;
  /** By where they connect to; the first one is the one that was not needed for longest. */
  readonly #others = new Map<string, Deno.HttpClient>();

  /** Makes the clients that `env`, a copy of the environment, leads to. */
  constructor(env: Environment) {
    this.#proxies = new Proxies(env);
    this.#direct = restoreVariables(env, PROXY_VARIABLES, directClient, closeClient);
  }

  /**
   * The client to fetch `url` with.
   *
   * @throws {ProxyError} if a variable that should name a proxy does not
   * @throws what Deno says if it cannot read whom it is to trust
   */
  clientFor(url: URL): Deno.HttpClient {
    const proxy = this.#proxies.proxyFor(url);
    if (proxy !== null) {
      const { url: address, basicAuth } = proxy;
      const key = JSON.stringify([address, basicAuth]);
      return this.#kept(key, () => Deno.createHttpClient({ proxy: { url: address, basicAuth } }));
    }
    if (url.protocol !== "http:") {
      if (this.#direct instanceof Error) throw this.#direct;
      return this.#direct;
    }
    // Nothing but the way there vouches for what comes without encryption: it is said, too.
    const { hostname } = url;
    const port = Number(url.port || 80);
    return this.#kept(
      `${hostname}:${port}`,
      () => Deno.createHttpClient({ proxy: { transport: "tcp", hostname, port } }),
    );
  }

  [Symbol.dispose](): void {
    for (const client of [this.#direct, ...this.#others.values()]) closeClient(client);
    this.#others.clear();
  }

  #kept(key: string, make: () => Deno.HttpClient): Deno.HttpClient {
    const client = this.#others.get(key) ?? make();
    this.#others.delete(key);
    this.#others.set(key, client);
    if (this.#others.size > MAX_CLIENTS) {
      const [[oldest, unneeded]] = this.#others;
      // What is being fetched with it goes on.
      unneeded.close();
      this.#others.delete(oldest);
    }
    return client;
  }
}

function closeClient(client: Deno.HttpClient | Error): void {
  if (!(client instanceof Error)) client.close();
}

function directClient(): Deno.HttpClient | Error {
  try {
    return Deno.createHttpClient({});
  } catch (error) {
    // Certificates that cannot be used: who wants something is told.
    if (error instanceof Error) return error;
    throw error;
  }
}
