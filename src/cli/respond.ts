/**
 * `gatehouse respond`: answers all that comes to a handler's socket of Mongrel2 with one response.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { logToStderr, setUpLog, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { RespondSettings } from "../config/respond_options.ts";
import { prepareMongrel2 } from "../gateway/mongrel2_endpoints.ts";
import { ResponseHandler } from "../respond/handler.ts";
import { specOf } from "./handler_source.ts";
import { Hangups } from "./hangups.ts";
import { untilInterrupted } from "./interrupts.ts";

/** Answers until SIGINT or SIGTERM. Resolves to the exit status: 1 if answers were cut off. */
export async function respondCommand(
  settings: RespondSettings,
  surroundings: Surroundings,
): Promise<number> {
  const { source, response, limits, drainTimeoutMs, logLevel: level, logFormat: format } = settings;
  setUpLog({ level, format });
  const spec = await specOf(source);
  using interrupts = untilInterrupted();
  using hangups = new Hangups();
  hangups.tell(() =>
    logToStderr(
      "info",
      "respond reads nothing again: start another one, which answers beside this one, and then end this",
    )
  );
  const makeEndpoints = prepareMongrel2({
    specs: [spec],
    processNumber: null,
    limits,
    server: undefined,
    jsonSockets: "closed",
    log: logToStderr,
  }, surroundings);
  const handler = new ResponseHandler(response, { kind: "route" });
  const [{ endpoint: made, url }] = await makeEndpoints(handler, 1);
  await using endpoint = made;
  await Promise.race([endpoint.connected, interrupts.interrupted]);
  tell(`answering ${url} with ${response.code}`);
  tell("ready");
  await interrupts.interrupted;
  await inTime(endpoint.drain(drainTimeoutMs), drainTimeoutMs);
  await endpoint[Symbol.asyncDispose]();
  return endpoint.cutOffCount === 0 ? 0 : 1;
}
