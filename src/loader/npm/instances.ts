/**
 * Packages with the peers that each gets.
 *
 * A package with peer dependencies is as many packages as there are sets of peers for it. Each is
 * an instance: a package together with the instances that it depends on. Instances that differ in
 * nothing are made one, and get a key that says all that: wherever the same key comes about, it
 * means the same.
 *
 * @module
 */

import { sha256Of } from "../../base/sha256.ts";
import type { Requirement } from "../names/specifier.ts";
import { compareVersions, satisfies } from "./versions.ts";

/** A peer that a package requires its user to have. */
export interface PeerNeed {
  /** Name that the package has for it. */
  readonly alias: string;
  /** What will do. */
  readonly requirement: Requirement;
  /** Whether it can do without. */
  readonly kind: "needed" | "optional";
  /** The package, as `name@version`. */
  readonly neededBy: string;
}

/** A package whose versions of dependencies are chosen. */
export interface ResolvedNode {
  /** `name@version`. */
  readonly id: string;
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** What it depends on. */
  readonly edges: ReadonlyMap<string, { readonly id: string }>;
  /** What it requires its user to have. */
  readonly peers: readonly PeerNeed[];
}

/** What was chosen before and is to stay. */
export interface EarlierChoices {
  /** Key of the instance for each requirement. */
  readonly requirements: ReadonlyMap<string, string>;
  /** The instances. */
  readonly instances: ReadonlyMap<string, EarlierInstance>;
}

/** An instance that exists. */
export interface EarlierInstance {
  /** Name of the package. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Keys of instances, by the name that it has for them. */
  readonly dependencies: Readonly<Record<string, string>>;
}

/** An instance, perhaps one of several that are the same. */
export interface Draft {
  /** `name@version`. */
  readonly id: string;
  /** Key of an instance that exists; `null` if it is new. */
  readonly earlierKey: string | null;
  /** Instances that it depends on, by the name that it has for them. */
  readonly dependencies: ReadonlyMap<string, Draft>;
}

class NewDraft implements Draft {
  readonly id: string;
  readonly earlierKey: string | null;
  readonly dependencies = new Map<string, Draft>();
  readonly number: number;

  constructor(id: string, number: number, earlierKey: string | null) {
    this.id = id;
    this.number = number;
    this.earlierKey = earlierKey;
  }
}

/** A candidate for a peer. */
interface Candidate {
  /** Tells it from others. */
  readonly key: string;
  /** The instance; there is one when all are made. */
  draft(): Draft;
  /** What the app itself asks for under the same name, the highest version first, if there are several. */
  readonly choices?: readonly { readonly version: string; readonly candidate: Candidate }[];
}

/** Who would be a peer, by name: the nearest one. */
type Context = ReadonlyMap<string, Candidate>;

/** What instances are made of. */
export interface InstanceInput {
  /** The package `id`. */
  readonly nodeOf: (id: string) => ResolvedNode;
  /** The package chosen for a peer that nobody has, once it is known. */
  readonly autoPeerOf: (need: PeerNeed) => string | undefined;
  /** Instances that exist. */
  readonly earlier: EarlierChoices | null;
}

/** A requirement, and the package for it; `null` if there is an instance already. */
export interface RootChoice {
  readonly name: string;
  readonly text: string;
  readonly id: string | null;
}

/** Makes instances. */
export class InstanceBuilder {
  /** Peers that nobody has, and for which no package is known yet. */
  readonly missingPeers: PeerNeed[] = [];
  readonly #input: InstanceInput;
  readonly #made = new Map<string, NewDraft>();
  readonly #needs = new Map<string, ReadonlySet<string>>();
  readonly #earlier = new Map<string, NewDraft>();
  /** Work that remains when all instances are made. */
  readonly #peersToSettle: (() => void)[] = [];
  #count = 0;

  /** Nothing is made yet. */
  constructor(input: InstanceInput) {
    this.#input = input;
  }

  /** Makes the instances for `choices`, and for all that they depend on. */
  build(choices: readonly RootChoice[]): Map<string, Draft> {
    const roots = new Map<string, Draft>();
    const context = new Map<string, Candidate>();
    this.#findNeeds(choices);
    const versionOf = ({ text, id }: RootChoice) => {
      if (id !== null) return this.#input.nodeOf(id).version;
      const { requirements, instances } = this.#input.earlier!;
      return instances.get(requirements.get(text)!)!.version;
    };
    // Of several versions, the highest one.
    const sorted = choices.toSorted((a, b) => compareVersions(versionOf(a), versionOf(b)));
    for (const choice of sorted) {
      const { name, text } = choice;
      const candidate = { key: `root ${text}`, draft: () => roots.get(text)! };
      const lower = context.get(name)?.choices ?? [];
      const choices = [{ version: versionOf(choice), candidate }, ...lower];
      context.set(name, { ...candidate, choices });
    }
    for (const { text, id } of choices) {
      roots.set(
        text,
        id === null
          ? this.#earlierDraft(this.#input.earlier!.requirements.get(text)!)
          : this.#make(id, context, []),
      );
    }
    for (const settle of this.#peersToSettle) settle();
    return roots;
  }

  #earlierDraft(key: string): NewDraft {
    const known = this.#earlier.get(key);
    if (known !== undefined) return known;
    const { name, version, dependencies } = this.#input.earlier!.instances.get(key)!;
    const draft = new NewDraft(`${name}@${version}`, this.#count++, key);
    this.#earlier.set(key, draft);
    for (const [alias, target] of Object.entries(dependencies)) {
      draft.dependencies.set(alias, this.#earlierDraft(target));
    }
    return draft;
  }

  #make(id: string, context: Context, above: readonly NewDraft[]): NewDraft {
    // A package that needs itself in a circle gets the instance that it is within.
    const same = above.find((draft) => draft.id === id);
    if (same !== undefined) return same;
    const key = this.#keyOf(id, context);
    const made = this.#made.get(key);
    if (made !== undefined) return made;
    const node = this.#input.nodeOf(id);
    const draft = new NewDraft(id, this.#count++, null);
    this.#made.set(key, draft);
    const inside = new Map(context);
    inside.set(node.name, { key: `self ${draft.number}`, draft: () => draft });
    for (const alias of node.edges.keys()) inside.set(alias, this.#child(draft, alias));
    const autoPeers: [alias: string, id: string][] = [];
    for (const need of node.peers) {
      // The nearest one, like Deno, even where its version is not what the package had in mind: of
      // hosts and frameworks there should be one, and authors are slow to admit new versions.
      const found = fittingChoice(context.get(need.alias), need);
      if (found !== undefined) {
        this.#peersToSettle.push(() => draft.dependencies.set(need.alias, found.draft()));
        inside.set(need.alias, found);
        continue;
      }
      if (need.kind === "optional") continue;
      const substitute = this.#input.autoPeerOf(need);
      if (substitute === undefined) {
        this.missingPeers.push(need);
        continue;
      }
      autoPeers.push([need.alias, substitute]);
      inside.set(need.alias, this.#child(draft, need.alias));
    }
    const path = [...above, draft];
    for (const [alias, edge] of node.edges) {
      draft.dependencies.set(alias, this.#make(edge.id, inside, path));
    }
    for (const [alias, substitute] of autoPeers) {
      draft.dependencies.set(alias, this.#make(substitute, inside, path));
    }
    return draft;
  }

  #child(owner: NewDraft, alias: string): Candidate {
    return { key: `${owner.number} ${alias}`, draft: () => owner.dependencies.get(alias)! };
  }

  /** What an instance of `id` in `context` can depend on. */
  #keyOf(id: string, context: Context): string {
    const parts = [id];
    for (const name of this.#needs.get(id) ?? []) {
      parts.push(name, context.get(name)?.key ?? "");
    }
    return parts.join("\n");
  }

  /** For each package, the names of the peers that it and all below it look for. */
  #findNeeds(choices: readonly RootChoice[]): void {
    const order: ResolvedNode[] = [];
    const needs = new Map<string, Set<string>>();
    const pending = choices.flatMap(({ id }) => id === null ? [] : [id]);
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (needs.has(id)) continue;
      const node = this.#input.nodeOf(id);
      order.push(node);
      needs.set(id, new Set(node.peers.map(({ alias }) => alias)));
      pending.push(...this.#targetsOf(node));
    }
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      // From below, as far as there is a below.
      for (const node of order.toReversed()) {
        const own = needs.get(node.id)!;
        const before = own.size;
        for (const target of this.#targetsOf(node)) {
          for (const name of needs.get(target)!) own.add(name);
        }
        isChanged ||= own.size !== before;
      }
    }
    for (const [id, names] of needs) this.#needs.set(id, new Set([...names].sort()));
  }

  #targetsOf(node: ResolvedNode): string[] {
    const targets = [...node.edges.values()].map(({ id }) => id);
    for (const need of node.peers) {
      const substitute = this.#input.autoPeerOf(need);
      if (substitute !== undefined) targets.push(substitute);
    }
    return targets;
  }
}

/** Of several versions that the app asks for, the highest that fits, if any; else the nearest. */
function fittingChoice(
  candidate: Candidate | undefined,
  { requirement }: PeerNeed,
): Candidate | undefined {
  return candidate?.choices?.find(({ version }) => satisfies(version, requirement.range))
    ?.candidate ?? candidate;
}

/** An instance with its final key. */
export interface Instance {
  /** Key, fit for the name of a folder. */
  readonly key: string;
  /** `name@version`. */
  readonly id: string;
  /** Keys of the instances that it depends on, by the name that it has for them. */
  readonly dependencies: ReadonlyMap<string, string>;
}

/**
 * Gives keys to all instances that `roots` lead to. `identify` says what tells a package from others
 * of its name and version.
 */
export function keyInstances(
  roots: Iterable<Draft>,
  identify: (id: string) => string,
): {
  readonly keys: ReadonlyMap<Draft, string>;
  readonly instances: ReadonlyMap<string, Instance>;
} {
  const drafts = reachable(roots);
  const classes = classified(drafts);
  const representatives = new Map<number, Draft>();
  for (const draft of drafts) {
    const number = classes.get(draft)!;
    if (!representatives.has(number)) representatives.set(number, draft);
  }
  const childrenOf = (number: number): [string, number][] => {
    return [...representatives.get(number)!.dependencies]
      .map(([alias, draft]): [string, number] => [alias, classes.get(draft)!])
      .sort(([a], [b]) => a < b ? -1 : 1);
  };
  const classKeys = new Map<number, string>();
  for (const circle of circles([...representatives.keys()], childrenOf)) {
    // Within a circle, each one's hash takes in what is around it, step by step.
    let hashes = new Map(circle.map((number) => [number, ""]));
    for (let round = 0; round < circle.length; round++) {
      hashes = new Map(circle.map((number) => {
        const children = childrenOf(number).map(([alias, child]) => {
          return [alias, classKeys.get(child) ?? hashes.get(child)];
        });
        const { id, earlierKey } = representatives.get(number)!;
        if (earlierKey !== null) return [number, ""];
        return [number, sha256Of(JSON.stringify([id, identify(id), children]))];
      }));
    }
    for (const number of circle) {
      const { id, earlierKey } = representatives.get(number)!;
      classKeys.set(number, earlierKey ?? instanceKey(id, hashes.get(number)!));
    }
  }
  const keys = new Map(drafts.map((draft) => [draft, classKeys.get(classes.get(draft)!)!]));
  const instances = new Map<string, Instance>();
  for (const draft of drafts) {
    const key = keys.get(draft)!;
    const dependencies = [...draft.dependencies].map(([alias, target]): [string, string] => {
      return [alias, keys.get(target)!];
    });
    instances.set(key, {
      key,
      id: draft.id,
      dependencies: new Map(dependencies.sort(([a], [b]) => a < b ? -1 : 1)),
    });
  }
  return { keys, instances };
}

/** A key that is fit for the name of a folder. */
function instanceKey(id: string, hash: string): string {
  return `${id.replace("/", "+")}_${hash.slice(0, 16)}`;
}

/** The `name@version` in what {@linkcode instanceKey} makes. */
export function idOfKey(key: string): string {
  const id = key.slice(0, key.lastIndexOf("_"));
  return id.startsWith("@") ? id.replace("+", "/") : id;
}

/** `roots`, and all that they lead to. */
export function reachable(roots: Iterable<Draft>): Draft[] {
  const found = new Set<Draft>(roots);
  for (const draft of found) for (const target of draft.dependencies.values()) found.add(target);
  return [...found];
}

/** Numbers by which drafts are the same: same package, and dependencies that are the same. */
function classified(drafts: readonly Draft[]): Map<Draft, number> {
  let classes = numbered(drafts, ({ id, earlierKey }) => `${id} ${earlierKey ?? ""}`);
  for (let before = -1, count = countOf(classes); before !== count;) {
    before = count;
    const current = classes;
    classes = numbered(drafts, (draft) => {
      const children = [...draft.dependencies]
        .map(([alias, target]) => `${alias} ${current.get(target)}`).sort();
      return [current.get(draft), ...children].join("\n");
    });
    count = countOf(classes);
  }
  return classes;
}

function numbered(
  drafts: readonly Draft[],
  describe: (draft: Draft) => string,
): Map<Draft, number> {
  const numbers = new Map<string, number>();
  return new Map(drafts.map((draft) => {
    const text = describe(draft);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return [draft, number];
  }));
}

function countOf(classes: ReadonlyMap<Draft, number>): number {
  return new Set(classes.values()).size;
}

/** Sets of what depends on each other, dependencies first (Tarjan's algorithm). */
function circles(
  numbers: readonly number[],
  childrenOf: (number: number) => readonly (readonly [string, number])[],
): number[][] {
  const found: number[][] = [];
  const indexes = new Map<number, number>();
  const lows = new Map<number, number>();
  const stack: number[] = [];
  const onStack = new Set<number>();
  const visit = (number: number) => {
    indexes.set(number, indexes.size);
    lows.set(number, indexes.get(number)!);
    stack.push(number);
    onStack.add(number);
    for (const [, child] of childrenOf(number)) {
      if (!indexes.has(child)) {
        visit(child);
        lows.set(number, Math.min(lows.get(number)!, lows.get(child)!));
      } else if (onStack.has(child)) {
        lows.set(number, Math.min(lows.get(number)!, indexes.get(child)!));
      }
    }
    if (lows.get(number) !== indexes.get(number)) return;
    const circle: number[] = [];
    for (let each = -1; each !== number;) {
      each = stack.pop()!;
      onStack.delete(each);
      circle.push(each);
    }
    found.push(circle);
  };
  for (const number of numbers) if (!indexes.has(number)) visit(number);
  return found;
}
