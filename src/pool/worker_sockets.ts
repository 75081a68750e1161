/**
 * A worker's sockets that other workers may be given, and what they say to topics.
 *
 * @module
 */

import type { Exchange } from "../message/exchange.ts";
import type {
  KeptExchange,
  MovableSocket,
  SocketHolder,
  SocketKeeper,
} from "../message/kept_sockets.ts";
import type { RingReader } from "../ring/ring.ts";
import { RingError } from "../ring/ring.ts";
import type { ForwardedExchange } from "./forwarded_exchange.ts";
import { PublishedMessage } from "./published_message.ts";

/** What a message counts for, in bytes, for each socket that it goes to. */
const DELIVERY_CHARGE = 64;

/** The kept sockets of one worker. */
export class WorkerSockets {
  readonly #keeper: SocketKeeper<MovableSocket> | undefined;
  /** Exchanges whose sockets may be handed to other workers. */
  readonly #kept = new Set<ForwardedExchange>();
  /** The message to a topic that is coming. */
  readonly #published = new PublishedMessage();
  /** Whether the worker is to hand back what sockets it has, and will have. */
  #isReleasing = false;

  /** Has `keeper` keep the sockets, if there is one. */
  constructor(keeper: SocketKeeper<MovableSocket> | undefined) {
    this.#keeper = keeper;
  }

  /**
   * Has the socket kept that `exchange` is about to be upgraded to.
   *
   * @throws {RingError} if there is nobody to keep sockets
   */
  keep(
    exchange: Exchange,
    holder: SocketHolder,
    state: Uint8Array,
    window: number,
  ): MovableSocket {
    if (this.#keeper === undefined) throw new RingError("a socket to keep, and nobody to keep it");
    return this.#keeper.keep(exchange, holder, state, window);
  }

  /** The worker has the socket of `holder`. */
  add(holder: ForwardedExchange): void {
    if (holder.isEnded) return;
    this.#kept.add(holder);
    if (this.#isReleasing) holder.socket?.release();
  }

  /** The worker has it no more. */
  delete(holder: ForwardedExchange): void {
    this.#kept.delete(holder);
  }

  /** Has the worker hand back all that it has, and will have. */
  release(): void {
    this.#isReleasing = true;
    for (const each of this.#kept) each.socket?.release();
  }

  /**
   * Takes part of a message to a topic, which the socket `from` is not sent.
   *
   * @throws {RingError} if it is malformed, or there is nobody to take it
   */
  publish(frame: RingReader, from: KeptExchange | null): void {
    const { value: mount } = frame;
    const message = this.#published;
    if (!message.push(frame)) return;
    if (this.#keeper === undefined) {
      throw new RingError("a message to a topic, and nobody to take it");
    }
    const { topic } = message;
    const deliveries = this.#keeper.publish(mount, topic, message.take(), from);
    // Others are to have their turn meanwhile.
    frame.charge(deliveries * DELIVERY_CHARGE);
  }
}
