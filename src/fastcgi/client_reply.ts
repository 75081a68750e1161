/**
 * The answer to a request of the client, as it comes in.
 *
 * @module
 */

import { FastCgiError } from "../base/errors.ts";
import { BODY_WINDOW_BYTES } from "../message/exchange.ts";
import { LineSplitter } from "../base/line_splitter.ts";
import type { ClientConnection, ReplyReceiver } from "./client_connection.ts";
import type { InputType } from "./input_stream.ts";
import { CANT_MPX_CONN, OVERLOADED, REQUEST_COMPLETE, UNKNOWN_ROLE } from "./codec/records.ts";

/** A longer line of STDERR comes in parts, in characters. */
const MAX_STDERR_LINE_CHARS = 65_536;

const REFUSALS: Readonly<Record<number, string>> = {
  [CANT_MPX_CONN]: "it takes one request at a time on a connection",
  [OVERLOADED]: "it is overloaded",
  [UNKNOWN_ROLE]: "it does not have the role",
};

/** Whether other requests share the reply's connection: if not, giving up closes it. */
export type Sharing = "own" | "shared";

/** A stream of a request; empty without a source. */
export type SentStream = readonly [type: InputType, source: AsyncIterable<Uint8Array> | undefined];

/** An answer: its stream, and its end. */
export class Reply implements ReplyReceiver {
  /** What comes over STDOUT. */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The exit status. */
  readonly appStatus: Promise<number>;
  /** Whether the request was lost with a connection that was kept before, and nothing came in answer. */
  wasStale = false;

  readonly #connection: ClientConnection;
  readonly #sharing: Sharing;
  readonly #end = Promise.withResolvers<number>();
  readonly #stderr: LineSplitter;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  /** Whether the connection was kept after another request. */
  readonly #isReused: boolean;
  #id = 0;
  #isAnswered = false;
  #isSent = false;
  #isDone = false;
  #signal: AbortSignal | undefined;

  /** Makes the reply to a request that is about to begin on `connection`. */
  constructor(
    connection: ClientConnection,
    onStderr: (text: string) => void,
    sharing: Sharing,
  ) {
    this.#connection = connection;
    this.#stderr = new LineSplitter(MAX_STDERR_LINE_CHARS, onStderr);
    this.#sharing = sharing;
    this.#isReused = connection.isUsed;
    this.appStatus = this.#end.promise;
    this.appStatus.catch(() => {});
    this.stdout = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#connection.release(this),
      cancel: (reason) => this.giveUp(reason),
    }, new ByteLengthQueuingStrategy({ highWaterMark: BODY_WINDOW_BYTES }));
  }

  /** The request was begun, as `id`. */
  begin(id: number, signal: AbortSignal | undefined): void {
    this.#id = id;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onSignal);
  }

  /** Sends the request's streams one after another (FastCGI 1.0, section 6.4), until it ends. */
  async send(streams: readonly SentStream[]): Promise<void> {
    try {
      for (const [type, source] of streams) {
        if (source !== undefined) await this.#sendStream(type, source);
        this.#connection.endStream(type, this.#id);
      }
      this.#isSent = true;
    } catch (error) {
      this.giveUp(error);
    }
  }

  async #sendStream(type: InputType, source: AsyncIterable<Uint8Array>): Promise<void> {
    const stream = source instanceof ReadableStream ? source : ReadableStream.from(source);
    const reader: ReadableStreamDefaultReader<Uint8Array> = stream.getReader();
    // After the request's end the rest is not needed.
    const cancel = () => void reader.cancel().catch(() => {});
    this.appStatus.then(cancel, cancel);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      await this.#connection.write(type, this.#id, value);
    }
  }

  /** Gives the request up. */
  giveUp(reason: unknown): void {
    if (this.#isDone) return;
    this.#finish();
    this.#end.reject(reason ?? new FastCgiError("the request was given up"));
    try {
      this.#controller.error(reason);
    } catch {
      // The stream was cancelled.
    }
    // Few servers look for an abort record while they work: closing is what all understand.
    if (this.#sharing === "own") this.#connection.close();
    else this.#connection.abort(this.#id);
  }

  onStdout(chunk: Uint8Array): void {
    this.#isAnswered = true;
    if (this.#isDone) return;
    this.#controller.enqueue(chunk.slice() as Uint8Array<ArrayBuffer>);
    if ((this.#controller.desiredSize ?? 0) <= 0) this.#connection.hold(this);
  }

  onStderr(chunk: Uint8Array): void {
    this.#stderr.push(chunk);
  }

  onEnd(appStatus: number, protocolStatus: number): void {
    this.#stderr.end();
    if (this.#isDone) return;
    // Servers that do not know several requests at a time would take the rest of it for the next one's.
    if (!this.#isSent && this.#sharing === "own") this.#connection.close();
    if (protocolStatus !== REQUEST_COMPLETE) {
      const reason = REFUSALS[protocolStatus] ?? `status ${protocolStatus}`;
      this.#fail(
        new FastCgiError(`the FastCGI server refused the request: ${reason}`, protocolStatus),
      );
      return;
    }
    this.#finish();
    this.#controller.close();
    this.#end.resolve(appStatus);
  }

  onLost(error: Error): void {
    this.#stderr.end();
    if (this.#isDone) return;
    this.wasStale = this.#isReused && !this.#isAnswered;
    this.#fail(error);
  }

  #fail(error: Error): void {
    this.#finish();
    this.#controller.error(error);
    this.#end.reject(error);
  }

  #finish(): void {
    this.#isDone = true;
    this.#connection.release(this);
    this.#signal?.removeEventListener("abort", this.#onSignal);
  }

  readonly #onSignal = (): void => this.giveUp(this.#signal?.reason);
}
