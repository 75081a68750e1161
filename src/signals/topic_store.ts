/**
 * Where topics have their history: it gives events their ids, and keeps the last of them.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import { BEFORE_ALL, compareEventIds, isEventId } from "./event_ids.ts";
import type { SignalLimits } from "./limits.ts";
import { SIGNAL_LIMITS } from "./limits.ts";
import type { TopicEntry } from "./records.ts";

/** Part of a history. */
export interface TopicPage {
  /** The events, the oldest first. */
  readonly entries: readonly TopicEntry[];
  /** The id after which the next page begins. */
  readonly end: string;
  /** Whether there were events before them, after the one that was named, that are no longer kept. */
  readonly hasGap: boolean;
  /** Whether there are more. */
  readonly hasMore: boolean;
}

/** The histories of topics. */
export interface TopicStore {
  /** Adds an event; resolves to its id once it is kept. */
  publish(name: string, value: Uint8Array): string | Promise<string>;
  /**
   * The events after the id `after`; none if it is `""`, which stands for now. A page is never
   * older than what was handed to followers when it was asked for.
   */
  read(name: string, after: string): TopicPage | Promise<TopicPage>;
}

/** The history of one topic. */
class History {
  readonly entries = new Queue<TopicEntry>();
  bytes = 0;
  /** Id of the last event that is not kept any more. */
  droppedUpTo: string;

  constructor(droppedUpTo: string) {
    this.droppedUpTo = droppedUpTo;
  }

  /** Drops the oldest event; how many bytes that frees. */
  drop(): number {
    const { event, value } = this.entries.shift()!;
    this.droppedUpTo = event;
    this.bytes -= value.length;
    return value.length;
  }
}

/** Histories in memory, within bounds. */
export class MemoryTopicStore implements TopicStore {
  readonly #limits: SignalLimits;
  /** By topic; that which was published to least recently comes first. */
  readonly #histories = new Map<string, History>();
  /** Tells this store's ids from those of one before it. */
  readonly #epoch: number;
  #count = 0;
  #bytes = 0;
  /** Events that are kept. */
  #kept = 0;
  /** Id of the last event of a topic that was forgotten. */
  #forgottenUpTo: string;

  /** Makes a store whose ids begin with `epoch`, which grows from one store to the next. */
  constructor(epoch: number = Date.now(), limits: SignalLimits = SIGNAL_LIMITS) {
    this.#epoch = epoch;
    this.#limits = limits;
    this.#forgottenUpTo = `${epoch}-0`;
  }

  publish(name: string, value: Uint8Array): string {
    const limits = this.#limits;
    const history = this.#histories.get(name) ?? new History(this.#forgottenUpTo);
    // The last one comes last.
    this.#histories.delete(name);
    this.#histories.set(name, history);
    const event = `${this.#epoch}-${++this.#count}`;
    // A copy: it may be part of something larger.
    history.entries.push({ event, value: value.slice() });
    this.#kept++;
    history.bytes += value.length;
    this.#bytes += value.length;
    const isFull = () =>
      history.entries.length > limits.historyMessages || history.bytes > limits.historyBytes;
    while (isFull()) {
      this.#bytes -= history.drop();
      this.#kept--;
    }
    const areFull = () =>
      this.#histories.size > limits.maxTopics || this.#bytes > limits.allHistoryBytes ||
      this.#kept > limits.allHistoryMessages;
    while (areFull()) this.#forgetOldest();
    return event;
  }

  read(name: string, after: string): TopicPage {
    const now = `${this.#epoch}-${this.#count}`;
    if (after === "") return { entries: [], end: now, hasGap: false, hasMore: false };
    const history = this.#histories.get(name);
    const isKnown = isEventId(after) && compareEventIds(after, now) <= 0;
    const start = isKnown ? after : BEFORE_ALL;
    const droppedUpTo = history?.droppedUpTo ?? this.#forgottenUpTo;
    const hasGap = after !== BEFORE_ALL && (!isKnown || compareEventIds(start, droppedUpTo) < 0);
    const entries: TopicEntry[] = [];
    let bytes = 0;
    let hasMore = false;
    for (const entry of history?.entries ?? []) {
      if (compareEventIds(entry.event, start) <= 0) continue;
      const isFull = entries.length === this.#limits.pageMessages ||
        (entries.length > 0 && bytes + entry.value.length > this.#limits.pageBytes);
      if (isFull) {
        hasMore = true;
        break;
      }
      entries.push(entry);
      bytes += entry.value.length;
    }
    return { entries, end: hasMore ? entries.at(-1)!.event : now, hasGap, hasMore };
  }

  #forgetOldest(): void {
    const [name, history] = this.#histories.entries().next().value!;
    this.#histories.delete(name);
    this.#bytes -= history.bytes;
    this.#kept -= history.entries.length;
    while (history.entries.length > 0) history.drop();
    if (compareEventIds(history.droppedUpTo, this.#forgottenUpTo) > 0) {
      this.#forgottenUpTo = history.droppedUpTo;
    }
  }
}
