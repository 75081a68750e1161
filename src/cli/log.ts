/**
 * `gatehouse log summarize`: sums up an access log.
 *
 * @module
 */

import { resolve } from "node:path";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import { inOneLine, print, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { LogCommand } from "../config/log_command.ts";
import { MAX_LINE_CHARS, readAnyLine, readerOf } from "../logs/line_reader.ts";
import type { Group } from "../logs/summary.ts";
import { Summary } from "../logs/summary.ts";

const READ_BYTES = 262_144;

/**
 * Sums the log up, and prints the result.
 *
 * @throws {ConfigError} if it cannot be read
 */
export async function logCommand(command: LogCommand, { cwd }: Surroundings): Promise<void> {
  const { groupBy, earliestMs, latestMs, format, file } = command;
  const read = format === null ? readAnyLine : readerOf(format);
  const summary = new Summary(read, { groupBy, earliestMs, latestMs });
  const lines = new LineSplitter(MAX_LINE_CHARS, (line) => summary.push(withoutReturn(line)));
  using input = openInput(file, cwd);
  const buffer = new Uint8Array(READ_BYTES);
  for (let count; (count = await input.read(buffer)) !== null;) {
    lines.push(buffer.subarray(0, count));
  }
  lines.end();
  print(command.output === "json" ? jsonOf(summary, command) : tableOf(summary, command));
  const { unreadLines } = summary;
  if (unreadLines > 0) {
    tell(`gatehouse: ${counted(unreadLines, "line is", "lines are")} of another format`);
  }
}

interface Input extends Disposable {
  read(buffer: Uint8Array): Promise<number | null>;
}

function openInput(file: string, cwd: string): Input {
  if (file === "-") {
    return { read: (buffer) => Deno.stdin.read(buffer), [Symbol.dispose]() {} };
  }
  try {
    return Deno.openSync(resolve(cwd, file));
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function tableOf(summary: Summary, { groupBy, top }: LogCommand): string {
  const { groups, others, all } = summary;
  const rows = [["count", "mean", "p50", "p99", "bytes", groupBy]];
  for (const [name, group] of groups.slice(0, top)) rows.push(rowOf(inOneLine(name), group));
  const hidden = groups.slice(top);
  if (hidden.length > 0) {
    const sum = sumOf(hidden.map(([, group]) => group));
    rows.push(rowOf(`(${counted(hidden.length, "more", "more")}: --top)`, sum));
  }
  if (others.count > 0) rows.push(rowOf("(rare ones, not told apart)", others));
  rows.push(rowOf("(all)", all));
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const last = widths.length - 1;
  return rows.map((row) =>
    row.map((cell, column) => column === last ? cell : cell.padStart(widths[column])).join("  ")
  ).join("\n");
}

function rowOf(name: string, { count, bytesOut, durations }: Group): string[] {
  const { meanMs } = durations;
  const times = [meanMs, durations.percentileMs(0.5), durations.percentileMs(0.99)];
  return [String(count), ...times.map(duration), String(bytesOut), name];
}

function sumOf(groups: readonly Group[]): Group {
  const [first, ...rest] = groups;
  for (const each of rest) first.merge(each);
  return first;
}

/** A duration as people read it: three digits that count. */
function duration(ms: number): string {
  if (Number.isNaN(ms)) return "-";
  const [value, unit] = ms < 1 ? [ms * 1_000, "us"] : ms < 1_000 ? [ms, "ms"] : [ms / 1_000, "s"];
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

function jsonOf(summary: Summary, { groupBy, top }: LogCommand): string {
  const { groups, others, all, unreadLines, outsideLines } = summary;
  return JSON.stringify(
    {
      groupBy,
      all: valuesOf(all),
      groups: groups.slice(0, top).map(([name, group]) => ({ name, ...valuesOf(group) })),
      others: valuesOf(others),
      unreadLines,
      outsideLines,
    },
    null,
    2,
  );
}

function valuesOf({ count, bytesOut, durations }: Group): object {
  if (durations.count === 0) return { count, bytesOut };
  const { meanMs } = durations;
  const [p50Ms, p99Ms] = [durations.percentileMs(0.5), durations.percentileMs(0.99)];
  return { count, bytesOut, meanMs, p50Ms, p99Ms };
}

function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}
