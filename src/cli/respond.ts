/**
 * `gatehouse respond`: answers all that comes to a handler's socket of Mongrel2 with one response.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { logToStderr, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { RespondSettings } from "../config/respond_options.ts";
import { Mongrel2Endpoint } from "../mongrel2/endpoint.ts";
import { ResponseHandler } from "../respond/handler.ts";
import { openLibzmq } from "../zmq/library.ts";
import { untilInterrupted } from "./interrupts.ts";

/** How long the end waits for clients to take their responses, in milliseconds. */
const DRAIN_TIMEOUT_MS = 30_000;

/** Answers until SIGINT or SIGTERM. Resolves to the exit status: 1 if answers were cut off. */
export async function respondCommand(
  { spec, response, limits }: RespondSettings,
  surroundings: Surroundings,
): Promise<number> {
  if (spec.note !== undefined) logToStderr("info", spec.note);
  openLibzmq(surroundings);
  using interrupts = untilInterrupted();
  await using endpoint = new Mongrel2Endpoint({
    spec,
    handler: new ResponseHandler(response, { kind: "route" }),
    limits,
    jsonSockets: "closed",
    log: logToStderr,
  });
  await Promise.race([endpoint.connected, interrupts.interrupted]);
  tell(`answering mongrel2 ${spec.send} with ${response.code}`);
  tell("ready");
  await interrupts.interrupted;
  await inTime(endpoint.drain(DRAIN_TIMEOUT_MS), DRAIN_TIMEOUT_MS);
  await endpoint[Symbol.asyncDispose]();
  return endpoint.cutOffCount === 0 ? 0 : 1;
}
