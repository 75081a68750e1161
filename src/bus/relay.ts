/**
 * The supervisor's part of the bus: passes on what each process publishes to those that want it.
 *
 * @module
 */

import type { Bus, BusListener } from "./bus.ts";
import { LocalBus } from "./bus.ts";
import type { BusConn } from "./bus_peer.ts";
import { BusPeer } from "./bus_peer.ts";
import { busRecord, LOSS, MESSAGE, SUBSCRIBE, UNSUBSCRIBE } from "./bus_records.ts";

/** Prefixes that a process may subscribe to: a gateway has a handful. */
const MAX_PREFIXES = 1_024;

/** A process that is connected. */
interface Member {
  readonly peer: BusPeer;
  readonly prefixes: Set<string>;
}

/** Is told what becomes of a member. */
export interface MemberOwner {
  /** It is no longer connected: it has ended, or has sent what no process of this gateway sends, as `fault` says. */
  onEnd(fault: string | null): void;
}

/** The bus of the supervisor, which all processes are connected to. */
export class Relay implements Bus {
  readonly #local = new LocalBus();
  readonly #members = new Set<Member>();

  /** Takes in a process that is connected by `conn`, of which `first` has been read; to dispose of is to part. */
  admit(conn: BusConn, first: Uint8Array, owner: MemberOwner): Disposable {
    const peer = new BusPeer(conn, {
      onRecord: (kind, name, payload) => this.#onRecord(member, kind, name, payload, owner),
      onEnd: (fault) => {
        this.#members.delete(member);
        owner.onEnd(fault);
      },
    }, first);
    const member: Member = { peer, prefixes: new Set() };
    this.#members.add(member);
    return {
      [Symbol.dispose]: () => {
        this.#members.delete(member);
        peer[Symbol.dispose]();
      },
    };
  }

  publish(channel: string, payload: Uint8Array): boolean {
    const isSent = this.#passOn(channel, payload, null);
    this.#local.publish(channel, payload);
    return isSent;
  }

  subscribe(prefix: string, listener: BusListener): Disposable {
    return this.#local.subscribe(prefix, listener);
  }

  #onRecord(
    member: Member,
    kind: number,
    name: string,
    payload: Uint8Array,
    owner: MemberOwner,
  ): void {
    if (kind === MESSAGE) {
      this.#passOn(name, payload, member);
      this.#local.deliver(name, payload, "elsewhere");
    } else if (kind === SUBSCRIBE && member.prefixes.size < MAX_PREFIXES) {
      member.prefixes.add(name);
    } else if (kind === UNSUBSCRIBE) {
      member.prefixes.delete(name);
    } else if (kind === LOSS) {
      // It could not send to anybody what it has not sent to the relay.
      for (const other of this.#members) if (other !== member) other.peer.offer(null);
      this.#local.tellOfLoss();
    } else {
      this.#members.delete(member);
      member.peer[Symbol.dispose]();
      owner.onEnd("too many subscriptions");
    }
  }

  /** Passes a message on to all that want it but `sender`; whether all of them will get it. */
  #passOn(channel: string, payload: Uint8Array, sender: Member | null): boolean {
    let record: Uint8Array | null | undefined;
    let isSent = true;
    for (const member of this.#members) {
      if (member === sender || !wants(member, channel)) continue;
      if (record === undefined) record = busRecord(MESSAGE, channel, payload);
      isSent = member.peer.offer(record) && isSent;
    }
    return isSent;
  }
}

function wants({ prefixes }: Member, channel: string): boolean {
  for (const prefix of prefixes) if (channel.startsWith(prefix)) return true;
  return false;
}
