/**
 * What a CPU profile consists of (`Profiler.Profile` of the protocol of DevTools).
 *
 * @module
 */

/** Where a function is; lines and columns count from 0. */
export interface CallFrame {
  functionName: string;
  scriptId: string;
  url: string;
  lineNumber: number;
  columnNumber: number;
}

/** A function as one of its callers called it. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly hitCount: number;
  /** Ids of the functions that it called. */
  readonly children: readonly number[];
  /** How often it was seen at which line, from 1. */
  readonly positionTicks: { line: number; readonly ticks: number }[];
}

/** A profile. Times are in microseconds. */
export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly endTime: number;
  /** The nodes that were seen, one after another. */
  readonly samples: readonly number[];
  /** The time from each to the one before it. */
  readonly timeDeltas: readonly number[];
}

/** Characters of names and URLs that are kept. */
const MAX_NAME_CHARS = 1_000;
const MAX_URL_CHARS = 4_096;

/**
 * The profile that `text` has, and nothing else that it may have: apps can forge profiles of their threads.
 *
 * @throws {SyntaxError} if it is not JSON
 * @throws {TypeError} if it is not a profile
 */
export function parseProfile(text: string): Profile {
  const { nodes, startTime, endTime, samples, timeDeltas } = object(JSON.parse(text));
  return {
    nodes: list(nodes).map(nodeOf),
    startTime: number(startTime),
    endTime: number(endTime),
    samples: list(samples ?? []).map(number),
    timeDeltas: list(timeDeltas ?? []).map(number),
  };
}

function nodeOf(value: unknown): ProfileNode {
  const { id, callFrame, hitCount, children, positionTicks } = object(value);
  const { functionName, scriptId, url, lineNumber, columnNumber } = object(callFrame);
  return {
    id: number(id),
    callFrame: {
      functionName: name(functionName, MAX_NAME_CHARS),
      scriptId: name(scriptId, MAX_NAME_CHARS),
      url: name(url, MAX_URL_CHARS),
      lineNumber: number(lineNumber),
      columnNumber: number(columnNumber),
    },
    hitCount: number(hitCount ?? 0),
    children: list(children ?? []).map(number),
    positionTicks: list(positionTicks ?? []).map((tick) => {
      const { line, ticks } = object(tick);
      return { line: Math.max(1, number(line)), ticks: number(ticks) };
    }),
  };
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new TypeError("it is not a profile");
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError("it is not a profile");
}

function number(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw new TypeError("it is not a profile");
}

function name(value: unknown, maxChars: number): string {
  if (typeof value === "string") return value.slice(0, maxChars);
  throw new TypeError("it is not a profile");
}
