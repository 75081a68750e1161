/**
 * Reads what a process reports, which need not be what this code has written: with `--workers 0` apps share a
 * thread with the sender. What is read is a copy, with the members that are known and no others.
 *
 * @module
 */

import type { WorkerReport } from "../pool/pool.ts";
import type { FamilyName } from "./metric_families.ts";
import { FAMILIES } from "./metric_families.ts";
import type {
  EndpointReport,
  GenerationReport,
  LogReport,
  PoolReport,
  ProcessReport,
  RequestReport,
  Totals,
} from "./report.ts";
import type { Samples } from "./samples.ts";

/** What a process sends. */
export interface ReportMessage {
  /** Number of the question that it answers; 0 if there was none. */
  readonly answers: number;
  /** Whether the process is about to end. */
  readonly isLast: boolean;
  /** How it does. */
  readonly report: ProcessReport;
}

/** Larger numbers are none of a gateway's, and their sums might not be finite. */
const MAX_NUMBER = 1e18;
/** Of a text, in characters. */
const MAX_CHARS = 65_536;
/** Of a list, and of the samples of a family. */
const MAX_ITEMS = 65_536;
/** A process tells of no more than these. */
const MAX_REQUESTS = 50;
const MAX_ERRORS = 30;

/** A value that is not of the shape. */
class ShapeError extends Error {
  override name = "ShapeError";
}

/** Reads a value; throws a {@linkcode ShapeError} if it is another one. */
type Reader<Value> = (value: unknown) => Value;

/** What `text` says, or `null` if that is no report. */
export function readReport(text: string): ReportMessage | null {
  try {
    return message(JSON.parse(text));
  } catch (error) {
    if (error instanceof ShapeError || error instanceof SyntaxError) return null;
    throw error;
  }
}

const number: Reader<number> = (value) => {
  if (typeof value === "number" && Math.abs(value) <= MAX_NUMBER) return value;
  throw new ShapeError();
};

const boolean: Reader<boolean> = (value) => {
  if (typeof value === "boolean") return value;
  throw new ShapeError();
};

const text: Reader<string> = (value) => {
  if (typeof value === "string" && value.length <= MAX_CHARS) return value;
  throw new ShapeError();
};

function oneOf<Value extends string>(...values: readonly Value[]): Reader<Value> {
  return (value) => {
    if (values.includes(value as Value)) return value as Value;
    throw new ShapeError();
  };
}

function orNull<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value) => value === null ? null : read(value);
}

function list<Value>(read: Reader<Value>, maxItems = MAX_ITEMS): Reader<Value[]> {
  return (value) => {
    if (Array.isArray(value) && value.length <= maxItems) return value.map((each) => read(each));
    throw new ShapeError();
  };
}

function object<Value>(members: { readonly [Name in keyof Value]: Reader<Value[Name]> }): Reader<
  Value
> {
  const entries = Object.entries(members) as [string, Reader<unknown>][];
  return (value) => {
    const given = membersOf(value);
    return Object.fromEntries(entries.map(([name, read]) => [name, read(given[name])])) as Value;
  };
}

function membersOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new ShapeError();
}

const pair: Reader<readonly [number, number]> = (value) => {
  const numbers = list(number, 2)(value);
  if (numbers.length === 2) return [numbers[0], numbers[1]];
  throw new ShapeError();
};

const LABEL = String.raw`[a-z_]+="(?:[^"\\\n]|\\["\\n])*"`;
const LABELS = String.raw`(?:\{${LABEL}(?:,${LABEL})*\})?`;
/** What the keys of samples are like, by the type of their family. */
const SAMPLE_KEYS = {
  counter: new RegExp(`^_total${LABELS}$`),
  gauge: new RegExp(`^${LABELS}$`),
  histogram: new RegExp(`^_(?:bucket|count|sum)${LABELS}$`),
  info: new RegExp(`^_info${LABELS}$`),
} as const;

const samples: Reader<Samples> = (value) => {
  const given = membersOf(value);
  const read: Samples = {};
  for (const family of Object.keys(FAMILIES) as FamilyName[]) {
    if (given[family] === undefined) continue;
    const entries = Object.entries(membersOf(given[family]));
    const pattern = SAMPLE_KEYS[FAMILIES[family].type];
    const isValid = ([key]: readonly [string, unknown]) =>
      key.length <= MAX_CHARS && pattern.test(key);
    if (entries.length > MAX_ITEMS || !entries.every(isValid)) throw new ShapeError();
    read[family] = Object.fromEntries(entries.map(([key, value]) => [key, number(value)]));
  }
  return read;
};

const worker = object<WorkerReport>({
  number,
  state: oneOf("loading", "serving", "finishing"),
  isBlocked: boolean,
  requests: number,
  inFlight: number,
  sockets: number,
  memoryBytes: orNull(number),
  delayMs: orNull(number),
  ageMs: orNull(number),
});

const pool = object<PoolReport>({ mounts: list(text), waiting: number, workers: list(worker) });

const generation = object<GenerationReport>({
  number,
  state: oneOf("loading", "serving", "finishing"),
  pools: list(pool),
});

const endpoint = object<EndpointReport>({
  url: text,
  protocol: text,
  connections: number,
  accepted: number,
  unanswered: number,
});

const request = object<RequestReport>({
  method: text,
  target: text,
  mount: text,
  worker: number,
  generation: number,
  ageMs: number,
});

const logLine = object<LogReport>({ atMs: number, level: oneOf("error", "warning"), text });

const totals = object<Totals>({
  requests: number,
  failures: number,
  bytesIn: number,
  bytesOut: number,
});

const report = object<ProcessReport>({
  process: number,
  pid: number,
  state: oneOf("starting", "serving", "draining"),
  isAlive: boolean,
  startedAtMs: number,
  rssBytes: number,
  heapBytes: number,
  loopDelayMs: object({ mean: number, max: number }),
  generations: list(generation),
  endpoints: list(endpoint),
  requests: list(request, MAX_REQUESTS),
  errors: list(logLine, MAX_ERRORS),
  totals,
  latency: list(pair),
  samples,
});

const message = object<ReportMessage>({ answers: number, isLast: boolean, report });
