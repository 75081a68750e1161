/**
 * Another dispatcher, of which this one is a handler.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { FaultLog } from "../net/fault_log.ts";
import type { DispatcherSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import { DispatchLink, newInstance } from "../mongrel2/dispatch_link.ts";
import { readDispatcherKeys } from "../mongrel2/dispatcher_keys.ts";
import { hostName } from "../mongrel2/handler_name.ts";
import type { CurveClient } from "../zmq/curve.ts";
import type { WatchMaker } from "../zmq/socket_watch.ts";
import type { DispatchOutcome } from "./codec/dispatch_message.ts";
import { MAX_CAPACITY } from "./codec/limits.ts";
import type { Upstream, UpstreamOwner } from "./upstream.ts";

/** A dispatcher that requests come from. */
export class LinkUpstream implements Upstream {
  readonly connected: Promise<void>;
  readonly #spec: DispatcherSpec;
  readonly #owner: UpstreamOwner;
  readonly #watchOf: WatchMaker;
  readonly #log: Log;
  readonly #name: string;
  readonly #curve: CurveClient | undefined;
  /** There is one as soon as there are handlers to give requests to. */
  #link: DispatchLink | null = null;
  #isLeaving = false;

  /**
   * Makes the dispatcher a handler of the one at `spec`, from when it has handlers itself.
   *
   * @throws {ConfigError} if `spec` has no name, and the host has none, or the keys cannot be used
   */
  constructor(spec: DispatcherSpec, owner: UpstreamOwner, watchOf: WatchMaker, log: Log) {
    this.#spec = spec;
    this.#owner = owner;
    this.#watchOf = watchOf;
    this.#log = log;
    this.#name = spec.name ?? hostName();
    this.#curve = readDispatcherKeys(spec);
    // It is ready for handlers at once, and takes no requests before there are some.
    this.connected = Promise.resolve();
  }

  get isCongested(): boolean {
    return this.#link?.isCongested ?? false;
  }

  reply(upstream: number, bytes: Uint8Array): void {
    // What does not belong to a request is nobody's who came over the link.
    if (upstream > 0) this.#link?.reply(upstream, bytes);
  }

  done(upstream: number, outcome: DispatchOutcome): void {
    if (upstream > 0) this.#link?.done(upstream, outcome);
  }

  setCapacity(handlersTake: number): void {
    const capacity = Math.min(handlersTake, this.#spec.capacity ?? Infinity, MAX_CAPACITY);
    // The protocol knows no capacity of none: what comes until the next handler does, waits.
    if (capacity > 0 && this.#link === null && !this.#isLeaving) this.#connect(capacity);
    else this.#link?.setLoad({ capacity: Math.max(capacity, 1), generation: 1 });
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#link?.leave();
  }

  async close(): Promise<void> {
    this.#isLeaving = true;
    await this.#link?.close();
  }

  #connect(capacity: number): void {
    const { dispatcher: endpoint } = this.#spec;
    const owner = this.#owner;
    // The other one can have this begin anew as often as it likes.
    const news = new FaultLog((_level, text) => this.#log("info", text));
    this.#link = new DispatchLink({
      endpoint,
      name: this.#name,
      instance: newInstance(),
      load: { capacity, generation: 1 },
      curve: this.#curve,
      watchOf: this.#watchOf,
      log: this.#log,
    }, {
      onRequest: (request, bytes) => owner.onMessage(bytes, request),
      onNotice: (bytes) => owner.onMessage(bytes, 0),
      onUp: () =>
        news.warn(`dispatch: ${this.#name} is a handler of the dispatcher at ${endpoint}`),
      onAwaited: () =>
        this.#log(
          "warning",
          `dispatch: waiting for the dispatcher, which is not at ${endpoint} yet`,
        ),
      onClosing: () => owner.onClosing(),
      onLost: () => owner.onLost(),
      onRoom: () => owner.onRoom(),
    });
  }
}
