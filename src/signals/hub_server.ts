/**
 * The hub in the supervisor: its workers are in other processes.
 *
 * @module
 */

import type { Bus } from "../bus/bus.ts";
import type { Hub, HubLink } from "./hub.ts";
import { downChannel, keyOf, packed, TO_HUB, unpacked } from "./trunk.ts";

/** Serves the hub to the processes of a gateway. */
export class HubServer implements Disposable {
  readonly #bus: Bus;
  readonly #hub: Hub;
  readonly #links = new Map<string, HubLink>();
  readonly #subscription: Disposable;

  /** Serves `hub` over `bus`. */
  constructor(bus: Bus, hub: Hub) {
    this.#bus = bus;
    this.#hub = hub;
    this.#subscription = bus.subscribe(TO_HUB, {
      onMessage: (channel, payload) => this.#take(keyOf(channel), payload),
      // Who has lost something on the way has its workers begin again.
      onLoss() {},
    });
  }

  /** Forgets the workers of the process `key`, which has ended. */
  forget(key: string): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    this.#links.delete(key);
    this.#hub.detachAll(link);
  }

  /** Serves no more. */
  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #take(key: string, payload: Uint8Array): void {
    const { workers, record } = unpacked(payload);
    if (workers.length === 1) this.#hub.take(this.#link(key), workers[0], record);
  }

  #link(key: string): HubLink {
    let link = this.#links.get(key);
    if (link === undefined) {
      const channel = downChannel(key);
      link = { send: (workers, record) => this.#bus.publish(channel, packed(workers, record)) };
      this.#links.set(key, link);
    }
    return link;
  }
}
