/**
 * Sums up access logs of any length, in memory that does not grow with them.
 *
 * @module
 */

import { Durations } from "./durations.ts";
import type { Grouping, LineReader } from "./line_reader.ts";

/** Groups that are told apart at a time. */
export const MAX_GROUPS = 16_384;
/** Characters of a group's name that count. */
const MAX_NAME_CHARS = 256;
const MINUTE_CHARS = "2026-12-01T01:50".length;
const HOUR_CHARS = "2026-12-01T01".length;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What to sum up. */
export interface SummaryOptions {
  /** What is grouped by. */
  readonly groupBy: Grouping;
  /** Requests that began before this do not count, in milliseconds since 1970. */
  readonly earliestMs: number;
  /** Nor do those that began after this. */
  readonly latestMs: number;
}

/** What is known of some requests. */
export class Group {
  /** How many there were. */
  count = 0;
  /** Bytes of their responses. */
  bytesOut = 0;
  /** How long they took, of those whose lines say it. */
  readonly durations: Durations = new Durations();

  /** Adds all of `other`. */
  merge(other: Group): void {
    this.count += other.count;
    this.bytesOut += other.bytesOut;
    this.durations.merge(other.durations);
  }
}

/** Sums lines up. */
export class Summary {
  /** All requests that count. */
  readonly all: Group = new Group();
  /**
   * Those of names that were rare when there were too many to tell apart. A name that comes up again after
   * that has a group of its own, which misses what is here.
   */
  readonly others: Group = new Group();
  /** Lines that could not be read. */
  unreadLines = 0;
  /** Requests that began too early or too late. */
  outsideLines = 0;
  readonly #options: SummaryOptions;
  readonly #read: LineReader;
  #groups = new Map<string, Group>();

  /** Sums up what `read` reads. */
  constructor(read: LineReader, options: SummaryOptions) {
    this.#read = read;
    this.#options = options;
  }

  /** Takes a line. */
  push(line: string): void {
    if (line === "") return;
    const read = this.#read(line);
    if (read === null) {
      this.unreadLines++;
      return;
    }
    const { groupBy, earliestMs, latestMs } = this.#options;
    const { timeMs, durationMs, bytesOut, values } = read;
    const isBounded = earliestMs > -Infinity || latestMs < Infinity;
    if (isBounded && !(timeMs! >= earliestMs && timeMs! <= latestMs)) {
      this.outsideLines++;
      return;
    }
    const group = this.#groupOf(nameOf(groupBy, values, timeMs));
    for (const each of [group, this.all]) {
      each.count++;
      if (bytesOut !== undefined) each.bytesOut += bytesOut;
      if (durationMs !== undefined && durationMs >= 0) each.durations.add(durationMs);
    }
  }

  /** The groups by their names, the largest first. */
  get groups(): [name: string, group: Group][] {
    return [...this.#groups].sort(([a, { count: first }], [b, { count: second }]) =>
      second - first || (a < b ? -1 : 1)
    );
  }

  #groupOf(name: string): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      if (this.#groups.size >= MAX_GROUPS) this.#forgetRare();
      group = new Group();
      // A part of a text would keep all that it is a part of.
      this.#groups.set(copyOf(name), group);
    }
    return group;
  }

  /** Puts the smaller half of the groups to the others. */
  #forgetRare(): void {
    const groups = this.groups;
    this.#groups = new Map(groups.slice(0, MAX_GROUPS / 2));
    for (const [, group] of groups.slice(MAX_GROUPS / 2)) this.others.merge(group);
  }
}

function nameOf(
  groupBy: Grouping,
  values: Partial<Record<Grouping, string>>,
  timeMs: number | undefined,
): string {
  if (groupBy === "hour" || groupBy === "minute") {
    if (timeMs === undefined || !Number.isFinite(timeMs)) return "-";
    const text = new Date(timeMs).toISOString();
    return text.slice(0, groupBy === "hour" ? HOUR_CHARS : MINUTE_CHARS);
  }
  const name = values[groupBy] || "-";
  return name.length <= MAX_NAME_CHARS ? name : name.slice(0, MAX_NAME_CHARS);
}

function copyOf(text: string): string {
  return decoder.decode(encoder.encode(text));
}
