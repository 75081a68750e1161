/**
 * What is done for a loader: it fetches, transforms and writes. In a thread of its own beside a gateway,
 * in the only one where a command just fills the cache.
 *
 * @module
 */

import { environmentOf } from "../base/surroundings.ts";
import { ModuleCache } from "./cache/cache.ts";
import { GraphBuilder } from "./graph_builder.ts";
import { HttpClients } from "./fetch/http_clients.ts";
import type { Progress } from "./module_transforms.ts";
import type { LoaderOptions, LoaderQuestion, LoaderReport } from "./protocol.ts";

/** Answers questions. */
export class LoaderService {
  readonly #cacheRoot: string;
  readonly #builder: Promise<GraphBuilder>;
  #filesAskedFor: ReadonlySet<string> = new Set();

  /** Loads as `options` say, and tells of it by `progress`. */
  constructor(options: LoaderOptions, progress: Progress) {
    this.#cacheRoot = options.cacheRoot;
    const cache = new ModuleCache(options.cacheRoot);
    const clients = new HttpClients(environmentOf(options.env));
    this.#builder = GraphBuilder.open(cache, options, progress, clients);
    // The caller gets the error.
    this.#builder.catch(() => {});
  }

  /** Local files that were asked for by the last question. */
  get filesAskedFor(): readonly string[] {
    return [...this.#filesAskedFor];
  }

  /**
   * Does what it is asked.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  async answer(question: LoaderQuestion): Promise<LoaderReport> {
    const { id } = question;
    this.#filesAskedFor = new Set();
    switch (question.kind) {
      case "prepare": {
        const builder = await this.#builder;
        this.#filesAskedFor = builder.filesAskedFor;
        const { graph, ...others } = await builder.prepare(question.roots, question);
        return { kind: "prepared", id, folder: graph.folder, ...others };
      }
      case "tidy": {
        const { markUsed, tidyCache } = await import("./cache/cache_upkeep.ts");
        await markUsed(question.inUse);
        await tidyCache(this.#cacheRoot);
        return { kind: "tidied", id };
      }
      case "extend":
        return { kind: "extended", id, extension: await (await this.#builder).extend(question) };
    }
  }
}
