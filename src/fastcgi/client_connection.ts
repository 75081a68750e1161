/**
 * One connection of a FastCGI client: begins requests, and keeps their answers apart.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { BufferPool } from "../base/buffers.ts";
import type { OutputBuffer } from "../base/buffers.ts";
import { FastCgiError, ProtocolError } from "../base/errors.ts";
import { LARGE_READ_BYTES } from "../net/limits.ts";
import { closeConn, isConnectionError, Sender } from "../net/sender.ts";
import type { SenderOwner } from "../net/sender.ts";
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  beginRecord,
  DATA,
  END_REQUEST,
  finishRecord,
  GET_VALUES,
  GET_VALUES_RESULT,
  isStream,
  KEEP_CONN,
  MAX_ALIGNED_CONTENT_BYTES,
  PARAMS,
  RecordReader,
  STDERR,
  STDIN,
  STDOUT,
  UNKNOWN_TYPE,
  writeBeginRequest,
  writeEmptyRecord,
  writeStream,
} from "./codec/records.ts";

/** Listener to the answer of a request. */
export interface ReplyReceiver {
  /** Bytes of STDOUT have come: borrowed. */
  onStdout(chunk: Uint8Array): void;
  /** Bytes of STDERR have come: borrowed. */
  onStderr(chunk: Uint8Array): void;
  /** The request has ended. */
  onEnd(appStatus: number, protocolStatus: number): void;
  /** The connection was lost before. */
  onLost(error: Error): void;
}

/** Whether the connection is kept after a request. */
export type ConnectionUse = "keep" | "once";

/** Bytes that may wait to be sent before a writer has to wait. */
const MAX_UNSENT_BYTES = 262_144;
const MAX_ID = 65_535;

const buffers = new BufferPool();
const clock = { now: 0 };

/** A connection to a FastCGI server. */
export class ClientConnection implements SenderOwner {
  /** Settles when the connection is closed. */
  readonly closed: Promise<void>;

  /** Whether a request was answered over it before. */
  isUsed = false;

  readonly #conn: Deno.Conn;
  readonly #onRequestEnded: () => void;
  readonly #sender: Sender;
  readonly #out: OutputBuffer;
  readonly #reader = new RecordReader();
  readonly #replies = new Map<number, ReplyReceiver>();
  /** Replies whose readers do not read: nothing is read meanwhile. */
  readonly #held = new Set<ReplyReceiver>();
  #nextId = 1;
  #isOpen = true;
  #isPumping = false;
  #flushIsDue = false;
  #resumeReading: (() => void) | null = null;
  #sentWaiters: (() => void)[] = [];
  #valuesReceiver: ((content: Uint8Array) => void) | null = null;

  /**
   * Makes a connection over `conn`, and begins to read it. `onRequestEnded` is called for each
   * END_REQUEST.
   */
  constructor(conn: Deno.Conn, onRequestEnded: () => void) {
    this.#conn = conn;
    this.#onRequestEnded = onRequestEnded;
    this.#sender = new Sender(conn, buffers, clock, this);
    this.#out = this.#sender.out;
    this.closed = this.#read();
  }

  /** Whether requests can be begun. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Requests that have not ended. */
  get requestCount(): number {
    return this.#replies.size;
  }

  /** Begins a request with these encoded parameters; returns its number. */
  begin(role: number, params: Uint8Array, use: ConnectionUse, receiver: ReplyReceiver): number {
    if (!this.#isOpen) throw lost("it is closed");
    this.#conn.ref();
    while (this.#replies.has(this.#nextId)) this.#nextId = this.#nextId % MAX_ID + 1;
    const id = this.#nextId;
    this.#nextId = id % MAX_ID + 1;
    this.#replies.set(id, receiver);
    writeBeginRequest(this.#out, id, role, use === "keep" ? KEEP_CONN : 0);
    writeStream(this.#out, PARAMS, id, params);
    writeEmptyRecord(this.#out, PARAMS, id);
    this.#scheduleFlush();
    return id;
  }

  /** Nothing is under way: the connection does not keep the program running. */
  rest(): void {
    this.#conn.unref();
  }

  /** Sends bytes of a stream; resolves when more can be sent. */
  async write(type: typeof STDIN | typeof DATA, id: number, chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += MAX_ALIGNED_CONTENT_BYTES) {
      if (!this.#replies.has(id)) return;
      writeStream(this.#out, type, id, chunk.subarray(at, at + MAX_ALIGNED_CONTENT_BYTES));
      this.#scheduleFlush();
      while (this.#isOpen && this.#out.length > MAX_UNSENT_BYTES) {
        await new Promise<void>((resolve) => this.#sentWaiters.push(resolve));
      }
    }
  }

  /** Ends a stream. */
  endStream(type: typeof STDIN | typeof DATA, id: number): void {
    if (!this.#replies.has(id)) return;
    writeEmptyRecord(this.#out, type, id);
    this.#scheduleFlush();
  }

  /** Asks the server to give a request up. */
  abort(id: number): void {
    if (!this.#isOpen || !this.#replies.has(id)) return;
    writeEmptyRecord(this.#out, ABORT_REQUEST, id);
    this.#scheduleFlush();
  }

  /** Asks for the values of these encoded names; resolves to the content of the result. */
  async getValues(names: Uint8Array): Promise<Uint8Array> {
    const result = new Promise<Uint8Array>((resolve) => this.#valuesReceiver = resolve);
    const record = beginRecord(this.#out);
    this.#out.append(names);
    finishRecord(this.#out, record, GET_VALUES, 0);
    this.#scheduleFlush();
    const content = await Promise.race([result, this.closed]);
    if (content === undefined) throw lost("it was closed instead of answering GET_VALUES");
    return content;
  }

  /** Reads nothing more until {@linkcode release} is called for all that hold. */
  hold(receiver: ReplyReceiver): void {
    this.#held.add(receiver);
  }

  /** Lets reading go on. */
  release(receiver: ReplyReceiver): void {
    if (!this.#held.delete(receiver) || this.#held.size > 0) return;
    this.#resumeReading?.();
    this.#resumeReading = null;
  }

  /** Closes the connection. Requests under way are lost. */
  close(error: Error = lost("it was closed")): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // The waiter for the end sees it.
    this.#conn.ref();
    closeConn(this.#conn);
    this.#sender.release();
    this.#held.clear();
    this.#resumeReading?.();
    this.#resumeReading = null;
    this.#wakeWriters();
    const replies = [...this.#replies.values()];
    this.#replies.clear();
    for (const receiver of replies) receiver.onLost(error);
  }

  onSent(): void {
    if (this.#out.length > 0) this.#sender.start();
    if (this.#out.length <= MAX_UNSENT_BYTES) this.#wakeWriters();
  }

  onSendFailed(error: unknown): void {
    // What the server has answered before it closed is still to be read.
    if (!isConnectionError(error)) this.close(lost(String(error)));
    this.#wakeWriters();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(LARGE_READ_BYTES);
    try {
      while (this.#isOpen) {
        const bytes = await this.#conn.read(buffer);
        if (bytes === null) break;
        this.#reader.push(buffer, bytes);
        this.#isPumping = true;
        while (this.#readRecord());
        this.#isPumping = false;
        this.#flush();
        if (this.#held.size > 0 && this.#isOpen) {
          await new Promise<void>((resolve) => this.#resumeReading = resolve);
        }
      }
      this.close(lost("the server closed it"));
    } catch (error) {
      const isExpected = error instanceof ProtocolError || isConnectionError(error);
      this.close(lost(messageOf(error)));
      if (!isExpected) throw error;
    }
  }

  /** Reads what there is of a record; `false` if more has to come first. */
  #readRecord(): boolean {
    const reader = this.#reader;
    if (!this.#isOpen || (!reader.inRecord && !reader.readHeader())) return false;
    reader.checkLength();
    const { type, requestId } = reader;
    const receiver = this.#replies.get(requestId);
    if (isStream(type)) {
      const bytes = reader.take(Infinity);
      if (bytes > 0 && receiver !== undefined) {
        const chunk = reader.content.subarray(reader.start, reader.end);
        if (type === STDOUT) receiver.onStdout(chunk);
        else if (type === STDERR) receiver.onStderr(chunk);
      }
      return !reader.inRecord;
    }
    if (!reader.takeAll()) return false;
    const { content, start: at, end } = reader;
    if (type === END_REQUEST && receiver !== undefined) {
      this.#replies.delete(requestId);
      const appStatus = (content[at] << 24) | (content[at + 1] << 16) | (content[at + 2] << 8) |
        content[at + 3];
      this.isUsed = true;
      receiver.onEnd(appStatus >>> 0, content[at + 4]);
      this.#onRequestEnded();
    } else if (type === GET_VALUES_RESULT) {
      this.#valuesReceiver?.(content.slice(at, end));
    } else if (type === UNKNOWN_TYPE || type === BEGIN_REQUEST) {
      throw new ProtocolError(502, `the server sent a record of type ${type}`, "FastCGI 1.0 4.2");
    }
    return true;
  }

  #scheduleFlush(): void {
    if (this.#flushIsDue || this.#isPumping || this.#sender.sending) return;
    this.#flushIsDue = true;
    queueMicrotask(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOpen && !this.#sender.sending && this.#out.length > 0) this.#sender.start();
  }

  #wakeWriters(): void {
    const waiters = this.#sentWaiters;
    this.#sentWaiters = [];
    for (const wake of waiters) wake();
  }
}

function lost(reason: string): FastCgiError {
  return new FastCgiError(`the connection to the FastCGI server was lost: ${reason}`);
}
