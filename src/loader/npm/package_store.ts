/**
 * Packages, each as it came from its registry, in the cache.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { LoadError } from "../../base/errors.ts";
import {
  moveInto,
  PRIVATE_FILE,
  PRIVATE_FOLDER,
  readIfThere,
  removeFolder,
  temporaryPath,
} from "../files/atomic_write.ts";
import type { DiskQuota } from "../files/disk_quota.ts";
import type { ModuleCache } from "../cache/cache.ts";
import type { Lock } from "../project/lock.ts";
import { Slots } from "../../base/slots.ts";
import { checkIntegrity, strongestIntegrity } from "./integrity.ts";
import type { NpmConfig } from "./npmrc.ts";
import type { Manifest, ResourceSource } from "./registry.ts";
import { TarballFault, TarballLimitFault, unpackTarball } from "./tarball.ts";
import type { UnpackedFile, UnpackLimits } from "./tarball.ts";

/** File that lists the files of a package; what is not in it does not count. */
const LIST_NAME = "files.json";
/** Folder with the files. */
const CONTENT_NAME = "package";

/** Packages that are fetched at a time. */
const CONCURRENT_PACKAGES = 16;

/** A package in the cache. */
export interface StoredPackage {
  /** Folder with its files. */
  readonly folder: string;
  /** Its files. */
  readonly files: readonly UnpackedFile[];
}

/** What the store works with. */
export interface PackageStoreOptions {
  /** The cache. */
  readonly cache: ModuleCache;
  /** Where archives come from. */
  readonly source: ResourceSource;
  /** Who we are to registries. */
  readonly config: NpmConfig;
  /** Lock that integrities are compared with. */
  readonly lock: Lock | null;
  /** Whether the cache is not to be believed about a package. */
  readonly isReloaded: (name: string) => boolean;
  /** Limits of archives. */
  readonly limits: UnpackLimits;
  /** What may be unpacked; anything within the limits if absent. */
  readonly quota?: DiskQuota;
}

/** Keeps packages in the cache. */
export class PackageStore {
  readonly #options: PackageStoreOptions;
  readonly #stored = new Map<string, Promise<StoredPackage>>();
  /** Archives are in memory until they are unpacked. */
  readonly #slots = new Slots(CONCURRENT_PACKAGES);
  readonly #unpacking = new Slots(1);

  /** A store in a cache. */
  constructor(options: PackageStoreOptions) {
    this.#options = options;
  }

  /**
   * The hash that identifies a package's archive.
   *
   * @throws {LoadError} when its registry gives none, or not the one of the lock
   */
  integrityOf({ name, version, dist }: Manifest): string {
    const specifier = `npm:${name}@${version}`;
    const integrity = strongestIntegrity(dist.integrity, dist.shasum);
    if (integrity === null) {
      throw new LoadError(
        specifier,
        `cannot load ${specifier}: the registry has no hash to check ${dist.tarball} against`,
      );
    }
    this.#options.lock?.checkPackage(`${name}@${version}`, integrity);
    return integrity;
  }

  /**
   * Gets a package; fetches it unless it is there, and whole.
   *
   * @throws {LoadError} when it cannot be fetched, or does not match its registry's hash
   */
  get(manifest: Manifest, registry: string): Promise<StoredPackage> {
    const key = `${registry} ${manifest.name}@${manifest.version}`;
    let stored = this.#stored.get(key);
    if (stored === undefined) {
      stored = this.#slots.run(() => this.#get(manifest, registry));
      this.#stored.set(key, stored);
    }
    return stored;
  }

  async #get(manifest: Manifest, registry: string): Promise<StoredPackage> {
    const { name, version } = manifest;
    const folder = this.#options.cache.npmFolder(new URL(registry).host, name, version);
    const integrity = this.integrityOf(manifest);
    const specifier = `npm:${name}@${version}`;
    if (!this.#options.isReloaded(name)) {
      const stored = await storedPackage(folder, integrity);
      if (stored !== null) return stored;
    }
    const bytes = await this.#download(manifest, specifier, integrity);
    await this.#options.cache.prepare();
    Deno.mkdirSync(dirname(folder), PRIVATE_FOLDER);
    const temporary = temporaryPath(folder);
    let isThere = true;
    try {
      const content = join(temporary, CONTENT_NAME);
      const files = await this.#unpacking.run(() => this.#unpack(specifier, bytes, content));
      const list = { integrity, files: listOf(files) };
      Deno.mkdirSync(temporary, PRIVATE_FOLDER);
      Deno.writeTextFileSync(join(temporary, LIST_NAME), JSON.stringify(list), PRIVATE_FILE);
      const whose = await moveInto(
        temporary,
        folder,
        async () => await storedPackage(folder, integrity) !== null,
      );
      isThere = whose !== "ours";
      if (whose === "ours") return { folder: join(folder, CONTENT_NAME), files };
    } catch (error) {
      if (!(error instanceof TarballFault)) throw error;
      const { tarball } = manifest.dist;
      throw new LoadError(
        specifier,
        `cannot load ${specifier}: its archive ${tarball} cannot be unpacked: ${error.message}`,
        { cause: error },
      );
    } finally {
      if (isThere) await removeFolder(temporary);
    }
    const stored = await storedPackage(folder, integrity);
    if (stored !== null) return stored;
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: its files in ${folder} were changed while it was unpacked`,
    );
  }

  /** Unpacks an archive into `folder`, as far as the quota goes. */
  async #unpack(
    specifier: string,
    bytes: Uint8Array<ArrayBuffer>,
    folder: string,
  ): Promise<UnpackedFile[]> {
    const { limits, quota } = this.#options;
    if (quota === undefined) return await unpackTarball(bytes, folder, limits);
    try {
      const files = await unpackTarball(bytes, folder, limitsWithin(limits, quota));
      quota.take(specifier, files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), files.length);
      return files;
    } catch (error) {
      const isOfQuota = error instanceof TarballLimitFault &&
        error.limit < limits[error.limitName];
      throw isOfQuota ? quota.exceeded(specifier) : error;
    }
  }

  async #download(
    { dist: { tarball } }: Manifest,
    specifier: string,
    integrity: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { source, config, limits } = this.#options;
    let bytes: Uint8Array;
    try {
      const resource = await source.loadResource(tarball, {
        authorization: config.authorizationFor(tarball),
        maxBytes: limits.maxUnpackedBytes,
        // It is kept unpacked.
        freshness: "uncached",
      });
      bytes = resource.bytes;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      const reason = error.message.replace(/^cannot load \S+: /, "");
      throw new LoadError(
        specifier,
        `cannot load ${specifier}: its archive ${tarball} cannot be fetched: ${reason}`,
        { cause: error },
      );
    }
    const { matches, actual } = await checkIntegrity(bytes as Uint8Array<ArrayBuffer>, integrity);
    if (matches) return bytes as Uint8Array<ArrayBuffer>;
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: its archive ${tarball} has the hash ${actual}, but the registry ` +
        `says ${integrity}; nothing of it is kept`,
    );
  }
}

/**
 * Limits for what is unpacked within a quota. What would fit is within them, too: headers and padding in an
 * archive take less than the quota counts for each file, where it is unpacked and where it is linked.
 */
function limitsWithin(limits: UnpackLimits, { leftBytes, leftFiles }: DiskQuota): UnpackLimits {
  return {
    maxUnpackedBytes: Math.min(limits.maxUnpackedBytes, leftBytes),
    maxEntries: Math.min(limits.maxEntries, leftFiles),
  };
}

/** The package in `folder`; `null` unless it is there, and as whole as sizes tell. */
async function storedPackage(folder: string, integrity: string): Promise<StoredPackage | null> {
  const bytes = await readIfThere(join(folder, LIST_NAME));
  if (bytes === null) return null;
  let list: { integrity?: unknown; files?: unknown };
  try {
    list = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (list?.integrity !== integrity || !Array.isArray(list.files)) return null;
  const content = join(folder, CONTENT_NAME);
  const files = filesOf(list.files);
  return areWhole(content, files) ? { folder: content, files } : null;
}

/** Files as they are listed in JSON. */
export function listOf(files: readonly UnpackedFile[]): unknown[] {
  return files.map(({ path, sizeBytes, names }) => [path, sizeBytes, names === "import" ? 1 : 0]);
}

/** The files that {@linkcode listOf} made a list of. */
export function filesOf(list: readonly unknown[]): UnpackedFile[] {
  // Versions before did not say whether the word is there.
  return (list as [path: string, sizeBytes: number, names?: 0 | 1][])
    .map(([path, sizeBytes, names]) => ({
      path,
      sizeBytes,
      names: names === 0 ? "nothing" : "import",
    }));
}

/** Whether all `files` are in `folder` with their sizes. */
export function areWhole(folder: string, files: readonly UnpackedFile[]): boolean {
  return files.every(({ path, sizeBytes }) => {
    try {
      const info = Deno.lstatSync(join(folder, path));
      return info.isFile && info.size === sizeBytes;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw error;
    }
  });
}
