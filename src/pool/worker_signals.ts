/**
 * What a worker and the hub of signals and topics say to each other.
 *
 * @module
 */

import { SIGNAL_RECORD } from "../ring/frames.ts";
import type { RingReader, RingWriter } from "../ring/ring.ts";
import { RingError } from "../ring/ring.ts";
import { SIGNAL_LIMITS } from "../signals/limits.ts";
import { READ } from "../signals/records.ts";
import type { SignalLine, SignalPort, Switchboard } from "../signals/switchboard.ts";

/** A worker for which so many bytes wait outside the ring gets no more events and signals. */
const MAX_CLOGGED_BYTES = 8_388_608;
/** Bytes of a record about signals and topics at the most. */
const MAX_RECORD_BYTES = 131_072;

/** Passes records between one worker and the hub. */
export class WorkerSignals implements SignalPort {
  readonly #switchboard: Switchboard | undefined;
  /** The ring to the worker; what is written to it is published soon. */
  readonly #writing: () => RingWriter;
  readonly #writer: RingWriter;
  /** The connection to the hub, from its first use on. */
  #line: SignalLine | null = null;
  #hasEnded = false;

  /** Connects the worker that `writer` writes to, once it has something to say, if there is a switchboard. */
  constructor(
    switchboard: Switchboard | undefined,
    writer: RingWriter,
    writing: () => RingWriter,
  ) {
    this.#switchboard = switchboard;
    this.#writer = writer;
    this.#writing = writing;
  }

  get isClogged(): boolean {
    return this.#writer.overflowBytes >= MAX_CLOGGED_BYTES;
  }

  write(record: Uint8Array): void {
    if (!this.#hasEnded) this.#writing().write(SIGNAL_RECORD, 0, 0, 0, record);
  }

  /**
   * Takes a SIGNAL_RECORD frame of the worker's.
   *
   * @throws {RingError} if it is malformed, or there is no hub
   */
  take(frame: RingReader): void {
    const { payload, length } = frame;
    const switchboard = this.#switchboard;
    if (switchboard === undefined) {
      throw new RingError("a record of signals, which there are none of");
    }
    if (length > MAX_RECORD_BYTES) throw new RingError("a record of signals that is too long");
    this.#line ??= switchboard.attach(this);
    // What counts is a copy: the worker can change the ring.
    const record = payload.slice();
    // A page is far more work than to ask for it: others are to have their turn meanwhile.
    if (record[0] === READ) frame.charge(SIGNAL_LIMITS.pageBytes);
    if (!this.#line.take(record)) throw new RingError("a malformed record of signals");
  }

  /** The worker has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#line?.[Symbol.dispose]();
  }
}
