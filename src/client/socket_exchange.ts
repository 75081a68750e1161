/**
 * A WebSocket from its opening to its end: sends lines as messages, and tells of all that comes.
 *
 * @module
 */

import { inTime } from "../base/deadline.ts";
import { messageOf } from "../base/error_message.ts";
import { ConnectError, ProtocolError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { closeConn, isConnectionError } from "../net/sender.ts";
import { GOING_AWAY, NO_STATUS, NORMAL_CLOSURE } from "../websocket/codec/protocol.ts";
import { dialNoted } from "./one_exchange.ts";
import type { ExchangeWatcher } from "./one_exchange.ts";
import type { SocketEvent } from "./socket_talk.ts";
import { SocketTalk } from "./socket_talk.ts";
import type { Target } from "./target.ts";

/** Takes what happens. Times are in milliseconds from the beginning. */
export interface SocketWatcher extends Pick<ExchangeWatcher, "note"> {
  /** A message was sent. */
  sent(atMs: number, text: string): Promise<void> | void;
  /** A message has come, whose bytes are valid until this returns, or what it returns resolves. */
  received(
    atMs: number,
    message: Extract<SocketEvent, { kind: "message" }>,
  ): Promise<void> | void;
}

/** What is done. */
export interface SocketPlan {
  /** Whom to speak with. */
  readonly target: Target;
  /** Names and values of field lines of the opening. */
  readonly fields: readonly (readonly [string, string])[];
  /** What to send, a message each. */
  readonly lines: AsyncIterable<string>;
  /** Time from the last line until it is closed, in milliseconds. */
  readonly lingerMs: number;
  /** Time for the opening, and for the closing, in milliseconds. */
  readonly timeoutMs: number;
  /** Certificates to trust besides the usual ones, in PEM. */
  readonly caCerts: readonly string[] | undefined;
  /** Has it closed. */
  readonly signal: AbortSignal;
}

const READ_BYTES = 65_536;
/** Codes of an end in which nothing is wrong. */
const GOOD_CODES: readonly number[] = [NORMAL_CLOSURE, GOING_AWAY, NO_STATUS];

/**
 * Speaks with a server until one side closes.
 *
 * @returns whether that is a proper end
 */
export async function talkOnce(plan: SocketPlan, watcher: SocketWatcher): Promise<boolean> {
  const session = new Session(plan, watcher);
  try {
    const { code, reason } = await session.run();
    session.note(`closed: ${code === NO_STATUS ? "no code" : code}${reason && `, ${reason}`}`);
    return GOOD_CODES.includes(code);
  } catch (error) {
    const known = session.failure ?? error;
    const isExpected = known instanceof ProtocolError || known instanceof ConnectError ||
      isConnectionError(known);
    if (!isExpected) throw known;
    const section = known instanceof ProtocolError ? ` (${known.section})` : "";
    session.note(`failed: ${messageOf(known)}${section}`);
    return false;
  } finally {
    session.end();
  }
}

type CloseEvent = Extract<SocketEvent, { kind: "close" }>;

/** One WebSocket. */
class Session {
  readonly #plan: SocketPlan;
  readonly #watcher: SocketWatcher;
  readonly #talk: SocketTalk;
  readonly #startMs = performance.now();
  /** Fires when it is given up, with the reason. */
  readonly #givenUp = new AbortController();
  readonly #lines: AsyncIterator<string>;
  /** Ends the wait for nothing more to come. */
  readonly #over = Promise.withResolvers<void>();
  #conn: Deno.Conn | null = null;
  /** What is being sent: frames go out one after another. */
  #sending: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onSignal = (): void => {
    if (!this.#talk.isOpen) this.#giveUp(new ConnectError("it was interrupted"));
    else this.#close().catch((error) => this.#giveUp(error));
  };

  constructor(plan: SocketPlan, watcher: SocketWatcher) {
    this.#plan = plan;
    this.#watcher = watcher;
    this.#talk = new SocketTalk(plan.target, plan.fields);
    this.#lines = plan.lines[Symbol.asyncIterator]();
  }

  /** Why it was given up; `null` if it was not. */
  get failure(): unknown {
    return this.#givenUp.signal.aborted ? this.#givenUp.signal.reason : null;
  }

  note(text: string): void {
    this.#watcher.note(this.#elapsed(), text);
  }

  /** Resolves to what the server has said at the end. */
  async run(): Promise<CloseEvent> {
    const { target, caCerts, signal } = this.#plan;
    this.#expect("it is not open");
    signal.addEventListener("abort", this.#onSignal);
    if (signal.aborted) this.#onSignal();
    const options = { caCerts, signal: this.#givenUp.signal };
    const note = (atMs: number, text: string) => this.#watcher.note(atMs, text);
    const conn = this.#conn = await dialNoted(target, options, this.#startMs, note);
    this.#givenUp.signal.throwIfAborted();
    await this.#send(this.#talk.begin());
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) throw this.#talk.cutOff();
      for (const event of this.#talk.push(buffer, count)) {
        await this.#take(event);
        if (event.kind === "close") return event;
      }
    }
  }

  /** Lets go of all. */
  end(): void {
    clearTimeout(this.#timer);
    this.#plan.signal.removeEventListener("abort", this.#onSignal);
    this.#over.resolve();
    // It may wait for a line that never comes.
    this.#lines.return?.().catch(() => {});
    if (this.#conn !== null) closeConn(this.#conn);
  }

  async #take(event: SocketEvent): Promise<void> {
    switch (event.kind) {
      case "open":
        clearTimeout(this.#timer);
        this.note(`open${event.protocol && `, with the subprotocol ${event.protocol}`}`);
        this.#speak().catch((error) => this.#giveUp(error));
        break;
      case "message":
        await this.#watcher.received(this.#elapsed(), event);
        break;
      case "close":
        if (event.reply === null) break;
        // Who has closed need not read what is said to it.
        await this.#send(event.reply).catch(() => {});
        break;
      default:
        this.note(`${event.kind}, ${event.bytes.length} bytes`);
        if (event.kind === "ping") await this.#send(event.reply);
    }
  }

  /** Sends line after line, and closes. */
  async #speak(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (!this.#talk.isOpen) return;
      if (done) break;
      await this.#send(this.#talk.message(value));
      await this.#watcher.sent(this.#elapsed(), value);
    }
    await inTime(this.#over.promise, this.#plan.lingerMs);
    await this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#talk.isOpen) return;
    this.#expect("the server has not closed");
    await this.#send(this.#talk.close(NORMAL_CLOSURE));
  }

  /** Gives it up if what is to come takes too long. */
  #expect(missing: string): void {
    const { timeoutMs } = this.#plan;
    const reason = new ConnectError(`${missing} after ${timeoutMs / 1_000} s`);
    this.#timer = setTimeout(() => this.#giveUp(reason), timerMs(timeoutMs));
  }

  #giveUp(reason: unknown): void {
    this.#givenUp.abort(reason);
    if (this.#conn !== null) closeConn(this.#conn);
  }

  #send(bytes: Uint8Array): Promise<void> {
    return this.#sending = this.#sending.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn!.write(bytes.subarray(at));
    });
  }

  #elapsed(): number {
    return performance.now() - this.#startMs;
  }
}
