/**
 * Sockets that outlive the code that opened them: what their keeper, the gateway, and their holder, the code
 * that they are with, say to each other besides what passes over an exchange that was upgraded.
 *
 * @module
 */

import type { Exchange, ExchangeReceiver } from "./exchange.ts";

/** What a holder leaves to the next one at the most, in bytes: the app's data, and what is known of the request. */
export const MAX_STATE_BYTES = 73_728;
/** Topics that a socket can be subscribed to at a time. */
export const MAX_TOPICS = 1_024;
/** Name of a topic at the most, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256;
/** Names of all topics of a socket at the most, in bytes of UTF-8. */
export const MAX_ALL_TOPICS_BYTES = 65_536;
/** A message to a topic at the most, in bytes: each subscriber's connection may hold one for a while. */
export const MAX_PUBLISHED_BYTES = 1_048_576;

/** Who holds a socket: is told what its client says, and when it is to be handed back. */
export interface SocketHolder extends ExchangeReceiver {
  /**
   * Asks for the socket: {@linkcode KeptExchange.handBack} answers when all that the client has said is handled,
   * and all that there is to say to it is written. No more comes from the client before that.
   */
  release(): void;
}

/** A socket as its holder sees it: the exchange that was upgraded, and what is kept of it. */
export interface KeptExchange extends Exchange {
  /** Notes what the next holder is to know. */
  keep(state: Uint8Array): void;
  /** Subscribes the socket to a topic. */
  subscribe(topic: string): void;
  /** Ends a subscription. */
  unsubscribe(topic: string): void;
  /** Hands the socket back, with what the next holder is to know: this one has no more to do with it. */
  handBack(state: Uint8Array): void;
}

/** A socket as whoever looks after its holder sees it. */
export interface MovableSocket extends KeptExchange {
  /** What another holder is to know. */
  readonly handover: SocketHandover;
  /** Whether the holder was asked for the socket, and has written whole messages. */
  readonly mayHandBack: boolean;
  /** Asks the holder for the socket, as soon as its client is between two messages. */
  release(): void;
  /** The holder is gone, and has handed nothing back. */
  lose(): void;
  /** Hands the socket, which nobody holds, to `holder`: it knows what {@linkcode handover} says. */
  handTo(holder: SocketHolder): void;
}

/** Where an app's sockets are kept. */
export interface SocketKeeper<Socket extends KeptExchange = KeptExchange> {
  /**
   * Keeps the socket that `exchange` is about to be upgraded to, for the app at its mount: `holder` takes the
   * place of its receiver, and may write `window` bytes.
   */
  keep(exchange: Exchange, holder: SocketHolder, state: Uint8Array, window: number): Socket;
  /**
   * Sends a message, given as the socket record of all of it, to the sockets of the app at `mount` that are
   * subscribed to `topic`; not to `except`. Returns to how many, as far as that is known here.
   */
  publish(mount: number, topic: string, record: Uint8Array, except: KeptExchange | null): number;
}

/** What is told of a socket to its next holder. */
export interface SocketHandover {
  /** What the last holder left. */
  readonly state: Uint8Array;
  /** Topics that the socket is subscribed to. */
  readonly topics: readonly string[];
  /** Bytes that may be written before the first credit. */
  readonly window: number;
  /** Whether it is being closed by its app. */
  readonly isClosing: boolean;
}
