/**
 * Keeps the WebSockets that outlive the code of their apps: gives those that nobody holds to whoever takes them,
 * and sends what is published to those that are subscribed.
 *
 * @module
 */

import type { Bus } from "../bus/bus.ts";
import type { Exchange } from "../message/exchange.ts";
import type {
  KeptExchange,
  MovableSocket,
  SocketHolder,
  SocketKeeper,
} from "../message/kept_sockets.ts";
import type { KeptSocketOwner } from "../websocket/kept_socket.ts";
import { KeptSocket } from "../websocket/kept_socket.ts";
import { Topics } from "../websocket/topics.ts";

/** What the channels of the bus begin with that carry messages to sockets. */
const CHANNEL = "sockets";

/** Finds holders for sockets. */
export interface SocketPlaces {
  /** Gives a socket to a new holder: whether there is one now, may be one later, or will be none. */
  place(socket: KeptSocket): "placed" | "later" | "never";
}

/** The sockets of a gateway that can be handed from one worker to another. */
export class GatewaySockets implements KeptSocketOwner {
  readonly #topics = new Topics<KeptSocket>();
  /** Sockets that nobody holds. */
  readonly #free = new Set<KeptSocket>();
  /** Where holders are found. Where apps share the gateway's thread, no socket is ever without one. */
  places: SocketPlaces = { place: () => "never" };
  #willPlace = false;
  readonly #bus: Bus | undefined;

  /** Makes a keeper of no sockets. What is published goes to other processes over `bus`, if there is one. */
  constructor(bus?: Bus) {
    this.#bus = bus;
    bus?.subscribe(CHANNEL, {
      onMessage: (channel, record, origin) => {
        if (origin === "elsewhere") this.#deliver(channel.slice(CHANNEL.length), record, null);
      },
      // Sockets have no history: what was lost is.
      onLoss() {},
    });
  }

  /** What the workers of apps that are mounted at `prefixes`, by their mounts, have their sockets kept by. */
  keeperFor(prefixes: readonly string[]): SocketKeeper<MovableSocket> {
    return {
      keep: (exchange, holder, state, window) =>
        this.#keep(exchange, holder, state, window, prefixes[exchange.head.mount]),
      publish: (mount, topic, record, except) => {
        const prefix = prefixes[mount];
        return prefix === undefined ? 0 : this.#publish(keyOf(prefix, topic), record, except);
      },
    };
  }

  /** Looks for holders again: there may be new ones. */
  placeFree(): void {
    if (this.#free.size === 0 || this.#willPlace) return;
    // Whoever goes tells us first, and then others that it is gone.
    this.#willPlace = true;
    queueMicrotask(() => {
      this.#willPlace = false;
      for (const socket of [...this.#free]) this.#place(socket);
    });
  }

  onSubscribed(socket: KeptSocket, topic: string): void {
    this.#topics.add(keyOf(socket.prefix, topic), socket);
  }

  onUnsubscribed(socket: KeptSocket, topic: string): void {
    this.#topics.delete(keyOf(socket.prefix, topic), socket);
  }

  onFree(socket: KeptSocket): void {
    this.#free.add(socket);
    this.placeFree();
  }

  onEnded(socket: KeptSocket): void {
    this.#free.delete(socket);
  }

  #keep(
    exchange: Exchange,
    holder: SocketHolder,
    state: Uint8Array,
    window: number,
    prefix: string,
  ): MovableSocket {
    return new KeptSocket(exchange, holder, state, window, prefix, this);
  }

  #place(socket: KeptSocket): void {
    const outcome = this.places.place(socket);
    if (outcome === "later") return;
    this.#free.delete(socket);
    if (outcome === "never") socket.closeFree();
  }

  #publish(key: string, record: Uint8Array, except: KeptExchange | null): number {
    const count = this.#deliver(key, record, except);
    this.#bus?.publish(CHANNEL + key, record);
    return count;
  }

  #deliver(key: string, record: Uint8Array, except: KeptExchange | null): number {
    let count = 0;
    for (const socket of this.#topics.of(key)) {
      if (socket === except) continue;
      socket.deliver(record);
      count++;
    }
    return count;
  }
}

/** A topic of the apps at `prefix`: apps do not share topics. */
function keyOf(prefix: string, topic: string): string {
  return `${prefix}\n${topic}`;
}
