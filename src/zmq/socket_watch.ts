/**
 * Waits for several ZeroMQ sockets at a time, which can be used meanwhile.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { descriptorOf, DescriptorPoll } from "./descriptor_poll.ts";
import type { ZmqContext, ZmqSocket } from "./socket.ts";

/** How the owner of sockets waits for messages. */
export interface Watch extends AsyncDisposable {
  /**
   * Resolves when one of the sockets may have something, when {@linkcode interrupt} is called, or after
   * `timeoutMs`. One wait at a time.
   */
  wait(timeoutMs?: number): Promise<void>;
  /** Resolves when others on this thread had their turn, after messages were taken. */
  nextTurn(): Promise<void>;
  /** Ends the wait that is under way; resolves when it has ended. */
  interrupt(): Promise<void>;
}

/** Makes a watch of sockets that are open. */
export type WatchMaker = (sockets: readonly ZmqSocket[]) => Watch;

/**
 * Watches sockets of a context. Not they are polled on another thread, which nobody could touch then,
 * but their descriptors.
 *
 * So before a wait, and after each use of a socket during one, receive until there is no more: what
 * sending takes note of on the way is not told again. Close the watch before its sockets.
 */
export class SocketWatch implements Watch {
  readonly #poll: DescriptorPoll;
  #wait: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  /**
   * Makes a watch of `sockets`, which are open.
   *
   * @throws {ZmqError} if there are too many sockets
   */
  constructor(context: ZmqContext, sockets: readonly ZmqSocket[]) {
    this.#poll = new DescriptorPoll(context);
    this.#poll.set(sockets.map(descriptorOf));
  }

  wait(timeoutMs = -1): Promise<void> {
    return this.#wait ??= this.#poll.there(timeoutMs).finally(() => {
      this.#wait = null;
    });
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async interrupt(): Promise<void> {
    if (this.#wait === null) return;
    this.#poll.wake();
    await this.#wait;
  }

  /** Ends the wait, and watches no more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.interrupt();
    await this.#poll.close();
  }
}
