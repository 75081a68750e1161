/**
 * The access log of `gatehouse serve`.
 *
 * @module
 */

import { resolve } from "node:path";
import { logToStderr } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { ServeSettings } from "../config/settings.ts";
import type { LineSink } from "../logs/access_log.ts";
import type { RequestObserver } from "../observe/request_record.ts";
import type { Membership } from "../supervisor/membership.ts";

/** An access log, if there is one. */
export interface OpenAccessLog extends AsyncDisposable {
  /** Who writes its lines. */
  readonly observers: readonly RequestObserver[];
}

/**
 * Opens the access log that `settings` name, until it is disposed of; SIGUSR1 opens its file again.
 *
 * @throws {ConfigError} if it cannot be written
 */
export async function openAccessLog(
  settings: Pick<ServeSettings, "accessLog" | "accessLogFormat">,
  surroundings: Surroundings,
  membership: Membership | null,
): Promise<OpenAccessLog> {
  const { accessLog: file, accessLogFormat: format } = settings;
  let reopen = () => {};
  const opened = new AsyncDisposableStack();
  const observers: RequestObserver[] = [];
  if (file !== undefined) {
    const { AccessLog } = await import("../logs/access_log.ts");
    const name = file === "-" ? "on standard output" : file;
    const sink = await sinkFor(file, surroundings, membership);
    const log = new AccessLog(sink, name, format, logToStderr);
    observers.push(log);
    reopen = () => log.reopen();
    opened.defer(() => log.close());
  }
  // Without a listener, the signal would end the process.
  if (Deno.build.os !== "windows") {
    const onSignal = () => reopen();
    Deno.addSignalListener("SIGUSR1", onSignal);
    opened.defer(() => Deno.removeSignalListener("SIGUSR1", onSignal));
  }
  return { observers, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function sinkFor(
  file: string,
  { cwd }: Surroundings,
  membership: Membership | null,
): Promise<LineSink> {
  const { FileSink, OutputSink, SupervisorSink } = await import("../logs/sinks.ts");
  if (file !== "-") return new FileSink(resolve(cwd, file), logToStderr);
  return membership === null ? new OutputSink() : new SupervisorSink(membership.bus);
}
