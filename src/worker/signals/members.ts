/**
 * `context.signals` and `context.topics`.
 *
 * @module
 */

import { ignoreRejection, rejected, uncurried } from "../../base/captured.ts";
import { SignalLimitError } from "../../base/errors.ts";
import { utf8Length } from "../../base/text.ts";
import { SIGNAL_LIMITS } from "../../signals/limits.ts";
import { PUBLISH, SEND, WAKE_ALL, WAKE_NONE, WAKE_ONE } from "../../signals/records.ts";
import type { AppTask } from "../task.ts";
import type { SignalClient } from "./client.ts";
import type { SubscribeOptions, TopicEvent } from "./subscription.ts";
import { valueBytes } from "./values.ts";
import type { WaitOptions } from "./waiters.ts";

const { RangeError, String, TypeError } = globalThis;
const isWellFormed: (text: string) => boolean = uncurried(String.prototype.isWellFormed);

/** How a signal is sent. */
export interface SendOptions {
  /** Whether all that wait for it are woken, or one of them. Default: all. */
  readonly wake?: "all" | "one";
}

/**
 * Signals: requests wait for one another, in whatever worker, process or generation they are. A signal
 * is not kept: it wakes those that wait when it is sent.
 */
export interface Signals {
  /**
   * Waits for the signal `name`, of up to 256 bytes; resolves to the value that it was sent with. A
   * client that leaves stops waiting: then it rejects with the reason that `context.signal` has.
   *
   * @throws {SignalTimeoutError} if `timeoutMs` pass before
   * @throws {SignalLimitError} if 65,536 requests of the worker wait already
   */
  wait(name: string, options?: WaitOptions): Promise<unknown>;
  /**
   * Wakes what waits for the signal `name`; resolves to how many that were. `value` can be anything that can
   * be cloned (`structuredClone()`), of up to 64 KiB; each gets a copy.
   *
   * @throws {DOMException} `DataCloneError` if `value` cannot be cloned
   * @throws {SignalLimitError} if `value` is larger, or 16,384 calls of the worker have no answer yet
   * @throws {SignalDeliveryError} if it is not known who was woken: the connection was lost
   */
  send(name: string, value?: unknown, options?: SendOptions): Promise<number>;
  /** Resolves to how many wait for the signal `name`. */
  waiting(name: string): Promise<number>;
}

/**
 * Topics: events with ids, of which the last ones are kept. The topics of sockets, which are sent what is
 * published by `context.publish()`, are others.
 */
export interface Topics {
  /**
   * Subscribes to `topic`, with a name of up to 256 bytes. The subscription begins at once, and ends with the
   * request, or when its worker is replaced; what is not taken from it is bounded.
   *
   * @throws {SignalLimitError} if the worker has 65,536 subscriptions already
   */
  subscribe(topic: string, options?: SubscribeOptions): AsyncIterableIterator<TopicEvent>;
  /**
   * Publishes an event in `topic`; resolves to its id once it is in the history. `value` can
   * be anything that can be cloned (`structuredClone()`), of up to 64 KiB.
   *
   * @throws {DOMException} `DataCloneError` if `value` cannot be cloned
   * @throws {SignalLimitError} if `value` is larger, or 16,384 calls of the worker have no answer yet
   * @throws {SignalDeliveryError} if it is not known whether it is in the history
   */
  publish(topic: string, value?: unknown): Promise<string>;
}

/** Signals as a request has them. */
export class RequestSignals implements Signals {
  readonly #task: AppTask;
  readonly #client: SignalClient;

  /** Makes the signals of `task`. */
  constructor(task: AppTask, client: SignalClient) {
    this.#task = task;
    this.#client = client;
  }

  wait(name: string, options: WaitOptions = {}): Promise<unknown> {
    const outcome = this.#wait(name, options);
    // Apps wait first, and then ask for what they wait for: a client that leaves meanwhile is no fault of theirs.
    ignoreRejection(outcome);
    return outcome;
  }

  #wait(name: string, options: WaitOptions): Promise<unknown> {
    try {
      checkName(name, "signal");
      const { timeoutMs, signal } = options;
      if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
        throw new RangeError(`timeoutMs is ${String(timeoutMs)}, which is not a time`);
      }
      return this.#client.waiters.wait(name, this.#task, { timeoutMs, signal });
    } catch (error) {
      return rejected(error);
    }
  }

  async send(name: string, value?: unknown, { wake = "all" }: SendOptions = {}): Promise<number> {
    checkName(name, "signal");
    if (wake !== "all" && wake !== "one") throw new TypeError('wake is neither "all" nor "one"');
    const flags = wake === "one" ? WAKE_ONE : WAKE_ALL;
    return (await this.#client.call(SEND, { name, flags, payload: valueBytes(value) })).number;
  }

  async waiting(name: string): Promise<number> {
    checkName(name, "signal");
    return (await this.#client.call(SEND, { name, flags: WAKE_NONE })).number;
  }
}

/** Topics as a request has them. */
export class RequestTopics implements Topics {
  readonly #task: AppTask;
  readonly #client: SignalClient;

  /** Makes the topics of `task`. */
  constructor(task: AppTask, client: SignalClient) {
    this.#task = task;
    this.#client = client;
  }

  subscribe(topic: string, options: SubscribeOptions = {}): AsyncIterableIterator<TopicEvent> {
    checkName(topic, "topic");
    const { after, signal } = options;
    if (after !== undefined && after !== null && typeof after !== "string") {
      throw new TypeError("after is not the id of an event");
    }
    return this.#client.subscribe(topic, this.#task, { after, signal });
  }

  async publish(topic: string, value?: unknown): Promise<string> {
    checkName(topic, "topic");
    return (await this.#client.call(PUBLISH, { name: topic, payload: valueBytes(value) })).event;
  }
}

/** @throws {TypeError | SignalLimitError} if `name` is no name of a signal or topic */
function checkName(name: unknown, what: "signal" | "topic"): void {
  // All that is malformed would be one name.
  if (typeof name !== "string" || name === "" || !isWellFormed(name)) {
    throw new TypeError(`the name of a ${what} is well-formed text, and not empty`);
  }
  const { maxNameBytes } = SIGNAL_LIMITS;
  // Each character is a byte at the least.
  if (name.length <= maxNameBytes && utf8Length(name) <= maxNameBytes) return;
  throw new SignalLimitError(
    `the name of a ${what} has up to ${maxNameBytes} bytes in UTF-8`,
    maxNameBytes,
  );
}
