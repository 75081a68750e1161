/**
 * What becomes of a request: whether its client stays, and whether its response is sent, as its
 * app learns it.
 *
 * @module
 */

import type { Deferred } from "../base/captured.ts";
import { deferred, getterOf, ignoreRejection, SafeSet } from "../base/captured.ts";
import type { AbortReason } from "../message/exchange.ts";

const { AbortController, DOMException } = globalThis;
const { Interrupted } = Deno.errors;
const signalOf = getterOf<AbortController, AbortSignal>(AbortController.prototype, "signal");
const reasonOf = getterOf<AbortSignal, unknown>(AbortSignal.prototype, "reason");

/** What ends with a request. */
export interface RequestWatcher {
  /** The request was cut short, or its client has left: `reason` is that of the request's signal. */
  onLeft(reason: unknown): void;
  /** The response is complete. */
  onEnded(): void;
}

/** The fate of one request. It is made when somebody asks after it, or it is cut short. */
export class RequestFate {
  #reason: AbortReason | null = null;
  #controller: AbortController | null = null;
  #completed: Deferred<void> | null = null;
  /** What ends with the request; `null` if nothing does. */
  #watcher: RequestWatcher | null = null;
  /** What else does: few requests have several, and a set takes more than all the rest. */
  #others: SafeSet<RequestWatcher> | null = null;
  #onAborted: ((reason: AbortReason) => void) | null = null;

  /** Why the request was cut short, or its client sends no more; `null` if neither is so. */
  get reason(): AbortReason | null {
    return this.#reason;
  }

  /** Whether the response will not be sent: a client that sends no more may still get it. */
  get isCutShort(): boolean {
    return this.#reason !== null && this.#reason !== "client-half-closed";
  }

  /** Fires when the client has gone away, or the request has timed out. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(abortError(this.#reason));
    }
    return this.#controller.signal;
  }

  /** Whether somebody has asked for {@linkcode completed}. */
  get isAwaited(): boolean {
    return this.#completed !== null;
  }

  /** Settles when the response was sent, or was not. */
  get completed(): Promise<void> {
    if (this.#completed === null) {
      this.#completed = deferred();
      ignoreRejection(this.#completed.promise);
      if (this.isCutShort) this.#onUnsent(this.#reason!);
    }
    return this.#completed.promise;
  }

  /** Has `watcher` told, once, of the end; at once if the request was cut short. */
  watch(watcher: RequestWatcher): void {
    if (this.#reason !== null) {
      watcher.onLeft(this.#leaveReason(this.#reason));
      return;
    }
    if (this.#watcher === null || this.#watcher === watcher) {
      this.#watcher = watcher;
      return;
    }
    this.#others ??= new SafeSet();
    this.#others.add(watcher);
  }

  /** Does not have `watcher` told any more. */
  unwatch(watcher: RequestWatcher): void {
    if (this.#watcher === watcher) this.#watcher = null;
    else this.#others?.delete(watcher);
  }

  /** Has `onAborted` called if the request is cut short, or the client will send no more. */
  whenAborted(onAborted: (reason: AbortReason) => void): void {
    this.#onAborted = onAborted;
    if (this.#reason !== null) onAborted(this.#reason);
  }

  /** Whether `error` is what {@linkcode signal} was fired with. */
  wasAbortedWith(error: unknown): boolean {
    if (this.#controller === null || this.#reason === null) return false;
    return error === reasonOf(signalOf(this.#controller));
  }

  /** The app cannot answer: the response will not be sent, for no fault of the client's. */
  onFailed(): void {
    const reason = this.isCutShort ? this.#reason! : "invalid-response";
    this.#reason = reason;
    this.#onUnsent(reason);
    this.#tellOfLeaving(reason);
  }

  /** The client leaves, or will send no more. */
  onLeaving(reason: AbortReason): void {
    if (this.#reason === null) {
      this.#reason = reason;
      this.#controller?.abort(abortError(reason));
      this.#tellOfLeaving(reason);
    }
    // A client that has half closed may go altogether: that counts then.
    if (reason !== "client-half-closed") this.#reason = reason;
  }

  /** The client has left: with all that was for it, or not. */
  onLeft(reason: AbortReason, outcome: "complete" | "cut short"): void {
    if (outcome === "complete") this.onSent();
    else this.#onUnsent(reason);
  }

  /** Tells who waits for it that the client sends no more, or has left. */
  tellOfAbort(reason: AbortReason): void {
    this.#onAborted?.(reason);
  }

  /** The response was sent. */
  onSent(): void {
    this.#completed?.resolve();
  }

  /** The request is over, with or without its response. */
  onEnded(): void {
    const watcher = this.#watcher;
    const others = this.#others;
    this.#watcher = this.#others = null;
    watcher?.onEnded();
    others?.forEach(tellOfEnd);
  }

  #onUnsent(reason: AbortReason): void {
    this.#completed?.reject(new Interrupted(`the response was not sent in full (${reason})`));
  }

  #tellOfLeaving(reason: AbortReason): void {
    const watcher = this.#watcher;
    const others = this.#others;
    if (watcher === null && others === null) return;
    this.#watcher = this.#others = null;
    const error = this.#leaveReason(reason);
    watcher?.onLeft(error);
    others?.forEach((each) => each.onLeft(error));
  }

  /** What the request's signal is fired with: it is made, so that {@linkcode wasAbortedWith} knows this again. */
  #leaveReason(reason: AbortReason): unknown {
    return reasonOf(this.signal) ?? abortError(reason);
  }
}

function tellOfEnd(watcher: RequestWatcher): void {
  watcher.onEnded();
}

/** What the signal of a request is fired with that ends for `reason`. */
export function abortError(reason: AbortReason): DOMException {
  return reason === "timeout"
    ? new DOMException("the request timed out", "TimeoutError")
    : new DOMException(`the request was aborted (${reason})`, "AbortError");
}
