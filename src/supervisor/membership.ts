/**
 * The supervised process's side: its assignment, and its reports.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import { ProcessBus } from "../bus/process_bus.ts";
import { ignoreBrokenPipes, logToStderr } from "../base/log.ts";
import type { Assignment, Report } from "./protocol.ts";
import {
  BUS_SUFFIX,
  MAX_MESSAGE_CHARS,
  PROTOCOL_VERSION,
  SUPERVISED_ARGUMENT,
} from "./protocol.ts";

const LINE_END = 10;
/** How often it is seen whether the supervisor still lives, in milliseconds. */
const PARENT_CHECK_MS = 1_000;
/** How soon after its connection has ended, and how often. */
const PROMPT_CHECK_MS = 20;
const PROMPT_CHECKS = 50;

const encoder = new TextEncoder();

/** This process as one of several. */
export class Membership {
  /** Its number, from 1. */
  readonly number: number;
  /** Its assignment. */
  readonly assignment: Assignment;
  /** Resolves when the supervisor has ended. */
  readonly orphaned: Promise<void>;
  /** Carries messages to and from the other processes. */
  readonly bus: ProcessBus;
  readonly #channel: Deno.Conn;
  /** Ends when all that was reported has been sent. */
  #sending: Promise<void>;

  private constructor(
    number: number,
    assignment: Assignment,
    channel: Deno.Conn,
    bus: ProcessBus,
  ) {
    this.bus = bus;
    this.number = number;
    this.assignment = assignment;
    this.#channel = channel;
    this.orphaned = orphaned(assignment.supervisor, ended(channel));
    this.#sending = this.#send(`${assignment.token}\n`);
  }

  /**
   * Takes the part that the first of `args` says; see `isSupervised()`.
   *
   * @throws {ConfigError} if it was not a supervisor that said so
   */
  static async join(args: readonly string[]): Promise<Membership> {
    const number = Number(args[0].slice(SUPERVISED_ARGUMENT.length));
    // Apps may read from it later: by then, there is nothing in it.
    const assignment = parseAssignment(await readLine(Deno.stdin));
    if (!(number > 0) || assignment === null) {
      throw new ConfigError(
        `${
          args[0]
        } is for gatehouse's own use: it starts processes under a supervisor of the same ` +
          "version",
      );
    }
    // Its supervisor may die before it does.
    ignoreBrokenPipes();
    const { socket, token } = assignment;
    // The supervisor listens no more once it has the connection for reports.
    const busConn = await connect(socket);
    await sendAll(busConn, `${token}${BUS_SUFFIX}\n`);
    const channel = await connect(socket);
    return new Membership(number, assignment, channel, new ProcessBus(busConn));
  }

  /** Tells the supervisor. */
  report(report: Report): void {
    this.#sending = this.#sending.then(() => this.#send(`${JSON.stringify(report)}\n`));
  }

  async #send(text: string): Promise<void> {
    await sendAll(this.#channel, text);
  }
}

async function sendAll(conn: Deno.Conn, text: string): Promise<void> {
  let rest = encoder.encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
  } catch (error) {
    // The supervisor has ended: that is noticed elsewhere.
    const isEnd = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BadResource;
    if (!isEnd) throw error;
  }
}

async function connect(path: string): Promise<Deno.Conn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    throw new ConfigError(`the supervisor cannot be reached: ${messageOf(error)}`);
  }
}

async function readLine(
  input: { read(into: Uint8Array): Promise<number | null> },
): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4_096);
  let text = "";
  while (text.length < MAX_MESSAGE_CHARS) {
    const count = await input.read(buffer);
    if (count === null) break;
    const bytes = buffer.subarray(0, count);
    text += decoder.decode(bytes, { stream: true });
    if (bytes.includes(LINE_END)) break;
  }
  return text;
}

function parseAssignment(text: string): Assignment | null {
  try {
    const assignment = JSON.parse(text) as Assignment;
    return assignment?.version === PROTOCOL_VERSION ? assignment : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Resolves when nothing more can come over `channel`. */
async function ended(channel: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64);
  try {
    // Nothing ever comes.
    while (await channel.read(buffer) !== null);
  } catch (error) {
    // Whatever has befallen it.
    if (!(error instanceof Error)) throw error;
  }
}

/**
 * Resolves when the process `supervisor` has ended. The system says so, which knows this process's
 * parent; that the connection has ended says when to look. Where something stands between the two
 * processes, the connection has to do.
 */
async function orphaned(supervisor: number, channelEnded: Promise<void>): Promise<void> {
  if (Deno.ppid !== supervisor) return await channelEnded;
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = () => {
    const isGone = Deno.ppid !== supervisor;
    if (isGone) resolve();
    return isGone;
  };
  const timer = setInterval(check, PARENT_CHECK_MS);
  Deno.unrefTimer(timer as unknown as number);
  channelEnded.then(async () => {
    // A process's connections end a moment before it does.
    for (let checks = 0; checks < PROMPT_CHECKS; checks++) {
      if (check()) return;
      await new Promise((wake) => setTimeout(wake, PROMPT_CHECK_MS));
    }
    logToStderr("warning", "this process cannot report to its supervisor, which still runs");
  });
  await promise;
  clearInterval(timer);
}
