/**
 * Where a dispatcher's requests come from: a Mongrel2 server, or something that stands for it.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { Mongrel2Spec } from "../mongrel2/codec/spec.ts";
import { Mongrel2Sockets } from "../mongrel2/sockets.ts";
import type { WatchMaker } from "../zmq/socket_watch.ts";
import type { DispatchOutcome } from "./codec/dispatch_message.ts";

/** Listener of an upstream's owner. */
export interface UpstreamOwner {
  /** A message has come, by a number if the other side has one for it, else by 0. It is lent until this returns. */
  onMessage(bytes: Uint8Array, upstream: number): void;
  /** The other side has gone, and with it all clients. */
  onLost(): void;
  /** The other side is about to end: WebSockets are to be closed. */
  onClosing(): void;
  /** There is room for replies again, after {@linkcode Upstream.isCongested}. */
  onRoom(): void;
}

/** Where requests come from, and their answers go to. */
export interface Upstream {
  /** Resolves when it is known whether the other side is there. */
  readonly connected: Promise<void>;
  /** Whether replies would only wait. */
  readonly isCongested: boolean;
  /** Sends a reply to the client of the request that came by this number. */
  reply(upstream: number, bytes: Uint8Array): void;
  /** Nothing more comes for that request. */
  done(upstream: number, outcome: DispatchOutcome): void;
  /** Is told how many requests all handlers together take at a time, whenever that changes. */
  setCapacity(handlersTake: number): void;
  /** Asks for no more requests; resolves when all have come that were on their way. */
  leave(): Promise<void>;
  /** Ends the connection, after what was sent. */
  close(): Promise<void>;
}

/** A Mongrel2 server, of which the dispatcher is a handler. */
export class Mongrel2Upstream implements Upstream {
  readonly connected: Promise<void>;
  readonly #sockets: Mongrel2Sockets;

  /**
   * Connects to Mongrel2, now or as soon as it runs.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   */
  constructor(spec: Mongrel2Spec, owner: UpstreamOwner, watchOf: WatchMaker, log: Log) {
    const connected = Promise.withResolvers<void>();
    this.connected = connected.promise;
    this.#sockets = new Mongrel2Sockets(spec, {
      onMessage: (bytes) => owner.onMessage(bytes, 0),
      onConnected: () => connected.resolve(),
      onAwaited: (where) =>
        log("warning", `dispatch: waiting for Mongrel2, which is not at ${where} yet`),
      onDisconnected: () => owner.onLost(),
      onRoom: () => owner.onRoom(),
    }, watchOf);
  }

  get isCongested(): boolean {
    return this.#sockets.isCongested;
  }

  reply(_upstream: number, bytes: Uint8Array): void {
    this.#sockets.send(bytes);
  }

  done(): void {}

  // Mongrel2 gives a handler all that it can.
  setCapacity(): void {}

  leave(): Promise<void> {
    return this.#sockets.leave();
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }
}
