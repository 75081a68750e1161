/**
 * Keeps the files and sockets of apps within a limit, so that the gateway can always accept. All
 * threads of a process share its descriptors, and nothing says which thread has opened one: what is
 * counted is all that is open and not the gateway's own. When it is too much, workers are ended one
 * by one, until it is not: at first the one that has opened most by its own count, which an app may
 * get around, but not the others. Where the counts say nothing, the worker that was at fault before
 * is ended first, and those that were started when it was already too much come last: most of them
 * replace a worker that was ended for nothing.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";

/** A worker, as far as its descriptors go. */
export interface OpeningWorker {
  /** Name for the log. */
  readonly name: string;
  /** Files and sockets that it has opened so far, as far as it counts them. */
  readonly opens: number;
  /** Ends it, which is at fault for `reason`; its requests get `status`. */
  giveUp(reason: string, status: number): void;
}

/** What a watch is made of. */
export interface DescriptorWatchOptions {
  /** Files and sockets that each worker may have open. */
  readonly maxPerWorker: number;
  /** Descriptors that the process may have; `Infinity` if that is not known. */
  readonly processLimit: number;
  /** Counts those that are open and not for clients; `null` where that cannot be known. */
  readonly count: () => number | null;
  /** Descriptors that workers which are still to start will take, until {@linkcode DescriptorWatch.settle}. */
  readonly coming?: number;
  /** All workers, those that are loading included. */
  readonly workers: () => readonly OpeningWorker[];
  /** Takes messages. */
  readonly log: Log;
}

/** Apps have this part of the process's descriptors at the most. */
const MAX_PART = 1 / 2;
/** Time between two counts while there are few, and while there are more, in milliseconds. */
const REST_MS = 5_000;
const ALERT_MS = 1_000;
/** Part of the limit above which it is checked more often. */
const ALERT_PART = 1 / 4;
/** A worker that was ended has given its descriptors back after this many looks, or never does. */
const LOOKS_PER_WORKER = 10;
const LOOK_MS = 100;
const SERVICE_UNAVAILABLE = 503;

/** Watches the descriptors of one gateway's apps. */
export class DescriptorWatch implements Disposable {
  readonly #options: DescriptorWatchOptions;
  readonly #lastOpens = new WeakMap<OpeningWorker, number>();
  /** Workers that were ended since it was too much. */
  readonly #ended = new Set<OpeningWorker>();
  /** Those that were there when it became too much. */
  #present: ReadonlySet<OpeningWorker> = new Set();
  /** Name of the worker whose end helped the last time. */
  #culprit = "";
  #lastEnded = "";
  /** Descriptors besides those of apps. */
  #others: number;
  #looksLeft = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: DescriptorWatchOptions, others: number) {
    this.#options = options;
    this.#others = others;
    this.#lookIn(ALERT_MS);
  }

  /** Begins to watch, while apps are at rest; `null` where descriptors cannot be counted. */
  static start(options: DescriptorWatchOptions): DescriptorWatch | null {
    const others = options.count();
    return others === null ? null : new DescriptorWatch(options, others + (options.coming ?? 0));
  }

  /** Notes that all workers have started: none of their allowance is left to the apps. */
  settle(): void {
    const count = this.#options.count();
    if (count !== null) this.#others = Math.min(this.#others, count);
  }

  /** Files and sockets that all apps together may have open. */
  get limit(): number {
    const { maxPerWorker, processLimit, workers } = this.#options;
    const wanted = maxPerWorker * Math.max(1, workers().length);
    return Math.min(wanted, Math.floor(processLimit * MAX_PART));
  }

  /** Checks immediately: no descriptors are left, or hardly any. */
  onShortage(): void {
    if (this.#looksLeft === 0) this.look();
  }

  /** Counts, and ends a worker if it is too much. */
  look(): void {
    if (this.#closed) return;
    const count = this.#options.count();
    if (count === null) return;
    const taken = count - this.#others;
    const { limit } = this;
    if (taken > limit) {
      this.#reduce(taken, limit);
      return;
    }
    if (this.#ended.size > 0) this.#culprit = this.#lastEnded;
    this.#ended.clear();
    this.#looksLeft = 0;
    for (const worker of this.#options.workers()) this.#lastOpens.set(worker, worker.opens);
    this.#lookIn(taken > limit * ALERT_PART ? ALERT_MS : REST_MS);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #reduce(taken: number, limit: number): void {
    if (this.#looksLeft > 0) {
      this.#looksLeft--;
    } else {
      if (this.#ended.size === 0) this.#present = new Set(this.#options.workers());
      const suspect = this.#suspect();
      if (suspect === null) {
        this.#ended.clear();
        this.#others += taken;
        this.#options.log(
          "error",
          `${taken} files and sockets of apps stay open: threads of ended workers have not ` +
            "stopped, and only a restart of the process closes them",
        );
        this.#lookIn(REST_MS);
        return;
      }
      this.#ended.add(suspect);
      this.#lastEnded = suspect.name;
      this.#looksLeft = LOOKS_PER_WORKER;
      suspect.giveUp(
        `apps have ${taken} files and sockets open; the limit is ${limit} ` +
          "(--max-worker-descriptors)",
        SERVICE_UNAVAILABLE,
      );
    }
    this.#lookIn(LOOK_MS);
  }

  /** The worker that has opened most of late, and was not ended yet; `null` if there is none. */
  #suspect(): OpeningWorker | null {
    let suspect: OpeningWorker | null = null;
    let most = -Infinity;
    for (const worker of this.#options.workers()) {
      if (this.#ended.has(worker)) continue;
      const opened = this.#openedOfLate(worker);
      const isMore = opened > most || (opened === most && worker.name === this.#culprit);
      if (!isMore) continue;
      suspect = worker;
      most = opened;
    }
    return suspect;
  }

  /** What `worker` has opened by its own count; -1 if it cannot be at fault unless it does not count. */
  #openedOfLate(worker: OpeningWorker): number {
    const opened = worker.opens - (this.#lastOpens.get(worker) ?? 0);
    return this.#present.has(worker) || opened > this.#options.maxPerWorker ? opened : -1;
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), timerMs(ms));
    Deno.unrefTimer(this.#timer as unknown as number);
  }
}
