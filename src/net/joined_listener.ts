/**
 * Several listeners as one: for a name with several addresses.
 *
 * @module
 */

import { AcceptingListener } from "./accepting_listener.ts";

/** What came of one `accept()`. */
interface Arrival {
  /** Place of its listener. */
  readonly index: number;
  readonly conn: Deno.Conn | null;
  readonly error: unknown;
}

/**
 * A listener that accepts what any of its parts does. Each part has one `accept()` under way at the most,
 * and only while somebody waits, or has since not come back for what it gave.
 */
export class JoinedListener extends AcceptingListener {
  readonly addr: Deno.NetAddr;
  readonly #parts: readonly Deno.Listener[];
  /** Parts of which an `accept()` is under way, or has come to its end and waits to be taken. */
  readonly #busy: boolean[];
  #arrivals: Arrival[] = [];
  #waiters: ((arrival: Arrival) => void)[] = [];

  /** Joins `parts`, two or more. Its address is that of the first. */
  constructor(parts: readonly Deno.Listener[]) {
    super();
    this.#parts = parts;
    this.#busy = parts.map(() => false);
    this.addr = parts[0].addr as Deno.NetAddr;
  }

  async accept(): Promise<Deno.Conn> {
    if (this.isClosed) throw new Deno.errors.BadResource("the listener is closed");
    const { index, conn, error } = this.#arrivals.shift() ?? await this.#arrival();
    this.#busy[index] = false;
    if (conn === null) throw error;
    return conn;
  }

  close(): void {
    this.isClosed = true;
    for (const part of this.#parts) part.close();
    for (const { conn } of this.#arrivals) conn?.close();
    this.#arrivals = [];
  }

  ref(): void {
    for (const part of this.#parts) part.ref();
  }

  unref(): void {
    for (const part of this.#parts) part.unref();
  }

  #arrival(): Promise<Arrival> {
    const arrival = new Promise<Arrival>((resolve) => this.#waiters.push(resolve));
    for (let index = 0; index < this.#parts.length; index++) {
      if (!this.#busy[index]) this.#begin(index);
    }
    return arrival;
  }

  #begin(index: number): void {
    this.#busy[index] = true;
    this.#parts[index].accept().then(
      (conn) => this.#take({ index, conn, error: null }),
      (error) => this.#take({ index, conn: null, error }),
    );
  }

  #take(arrival: Arrival): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter(arrival);
    else if (this.isClosed) arrival.conn?.close();
    else this.#arrivals.push(arrival);
  }
}
