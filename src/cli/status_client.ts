/**
 * Asks a running gateway for its status.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import type { Status } from "../monitor/status.ts";
import type { ListenAddress } from "../net/address.ts";
import { hostText } from "../net/address.ts";

/** A gateway answers within this time, in milliseconds. */
const TIMEOUT_MS = 5_000;
/** A status is no longer than this, in bytes. */
const MAX_BYTES = 8_388_608;

/** A gateway that cannot be asked. */
export class StatusError extends Error {
  override name = "StatusError";
}

/**
 * The status of the gateway that shows it at `address`; with facts about the system, if `token` is given.
 *
 * @throws {StatusError} if it does not answer, or not with a status
 */
export async function askForStatus(
  address: ListenAddress,
  token: string | null,
): Promise<Status> {
  const where = address.transport === "unix"
    ? `unix:${address.path}`
    : `${hostText(address.hostname)}:${address.port}`;
  let text: string;
  try {
    text = await exchange(address, token);
  } catch (error) {
    throw new StatusError(`no gateway answers at ${where}: ${messageOf(error)}`, { cause: error });
  }
  const [head, body] = split(text);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  if (status !== 200) {
    throw new StatusError(`${where} answers ${status || "no HTTP"}: ${body.trim()}`);
  }
  try {
    const value = JSON.parse(body) as Status;
    if (Array.isArray(value?.processes)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new StatusError(`what answers at ${where} is no gateway that shows its status`);
}

/** The token in the file at `path`. */
export function readToken(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch (error) {
    throw new ConfigError(`--status-control ${path} cannot be read: ${messageOf(error)}`);
  }
}

async function exchange(address: ListenAddress, token: string | null): Promise<string> {
  using conn = await connect(address);
  const timer = setTimeout(() => conn.close(), timerMs(TIMEOUT_MS));
  try {
    const authorization = token === null ? "" : `authorization: Bearer ${token}\r\n`;
    const request = `GET /status.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n` +
      `${authorization}\r\n`;
    let rest = new TextEncoder().encode(request);
    while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
    return await readAll(conn);
  } finally {
    clearTimeout(timer);
  }
}

async function connect(address: ListenAddress): Promise<Deno.Conn> {
  if (address.transport === "unix") {
    return await Deno.connect({ transport: "unix", path: address.path });
  }
  const { hostname, port } = address;
  const isEverywhere = hostname === "" || hostname === "0.0.0.0" || hostname === "::";
  return await Deno.connect({ hostname: isEverywhere ? "127.0.0.1" : hostname, port });
}

async function readAll(conn: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  let length = 0;
  for (let count; (count = await conn.read(buffer)) !== null;) {
    length += count;
    if (length > MAX_BYTES) throw new StatusError("the answer is too long");
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

function split(text: string): [string, string] {
  const end = text.indexOf("\r\n\r\n");
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 4)];
}
