/**
 * What a process prints: whole lines for the log, and its reports taken out of them.
 *
 * @module
 */

import type { Report } from "./protocol.ts";
import { reportMark } from "./protocol.ts";

/** A line that is longer comes in parts. */
const MAX_LINE_CHARS = 65_536;

/** Takes what is found in the output. */
export interface OutputReceiver {
  /** A line, without its end. */
  onLine(line: string): void;
  /** A report. */
  onReport(report: Report): void;
}

/** Finds lines and reports in a process's output, however it is split. */
export class OutputSplitter {
  readonly #receiver: OutputReceiver;
  readonly #mark: string;
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** Reports are those that begin with `token`. */
  constructor(token: string, receiver: OutputReceiver) {
    this.#mark = reportMark(token);
    this.#receiver = receiver;
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#take(line);
    while (this.#rest.length > MAX_LINE_CHARS) {
      this.#receiver.onLine(this.#rest.slice(0, MAX_LINE_CHARS));
      this.#rest = this.#rest.slice(MAX_LINE_CHARS);
    }
  }

  /** Takes what was left without an end of line. */
  end(): void {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = "";
    if (rest !== "") this.#take(rest);
  }

  #take(line: string): void {
    // Another thread may have begun a line before.
    const start = line.indexOf(this.#mark);
    if (start !== 0) this.#receiver.onLine(start < 0 ? line : line.slice(0, start));
    if (start >= 0) this.#receiver.onReport(JSON.parse(line.slice(start + this.#mark.length)));
  }
}
