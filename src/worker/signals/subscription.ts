/**
 * A subscription to a topic: what has come, within bounds, and what is to be read of the history.
 *
 * @module
 */

import type { Deferred } from "../../base/captured.ts";
import {
  deferred,
  getterOf,
  lengthOf,
  rejected,
  resolved,
  uncurried,
} from "../../base/captured.ts";
import { compareEventIds, isEventId } from "../../signals/event_ids.ts";
import { SIGNAL_LIMITS } from "../../signals/limits.ts";
import type { TopicEntry } from "../../signals/records.ts";
import type { RequestWatcher } from "../request_fate.ts";
import type { AppTask } from "../task.ts";
import { isImmutable, valueOf } from "./values.ts";

const { TypeError } = globalThis;
const addListener = uncurried(EventTarget.prototype.addEventListener);
const removeListener = uncurried(EventTarget.prototype.removeEventListener);
const isAborted = getterOf<AbortSignal, boolean>(AbortSignal.prototype, "aborted");

/** Where a subscription begins, and what ends it. */
export interface SubscribeOptions {
  /**
   * Id after which to begin, such as the request's `Last-Event-ID`; `"0"` for all that is kept.
   * Default, and if it is `null`: with what is published from now on.
   */
  readonly after?: string | null;
  /** What ends the subscription when it is aborted. Default: the end of the request alone. */
  readonly signal?: AbortSignal;
}

/** What a subscriber gets. */
export type TopicEvent =
  /** An event. */
  | {
    readonly kind: "message";
    /** Its id: to be given as `after`, or sent as the id of a server-sent event. */
    readonly id: string;
    /** What was published. Each subscriber has a copy. */
    readonly value: unknown;
  }
  /** Events were missed here: they are no longer in the history. What follows is what there is. */
  | { readonly kind: "gap" };

/** An event that several may have. */
export class SharedEvent {
  /** Its id. */
  readonly event: string;
  /** Size of its value in bytes. */
  readonly bytes: number;
  readonly #value: Uint8Array;
  /** The value, if nobody can change it. */
  #known: unknown;
  #isKnown = false;

  /** Makes an event of what has come. */
  constructor({ event, value }: TopicEntry) {
    this.event = event;
    this.#value = value;
    this.bytes = lengthOf(value);
  }

  /** The event for one subscriber. */
  toEvent(): TopicEvent {
    if (this.#isKnown) return { kind: "message", id: this.event, value: this.#known };
    let value: unknown;
    try {
      value = valueOf(this.#value);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // Another version has sent it, or something else.
      return { kind: "gap" };
    }
    if (isImmutable(value)) {
      this.#known = value;
      this.#isKnown = true;
    }
    return { kind: "message", id: this.event, value };
  }
}

/** What a subscription asks of the client that it belongs to. */
export interface SubscriptionOwner {
  /** It wants a page of the history, after the id `after`. */
  onWanting(subscription: Subscription, after: string): void;
  /** It has ended. */
  onEnded(subscription: Subscription): void;
}

/** Stands for what is no id. */
const UNKNOWN = "?";
/** Events that were taken are forgotten once there are this many of them. */
const MAX_TAKEN = 256;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** A subscription. */
export class Subscription implements AsyncIterableIterator<TopicEvent>, RequestWatcher {
  /** The topic. */
  readonly name: string;
  readonly #owner: SubscriptionOwner;
  readonly #task: AppTask;
  readonly #signal: AbortSignal | undefined;
  /** Events that wait for the subscriber; `null` stands for a gap. */
  #queue: (SharedEvent | null)[] = [];
  #first = 0;
  #queuedBytes = 0;
  /** Id of the last event that was queued; `""` as long as that is not known. */
  #last: string;
  /** Whether what comes is queued; otherwise it is in the history, to be read when there is room. */
  #isLive = false;
  /** Whether a page is on its way; what comes meanwhile is queued after it. */
  #isReading = false;
  #meanwhile: SharedEvent[] = [];
  #meanwhileBytes = 0;
  #waiting: Deferred<IteratorResult<TopicEvent, undefined>> | null = null;
  #hasEnded = false;

  /** Makes a subscription; {@linkcode begin} begins it. */
  constructor(
    owner: SubscriptionOwner,
    name: string,
    task: AppTask,
    { after, signal }: SubscribeOptions,
  ) {
    this.#owner = owner;
    this.name = name;
    this.#task = task;
    this.#signal = signal;
    // Clients send anything as the id of an event: what is none comes before a gap.
    this.#last = after === null || after === undefined || isEventId(after) ? after ?? "" : UNKNOWN;
  }

  /** Begins, unless it is over already. */
  begin(): void {
    this.#read();
    const signal = this.#signal;
    if (signal !== undefined) {
      addListener(signal, "abort", this.#end);
      if (isAborted(signal)) this.#end();
    }
    if (!this.#hasEnded) this.#task.watch(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next event, when there is one. */
  next(): Promise<IteratorResult<TopicEvent, undefined>> {
    if (this.#waiting !== null) {
      return rejected(
        new TypeError("the next event of a subscription is being waited for already"),
      );
    }
    if (this.#first < this.#queue.length) return resolved(this.#take());
    if (this.#hasEnded) return resolved(DONE);
    const { promise } = this.#waiting = deferred();
    // What it wants may come before this returns.
    if (!this.#isLive && !this.#isReading) this.#read();
    return promise;
  }

  /** Ends the subscription. */
  return(): Promise<IteratorResult<TopicEvent, undefined>> {
    this.#queue = [];
    this.#first = 0;
    this.#end();
    return resolved(DONE);
  }

  /** Ends the subscription. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  onLeft(): void {
    this.#end();
  }

  onEnded(): void {
    this.#end();
  }

  /** Ends it once what waits has been taken: its worker is being replaced. */
  finish(): void {
    this.#end();
  }

  /** An event has come. */
  onEvent(event: SharedEvent): void {
    if (this.#isReading) {
      this.#meanwhile[this.#meanwhile.length] = event;
      this.#meanwhileBytes += event.bytes;
      if (isFull(this.#meanwhile.length, this.#meanwhileBytes)) this.#dropMeanwhile();
    } else if (this.#isLive && compareEventIds(event.event, this.#last) > 0) {
      this.#push(event);
    }
  }

  /** A page of the history has come. */
  onPage(
    entries: readonly TopicEntry[],
    end: string,
    gap: "gap" | "none",
    more: "more" | "end",
  ): void {
    this.#isReading = false;
    if (this.#hasEnded) return;
    if (gap === "gap") this.#queue[this.#queue.length] = null;
    this.#isLive = more === "end";
    this.#last = end;
    const meanwhile = this.#meanwhile;
    const hasDropped = this.#meanwhileBytes === Infinity;
    this.#meanwhile = [];
    this.#meanwhileBytes = 0;
    for (let i = 0; i < entries.length; i++) this.#queuePage(new SharedEvent(entries[i]));
    for (let i = 0; i < meanwhile.length && this.#isLive; i++) {
      if (compareEventIds(meanwhile[i].event, end) > 0) this.#push(meanwhile[i]);
    }
    if (hasDropped) this.#isLive = false;
    this.#wake();
    if (this.#waiting !== null && !this.#isLive && !this.#isReading) this.#read();
  }

  /** The page cannot be read now. When it can be again, all begin again. */
  onFailedRead(): void {
    this.#isLive = this.#isReading = false;
    this.#meanwhile = [];
    this.#meanwhileBytes = 0;
  }

  /** Nobody knows what was lost: the rest is read from the history. */
  onResync(): void {
    this.#isLive = this.#isReading = false;
    this.#meanwhile = [];
    this.#meanwhileBytes = 0;
    // Where one that has not begun was to begin, nobody knows any more.
    const hasBegun = this.#last !== "";
    if (!hasBegun) this.#queue[this.#queue.length] = null;
    this.#wake();
    // One that waits must not wait in vain.
    if (!hasBegun || this.#waiting !== null) this.#read();
  }

  #read(): void {
    this.#isReading = true;
    this.#owner.onWanting(this, this.#last);
  }

  #push(event: SharedEvent): void {
    if (isFull(this.#queue.length - this.#first, this.#queuedBytes + event.bytes)) {
      // It is in the history, too.
      this.#isLive = false;
      return;
    }
    this.#queuePage(event);
    this.#wake();
  }

  #queuePage(event: SharedEvent): void {
    this.#queue[this.#queue.length] = event;
    this.#queuedBytes += event.bytes;
    if (compareEventIds(event.event, this.#last) > 0) this.#last = event.event;
  }

  /** Too much has come while a page was on its way: it is read afterwards. */
  #dropMeanwhile(): void {
    this.#meanwhile = [];
    this.#meanwhileBytes = Infinity;
  }

  #wake(): void {
    if (this.#waiting === null || this.#first === this.#queue.length) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting.resolve(this.#take());
  }

  #take(): IteratorYieldResult<TopicEvent> {
    const event = this.#queue[this.#first++];
    if (event !== null) this.#queuedBytes -= event.bytes;
    if (this.#first === this.#queue.length || this.#first === MAX_TAKEN) {
      const rest: (SharedEvent | null)[] = [];
      for (let i = this.#first; i < this.#queue.length; i++) rest[rest.length] = this.#queue[i];
      this.#queue = rest;
      this.#first = 0;
    }
    return { done: false, value: event === null ? { kind: "gap" } : event.toEvent() };
  }

  readonly #end = (): void => {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isLive = this.#isReading = false;
    this.#meanwhile = [];
    if (this.#signal !== undefined) removeListener(this.#signal, "abort", this.#end);
    this.#task.unwatch(this);
    this.#waiting?.resolve(DONE);
    this.#waiting = null;
    this.#owner.onEnded(this);
  };
}

function isFull(messages: number, bytes: number): boolean {
  return messages >= SIGNAL_LIMITS.maxQueuedMessages || bytes > SIGNAL_LIMITS.maxQueuedBytes;
}
