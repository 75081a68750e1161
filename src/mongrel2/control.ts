/**
 * Asks Mongrel2's control port.
 *
 * @module
 */

import { ProtocolError, ZmqError } from "../base/errors.ts";
import { ZmqContext } from "../zmq/socket.ts";
import { formatTnetstring, parseTnetstring } from "./codec/tnetstring.ts";
import type { TnetValue } from "./codec/tnetstring.ts";

/** The answer to a command: a table. */
export interface ControlTable {
  /** Names of the columns. */
  readonly headers: readonly string[];
  /** The rows. */
  readonly rows: readonly (readonly string[])[];
}

const decoder = new TextDecoder();

/** Mongrel2's control port has refused a command, or has answered with something malformed. */
export class ControlError extends ZmqError {
  override name = "ControlError";

  /** Makes an error of what is wrong. */
  constructor(message: string) {
    super(`Mongrel2's control port ${message}`, 0);
  }
}

/**
 * Sends `command` with its arguments to the control port at `endpoint`.
 *
 * @throws {ControlError} if the port refuses it, or its answer is malformed
 * @throws {ZmqError} if there is no answer within `timeoutMs`
 */
export async function askControlPort(
  endpoint: string,
  command: string,
  args: Readonly<Record<string, string | number>>,
  timeoutMs: number,
): Promise<ControlTable> {
  await using context = new ZmqContext();
  const socket = context.socket("req");
  socket.connect(endpoint);
  const encoder = new TextEncoder();
  const encoded = Object.entries(args).map(([name, value]) => [
    name,
    typeof value === "string" ? encoder.encode(value) : value,
  ]);
  socket.send(formatTnetstring([encoder.encode(command), Object.fromEntries(encoded)]));
  await socket.readable(timeoutMs);
  const reply = socket.receivePart();
  if (reply === null) {
    throw new ZmqError(`Mongrel2's control port ${endpoint} does not answer`, 0);
  }
  const value = valueOf(reply, command);
  const table = value as { readonly [Name in "headers" | "rows" | "error"]?: TnetValue };
  if (table?.error !== undefined) {
    throw new ControlError(`refuses ${command}: ${asText(table.error)}`);
  }
  return {
    headers: asList(table?.headers).map(asText),
    rows: asList(table?.rows).map((row) => asList(row).map(asText)),
  };
}

function valueOf(reply: Uint8Array, command: string): TnetValue {
  try {
    return parseTnetstring(reply).value;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ControlError(`answers ${command} with no tnetstring`);
  }
}

function asList(value: TnetValue | undefined): readonly TnetValue[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: TnetValue): string {
  return value instanceof Uint8Array ? decoder.decode(value) : String(value);
}
