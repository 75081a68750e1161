/**
 * Asks Mongrel2's control port.
 *
 * @module
 */

import { ZmqError } from "../base/errors.ts";
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

/**
 * Sends `command` with its arguments to the control port at `endpoint`.
 *
 * @throws {ZmqError} if there is no answer within `timeoutMs`
 * @throws {ProtocolError} if the answer is malformed
 */
export async function askControlPort(
  endpoint: string,
  command: string,
  args: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<ControlTable> {
  await using context = new ZmqContext();
  const socket = context.socket("req");
  socket.connect(endpoint);
  const encoder = new TextEncoder();
  const encoded = Object.entries(args).map(([name, value]) => [name, encoder.encode(value)]);
  socket.send(formatTnetstring([encoder.encode(command), Object.fromEntries(encoded)]));
  await socket.readable(timeoutMs);
  const reply = socket.receivePart();
  if (reply === null) {
    throw new ZmqError(`Mongrel2's control port ${endpoint} does not answer`, 0);
  }
  const { value } = parseTnetstring(reply);
  const table = value as { readonly headers?: TnetValue; readonly rows?: TnetValue };
  return {
    headers: asList(table?.headers).map(asText),
    rows: asList(table?.rows).map((row) => asList(row).map(asText)),
  };
}

function asList(value: TnetValue | undefined): readonly TnetValue[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: TnetValue): string {
  return value instanceof Uint8Array ? decoder.decode(value) : String(value);
}
