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

const { clearTimeout, Error, setTimeout } = globalThis;
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

/** One that waits. */
class Waiter implements RequestWatcher {
  readonly name: string;
  readonly task: AppTask;
  readonly outcome: Deferred<unknown> = deferred();
  /** Whether it waits no more. */
  hasEnded = false;
  readonly #owner: Waiters;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onAbort: (() => void) | null = null;

  constructor(owner: Waiters, name: string, task: AppTask, { timeoutMs, signal }: WaitOptions) {
    this.#owner = owner;
    this.name = name;
    this.task = task;
    this.#signal = signal;
    if (timeoutMs !== undefined) {
      const onTimeout = () => this.#fail(new SignalTimeoutError(name, timeoutMs));
      this.#timer = setTimeout(onTimeout, timerMs(timeoutMs));
    }
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

  /** Releases what it holds. */
  release(): void {
    clearTimeout(this.#timer);
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
    if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    const waiter = new Waiter(this, name, task, options);
    // Its client had left already.
    if (waiter.hasEnded) return waiter.outcome.promise;
    this.#count++;
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

  /** Lets one go. */
  leave(waiter: Waiter): void {
    waiter.release();
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
