/**
 * A gateway process, as its supervisor sees it.
 *
 * @module
 */

import type { OwnCommand } from "./command.ts";
import type { Relay } from "../bus/relay.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import type { Assignment, Report } from "./protocol.ts";
import { PROTOCOL_VERSION, SUPERVISED_ARGUMENT } from "./protocol.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { ReportChannel } from "./report_channel.ts";

/** A line that is longer is printed in parts. */
const MAX_LINE_CHARS = 65_536;
/** What was printed before a process died is read for so long: its own children may hold the pipe. */
const LAST_WORDS_MS = 500;

/** What a process is started with. */
export interface ProcessOptions {
  /** Its number, from 1. */
  readonly number: number;
  /** How gatehouse is started. */
  readonly command: OwnCommand;
  /** What the supervisor was started in and with: its processes are, too. */
  readonly surroundings: Surroundings;
  /** Ports that were chosen. */
  readonly ports: Assignment["ports"];
  /** Whose place it takes. */
  readonly role: Assignment["role"];
  /** What the processes say to each other goes over it. */
  readonly relay: Relay;
}

/** Is told of what processes do. */
export interface ProcessOwner {
  /** Takes a line that a process has printed. */
  onLine(process: GatewayProcess, stream: "stdout" | "stderr", line: string): void;
  /** Takes what a ready process reports. */
  onReport(process: GatewayProcess, report: Report): void;
  /** The process can report nothing more; `reason` says why, if it is not that it ends. */
  onReportsEnd(process: GatewayProcess, reason: string | null): void;
  /** The process sent something over the bus that none sends. */
  onBusFault(process: GatewayProcess, fault: string): void;
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
  /** Names it to the hub of signals and topics: no other has had this name. */
  readonly key = crypto.randomUUID();
  /** When it was started, as `performance.now()` has it. */
  readonly startedAt = performance.now();
  /** Resolves when it serves; rejects with a {@linkcode StartError} if it ends before. */
  readonly ready: Promise<ReadyReport>;
  /** Whether it has served. */
  hasServed = false;
  /** Resolves when it has ended, and what it printed has been read. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #owner: ProcessOwner;
  readonly #whenReady = Promise.withResolvers<ReadyReport>();
  readonly #channel: ReportChannel;
  /** Its connection to the bus; `null` as long as it has none. */
  #bus: Disposable | null = null;

  /** Starts a process. */
  constructor(options: ProcessOptions, owner: ProcessOwner) {
    const { number, command, surroundings, ports, role, relay } = options;
    const { args, cwd, env, tempFolder } = surroundings;
    this.number = number;
    this.#owner = owner;
    this.ready = this.#whenReady.promise;
    // Those that wait for it get the error; nobody has to wait.
    this.ready.catch(() => {});
    const token = crypto.randomUUID();
    this.#channel = new ReportChannel(tempFolder, token, {
      onReport: (report) => this.#onReport(report),
      onFault: (reason) => owner.onReportsEnd(this, reason),
      onEnd: () => owner.onReportsEnd(this, null),
      onBus: (conn, first) => {
        this.#bus = relay.admit(conn, first, {
          onEnd: (fault) => fault !== null && owner.onBusFault(this, fault),
        });
      },
    });
    try {
      this.#child = new Deno.Command(command.program, {
        args: [...command.first, `${SUPERVISED_ARGUMENT}${number}`, ...args],
        cwd,
        env: { ...env },
        clearEnv: true,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      this.#channel[Symbol.dispose]();
      throw error;
    }
    const socket = this.#channel.path;
    const supervisor = Deno.pid;
    const { key } = this;
    this.#tell({ version: PROTOCOL_VERSION, supervisor, socket, token, key, ports, role });
    // An end that cannot be read is one.
    this.ended = this.#end(Promise.allSettled([this.#read("stdout"), this.#read("stderr")]));
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
    const input = this.#child.stdin.getWriter();
    try {
      await input.write(new TextEncoder().encode(`${JSON.stringify(assignment)}\n`));
      await input.close();
    } catch (error) {
      // It has died, as its status tells.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  async #read(stream: "stdout" | "stderr"): Promise<void> {
    const splitter = new LineSplitter(
      MAX_LINE_CHARS,
      (line) => this.#owner.onLine(this, stream, line),
    );
    for await (const bytes of this.#child[stream]) splitter.push(bytes);
    splitter.end();
  }

  #onReport(report: Report): void {
    if (report.kind !== "ready") {
      this.#owner.onReport(this, report);
      return;
    }
    this.hasServed = true;
    this.#whenReady.resolve(report);
  }

  async #end(output: Promise<unknown>): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise((resolve) => timer = setTimeout(resolve, LAST_WORDS_MS));
    await Promise.race([output, enough]);
    clearTimeout(timer);
    this.#channel[Symbol.dispose]();
    this.#bus?.[Symbol.dispose]();
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
