/**
 * Messages and replies over links to one dispatcher or several, whose handler this process is.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { CurveClient } from "../zmq/curve.ts";
import type { HandlerLoad } from "../dispatch/codec/dispatch_message.ts";
import { FaultLog } from "../net/fault_log.ts";
import { DispatchLink, newInstance } from "./dispatch_link.ts";
import type { DispatchLinkReport } from "./dispatch_link.ts";
import type { OpenRequests } from "./open_requests.ts";
import type { Mongrel2Transport, SocketSharers, TransportOwner } from "./transport.ts";

/** What a {@linkcode DispatcherLinks} is made of. */
export interface DispatcherLinksOptions {
  /** Where the dispatchers are, `tcp://HOST:PORT` each. */
  readonly dispatchers: readonly string[];
  /** CURVE's keys for a dispatcher; none if the connection is not encrypted, as by default. */
  readonly keysFor?: (dispatcher: string) => CurveClient | undefined;
  /** Name of the handler, which is its own among their handlers. */
  readonly name: string;
  /** What the handler takes at first, from all of them together. */
  readonly load: HandlerLoad;
  /** Bytes of a request at the most. */
  readonly maxMessageBytes: number;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** The links of a handler. */
export class DispatcherLinks implements Mongrel2Transport {
  readonly kind = "dispatched";
  readonly sharing: SocketSharers | null;
  readonly #links: readonly DispatchLink[];
  #load: HandlerLoad;
  /** Links that were neither up so far nor reported as awaited. */
  readonly #unsettled: Set<DispatchLink>;

  /**
   * Begins to look for the dispatchers.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ZmqError} if an endpoint is malformed
   */
  constructor(options: DispatcherLinksOptions, owner: TransportOwner) {
    const { dispatchers, keysFor, name, load, maxMessageBytes, log } = options;
    this.sharing = dispatchers.length > 1 ? "behind several dispatchers" : null;
    this.#load = load;
    const instance = newInstance();
    // A dispatcher can have a handler begin anew as often as it likes.
    const news = new FaultLog((_level, text) => log("info", text));
    const linkTo = (endpoint: string): DispatchLink => {
      const curve = keysFor?.(endpoint);
      const settings = { endpoint, name, instance, load, maxMessageBytes, curve, log };
      const link = new DispatchLink(settings, {
        onRequest: (request, bytes) => owner.onMessage(bytes, { link, request }),
        onNotice: (bytes) => owner.onMessage(bytes, null),
        onUp: () => {
          news.warn(`mongrel2: ${name} is a handler of the dispatcher at ${endpoint}`);
          this.#tellLoad();
          this.#onSettled(link, owner);
        },
        onAwaited: () => {
          owner.onAwaited("a dispatcher", endpoint);
          this.#onSettled(link, owner);
        },
        onClosing: () => {
          if (this.sharing === null) owner.onClosing();
        },
        onLost: () => {
          owner.onLost(link);
          this.#tellLoad();
        },
        onRoom: () => owner.onRoom(),
      });
      return link;
    };
    this.#links = dispatchers.map(linkTo);
    this.#unsettled = new Set(this.#links);
  }

  get isCongested(): boolean {
    return this.#links.some(({ isCongested }) => isCongested);
  }

  /** What each link does. */
  get reports(): readonly DispatchLinkReport[] {
    return this.#links.map(({ report }) => report);
  }

  /** Makes a new generation of the apps known. */
  setGeneration(generation: number): void {
    this.#load = { ...this.#load, generation };
    this.#tellLoad();
  }

  sendParts(open: OpenRequests | null, beginning: string, rest: Uint8Array): void {
    open?.send(beginning, rest);
  }

  async leave(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.leave()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** What the handler takes, it takes from all dispatchers together: each is told its part. */
  #tellLoad(): void {
    const { capacity, generation } = this.#load;
    const count = this.#links.filter(({ isUp }) => isUp).length;
    const part = Math.ceil(capacity / Math.max(count, 1));
    for (const link of this.#links) link.setLoad({ capacity: part, generation });
  }

  #onSettled(link: DispatchLink, owner: TransportOwner): void {
    if (this.#unsettled.delete(link) && this.#unsettled.size === 0) owner.onConnected();
  }
}
