/**
 * This thread's part in signals and topics: who waits here, what was asked of the hub, and what the hub
 * says.
 *
 * @module
 */

import type { Deferred } from "../../base/captured.ts";
import { copyOf, deferred, lengthOf, SafeMap, SafeSet, uncurried } from "../../base/captured.ts";
import { SignalDeliveryError, SignalLimitError } from "../../base/errors.ts";
import { SIGNAL_LIMITS } from "../../signals/limits.ts";
import {
  DELIVER,
  EVENT,
  FAILED,
  FINISH,
  FOLLOW,
  HAS_GAP,
  HAS_MORE,
  PAGE,
  pageEntries,
  PUBLISH,
  PUBLISHED,
  READ,
  readSignalRecord,
  RESET,
  RESYNC,
  SEND,
  SENT,
  signalRecord,
  UNFOLLOW,
  UNWATCH,
  WATCH,
  WOKEN,
} from "../../signals/records.ts";
import type { RecordParts, SignalRecord } from "../../signals/records.ts";
import type { AppTask } from "../task.ts";
import type { SubscribeOptions, SubscriptionOwner } from "./subscription.ts";
import { SharedEvent, Subscription } from "./subscription.ts";
import type { WaitersOwner } from "./waiters.ts";
import { Waiters } from "./waiters.ts";

/** Pages of histories that are asked for at a time. */
const MAX_READS = 16;
const MAX_ID = 0xffff_ffff;

const { TextDecoder } = globalThis;
const decoder = new TextDecoder();
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/** Signals and topics in one thread. */
export class SignalClient implements WaitersOwner, SubscriptionOwner {
  /** Those that wait for signals. */
  readonly waiters: Waiters = new Waiters(this);

  readonly #write: (record: Uint8Array) => void;
  /** What was asked, by the number of the call. */
  readonly #calls = new SafeMap<number, Deferred<SignalRecord>>();
  readonly #topics = new SafeMap<string, SafeSet<Subscription>>();
  /** Pages that were asked for, and for whom. */
  readonly #reads = new SafeMap<number, Subscription>();
  /** Those that want one, with the id after which it begins. */
  readonly #wanting = new SafeMap<Subscription, string>();
  #subscriptions = 0;
  #lastId = 0;
  /** Whether new subscriptions end at once. */
  #isFinishing = false;

  /** Makes the client of a hub that `write` leads to. */
  constructor(write: (record: Uint8Array) => void) {
    this.#write = write;
  }

  /** Asks the hub to do `kind`, which is SEND or PUBLISH; resolves to its answer. */
  async call(kind: typeof SEND | typeof PUBLISH, parts: RecordParts): Promise<SignalRecord> {
    const { maxPendingCalls } = SIGNAL_LIMITS;
    if (this.#calls.size >= maxPendingCalls) {
      throw new SignalLimitError(
        `${maxPendingCalls} calls of this worker have no answer yet: await some of them`,
        maxPendingCalls,
      );
    }
    const id = this.#takeId();
    const answer = deferred<SignalRecord>();
    this.#calls.set(id, answer);
    this.#say(kind, { ...parts, id });
    const record = await answer.promise;
    if ((record.flags & FAILED) !== 0) {
      throw new SignalDeliveryError(decode(decoder, record.payload));
    }
    return record;
  }

  /**
   * Subscribes to the topic `name`.
   *
   * @throws {SignalLimitError} if there are too many subscriptions already
   */
  subscribe(name: string, task: AppTask, options: SubscribeOptions): Subscription {
    const { maxSubscriptions } = SIGNAL_LIMITS;
    if (this.#subscriptions >= maxSubscriptions) {
      throw new SignalLimitError(
        `this worker has ${maxSubscriptions} subscriptions already`,
        maxSubscriptions,
      );
    }
    const subscription = new Subscription(this, name, task, options);
    this.#subscriptions++;
    const others = this.#topics.get(name);
    if (others === undefined) {
      const first = new SafeSet<Subscription>();
      first.add(subscription);
      this.#topics.set(name, first);
      this.#say(FOLLOW, { name });
    } else {
      others.add(subscription);
    }
    subscription.begin();
    if (this.#isFinishing) subscription.finish();
    return subscription;
  }

  /** Ends all subscriptions: this thread is being replaced. Their clients come back to another. */
  finishSubscriptions(): void {
    this.#isFinishing = true;
    this.#forEachSubscription((each) => each.finish());
  }

  /** Takes a record of the hub's, which is borrowed. */
  take(bytes: Uint8Array): void {
    const record = readSignalRecord(copyOf(bytes, 0, lengthOf(bytes)));
    if (record === null) return;
    const { kind, id, name, event, flags, payload } = record;
    switch (kind) {
      case DELIVER:
        this.#say(WOKEN, { id, number: this.waiters.wake(name, payload, flags) });
        break;
      case SENT:
      case PUBLISHED: {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        call?.resolve(record);
        break;
      }
      case EVENT: {
        const shared = new SharedEvent({ event, value: payload });
        this.#topics.get(name)?.forEach((each) => each.onEvent(shared));
        break;
      }
      case PAGE:
        this.#onPage(record);
        break;
      case RESYNC:
        this.#beginAgain();
        break;
      case FINISH:
        this.finishSubscriptions();
    }
  }

  onWatch(name: string, state: "watched" | "left"): void {
    this.#say(state === "watched" ? WATCH : UNWATCH, { name });
  }

  onWanting(subscription: Subscription, after: string): void {
    this.#wanting.set(subscription, after);
    this.#readNext();
  }

  onEnded(subscription: Subscription): void {
    this.#wanting.delete(subscription);
    const { name } = subscription;
    const others = this.#topics.get(name);
    if (others === undefined || !others.delete(subscription)) return;
    this.#subscriptions--;
    if (others.size > 0) return;
    this.#topics.delete(name);
    this.#say(UNFOLLOW, { name });
  }

  #onPage({ id, event, flags, payload }: SignalRecord): void {
    const subscription = this.#reads.get(id);
    if (subscription === undefined) return;
    this.#reads.delete(id);
    if ((flags & FAILED) !== 0 && event === "") {
      // The history could not be read: that is known when it can be again.
      subscription.onFailedRead();
    } else {
      subscription.onPage(
        pageEntries(payload),
        event,
        (flags & HAS_GAP) !== 0 ? "gap" : "none",
        (flags & HAS_MORE) !== 0 ? "more" : "end",
      );
    }
    this.#readNext();
  }

  #readNext(): void {
    while (this.#reads.size < MAX_READS && this.#wanting.size > 0) {
      let next: Subscription | null = null;
      let event = "";
      this.#wanting.forEach((after, subscription) => {
        if (next !== null) return;
        next = subscription;
        event = after;
      });
      const subscription = next as Subscription | null;
      if (subscription === null) return;
      this.#wanting.delete(subscription);
      const id = this.#takeId();
      this.#reads.set(id, subscription);
      this.#say(READ, { id, name: subscription.name, event });
    }
  }

  /** What was said lately, either way, may have been lost. */
  #beginAgain(): void {
    this.#say(RESET, {});
    this.waiters.forEachName((name) => this.#say(WATCH, { name }));
    this.#topics.forEach((_, name) => this.#say(FOLLOW, { name }));
    this.#reads.clear();
    this.#wanting.clear();
    const lost: Deferred<SignalRecord>[] = [];
    this.#calls.forEach((each) => lost[lost.length] = each);
    this.#calls.clear();
    for (let i = 0; i < lost.length; i++) {
      lost[i].reject(new SignalDeliveryError("the answer was lost: it may have arrived, or not"));
    }
    this.#forEachSubscription((each) => each.onResync());
  }

  #forEachSubscription(onEach: (subscription: Subscription) => void): void {
    const all: Subscription[] = [];
    this.#topics.forEach((each) => each.forEach((one) => all[all.length] = one));
    for (let i = 0; i < all.length; i++) onEach(all[i]);
  }

  #takeId(): number {
    do {
      this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    } while (this.#calls.has(this.#lastId) || this.#reads.has(this.#lastId));
    return this.#lastId;
  }

  #say(kind: number, parts: RecordParts): void {
    this.#write(signalRecord(kind, parts));
  }
}
