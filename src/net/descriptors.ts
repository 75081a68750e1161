/**
 * The file descriptors of the process: how many connections there is room for, so that the gateway's
 * own work (files, reloads, modules) always has some left.
 *
 * @module
 */

import { isExhaustion } from "./accept_faults.ts";
import { openLibc } from "./libc.ts";
import { canListDescriptors, mayRead, openDescriptors } from "./open_descriptors.ts";
import { DescriptorReserve } from "./reserve.ts";

/** An endpoint, as the search for room sees it. */
export interface RoomMaker {
  /** Since when the connection waits that can be closed first, on the clock; `Infinity` if none can be. */
  readonly spareSince: number;
  /** Closes that connection; `false` if that makes no room, or not yet. */
  closeSpare(): boolean;
  /** There may be room again. */
  onRoom(): void;
}

/** Descriptors that are kept for the gateway itself, those of the reserve included, besides what others ask for. */
const OWN_DESCRIPTORS = 20;
/** Connections that are admitted however few descriptors there are. */
const MIN_CONNECTIONS = 4;
/** Interval at which descriptors other than connections are counted again, in milliseconds. */
const COUNT_PERIOD_MS = 1_000;

/** Number of `RLIMIT_NOFILE` in the calls of systems other than Linux. */
const RLIMIT_NOFILE = 8;

/** The room for connections in one process. */
export class Descriptors {
  /** Is called when the system refuses a descriptor. */
  onShortage: (() => void) | null = null;

  readonly #limitNow: () => number;
  readonly #countOpen: () => number | null;
  #limit: number | undefined;
  readonly #makers = new Set<RoomMaker>();
  readonly #reserve = new DescriptorReserve();
  #held = 0;
  #kept = OWN_DESCRIPTORS;
  #room = Infinity;
  #countedAt = -Infinity;

  /**
   * Makes the room of a process. `limit` says how many descriptors it may have; `countOpen` counts
   * those that are open, returns `null` where it cannot, and throws where none is left to do so.
   */
  constructor(limit: () => number, countOpen: () => number | null) {
    this.#limitNow = limit;
    this.#countOpen = countOpen;
  }

  /** Connections (and other things that clients cause to be open) that there is room for. */
  get room(): number {
    if (this.#countedAt === -Infinity) this.#count(performance.now());
    return this.#room;
  }

  /** Descriptors that the process may have; `Infinity` if their number is not known. */
  get limit(): number {
    return this.#limit ??= this.#limitNow();
  }

  /**
   * Counts the descriptors that are open and not for clients; all that there can be if there is none left to
   * count with, and `null` where they cannot be counted.
   */
  countOthers(): number | null {
    const open = this.#countNow(this.limit);
    return open === null ? null : open - this.#held - this.#reserve.size;
  }

  /** Whether one more would be one too many. */
  get isFull(): boolean {
    // Far from the limit, nothing has to be counted.
    if (this.#held * 2 < this.#room && this.#countedAt !== -Infinity) return false;
    const now = performance.now();
    if (now - this.#countedAt >= COUNT_PERIOD_MS) this.#count(now);
    return this.#held >= this.#room;
  }

  /**
   * Whether there are `count` descriptors for work of the gateway's own, as far as that is known. The reserve
   * is for such work: it is given up if it takes that.
   */
  makeAvailable(count: number): boolean {
    const { limit } = this;
    if (limit === Infinity) return true;
    const left = limit - (this.#countNow(limit) ?? 0);
    if (left >= count) return true;
    if (left + this.#reserve.size < count) return false;
    this.#reserve[Symbol.dispose]();
    return true;
  }

  /** Takes note that a client has something opened. */
  take(): void {
    this.#held++;
  }

  /** Takes note that it is closed. */
  give(): void {
    this.#held--;
    this.#tellRoom();
  }

  /** Keeps `count` more descriptors free, for as long as what is returned is not called. */
  keepFree(count: number): () => void {
    this.#kept += count;
    this.#countedAt = -Infinity;
    return () => {
      this.#kept -= count;
      count = 0;
      this.#countedAt = -Infinity;
    };
  }

  /**
   * The system has refused a descriptor: there are fewer than was thought. Closes a connection that waits,
   * or gives up one of the reserve; `false` if there is neither.
   */
  onExhausted(): boolean {
    this.#count(performance.now());
    this.#room = Math.max(MIN_CONNECTIONS, Math.min(this.#room, this.#held - 1));
    this.onShortage?.();
    return this.closeSpare() || this.#reserve.giveUpOne();
  }

  /** Takes an endpoint in among those that make room. */
  add(maker: RoomMaker): void {
    if (this.#makers.size === 0) this.#reserve.fill();
    this.#makers.add(maker);
  }

  /** Takes an endpoint out. */
  delete(maker: RoomMaker): void {
    this.#makers.delete(maker);
    if (this.#makers.size === 0) this.#reserve[Symbol.dispose]();
  }

  /** Closes the connection that waits longest, of all endpoints; `false` if that makes no room, or not yet. */
  closeSpare(): boolean {
    let longest: RoomMaker | null = null;
    for (const maker of this.#makers) {
      if (maker.spareSince < (longest?.spareSince ?? Infinity)) longest = maker;
    }
    return longest?.closeSpare() ?? false;
  }

  #tellRoom(): void {
    for (const maker of this.#makers) maker.onRoom();
  }

  #count(now: number): void {
    this.#countedAt = now;
    const { limit } = this;
    if (limit === Infinity) return;
    const open = this.#countNow(limit);
    if (open === null) return;
    const others = Math.max(0, open - this.#held - this.#reserve.size);
    this.#room = Math.max(MIN_CONNECTIONS, limit - others - this.#kept);
    if (this.#makers.size > 0 && limit - open >= this.#kept) this.#reserve.fill();
  }

  #countNow(limit: number): number | null {
    try {
      return this.#countOpen();
    } catch (error) {
      if (!isExhaustion(error)) throw error;
      // To look takes a descriptor, too.
      return limit;
    }
  }
}

/** Those of this process. */
export const descriptors: Descriptors = new Descriptors(limitOfProcess, countOwn);

function limitOfProcess(): number {
  return Deno.build.os === "linux" ? limitByFile() : limitByCall();
}

function limitByFile(): number {
  const path = "/proc/self/limits";
  if (!mayRead(path)) return Infinity;
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync(path)) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch (error) {
    // Deno requires all permissions for this, not only that to read.
    if (error instanceof Deno.errors.NotCapable) return Infinity;
    throw error;
  }
}

function limitByCall(): number {
  const libc = openLibc({ getrlimit: { parameters: ["i32", "buffer"], result: "i32" } });
  if (libc === null) return Infinity;
  const limits = new BigUint64Array(2);
  const failed = libc.symbols.getrlimit(RLIMIT_NOFILE, new Uint8Array(limits.buffer)) !== 0;
  libc.close();
  return failed ? Infinity : Number(limits[0]);
}

function countOwn(): number | null {
  canCount ??= canListDescriptors();
  if (!canCount) return null;
  let count = 0;
  for (const _number of openDescriptors()) count++;
  // The listing itself is open while it is read.
  return count - 1;
}

let canCount: boolean | undefined;
