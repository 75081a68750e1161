/**
 * The life of a connection, whatever is spoken over it: it is open, then its last response is sent, then
 * it is read a little longer so that the other side can read that, and then it is closed.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { EMPTY } from "../base/empty.ts";
import type { AbortReason } from "../message/exchange.ts";
import { HALF_CLOSED_TIMEOUT_MS, LINGER_TIMEOUT_MS } from "./limits.ts";
import { ReadBuffer } from "./read_buffer.ts";
import type { SenderOwner } from "./sender.ts";
import { isConnectionError, Sender } from "./sender.ts";
import type { ConnectionHost, SocketConnection } from "./socket_connection.ts";
import { expired } from "./socket_connection.ts";
import { WaitingPlace } from "./waiting_list.ts";

/** Requests come, and are answered. */
export const OPEN = 0;
/** The last response is being sent. */
export const FINISHING = 1;
/** Our side is shut down; what the other side still sends is discarded, so that it can read our answer. */
export const LINGERING = 2;
/** Nothing happens any more. */
export const CLOSED = 3;

/** Where a connection stands. */
export type ConnectionState = typeof OPEN | typeof FINISHING | typeof LINGERING | typeof CLOSED;

/** Who speaks what over a connection, for the log. */
export interface ConnectionNames {
  /** The protocol. */
  readonly protocol: string;
  /** The other side, such as `"a client"`. */
  readonly peer: string;
}

/** What the connections of all protocols do alike; each protocol takes the bytes, and answers. */
export abstract class Connection implements SocketConnection, SenderOwner {
  /** What the connections of the endpoint share. */
  readonly host: ConnectionHost<SocketConnection>;
  /** The socket. */
  readonly conn: Deno.Conn;
  /** Bytes to send. */
  readonly out: OutputBuffer;
  readonly place: WaitingPlace<SocketConnection> = new WaitingPlace(this);

  /** Where the connection stands. */
  protected state: ConnectionState = OPEN;
  protected readonly sender: Sender;
  /** When the other side was last seen to send. */
  protected readAt: number;
  /** Whether the other side sends no more. */
  protected peerClosed = false;
  /** Whether what was read is being taken. */
  protected isPumping = false;
  /** Requests that were answered since the last sending began. */
  protected answeredCount = 0;
  /** Whether nothing has come over the connection, and its protocol cares. */
  protected isUnread = false;
  readonly #names: ConnectionNames;
  readonly #readBuffer: ReadBuffer;
  #resumeReading: (() => void) | null = null;

  /** Makes a connection over `conn`, with a read buffer that has `restingBytes` while it waits. */
  constructor(
    conn: Deno.Conn,
    host: ConnectionHost<SocketConnection>,
    names: ConnectionNames,
    restingBytes: number,
  ) {
    this.conn = conn;
    this.host = host;
    this.#names = names;
    this.sender = new Sender(conn, host.buffers, host, this);
    this.out = this.sender.out;
    this.#readBuffer = new ReadBuffer(host.buffers, restingBytes);
    this.readAt = host.now;
  }

  /** Requests that are under way, answers included. */
  protected abstract get requestCount(): number;
  /** Whether all requests that have come are answered, and the answers sent. */
  protected abstract get owesNothing(): boolean;
  /** Whether the next request is the other side's to begin, after others. */
  protected abstract get isBetweenRequests(): boolean;
  /** Whether some bytes were read but not taken yet. */
  protected abstract get hasUntaken(): boolean;
  /** Whether more of a request is to come. */
  protected abstract get isReceiving(): boolean;
  /** Whether the other side may still be sending when the last answer is. */
  protected abstract get mayStillSend(): boolean;

  /** Takes `count` bytes that are in `buffer`; those are not its own for longer than until the next call. */
  protected abstract push(buffer: Uint8Array, count: number): void;
  /** Works on what was pushed, as long as somebody takes it. */
  protected abstract pump(): void;
  /** Forgets what was pushed, and what is to come. */
  protected abstract discardInput(): void;
  /** Notes bytes that came after the last answer, and says whether to wait for more. */
  protected abstract mayDiscard(count: number): boolean;
  /** The other side sends no more, and something is under way. */
  protected abstract onHalfClosed(): void;
  /** Whether to go on when the other side sends no more. */
  protected abstract get isUnderWay(): boolean;
  /** What was written is about to be sent. */
  protected abstract onSending(): void;
  /** What was written was sent. */
  abstract onSent(): void;
  /** Tells all requests that the connection is closed. */
  protected abstract onClosed(reason: AbortReason): void;
  /** Ends what has taken too long, unless the client is slow to take what is sent. */
  protected abstract checkRequests(now: number): void;
  /** Closes the connection if it is idle; else it is closed after what it carries. */
  abstract drain(): void;

  get owedCount(): number {
    if (this.state >= LINGERING) return 0;
    return this.requestCount || (this.sender.pendingBytes > 0 ? 1 : 0);
  }

  /** Serves the connection, of which `first` was read already, until it is closed. Never rejects. */
  async serve(first: Uint8Array = EMPTY): Promise<void> {
    try {
      if (first.length > 0) {
        this.isUnread = false;
        this.push(first, first.length);
        this.pump();
        while (this.hasUntaken) await this.#readingResumed();
      }
      while (this.state < CLOSED) {
        const count = await this.conn.read(this.#readBuffer.bytes);
        if (count === null) {
          this.#onEnd();
          return;
        }
        if (this.state === LINGERING) {
          if (!this.mayDiscard(count)) this.close("client-gone");
          continue;
        }
        this.readAt = this.host.now;
        this.isUnread = false;
        this.push(this.#readBuffer.bytes, count);
        this.pump();
        while (this.hasUntaken) await this.#readingResumed();
        if (this.#readBuffer.fits(count)) continue;
        this.#readBuffer.adapt(count, this.isReceiving ? "in a body" : "between bodies");
      }
    } catch (error) {
      if (!isConnectionError(error)) {
        const text = error instanceof Error ? error.stack : error;
        this.host.log("error", `${this.#names.protocol}: ${text}`);
      }
      this.close("client-gone");
    } finally {
      // Nothing is read into it any more, and what was in it has been taken.
      this.#readBuffer.release();
    }
  }

  /** Sees to it that what was written is sent. */
  scheduleFlush(): void {
    if (!this.sender.sending && !this.isPumping) this.host.scheduleFlush(this);
  }

  /** Sends what was written, unless a write is under way already. */
  flush(): void {
    if (this.sender.sending || this.state >= LINGERING) return;
    if (this.out.length === 0) {
      if (this.state === FINISHING && this.requestCount === 0) this.#finish();
      return;
    }
    this.answeredCount = 0;
    this.onSending();
    this.sender.start();
  }

  /**
   * Sends the answers to what was pumped. A single one waits until the other connections have been
   * read, too: waking a client for each answer alone costs both sides more than the answer does.
   */
  protected flushAnswers(): void {
    if (this.answeredCount === 1 && this.state === OPEN) this.host.scheduleFlush(this);
    else this.flush();
    this.takePlace();
  }

  /** Takes the place that the connection has now among those that can be closed to make room. */
  protected takePlace(): void {
    const { place, host } = this;
    if (!this.owesNothing) {
      place.leave();
      return;
    }
    const list = this.isBetweenRequests ? host.idle : host.awaited;
    if (place.list !== list) list.add(place, host.now);
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    if (this.state === LINGERING) {
      if (now - this.readAt > LINGER_TIMEOUT_MS) this.close("client-gone");
      return;
    }
    this.checkRequests(now);
  }

  /** Whether what is being sent makes no progress for `timeoutMs`. */
  protected isStuck(now: number, timeoutMs: number): boolean {
    return this.sender.sending && expired(now, this.sender.progressAt, timeoutMs);
  }

  /** Whether a client that half closed has taken nothing for so long that it counts as gone. */
  protected isForsaken(now: number): boolean {
    return now - this.quietSince > HALF_CLOSED_TIMEOUT_MS;
  }

  /** When the other side last sent, or took, something. */
  protected get quietSince(): number {
    return Math.max(this.readAt, this.sender.progressAt);
  }

  /** Closes the connection immediately. */
  abort(reason: AbortReason): void {
    this.close(reason);
  }

  /** Goes on with what is left in the read buffer, and then with reading. */
  protected resume(): void {
    this.pump();
    if (this.hasUntaken && this.state === OPEN) return;
    this.readAt = this.host.now;
    this.#wakeReading();
  }

  /** Whether reading waits until somebody takes what was read. */
  protected get isReadingHeldUp(): boolean {
    return this.#resumeReading !== null;
  }

  onSendFailed(error: unknown): void {
    if (!isConnectionError(error)) {
      const { protocol, peer } = this.#names;
      this.host.log("error", `${protocol}: cannot write to ${peer}: ${error}`);
    }
    this.close("client-gone");
  }

  /** Closes the connection, and gives its memory back. */
  protected close(reason: AbortReason): void {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    this.discardInput();
    this.onClosed(reason);
    const { writing } = this.sender;
    this.sender.release();
    this.#wakeReading();
    this.host.close(this, { conn: this.conn, isUnread: this.isUnread, writing });
  }

  /** The other side will send no more. */
  #onEnd(): void {
    this.peerClosed = true;
    this.readAt = this.host.now;
    if (this.state === LINGERING || !this.isUnderWay) this.close("client-gone");
    else this.onHalfClosed();
  }

  /** Everything was sent: ends the connection so that the other side gets all of it. */
  #finish(): void {
    if (!this.mayStillSend || this.peerClosed) {
      this.close("client-gone");
      return;
    }
    this.state = LINGERING;
    this.readAt = this.host.now;
    this.discardInput();
    this.conn.closeWrite().catch(() => this.close("client-gone"));
    this.#wakeReading();
  }

  #readingResumed(): Promise<void> {
    return new Promise((resolve) => this.#resumeReading = resolve);
  }

  #wakeReading(): void {
    const resume = this.#resumeReading;
    this.#resumeReading = null;
    resume?.();
  }
}
