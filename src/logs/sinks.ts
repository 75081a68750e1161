/**
 * Where the lines of an access log go: a file, standard output, or the supervisor's.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { writeOutput } from "../base/log.ts";
import { statOf } from "../base/folders.ts";
import type { Bus } from "../bus/bus.ts";
import type { LineSink } from "./access_log.ts";

/** Who may read a new log: it tells who asked for what. */
const LOG_MODE = 0o640;
/** The bus's channel for lines that are to be on the supervisor's standard output. */
export const LINES_CHANNEL = "access-log";

/** A file, to which several processes can append. */
export class FileSink implements LineSink {
  readonly #path: string;
  readonly #log: Log;
  #file: Deno.FsFile;
  #writes = 0;
  /** Files that are to be closed when they are not written to. */
  #old: Deno.FsFile[] = [];

  /**
   * Opens the file at `path`, or makes it.
   *
   * @throws {ConfigError} if that cannot be
   */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    try {
      this.#file = this.#open();
    } catch (error) {
      throw new ConfigError(`the access log ${path} cannot be opened: ${messageOf(error)}`);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    this.#writes++;
    try {
      // One call takes all of it, unless the disk is full: lines of other processes stay apart.
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    } finally {
      this.#writes--;
      this.#closeOld();
    }
  }

  reopen(): void {
    let file: Deno.FsFile;
    try {
      file = this.#open();
    } catch (error) {
      this.#log("error", `access log ${this.#path} stays as it is: ${messageOf(error)}`);
      return;
    }
    this.#old.push(this.#file);
    this.#file = file;
    this.#closeOld();
    this.#log("info", `access log ${this.#path} was opened again`);
  }

  close(): void {
    this.#old.push(this.#file);
    this.#closeOld();
  }

  #open(): Deno.FsFile {
    // To open a pipe would last until somebody reads it, and to write to it for as long as nobody does.
    if (statOf(this.#path)?.isFifo === true) {
      throw new ConfigError("it is a pipe; write - for standard output, and pipe that");
    }
    return Deno.openSync(this.#path, { append: true, create: true, mode: LOG_MODE });
  }

  #closeOld(): void {
    if (this.#writes > 0) return;
    for (const file of this.#old.splice(0)) file.close();
  }
}

/** Standard output. */
export class OutputSink implements LineSink {
  write(bytes: Uint8Array): Promise<void> {
    return writeOutput(bytes);
  }

  reopen(): void {}

  close(): void {}
}

/** The standard output of the supervisor, by way of the bus. */
export class SupervisorSink implements LineSink {
  readonly #bus: Bus;

  /** Sends lines over `bus`. */
  constructor(bus: Bus) {
    this.#bus = bus;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#bus.publish(LINES_CHANNEL, bytes.slice())) return Promise.resolve();
    return Promise.reject(new Error("the supervisor does not take them as fast as they come"));
  }

  reopen(): void {}

  close(): void {}
}

/** Lines that wait for the supervisor's standard output take so many bytes at the most. */
const MAX_QUEUED_BYTES = 16_777_216;
/** They may take so long to be written at the end, in milliseconds. */
const LAST_MS = 2_000;

/** What is to be written to standard output, in its order, by a process that must not wait for it. */
export class OutputQueue {
  readonly #log: Log;
  #queuedBytes = 0;
  #lostBytes = 0;
  #last: Promise<void> = Promise.resolve();

  /** Makes a queue; `log` is told of what is lost. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** Adds whole lines. */
  push(lines: Uint8Array): void {
    const { length } = lines;
    if (this.#queuedBytes + length > MAX_QUEUED_BYTES) {
      this.#lose(length, "standard output does not take them as fast as they come");
      return;
    }
    this.#queuedBytes += length;
    this.#last = this.#last.then(() => this.#write(lines));
  }

  /** Resolves when all was written, or after a moment. */
  async close(): Promise<void> {
    if (await inTime(this.#last, LAST_MS)) return;
    this.#lose(this.#queuedBytes, "nobody took them at the end");
  }

  async #write(lines: Uint8Array): Promise<void> {
    try {
      await writeOutput(lines);
      this.#lostBytes = 0;
    } catch (error) {
      this.#lose(lines.length, messageOf(error));
    }
    this.#queuedBytes -= lines.length;
  }

  /** Says so, once until lines are written again. */
  #lose(bytes: number, reason: string): void {
    if (this.#lostBytes === 0) this.#log("warning", `access log: lines are lost: ${reason}`);
    this.#lostBytes += bytes;
  }
}
