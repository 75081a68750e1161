/**
 * The access log: a line for each request, written in batches, and never waited for.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import type { RequestObserver, RequestRecord } from "../observe/request_record.ts";
import type { LogFormat } from "./format.ts";
import { LineBuffer } from "./line_buffer.ts";
import { LineWriter } from "./line_writer.ts";

/** How long a line waits for others, in milliseconds. */
const BATCH_MS = 200;
/** Lines of so many bytes wait no longer. */
const BATCH_BYTES = 131_072;
/** Lines that wait, while others are being written, take at most so many bytes; further ones are dropped. */
const MAX_WAITING_BYTES = 4_194_304;
/** A buffer that has grown beyond this is not kept, in bytes. */
const MAX_KEPT_BYTES = 262_144;
/** Word of lines that are lost is given once in this time. */
const LOSS_PERIOD_MS = 10_000;
/** What is left may take so long to be written at the end, in milliseconds. */
const LAST_MS = 2_000;

/** Where lines go. */
export interface LineSink {
  /** Writes whole lines: all of `bytes`, which are borrowed until it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Begins anew: the file has been moved away. */
  reopen(): void;
  /** Ends it, after all that was written. */
  close(): void;
}

/** Writes a line for each request. */
export class AccessLog implements RequestObserver {
  readonly isPatient = true;
  readonly #sink: LineSink;
  readonly #writer: LineWriter;
  readonly #name: string;
  readonly #log: Log;
  #waiting = new LineBuffer();
  #waitingLines = 0;
  #spare = new LineBuffer();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The write that is under way. */
  #writing: Promise<void> | null = null;
  /** Lines that it writes. */
  #writingLines = 0;
  #lostLines = 0;
  #lossReason = "";
  #toldAt = -Infinity;
  #isClosed = false;

  /** Writes lines in `format` to `sink`, which `name` is the name of. */
  constructor(sink: LineSink, name: string, format: LogFormat, log: Log) {
    this.#sink = sink;
    this.#name = name;
    this.#writer = new LineWriter(format, Deno.pid);
    this.#log = log;
  }

  onEnd(record: RequestRecord): void {
    const waiting = this.#waiting;
    if (waiting.length >= MAX_WAITING_BYTES || this.#isClosed) {
      this.#lose(1, "they cannot be written as fast as they come");
      // The write that is under way may never end.
      if (!this.#isClosed) this.#tellOfLoss(performance.now());
      return;
    }
    this.#writer.write(waiting, record);
    this.#waitingLines++;
    if (this.#writing !== null) return;
    if (waiting.length >= BATCH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(this.#onTimer, timerMs(BATCH_MS));
  }

  onPause(): void {
    if (this.#writing === null) this.#flush();
  }

  /** Goes on in a new file of the same name: the one that it had has been moved away. */
  reopen(): void {
    this.#sink.reopen();
  }

  /** Writes what is left, as far as it is taken within a moment, and ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await inTime(this.#untilWritten(), LAST_MS);
    clearTimeout(this.#timer);
    this.#lose(this.#writingLines + this.#waitingLines, "nobody took them at the end");
    this.#writingLines = this.#waitingLines = this.#waiting.length = 0;
    this.#tellOfLoss(Infinity);
    this.#sink.close();
  }

  async #untilWritten(): Promise<void> {
    while (this.#writing !== null || this.#waiting.length > 0) {
      if (this.#writing === null) this.#flush();
      await this.#writing;
    }
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#writing === null) this.#flush();
  };

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length > 0) this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    this.#writingLines = this.#waitingLines;
    this.#waiting = this.#spare;
    this.#waitingLines = 0;
    try {
      await this.#sink.write(batch.bytes.subarray(0, batch.length));
    } catch (error) {
      this.#lose(this.#writingLines, messageOf(error));
    }
    this.#writingLines = 0;
    batch.length = 0;
    this.#spare = batch.bytes.length > MAX_KEPT_BYTES ? new LineBuffer() : batch;
    this.#writing = null;
    this.#tellOfLoss(performance.now());
    if (this.#waiting.length >= BATCH_BYTES || this.#isClosed) this.#flush();
    else if (this.#waiting.length > 0) this.#timer = setTimeout(this.#onTimer, timerMs(BATCH_MS));
  }

  #lose(lines: number, reason: string): void {
    if (lines === 0) return;
    this.#lostLines += lines;
    this.#lossReason = reason;
  }

  #tellOfLoss(now: number): void {
    const lines = this.#lostLines;
    if (lines === 0 || now - this.#toldAt < LOSS_PERIOD_MS) return;
    this.#toldAt = now;
    this.#lostLines = 0;
    const said = lines === 1 ? "1 line is" : `${lines} lines are`;
    this.#log("warning", `access log ${this.#name}: ${said} lost: ${this.#lossReason}`);
  }
}
