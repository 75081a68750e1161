/**
 * What can go wrong when a connection is accepted: a client that is gone already, or a system that has
 * no room for one more.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";

/** Codes of a process, or a system, that has no descriptor or no memory left (accept(2)). */
const EXHAUSTION = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);
/**
 * Faults in a row after which others have their turn: the queue may be full of such connections.
 */
const FAULTS_IN_A_ROW = 64;
/** Longest pause between faults in a row, in milliseconds. */
const MAX_PAUSE_MS = 100;
/** Faults are logged this often at the most, in milliseconds. */
const LOG_PERIOD_MS = 1_000;

/** Whether `error` tells that the system has no room, so that trying again at once is of no use. */
export function isExhaustion(error: unknown): boolean {
  return EXHAUSTION.has((error as { code?: string } | null)?.code ?? "");
}

/** The faults of one listener: skipped at once, and logged once a second with their number. */
export class AcceptFaults {
  readonly #protocol: string;
  readonly #log: Log;
  #inARow = 0;
  #unlogged = 0;
  #last: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Makes the tally of a listener for `protocol`. */
  constructor(protocol: string, log: Log) {
    this.#protocol = protocol;
    this.#log = log;
  }

  /** Takes note of a fault. */
  add(error: unknown): void {
    this.#inARow++;
    this.#unlogged++;
    this.#last = error;
    if (this.#timer !== undefined) return;
    this.#report();
    this.#timer = setTimeout(this.#onPeriodOver, LOG_PERIOD_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  /** Takes note that a connection was accepted. */
  clear(): void {
    this.#inARow = 0;
  }

  /**
   * How long to wait before the next try, in milliseconds: not at all, but for faults that do not come
   * to an end by themselves.
   */
  get pauseMs(): number {
    const rounds = Math.floor(this.#inARow / FAULTS_IN_A_ROW);
    return this.#inARow % FAULTS_IN_A_ROW === 0 ? Math.min(rounds, MAX_PAUSE_MS) : 0;
  }

  /** Logs what is not logged yet. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#report();
  }

  readonly #onPeriodOver = (): void => {
    this.#timer = undefined;
    if (this.#unlogged === 0) return;
    this.#report();
    this.#timer = setTimeout(this.#onPeriodOver, LOG_PERIOD_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  };

  #report(): void {
    const count = this.#unlogged;
    if (count === 0) return;
    this.#unlogged = 0;
    const what = count === 1 ? "cannot accept a connection" : `cannot accept ${count} connections`;
    this.#log("warning", `${this.#protocol}: ${what}: ${messageOf(this.#last)}`);
  }
}
