/**
 * The supervised process's side: what it was told, and how it reports.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import { ignoreBrokenPipes } from "../log.ts";
import type { Assignment, Report } from "./protocol.ts";
import { PROTOCOL_VERSION, reportMark, SUPERVISED_ARGUMENT } from "./protocol.ts";

const LINE_END = 10;

/** This process as one of several. */
export class Membership {
  /** Its number, from 1. */
  readonly number: number;
  /** What it was told. */
  readonly assignment: Assignment;
  /** Resolves when the supervisor is no more. */
  readonly orphaned: Promise<void>;

  private constructor(number: number, assignment: Assignment, orphaned: Promise<void>) {
    this.number = number;
    this.assignment = assignment;
    this.orphaned = orphaned;
  }

  /**
   * Takes the part that the first of `args` says, if it says one.
   *
   * @throws {ConfigError} if it was not a supervisor that said so
   */
  static async join(args: readonly string[]): Promise<Membership | null> {
    if (args[0] === undefined || !args[0].startsWith(SUPERVISED_ARGUMENT)) return null;
    const number = Number(args[0].slice(SUPERVISED_ARGUMENT.length));
    const reader = Deno.stdin.readable.getReader();
    const assignment = parseAssignment(await readLine(reader));
    if (!(number > 0) || assignment === null) {
      throw new ConfigError(
        `${args[0]} is how gatehouse starts processes for itself: it is said by nobody else, and ` +
          "needs a supervisor of the same version",
      );
    }
    // Its supervisor may die before it does.
    ignoreBrokenPipes();
    return new Membership(number, assignment, end(reader));
  }

  /** Tells the supervisor. */
  report(report: Report): void {
    const text = `${reportMark(this.assignment.token)}${JSON.stringify(report)}\n`;
    let rest = new TextEncoder().encode(text);
    try {
      while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
    } catch (error) {
      // There is no supervisor any more: the end of standard input says so, too.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }
}

async function readLine(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
    if (value.includes(LINE_END)) return text;
  }
}

function parseAssignment(text: string): Assignment | null {
  try {
    const assignment = JSON.parse(text) as Assignment;
    return assignment.version === PROTOCOL_VERSION ? assignment : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

async function end(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}
