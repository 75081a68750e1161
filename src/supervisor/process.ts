/**
 * A gateway process, as its supervisor sees it.
 *
 * @module
 */

import type { OwnCommand } from "./command.ts";
import { OutputSplitter } from "./output.ts";
import type { Assignment, Report } from "./protocol.ts";
import { PROTOCOL_VERSION, SUPERVISED_ARGUMENT } from "./protocol.ts";

/** What was printed before a process died is read for so long: its own children may hold the pipe. */
const LAST_WORDS_MS = 500;

/** What a process is started with. */
export interface ProcessOptions {
  /** Its number, from 1. */
  readonly number: number;
  /** How gatehouse is started. */
  readonly command: OwnCommand;
  /** The user's arguments. */
  readonly args: readonly string[];
  /** Ports that were chosen. */
  readonly ports: Assignment["ports"];
  /** Whose place it takes. */
  readonly role: Assignment["role"];
}

/** Is told of what processes do. */
export interface ProcessOwner {
  /** Takes a line that a process has printed. */
  onLine(process: GatewayProcess, stream: "stdout" | "stderr", line: string): void;
  /** Takes what a ready process reports. */
  onReport(process: GatewayProcess, report: Report): void;
  /** The process has ended. */
  onEnd(process: GatewayProcess, status: Deno.CommandStatus): void;
}

/** What a process says when it serves. */
export type ReadyReport = Extract<Report, { kind: "ready" }>;

/** A process that has ended before it was ready. */
export class StartError extends Error {
  /** Name of the class. */
  override name = "StartError";
  /** Its exit status. */
  readonly code: number;

  /** Makes an error for a process that ended with `code`. */
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** A process that was started. */
export class GatewayProcess {
  /** Its number, from 1; that which takes its place has the same. */
  readonly number: number;
  /** When it was started, as `performance.now()` has it. */
  readonly startedAt = performance.now();
  /** Resolves when it serves; rejects with a {@linkcode StartError} if it ends before. */
  readonly ready: Promise<ReadyReport>;
  /** Resolves when it has ended, and what it printed has been read. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #owner: ProcessOwner;
  readonly #whenReady = Promise.withResolvers<ReadyReport>();
  /** Stays open: its end tells the process that there is no supervisor any more. */
  readonly #lifeline: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  /** Starts a process. */
  constructor(options: ProcessOptions, owner: ProcessOwner) {
    const { number, command, args, ports, role } = options;
    this.number = number;
    this.#owner = owner;
    this.ready = this.#whenReady.promise;
    // Whoever waits for it hears of it; nobody has to.
    this.ready.catch(() => {});
    this.#child = new Deno.Command(command.program, {
      args: [...command.first, `${SUPERVISED_ARGUMENT}${number}`, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const token = crypto.randomUUID();
    this.#lifeline = this.#child.stdin.getWriter();
    this.#tell({ version: PROTOCOL_VERSION, token, ports, role });
    const output = Promise.all([this.#read("stdout", token), this.#read("stderr", token)]);
    this.ended = this.#end(output);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a signal; nothing happens if the process has ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended, and that has not been heard of yet.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #tell(assignment: Assignment): Promise<void> {
    try {
      await this.#lifeline.write(new TextEncoder().encode(`${JSON.stringify(assignment)}\n`));
    } catch (error) {
      // It has died: that is told by its status.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  async #read(stream: "stdout" | "stderr", token: string): Promise<void> {
    const splitter = new OutputSplitter(token, {
      onLine: (line) => this.#owner.onLine(this, stream, line),
      onReport: (report) => this.#onReport(report),
    });
    for await (const bytes of this.#child[stream]) splitter.push(bytes);
    splitter.end();
  }

  #onReport(report: Report): void {
    if (report.kind === "ready") this.#whenReady.resolve(report);
    else this.#owner.onReport(this, report);
  }

  async #end(output: Promise<unknown>): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise((resolve) => timer = setTimeout(resolve, LAST_WORDS_MS));
    await Promise.race([output, enough]);
    clearTimeout(timer);
    this.#lifeline.close().catch(() => {
      // The other end is gone.
    });
    const message = `it ended before it was ready (${describeStatus(status)})`;
    this.#whenReady.reject(new StartError(message, status.code || 1));
    this.#owner.onEnd(this, status);
    return status;
  }
}

/** How a process ended, in words. */
export function describeStatus({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `exit status ${code}` : signal;
}
