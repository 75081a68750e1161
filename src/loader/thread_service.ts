/**
 * The loader's own thread: it fetches, transforms and writes, so that the gateway's thread need not.
 *
 * @module
 */

import { ConfigError, LoadError } from "../base/errors.ts";
import { environmentOf } from "../base/surroundings.ts";
import { ModuleCache } from "./cache/cache.ts";
import { markUsed, tidyCache } from "./cache/cache_upkeep.ts";
import { GraphBuilder } from "./graph_builder.ts";
import { HttpClients } from "./fetch/http_clients.ts";
import type { LoaderReport, LoaderRequest } from "./protocol.ts";
import { LOADER_PULSE_MS } from "./protocol.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: LoaderReport): void;
  onmessage: (event: MessageEvent<LoaderRequest>) => void;
}

const scope = globalThis as unknown as WorkerScope;
let builder: Promise<GraphBuilder>;
let cacheRoot: string;
let fetchedBytes = 0;

scope.onmessage = ({ data }) => {
  if (data.kind === "start") {
    const { options } = data;
    cacheRoot = options.cacheRoot;
    builder = GraphBuilder.open(
      new ModuleCache(options.cacheRoot),
      options,
      {
        onFetch: (url) => scope.postMessage({ kind: "fetching", url, fetchedBytes }),
        onFetched: (bytes) => fetchedBytes += bytes,
        onWork: (url) => scope.postMessage({ kind: "working", url }),
      },
      new HttpClients(environmentOf(options.env)),
    );
    // The caller gets the error.
    builder.catch(() => {});
  } else {
    answer(data);
  }
};

async function answer(request: Exclude<LoaderRequest, { kind: "start" }>): Promise<void> {
  const { id } = request;
  const pulse = setInterval(() => scope.postMessage({ kind: "working", url: "" }), LOADER_PULSE_MS);
  let files: ReadonlySet<string> = new Set();
  try {
    if (request.kind === "prepare") {
      const made = await builder;
      files = made.filesAskedFor;
      const { graph, ...others } = await made.prepare(request.roots, request);
      scope.postMessage({ kind: "prepared", id, folder: graph.folder, ...others });
    } else if (request.kind === "tidy") {
      await markUsed(request.inUse);
      await tidyCache(cacheRoot);
      scope.postMessage({ kind: "tidied", id });
    } else {
      const extension = await (await builder).extend(request);
      scope.postMessage({ kind: "extended", id, extension });
    }
  } catch (error) {
    const isLoadError = error instanceof LoadError;
    scope.postMessage({
      kind: "failed",
      id,
      error: isLoadError ? "LoadError" : error instanceof ConfigError ? "ConfigError" : "Error",
      url: isLoadError ? error.url : "",
      message: isLoadError || error instanceof ConfigError
        ? error.message
        : String((error as Error)?.stack ?? error),
      files: [...files],
    });
  } finally {
    clearInterval(pulse);
  }
}
