/**
 * Which proxy a URL is fetched through: what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say,
 * in capitals or not. The copy of the environment is asked, not the environment that apps may set.
 *
 * @module
 */

import type { Environment } from "../../base/surroundings.ts";

/** A proxy, as `Deno.createHttpClient()` takes it. */
export interface ProxyAddress {
  /** The variable that names it. */
  readonly variable: string;
  /** `http:`, `https:`, `socks5:` or `socks5h:` URL, without credentials. */
  readonly url: string;
  /** Who asks; absent if the proxy does not want to know. */
  readonly basicAuth?: { readonly username: string; readonly password: string };
}

/** A proxy's address is malformed. */
export class ProxyError extends Error {
  /** Name of the class. */
  override name = "ProxyError";
}

/** The proxies that an environment names. */
export class Proxies {
  readonly #env: Environment;
  readonly #exceptions: readonly string[];

  /** Understands the variables. */
  constructor(env: Environment) {
    this.#env = env;
    const [, text = ""] = this.#named("NO_PROXY") ?? [];
    this.#exceptions = text.split(",").map((entry) => entry.trim().toLowerCase()).filter(Boolean);
  }

  /**
   * The proxy for `url`; `null` if there is none.
   *
   * @throws {ProxyError} if its address is malformed
   */
  proxyFor(url: URL): ProxyAddress | null {
    const named = this.#named(url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY") ??
      this.#named("ALL_PROXY");
    if (named === null || this.#isExcepted(url.hostname)) return null;
    const [variable, text] = named;
    const address = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`);
    if (address === null || !/^(?:https?|socks5h?):$/.test(address.protocol)) {
      throw new ProxyError(
        `${variable} is not the address of a proxy: write http://HOST:PORT, https:// or socks5://`,
      );
    }
    const { username, password } = address;
    address.username = address.password = "";
    return {
      variable,
      url: address.href,
      ...username === "" ? {} : {
        basicAuth: { username: decoded(username), password: decoded(password) },
      },
    };
  }

  #named(name: string): [variable: string, text: string] | null {
    for (const variable of [name, name.toLowerCase()]) {
      const text = this.#env.get(variable)?.trim();
      if (text) return [variable, text];
    }
    return null;
  }

  /** Whether `hostname`, as URLs have it, is asked directly. */
  #isExcepted(hostname: string): boolean {
    const address = addressBits(hostname);
    return this.#exceptions.some((entry) => {
      if (entry === "*") return true;
      if (address !== null) return isExcludedBy(address, entry);
      const domain = entry.replace(/^\*?\./, "");
      return hostname === domain || hostname.endsWith(`.${domain}`);
    });
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Whether `address` is `entry`, an address, or lies in it, a network such as `10.0.0.0/8`. */
function isExcludedBy(address: string, entry: string): boolean {
  const [whole, host, length] = /^\[?([^\]/]+)\]?(?:\/(\d+))?$/.exec(entry) ?? [];
  if (whole === undefined) return false;
  const network = addressBits(host.includes(":") ? `[${host}]` : host);
  if (network?.length !== address.length) return false;
  const bits = Math.min(Number(length ?? network.length), network.length);
  return network.slice(0, bits) === address.slice(0, bits);
}

/** The bits of an IP address, as URLs have it; `null` for a name. */
function addressBits(hostname: string): string | null {
  const url = URL.parse(`http://${hostname}/`);
  if (url === null) return null;
  if (/^\d+(?:\.\d+){3}$/.test(url.hostname)) {
    return url.hostname.split(".").map((byte) => Number(byte).toString(2).padStart(8, "0")).join(
      "",
    );
  }
  if (!url.hostname.startsWith("[")) return null;
  const [head, tail = ""] = url.hostname.slice(1, -1).split("::");
  const groups = (text: string) => text === "" ? [] : text.split(":");
  const [before, after] = [groups(head), groups(tail)];
  const missing = 8 - before.length - after.length;
  return [...before, ...Array<string>(missing).fill("0"), ...after]
    .map((group) => parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}
