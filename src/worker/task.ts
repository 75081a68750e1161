/**
 * One request in an app: joins the exchange with the `Request`, the context and the `Response`.
 *
 * @module
 */

import { lengthOf, settle } from "../base/captured.ts";
import { utf8Length } from "../base/text.ts";
import type {
  AbortReason,
  Exchange,
  ExchangeReceiver,
  RequestHead,
  UpgradeHead,
} from "../message/exchange.ts";
import {
  MAX_INTERIM_BYTES,
  MAX_REASON_BYTES,
  MAX_UPGRADE_BYTES,
  MIN_INTERIM_BYTES,
  NO_ANSWER,
  UNKNOWN_LENGTH,
  WHOLE_BODY,
} from "../message/exchange.ts";
import type { FileOrder } from "../message/file_order.ts";
import { fileFieldLines } from "../message/file_request.ts";
import type { KeptExchange, SocketHolder } from "../message/kept_sockets.ts";
import { BodySender, MAX_PIECE_BYTES } from "./body_sender.ts";
import { CODED_FIELDS, isDecoded } from "./decoded_bodies.ts";
import { fieldLinesOf } from "./header_lines.ts";
import { RequestBody } from "./request_body.ts";
import type { RequestWatcher } from "./request_fate.ts";
import { abortError, RequestFate } from "./request_fate.ts";
import type {
  BodySource,
  BodyTarget,
  PlainResponse,
  PushedResponse,
  UpgradeTaker,
} from "./response_parts.ts";
import type { ResponseTrailers } from "./response_trailers.ts";
import {
  announcesTrailers as announcesIn,
  checkTrailerBytes,
  hasTrailers,
  takesTrailers,
} from "./response_trailers.ts";
import type { KnownText } from "./text_copies.ts";
import { releaseText, useText } from "./text_copies.ts";
import type { OutgoingMessage } from "./websocket/messages.ts";
import type { UpgradeOptions } from "./websocket/handlers.ts";

const { RangeError, TypeError, Uint8Array } = globalThis;
const { isInteger } = Number;
const { max, min } = Math;

/** Bytes of a response's field lines at the most: with a piece of its body they fit any ring. */
const MAX_FIELD_BYTES = 262_144;
/** Bytes that a taker has taken before the gateway is told: it may send many times as much. */
const GRANT_BYTES = 32_768;

/** Where a task stands. */
const RUNNING = 0;
const RESPONDED = 1;
const ENDED = 2;

/** What a task reports to the runner that it belongs to. */
export interface TaskOwner {
  /** Has the gateway answer with a file. */
  sendFile(exchange: Exchange, order: FileOrder, listener: ExchangeReceiver): void;
  /** The task has ended: its response is complete, or it was cut short. */
  onTaskEnded(task: AppTask): void;
  /** The app's response stream failed, or what it gave cannot be sent. */
  onStreamError(task: AppTask, error: unknown): void;
  /** The app threw an error about a request that was over. */
  onLateError(task: AppTask, error: unknown): void;
  /** Opens a socket for `task`, as its app wants: the response, or `null` if it was not asked for one. */
  openSocket(task: AppTask, options: UpgradeOptions): Response | null;
  /** Sends `message` to the sockets of the task's app that are subscribed to `topic`. */
  publish(task: AppTask, topic: string, message: OutgoingMessage): number;
  /** Has the socket kept that `task` is about to upgrade its exchange to. */
  keep(task: AppTask, exchange: Exchange, state: Uint8Array, window: number): KeptExchange;
}

/** The life of one request in an app. */
export class AppTask implements BodyTarget, SocketHolder {
  /** Never: what comes is kept for the app. */
  readonly congested = false;
  /** What was asked. */
  readonly head: RequestHead;
  /** The request's body, or `null` if it has none, or none that a `Request` can have. */
  readonly body: RequestBody | null;
  /** The same, with whatever method it came. */
  readonly sentBody: RequestBody | null;
  /** The file that comes with the request of a filter, else `null`. */
  readonly data: RequestBody | null;

  #exchange: Exchange;
  readonly #owner: TaskOwner;
  #state = RUNNING;
  /** What becomes of the request; made when somebody asks, or it is cut short. */
  #fate: RequestFate | null = null;
  /** Bytes of the body that may be sent as soon as the response has begun; then the sender counts them. */
  #window: number;
  #sender: BodySender | null = null;
  #reader: ReadableStreamDefaultReader<unknown> | null = null;
  /** What is being sent, if it is a text that others are sent, too. */
  #knownText: KnownText | null = null;
  #interimBytes = 0;
  /** What pushes the body, and what ends it. */
  #pushed: BodySource | null = null;
  #trailerLines: string | null = null;
  /** Trailers that the app has set, if the client takes such. */
  #trailers: ResponseTrailers | null = null;
  /** Whether the response has begun as one whose length is known, or after which nothing can come. */
  #isSettled = false;
  /** What takes what the client says in another protocol. */
  #taker: UpgradeTaker | null = null;
  /** Bytes that it has taken, and the gateway was not told of. */
  #owedBytes = 0;
  kept: KeptExchange | null = null;
  /** The response that opens a socket, in case the app returns nothing. */
  #opening: Response | null = null;

  /** Makes the task for `exchange`. */
  constructor(exchange: Exchange, owner: TaskOwner) {
    this.#exchange = exchange;
    this.#owner = owner;
    this.head = exchange.head;
    this.#window = this.head.responseWindow;
    const { bodyLength, method } = this.head;
    // A Request cannot have a body with these methods.
    const mayHaveBody = method !== "GET" && method !== "HEAD";
    this.sentBody = bodyLength !== 0 ? new RequestBody(exchange, "body") : null;
    this.body = mayHaveBody ? this.sentBody : null;
    this.data = this.head.role === "filter" ? new RequestBody(exchange, "data") : null;
    exchange.receiver = this;
  }

  /** Fires when the client has gone away, or the request has timed out. */
  get signal(): AbortSignal {
    return this.#fateOf().signal;
  }

  /** Settles when the response was sent, or was not. */
  get completed(): Promise<void> {
    const fate = this.#fateOf();
    if (fate.isAwaited) return fate.completed;
    const { completed } = fate;
    if (!fate.isCutShort) {
      if (this.#state === ENDED) fate.onSent();
      else this.#exchange.reportSent = true;
    }
    return completed;
  }

  /** Has `watcher` told, once, of the end; at once if it was cut short. */
  watch(watcher: RequestWatcher): void {
    this.#fateOf().watch(watcher);
  }

  /** Does not have `watcher` told any more. */
  unwatch(watcher: RequestWatcher): void {
    this.#fate?.unwatch(watcher);
  }

  /** Whether `error` is what {@linkcode signal} was fired with. */
  wasAbortedWith(error: unknown): boolean {
    return this.#fate?.wasAbortedWith(error) ?? false;
  }

  /** Whether nothing more can be sent. */
  get ended(): boolean {
    return this.#state === ENDED;
  }

  /** Sets the trailers of the response, instead of those that were set before. */
  setTrailers(trailers: ResponseTrailers): void {
    // A client that has gone is no fault of the app's.
    if (this.#state === ENDED && (this.#fate?.reason ?? null) !== null) return;
    if (this.#state === ENDED || this.#isSettled) {
      throw new TypeError("the response has gone: it is too late for trailers");
    }
    if (this.#trailers !== null || takesTrailers(this.head)) this.#trailers = trailers;
  }

  /** Sends a response that needs no stream. */
  respondPlain({ status, reason, fieldLines, body }: PlainResponse): void {
    if (this.#state !== RUNNING) return;
    checkFields(fieldLines);
    checkReason(reason);
    this.#sendPlain(status, fieldLines, body, reason);
  }

  respondFile(
    { status, reason, fieldLines }: PlainResponse,
    path: string,
    precompressed: FileOrder["precompressed"],
  ): void {
    if (this.#state !== RUNNING) return;
    checkFields(fieldLines);
    checkReason(reason);
    const requestLines = fileFieldLines(this.head);
    const order = { path, status, reason, fieldLines, requestLines, precompressed };
    this.#owner.sendFile(this.#exchange, order, this);
    this.#end();
  }

  respondPushed(
    { status, reason, fieldLines, source, announcesTrailers }: PushedResponse,
  ): boolean {
    if (this.#state !== RUNNING) return false;
    checkFields(fieldLines);
    checkReason(reason);
    this.#state = RESPONDED;
    this.#pushed = source;
    if (this.#trailers !== null && hasTrailers(status)) {
      fieldLines += this.#trailers.announcement;
      announcesTrailers = true;
    }
    const head = { status, reason, fieldLines, bodyLength: UNKNOWN_LENGTH, announcesTrailers };
    this.#exchange.respond(head, null);
    return true;
  }

  upgrade(head: UpgradeHead, source: BodySource, taker: UpgradeTaker): boolean {
    if (this.#state !== RUNNING) return false;
    if (head.protocol === "") throw new TypeError("the app's 101 response has no Upgrade field");
    if (head.protocol.length + 2 + head.fieldLines.length > MAX_UPGRADE_BYTES) {
      throw new RangeError(
        `the header fields of the app's 101 response are larger than ${MAX_UPGRADE_BYTES} bytes`,
      );
    }
    this.#state = RESPONDED;
    this.#pushed = source;
    this.#taker = taker;
    // Whether the last byte has gone is not told: the connection's end is.
    this.#exchange.reportSent = false;
    if (head.state !== undefined) {
      this.kept = this.#owner.keep(this, this.#exchange, head.state, this.#window);
      this.#exchange = this.kept;
    }
    this.#exchange.upgrade(head);
    return true;
  }

  /** Goes on with `socket`, which was opened elsewhere. */
  adopt(socket: KeptExchange, source: BodySource, taker: UpgradeTaker): void {
    this.#state = RESPONDED;
    this.kept = socket;
    this.#pushed = source;
    this.#taker = taker;
  }

  handBack(state: Uint8Array): void {
    if (this.#state === ENDED) return;
    this.kept?.handBack(state);
    this.#end();
  }

  /** Opens a socket that may be given to other workers; the response, or `null` if that was not asked for. */
  openSocket(options: UpgradeOptions): Response | null {
    return this.#opening = this.#owner.openSocket(this, options);
  }

  /** The response that opens a socket, if there is one. */
  get opening(): Response | null {
    return this.#opening;
  }

  /** Sends `message` to the sockets of its app that are subscribed to `topic`. */
  publish(topic: string, message: OutgoingMessage): number {
    return this.#owner.publish(this, topic, message);
  }

  release(): void {
    this.#taker?.onRelease?.();
  }

  grant(bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#owedBytes < GRANT_BYTES || this.#state !== RESPONDED) return;
    this.#exchange.grant(this.#owedBytes);
    this.#owedBytes = 0;
  }

  push(chunk: Uint8Array): boolean {
    if (this.#state !== RESPONDED) return true;
    return this.#sending().push(chunk);
  }

  endPushed(trailerLines: string): boolean {
    if (this.#state !== RESPONDED) return false;
    const lines = trailerLines + (this.#trailers?.lines ?? "");
    try {
      checkTrailerBytes(lines.length);
    } catch (error) {
      this.failWith(error);
      return false;
    }
    this.#trailerLines = trailerLines;
    if (this.#sender?.hasUnsent) return false;
    this.#exchange.end(lines);
    this.#end();
    return true;
  }

  /** Goes on with what was pushed. */
  #pushOn(sender: BodySender): void {
    if (!sender.pushOn()) return;
    const source = this.#pushed;
    if (this.#trailerLines === null) {
      source?.onRoom();
    } else {
      this.endPushed(this.#trailerLines);
      source?.onDone();
    }
  }

  /** Gives the request up, if it is not over, since `error` was thrown and not caught elsewhere. */
  failWith(error: unknown): void {
    if (this.#state === ENDED) this.#owner.onLateError(this, error);
    else this.#owner.onStreamError(this, error);
  }

  /** Sends an interim response before the response, where that is possible. */
  inform(status: number, fieldLines: string): void {
    if (this.#state !== RUNNING) return;
    this.#interimBytes += max(fieldLines.length, MIN_INTERIM_BYTES);
    if (this.#interimBytes <= MAX_INTERIM_BYTES) this.#exchange.inform(status, fieldLines);
  }

  /** Has `onAborted` called if the exchange is cut short, or the client will send no more. */
  whenAborted(onAborted: (reason: AbortReason) => void): void {
    this.#fateOf().whenAborted(onAborted);
  }

  /** Gives the request up without an answer, or breaks it off. */
  cut(): void {
    this.fail(NO_ANSWER);
  }

  /** Sends what the app returned. */
  respond(response: Response): void {
    if (this.#state !== RUNNING) {
      if (!response.bodyUsed) discard(response.body);
      return;
    }
    // Objects other than the platform's own may change with each access.
    const { body, status } = response;
    if (status === 0) {
      throw new TypeError("the app returned an error response (Response.error())");
    }
    if (response.bodyUsed) throw new TypeError("the app returned a response whose body was used");
    if (!isInteger(status) || status < 200 || status > 599) {
      throw new RangeError("the app returned a response whose status is not from 200 to 599");
    }
    const fieldLines = fieldLinesOf(
      response.headers,
      MAX_FIELD_BYTES,
      isDecoded(response, body) ? CODED_FIELDS : undefined,
    );
    checkFields(fieldLines);
    if (body === null) {
      this.#sendPlain(status, fieldLines, null);
    } else if (this.head.method === "HEAD") {
      this.#state = RESPONDED;
      this.#exchange.respond({ status, fieldLines, bodyLength: UNKNOWN_LENGTH }, null);
      discard(body);
      this.#end();
    } else {
      this.#state = RESPONDED;
      this.#sendStream(status, fieldLines, body);
    }
  }

  /** Tells the front server of a fault, where that is possible. */
  reportFault(text: string): void {
    if (this.#state !== ENDED) this.#exchange.reportFault(text);
  }

  /** Gives the request up with `status`. */
  fail(status: number): void {
    if (this.#state === ENDED) return;
    this.#fateOf().onFailed();
    this.#exchange.fail(status);
    this.#end();
  }

  onBody(chunk: Uint8Array): void {
    if (this.#taker === null) this.sentBody?.push(chunk);
    else this.#taker.onBytes(chunk);
  }

  onChunk(declaredBytes: number): void {
    this.sentBody?.beginChunk(declaredBytes);
  }

  onEnd(trailers: Uint8Array): void {
    if (this.#taker === null) this.sentBody?.end(trailers);
    else this.#taker.onBytesEnd();
  }

  onData(chunk: Uint8Array): void {
    this.data?.push(chunk);
  }

  onDataEnd(): void {
    this.data?.end(NO_TRAILERS);
  }

  onCredit(bytes: number): void {
    const sender = this.#sender;
    if (sender === null) {
      this.#window += bytes;
      return;
    }
    sender.onCredit(bytes);
    if (sender.hasUnsent) this.#pushOn(sender);
  }

  onAbort(reason: AbortReason): void {
    const fate = this.#fateOf();
    fate.onLeaving(reason);
    if (reason !== "client-half-closed") {
      this.sentBody?.abort(reason);
      this.data?.abort(reason);
      fate.onLeft(reason, this.#taker?.onClosed(reason) === true ? "complete" : "cut short");
      discard(this.#reader, abortError(reason));
      this.#end();
    }
    fate.tellOfAbort(reason);
  }

  onSent(): void {
    this.#fate?.onSent();
  }

  #sendPlain(
    status: number,
    fieldLines: string,
    body: string | Uint8Array | null,
    reason?: string,
  ): void {
    if (typeof body === "string" && body.length > MAX_PIECE_BYTES) {
      this.#knownText = useText(this.head.mount, body);
      if (this.#knownText !== null) body = this.#knownText.bytes;
    }
    if (this.#trailers !== null && hasTrailers(status)) {
      this.#sendTrailed({ status, reason, fieldLines, body }, this.#trailers);
      return;
    }
    this.#isSettled = true;
    const bytes = body === null ? 0 : typeof body === "string" ? utf8Length(body) : lengthOf(body);
    if (body === null || bytes <= min(MAX_PIECE_BYTES, this.#window)) {
      this.#exchange.respond({ status, reason, fieldLines, bodyLength: WHOLE_BODY }, body);
      this.#end();
      return;
    }
    this.#state = RESPONDED;
    this.#exchange.respond({ status, reason, fieldLines, bodyLength: bytes }, null);
    if (this.head.method === "HEAD") {
      this.#end();
      return;
    }
    const sent = this.#sendBody(body);
    if (sent === undefined) this.#end();
    else settle(sent, (open) => open && this.#end(), rethrow);
  }

  /** Sends a whole body as if its length were not known: trailers come after chunks. */
  #sendTrailed(
    { status, reason, fieldLines, body }: PlainResponse,
    { announcement }: ResponseTrailers,
  ): void {
    this.#state = RESPONDED;
    fieldLines += announcement;
    const bodyLength = UNKNOWN_LENGTH;
    this.#exchange.respond(
      { status, reason, fieldLines, bodyLength, announcesTrailers: true },
      null,
    );
    const sent = body === null ? undefined : this.#sendBody(body);
    if (sent === undefined) this.#endStream();
    else settle(sent, (open) => open && this.#endStream(), rethrow);
  }

  /** Ends a response of unknown length. */
  #endStream(): void {
    this.#exchange.end(this.#trailers?.lines ?? "");
    this.#end();
  }

  /** Sends a whole body; returns as {@linkcode BodySender.sendBytes} does. */
  #sendBody(body: string | Uint8Array): undefined | Promise<boolean> {
    const sender = this.#sending();
    return typeof body === "string" ? sender.sendText(body) : sender.sendBytes(body);
  }

  async #sendStream(
    status: number,
    fieldLines: string,
    body: ReadableStream<unknown>,
  ): Promise<void> {
    const exchange = this.#exchange;
    try {
      const reader = this.#reader = body.getReader();
      let announcesTrailers = false;
      if (this.#trailers !== null && hasTrailers(status)) {
        fieldLines += this.#trailers.announcement;
        announcesTrailers = true;
      } else if (announcesIn(fieldLines)) {
        announcesTrailers = takesTrailers(this.head);
      }
      exchange.respond({ status, fieldLines, bodyLength: UNKNOWN_LENGTH, announcesTrailers }, null);
      const sender = this.#sending();
      for (;;) {
        const { done, value } = await reader.read();
        if (this.ended) return;
        if (done) break;
        if (!(value instanceof Uint8Array)) {
          throw new TypeError("the app's response stream gave something other than a Uint8Array");
        }
        const sent = sender.sendBytes(value);
        if (sent !== undefined && !(await sent)) return;
      }
      this.#endStream();
    } catch (error) {
      if (this.ended) return;
      discard(this.#reader, error);
      this.#owner.onStreamError(this, error);
    }
  }

  /** What sends the body of a response that has begun. */
  #sending(): BodySender {
    return this.#sender ??= new BodySender(this.#exchange, this.#window);
  }

  #fateOf(): RequestFate {
    return this.#fate ??= new RequestFate();
  }

  #end(): void {
    if (this.#state === ENDED) return;
    this.#state = ENDED;
    this.#reader = null;
    this.#pushed = null;
    this.#opening = null;
    this.#sender?.close();
    if (this.#knownText !== null) releaseText(this.#knownText);
    this.#knownText = null;
    this.#owner.onTaskEnded(this);
    this.#fate?.onEnded();
  }
}

/** @throws {RangeError} if there are more than a response may have */
function checkFields(fieldLines: string): void {
  if (fieldLines.length <= MAX_FIELD_BYTES) return;
  throw new RangeError(
    `the header fields of the app's response are larger than ${MAX_FIELD_BYTES} bytes`,
  );
}

/** @throws {RangeError} if it is longer than a response's may be */
function checkReason(reason: string | undefined): void {
  if (reason === undefined || reason.length <= MAX_REASON_BYTES) return;
  throw new RangeError(
    `the reason phrase of the app's response is longer than ${MAX_REASON_BYTES} bytes`,
  );
}

/** Gives up a stream, which need not be one of the platform's own. Never throws. */
export function discard(
  source: { cancel(reason?: unknown): Promise<void> } | null,
  reason?: unknown,
): void {
  try {
    source?.cancel(reason).catch(ignore);
  } catch {
    // Nobody waits for what it has to say.
  }
}

const NO_TRAILERS = new Uint8Array(0);

function rethrow(error: unknown): never {
  throw error;
}

/** For promises whose rejection says what is known already. */
function ignore(): void {}
