/**
 * One end of a bus between two processes: a connection, and a bounded queue of what waits to be sent.
 *
 * @module
 */

import { ByteQueue } from "../base/byte_queue.ts";
import { EMPTY } from "../base/empty.ts";
import type { BusRecordTaker } from "./bus_records.ts";
import { busRecord, BusRecordError, BusRecordReader, LOSS } from "./bus_records.ts";

/** What waits for the other side at the most, in bytes; further messages are lost to it. */
export const MAX_QUEUED_BYTES = 33_554_432;
const READ_BYTES = 65_536;

/** What a bus needs of a connection. */
export type BusConn = Pick<Deno.Conn, "read" | "write" | "close">;

/** Takes what comes from the other side. */
export interface BusPeerOwner {
  /** A record has come. */
  readonly onRecord: BusRecordTaker;
  /** Nothing more will come: the other side has ended, or has sent what is no record, as `fault` says. */
  onEnd(fault: string | null): void;
}

/** A connection to another process of the gateway. */
export class BusPeer implements Disposable {
  readonly #conn: BusConn;
  readonly #owner: BusPeerOwner;
  readonly #queue = new ByteQueue();
  #isSending = false;
  /** Whether something was not sent, and that is to be told. */
  #hasLost = false;
  #isClosed = false;

  /** Begins to read from `conn`, of which `first` has been read already. */
  constructor(conn: BusConn, owner: BusPeerOwner, first: Uint8Array = EMPTY) {
    this.#conn = conn;
    this.#owner = owner;
    this.#read(first);
  }

  /** Sends a message; `false` if there is no room for it, which the other side will be told. */
  offer(record: Uint8Array | null): boolean {
    if (this.#isClosed) return false;
    const isLost = record === null || this.#queue.length + record.length > MAX_QUEUED_BYTES;
    if (isLost) this.#hasLost = true;
    else this.#queue.push(record);
    this.#send();
    return !isLost;
  }

  /** Sends what must not be lost, and is little. */
  insist(record: Uint8Array | null): void {
    if (this.#isClosed || record === null) return;
    this.#queue.push(record);
    this.#send();
  }

  /** Closes the connection. Its end is told to the other side only. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.clear();
    this.#conn.close();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    // What is sent in one turn goes out together.
    await null;
    for (;;) {
      // What was lost came after all that waits.
      if (this.#hasLost && this.#queue.length === 0) {
        this.#hasLost = false;
        this.#queue.push(busRecord(LOSS, "")!);
      }
      const chunk = this.#queue.shift();
      if (chunk === null || !await this.#write(chunk)) break;
    }
    this.#isSending = false;
  }

  /** Writes all of `chunk`; `false` if the connection has ended. */
  async #write(chunk: Uint8Array): Promise<boolean> {
    let rest = chunk;
    while (rest.length > 0 && !this.#isClosed) {
      try {
        rest = rest.subarray(await this.#conn.write(rest));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        // The read fails, too, or ends: it tells.
        return false;
      }
    }
    return !this.#isClosed;
  }

  async #read(first: Uint8Array): Promise<void> {
    const reader = new BusRecordReader();
    const buffer = new Uint8Array(READ_BYTES);
    let fault: string | null = null;
    let bytes: Uint8Array | null = first;
    // The owner gets this peer before it gets a record.
    await null;
    while (bytes !== null && !this.#isClosed) {
      try {
        reader.push(bytes, (kind, name, payload) => {
          if (!this.#isClosed) this.#owner.onRecord(kind, name, payload);
        });
      } catch (error) {
        if (!(error instanceof BusRecordError)) throw error;
        fault = error.message;
        break;
      }
      bytes = await this.#readInto(buffer);
    }
    if (this.#isClosed) return;
    this[Symbol.dispose]();
    this.#owner.onEnd(fault);
  }

  async #readInto(buffer: Uint8Array): Promise<Uint8Array | null> {
    if (this.#isClosed) return null;
    try {
      const count = await this.#conn.read(buffer);
      return count === null ? null : buffer.subarray(0, count);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // The other side is gone, or the connection was closed here.
      return null;
    }
  }
}
