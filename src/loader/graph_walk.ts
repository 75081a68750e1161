/**
 * Finds all the modules that an app consists of.
 *
 * The graph is walked level by level: first what lies at URLs, then, when all packages that are
 * asked for are known and installed together, the modules of these.
 *
 * @module
 */

import { isBuiltin } from "node:module";
import { pathToFileURL } from "node:url";
import { LoadError } from "../base/errors.ts";
import { checkExtent } from "./transform/code_extent.ts";
import {
  bytesModule,
  commonJsModule,
  guardedModule,
  jsonModule,
  ownModule,
  textModule,
  wasmModule,
} from "./transform/data_modules.ts";
import type { Found, Importer, Link } from "./found_modules.ts";
import { COMMONJS, FoundModules } from "./found_modules.ts";
import type {
  Graph,
  GraphRequest,
  GraphRoot,
  GraphSources,
  PackageFile,
  PackageSet,
} from "./graph/graph_types.ts";
import { moduleKey } from "./names/graph_keys.ts";
import { filePath, liesIn } from "../base/paths.ts";
import { pathOf } from "./files/file_grant.ts";
import { shortened } from "./names/import_map.ts";
import { meantSpecifier, OWN_MODULE, resolveSpecifier } from "./names/meaning.ts";
import type { TransformedModule } from "./graph/link.ts";
import { runsThough } from "./fetch/media_type.ts";
import { hasModuleSyntax } from "./npm/commonjs.ts";
import { isInNodeModules } from "./npm/node_modules_path.ts";
import { originalLine } from "./transform/source_lines.ts";
import { sourceText } from "./names/sources.ts";
import type { ImportType, MediaType, ModuleSource } from "./names/sources.ts";

/** Modules that are loaded at a time. */
const CONCURRENT_LOADS = 32;

/** Event streams in any version of gatehouse's own package. */
const OWN_EVENTS = /^jsr:\/?@gatehouse\/gatehouse(?:@[^/]*)?\/events$/;

/**
 * Builds a graph.
 *
 * @throws {LoadError} when a root, or what it cannot do without, cannot be loaded
 */
export async function buildGraph(request: GraphRequest, sources: GraphSources): Promise<Graph> {
  return await new GraphWalk(request, sources).build();
}

/** An import that is still to be followed. */
interface Visit {
  readonly url: string;
  readonly type: ImportType;
  readonly importer: Importer | null;
  /** The packages that it is one of; `null` for the app's own. */
  readonly home: Home | null;
}

/** What says what specifiers mean in the modules of packages. */
type Home = Pick<PackageSet, "resolveFrom" | "requiredModules">;

class GraphWalk {
  readonly #request: GraphRequest;
  readonly #sources: GraphSources;
  readonly #found = new Map<string, Found | LoadError>();
  readonly #redirects: Map<string, string>;
  readonly #requirements: Set<string>;
  /** Modules in `data:` URLs that remote modules import. */
  readonly #remoteData = new Set<string>();
  /** Keys of modules that CommonJS may require. */
  readonly #required = new Set<string>();
  #packages: PackageSet | null = null;
  #frontier: Visit[] = [];
  #sourceBytes = 0;

  constructor(request: GraphRequest, sources: GraphSources) {
    this.#request = request;
    this.#sources = sources;
    this.#redirects = new Map(request.known.redirects);
    this.#requirements = new Set(request.requirements);
  }

  async build(): Promise<Graph> {
    const roots: Link[] = [];
    for (const root of this.#request.roots) roots.push(await this.#linkToRoot(root));
    await this.#walk();
    if (this.#requirements.size > 0) {
      const { packageRoot } = this.#request;
      this.#packages ??= await this.#sources.install([...this.#requirements], packageRoot);
      await this.#settlePackages(roots);
      for (const found of this.#found.values()) {
        if (found instanceof LoadError) continue;
        await this.#settlePackages(found.links);
        await this.#settlePackages(found.dynamicLinks);
      }
      await this.#walk();
    }
    return {
      ...new FoundModules(this.#found, this.#required, this.#redirects).whole(roots),
      redirects: this.#redirects,
      requirements: [...this.#requirements],
      packageRoot: this.#packages?.root ?? null,
      packages: this.#packages?.folders ?? new Map(),
      nodeModules: this.#sources.localPackages() !== null,
    };
  }

  async #linkToRoot({ specifier, type, referrer }: GraphRoot): Promise<Link> {
    const { packageRoot, project, requirements } = this.#request;
    if (referrer === null) return await this.#linkTo(specifier, type, null, "root");
    const importer = packageRoot === null ? null : pathIn(packageRoot, referrer);
    if (importer === null) {
      const local = await this.#linkFromLocal(specifier, type, referrer, null);
      if (local !== null) return local;
      const url = resolveSpecifier(specifier, referrer, project.importMap);
      // What import.meta.resolve() has said of a package.
      const isPackaged = packageRoot !== null && pathIn(packageRoot, url) !== null;
      if (!isPackaged) return await this.#linkTo(url, type, null);
      const packages = await this.#sources.install(requirements, packageRoot);
      this.#packages = packages;
      return await this.#linkToFile(packages.resolveFrom(url, packageRoot), type, null, packages);
    }
    // A package imports while it runs: what it can mean is in its own set of packages.
    const packages = await this.#sources.install(requirements, packageRoot);
    this.#packages = packages;
    if (specifier.startsWith("data:")) return this.#plan(specifier, type, null, packages);
    const file = packages.resolveFrom(specifier, importer);
    return await this.#linkToFile(file, type, null, packages);
  }

  /**
   * What an import in the local module at `referrer` leads to, if the packages beside the app
   * decide it: an import within them, or of a name that no import map has. `null` if it is not.
   */
  async #linkFromLocal(
    specifier: string,
    type: ImportType,
    referrer: string,
    importer: Importer | null,
  ): Promise<Link | null> {
    const path = referrer.startsWith("file:") ? pathOf(referrer) : null;
    const local = path === null ? null : this.#sources.localPackages();
    if (path === null || local === null) return null;
    if (isInNodeModules(path) && !this.#request.roots.some((root) => root.specifier === referrer)) {
      if (specifier.startsWith("data:")) return this.#plan(specifier, type, importer, local);
      return await this.#linkToFile(local.resolveFrom(specifier, path), type, importer, local);
    }
    const { importMap, nodeModules } = this.#request.project;
    const meant = meantSpecifier(specifier, referrer, importMap);
    // A package of that name is nearer than what gatehouse has.
    const isOwn = meant === OWN_MODULE;
    if (meant !== null && !isOwn) return null;
    try {
      return await this.#linkToFile(local.resolveFrom(specifier, path), type, importer, local);
    } catch (error) {
      const isForMap = error instanceof LoadError && nodeModules === "names" &&
        !specifier.startsWith("#");
      if (isForMap || isOwn && error instanceof LoadError) return null;
      throw error;
    }
  }

  /** Follows all imports, and theirs. */
  async #walk(): Promise<void> {
    for (let depth = 1; this.#frontier.length > 0; depth++) {
      const visits = this.#frontier;
      this.#frontier = [];
      const { maxDepth, maxModules } = this.#request.limits;
      const { url } = visits[0];
      if (depth > maxDepth) {
        throw new LoadError(url, `cannot load ${url}: more than ${maxDepth} imports lead to it`);
      }
      if (this.#request.known.targets.size + this.#found.size > maxModules) {
        throw new LoadError(url, `cannot load ${url}: the app has more than ${maxModules} modules`);
      }
      let next = 0;
      const lane = async () => {
        while (next < visits.length) await this.#visit(visits[next++]);
      };
      await Promise.all(Array.from({ length: CONCURRENT_LOADS }, lane));
    }
  }

  async #visit(visit: Visit): Promise<void> {
    const { url, type, importer, home } = visit;
    let key = moduleKey(url, type);
    try {
      if (url.startsWith(COMMONJS)) {
        const fileUrl = url.slice(COMMONJS.length);
        const module = this.#commonJs(fileUrl, home);
        // Packages are pinned as a whole.
        this.#found.set(key, packaged(key, fileUrl, module));
        this.#planRequired(filePath(fileUrl), home);
        return;
      }
      const source = await this.#sources.load(url, this.#ownerOf(home));
      this.#countBytes(source);
      if (source.url !== url) {
        this.#redirects.set(url, source.url);
        this.#found.delete(key);
        key = moduleKey(source.url, type);
        // Several URLs may lead to it.
        if (this.#found.has(key) || this.#request.known.targets.has(key)) return;
        this.#found.set(key, PENDING);
      }
      await this.#add(key, source, type, home, importer === null ? "root" : "imported");
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#found.set(key, importer === null ? error : importedBy(error, importer));
    }
  }

  #ownerOf(home: Home | null): "app" | "packages" {
    // Those beside the app are read as the app's own files are.
    return home !== null && home === this.#packages ? "packages" : "app";
  }

  /** All of them are in memory at once, and one server can send any number. */
  #countBytes({ url, bytes }: ModuleSource): void {
    const { maxBytes } = this.#request.limits;
    this.#sourceBytes += bytes.length;
    if (this.#sourceBytes <= maxBytes) return;
    const mebibytes = maxBytes / 1_048_576;
    throw new LoadError(
      url,
      `cannot load ${url}: the app's modules are larger than ${mebibytes} MiB together`,
    );
  }

  async #add(
    key: string,
    source: ModuleSource,
    type: ImportType,
    home: Home | null,
    role: "root" | "imported",
  ): Promise<void> {
    const { url, sha256, contentType } = source;
    const module = await this.#moduleOf(source, type, home, role);
    const origin = home !== null ? "package" : url.startsWith("file:") ? "local" : "remote";
    const what = { key, url, origin, sha256, contentType, module } as const;
    const found: Found = { ...what, links: [], dynamicLinks: [] };
    this.#found.set(key, found);
    for (const reference of module.imports) {
      found.links.push(await this.#follow({ url, module, reference }, home));
    }
    for (const reference of module.dynamicImports) {
      found.dynamicLinks.push(await this.#follow({ url, module, reference }, home));
    }
  }

  async #moduleOf(
    source: ModuleSource,
    type: ImportType,
    home: Home | null,
    role: "root" | "imported",
  ): Promise<TransformedModule> {
    const { url, bytes } = source;
    if (type === "bytes") return bytesModule(bytes);
    if (type === "text") return textModule(sourceText(source));
    const mediaType = this.#sources.mediaTypeOf(source);
    if (type === "json") {
      if (mediaType === "json") {
        const text = sourceText(source);
        checkExtent(url, text, mediaType);
        return jsonModule(url, text);
      }
      throw new LoadError(
        url,
        `cannot load ${url}: the import has type "json", but the module is ` +
          nameOf(mediaType, source),
      );
    }
    if (type !== "") {
      throw new LoadError(
        url,
        `cannot load ${url}: the type ${JSON.stringify(type)} of its import is not supported; ` +
          'use "json", "text" or "bytes"',
      );
    }
    if (mediaType === "wasm") return wasmModule(url, bytes as Uint8Array<ArrayBuffer>);
    if (mediaType === "json") {
      throw new LoadError(
        url,
        `cannot load ${url}: it is JSON; import it with the attribute { type: "json" }`,
      );
    }
    if (mediaType === "unknown" && role === "root" && runsThough(url, source.contentType)) {
      return await this.#sources.transform({ url, source, mediaType: "javascript" });
    }
    if (mediaType === "unknown") {
      throw new LoadError(
        url,
        `cannot load ${url}: it is not a JavaScript or TypeScript module, but ${
          nameOf(mediaType, source)
        }${servingAdvice(url)}`,
      );
    }
    if (url.startsWith("file:") && this.#isCommonJs(filePath(url), source, home)) {
      this.#planRequired(filePath(url), home ?? this.#sources.localPackages());
      return this.#commonJs(url, home);
    }
    return await this.#sources.transform({ url, source, mediaType });
  }

  /** Whether a file of JavaScript is CommonJS. */
  #isCommonJs(path: string, source: ModuleSource, home: Home | null): boolean {
    if (/\.cjs$/.test(path)) return true;
    return home === null && /\.js$/.test(path) && this.#sources.isInCommonJsPackage(path) &&
      !hasModuleSyntax(sourceText(source));
  }

  /** Plans the modules that a CommonJS file may ask for when it is too late to load any. */
  #planRequired(path: string, home: Home | null): void {
    for (const module of home?.requiredModules(path) ?? []) {
      const link = this.#plan(pathToFileURL(module).href, "", null, home);
      if (!(link instanceof LoadError) && link.kind === "module") this.#required.add(link.key);
    }
  }

  #commonJs(url: string, home: Home | null): TransformedModule {
    const path = filePath(url);
    const packages = this.#ownerOf(home) === "packages" ? this.#packages : null;
    return commonJsModule(path, this.#sources.commonJsExports(path, packages));
  }

  async #follow(importer: Importer, home: Home | null): Promise<Link> {
    const { specifier, type } = importer.reference;
    try {
      if (home !== null) return await this.#linkInPackages(specifier, type, importer, home);
      const local = await this.#linkFromLocal(specifier, type, importer.url, importer);
      if (local !== null) return local;
      const url = resolveSpecifier(specifier, importer.url, this.#request.project.importMap);
      // What an import map leads to is the user's own choice, if the app may read it.
      if (isFileUrl(specifier) && this.#isRemote(importer.url)) throw localFromRemote(url);
      return await this.#linkTo(url, type, importer);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      return importedBy(error, importer);
    }
  }

  /** Notes what a URL leads to, and that it has to be loaded. */
  async #linkTo(
    url: string,
    type: ImportType,
    importer: Importer | null,
    role: "root" | "imported" = "imported",
  ): Promise<Link> {
    const scheme = url.slice(0, url.indexOf(":"));
    switch (scheme) {
      case "node":
        return await this.#linkToBuiltin(url);
      case "npm": {
        const file = importer !== null && this.#isRemote(importer.url)
          ? null
          : this.#localFileOf(url, importer);
        if (file !== null) {
          return await this.#linkToFile(file, type, importer, this.#sources.localPackages()!);
        }
        this.#requirements.add(url);
        return { kind: "package", specifier: url, type, importer };
      }
      case "gatehouse":
        if (url !== OWN_MODULE) {
          throw new LoadError(url, `cannot load ${url}: there is no such module`);
        }
        return this.#linkToProvided(url, ownModule());
      case "jsr":
        if (OWN_EVENTS.test(url)) return this.#linkToProvided(OWN_MODULE, ownModule());
        return await this.#linkTo(await this.#sources.resolveJsr(url), type, importer);
      case "http":
      case "https":
        break;
      case "data":
        if (importer !== null && this.#isRemote(importer.url)) this.#remoteData.add(url);
        break;
      case "file": {
        const isForeign = importer !== null && this.#isRemote(importer.url);
        this.#request.checkFile(url, isForeign ? "remote" : "local");
        const file = role === "root" || isForeign ? null : this.#localFileOf(url, importer);
        if (file === null) break;
        return await this.#linkToFile(file, type, importer, this.#sources.localPackages()!);
      }
      default:
        throw new LoadError(
          url,
          `cannot load ${shortened(url)}: modules come from file:, http:, https:, data:, npm:, ` +
            `jsr: and node: URLs, not from ${scheme}:`,
        );
    }
    if (scheme === "http" && importer?.url.startsWith("https:")) {
      throw new LoadError(
        url,
        `cannot load ${url}: modules that came over https: cannot import over http:`,
      );
    }
    return this.#plan(url, type, importer, null);
  }

  /** The file of a package beside the app that a URL means, `npm:` or `file:`; `null` if it means none. */
  #localFileOf(url: string, importer: Importer | null): PackageFile | null {
    const local = this.#sources.localPackages();
    if (local === null) return null;
    if (url.startsWith("file:")) {
      const path = pathOf(url);
      return path !== null && isInNodeModules(path) ? local.resolveFrom(url, path) : null;
    }
    const roots = this.#request.roots.flatMap(({ referrer, specifier }) => [referrer, specifier]);
    const place = [importer?.url, ...roots].find((each) => each?.startsWith("file:")) ?? undefined;
    const path = place === undefined ? null : pathOf(place);
    return path === null ? null : local.resolveNpm(url, path);
  }

  #isRemote(url: string): boolean {
    return /^https?:/.test(url) || this.#remoteData.has(url);
  }

  async #linkToBuiltin(specifier: string): Promise<Link> {
    if (!isBuiltin(specifier)) {
      throw new LoadError(specifier, `cannot load ${specifier}: there is no such builtin module`);
    }
    const names = await this.#sources.guardedExports(specifier);
    if (names === null) return { kind: "builtin", specifier };
    return this.#linkToProvided(specifier, guardedModule(specifier, names));
  }

  /** A module of which the worker has what is in it. */
  #linkToProvided(specifier: string, module: TransformedModule): Link {
    const key = moduleKey(specifier, "");
    if (!this.#request.known.targets.has(key)) {
      this.#found.set(key, packaged(key, specifier, module));
    }
    return { kind: "module", key };
  }

  async #linkInPackages(
    specifier: string,
    type: ImportType,
    importer: Importer,
    home: Home,
  ): Promise<Link> {
    if (specifier.startsWith("data:")) return this.#plan(specifier, type, importer, home);
    if (!importer.url.startsWith("file:")) {
      const name = specifier.replace(/^node:/, "");
      if (isBuiltin(specifier)) return await this.#linkToBuiltin(`node:${name}`);
      throw new LoadError(
        specifier,
        `cannot load ${
          shortened(specifier)
        }: data: modules of packages cannot import files or packages`,
      );
    }
    const file = home.resolveFrom(specifier, filePath(importer.url));
    return await this.#linkToFile(file, type, importer, home);
  }

  async #linkToFile(
    file: PackageFile,
    type: ImportType,
    importer: Importer | null,
    home: Home,
  ): Promise<Link> {
    if (file.format === "builtin") {
      return await this.#linkToBuiltin(`node:${file.path.replace(/^node:/, "")}`);
    }
    const url = pathToFileURL(file.path).href;
    if (this.#ownerOf(home) === "app") {
      // A member of the workspace, or another of the app's own files.
      if (!isInNodeModules(file.path)) return await this.#linkTo(url, type, importer);
      this.#request.checkFile(url, "local");
    } else if (!liesIn(file.path, this.#packages!.root)) {
      throw new LoadError(url, `cannot load ${url}: a package cannot import files of another`);
    }
    const prefix = file.format === "commonjs" ? COMMONJS : "";
    return this.#plan(prefix + url, type, importer, home);
  }

  #plan(url: string, type: ImportType, importer: Importer | null, home: Home | null): Link {
    const final = this.#redirects.get(url) ?? url;
    const key = moduleKey(final, type);
    if (!this.#found.has(key) && !this.#request.known.targets.has(key)) {
      this.#found.set(key, PENDING);
      this.#frontier.push({ url: final, type, importer, home });
    }
    return { kind: "module", key };
  }

  /** Replaces links to packages by links to their files. */
  async #settlePackages(links: Link[]): Promise<void> {
    for (const [index, link] of links.entries()) {
      if (link instanceof LoadError || link.kind !== "package") continue;
      try {
        const file = this.#packages!.resolve(link.specifier);
        links[index] = await this.#linkToFile(file, link.type, link.importer, this.#packages!);
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
        links[index] = link.importer === null ? error : importedBy(error, link.importer);
      }
    }
  }
}

/** Holds the place of a module that is being loaded. */
const PENDING = new LoadError("", "it is being loaded");

function importedBy(error: LoadError, { url, module, reference }: Importer): LoadError {
  if (error.message.includes(" (imported by ")) return error;
  const line = originalLine(module, reference.line);
  const [first, ...rest] = error.message.split("\n");
  const place = ` (imported by ${shortened(url)}${line === 0 ? "" : `:${line}`})`;
  const what = /^cannot (?:load|resolve) /.test(first)
    ? first
    : `cannot load ${shortened(url)}: ${first}`;
  return new LoadError(error.url, [what + place, ...rest].join("\n"), { cause: error.cause });
}

function packaged(key: string, url: string, module: TransformedModule): Found {
  const what = { key, url, origin: "package", sha256: "", contentType: "", module } as const;
  return { ...what, links: [], dynamicLinks: [] };
}

/** The path of the file at `url` if it lies in `folder`; the caller may be lying. */
function pathIn(folder: string, url: string): string | null {
  if (!url.startsWith("file:") || URL.parse(url)?.href !== url) return null;
  try {
    const path = filePath(url);
    return liesIn(path, folder) ? path : null;
  } catch (error) {
    // A host, or a malformed escape.
    if (error instanceof TypeError || error instanceof URIError) return null;
    throw error;
  }
}

/** Whether a specifier is a `file:` URL, which may begin with blanks, or have tabs in it. */
function isFileUrl(specifier: string): boolean {
  return URL.parse(specifier)?.protocol === "file:";
}

function localFromRemote(url: string): LoadError {
  return new LoadError(url, `cannot load ${url}: remote modules cannot import local files`);
}

/** What to do where a server says something else of a module than its name does. */
function servingAdvice(url: string): string {
  const [, letter] = /^https?:[^?#]*\.[mc]?([jt])sx?(?:[?#]|$)/.exec(url) ?? [];
  if (letter === undefined) return "";
  return `; have its server say text/${letter === "t" ? "typescript" : "javascript"}`;
}

function nameOf(mediaType: MediaType, source: ModuleSource): string {
  if (mediaType !== "unknown") return mediaType;
  return source.contentType === "" ? "of an unknown type" : source.contentType;
}
