/**
 * Which versions of which packages meet what is asked for, with all that these need.
 *
 * Versions are chosen breadth first, in the order of names, and a version that was already chosen
 * is taken again where it fits. Where fewer versions would have done (`consolidation.ts`), all is
 * chosen once more from these. So the outcome depends on nothing but what registries say. Which
 * peers a package gets is settled after that (`instances.ts`).
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";
import { fewerVersions } from "./consolidation.ts";
import type { Want } from "./consolidation.ts";
import type { Lock } from "../project/lock.ts";
import type { Draft, EarlierChoices, PeerNeed, ResolvedNode } from "./instances.ts";
import { InstanceBuilder } from "./instances.ts";
import { fitsPlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";
import type { Manifest, NpmRegistries, Packument } from "./registry.ts";
import { parseDependency, requirementText } from "../names/specifier.ts";
import type { Requirement } from "../names/specifier.ts";
import { bestVersion, highest, isTag, nearestVersions } from "./versions.ts";

/** What the resolver works with. */
export interface ResolverOptions {
  /** Where packages come from. */
  readonly registries: NpmRegistries;
  /** The lock that pins versions, if there is one. */
  readonly lock: Lock | null;
  /** What the packages are to run on. */
  readonly platform: Platform;
  /** Choices to keep. */
  readonly earlier: EarlierChoices | null;
}

/** A package with what it needs. */
interface Node extends ResolvedNode {
  readonly manifest: Manifest;
  readonly registry: string;
  /** Packages that it needs, by the name that it has for them. */
  readonly edges: Map<string, Edge>;
  readonly peers: readonly PeerNeed[];
}

interface Edge {
  readonly id: string;
  readonly kind: "needed" | "optional";
}

/** A dependency that is still to be looked at. */
interface Wish {
  readonly alias: string;
  readonly requirement: Requirement;
  readonly kind: "needed" | "optional";
}

/** What a registry says about a package, and which registry that is. */
export interface KnownPackage {
  /** What it says. */
  readonly manifest: Manifest;
  /** URL of the registry. */
  readonly registry: string;
}

/** Times that everything is chosen again, to get fewer versions. */
const MAX_ROUNDS = 8;

/** Chooses versions. */
export class NpmResolver {
  readonly #options: ResolverOptions;
  readonly #nodes = new Map<string, Node>();
  /** Versions chosen, by name. */
  readonly #chosen = new Map<string, Set<string>>();
  /** What is wanted of packages, by name. */
  readonly #wants = new Map<string, Want[]>();
  /** Versions that make fewer copies, by name. */
  readonly #preferred = new Map<string, readonly string[]>();
  /** Packages that cannot be fetched, and are left out. */
  readonly #dropped = new Set<string>();
  /** The substitute for a peer that nobody has. */
  readonly #autoPeers = new Map<string, string>();
  /** Earlier choices of dependencies: by package, then by name. */
  readonly #hints = new Map<string, Map<string, string>>();

  /** A resolver that has chosen nothing yet. */
  constructor(options: ResolverOptions) {
    this.#options = options;
    for (const { name, version, dependencies } of options.earlier?.instances.values() ?? []) {
      const hints = new Map(
        Object.entries(dependencies).map(([alias, key]) => {
          const target = options.earlier!.instances.get(key)!;
          return [alias, idOf(target)];
        }),
      );
      this.#hints.set(idOf({ name, version }), hints);
    }
  }

  /** What is known about the package `id`, which was chosen by this resolver. */
  known(id: string): KnownPackage {
    return this.#nodes.get(id)!;
  }

  /** What there is to know about the package `id`. */
  async manifestOf(id: string): Promise<KnownPackage> {
    const { name, version } = nameAndVersion(id);
    const packument = await this.#packumentWith(name, version);
    return { manifest: packument.manifest(version), registry: packument.registry };
  }

  /**
   * Chooses packages for `requirements`; returns the instance for each, by its text.
   *
   * @throws {LoadError} when there is no such package or version
   */
  async resolve(requirements: readonly Requirement[]): Promise<Map<string, Draft>> {
    const sorted = requirements.toSorted((a, b) =>
      compareText(requirementText(a), requirementText(b))
    );
    const { earlier } = this.#options;
    const fresh = sorted.filter((each) => !earlier?.requirements.has(requirementText(each)));
    await this.#prefetch(fresh.map(({ name }) => name));
    this.#preferred.clear();
    for (let round = 1;; round++) {
      this.#reset();
      const roots = await this.#attempt(sorted, fresh);
      if (round === MAX_ROUNDS || !this.#prefersOthers()) return roots;
    }
  }

  /** Forgets what was chosen, but for what is to stay. */
  #reset(): void {
    for (const known of [this.#nodes, this.#chosen, this.#autoPeers, this.#wants]) known.clear();
    for (const { name, version } of this.#options.earlier?.instances.values() ?? []) {
      this.#choose(name, version);
    }
  }

  /** Whether fewer versions would have done; they will be preferred. */
  #prefersOthers(): boolean {
    const earlier = [...this.#options.earlier?.instances.values() ?? []];
    let isChanged = false;
    for (const [name, versions] of this.#chosen) {
      const kept = earlier.filter((each) => each.name === name).map(({ version }) => version);
      const fewer = fewerVersions(versions, this.#wants.get(name) ?? [], new Set(kept));
      if (fewer === null) continue;
      this.#preferred.set(name, [...fewer]);
      isChanged = true;
    }
    return isChanged;
  }

  async #attempt(
    sorted: readonly Requirement[],
    fresh: readonly Requirement[],
  ): Promise<Map<string, Draft>> {
    const { earlier } = this.#options;
    const rootIds = new Map<string, string>();
    for (const requirement of fresh) {
      const version = await this.#rootVersion(requirement);
      this.#choose(requirement.name, version);
      rootIds.set(requirementText(requirement), idOf({ name: requirement.name, version }));
    }
    await this.#expandAll([...rootIds.values()]);
    for (;;) {
      const builder = new InstanceBuilder({
        nodeOf: (id) => this.#nodes.get(id)!,
        autoPeerOf: (need) => this.#autoPeers.get(peerKey(need)),
        earlier,
      });
      const roots = builder.build(sorted.map((requirement) => {
        const text = requirementText(requirement);
        return { name: requirement.name, text, id: rootIds.get(text) ?? null };
      }));
      if (builder.missingPeers.length === 0) return roots;
      await this.#findPeers(builder.missingPeers);
    }
  }

  /**
   * Leaves out the package `id` from now on, if it is optional everywhere.
   *
   * @returns whether that is so
   */
  drop(id: string, roots: Iterable<string>): boolean {
    const broken = new Set([...this.#dropped, id]);
    for (let before = -1; before !== broken.size;) {
      before = broken.size;
      for (const node of this.#nodes.values()) {
        const isBroken = [...node.edges.values()].some((edge) => {
          return edge.kind === "needed" && broken.has(edge.id);
        });
        if (isBroken) broken.add(node.id);
      }
    }
    if ([...roots].some((root) => broken.has(root))) return false;
    for (const each of broken) this.#dropped.add(each);
    return true;
  }

  async #rootVersion(requirement: Requirement): Promise<string> {
    const specifier = `npm:${requirementText(requirement)}`;
    const { registries, lock } = this.#options;
    const pinned = lock?.specifier(specifier);
    if (pinned === undefined) return await this.#version(requirement, null);
    for (const freshness of ["cached", "revalidated"] as const) {
      const { versions } = await registries.packument(requirement.name, freshness);
      if (!versions.includes(pinned)) continue;
      this.#want(requirement.name, { version: pinned });
      return pinned;
    }
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: the version ${pinned} that ${lock!.path} pins does not exist`,
    );
  }

  /** The version for a requirement; one that was already chosen, if it fits. */
  async #version(requirement: Requirement, requiredBy: string | null): Promise<string> {
    const { name, range } = requirement;
    if (isTag(range)) {
      const version = await this.#newVersion(requirement, requiredBy);
      this.#want(name, { version });
      return version;
    }
    this.#want(name, { range });
    return highest(this.#preferred.get(name) ?? [], range) ??
      highest([...this.#chosen.get(name) ?? []], range) ??
      await this.#newVersion(requirement, requiredBy);
  }

  /** The best version for a requirement by what the lock and the registry say. */
  async #newVersion(requirement: Requirement, requiredBy: string | null): Promise<string> {
    const { name, range } = requirement;
    const { registries, lock } = this.#options;
    let packument: Packument | undefined;
    for (const freshness of ["cached", "revalidated"] as const) {
      packument = await registries.packument(name, freshness);
      if (lock !== null) {
        const known = packument.versions.filter((version) => {
          return lock.packageIntegrity(`${name}@${version}`) !== undefined;
        });
        const locked = highest(known, range);
        if (locked !== null) return locked;
      }
      const best = bestVersion(packument, range);
      if (best !== null) return best;
    }
    const specifier = `npm:${requirementText(requirement)}`;
    const near = nearestVersions(packument!.versions, range);
    const list = near.length === 0 ? "there are none" : `there are ${near.join(", ")}`;
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: no version of the package matches "${range}"; ${list}` +
        (requiredBy === null ? "" : ` (required by ${requiredBy})`),
    );
  }

  #want(name: string, want: Want): void {
    const wants = this.#wants.get(name);
    if (wants === undefined) this.#wants.set(name, [want]);
    else wants.push(want);
  }

  #choose(name: string, version: string): void {
    const versions = this.#chosen.get(name);
    if (versions === undefined) this.#chosen.set(name, new Set([version]));
    else versions.add(version);
  }

  /** Looks at packages, and at all that they need. */
  async #expandAll(ids: readonly string[]): Promise<void> {
    let level = ids.filter((id) => !this.#nodes.has(id));
    while (level.length > 0) {
      const wishes: { readonly node: Node; readonly wish: Wish }[] = [];
      for (const id of new Set(level)) {
        const node = await this.#nodeFor(id);
        this.#nodes.set(id, node);
        for (const wish of this.#wishesOf(node.manifest)) wishes.push({ node, wish });
      }
      await this.#prefetch(wishes.map(({ wish }) => wish.requirement.name));
      const next: string[] = [];
      for (const { node, wish } of wishes) {
        const id = await this.#grant(node, wish);
        if (id === null) continue;
        node.edges.set(wish.alias, { id, kind: wish.kind });
        if (!this.#nodes.has(id)) next.push(id);
      }
      level = next;
    }
  }

  async #nodeFor(id: string): Promise<Node> {
    const { manifest, registry } = await this.manifestOf(id);
    return {
      id,
      ...nameAndVersion(id),
      manifest,
      registry,
      edges: new Map(),
      peers: peersOf(manifest),
    };
  }

  async #packumentWith(name: string, version: string): Promise<Packument> {
    const { registries } = this.#options;
    const packument = await registries.packument(name);
    if (packument.versions.includes(version)) return packument;
    const current = await registries.packument(name, "revalidated");
    if (current.versions.includes(version)) return current;
    const specifier = `npm:${name}@${version}`;
    throw new LoadError(specifier, `cannot load ${specifier}: the registry no longer has it`);
  }

  /** What a package needs, in the order of names. */
  #wishesOf(manifest: Manifest): Wish[] {
    const bundled = manifest.bundleDependencies ?? manifest.bundledDependencies;
    const wishes = new Map<string, Wish>();
    const from = `${manifest.name}@${manifest.version}`;
    const fields = [["dependencies", "needed"], ["optionalDependencies", "optional"]] as const;
    for (const [field, kind] of fields) {
      for (const [alias, wanted] of Object.entries(manifest[field] ?? {})) {
        if (bundled === true || Array.isArray(bundled) && bundled.includes(alias)) continue;
        // Peers are for the user of the package to choose.
        if (manifest.peerDependencies?.[alias] !== undefined) continue;
        const requirement = typeof wanted === "string" ? parseDependency(alias, wanted) : null;
        if (requirement !== null) wishes.set(alias, { alias, requirement, kind });
        else if (kind === "needed" && manifest.optionalDependencies?.[alias] === undefined) {
          throw new LoadError(
            `npm:${from}`,
            `cannot load npm:${from}: it wants "${alias}" from ${JSON.stringify(wanted)}, but ` +
              "packages are installed only from registries",
          );
        }
      }
    }
    return [...wishes.values()].sort((a, b) => compareText(a.alias, b.alias));
  }

  /** Chooses what a package gets for a dependency; `null` if it does without. */
  async #grant(node: Node, { alias, requirement, kind }: Wish): Promise<string | null> {
    const { name, range } = requirement;
    try {
      const hint = this.#hints.get(node.id)?.get(alias);
      const version = hint === undefined
        ? await this.#version(requirement, node.id)
        : nameAndVersion(hint).version;
      const id = idOf({ name, version });
      if (this.#dropped.has(id)) return null;
      if (kind === "optional") {
        const manifest = (await this.#packumentWith(name, version)).manifest(version);
        if (!fitsPlatform(manifest, this.#options.platform)) return null;
      }
      this.#choose(name, version);
      return id;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (kind === "optional") return null;
      throw chained(error, `${name}@${range}`, node.id);
    }
  }

  async #findPeers(needs: readonly PeerNeed[]): Promise<void> {
    await this.#prefetch(needs.map(({ requirement }) => requirement.name));
    const ids: string[] = [];
    for (const need of needs) {
      const { name } = need.requirement;
      const version = await this.#version(need.requirement, need.neededBy);
      this.#choose(name, version);
      const id = idOf({ name, version });
      this.#autoPeers.set(peerKey(need), id);
      ids.push(id);
    }
    await this.#expandAll(ids);
  }

  /** Asks for all at once; what goes wrong is seen when it is asked for again. */
  async #prefetch(names: readonly string[]): Promise<void> {
    const { registries } = this.#options;
    await Promise.allSettled([...new Set(names)].map((name) => registries.packument(name)));
  }
}

/** The description of this version of a package. */
export function idOf({ name, version }: { name: string; version: string }): string {
  return `${name}@${version}`;
}

/** The parts of what {@linkcode idOf} makes. */
export function nameAndVersion(id: string): { name: string; version: string } {
  const at = id.lastIndexOf("@");
  return { name: id.slice(0, at), version: id.slice(at + 1) };
}

function peersOf(manifest: Manifest): PeerNeed[] {
  const peers: PeerNeed[] = [];
  for (const [alias, wanted] of Object.entries(manifest.peerDependencies ?? {})) {
    const own = manifest.dependencies?.[alias];
    const requirement = parseDependency(alias, own ?? wanted);
    if (requirement === null) continue;
    const isOptional = own === undefined &&
      manifest.peerDependenciesMeta?.[alias]?.optional === true;
    peers.push({
      alias,
      requirement,
      kind: isOptional ? "optional" : "needed",
      neededBy: idOf(manifest),
    });
  }
  return peers.sort((a, b) => compareText(a.alias, b.alias));
}

function peerKey({ requirement }: PeerNeed): string {
  return requirementText(requirement);
}

function chained(error: LoadError, wanted: string, requiredBy: string): LoadError {
  if (error.message.includes(" (required by ")) return error;
  const message = error.message.replace(/^cannot load \S+:/, `cannot load npm:${wanted}:`);
  return new LoadError(error.url, `${message} (required by ${requiredBy})`, { cause: error });
}

/** Order that is the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
