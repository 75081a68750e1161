/**
 * The access log of `gatehouse serve`.
 *
 * @module
 */

import { logToStderr } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import type { ServeSettings } from "../config/settings.ts";
import { openAccessLog } from "../gateway/access_log.ts";
import type { RequestObserver } from "../observe/request_record.ts";

/** An access log, if there is one. */
export interface ServedAccessLog extends AsyncDisposable {
  /** Who writes its lines. */
  readonly observers: readonly RequestObserver[];
}

/**
 * Opens the access log that `settings` name, until it is disposed of; SIGUSR1 opens its file again. `bus` leads to
 * the supervisor, if there is one.
 *
 * @throws {ConfigError} if it cannot be written
 */
export async function serveAccessLog(
  { accessLog: file, accessLogFormat: format }: ServeSettings,
  cwd: string,
  bus: Bus | null,
): Promise<ServedAccessLog> {
  const opened = new AsyncDisposableStack();
  const log = file === undefined
    ? null
    : await openAccessLog({ file, format }, cwd, bus, logToStderr);
  opened.defer(() => log?.close());
  // Without a listener, the signal would end the process.
  if (Deno.build.os !== "windows") {
    const onSignal = () => log?.reopen();
    Deno.addSignalListener("SIGUSR1", onSignal);
    opened.defer(() => Deno.removeSignalListener("SIGUSR1", onSignal));
  }
  return {
    observers: log === null ? [] : [log],
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
