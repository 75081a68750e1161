/**
 * A dispatcher with its sockets: messages from one side to the other, as it decides.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import type { DispatchLimits } from "../limits/dispatch_limits.ts";
import { FaultLog } from "../net/fault_log.ts";
import { isDispatcherSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { DoorKeys } from "./curve/door.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { EndedRequest } from "./passed_request.ts";
import { HandlerSockets, NOT_ADMITTED } from "./handler_sockets.ts";
import { LinkUpstream } from "./link_upstream.ts";
import type { Placement } from "./placement.ts";
import { Lookout } from "../zmq/lookout.ts";
import type { WatchMaker } from "../zmq/socket_watch.ts";
import type { Upstream, UpstreamOwner } from "./upstream.ts";
import { Mongrel2Upstream } from "./upstream.ts";

/** What a hub is made of. */
export interface DispatchHubOptions {
  /** Where requests come from. */
  readonly source: HandlerSpec;
  /** Endpoint that handlers connect to, such as `tcp://0.0.0.0:7000`. */
  readonly endpoint: string;
  /** What is bounded, and how. */
  readonly limits: DispatchLimits;
  /** Decides which handler gets what. Default: the one that has the least to do. */
  readonly placement?: Placement;
  /** CURVE's keys, those of the handlers that may connect among them; anybody may without. */
  readonly keys?: DoorKeys;
  /** Is told of each request that has ended; nobody counts them otherwise. */
  readonly onEnded?: ((ended: EndedRequest) => void) | undefined;
  /** Takes messages. */
  readonly log: Log;
}

/** Time that handlers have to close WebSockets, in milliseconds: more than they give their clients. */
const MAX_SOCKETS_MS = 6_500;
/** Interval at which it is looked whether they have. */
const SOCKETS_LOOK_MS = 20;
/** Interval at which they are told to until the end: for WebSockets that are opened meanwhile. */
const CLOSING_MS = 500;

/** Connects one Mongrel2 to many handlers. */
export class DispatchHub implements AsyncDisposable {
  /** What decides. */
  readonly dispatcher: Dispatcher;
  readonly #handlers: HandlerSockets;
  readonly #upstream: Upstream;
  /** Waits for both sides: what is passed on is all that there is to do on this thread. */
  readonly #lookout = new Lookout();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #closingTimer: ReturnType<typeof setTimeout> | undefined;
  #capacity = 0;
  #idleWaiter: PromiseWithResolvers<void> | null = null;
  #closing: Promise<void> | null = null;

  /**
   * Listens for handlers, and connects to Mongrel2, or to another dispatcher, now or as soon as it runs.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ListenError} if nothing can listen at the endpoint
   */
  constructor(options: DispatchHubOptions) {
    const { source, endpoint, limits, placement, keys, onEnded, log } = options;
    const dispatcher = this.dispatcher = new Dispatcher(
      {
        send: (peer, message) => this.#handlers.send(peer, message),
        reply: (number, bytes) => this.#upstream.reply(number, bytes),
        done: (number, outcome) => this.#upstream.done(number, outcome),
        admit: (peer) => this.#handlers.admit(peer),
        dismiss: (peer) => this.#handlers.dismiss(peer),
        origin: () => this.#handlers.origin,
        onEnded,
        log,
      },
      limits,
      placement,
    );
    const watchOf: WatchMaker = (sockets) => this.#lookout.post(sockets);
    const isCongested = () => this.#upstream.isCongested;
    const onRoom = () => {
      dispatcher.excuse(performance.now());
      this.#handlers.goOn();
    };
    const upstreamOwner: UpstreamOwner = {
      onMessage: (bytes, number) => {
        dispatcher.onMessage(bytes, performance.now(), number);
        this.#afterEvent();
      },
      onLost: () => {
        dispatcher.onUpstreamLost(performance.now());
        onRoom();
        this.#afterEvent();
      },
      onClosing: () => {
        dispatcher.closeSockets(performance.now());
        this.#afterEvent();
      },
      onRoom,
    };
    try {
      this.#handlers = new HandlerSockets(endpoint, keys ?? null, new FaultLog(log), {
        onHandlerMessage: (peer, parts) => {
          dispatcher.onHandlerMessage(peer, parts, performance.now());
          this.#afterEvent();
        },
        get isCongested() {
          return isCongested();
        },
      }, watchOf);
      this.#upstream = isDispatcherSpec(source)
        ? new LinkUpstream(source, upstreamOwner, watchOf, log)
        : new Mongrel2Upstream(source, upstreamOwner, watchOf, log);
    } catch (error) {
      this.#lookout[Symbol.asyncDispose]();
      throw error;
    }
    this.#handlers.start();
    this.#afterEvent();
  }

  /** Where handlers connect to, with the port that was chosen. */
  get endpoint(): string {
    return this.#handlers.endpoint;
  }

  /** Resolves when Mongrel2 was found to listen, or could not be found for a second. */
  get connected(): Promise<void> {
    return this.#upstream.connected;
  }

  /** Gives up handlers whose keys are admitted no more, after those were read again. */
  checkKeys(): void {
    for (const peer of this.#handlers.unwanted) {
      this.#handlers.cutLater(peer);
      this.dispatcher.expel(peer, NOT_ADMITTED, performance.now());
    }
    this.#afterEvent();
  }

  /**
   * Has WebSockets closed, takes leave of where requests come from, has handlers finish what has come, and closes the
   * sockets. What is not answered after `graceMs` is cut off; resolves to how many requests that were.
   */
  async drain(graceMs: number): Promise<number> {
    const deadline = performance.now() + graceMs;
    this.#tellClosing();
    await this.#closeSockets(Math.min(graceMs, MAX_SOCKETS_MS));
    await this.#upstream.leave();
    if (this.dispatcher.unansweredCount > 0) {
      this.#idleWaiter = Promise.withResolvers();
      await inTime(this.#idleWaiter.promise, deadline - performance.now());
    }
    const count = this.dispatcher.cutOff();
    await this[Symbol.asyncDispose]();
    return count;
  }

  /** Ends immediately, after what was sent. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Has WebSockets closed while their clients' answers come here still. */
  async #closeSockets(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.dispatcher.socketCount > 0 && this.#closing === null) {
      if (performance.now() >= deadline) break;
      await new Promise((resolve) => setTimeout(resolve, SOCKETS_LOOK_MS));
    }
  }

  #tellClosing(): void {
    if (this.#closing !== null) return;
    this.dispatcher.closeSockets(performance.now());
    this.#afterEvent();
    this.#closingTimer = setTimeout(() => this.#tellClosing(), timerMs(CLOSING_MS));
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#closingTimer);
    await this.#upstream.close();
    await this.#handlers[Symbol.asyncDispose]();
    await this.#lookout[Symbol.asyncDispose]();
  }

  #afterEvent(): void {
    if (this.#closing !== null) return;
    const { dueAt, unansweredCount, capacity } = this.dispatcher;
    if (capacity !== this.#capacity) this.#upstream.setCapacity(this.#capacity = capacity);
    if (unansweredCount === 0) this.#idleWaiter?.resolve();
    // A timer that rings too early is set again; most of what is due is done before.
    if (dueAt >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = dueAt;
    const now = performance.now();
    this.#timer = setTimeout(this.#onTimer, timerMs(Math.max(0, dueAt - now)));
  }

  readonly #onTimer = (): void => {
    this.#timerAt = Infinity;
    const now = performance.now();
    if (this.#upstream.isCongested) this.dispatcher.excuse(now);
    this.dispatcher.tick(now);
    this.#afterEvent();
  };
}
