/**
 * The clients that modules are fetched with. Deno's own clients read the environment's proxies when
 * they are made, and by then an app may have set others: these are given theirs.
 *
 * @module
 */

import { restoreVariables } from "../../base/surroundings.ts";
import type { Environment } from "../../base/surroundings.ts";
import type { PlainRequest } from "./plain_http.ts";
import { Proxies } from "./proxies.ts";
import type { ProxyAddress } from "./proxies.ts";

/** Variables that Deno's HTTP clients look at when they are made. */
const PROXY_VARIABLES = ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]
  .flatMap((name) => [name, name.toLowerCase()]);

/** Makes clients, and keeps them. */
export class HttpClients implements Disposable {
  readonly #env: Environment;
  readonly #proxies: Proxies;
  /** For `https:` without a proxy, once it was asked for; why there is none if it cannot be made. */
  #direct: Deno.HttpClient | Error | null = null;
  /** By their proxies: the environment names three at most. */
  readonly #proxied = new Map<string, Deno.HttpClient>();

  /** Makes the clients that `env`, a copy of the environment, leads to, when there is need of them. */
  constructor(env: Environment) {
    this.#env = env;
    this.#proxies = new Proxies(env);
  }

  /**
   * Fetches `url`, with `GET`; redirects are not followed.
   *
   * @throws {ProxyError} if a variable that should name a proxy does not
   * @throws {TypeError} when the connection fails, as `fetch()` has it
   * @throws what Deno says if it cannot read whom it is to trust
   */
  async fetch(url: URL, request: PlainRequest): Promise<Response> {
    const proxy = this.#proxies.proxyFor(url);
    // Nothing but the way there vouches for what comes without encryption.
    if (proxy === null && url.protocol === "http:") {
      const { fetchPlain } = await import("./plain_http.ts");
      return await fetchPlain(url, request);
    }
    const client = proxy === null ? this.#directly() : this.#through(proxy);
    if (client instanceof Error) throw client;
    return await fetch(url, { ...request, redirect: "manual", client });
  }

  [Symbol.dispose](): void {
    for (const client of this.#proxied.values()) closeClient(client);
    this.#proxied.clear();
    if (this.#direct !== null) closeClient(this.#direct);
    this.#direct = null;
  }

  /** It reads all authorities that the system trusts, which takes its time. */
  #directly(): Deno.HttpClient | Error {
    return this.#direct ??= restoreVariables(this.#env, PROXY_VARIABLES, directClient, closeClient);
  }

  #through({ url, basicAuth }: ProxyAddress): Deno.HttpClient {
    const key = JSON.stringify([url, basicAuth]);
    let client = this.#proxied.get(key);
    if (client === undefined) {
      client = Deno.createHttpClient({ proxy: { url, basicAuth } });
      this.#proxied.set(key, client);
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
    // Certificates that cannot be used: each request reports it.
    if (error instanceof Error) return error;
    throw error;
  }
}
