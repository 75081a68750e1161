/**
 * A thread of the loader as the gateway's thread knows it: asked, waited for, and given up if it works at
 * one thing without end.
 *
 * @module
 */

import { ConfigError, LoadError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { FetchProgress } from "./fetch/fetch_progress.ts";
import type {
  LoaderOptions,
  LoaderReport,
  LoaderRequest,
  LoaderWorker,
  Question,
} from "./protocol.ts";
import { LOADER_PULSE_MS } from "./protocol.ts";

/** What runs in the thread. */
const SERVICE = new URL("./thread_service.ts", import.meta.url);

/** How long the thread waits for more to do, in milliseconds. */
const IDLE_THREAD_MS = 10_000;
/** How long it may work at one module, in milliseconds. */
const STALL_MS = 60_000;

/** A request that the thread works on. */
interface Pending {
  resolve(report: LoaderReport): void;
  reject(error: Error): void;
}

/**
 * A thread that starts when it is asked something, and ends when it has had nothing to do for a
 * while. A thread that works without end is abandoned, as some versions of Deno cannot stop a busy
 * thread; the next caller gets a new one, or with `"once"`, an error.
 */
export class LoaderThread implements LoaderWorker {
  /** Local files that were asked for by the last request that failed. */
  failedFiles: readonly string[] = [];
  readonly #options: LoaderOptions;
  readonly #log: Log;
  readonly #progress: FetchProgress;
  readonly #afterStall: "again" | "once";
  readonly #stallMs: number;
  readonly #service: URL;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #thread: Worker | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** When the gateway's own thread looked last, and for how long it has seen no sign of this one. */
  #lookedMs = 0;
  #silentMs = 0;
  /** Whether the thread has begun: until then, nothing that it was asked is to blame. */
  #isThere = false;
  /** URL of the module that it works at. */
  #at = "";
  #refusal: LoadError | null = null;

  /** Makes a thread that is not started yet. */
  constructor(
    options: LoaderOptions,
    log: Log,
    afterStall: "again" | "once" = "again",
    stallMs: number = STALL_MS,
    service: URL = SERVICE,
  ) {
    this.#service = service;
    this.#options = options;
    this.#log = log;
    this.#progress = new FetchProgress(log);
    this.#afterStall = afterStall;
    this.#stallMs = stallMs;
  }

  /**
   * Asks it something.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  ask(question: Question): Promise<LoaderReport> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal);
    const id = this.#nextId++;
    const answer = Promise.withResolvers<LoaderReport>();
    this.#pending.set(id, answer);
    clearTimeout(this.#idleTimer);
    this.#thread ??= this.#start();
    this.#thread.postMessage({ ...question, id } as LoaderRequest);
    if (this.#watch === undefined) {
      this.#onSign("");
      this.#watch = setInterval(() => this.#look(), LOADER_PULSE_MS);
    }
    return answer.promise;
  }

  /** Ends it; what it was asked fails with `error`. */
  end(error: LoadError): void {
    this.#progress.end();
    clearTimeout(this.#idleTimer);
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#thread?.terminate();
    this.#thread = null;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #start(): Worker {
    this.#isThere = false;
    const thread = new Worker(this.#service, {
      type: "module",
      name: "loader",
    });
    thread.onmessage = ({ data }: MessageEvent<LoaderReport>) => {
      if (thread === this.#thread) this.#onReport(data);
    };
    thread.onerror = (event) => {
      event.preventDefault();
      if (thread !== this.#thread) return;
      this.end(new LoadError("", `the loader failed: ${event.message}`));
    };
    thread.postMessage({ kind: "start", options: this.#options } satisfies LoaderRequest);
    return thread;
  }

  #onReport(report: LoaderReport): void {
    this.#isThere = true;
    this.#onSign(report.kind === "working" ? report.url : this.#at);
    if (report.kind === "working") return;
    if (report.kind === "fetching") {
      this.#progress.onFetch(report.url, report.fetchedBytes);
      return;
    }
    const pending = this.#pending.get(report.id);
    this.#pending.delete(report.id);
    if (report.kind === "failed") {
      this.failedFiles = report.files;
      pending?.reject(errorOf(report));
    } else pending?.resolve(report);
    if (this.#pending.size > 0) return;
    this.#progress.end();
    clearInterval(this.#watch);
    this.#watch = undefined;
    // It holds TypeScript, which is large.
    this.#idleTimer = setTimeout(() => {
      this.#thread?.terminate();
      this.#thread = null;
    }, IDLE_THREAD_MS);
    Deno.unrefTimer(this.#idleTimer as unknown as number);
  }

  #onSign(at: string): void {
    this.#at = at;
    this.#silentMs = 0;
    this.#lookedMs = performance.now();
  }

  #look(): void {
    const nowMs = performance.now();
    if (!this.#isThere) return;
    // Time in which the gateway itself stood still does not count.
    this.#silentMs += Math.min(nowMs - this.#lookedMs, 2 * LOADER_PULSE_MS);
    this.#lookedMs = nowMs;
    if (this.#silentMs < this.#stallMs) return;
    const shown = this.#at.length > 200 ? `${this.#at.slice(0, 100)}…` : this.#at;
    const error = new LoadError(
      this.#at,
      `cannot load ${shown || "a module"}: reading it took longer than ${this.#stallMs / 1_000} s`,
    );
    this.#log("error", error.message);
    if (this.#afterStall === "once") this.#refusal = error;
    this.end(error);
  }
}

function errorOf(report: LoaderReport & { kind: "failed" }): Error {
  if (report.error === "ConfigError") return new ConfigError(report.message);
  if (report.error === "LoadError") return new LoadError(report.url, report.message);
  return new LoadError("", `the loader failed: ${report.message}`);
}
