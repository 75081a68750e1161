/**
 * Packages of JSR, whose modules lie at URLs: which URL a `jsr:` specifier means, and what is
 * there.
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";
import type { Environment } from "../../base/surroundings.ts";
import type { ModuleCache } from "../cache/cache.ts";
import type { ReloadPolicy } from "../names/fetch_policy.ts";
import { StatusError } from "../fetch/fetcher.ts";
import { sha256Hex } from "../../base/sha256.ts";
import type { Lock } from "../project/lock.ts";
import type { ResourceSource } from "./registry.ts";
import { isPackageReloaded, isRangeOrTag } from "../names/specifier.ts";
import { highest, isExactVersion, nearestVersions } from "./versions.ts";

/** Where JSR is unless `JSR_URL` says otherwise. */
const DEFAULT_JSR_URL = "https://jsr.io/";

/** What a `jsr:` specifier says. */
export interface JsrSpecifier {
  /** Scope and name of the package, such as `@std/path`. */
  readonly name: string;
  /** Range of versions, `*` if none was given. */
  readonly range: string;
  /** Path as in the package's `exports`: `.`, or beginning with `./`. */
  readonly subPath: string;
}

/** How JSR is asked. */
export interface JsrOptions {
  /** Lock that pins versions. */
  readonly lock?: Lock | null;
  /** Packages (`jsr:…`) that the cache is not to be believed about. */
  readonly reload?: ReloadPolicy;
  /** The environment: `JSR_URL` names another registry. */
  readonly env?: Environment;
}

/** What JSR says about a package. */
interface PackageMeta {
  readonly versions: Readonly<Record<string, { readonly yanked?: boolean }>>;
}

/** What JSR says about a version of a package. */
interface VersionMeta {
  readonly exports: Readonly<Record<string, string>>;
  readonly manifest: Readonly<Record<string, { readonly checksum?: string }>>;
}

/** Finds modules of JSR's packages. */
export class JsrResolver {
  /** URL of the registry; ends with a slash. */
  readonly url: string;
  readonly #source: ResourceSource;
  readonly #lock: Lock | null;
  readonly #reload: ReloadPolicy;
  readonly #packages = new Map<string, Promise<PackageMeta>>();
  readonly #versions = new Map<string, Promise<VersionMeta>>();
  /** Versions chosen, by requirement. */
  readonly #chosen = new Map<string, Promise<string>>();
  /** Checksums of files, by the URL of their version's folder. */
  readonly #manifests = new Map<string, VersionMeta["manifest"]>();

  /** A resolver that asks through `source`, a `ModuleFetcher`, which keeps the answers in `cache`. */
  constructor(_cache: ModuleCache, source: ResourceSource, options: JsrOptions = {}) {
    this.#source = source;
    this.#lock = options.lock ?? null;
    this.#reload = options.reload ?? "none";
    const url = URL.parse(options.env?.get("JSR_URL") || DEFAULT_JSR_URL);
    this.url = url === null ? DEFAULT_JSR_URL : url.href.replace(/\/*$/, "/");
  }

  /**
   * The URL of the module that a `jsr:` specifier means.
   *
   * @throws {LoadError} when there is no such package, version or export
   */
  async resolve(specifier: string): Promise<{ readonly url: string }> {
    const { name, range, subPath } = parseJsrSpecifier(specifier);
    const requirement = `jsr:${name}@${range}`;
    let version = this.#chosen.get(requirement);
    if (version === undefined) {
      version = this.#choose(specifier, requirement, name, range);
      this.#chosen.set(requirement, version);
    }
    const chosen = await version;
    const { exports } = await this.#versionMeta(specifier, name, chosen);
    const target = Object.hasOwn(exports, subPath) ? exports[subPath] : undefined;
    if (target === undefined) {
      const known = Object.keys(exports).slice(0, 8).join(", ");
      throw new LoadError(
        specifier,
        `cannot load ${specifier}: the package ${name}@${chosen} has no export ` +
          `"${subPath}"; there are ${known}`,
      );
    }
    return { url: new URL(target, this.#folder(name, chosen)).href };
  }

  /**
   * SHA-256, 64 hexadecimal digits, of the module at `url`, if that is one of a package that a
   * specifier was resolved to.
   */
  expectedChecksum(url: string): string | undefined {
    const place = this.#place(url);
    if (place === null) return undefined;
    const manifest = this.#manifests.get(place.folder);
    return manifest === undefined ? undefined : checksumIn(manifest, place.path);
  }

  /**
   * The same for any module in the registry: asks which files its package has if need be.
   *
   * @throws {LoadError} when that cannot be found out
   */
  async checksumOf(url: string): Promise<string | undefined> {
    const place = this.#place(url);
    if (place === null) return undefined;
    const { manifest } = await this.#versionMeta(url, place.name, place.version);
    return checksumIn(manifest, place.path);
  }

  /** Where in the registry a file of a package is. */
  #place(
    url: string,
  ): { folder: string; name: string; version: string; path: string } | null {
    if (!url.startsWith(this.url)) return null;
    const match = /^(@[^/]+\/[^/]+)\/([^/]+)(\/[^?#]+)/.exec(url.slice(this.url.length));
    if (match === null) return null;
    const [, name, version, path] = match;
    return { folder: this.#folder(name, version), name, version, path };
  }

  #folder(name: string, version: string): string {
    return `${this.url}${name}/${version}/`;
  }

  async #choose(
    specifier: string,
    requirement: string,
    name: string,
    range: string,
  ): Promise<string> {
    const pinned = this.#lock?.specifier(requirement);
    let versions: PackageMeta["versions"] = {};
    for (const freshness of ["cached", "revalidated"] as const) {
      ({ versions } = await this.#packageMeta(specifier, name, freshness));
      const known = Object.keys(versions);
      if (pinned !== undefined) {
        if (known.includes(pinned)) return pinned;
        continue;
      }
      const found = highest(
        isExactVersion(range) ? known : known.filter((each) => versions[each].yanked !== true),
        range,
      );
      if (found === null) continue;
      this.#lock?.pinSpecifier(requirement, found);
      return found;
    }
    if (pinned !== undefined) {
      throw new LoadError(
        specifier,
        `cannot load ${specifier}: the version ${pinned} that ${
          this.#lock!.path
        } pins does not exist`,
      );
    }
    const offered = Object.keys(versions).filter((each) => versions[each].yanked !== true);
    const near = nearestVersions(offered, range);
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: no version of the package matches "${range}"; ` +
        (near.length === 0 ? "there are none" : `there are ${near.join(", ")}`),
    );
  }

  #packageMeta(
    specifier: string,
    name: string,
    freshness: "cached" | "revalidated",
  ): Promise<PackageMeta> {
    const key = `${freshness} ${name}`;
    let meta = this.#packages.get(key);
    if (meta === undefined) {
      const wanted = isPackageReloaded(`jsr:${name}`, this.#reload) ? "revalidated" : freshness;
      meta = this.#ask(specifier, `${this.url}${name}/meta.json`, wanted, "package")
        .then((json) => {
          return { versions: objectIn(json, "versions") as PackageMeta["versions"] };
        });
      this.#packages.set(key, meta);
    }
    return meta;
  }

  #versionMeta(specifier: string, name: string, version: string): Promise<VersionMeta> {
    const url = `${this.url}${name}/${version}_meta.json`;
    let meta = this.#versions.get(url);
    if (meta === undefined) {
      meta = this.#ask(specifier, url, "cached", "version", async (bytes, json) => {
        const manifest = objectIn(json, "manifest") as VersionMeta["manifest"];
        this.#lock?.checkJsrPackage(
          `${name}@${version}`,
          await sha256Hex(bytes),
          () => checksumsIn(manifest, this.#folder(name, version)),
        );
      }).then((json) => {
        const manifest = objectIn(json, "manifest") as VersionMeta["manifest"];
        this.#manifests.set(this.#folder(name, version), manifest);
        return { exports: objectIn(json, "exports") as VersionMeta["exports"], manifest };
      });
      this.#versions.set(url, meta);
    }
    return meta;
  }

  async #ask(
    specifier: string,
    url: string,
    freshness: "cached" | "revalidated",
    what: "package" | "version",
    check?: (bytes: Uint8Array, json: unknown) => Promise<void>,
  ): Promise<unknown> {
    let content: Uint8Array;
    try {
      const { bytes } = await this.#source.loadResource(url, {
        accept: "application/json",
        freshness,
      });
      content = bytes;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      const reason = error instanceof StatusError && error.status === 404
        ? `there is no such ${what} at ${this.url}`
        : `its description at JSR (${url}) cannot be fetched: ` +
          error.message.replace(/^cannot load \S+: /, "");
      throw new LoadError(specifier, `cannot load ${specifier}: ${reason}`, { cause: error });
    }
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(content));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new LoadError(
        specifier,
        `cannot load ${specifier}: ${url} does not describe a package of JSR; check JSR_URL`,
        { cause: error },
      );
    }
    await check?.(content, json);
    return json;
  }
}

/**
 * Takes a `jsr:` specifier apart.
 *
 * @throws {LoadError} when it is not `jsr:@SCOPE/NAME[@RANGE][/PATH]`
 */
export function parseJsrSpecifier(specifier: string): JsrSpecifier {
  const match = /^jsr:\/?(@[\w-]+\/[\w-]+)(?:@([^/]+))?(?:\/(.*))?$/s.exec(specifier);
  const range = match === null ? "" : match[2] === undefined ? "*" : unescaped(match[2]);
  if (match === null || !isRangeOrTag(range) || /^[a-z]/i.test(range) && !/^[vx]/i.test(range)) {
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: it should be jsr:@SCOPE/NAME, jsr:@SCOPE/NAME@RANGE or ` +
        "jsr:@SCOPE/NAME@RANGE/PATH",
    );
  }
  const path = (match[3] ?? "").replace(/^\/+/, "");
  return { name: match[1], range, subPath: path === "" ? "." : `./${path}` };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text).trim();
  } catch (error) {
    if (error instanceof URIError) return "";
    throw error;
  }
}

/** The SHA-256 of the files of a package by their URLs, which begin with `folder`. */
function* checksumsIn(
  manifest: VersionMeta["manifest"],
  folder: string,
): Generator<[url: string, sha256: string]> {
  for (const path of Object.keys(manifest)) {
    const checksum = checksumIn(manifest, path);
    const url = URL.parse(`.${path}`, folder);
    if (checksum !== undefined && url !== null) yield [url.href, checksum];
  }
}

function checksumIn(manifest: VersionMeta["manifest"], path: string): string | undefined {
  const name = Object.hasOwn(manifest, path) ? path : unescaped(path);
  const checksum = Object.hasOwn(manifest, name) ? manifest[name].checksum : undefined;
  return /^sha256-([\da-f]{64})$/.exec(checksum ?? "")?.[1];
}

function objectIn(json: unknown, key: string): Record<string, unknown> {
  const value = typeof json === "object" && json !== null
    ? (json as Record<string, unknown>)[key]
    : null;
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
