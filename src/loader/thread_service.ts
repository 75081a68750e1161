/**
 * The loader's own thread: it fetches, transforms and writes, so that the gateway's thread need not.
 *
 * @module
 */

import { ConfigError, LoadError } from "../base/errors.ts";
import type { LoaderQuestion, LoaderReport, LoaderRequest } from "./protocol.ts";
import { LOADER_PULSE_MS } from "./protocol.ts";
import { LoaderService } from "./service.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: LoaderReport): void;
  onmessage: (event: MessageEvent<LoaderRequest>) => void;
}

const scope = globalThis as unknown as WorkerScope;
let service: LoaderService;
let fetchedBytes = 0;

scope.onmessage = ({ data }) => {
  if (data.kind === "start") {
    service = new LoaderService(data.options, {
      onFetch: (url) => scope.postMessage({ kind: "fetching", url, fetchedBytes }),
      onFetched: (bytes) => fetchedBytes += bytes,
      onWork: (url) => scope.postMessage({ kind: "working", url }),
    });
  } else {
    answer(data);
  }
};

async function answer(question: LoaderQuestion): Promise<void> {
  const { id } = question;
  const pulse = setInterval(() => scope.postMessage({ kind: "working", url: "" }), LOADER_PULSE_MS);
  try {
    scope.postMessage(await service.answer(question));
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
      files: [...service.filesAskedFor],
    });
  } finally {
    clearInterval(pulse);
  }
}
