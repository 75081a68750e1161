/**
 * Where the workers of a process are connected to the hub of signals and topics: directly, if that is in
 * the process, or over the bus.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import type { Bus } from "../bus/bus.ts";
import { Hub } from "./hub.ts";
import type { HubLink } from "./hub.ts";
import { DETACH, EVENT, FINISH, RESET, RESYNC, signalRecord } from "./records.ts";
import { downChannel, packed, unpacked, upChannel } from "./trunk.ts";

/** When workers begin again after records to the hub were lost, in milliseconds. */
const RESYNC_DELAY_MS = 250;

/** A worker, as the switchboard sees it. */
export interface SignalPort {
  /** Whether so much waits for it already that it should get no more. */
  readonly isClogged: boolean;
  /** Gives it a record, which is copied. */
  write(record: Uint8Array): void;
}

/** A worker's connection; to dispose of it is to end it. */
export interface SignalLine extends Disposable {
  /** Takes a record of the worker's; `false` if it is none. */
  take(record: Uint8Array): boolean;
}

/** Connects workers. */
export interface Switchboard {
  /** Connects a worker. */
  attach(port: SignalPort): SignalLine;
  /** Has the workers end their subscriptions: the gateway is about to end. */
  finish(): void;
}

interface Line {
  readonly port: SignalPort;
  /** Whether it was told to begin again, and has not: events are of no use to it. */
  isAstray: boolean;
}

const RESYNC_RECORD = signalRecord(RESYNC);
const FINISH_RECORD = signalRecord(FINISH);
const DETACH_RECORD = signalRecord(DETACH);

/** What all switchboards do. */
abstract class Lines implements Switchboard {
  readonly #lines = new Map<number, Line>();
  #lastWorker = 0;

  attach(port: SignalPort): SignalLine {
    const worker = ++this.#lastWorker;
    const line: Line = { port, isAstray: false };
    this.#lines.set(worker, line);
    return {
      take: (record) => {
        // The hub is not to know it again.
        if (!this.#lines.has(worker)) return true;
        if (record[0] === RESET) line.isAstray = false;
        return record[0] !== DETACH && this.passOn(worker, record);
      },
      [Symbol.dispose]: () => {
        if (this.#lines.delete(worker)) this.passOn(worker, DETACH_RECORD);
      },
    };
  }

  finish(): void {
    for (const { port } of this.#lines.values()) port.write(FINISH_RECORD);
  }

  /** Gives a record to workers; `false` if one of them did not get it. */
  deliver(workers: readonly number[], record: Uint8Array): boolean {
    let isDelivered = true;
    for (const worker of workers) {
      const line = this.#lines.get(worker);
      if (line === undefined) {
        // It has ended, and word of that was lost.
        this.passOn(worker, DETACH_RECORD);
        isDelivered = false;
      } else if (!write(line, record)) {
        isDelivered = false;
      }
    }
    return isDelivered;
  }

  /** Has all workers begin again. */
  resyncAll(): void {
    for (const line of this.#lines.values()) resync(line);
  }

  /** Passes a record of a worker's on; `false` if it is none. */
  protected abstract passOn(worker: number, record: Uint8Array): boolean;
}

function write(line: Line, record: Uint8Array): boolean {
  if (record[0] === RESYNC) {
    resync(line);
    return true;
  }
  if (line.isAstray && record[0] === EVENT) return false;
  if (line.port.isClogged) {
    resync(line);
    return false;
  }
  line.port.write(record);
  return true;
}

function resync(line: Line): void {
  if (line.isAstray) return;
  line.isAstray = true;
  line.port.write(RESYNC_RECORD);
}

/** The switchboard of a process that has the hub. */
export class LocalSwitchboard extends Lines {
  /** The hub. */
  readonly hub: Hub;
  readonly #link: HubLink = { send: (workers, record) => this.deliver(workers, record) };

  /** Connects workers to `hub`. */
  constructor(hub: Hub) {
    super();
    this.hub = hub;
  }

  protected override passOn(worker: number, record: Uint8Array): boolean {
    return this.hub.take(this.#link, worker, record);
  }
}

/** The switchboard of a process whose hub is in the supervisor. */
export class RemoteSwitchboard extends Lines implements Disposable {
  readonly #bus: Bus;
  readonly #channel: string;
  readonly #subscription: Disposable;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Connects workers by `bus`, as those of the process `key`. */
  constructor(bus: Bus, key: string) {
    super();
    this.#bus = bus;
    this.#channel = upChannel(key);
    this.#subscription = bus.subscribe(downChannel(key), {
      onMessage: (_channel, payload) => {
        const { workers, record } = unpacked(payload);
        this.deliver(workers, record);
      },
      onLoss: () => this.resyncAll(),
    });
  }

  /** Ends all connections. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#subscription[Symbol.dispose]();
  }

  protected override passOn(worker: number, record: Uint8Array): boolean {
    if (!this.#bus.publish(this.#channel, packed([worker], record))) this.#resyncSoon();
    return true;
  }

  /** What was lost on the way to the hub was lost for good: what workers say next may be lost, too. */
  #resyncSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.resyncAll();
    }, timerMs(RESYNC_DELAY_MS));
  }
}
