/**
 * What registries say about packages.
 *
 * @module
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { LoadError } from "../../base/errors.ts";
import { StatusError } from "../fetch/fetcher.ts";
import type { ResourceOptions } from "../fetch/fetcher.ts";
import type { ModuleSource } from "../names/sources.ts";
import type { NpmConfig } from "./npmrc.ts";
import type { Offer } from "./versions.ts";

/** The form of a registry's answer that leaves out what is not needed to install. */
const ACCEPT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

/** What is kept of most packuments is shorter, and not worth the time to compress it, in characters. */
const MIN_PACKED_CHARS = 131_072;
/** Size of what is kept of a packument, at most, in bytes. */
const MAX_PACKED_BYTES = 256 * 1_048_576;

/** Loads what is no module; a `ModuleFetcher` does. */
export interface ResourceSource {
  /** Loads the resource at `url`. */
  loadResource(url: string, options?: ResourceOptions): Promise<ModuleSource>;
}

/** What a registry says about one version of a package. */
export interface Manifest {
  /** Name of the package. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** Packages that it needs. */
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Optional dependencies. */
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  /** Packages that its user is to have, too. */
  readonly peerDependencies?: Readonly<Record<string, string>>;
  /** More about these. */
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  /** Dependencies that it brings along. */
  readonly bundleDependencies?: readonly string[] | boolean;
  /** The other way to write it. */
  readonly bundledDependencies?: readonly string[] | boolean;
  /** Operating systems that it is for. */
  readonly os?: readonly string[];
  /** Processors that it is for. */
  readonly cpu?: readonly string[];
  /** C libraries that it is for. */
  readonly libc?: readonly string[];
  /** Where it is. */
  readonly dist: {
    readonly tarball: string;
    readonly integrity?: string;
    readonly shasum?: string;
  };
}

/** What a registry says about a package. */
export interface Packument extends Offer {
  /** Name of the package. */
  readonly name: string;
  /** URL of the registry. */
  readonly registry: string;
  /** What there is to say about `version`. */
  manifest(version: string): Manifest;
}

/** How new what is known has to be: what is in the cache, or what the registry says now. */
export type Freshness = "cached" | "revalidated";

/** Asks registries. Each package is asked for once, and once more for what is new. */
export class NpmRegistries {
  readonly #source: ResourceSource;
  readonly #config: NpmConfig;
  readonly #isReloaded: (name: string) => boolean;
  readonly #packuments = new Map<string, Promise<Packument>>();

  /** Asks through `source`; `isReloaded` says of which packages the cache is not to be believed. */
  constructor(
    source: ResourceSource,
    config: NpmConfig,
    isReloaded: (name: string) => boolean,
  ) {
    this.#source = source;
    this.#config = config;
    this.#isReloaded = isReloaded;
  }

  /**
   * The versions of the package `name`.
   *
   * @throws {LoadError} when there is no such package, or no answer
   */
  packument(name: string, freshness: Freshness = "cached"): Promise<Packument> {
    const key = `${freshness} ${name}`;
    let found = this.#packuments.get(key);
    if (found === undefined) {
      found = this.#ask(name, this.#isReloaded(name) ? "revalidated" : freshness);
      this.#packuments.set(key, found);
      if (freshness === "revalidated") this.#packuments.set(`cached ${name}`, found);
    }
    return found;
  }

  async #ask(name: string, freshness: Freshness): Promise<Packument> {
    const registry = this.#config.registryOf(name);
    const url = `${registry}${name.replace("/", "%2f")}`;
    const specifier = `npm:${name}`;
    const authorization = this.#config.authorizationFor(url);
    let source: ModuleSource;
    /** What is kept, if the registry was asked. */
    let kept: unknown;
    try {
      const condense = (bytes: Uint8Array<ArrayBuffer>) => {
        // Only what is kept is packed here: a registry that packs its answer twice describes no package.
        kept = isPacked(bytes) ? null : neededOf(jsonIn(bytes));
        return kept === null ? bytes : packed(kept);
      };
      const asked = { accept: ACCEPT, authorization, freshness, condense };
      source = await this.#source.loadResource(url, asked);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      throw new LoadError(specifier, refusal(error, specifier, registry, url), { cause: error });
    }
    const packument = packumentOf(name, registry, kept === undefined ? jsonIn(source.bytes) : kept);
    if (packument !== null) return packument;
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: ${url} does not describe a package; check the ` +
        "registry in .npmrc or NPM_CONFIG_REGISTRY",
    );
  }
}

function refusal(error: LoadError, specifier: string, registry: string, url: string): string {
  const status = error instanceof StatusError ? error.status : 0;
  if (status === 404) {
    return `cannot load ${specifier}: there is no such package in the registry ${registry}`;
  }
  if (status === 401 || status === 403) {
    return `cannot load ${specifier}: the registry ${registry} refuses access (${status}); ` +
      `.npmrc has no token for it, or a wrong one`;
  }
  const reason = error.message.replace(/^cannot load \S+: /, "");
  return `cannot load ${specifier}: its description at the registry (${url}) cannot be fetched: ` +
    `${reason}`;
}

/** The needed parts of a version's description. */
const NEEDED = [
  "dependencies",
  "optionalDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "bundleDependencies",
  "bundledDependencies",
  "os",
  "cpu",
  "libc",
] as const satisfies readonly (keyof Manifest)[];

/**
 * The needed parts of a packument; `null` if `value` is none. Some registries send the rest too, which may be
 * fifty times as much.
 */
function neededOf(value: unknown): Record<string, unknown> | null {
  if (!isObject(value) || !isObject(value.versions)) return null;
  const versions: Record<string, unknown> = Object.create(null);
  for (const [version, said] of Object.entries(value.versions)) {
    versions[version] = null;
    if (!isObject(said) || !isObject(said.dist)) continue;
    const { tarball, integrity, shasum } = said.dist;
    const kept: Record<string, unknown> = { dist: { tarball, integrity, shasum } };
    for (const name of NEEDED) if (said[name] !== undefined) kept[name] = said[name];
    versions[version] = kept;
  }
  return { "dist-tags": value["dist-tags"], versions };
}

/** What is kept, as the cache has it: hashes and URLs of a thousand versions take a sixth of their space so. */
function packed(kept: unknown): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(kept);
  if (text.length < MIN_PACKED_CHARS) return new TextEncoder().encode(text);
  return new Uint8Array(gzipSync(text, { level: 1 }));
}

/** The JSON in `bytes`, compressed or not; `null` if there is none. */
function jsonIn(bytes: Uint8Array): unknown {
  try {
    const text = isPacked(bytes) ? gunzipSync(bytes, { maxOutputLength: MAX_PACKED_BYTES }) : bytes;
    return JSON.parse(new TextDecoder().decode(text));
  } catch (error) {
    // zlib's errors have a code: it is damaged, or larger than anything that is kept.
    const isExpected = error instanceof SyntaxError || error instanceof RangeError ||
      error instanceof Error && (error as { code?: unknown }).code !== undefined;
    if (isExpected) return null;
    throw error;
  }
}

function isPacked(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function packumentOf(name: string, registry: string, value: unknown): Packument | null {
  if (!isObject(value) || !isObject(value.versions)) return null;
  const known = value.versions;
  const versions = Object.keys(known).filter((version) => isManifest(known[version]));
  const tags = isObject(value["dist-tags"]) ? value["dist-tags"] as Record<string, string> : {};
  return {
    name,
    registry,
    versions,
    tags,
    manifest: (version) => ({ ...known[version] as Manifest, name, version }),
  };
}

function isManifest(value: unknown): boolean {
  return isObject(value) && isObject(value.dist) && typeof value.dist.tarball === "string" &&
    URL.canParse(value.dist.tarball);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
