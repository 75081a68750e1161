/**
 * Sources of modules from URLs: from the cache, or from the network into the cache.
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";
import type { ModuleCache } from "../cache/cache.ts";
import { download, FetchFault } from "./download.ts";
import type { Answer } from "./download.ts";
import type { FetchLimits } from "./limits.ts";
import type { DiskQuota } from "../files/disk_quota.ts";
import type { FileGrant } from "../files/file_grant.ts";
import { ImportHosts, isLoopback, isReloaded, portOf } from "../names/fetch_policy.ts";
import type { ReloadPolicy } from "../names/fetch_policy.ts";
import { sha256Hex } from "../../base/sha256.ts";
import type { BodyEntry, HttpEntry } from "../cache/http_entry.ts";
import { readDataSource, readFileSource, shownUrl, withoutFragment } from "./local_source.ts";
import type { HttpClients } from "./http_clients.ts";
import type { Lock } from "../project/lock.ts";
import { Slots } from "../../base/slots.ts";
import type { ModuleSource } from "../names/sources.ts";

export { DEFAULT_FETCH_LIMITS } from "./limits.ts";
export type { FetchLimits } from "./limits.ts";
export { DEFAULT_IMPORT_HOSTS } from "../names/fetch_policy.ts";
export type { ReloadPolicy } from "../names/fetch_policy.ts";

/** How modules are fetched. */
export interface FetchOptions {
  /** What to ask servers for again though it is in the cache (`--reload`). */
  readonly reload: ReloadPolicy;
  /** Whether what is not in the cache is fetched, or refused (`--cached-only`). */
  readonly cachePolicy: "use" | "only";
  /**
   * Hosts that modules may come from (`--allow-import`), as {@linkcode ImportHosts} understands
   * them: without a port, 443 is meant for `https:` and 80 for `http:`. The host of the app itself
   * is for the caller to add. Resources are not bound by it.
   */
  readonly allowImport: "any" | readonly string[];
  /** The option that {@linkcode allowImport} is from; `--allow-import` unless it is given. */
  readonly allowImportOption?: "--allow-import" | "--app-allow-import";
  /** Which hosts may be asked without encryption (`--allow-insecure-import`). */
  readonly allowHttp: "loopback" | "any";
  /** Limits of sizes, times and numbers. */
  readonly limits: FetchLimits;
  /** The lock that modules are compared with, `null` if there is none. */
  readonly lock: Lock | null;
  /** Called with each URL that a server is asked for. */
  readonly onFetch?: (url: string) => void;
  /** Called with the size of each body that has come, in bytes. */
  readonly onFetched?: (bytes: number) => void;
  /** What servers are asked with; the runtime's own client if absent. */
  readonly clients?: HttpClients;
  /** What servers were asked for already, and need not be again; grows. */
  readonly fresh?: Set<string>;
  /** What may be fetched and kept; anything if absent. */
  readonly quota?: DiskQuota;
}

/** An HTTP server answered with a status that has no module, such as 404. */
export class StatusError extends LoadError {
  /** Status of the response. */
  readonly status: number;

  /** Makes an error for `status`. */
  constructor(url: string, message: string, status: number, options?: ErrorOptions) {
    super(url, message, options);
    this.status = status;
  }
}

/** How a resource other than a module is fetched. */
export interface ResourceOptions {
  /** `Accept` of the request; answers to different ones are kept apart. */
  readonly accept?: string;
  /** `Authorization` of the request; not sent on to another origin by a redirect. */
  readonly authorization?: string;
  /** Size that is taken, in bytes; `limits.maxResourceBytes` unless it is given. */
  readonly maxBytes?: number;
  /**
   * Whether a copy in the cache will do (`"cached"`, the default), the server is asked whether it
   * is still the same (`"revalidated"`, once for each URL), or none is kept (`"uncached"`).
   */
  readonly freshness?: "cached" | "revalidated" | "uncached";
  /** Makes what is kept of a body, and returned. */
  readonly condense?: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
}

/** What one URL gave: where to go on, or the body. */
type Hop =
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "body"; readonly entry: BodyEntry; readonly bytes: Uint8Array<ArrayBuffer> };

/** Fields that identify the client. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(["authorization", "cookie"]);

/** How far an errand has come. */
interface Trail {
  /** URL that is asked for now, without its fragment. */
  at: string;
  /** Fragment of the result: the last one that was named. */
  fragment: string;
}

/** One thing that is asked for, through all its redirects. */
interface Errand {
  /** URL that was asked for first, without its fragment. */
  readonly url: string;
  readonly purpose: "module" | "resource";
  readonly headers: Readonly<Record<string, string>>;
  readonly variant: string;
  readonly maxBytes: number;
  readonly freshness: "cached" | "revalidated" | "uncached";
  readonly condense?: ResourceOptions["condense"];
}

/**
 * Loads modules and other resources. What is in the cache is used without asking a server, unless
 * it is to be reloaded; each URL is asked for once at a time, and reloaded once.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ModuleCache } from "../cache/cache.ts";
 *
 * const cache = new ModuleCache(await Deno.makeTempDir());
 * const fetcher = new ModuleFetcher(cache, {
 *   reload: "none",
 *   cachePolicy: "use",
 *   allowImport: DEFAULT_IMPORT_HOSTS,
 *   allowHttp: "loopback",
 *   limits: DEFAULT_FETCH_LIMITS,
 *   lock: null,
 * });
 * const { contentType } = await fetcher.load("data:text/typescript,export default 1");
 * assertEquals(contentType, "text/typescript");
 * await Deno.remove(cache.root, { recursive: true });
 * ```
 */
export class ModuleFetcher {
  readonly #cache: ModuleCache;
  readonly #options: FetchOptions;
  readonly #hosts: ImportHosts;
  readonly #slots: Slots;
  /** Hops under way, by what is asked for. */
  readonly #underWay = new Map<string, Promise<Hop>>();
  /** What a server was asked for already, and need not be again. */
  readonly #fresh: Set<string>;

  /**
   * Makes a fetcher; nothing is fetched yet.
   *
   * @throws {ConfigError} when an entry of `options.allowImport` is not a host
   */
  constructor(cache: ModuleCache, options: FetchOptions) {
    this.#cache = cache;
    this.#options = options;
    this.#hosts = new ImportHosts(options.allowImport);
    this.#fresh = options.fresh ?? new Set();
    this.#slots = new Slots(options.limits.maxConcurrentRequests);
  }

  /**
   * Loads the source of a module from an `http:`, `https:` or `data:` URL. `headers` are sent along
   * with the request; `authorization` and `cookie` only to the origin of `url`.
   *
   * @throws {LoadError} when that cannot be done: `cannot load URL: …`
   */
  async load(url: string, headers: Readonly<Record<string, string>> = {}): Promise<ModuleSource> {
    if (/^data:/i.test(url)) return await readDataSource(url);
    const source = await this.#follow(url, {
      purpose: "module",
      headers: lowerCased(headers),
      variant: "",
      maxBytes: this.#options.limits.maxModuleBytes,
      freshness: "cached",
    });
    this.#options.lock?.checkModule(withoutFragment(source.url), source.sha256);
    return source;
  }

  /**
   * Reads the source of a module from a `file:` URL, if it is among the files that are `granted`; nothing
   * is cached.
   *
   * @throws {LoadError} when that cannot be done
   */
  readFileSource(url: string, granted: FileGrant = "any"): Promise<ModuleSource> {
    return readFileSource(url, granted, this.#options.limits.maxModuleBytes);
  }

  /**
   * Loads a resource other than a module, such as a package, or its description at the registry.
   * The lock does not see it, nor do the hosts that modules may come from matter.
   *
   * @throws {LoadError} when that cannot be done; a {@linkcode StatusError} if the server refuses
   */
  loadResource(url: string, options: ResourceOptions = {}): Promise<ModuleSource> {
    const headers: Record<string, string> = {};
    if (options.accept !== undefined) headers.accept = options.accept;
    if (options.authorization !== undefined) headers.authorization = options.authorization;
    return this.#follow(url, {
      purpose: "resource",
      headers,
      variant: `resource ${options.accept ?? ""}`,
      maxBytes: options.maxBytes ?? this.#options.limits.maxResourceBytes,
      freshness: options.freshness ?? "cached",
      condense: options.condense,
    });
  }

  async #follow(url: string, details: Omit<Errand, "url">): Promise<ModuleSource> {
    const first = URL.parse(url);
    if (first === null) {
      throw new LoadError(url, `cannot load ${shownUrl(url)}: it is not a valid URL`);
    }
    const trail: Trail = { at: withoutFragment(first.href), fragment: first.hash };
    const errand: Errand = { ...details, url: trail.at };
    try {
      return await this.#followed(errand, trail);
    } catch (error) {
      if (!(error instanceof FetchFault)) throw error;
      const origin = trail.at === errand.url ? "" : ` (redirected from ${shownUrl(errand.url)})`;
      const message = `cannot load ${shownUrl(trail.at)}: ${error.message}${origin}`;
      const options = error.cause === undefined ? {} : { cause: error.cause };
      throw error.status === 0
        ? new LoadError(errand.url, message, options)
        : new StatusError(errand.url, message, error.status, options);
    }
  }

  /** Goes from redirect to redirect until there is a body. */
  async #followed(errand: Errand, trail: Trail): Promise<ModuleSource> {
    const { maxRedirects } = this.#options.limits;
    const seen = new Set<string>();
    for (;;) {
      const { at } = trail;
      if (seen.has(at)) throw new FetchFault("its redirects form a loop");
      if (seen.size > maxRedirects) {
        throw new FetchFault(`there are more than ${maxRedirects} redirects`);
      }
      seen.add(at);
      this.#checkPolicy(errand, at);
      const hop = await this.#pinnedHop(errand, at);
      if (hop.kind === "body") {
        const { contentType, sha256 } = hop.entry;
        return { url: at + trail.fragment, bytes: hop.bytes, contentType, sha256 };
      }
      const target = new URL(hop.location);
      trail.at = withoutFragment(target.href);
      if (target.hash !== "") trail.fragment = target.hash;
    }
  }

  #checkPolicy(errand: Errand, at: string): void {
    const url = new URL(at);
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      throw new FetchFault("only http: and https: URLs can be fetched");
    }
    if (url.protocol === "http:" && this.#options.allowHttp !== "any" && !isLoopback(url)) {
      throw new FetchFault(
        "http: is allowed from this machine only, since others could change what is sent; use " +
          "https:, or allow " +
          "it with --allow-insecure-import",
      );
    }
    if (errand.purpose === "module" && !this.#hosts.allow(url)) {
      throw new FetchFault(
        `modules may not come from this host; allow it with ${
          this.#options.allowImportOption ?? "--allow-import"
        }=${url.hostname}:${portOf(url)}`,
      );
    }
  }

  /** What one URL gives; a lock can know where it leads without asking. */
  async #pinnedHop(errand: Errand, at: string): Promise<Hop> {
    const lock = errand.purpose === "module" ? this.#options.lock : null;
    const pinned = lock?.redirect(at);
    if (pinned !== undefined) return { kind: "redirect", location: pinned };
    const hop = await this.#sharedHop(errand, at);
    if (hop.kind === "redirect") lock?.pinRedirect(at, hop.location);
    return hop;
  }

  #sharedHop(errand: Errand, at: string): Promise<Hop> {
    const headers = headersFor(errand, at);
    const key = JSON.stringify([at, errand.variant, headers]);
    let hop = this.#underWay.get(key);
    if (hop === undefined) {
      hop = this.#hop(errand, at, headers).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, hop);
    }
    return hop;
  }

  async #hop(errand: Errand, at: string, headers: Record<string, string>): Promise<Hop> {
    const freshKey = `${errand.variant} ${at}`;
    const cached = errand.freshness === "uncached" ? null : await this.#cachedHop(errand, at);
    const isDue = (errand.freshness === "revalidated" || isReloaded(at, this.#options.reload)) &&
      !this.#fresh.has(freshKey) && this.#options.cachePolicy !== "only";
    if (cached !== null && !isDue) return cached;
    if (this.#options.cachePolicy === "only") {
      throw new FetchFault("it is not in the cache, and --cached-only forbids fetching it");
    }
    this.#options.quota?.check(at);
    const validators = cached?.kind === "body" ? validatorsOf(cached.entry) : {};
    const request = {
      url: at,
      headers: { ...headers, ...validators },
      maxBytes: errand.maxBytes,
      limits: this.#options.limits,
      clients: this.#options.clients,
    };
    const answer = await this.#slots.run(() => {
      this.#options.onFetch?.(at);
      return download(request);
    });
    const hop = await this.#keep(errand, at, answer, cached);
    this.#fresh.add(freshKey);
    return hop;
  }

  /** What the cache has, as long as it is whole. */
  async #cachedHop(errand: Errand, at: string): Promise<Hop | null> {
    const entry = await this.#cache.readHttpEntry(at, errand.variant);
    if (entry === null) return null;
    if (entry.kind === "redirect") return { kind: "redirect", location: entry.location };
    const bytes = await this.#cache.readBlob(entry.sha256);
    return bytes === null ? null : { kind: "body", entry, bytes };
  }

  async #keep(errand: Errand, at: string, answer: Answer, cached: Hop | null): Promise<Hop> {
    const fetchedAtMs = Date.now();
    const { quota } = this.#options;
    if (answer.kind === "body") quota?.take(at, answer.bytes.length, 2);
    else quota?.take(at, 0);
    if (answer.kind === "redirect") {
      const location = answer.location === null ? null : URL.parse(answer.location, at);
      if (location === null) {
        throw new FetchFault(`the server answered ${answer.status} without saying where to go`);
      }
      const { href } = location;
      await this.#write(errand, { kind: "redirect", url: at, location: href, fetchedAtMs });
      return { kind: "redirect", location: href };
    }
    const { headers } = answer;
    if (answer.kind === "unchanged") {
      if (cached?.kind !== "body") {
        throw new FetchFault("the server answered 304 to a request without a condition");
      }
      const { entry } = cached;
      const refreshed: BodyEntry = {
        ...entry,
        contentType: headers.get("content-type") ?? entry.contentType,
        etag: headers.get("etag") ?? entry.etag,
        lastModified: headers.get("last-modified") ?? entry.lastModified,
        fetchedAtMs,
      };
      await this.#write(errand, refreshed);
      return { kind: "body", entry: refreshed, bytes: cached.bytes };
    }
    const { status } = answer;
    this.#options.onFetched?.(answer.bytes.length);
    const bytes = errand.condense?.(answer.bytes) ?? answer.bytes;
    const entry: BodyEntry = {
      kind: "body",
      url: at,
      status,
      contentType: headers.get("content-type") ?? "",
      etag: headers.get("etag") ?? "",
      lastModified: headers.get("last-modified") ?? "",
      // The body comes first, so that an entry without one is never seen.
      sha256: errand.freshness === "uncached"
        ? await sha256Hex(bytes)
        : await this.#cache.writeBlob(bytes),
      fetchedAtMs,
    };
    await this.#write(errand, entry);
    return { kind: "body", entry, bytes };
  }

  async #write(errand: Errand, entry: HttpEntry): Promise<void> {
    if (errand.freshness !== "uncached") await this.#cache.writeHttpEntry(entry, errand.variant);
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** What may be sent to `at`: secrets are for the origin that was asked first. */
function headersFor(errand: Errand, at: string): Record<string, string> {
  if (new URL(at).origin === new URL(errand.url).origin) return { ...errand.headers };
  const harmless = Object.entries(errand.headers).filter(([name]) => !SECRET_HEADERS.has(name));
  return Object.fromEntries(harmless);
}

function validatorsOf({ etag, lastModified }: BodyEntry): Record<string, string> {
  const validators: Record<string, string> = {};
  if (etag !== "") validators["if-none-match"] = etag;
  if (lastModified !== "") validators["if-modified-since"] = lastModified;
  return validators;
}
