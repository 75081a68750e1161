/**
 * Limits of signals and topics.
 *
 * @module
 */

const { freeze } = Object;

/** What signals and topics can take up. */
export interface SignalLimits {
  /** Bytes of a name in UTF-8 at the most. */
  readonly maxNameBytes: number;
  /** Bytes of a value at the most, as it is sent. */
  readonly maxValueBytes: number;
  /** Bytes of an event's id at the most. */
  readonly maxEventIdBytes: number;
  /** Calls of `wait()` at a time in one worker. */
  readonly maxWaiters: number;
  /** Open subscriptions in one worker. */
  readonly maxSubscriptions: number;
  /** Calls of `send()` and `publish()` without an answer, in one worker. */
  readonly maxPendingCalls: number;
  /** Messages that wait for a subscriber; it reads those after them from the history. */
  readonly maxQueuedMessages: number;
  /** The same in bytes. */
  readonly maxQueuedBytes: number;
  /** Messages of a topic's history. */
  readonly historyMessages: number;
  /** The same in bytes. */
  readonly historyBytes: number;
  /** Bytes of all histories. */
  readonly allHistoryBytes: number;
  /** Messages of all histories: each takes memory, however small it is. */
  readonly allHistoryMessages: number;
  /** Topics that have a history. */
  readonly maxTopics: number;
  /** Messages in one page of a history. */
  readonly pageMessages: number;
  /** Bytes of the values in one page, unless it is a single one. */
  readonly pageBytes: number;
}

/** The limits. */
export const SIGNAL_LIMITS: SignalLimits = freeze({
  maxNameBytes: 256,
  maxValueBytes: 65_536,
  maxEventIdBytes: 64,
  maxWaiters: 65_536,
  maxSubscriptions: 65_536,
  maxPendingCalls: 16_384,
  maxQueuedMessages: 256,
  maxQueuedBytes: 1_048_576,
  historyMessages: 1_000,
  historyBytes: 1_048_576,
  allHistoryBytes: 67_108_864,
  allHistoryMessages: 131_072,
  maxTopics: 65_536,
  pageMessages: 256,
  pageBytes: 32_768,
});
