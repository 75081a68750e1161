/**
 * Installs npm packages: the interface to the rest of the loader.
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";
import type { Environment } from "../../base/surroundings.ts";
import { environmentOf } from "../../base/surroundings.ts";
import type { ModuleCache } from "../cache/cache.ts";
import type { DiskQuota } from "../files/disk_quota.ts";
import type { ReloadPolicy } from "../names/fetch_policy.ts";
import { sha256Hex } from "../../base/sha256.ts";
import type { Lock } from "../project/lock.ts";
import { keyInstances, reachable } from "./instances.ts";
import type { Draft } from "./instances.ts";
import { SetFolder } from "./layout.ts";
import type { CommonJsRewriter, SetManifest } from "./layout.ts";
import { NpmSet } from "./npm_set.ts";
import { NpmConfig } from "./npmrc.ts";
import { PackageStore } from "./package_store.ts";
import { thisPlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";
import { NpmRegistries } from "./registry.ts";
import type { ResourceSource } from "./registry.ts";
import { compareText, nameAndVersion, NpmResolver } from "./resolution.ts";
import { isPackageReloaded, parseNpmSpecifier, requirementText } from "../names/specifier.ts";
import type { Requirement } from "../names/specifier.ts";
import { compareVersions } from "./versions.ts";
import { DEFAULT_UNPACK_LIMITS } from "./tarball.ts";
import type { UnpackLimits } from "./tarball.ts";

export { commonJsExports } from "./commonjs.ts";
export type { CommonJsRewriter } from "./layout.ts";
export type { ResolvedFile } from "./node_resolution.ts";
export { NpmSet } from "./npm_set.ts";

/** Changes with the form of sets and how packages are chosen for them. */
const LAYOUT_VERSION = 5;

/** Leaves everything as it is. */
const NO_REWRITER: CommonJsRewriter = { version: "none", rewrite: (source) => source };

/** How packages are installed. */
export interface InstallerOptions {
  /** Lock that pins versions and integrities. */
  readonly lock?: Lock | null;
  /** Packages (`npm:…`) that the cache is not to be believed about (`--reload`). */
  readonly reload?: ReloadPolicy;
  /** Folder whose `.npmrc` is that of the project. */
  readonly npmrcDir?: string | null;
  /** The environment; an empty one if absent. */
  readonly env?: Environment;
  /** Changes CommonJS files that use `import()`. */
  readonly rewriter?: CommonJsRewriter;
  /** Limits of packages. */
  readonly limits?: UnpackLimits;
  /** What may be written; anything if absent. */
  readonly quota?: DiskQuota;
  /** What the packages are to run on. */
  readonly platform?: Platform;
}

/**
 * Installs packages into the cache.
 *
 *     const installer = new PackageInstaller(cache, fetcher, { lock });
 *     const packages = await installer.install(["npm:hono@^4"]);
 *     packages.resolve("npm:hono@^4/cors");
 */
export class PackageInstaller {
  readonly #cache: ModuleCache;
  readonly #source: ResourceSource;
  readonly #options: Required<Omit<InstallerOptions, "quota">>;
  readonly #quota: DiskQuota | undefined;
  #config: Promise<NpmConfig> | null = null;
  #registries: NpmRegistries | null = null;

  /** An installer that asks registries through `source`, a `ModuleFetcher`. */
  constructor(cache: ModuleCache, source: ResourceSource, options: InstallerOptions = {}) {
    this.#cache = cache;
    this.#source = source;
    this.#quota = options.quota;
    this.#options = {
      lock: options.lock ?? null,
      reload: options.reload ?? "none",
      npmrcDir: options.npmrcDir ?? null,
      env: options.env ?? environmentOf({}),
      rewriter: options.rewriter ?? NO_REWRITER,
      limits: options.limits ?? DEFAULT_UNPACK_LIMITS,
      platform: options.platform ?? thisPlatform(),
    };
  }

  /**
   * Installs what `specifiers` (`npm:…`, paths within packages do not matter) ask for. What was
   * installed for the same specifiers before is used again.
   *
   * With `root`, the folder of a set, packages are added to that folder, and all that the set has
   * stays as it is: files in use stay in use.
   *
   * @throws {LoadError} when a package cannot be fetched: `cannot load npm:…: …`
   * @throws {ConfigError} when an `.npmrc` is wrong, or the cache cannot be written to
   */
  async install(specifiers: readonly string[], root: string | null = null): Promise<NpmSet> {
    const requirements = unique(specifiers.map(parseNpmSpecifier));
    this.#config ??= NpmConfig.read(this.#options.npmrcDir, this.#options.env);
    const config = await this.#config;
    const key = await this.#key(requirements, config, root);
    return await this.#installed(key, requirements) ??
      await this.#install(key, requirements, config, root);
  }

  #isReloaded = (name: string): boolean => isPackageReloaded(`npm:${name}`, this.#options.reload);

  /** All that decides which packages are chosen, but for what registries say. */
  async #key(
    requirements: readonly Requirement[],
    config: NpmConfig,
    root: string | null,
  ): Promise<string> {
    const { platform, rewriter } = this.#options;
    const texts = requirements.map(requirementText).sort();
    const inputs = [
      LAYOUT_VERSION,
      "npm",
      rewriter.version,
      platform,
      config.describe(),
      root,
      texts,
    ];
    return await sha256Hex(JSON.stringify(inputs));
  }

  /** The set that was made for the same before, if it is whole and the lock agrees. */
  async #installed(key: string, requirements: readonly Requirement[]): Promise<NpmSet | null> {
    const { lock, rewriter } = this.#options;
    if (requirements.some(({ name }) => this.#isReloaded(name))) return null;
    const entry = await this.#cache.readTransform(key) as { root: string; hash: string } | null;
    if (entry === null) return null;
    const folder = new SetFolder(entry.root, rewriter);
    const manifest = await folder.readManifest(entry.hash);
    if (manifest === null) return null;
    for (const [text, instance] of manifest.requirements) {
      const pinned = lock?.specifier(`npm:${text}`);
      if (pinned !== undefined && pinned !== manifest.instances.get(instance)!.version) return null;
    }
    for (const [instance, { name, version }] of manifest.instances) {
      if (!await folder.has({ key: instance, id: `${name}@${version}` })) return null;
    }
    this.#pin(manifest);
    return new NpmSet(folder, manifest);
  }

  async #install(
    key: string,
    requirements: readonly Requirement[],
    config: NpmConfig,
    root: string | null,
  ): Promise<NpmSet> {
    const { lock, rewriter, limits, platform } = this.#options;
    const cache = this.#cache;
    const earlier = root === null ? null : await this.#earlier(root, requirements);
    this.#registries ??= new NpmRegistries(this.#source, config, this.#isReloaded);
    const registries = this.#registries;
    const store = new PackageStore({
      cache,
      source: this.#source,
      config,
      lock,
      isReloaded: this.#isReloaded,
      limits,
      quota: this.#quota,
    });
    const resolver = new NpmResolver({ registries, lock, platform, earlier });
    const { roots, keys, instances } = await this.#resolved(requirements, resolver, store);
    const manifest: SetManifest = {
      requirements: new Map([...roots].map(([text, draft]) => [text, keys.get(draft)!])),
      instances: new Map(
        [...instances.values()].sort((a, b) => compareText(a.key, b.key)).map((instance) => [
          instance.key,
          {
            ...nameAndVersion(instance.id),
            dependencies: Object.fromEntries(instance.dependencies),
          },
        ]),
      ),
      integrities: new Map(
        await Promise.all([...instances.values()].map(async ({ id }): Promise<[string, string]> => {
          const known = earlier?.integrities.get(id);
          return [id, known ?? store.integrityOf((await resolver.manifestOf(id)).manifest)];
        })),
      ),
    };
    const folder = new SetFolder(root ?? await this.#newRoot(manifest), rewriter);
    await cache.prepare();
    for (const instance of instances.values()) {
      if (await folder.has(instance)) continue;
      const { manifest, registry } = await resolver.manifestOf(instance.id);
      const stored = await store.get(manifest, registry);
      // Its files are linked, but for those that are changed.
      this.#quota?.take(`npm:${instance.id}`, 0, stored.files.length);
      await folder.add(instance, stored);
    }
    folder.offer(offeredInstances(manifest));
    const hash = await folder.writeManifest(manifest);
    await cache.writeTransform(key, { root: folder.root, hash });
    this.#pin(manifest);
    return new NpmSet(folder, manifest);
  }

  /** Chooses packages and fetches them, without optional ones that cannot be fetched. */
  async #resolved(
    requirements: readonly Requirement[],
    resolver: NpmResolver,
    store: PackageStore,
  ): Promise<ReturnType<typeof keyInstances> & { roots: ReadonlyMap<string, Draft> }> {
    const { rewriter } = this.#options;
    for (;;) {
      const roots = await resolver.resolve(requirements);
      const { keys, instances } = keyInstances(roots.values(), (id) => {
        return `${rewriter.version} ${store.integrityOf(resolver.known(id).manifest)}`;
      });
      const failed = await this.#fetchAll(reachable(roots.values()), async (id) => {
        const { manifest, registry } = resolver.known(id);
        await store.get(manifest, registry);
      });
      if (failed.size === 0) return { roots, keys, instances };
      const rootIds = [...roots.values()].map(({ id }) => id);
      for (const [id, error] of failed) if (!resolver.drop(id, rootIds)) throw error;
    }
  }

  async #newRoot(manifest: SetManifest): Promise<string> {
    const keys = JSON.stringify([LAYOUT_VERSION, [...manifest.instances.keys()]]);
    return this.#cache.npmSetFolder((await sha256Hex(keys)).slice(0, 32));
  }

  /** The most that was installed in `root` for some of `requirements`. */
  async #earlier(root: string, requirements: readonly Requirement[]): Promise<SetManifest | null> {
    const wanted = new Set(requirements.map(requirementText));
    let best: SetManifest | null = null;
    for await (const manifest of new SetFolder(root, this.#options.rewriter).manifests()) {
      const isPart = [...manifest.requirements.keys()].every((text) => wanted.has(text));
      if (isPart && manifest.requirements.size > (best?.requirements.size ?? 0)) best = manifest;
    }
    return best;
  }

  /** Fetches packages; returns those that cannot be fetched. */
  async #fetchAll(
    drafts: readonly Draft[],
    fetch: (id: string) => Promise<void>,
  ): Promise<Map<string, LoadError>> {
    const failed = new Map<string, LoadError>();
    const fresh = drafts.filter(({ earlierKey }) => earlierKey === null);
    const ids = [...new Set(fresh.map(({ id }) => id))];
    const outcomes = await Promise.allSettled(ids.map(fetch));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") continue;
      if (!(outcome.reason instanceof LoadError)) throw outcome.reason;
      failed.set(ids[index], outcome.reason);
    }
    return failed;
  }

  #pin({ requirements, instances, integrities }: SetManifest): void {
    const { lock } = this.#options;
    if (lock === null) return;
    for (const [text, key] of requirements) {
      lock.pinSpecifier(`npm:${text}`, instances.get(key)!.version);
    }
    for (const [id, integrity] of integrities) lock.checkPackage(id, integrity);
  }
}

/** For each name one instance: what the app asks for itself, else the highest version. */
function offeredInstances({ requirements, instances }: SetManifest): Map<string, string> {
  const asked = new Set(requirements.values());
  const best = new Map<string, string>();
  for (const [key, { name, version }] of instances) {
    const other = best.get(name);
    if (other !== undefined) {
      const preference = Number(asked.has(key)) - Number(asked.has(other)) ||
        compareVersions(version, instances.get(other)!.version);
      if (preference <= 0) continue;
    }
    best.set(name, key);
  }
  return best;
}

function unique(requirements: readonly Requirement[]): Requirement[] {
  return [...new Map(requirements.map((each) => [requirementText(each), each])).values()];
}
