/**
 * Groups of connections over the system's own sockets, all in one loop.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { ServerAddress } from "../../client/target.ts";
import type { GroupPlan, Measurement } from "../group_record.ts";
import { GroupRecord, noAnswer } from "../group_record.ts";
import { OVER } from "../pace.ts";
import { PolledConnection } from "./polled_connection.ts";
import type { PolledOwner } from "./polled_connection.ts";
import { PolledSockets, systemAddress } from "./sockets.ts";

/** After so long, timers and signals of the platform get their turn. */
const TURN_MS = 8;
/** How often it is looked for requests that take too long. */
const SWEEP_MS = 100;
/** Wait after a connection that was not made. */
const RECONNECT_MS = 20;
/** What is received at once. */
const READ_BYTES = 65_536;

/** A connection that waits for its time. */
interface Waiter {
  readonly atMs: number;
  readonly connection: PolledConnection;
}

/** One group: its connections, and who of them waits. */
class Group implements PolledOwner {
  readonly record: GroupRecord;
  readonly connections: PolledConnection[];
  readonly #plan: GroupPlan;
  readonly #measured: Measurement;
  /** Those whose request is not due yet, and those that could not connect, each in the order of their times. */
  readonly #due: Waiter[] = [];
  readonly #resting: Waiter[] = [];
  /** Connections that have a request, or wait for one. */
  #live: number;
  /** Those that are free, and get their next request when all events have been seen. */
  #free: PolledConnection[] = [];

  constructor(
    plan: GroupPlan,
    measured: Measurement,
    addresses: readonly Uint8Array[],
    sockets: PolledSockets,
    buffer: Uint8Array<ArrayBuffer>,
    firstId: number,
  ) {
    this.#plan = plan;
    this.#measured = measured;
    const record = this.record = new GroupRecord(plan, measured);
    const group = { plan, record, sockets, addresses, buffer, owner: this };
    this.connections = Array.from(
      { length: plan.connections },
      (_, place) => new PolledConnection(firstId + place, group),
    );
    this.#free = [...this.connections];
    this.#live = this.connections.length;
  }

  get isOver(): boolean {
    return this.#live === 0;
  }

  onFree(connection: PolledConnection): void {
    this.#free.push(connection);
  }

  onRefused(connection: PolledConnection): void {
    this.#resting.push({ atMs: performance.now() + RECONNECT_MS, connection });
  }

  /** Sends what is due; when the next thing will be. */
  turn(nowMs: number): number {
    while (this.#resting.length > 0 && this.#resting[0].atMs <= nowMs) {
      this.#free.push(this.#resting.shift()!.connection);
    }
    while (this.#due.length > 0 && this.#due[0].atMs <= nowMs) {
      const { atMs, connection } = this.#due.shift()!;
      this.#ask(connection, atMs, nowMs);
    }
    while (this.#free.length > 0) {
      const free = this.#free;
      this.#free = [];
      for (const connection of free) this.#next(connection, nowMs);
    }
    const atMs = Math.min(this.#due[0]?.atMs ?? Infinity, this.#resting[0]?.atMs ?? Infinity);
    return atMs;
  }

  sweep(nowMs: number): void {
    const { timeoutMs } = this.#measured;
    for (const connection of this.connections) {
      const { sentMs } = connection;
      if (sentMs > 0 && nowMs - sentMs > timeoutMs) connection.giveUp(noAnswer(timeoutMs));
    }
  }

  close(): void {
    for (const connection of this.connections) connection.close();
    this.#live = 0;
  }

  /** Gives a connection its next request. */
  #next(connection: PolledConnection, nowMs: number): void {
    const dueMs = this.#plan.pace.next();
    if (dueMs === OVER) {
      connection.close();
      this.#live--;
    } else if (dueMs > nowMs && dueMs > performance.now()) {
      this.#due.push({ atMs: dueMs, connection });
    } else {
      this.#ask(connection, dueMs, nowMs);
    }
  }

  #ask(connection: PolledConnection, dueMs: number, nowMs: number): void {
    const { endMs, timeoutMs } = this.#measured;
    // What is due, and can no longer be answered in time, has waited for that long.
    if (nowMs > endMs + timeoutMs) {
      this.record.noteUnsent(dueMs, nowMs);
      this.#free.push(connection);
      return;
    }
    connection.ask(dueMs);
  }
}

/** All groups of a run. */
export class PolledLoad {
  readonly #sockets: PolledSockets;
  readonly #groups: readonly Group[];
  readonly #connections: readonly PolledConnection[];
  readonly #plans: readonly GroupPlan[];
  #isStopped = false;

  private constructor(sockets: PolledSockets, plans: readonly GroupPlan[], groups: Group[]) {
    this.#sockets = sockets;
    this.#plans = plans;
    this.#groups = groups;
    this.#connections = groups.flatMap(({ connections }) => connections);
  }

  /** Makes the groups; `null` if some of them need more than sockets, or there are none to be had. */
  static of(plans: readonly GroupPlan[], measured: Measurement): PolledLoad | null {
    const isSecure = ({ server }: GroupPlan) => /^(?:https|wss)$/.test(server.target.scheme);
    if (plans.some(isSecure)) return null;
    const addresses = plans.map(({ server }) => addressesOf(server.places));
    if (addresses.some((each) => each === null)) return null;
    const sockets = PolledSockets.open();
    if (sockets === null) return null;
    const buffer = new Uint8Array(READ_BYTES);
    let firstId = 0;
    const groups = plans.map((plan, place) => {
      const group = new Group(plan, measured, addresses[place]!, sockets, buffer, firstId);
      firstId += plan.connections;
      return group;
    });
    return new PolledLoad(sockets, plans, groups);
  }

  /** What happens in each group. */
  get records(): readonly GroupRecord[] {
    return this.#groups.map(({ record }) => record);
  }

  /** Runs until all groups are over. */
  async run(): Promise<void> {
    let sweptMs = performance.now();
    try {
      while (!this.#isStopped && this.#groups.some(({ isOver }) => !isOver)) {
        const turnEndMs = performance.now() + TURN_MS;
        this.#runUntil(turnEndMs);
        if (turnEndMs - sweptMs >= SWEEP_MS) {
          sweptMs = turnEndMs;
          for (const group of this.#groups) group.sweep(sweptMs);
        }
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    } finally {
      for (const group of this.#groups) group.close();
      for (const { pace } of this.#plans) pace[Symbol.dispose]();
      this.#sockets[Symbol.dispose]();
    }
  }

  /** Gives up all that is under way. */
  stop(): void {
    this.#isStopped = true;
  }

  #runUntil(endMs: number): void {
    for (let now = performance.now(); now < endMs; now = performance.now()) {
      let nextMs = endMs;
      for (const group of this.#groups) nextMs = Math.min(nextMs, group.turn(now));
      if (this.#groups.every(({ isOver }) => isOver)) return;
      this.#sockets.wait(nextMs - performance.now(), this.#onEvent);
    }
  }

  readonly #onEvent = (id: number, events: number): void => {
    this.#connections[id].onEvents(events);
  };
}

/** All of a server's addresses, as the system takes them; `null` if one is none. */
function addressesOf(places: readonly ServerAddress[]): Uint8Array[] | null {
  const addresses = places.map(systemAddress);
  return addresses.some((each) => each === null) ? null : addresses as Uint8Array[];
}
