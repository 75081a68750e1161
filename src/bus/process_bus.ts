/**
 * The bus of a process that is one of several: what it publishes goes to the supervisor's relay, too.
 *
 * @module
 */

import type { Bus, BusListener } from "./bus.ts";
import { LocalBus } from "./bus.ts";
import type { BusConn } from "./bus_peer.ts";
import { BusPeer } from "./bus_peer.ts";
import { busRecord, LOSS, MESSAGE, SUBSCRIBE, UNSUBSCRIBE } from "./bus_records.ts";

/** A bus that other processes share. */
export class ProcessBus implements Bus, Disposable {
  readonly #local = new LocalBus();
  readonly #relay: BusPeer;
  /** How often each prefix is subscribed to. */
  readonly #prefixes = new Map<string, number>();

  /** Makes the bus of a process that is connected to the relay by `conn`. */
  constructor(conn: BusConn) {
    this.#relay = new BusPeer(conn, {
      onRecord: (kind, channel, payload) => {
        if (kind === MESSAGE) this.#local.deliver(channel, payload, "elsewhere");
        else if (kind === LOSS) this.#local.tellOfLoss();
      },
      // The supervisor's end is noticed elsewhere: this process goes on alone until then.
      onEnd: () => this.#local.tellOfLoss(),
    });
  }

  publish(channel: string, payload: Uint8Array): boolean {
    const isSent = this.#relay.offer(busRecord(MESSAGE, channel, payload));
    this.#local.publish(channel, payload);
    return isSent;
  }

  subscribe(prefix: string, listener: BusListener): Disposable {
    const subscription = this.#local.subscribe(prefix, listener);
    const count = this.#prefixes.get(prefix) ?? 0;
    this.#prefixes.set(prefix, count + 1);
    if (count === 0) this.#relay.insist(busRecord(SUBSCRIBE, prefix));
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        subscription[Symbol.dispose]();
        this.#unsubscribe(prefix);
      },
    };
  }

  /** Closes the connection to the others. */
  [Symbol.dispose](): void {
    this.#relay[Symbol.dispose]();
  }

  #unsubscribe(prefix: string): void {
    const count = this.#prefixes.get(prefix)! - 1;
    if (count > 0) {
      this.#prefixes.set(prefix, count);
      return;
    }
    this.#prefixes.delete(prefix);
    this.#relay.insist(busRecord(UNSUBSCRIBE, prefix));
  }
}
