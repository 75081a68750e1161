/**
 * One request and its response, with a word for each thing that happens.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConnectError, ProtocolError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { closeConn, isConnectionError } from "../net/sender.ts";
import type { Conversation } from "./conversation.ts";
import { dial, resolveTarget } from "./dial.ts";
import type { DialOptions } from "./dial.ts";
import type { PreparedRequest } from "./prepared_request.ts";
import type { ServerAddress, Target } from "./target.ts";

/** Takes what happens. Times are in milliseconds from the beginning. */
export interface ExchangeWatcher {
  /** Something has happened. */
  note(atMs: number, text: string): void;
  /** Bytes were sent. They are valid until this returns, or what it returns resolves, like those below. */
  sent(atMs: number, bytes: Uint8Array): Promise<void> | void;
  /** Bytes were received. */
  received(atMs: number, bytes: Uint8Array): Promise<void> | void;
}

/** What is done. */
export interface ExchangePlan {
  /** Whom to ask. */
  readonly target: Target;
  /** What to ask. */
  readonly request: PreparedRequest;
  /** What is said on the connection. */
  readonly conversation: Conversation;
  /** Time for all of it, in milliseconds. */
  readonly timeoutMs: number;
  /** Certificates to trust besides the usual ones, in PEM. */
  readonly caCerts: readonly string[] | undefined;
}

const READ_BYTES = 65_536;

/**
 * Sends a request, and reads its response to the end.
 *
 * @returns whether it came to a proper end
 */
export async function exchangeOnce(plan: ExchangePlan, watcher: ExchangeWatcher): Promise<boolean> {
  const { target, conversation, timeoutMs, caCerts } = plan;
  const startMs = performance.now();
  const elapsed = () => performance.now() - startMs;
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new ConnectError(`no complete answer in ${timeoutMs / 1_000} s`)),
    timerMs(timeoutMs),
  );
  const { signal } = giveUp;
  let conn: Deno.Conn | null = null;
  try {
    const open = conn = await dialNoted(target, { caCerts, signal }, startMs, watcher.note);
    signal.addEventListener("abort", () => closeConn(open));
    const sending = send(open, plan, watcher, elapsed);
    sending.catch(() => {});
    await receive(open, conversation, watcher, elapsed);
    if (conversation.isReusable) await sending;
    const { status, bodyBytes } = conversation;
    watcher.note(elapsed(), `complete: status ${status}, ${bodyBytes} bytes of body`);
    return true;
  } catch (error) {
    const known = signal.aborted ? signal.reason : error;
    const isExpected = known instanceof ProtocolError || known instanceof ConnectError ||
      isConnectionError(known);
    if (!isExpected) throw known;
    const section = known instanceof ProtocolError ? ` (${known.section})` : "";
    watcher.note(elapsed(), `failed: ${messageOf(known)}${section}`);
    return false;
  } finally {
    clearTimeout(timer);
    if (conn !== null) closeConn(conn);
  }
}

/**
 * Connects to a target; `note` is told of each step, with the time since `startMs`.
 *
 * @throws {ConnectError} if it cannot be reached
 */
export async function dialNoted(
  target: Target,
  options: DialOptions,
  startMs: number,
  note: ExchangeWatcher["note"],
): Promise<Deno.Conn> {
  const server = await resolveTarget(target);
  note(performance.now() - startMs, `looked up: ${server.places.map(placeText).join(", ")}`);
  const { conn, place, connectedAtMs, readyAtMs } = await dial(server, options);
  note(connectedAtMs - startMs, `connected to ${placeText(place)}`);
  if (readyAtMs > connectedAtMs) note(readyAtMs - startMs, "TLS is ready");
  return conn;
}

async function send(
  conn: Deno.Conn,
  { request, conversation }: ExchangePlan,
  watcher: ExchangeWatcher,
  elapsed: () => number,
): Promise<void> {
  const write = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      const count = await conn.write(bytes.subarray(at));
      await watcher.sent(elapsed(), bytes.subarray(at, at + count));
      at += count;
    }
  };
  await write(conversation.begin(request));
  for (let i = 0; i < request.pieceCount; i++) await write(request.piece);
  await write(request.last);
}

async function receive(
  conn: Deno.Conn,
  conversation: Conversation,
  watcher: ExchangeWatcher,
  elapsed: () => number,
): Promise<void> {
  const buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) {
      watcher.note(elapsed(), "the server closed the connection");
      conversation.close();
      return;
    }
    await watcher.received(elapsed(), buffer.subarray(0, count));
    if (conversation.push(buffer, count)) return;
  }
}

function placeText(place: ServerAddress): string {
  if (place.transport === "unix") return place.path;
  const { hostname, port } = place;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
