/**
 * Finds out whether the workers of a pool are alive: asks those that have, or had, requests now and
 * then, and tells of those that say nothing for too long. A pool without requests is not asked.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

/** A worker, as far as its life goes. */
export interface BeatingWorker {
  /** Requests that it has not answered. */
  readonly inFlight: number;
  /** Requests that it was given. */
  readonly requestCount: number;
  /** Whether it was asked for a sign of life, and has not given it. */
  readonly isAsked: boolean;
  /** A number that changes when it reads what it is sent. */
  readonly progress: number;
  /** Whether it would only let requests wait: others are to have them. */
  isSluggish: boolean;
  /** Asks for a sign of life. */
  ask(): void;
  /** Looks at what has come from it. */
  catchUp(): void;
}

/** Whose workers they are. */
export interface HeartbeatOwner<W extends BeatingWorker> {
  /** All workers that should be alive. */
  workers(): readonly W[];
  /** A worker has given no sign of life for longer than it may. */
  onHang(worker: W): void;
  /**
   * Is called at each beat. Returns the time until which the next one has to come, in milliseconds, though
   * nothing is going on; `Infinity` if it has not.
   */
  onBeat(): number;
}

/** What a heartbeat is made of. */
export interface HeartbeatOptions {
  /** How long a worker may be silent, in milliseconds; 0 disables. */
  readonly hangTimeoutMs: number;
  /** How often workers are asked though they have no requests, in milliseconds; `Infinity` for never. */
  readonly roundMs: number;
}

/** Time between two beats while there are requests, in milliseconds. */
const MAX_BEAT_MS = 1_000;
const MIN_BEAT_MS = 20;
/** When a worker was last seen to be alive, and where it was then. */
interface LastSign {
  at: number;
  progress: number;
  /** Requests that it had been given when it was asked. */
  readonly requestCount: number;
}

/** The heartbeat of the workers of one pool. */
export class Heartbeat<W extends BeatingWorker> {
  /** Whether workers are being asked; else call {@linkcode start} when there is a request. */
  isBeating = false;

  readonly #owner: HeartbeatOwner<W>;
  readonly #options: HeartbeatOptions;
  readonly #beatMs: number;
  readonly #signs = new WeakMap<W, LastSign>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastBeat = 0;
  /** When all workers were last asked. */
  #lastRound = performance.now();
  /** Time for which workers were waited for: not that for which the gateway itself stood still. */
  #clock = 0;

  /** Makes a heartbeat that has not begun. */
  constructor(owner: HeartbeatOwner<W>, options: HeartbeatOptions) {
    this.#owner = owner;
    this.#options = options;
    const { hangTimeoutMs } = options;
    const wanted = hangTimeoutMs === 0 ? MAX_BEAT_MS : hangTimeoutMs / 4;
    this.#beatMs = Math.max(MIN_BEAT_MS, Math.min(MAX_BEAT_MS, wanted));
  }

  /** Begins to ask the workers: one of them was given a request. */
  start(): void {
    this.isBeating = true;
    this.#lastBeat = performance.now();
    this.#set(this.#beatMs);
  }

  /** Is told that the answer of {@linkcode HeartbeatOwner.onBeat} may be another one now. */
  refresh(): void {
    if (!this.isBeating) this.#rest();
  }

  /** Ends the heartbeat. */
  stop(): void {
    clearTimeout(this.#timer);
    this.isBeating = false;
  }

  readonly #beat = (): void => {
    const now = performance.now();
    this.#clock += Math.min(now - this.#lastBeat, 2 * this.#beatMs);
    this.#lastBeat = now;
    const isRound = now - this.#lastRound >= this.#options.roundMs;
    if (isRound) this.#lastRound = now;
    let isAwaiting = false;
    for (const worker of this.#owner.workers()) {
      this.#look(worker, isRound);
      isAwaiting ||= worker.isAsked || worker.inFlight > 0;
    }
    if (isAwaiting) {
      this.isBeating = true;
      this.#set(this.#beatMs);
      this.#owner.onBeat();
    } else {
      this.isBeating = false;
      this.#rest();
    }
  };

  #look(worker: W, isRound: boolean): void {
    // The answer may be there: this thread may have had no time to look.
    if (worker.isAsked) worker.catchUp();
    const { hangTimeoutMs } = this.#options;
    const sign = this.#signs.get(worker);
    if (!worker.isAsked || sign === undefined) {
      worker.isSluggish = false;
      const { inFlight, requestCount, progress } = worker;
      const hasHadRequests = requestCount !== (sign?.requestCount ?? 0);
      if (inFlight === 0 && !hasHadRequests && !isRound) return;
      this.#signs.set(worker, { at: this.#clock, progress, requestCount });
      worker.ask();
    } else if (worker.progress !== sign.progress) {
      sign.at = this.#clock;
      sign.progress = worker.progress;
    } else if (hangTimeoutMs > 0 && this.#clock - sign.at > hangTimeoutMs) {
      this.#owner.onHang(worker);
    } else {
      worker.isSluggish = true;
    }
  }

  /** Waits until there is something to do, although there are no requests. */
  #rest(): void {
    const untilRoundMs = this.#lastRound + this.#options.roundMs - performance.now();
    const restMs = Math.min(this.#owner.onBeat(), untilRoundMs);
    clearTimeout(this.#timer);
    if (restMs !== Infinity) this.#set(Math.max(restMs, this.#beatMs));
  }

  #set(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#beat, timerMs(delayMs));
  }
}
