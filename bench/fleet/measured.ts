/**
 * Durations that were measured: of an access log, or a number on each line.
 *
 * @module
 */

import { LineSplitter } from "../../src/base/line_splitter.ts";
import { MAX_LINE_CHARS, readAnyLine } from "../../src/logs/line_reader.ts";
import { RandomStream } from "./random.ts";

/** So many are kept: of more, each has the same chance. */
const MAX_KEPT = 200_000;
const READ_BYTES = 1 << 16;
const NUMBER = /^\s*\d+(?:\.\d+)?\s*$/;

/**
 * The durations in a file, in milliseconds. Of lines in JSON, as `--access-log-format json` writes them, what a
 * request waited for a worker is taken off: the model has waits of its own.
 *
 * @throws {Error} There are none, or the file cannot be read.
 */
export function durationsIn(path: string | URL): readonly number[] {
  const kept: number[] = [];
  const random = new RandomStream(1, 0);
  let seen = 0;
  const lines = new LineSplitter(MAX_LINE_CHARS, (line) => {
    const durationMs = durationOf(line);
    if (durationMs === undefined) return;
    seen++;
    if (kept.length < MAX_KEPT) {
      kept.push(durationMs);
      return;
    }
    const place = random.below(seen);
    if (place < MAX_KEPT) kept[place] = durationMs;
  });
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(READ_BYTES);
  for (let count = file.readSync(bytes); count !== null; count = file.readSync(bytes)) {
    lines.push(bytes.subarray(0, count));
  }
  lines.end();
  if (kept.length === 0) throw new Error("no line has a duration");
  return kept;
}

function durationOf(line: string): number | undefined {
  if (NUMBER.test(line)) return Number(line);
  const durationMs = readAnyLine(line)?.durationMs;
  if (durationMs === undefined || !line.startsWith("{")) return durationMs;
  const { queuedMs } = JSON.parse(line) as { readonly queuedMs?: unknown };
  return typeof queuedMs === "number" ? Math.max(0, durationMs - queuedMs) : durationMs;
}
