/**
 * Finds out what an app of a graph is made of.
 *
 * @module
 */

import { withoutPasswords } from "../base/passwords.ts";
import { filePath } from "../base/paths.ts";
import { sha256Of } from "../base/sha256.ts";
import { mediaTypeOf } from "./fetch/media_type.ts";
import type { FileGrant } from "./files/file_grant.ts";
import { pathOf } from "./files/file_grant.ts";
import type { AppContents } from "./contents.ts";
import { sorted } from "./contents.ts";
import type { Graph, GraphModule, Target } from "./graph/graph_types.ts";
import { moduleKey, urlOfKey } from "./names/graph_keys.ts";
import { relativeUrl } from "./names/relative_url.ts";
import type { ImportMap, SpecifierMap } from "./names/import_map.ts";
import { LocalFiles } from "./npm/local_files.ts";
import { LocalRequires } from "./npm/local_requires.ts";
import { isInNodeModules } from "./npm/node_modules_path.ts";
import type { NpmSet } from "./npm/npm_set.ts";
import type { ProjectConfig } from "./project/deno_config.ts";
import { pathToFileURL } from "node:url";

/** What a graph was made with. */
export interface ContentSources {
  /** The configuration of its project. */
  readonly project: ProjectConfig;
  /** The local files that its apps may read. */
  readonly files: FileGrant;
  /** The packages that were installed for it; `null` if there are none. */
  readonly packages: NpmSet | null;
}

/**
 * What the app with the key `root` is made of: all that its imports lead to, and what CommonJS among that
 * requires by literals. Names and hashes have nothing of this machine in them.
 *
 * @throws {LoadError} when the files of a package are not what was installed
 */
export async function contentsOf(
  graph: Graph,
  root: string,
  sources: ContentSources,
): Promise<AppContents> {
  return await new Contents(graph, root, sources).collect();
}

/** Files of a package in a `node_modules` folder, by path, and their hashes. */
type PackageFiles = Map<string, string>;

class Contents {
  readonly #graph: Graph;
  readonly #root: string;
  readonly #sources: ContentSources;
  readonly #byKey: ReadonlyMap<string, GraphModule>;
  /** URL of the folder that local files are named from; `null` if the app is no local file. */
  readonly #base: string | null;
  readonly #files: LocalFiles;
  readonly #requires: LocalRequires;
  /** URLs and hashes of modules, by name: what differs in passwords only has the same name. */
  readonly #modules = new Map<string, Map<string, string>>();
  readonly #local = new Map<string, PackageFiles>();
  readonly #instances = new Set<string>();
  readonly #links: unknown[] = [];

  constructor(graph: Graph, root: string, sources: ContentSources) {
    this.#graph = graph;
    this.#root = root;
    this.#sources = sources;
    this.#byKey = new Map(graph.modules.map((module) => [module.key, module]));
    const url = urlOfKey(root);
    this.#base = url.startsWith("file:") ? new URL(".", url).href : null;
    this.#files = new LocalFiles(sources.files);
    this.#requires = new LocalRequires(this.#files, "whole");
  }

  async collect(): Promise<AppContents> {
    const seen = new Set([this.#root]);
    for (const key of seen) {
      const module = this.#byKey.get(key);
      if (module === undefined) continue;
      for (const next of this.#take(module)) if (this.#byKey.has(next)) seen.add(next);
    }
    for (const [path, sha256] of this.#files.read) this.#takeFile(path, sha256);
    return {
      config: this.#config(),
      links: sha256Of(JSON.stringify(this.#links.map((link) => JSON.stringify(link)).sort())),
      modules: Object.fromEntries(sorted(this.#moduleHashes())),
      packages: Object.fromEntries(sorted(await this.#packages())),
    };
  }

  /** Takes note of a module; returns the keys of those that it leads to. */
  #take(module: GraphModule): string[] {
    const { url, origin, sha256, contentType } = module;
    const targets = [...module.targets, ...module.dynamicTargets];
    const next = targets.flatMap((target) => target?.kind === "module" ? [target.key] : []);
    const path = url.startsWith("file:") ? filePath(url) : null;
    const instance = path === null ? null : this.#sources.packages?.keyOf(path) ?? null;
    if (instance !== null) {
      this.#instances.add(instance);
      return next;
    }
    // What the runtime has, or gatehouse.
    if (/^(?:node|gatehouse):/.test(url)) return next;
    const { commonJsPath } = module.module;
    if (sha256 !== "") {
      if (path !== null) this.#takeFile(path, sha256);
      else this.#takeModule(url, sha256);
    }
    if (commonJsPath !== undefined) {
      // The file itself is read on the way.
      const required = this.#requires.from(commonJsPath);
      next.push(...required.map((each) => moduleKey(pathToFileURL(each).href, "")));
    }
    const format = commonJsPath === undefined ? mediaTypeOf(url, contentType) : "commonjs";
    const [, charset = ""] = /;\s*charset="?([^\s";]+)/i.exec(contentType) ?? [];
    // What CommonJS imports was put there by the loader.
    const imports = commonJsPath === undefined ? this.#importsOf(module) : [];
    this.#links.push([this.#nameOfKey(module.key), origin, format, charset.toLowerCase(), imports]);
    return next;
  }

  #importsOf({ module, targets, dynamicTargets }: GraphModule): unknown[] {
    const named = (target: Target | null) => {
      if (target === null) return null;
      return target.kind === "builtin" ? target.specifier : this.#nameOfKey(target.key);
    };
    return [
      module.imports.map(({ specifier }, index) => [specifier, named(targets[index])]),
      module.dynamicImports.map(({ specifier }, index) => [
        specifier,
        named(dynamicTargets[index]),
      ]),
    ];
  }

  #takeModule(url: string, sha256: string): void {
    const name = this.#nameOf(url);
    const sameName = this.#modules.get(name) ?? new Map<string, string>();
    this.#modules.set(name, sameName);
    sameName.set(url, sha256);
  }

  /** A hash for each name: of the module, or of all that have the name. */
  #moduleHashes(): Record<string, string> {
    return Object.fromEntries(
      Array.from(this.#modules, ([name, modules]) => {
        const [sha256, ...others] = modules.values();
        if (others.length === 0) return [name, sha256];
        return [name, sha256Of(JSON.stringify([...modules].sort()))];
      }),
    );
  }

  #takeFile(path: string, sha256: string): void {
    const place = isInNodeModules(path) ? this.#placeInPackage(path) : null;
    if (place === null) {
      this.#takeModule(pathToFileURL(path).href, sha256);
      return;
    }
    const [id, file] = place;
    const files = this.#local.get(id) ?? new Map<string, string>();
    this.#local.set(id, files);
    // The same package may lie in several places, and differ there.
    const known = files.get(file);
    files.set(file, known === undefined || known === sha256 ? sha256 : `${known} ${sha256}`);
  }

  /** Name and version of the package in `node_modules` that a file is of, and its path there. */
  #placeInPackage(path: string): readonly [id: string, file: string] | null {
    const [, folder, rest] =
      /^(.*[/\\]node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+)[/\\](.*)$/s.exec(path) ?? [];
    if (folder === undefined) return null;
    const { name, version } = this.#files.packageJsonIn(folder) ?? {};
    const called = folder.replaceAll("\\", "/").replace(/^.*\/node_modules\//s, "");
    return [`${name ?? called}@${version ?? "?"}`, rest.replaceAll("\\", "/")];
  }

  async #packages(): Promise<Record<string, string>> {
    const found: Record<string, string[]> = {};
    const add = (id: string, sha256: string) => (found[id] ??= []).push(sha256);
    const { packages } = this.#sources;
    for (const key of packages?.instancesBelow(this.#instances) ?? []) {
      add(...await packages!.contentOf(key));
    }
    for (const [id, files] of this.#local) {
      add(id, sha256Of(JSON.stringify(sorted(Object.fromEntries(files)))));
    }
    return Object.fromEntries(
      Object.entries(found).map(([id, hashes]) => {
        // The same package with the same files may be there once for each choice of its peers.
        const [one, ...others] = [...new Set(hashes)].sort();
        return [id, others.length === 0 ? one : sha256Of([one, ...others].join())];
      }),
    );
  }

  #config(): string {
    const { compilerOptions, importMap } = this.#sources.project;
    return sha256Of(JSON.stringify([
      sorted(Object.fromEntries(
        Object.entries(compilerOptions).map(([name, value]) => [name, String(value)]),
      )),
      this.#mapNamed(importMap),
      this.#graph.nodeModules,
    ]));
  }

  #mapNamed({ imports, scopes }: ImportMap): unknown {
    const targets = (map: SpecifierMap) =>
      map.map(([specifier, target]) => [
        this.#nameOf(specifier),
        target === null ? null : this.#nameOf(target),
      ]);
    return [targets(imports), scopes.map(([prefix, map]) => [this.#nameOf(prefix), targets(map)])];
  }

  #nameOfKey(key: string): string {
    const type = key.slice(0, key.indexOf(" "));
    return `${type} ${this.#nameOf(urlOfKey(key))}`.trimStart();
  }

  /** The name of what is at a URL: the same on every machine. */
  #nameOf(url: string): string {
    if (url.startsWith("commonjs:")) return this.#nameOf(url.slice("commonjs:".length));
    if (url.startsWith("data:")) return `data:${sha256Of(url)}`;
    if (!url.startsWith("file:")) return withoutPasswords(url);
    const path = pathOf(url);
    if (path === null) return url;
    const key = this.#sources.packages?.keyOf(path) ?? null;
    if (key !== null) {
      const { name, version, folder } = this.#sources.packages!.packageOf(path)!;
      return `npm:${name}@${version}${path.slice(folder.length).replaceAll("\\", "/")}`;
    }
    const place = isInNodeModules(path) ? this.#placeInPackage(path) : null;
    if (place !== null) return `npm:${place[0]}/${place[1]}`;
    return this.#base === null ? url : relativeUrl(this.#base, url);
  }
}
