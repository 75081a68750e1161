/**
 * The access log of a gateway.
 *
 * @module
 */

import { resolve } from "node:path";
import type { Log } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import type { AccessLog, LineSink } from "../logs/access_log.ts";
import type { LogFormat } from "../logs/format.ts";

/** Where an access log is, and what its lines look like. */
export interface AccessLogTerms {
  /** Path of its file, or `"-"` for standard output. */
  readonly file: string;
  /** What the lines look like. */
  readonly format: LogFormat;
}

/**
 * Opens the log that `terms` name, for a process in `cwd`. `bus` leads to the supervisor whose standard output it
 * is; `null` if the process has its own.
 *
 * @throws {ConfigError} if it cannot be written
 */
export async function openAccessLog(
  { file, format }: AccessLogTerms,
  cwd: string,
  bus: Bus | null,
  log: Log,
): Promise<AccessLog> {
  const { AccessLog } = await import("../logs/access_log.ts");
  const name = file === "-" ? "on standard output" : file;
  return new AccessLog(await sinkFor(file, cwd, bus, log), name, format, log);
}

async function sinkFor(file: string, cwd: string, bus: Bus | null, log: Log): Promise<LineSink> {
  const { FileSink, OutputSink, SupervisorSink } = await import("../logs/sinks.ts");
  if (file !== "-") return new FileSink(resolve(cwd, file), log);
  return bus === null ? new OutputSink() : new SupervisorSink(bus);
}
