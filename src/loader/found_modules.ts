/**
 * Makes a whole graph of the modules that were found: what cannot be linked is left out.
 *
 * @module
 */

import { LoadError } from "../base/errors.ts";
import type { Graph, GraphModule, Target } from "./graph/graph_types.ts";
import type { ImportReference, TransformedModule } from "./graph/link.ts";
import { urlOfKey } from "./names/graph_keys.ts";
import type { ImportType } from "./names/sources.ts";

/** The place of an import. */
export interface Importer {
  /** URL of the module that imports. */
  readonly url: string;
  /** The module. */
  readonly module: TransformedModule;
  /** Where it imports. */
  readonly reference: ImportReference;
}

/** Where an import leads while the graph is not whole: packages are not known yet. */
export type Link = Target | PackageLink | LoadError;

/** An import of a package that is not installed yet. */
export interface PackageLink {
  /** What it is. */
  readonly kind: "package";
  /** What is imported. */
  readonly specifier: string;
  /** As what. */
  readonly type: ImportType;
  /** By whom; `null` for a root. */
  readonly importer: Importer | null;
}

/** A module while the graph is not whole. */
export interface Found extends Omit<GraphModule, "targets" | "dynamicTargets"> {
  /** Where its imports lead. */
  readonly links: Link[];
  /** Where its literal `import()` lead. */
  readonly dynamicLinks: Link[];
}

/** The modules of a graph. */
export type WholeGraph = Pick<Graph, "modules" | "roots" | "required">;

/** The modules that were found from some roots. */
export class FoundModules {
  readonly #found: ReadonlyMap<string, Found | LoadError>;
  /** Keys of modules that CommonJS may require. */
  readonly #required: ReadonlySet<string>;
  readonly #redirects: ReadonlyMap<string, string>;

  /** Takes what was found, by key; which of them CommonJS may require; and which URLs stand for others. */
  constructor(
    found: ReadonlyMap<string, Found | LoadError>,
    required: ReadonlySet<string>,
    redirects: ReadonlyMap<string, string>,
  ) {
    this.#found = found;
    this.#required = required;
    this.#redirects = redirects;
  }

  /**
   * The graph of `roots` without what is broken.
   *
   * @throws {LoadError} if a root is broken
   */
  whole(roots: readonly Link[]): WholeGraph {
    const broken = this.#findBroken();
    const keys = roots.map((root) => {
      const link = this.#settled(root);
      if (link instanceof LoadError) throw link;
      if (link.kind !== "module") throw builtinRoot(link.specifier);
      const error = broken.get(link.key);
      if (error !== undefined) throw error;
      return link.key;
    });
    const modules: GraphModule[] = [];
    for (const found of this.#found.values()) {
      if (found instanceof LoadError || broken.has(found.key)) continue;
      const { links, dynamicLinks, ...module } = found;
      modules.push({
        ...module,
        targets: links.map((link) => this.#settled(link) as Target),
        dynamicTargets: dynamicLinks.map((each) => {
          const link = this.#settled(each);
          if (link instanceof LoadError) return null;
          return link.kind === "module" && broken.has(link.key) ? null : link;
        }),
      });
    }
    return {
      modules: behindRequired(modules, this.#requiredAndImported(keys, broken)),
      roots: keys,
      required: modules.flatMap(({ key }) => this.#required.has(key) ? [key] : []),
    };
  }

  /** Modules that cannot be linked, with a reason for each. */
  #findBroken(): Map<string, LoadError> {
    const broken = new Map<string, LoadError>();
    const importers = new Map<string, string[]>();
    for (const [key, found] of this.#found) {
      if (found instanceof LoadError) {
        broken.set(key, found);
        continue;
      }
      for (const each of found.links) {
        const link = this.#settled(each);
        if (link instanceof LoadError) {
          broken.set(key, link);
          break;
        }
        if (link.kind !== "module") continue;
        const known = importers.get(link.key);
        if (known === undefined) importers.set(link.key, [key]);
        else known.push(key);
      }
    }
    // The map grows during the loop: what imports a broken module is broken, too.
    for (const [key, error] of broken) {
      for (const importer of importers.get(key) ?? []) {
        if (!broken.has(importer)) broken.set(importer, error);
      }
    }
    return broken;
  }

  /** Modules that CommonJS may require, and that others import, sooner or later. */
  #requiredAndImported(
    roots: readonly string[],
    broken: ReadonlyMap<string, LoadError>,
  ): readonly string[] {
    if (this.#required.size === 0) return [];
    const imported = new Set<string>();
    const pending = [...roots];
    for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
      const found = this.#found.get(key);
      if (found === undefined || found instanceof LoadError) continue;
      for (const each of [...found.links, ...found.dynamicLinks]) {
        const link = this.#settled(each);
        if (link instanceof LoadError || link.kind !== "module" || imported.has(link.key)) continue;
        imported.add(link.key);
        pending.push(link.key);
      }
    }
    return [...this.#required].filter((key) => imported.has(key) && !broken.has(key));
  }

  /** A link with its redirects, which were not known when it was made. */
  #settled(link: Link): Target | LoadError {
    if (link instanceof LoadError) return link;
    if (link.kind === "package") throw new Error(`${link.specifier} was not installed`);
    if (link.kind === "builtin") return link;
    const space = link.key.indexOf(" ");
    const url = this.#redirects.get(link.key.slice(space + 1));
    return url === undefined ? link : { kind: "module", key: link.key.slice(0, space + 1) + url };
  }
}

/**
 * The modules, with CommonJS behind those that are `required` and imported as well: runtimes up to 2.6 refuse
 * to `require` what they are about to evaluate.
 */
function behindRequired(
  modules: readonly GraphModule[],
  required: readonly string[],
): readonly GraphModule[] {
  if (required.length === 0) return modules;
  const imports = required.map((key) => ({ specifier: urlOfKey(key), type: "" as const, line: 1 }));
  const targets = required.map((key) => ({ kind: "module" as const, key }));
  return modules.map((each) => {
    if (!urlOfKey(each.key).startsWith(COMMONJS)) return each;
    const parts: string[] = required.map((_, index) => index === 0 ? "import" : ";import");
    parts.push(`;${each.module.parts[0]}`);
    return { ...each, module: { ...each.module, parts, imports }, targets };
  });
}

/** Precedes the URL of a file that is loaded as CommonJS. */
export const COMMONJS = "commonjs:";

function builtinRoot(specifier: string): LoadError {
  return new LoadError(specifier, `cannot load ${specifier}: a builtin module is not an app`);
}
