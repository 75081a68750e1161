/**
 * The bus: carries messages to every process of a gateway. A message is a channel's name and bytes;
 * who listens says which names it wants, by their beginning.
 *
 * Without other processes it is a {@linkcode LocalBus}. With `--processes`, each process has a
 * `ProcessBus`, and the supervisor's `Relay` passes on between them.
 *
 * @module
 */

/** Where a message was published: in this process, or in another one. */
export type BusOrigin = "here" | "elsewhere";

/** Takes what is published. */
export interface BusListener {
  /** A message has come. Others get the same bytes: they must not be changed. */
  onMessage(channel: string, payload: Uint8Array, origin: BusOrigin): void;
  /**
   * Messages from elsewhere may have been lost: more came than this process has taken in time, or the
   * connection to the others has ended.
   */
  onLoss(): void;
}

/** Carries messages to every process of a gateway. */
export interface Bus {
  /**
   * Gives a message to everyone who listens, in this process before this returns, and in the others
   * soon. What one process publishes arrives everywhere in its order; a process that is slow, or has
   * ended, holds nobody up.
   *
   * Returns `false` if the message could not be sent to all: it is larger than
   * {@linkcode MAX_BUS_PAYLOAD_BYTES}, or there is no room for it in a queue. Those who miss it are told so
   * ({@linkcode BusListener.onLoss}).
   *
   * @param channel Name of up to {@linkcode MAX_CHANNEL_BYTES} bytes in UTF-8, such as `"sockets/news"`.
   * @param payload Bytes that nobody changes afterwards.
   */
  publish(channel: string, payload: Uint8Array): boolean;
  /**
   * Has `listener` told of all messages whose channels begin with `prefix`, until it is disposed of.
   * Subscriptions are for kinds of messages, of which there are few: each message is compared with all.
   */
  subscribe(prefix: string, listener: BusListener): Disposable;
}

/** Bytes of a message at the most: a WebSocket's message fits, with its usual limit. */
export const MAX_BUS_PAYLOAD_BYTES = 16_842_752;
/** Bytes of a channel's name at the most. */
export const MAX_CHANNEL_BYTES = 4_096;

/** The bus of one process. */
export class LocalBus implements Bus {
  readonly #subscriptions = new Set<{ readonly prefix: string; readonly listener: BusListener }>();

  publish(channel: string, payload: Uint8Array): boolean {
    this.deliver(channel, payload, "here");
    return true;
  }

  subscribe(prefix: string, listener: BusListener): Disposable {
    const subscription = { prefix, listener };
    this.#subscriptions.add(subscription);
    return { [Symbol.dispose]: () => void this.#subscriptions.delete(subscription) };
  }

  /** Gives a message to those who listen here. */
  deliver(channel: string, payload: Uint8Array, origin: BusOrigin): void {
    for (const { prefix, listener } of this.#subscriptions) {
      if (channel.startsWith(prefix)) listener.onMessage(channel, payload, origin);
    }
  }

  /** Tells those who listen here that messages were lost. */
  tellOfLoss(): void {
    for (const { listener } of this.#subscriptions) listener.onLoss();
  }
}
