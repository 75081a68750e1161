/**
 * The requests of this thread that wait for signals.
 *
 * @module
 */

import type { Deferred } from "../../base/captured.ts";
import { deferred, getterOf, SafeMap, SafeSet, uncurried } from "../../base/captured.ts";
import { SignalLimitError, SignalTimeoutError } from "../../base/errors.ts";
import { timerMs } from "../../base/timers.ts";
import { SIGNAL_LIMITS } from "../../signals/limits.ts";
import { WAKE_NONE, WAKE_ONE } from "../../signals/records.ts";
import type { RequestWatcher } from "../request_fate.ts";
import type { AppTask } from "../task.ts";
import { isImmutable, valueOf } from "./values.ts";

const { clearTimeout, Error, performance, setTimeout } = globalThis;
const { ceil } = Math;
const clock: (performance: Performance) => number = uncurried(performance.now);
const addListener = uncurried(EventTarget.prototype.addEventListener);
const removeListener = uncurried(EventTarget.prototype.removeEventListener);
const reasonOf = getterOf<AbortSignal, unknown>(AbortSignal.prototype, "reason");
const isAborted = getterOf<AbortSignal, boolean>(AbortSignal.prototype, "aborted");

/** For how long something is waited for, and what ends it. */
export interface WaitOptions {
  /** How long to wait, in milliseconds. Default: as long as the client stays. */
  readonly timeoutMs?: number;
  /** What ends the wait when it is aborted, with its reason. Default: the client's leaving alone. */
  readonly signal?: AbortSignal;
}

/**
 * Those that wait for the same time at the most, the one that began first before the others. They share a
 * timer, which takes more memory than all else that is needed to wait.
 */
class TimeoutLine {
  readonly timeoutMs: number;
  first: Waiter | null = null;
  last: Waiter | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /** Puts `waiter`, whose time begins now, at the end. */
  add(waiter: Waiter): void {
    // Whole numbers need no memory of their own.
    waiter.dueAt = ceil(clock(performance) + this.timeoutMs);
    waiter.previous = this.last;
    if (this.last === null) this.first = waiter;
    else this.last.next = waiter;
    this.last = waiter;
    if (this.first === waiter) this.#timer = setTimeout(this.#onTimer, timerMs(this.timeoutMs));
  }

  /** Takes `waiter` out; whether it was the last one. */
  remove(waiter: Waiter): boolean {
    const { previous, next } = waiter;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    waiter.previous = waiter.next = null;
    if (this.first !== null) return false;
    clearTimeout(this.#timer);
    return true;
  }

  readonly #onTimer = (): void => {
    const now = clock(performance);
    while (this.first !== null && !(this.first.dueAt > now)) this.first.timeOut(this.timeoutMs);
    // It may have been set for one that waits no more.
    if (this.first !== null) {
      this.#timer = setTimeout(this.#onTimer, timerMs(this.first.dueAt - now));
    }
  };
}

/** One that waits. */
class Waiter implements RequestWatcher {
  readonly name: string;
  readonly task: AppTask;
  readonly outcome: Deferred<unknown> = deferred();
  /** Whether it waits no more. */
  hasEnded = false;
  readonly #owner: Waiters;
  readonly #signal: AbortSignal | undefined;
  /** Those that it waits with for the same time; `null` if it waits for any. */
  line: TimeoutLine | null = null;
  /** When its time is over, and who is before and after it in the line. */
  dueAt = 0;
  previous: Waiter | null = null;
  next: Waiter | null = null;
  readonly #onAbort: (() => void) | null = null;

  constructor(owner: Waiters, name: string, task: AppTask, signal: AbortSignal | undefined) {
    this.#owner = owner;
    this.name = name;
    this.task = task;
    this.#signal = signal;
    if (signal !== undefined) {
      this.#onAbort = () => this.#fail(reasonOf(signal));
      addListener(signal, "abort", this.#onAbort);
    }
    task.watch(this);
  }

  onLeft(reason: unknown): void {
    this.#fail(reason);
  }

  /** Work that outlives the response may go on waiting. */
  onEnded(): void {}

  /** Ends the wait, since nobody has sent the signal for `timeoutMs`. */
  timeOut(timeoutMs: number): void {
    this.#fail(new SignalTimeoutError(this.name, timeoutMs));
  }

  /** Releases what it holds. */
  release(): void {
    if (this.#signal !== undefined) removeListener(this.#signal, "abort", this.#onAbort);
    this.task.unwatch(this);
  }

  #fail(reason: unknown): void {
    this.hasEnded = true;
    this.#owner.leave(this);
    this.outcome.reject(reason);
  }
}

/** Is told which signals are waited for. */
export interface WaitersOwner {
  /** The first one waits for a signal, or the last one no longer does. */
  onWatch(name: string, state: "watched" | "left"): void;
}

/** Those that wait in this thread. */
export class Waiters {
  readonly #owner: WaitersOwner;
  readonly #byName = new SafeMap<string, SafeSet<Waiter>>();
  /** By the time that is waited for. */
  readonly #lines = new SafeMap<number, TimeoutLine>();
  #count = 0;

  /** Makes an empty room. */
  constructor(owner: WaitersOwner) {
    this.#owner = owner;
  }

  /**
   * Waits for the signal `name`.
   *
   * @throws {SignalLimitError} if too many wait already
   */
  wait(name: string, task: AppTask, options: WaitOptions): Promise<unknown> {
    const { maxWaiters } = SIGNAL_LIMITS;
    if (this.#count >= maxWaiters) {
      throw new SignalLimitError(
        `${maxWaiters} requests of this worker wait for signals already`,
        maxWaiters,
      );
    }
    const { signal } = options;
    // A value that is no number throws, before anything holds what waits.
    const timeoutMs = options.timeoutMs === undefined ? undefined : timerMs(options.timeoutMs);
    if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    const waiter = new Waiter(this, name, task, signal);
    // Its client had left already.
    if (waiter.hasEnded) return waiter.outcome.promise;
    this.#count++;
    if (timeoutMs !== undefined) this.#limit(waiter, timeoutMs);
    const waiters = this.#byName.get(name);
    if (waiters === undefined) {
      const first = new SafeSet<Waiter>();
      first.add(waiter);
      this.#byName.set(name, first);
      this.#owner.onWatch(name, "watched");
    } else {
      waiters.add(waiter);
    }
    return waiter.outcome.promise;
  }

  /** Wakes those that wait for `name` with the value that `bytes` are, as `wake` says; returns how many. */
  wake(name: string, bytes: Uint8Array, wake: number): number {
    const waiters = this.#byName.get(name);
    if (waiters === undefined) return 0;
    const { size } = waiters;
    if (wake === WAKE_NONE) return size;
    const all: Waiter[] = [];
    waiters.forEach((each) => {
      if (wake !== WAKE_ONE || all.length === 0) all[all.length] = each;
    });
    let first: unknown;
    try {
      first = valueOf(bytes);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // No app of this gateway has sent it: nobody is woken by it.
      return 0;
    }
    const isShared = isImmutable(first);
    for (let i = 0; i < all.length; i++) {
      this.leave(all[i]);
      all[i].outcome.resolve(i === 0 || isShared ? first : valueOf(bytes));
    }
    return all.length;
  }

  #limit(waiter: Waiter, timeoutMs: number): void {
    let line = this.#lines.get(timeoutMs);
    if (line === undefined) {
      line = new TimeoutLine(timeoutMs);
      this.#lines.set(timeoutMs, line);
    }
    waiter.line = line;
    line.add(waiter);
  }

  /** Lets one go. */
  leave(waiter: Waiter): void {
    waiter.release();
    const { line } = waiter;
    waiter.line = null;
    if (line !== null && line.remove(waiter)) this.#lines.delete(line.timeoutMs);
    const waiters = this.#byName.get(waiter.name);
    if (waiters === undefined || !waiters.delete(waiter)) return;
    this.#count--;
    if (waiters.size > 0) return;
    this.#byName.delete(waiter.name);
    this.#owner.onWatch(waiter.name, "left");
  }

  /** Calls `onName` for each signal that is waited for. */
  forEachName(onName: (name: string) => void): void {
    this.#byName.forEach((_, name) => onName(name));
  }
}
