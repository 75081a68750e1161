/**
 * The loader's work done in the caller's own thread: a command that only loads has nothing else to do
 * meanwhile, and a thread takes its time to start.
 *
 * @module
 */

import { ConfigError, LoadError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { FetchProgress } from "./fetch/fetch_progress.ts";
import type { LoaderOptions, LoaderReport, LoaderWorker, Question } from "./protocol.ts";
import { LoaderService } from "./service.ts";

/** Works in the caller's thread. */
export class WorkerHere implements LoaderWorker {
  /** Local files that were asked for by the last request that failed. */
  failedFiles: readonly string[] = [];
  readonly #service: LoaderService;
  readonly #progress: FetchProgress;
  #fetchedBytes = 0;

  /** Loads as `options` say, and tells of it in `log`. */
  constructor(options: LoaderOptions, log: Log) {
    const progress = new FetchProgress(log);
    this.#progress = progress;
    this.#service = new LoaderService(options, {
      onFetch: (url) => progress.onFetch(url, this.#fetchedBytes),
      onFetched: (bytes) => this.#fetchedBytes += bytes,
    });
  }

  /**
   * Does what it is asked.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  async ask(question: Question): Promise<LoaderReport> {
    try {
      return await this.#service.answer({ ...question, id: 0 });
    } catch (error) {
      this.failedFiles = this.#service.filesAskedFor;
      if (error instanceof LoadError || error instanceof ConfigError) throw error;
      const reason = error instanceof Error ? error.stack ?? error.message : String(error);
      throw new LoadError("", `the loader failed: ${reason}`, { cause: error });
    } finally {
      this.#progress.end();
    }
  }

  /** Says nothing more of what is under way: it ends with the process. */
  end(): void {
    this.#progress.end();
  }
}
