/**
 * One request on a FastCGI connection, as the protocol knows it: streams in, streams out, an exit
 * status.
 *
 * @module
 */

import { OutputBuffer } from "../base/buffers.ts";
import { errorResponse } from "../message/error_response.ts";
import type { AbortReason, RequestHead } from "../message/exchange.ts";
import { CgiResponseWriter } from "./codec/cgi_response.ts";
import type { FastCgiConnection } from "./connection.ts";
import type { InputReader, InputType } from "./input_stream.ts";
import { InputStream } from "./input_stream.ts";
import { ParamsBuffer } from "./codec/params_buffer.ts";
import {
  AUTHORIZER,
  DATA,
  FILTER,
  OVERLOADED,
  REQUEST_COMPLETE,
  STDERR,
  STDIN,
  STDOUT,
  writeEnd,
  writeEndRequest,
  writeStream,
} from "./codec/records.ts";

/** Listener of a request's handler, while the request is open. */
export interface RequestReceiver extends InputReader {
  /** `bytes` of STDOUT and STDERR were sent: as many more may be written. */
  onCredit(bytes: number): void;
  /**
   * The request has ended early; the web server was told. After `"client-half-closed"` it goes on.
   */
  onAbort(reason: AbortReason): void;
  /** The time for the response to begin is over. */
  onTimeout(): void;
  /** Everything was handed to the operating system. Only told if asked for. */
  onSent(): void;
}

const NOBODY: RequestReceiver = {
  onInput() {},
  onInputEnd() {},
  onCredit() {},
  onAbort() {},
  onTimeout() {},
  onSent() {},
};

const ONLY_STDOUT = [STDOUT];

/** Exit status of a request that did not come to its own end. */
const ABORTED_STATUS = 1;

/** A request that a web server began. */
export class ServerRequest {
  /** The connection that it came over. */
  readonly connection: FastCgiConnection;
  /** Its number on its connection. */
  readonly id: number;
  /** The role that is asked for. */
  readonly role: number;
  /** Whether the connection is kept after it. */
  readonly keepConn: boolean;
  /** When it began, or (later) when its parameters were complete, on the endpoint's clock. */
  startedAt: number;
  /** When something of its input last came, or could come again. */
  inputAt: number;
  /** Whether its parameters are not complete. */
  awaitsParams = true;
  /** Its parameters as far as they have come, until it starts. */
  readonly params: ParamsBuffer;
  /** Who is told about it. */
  receiver: RequestReceiver = NOBODY;
  /** Whether {@linkcode RequestReceiver.onSent} is wanted. */
  reportSent = false;
  /** Whether something was written to STDOUT. */
  responded = false;
  /** Whether it has ended, be it not told yet ({@linkcode isHeldBack}). */
  ended = false;
  /** Whether it counts among those that the endpoint may have. */
  isAdmitted = false;
  /** Bytes of STDOUT and STDERR that may be written before they are sent. */
  window = 0;

  #stdin: InputStream | null = null;
  #stdinIsEmpty: boolean;
  readonly #data: InputStream | null;
  /** What a filter writes, which is not to be sent before STDIN is complete (FastCGI 1.0, section 6.4). */
  readonly #staged: OutputBuffer | null;
  /** Whether it has ended, and its output waits for the rest of STDIN. */
  isHeldBack = false;
  #usedStderr = false;
  /** Bytes written since the last sending began, and those in it. */
  #unsentBytes = 0;
  #inFlightBytes = 0;
  #isEnlisted = false;

  /** Makes the request that began on `connection`. */
  constructor(
    connection: FastCgiConnection,
    id: number,
    role: number,
    keepConn: boolean,
    startedAt: number,
  ) {
    this.connection = connection;
    this.id = id;
    this.role = role;
    this.keepConn = keepConn;
    this.startedAt = this.inputAt = startedAt;
    // An authorizer is sent no body (FastCGI 1.0, section 6.3).
    this.#stdinIsEmpty = role === AUTHORIZER;
    this.params = new ParamsBuffer(connection.host.buffers);
    const isFilter = role === FILTER;
    this.#data = isFilter ? this.#stream(DATA) : null;
    this.#staged = isFilter ? new OutputBuffer(connection.host.buffers) : null;
  }

  /** The connection's output, for handlers that write records themselves. */
  get out(): OutputBuffer {
    return this.#staged ?? this.connection.out;
  }

  /** Whether STDIN is known to be empty. */
  get stdinIsEmpty(): boolean {
    return this.#stdinIsEmpty;
  }

  /** Whether all that the web server sends for it has come. */
  get inputIsComplete(): boolean {
    const stdinEnded = this.#stdinIsEmpty || this.#stdin?.ended === true;
    return !this.awaitsParams && stdinEnded && (this.#data?.ended ?? true);
  }

  /** Whether its handler waits for something that has not come. */
  get isAwaitingInput(): boolean {
    if (this.#stdinIsEmpty) return this.#data?.isAwaited ?? false;
    return (this.#stdin?.isAwaited ?? true) || (this.#data?.isAwaited ?? false);
  }

  /** The stream of records of this type; `null` if they are not for this role, or come after its end. */
  input(type: number): InputStream | null {
    if (type === STDIN && this.#stdinIsEmpty) return null;
    const stream = type === DATA ? this.#data : this.#stdinStream;
    return stream === null || stream.ended ? null : stream;
  }

  /** Takes note of the end of a stream. */
  endInput(type: InputType): void {
    if (type === STDIN && this.#stdin === null) {
      if (this.#stdinIsEmpty) return;
      this.#stdinIsEmpty = true;
      this.receiver.onInputEnd(STDIN);
    } else {
      this.input(type)?.end();
    }
    if (this.#staged === null || type !== STDIN) return;
    this.#sendStaged();
    if (this.isHeldBack) this.#finish();
  }

  /** Passes on what has come of its input before its parameters were complete. */
  releaseInput(): void {
    this.#stdin?.release();
    this.#data?.release();
  }

  /** Sends what waits for the rest of STDIN, which does not come. */
  giveUpInput(): void {
    if (!this.isHeldBack) return;
    this.#appendStaged();
    this.#finish();
  }

  /** Whether what it writes has to wait for the rest of STDIN. */
  get #mustWait(): boolean {
    return this.#staged !== null && !this.awaitsParams && !this.#stdinIsEmpty &&
      this.#stdin?.ended !== true;
  }

  /** Sees to it that what was written is sent, if it may be. */
  #sendStaged(): void {
    if (this.#mustWait) return;
    this.#appendStaged();
    this.#enlist();
    this.connection.scheduleFlush();
  }

  #appendStaged(): void {
    const staged = this.#staged;
    if (staged === null || staged.length === 0) return;
    this.connection.out.append(staged.bytes.subarray(0, staged.length));
    staged.length = 0;
  }

  /** Permits `bytes` more of a stream to be delivered. */
  grant(type: InputType, bytes: number): void {
    if (this.ended) return;
    if (type === DATA) this.#data?.grant(bytes);
    else if (!this.#stdinIsEmpty) this.#stdinStream.grant(bytes);
    // The web server could not go on before this: its time begins now.
    this.inputAt = this.connection.host.now;
    this.connection.onGrant();
  }

  /** Writes to STDOUT. */
  writeStdout(chunk: Uint8Array): void {
    if (this.ended) return;
    writeStream(this.out, STDOUT, this.id, chunk);
    this.countStdout(chunk.length);
  }

  /** Writes to STDERR. */
  writeStderr(chunk: Uint8Array): void {
    if (this.ended || chunk.length === 0) return;
    this.#usedStderr = true;
    writeStream(this.out, STDERR, this.id, chunk);
    this.#count(chunk.length);
  }

  /** Counts bytes of STDOUT that were put into the output, and sees to it that they are sent. */
  countStdout(bytes: number): void {
    this.responded = true;
    this.#count(bytes);
  }

  /** Ends the request in order. */
  end(appStatus: number): void {
    if (this.ended) return;
    const streams = this.#usedStderr ? [STDOUT, STDERR] : ONLY_STDOUT;
    writeEnd(this.out, streams, this.id, appStatus);
    if (this.#mustWait) {
      this.ended = this.isHeldBack = true;
      this.#stdinStream.grant(Infinity);
      this.#data?.grant(Infinity);
      this.connection.onGrant();
      return;
    }
    this.#appendStaged();
    if (this.reportSent) this.#enlist();
    this.#finish();
  }

  /** Answers the request with `status`, and ends it. Nothing may have been written to STDOUT before. */
  endWithError(
    head: RequestHead,
    status: number,
    detail: string,
    appStatus: number,
    fieldLines = "",
  ): void {
    if (this.ended) return;
    const response = errorResponse(status, detail, fieldLines);
    new CgiResponseWriter(this.out, this.id).begin(head, response.head, response.body);
    this.end(appStatus);
  }

  /**
   * Ends a request whose response cannot be completed: STDOUT has no end. When nothing else is under
   * way on the connection it breaks too, which no web server takes for the end of a response.
   */
  breakOff(): void {
    if (this.ended) return;
    if (this.#staged !== null) this.#staged.length = 0;
    if (this.connection.isShared) {
      writeEndRequest(this.connection.out, this.id, ABORTED_STATUS, REQUEST_COMPLETE);
      this.#finish();
    } else {
      this.#finish();
      this.connection.breakOff();
    }
  }

  /** Ends the request because the web server asked for it, or its time is over. */
  abort(reason: AbortReason): void {
    if (this.ended && !this.isHeldBack) return;
    writeEndRequest(this.connection.out, this.id, ABORTED_STATUS, REQUEST_COMPLETE);
    const { receiver } = this;
    const wasOpen = !this.ended;
    this.#finish();
    if (wasOpen) receiver.onAbort(reason);
  }

  /** Is told that its connection is gone. */
  onConnectionLost(reason: AbortReason): void {
    const sent = this.ended && !this.reportSent;
    this.ended = true;
    this.#closeInput();
    const { receiver } = this;
    this.receiver = NOBODY;
    if (!sent) receiver.onAbort(reason);
  }

  /** Is told that all that was written is being sent. */
  onSending(): void {
    this.#inFlightBytes = this.#unsentBytes;
    this.#unsentBytes = 0;
    this.#isEnlisted = false;
  }

  /** Is told that what was being sent was sent. */
  onSent(): void {
    if (!this.ended) this.receiver.onCredit(this.#inFlightBytes + this.connection.widen(this));
    else if (this.reportSent && !this.#isEnlisted) this.receiver.onSent();
  }

  /** Most requests have no body: they need no stream for it. */
  get #stdinStream(): InputStream {
    return this.#stdin ??= this.#stream(STDIN);
  }

  #stream(type: InputType): InputStream {
    return new InputStream(type, () => this.isHeldBack ? NOBODY : this.receiver);
  }

  #count(bytes: number): void {
    this.#unsentBytes += bytes;
    this.#sendStaged();
  }

  #enlist(): void {
    if (this.#isEnlisted) return;
    this.#isEnlisted = true;
    this.connection.enlist(this);
  }

  #finish(): void {
    this.ended = true;
    this.isHeldBack = false;
    this.#closeInput();
    this.connection.onRequestEnded(this);
  }

  /** Ends it before it has started, for want of room. */
  turnAway(): void {
    this.ended = true;
    this.#closeInput();
    writeEndRequest(this.connection.out, this.id, 0, OVERLOADED);
  }

  #closeInput(): void {
    if (this.#staged !== null) this.connection.host.buffers.give(this.#staged.takeBytes());
    this.#stdin?.close();
    this.#data?.close();
  }
}
