/**
 * A client of Mongrel2 as its handler sees it: one connection, with one request at a time.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import type { OutputBuffer } from "../base/buffers.ts";
import { ProtocolError } from "../base/errors.ts";
import { errorBodyBytes } from "../message/error_response.ts";
import type { AbortReason, EndpointAnswer, Peer } from "../message/exchange.ts";
import { NOBODY, UNKNOWN_LENGTH } from "../message/exchange.ts";
import { expired } from "../net/socket_connection.ts";
import { bodyTooLarge } from "../message/request_faults.ts";
import { MAX_DISCARDED_BYTES } from "../http1/codec/limits.ts";
import type { OwnLines } from "../http1/codec/writer.ts";
import type { Log } from "../base/log.ts";
import type { ServerFlow } from "./delivery.ts";
import type { OutputHost } from "./client_output.ts";
import { ClientOutput } from "./client_output.ts";
import { InlineBody } from "./body_source.ts";
import { formatControl, formatReply, headerValue } from "./codec/message.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import type { RouteUse, UploadStart } from "./codec/spec.ts";
import { announcedLength, contentLength, EarlyUpload, uploadStalled } from "./early_upload.ts";
import type { UploadHost } from "./file_uploads.ts";
import { beginEarly, beginWithFile } from "./file_uploads.ts";
import type { ExchangeChannel } from "./mongrel2_exchange.ts";
import { Mongrel2Exchange, TIMED_OUT } from "./mongrel2_exchange.ts";
import { frameOf } from "./codec/socket_frames.ts";
import type { OpenRequests } from "./open_requests.ts";
import type { SocketSharers } from "./transport.ts";
import { isHandshake, readMessage, translateMessage } from "./codec/translate.ts";
import type { Mongrel2Socket } from "./socket_link.ts";
import { isLastPart, isPart, StreamedUpload } from "./streamed_upload.ts";
import { uploadNotice } from "./upload.ts";
import { WaitingRequests } from "./waiting_requests.ts";

/** What the clients of an endpoint have in common. */
export interface ClientHost extends OutputHost, UploadHost {
  /** What routes are to apps. */
  readonly route: RouteUse;
  /** When requests begin whose bodies the server puts into files. */
  readonly uploadsStart: UploadStart;
  /** Bytes of a WebSocket's message at the most. */
  readonly maxMessageBytes: number;
  /** Who else gets part of a WebSocket's messages; `null` if nobody does. */
  readonly sharing: SocketSharers | null;
  /** What is known of the clients beforehand. */
  readonly peers: { readonly http: Peer; readonly https: Peer };
  /** The `Date` line, kept up to date. */
  readonly date: OwnLines;
  /** A coarse clock in milliseconds. */
  readonly now: number;
  /** Whether replies would only pile up. */
  readonly isCongested: boolean;
  /** Takes messages about faults. */
  readonly log: Log;
  /** Calls `client.flush()` soon, once for all that is written until then. */
  scheduleFlush(client: Mongrel2Client): void;
  /** Is told that there is nothing more to do for a client. */
  onIdle(client: Mongrel2Client): void;
}

/** A client's connection. */
export class Mongrel2Client implements ExchangeChannel {
  /** Identity of the server that it is connected to. */
  readonly senderId: string;
  /** The server's number for it. */
  readonly connId: string;
  /** Its requests that came over dispatchers, and are not done; `null` if none can. */
  readonly open: OpenRequests | null;

  readonly #host: ClientHost;
  #current: Mongrel2Exchange | null = null;
  /** Requests that came before the response to the current one was complete. */
  readonly #waiting = new WaitingRequests();
  /** An upload of which more may be to come. */
  #upload: EarlyUpload | StreamedUpload | null = null;
  /** Requests that were not kept. */
  #unkeptCount = 0;
  readonly #output: ClientOutput;
  #isScheduled = false;
  #isGone = false;

  /** Makes the client with that number. */
  constructor(senderId: string, connId: string, host: ClientHost, open: OpenRequests | null) {
    this.senderId = senderId;
    this.connId = connId;
    this.open = open;
    this.#host = host;
    this.#output = new ClientOutput(senderId, connId, host, this);
  }

  get out(): OutputBuffer {
    return this.#output.buffer;
  }

  get isCongested(): boolean {
    return this.#host.isCongested;
  }

  get now(): number {
    return this.#host.now;
  }

  get maxMessageBytes(): number {
    return this.#host.maxMessageBytes;
  }

  get sharing(): SocketSharers | null {
    return this.#host.sharing;
  }

  /** Its WebSocket, if it has one. */
  get socket(): Mongrel2Socket | null {
    return this.#current?.socket ?? null;
  }

  /** Whether it has left, or was left. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** What is known of its server's flow control. */
  get flow(): ServerFlow {
    return this.#host.flow;
  }

  /** Whether the server has still to give word of what it was sent. */
  get awaitsWord(): boolean {
    return this.#host.flow.state === "on" && !this.#output.line.isEmpty && !this.#isGone;
  }

  /** Whether a response depends on what the server says of it. */
  get needsWord(): boolean {
    return this.#current !== null && this.#output.line.isFull;
  }

  /** Requests without a complete answer. */
  get requestCount(): number {
    const { joinedCount } = this.#output;
    return joinedCount + this.#waiting.length + (this.#current === null ? 0 : 1);
  }

  /** Takes a request, or part of one. */
  onRequest(message: Mongrel2Message): void {
    const upload = this.#upload;
    if (headerValue(message, "METHOD") === undefined) {
      this.#onUploadPart(message);
    } else if (upload instanceof EarlyUpload && this.#endsUpload(upload, message)) {
      if (this.#current === null) this.#beginNext();
    } else if (this.#current === null && this.#output.isEmpty) {
      this.#output.line.asksAgain();
      this.#begin(message);
    } else {
      this.#output.line.asksAhead(performance.now());
      this.#keep(message);
      if (this.#current?.complete ?? true) this.flush();
    }
    if (this.open !== null) this.#settle(this.open);
  }

  /**
   * Takes a frame of a WebSocket.
   *
   * @throws {ProtocolError} if it is malformed
   */
  onFrame(message: Mongrel2Message): void {
    this.socket?.onFrame(frameOf(message));
  }

  /** Keeps a request for later. What cannot be kept is not answered: the connection ends before. */
  #keep(message: Mongrel2Message): void {
    const { isFull } = this.#waiting;
    if (this.#waiting.push(message)) return;
    this.#unkeptCount++;
    this.#host.uploads.discard(message);
    if (isFull) return;
    const count = this.#waiting.length;
    this.#host.log(
      "warning",
      `mongrel2: a client sends requests too far ahead: its connection ends after ${count} more ` +
        `responses`,
    );
  }

  /** Closes the client's connection instead of answering its request. */
  turnAway(message: Mongrel2Message): void {
    this.#host.uploads.discard(message);
    this.cutOff();
  }

  /** Takes word that a message with so many bytes was delivered. */
  onDelivered(bytes: number): void {
    this.#output.line.delivered(bytes, performance.now());
    this.flush();
  }

  /** Is told that there is room for replies again. */
  onRoom(): void {
    this.#current?.receiver.onCredit(0);
  }

  /** Takes word that the client has gone, or that the gateway goes. */
  onGone(reason: AbortReason): void {
    this.#isGone = true;
    this.#leaveUpload();
    this.#output.drop((exchange) => exchange.abort(reason));
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#host.uploads.discard(next);
    }
    const exchange = this.#current;
    this.#current = null;
    exchange?.abort(reason);
    this.open?.settle(0);
    this.#unkeptCount = 0;
    this.#host.onIdle(this);
  }

  /** Closes the client's connection after what was sent. */
  disconnect(): void {
    this.#send(formatReply(this.senderId, [this.connId], EMPTY));
    this.onGone("client-gone");
  }

  /** Closes the client's connection since the gateway goes. */
  cutOff(): void {
    const ids = [this.connId];
    // Where no handler is left to notify, Mongrel2 waits for one after each message that it has
    // delivered.
    const reply = this.#host.flow.state === "on"
      ? formatControl(this.senderId, ids, { cancel: true })
      : formatReply(this.senderId, ids, EMPTY);
    this.#send(reply);
    this.onGone("shutdown");
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    const exchange = this.#current;
    const output = this.#output;
    const { requestTimeoutMs, bodyIdleTimeoutMs } = this.#host.limits;
    exchange?.socket?.checkDeadlines(now);
    const isStalled = this.#upload instanceof EarlyUpload &&
      this.#upload.isStalled(now, bodyIdleTimeoutMs);
    if (isStalled && !(exchange?.complete ?? false)) {
      // Of one that was answered already, the rest has stopped coming.
      if (exchange === null) this.disconnect();
      else exchange.refuseBody(uploadStalled());
      return;
    }
    const isWorkedOn = exchange !== null && !exchange.responded;
    if (isWorkedOn && expired(now, exchange.startedAt, requestTimeoutMs)) {
      // The file of its upload is not open yet.
      if (exchange.receiver === NOBODY) this.#tellRefused(exchange, TIMED_OUT);
      exchange.timeOut();
      return;
    }
    if (output.isEmpty) return;
    if (expired(now, output.line.progressAt, bodyIdleTimeoutMs)) {
      this.disconnect();
      return;
    }
    output.probe(now);
    if (output.isEmpty) this.#onSent();
    if (this.open !== null) this.#settle(this.open);
  }

  onOutput(): void {
    if (this.#isScheduled || this.#isGone) return;
    this.#isScheduled = true;
    this.#host.scheduleFlush(this);
  }

  /** Sends what the server takes, and goes on with what waited for that. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#isGone) return;
    const output = this.#output;
    const exchange = this.#current;
    const hadOutput = !output.isEmpty;
    output.send();
    if (output.isEmpty) {
      if (hadOutput || exchange !== null) this.#onSent();
    } else if (exchange === null) {
      if (output.joins) this.#beginNext();
    } else if (this.#joins(exchange)) {
      output.join(exchange);
      this.#current = null;
      this.#beginNext();
    }
    if (this.open !== null) this.#settle(this.open);
  }

  #send(reply: Uint8Array): void {
    this.#host.sendParts(this.open, "", reply);
  }

  /** Says of which requests nothing more will come: those whose answers were sent to the end. */
  #settle(open: OpenRequests): void {
    const restCount = this.#current === null && this.#upload !== null ? 1 : 0;
    open.settle(this.requestCount + restCount + this.#unkeptCount);
  }

  /** Goes on after all was sent that there was. */
  #onSent(): void {
    this.#output.release();
    const exchange = this.#current;
    if (exchange === null) {
      this.#beginNext();
    } else if (exchange.complete) {
      this.#onComplete(exchange);
    } else {
      const { bodyBytes } = exchange;
      exchange.bodyBytes = 0;
      if (bodyBytes > 0) exchange.receiver.onCredit(bodyBytes);
    }
  }

  /** Whether the next request may begin, though the response of `exchange` was not sent to its end. */
  #joins(exchange: Mongrel2Exchange): boolean {
    return exchange.complete && !exchange.closes && this.#upload === null &&
      this.#waiting.length > 0 && this.#output.joins;
  }

  #onComplete(exchange: Mongrel2Exchange): void {
    this.#current = null;
    if (exchange.reportSent) exchange.receiver.onSent();
    if (exchange.closes) {
      this.disconnect();
      return;
    }
    const upload = this.#upload;
    if (upload !== null && !upload.isComplete) {
      // A large rest is not worth waiting for.
      if (exchange.head.bodyLength > MAX_DISCARDED_BYTES) this.disconnect();
      else upload.start();
      return;
    }
    this.#beginNext();
  }

  #leaveUpload(): void {
    this.#upload?.end();
    this.#upload = null;
  }

  #beginNext(): void {
    this.#leaveUpload();
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else if (!this.#output.isEmpty) return;
    else if (this.#waiting.isFull) this.disconnect();
    else this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#current !== null || this.#waiting.length > 0 || this.#upload !== null) return;
    this.#host.onIdle(this);
  }

  #begin(message: Mongrel2Message): void {
    const { peers, limits, route, uploads, uploadsStart, date, now, log } = this.#host;
    let exchange: Mongrel2Exchange;
    try {
      const notice = uploadNotice(message);
      // The request comes again when its file is complete, possibly to another handler.
      if (notice.kind === "started" && uploadsStart === "complete") {
        this.open?.settleOne(this.#output.joinedCount);
        this.#beginNext();
        return;
      }
      // Who has begun with it has its file, and answers it: that was another handler, or it was refused.
      if (notice.kind === "done" && uploadsStart === "early") {
        const isEndless = announcedLength(message) === UNKNOWN_LENGTH;
        uploads.discardLater(notice.path, isEndless ? "nothing" : "length");
        this.#beginNext();
        return;
      }
      const { head, keepsAlive } = translateMessage(message, peers, limits, route);
      const isLast = this.#waiting.isFull && this.#waiting.length === 0;
      exchange = new Mongrel2Exchange(this, head, keepsAlive && !isLast, date, now, log);
      exchange.asksUpgrade = isHandshake(message);
      this.#current = exchange;
      const credits = headerValue(message, "DOWNLOAD_CREDITS");
      if (credits !== undefined) this.#host.flow.announce(credits);
      if (notice.kind === "done") {
        const isCurrent = () => this.#current === exchange && !exchange.complete;
        this.#follow(exchange, beginWithFile(exchange, notice.path, this.#host, isCurrent));
        return;
      }
      if (notice.kind === "started") {
        this.#beginEarly(exchange, message, notice.path);
        return;
      }
    } catch (error) {
      this.#host.uploads.discard(message);
      this.#refuse(error, message);
      return;
    }
    // What comes with a handshake is not a body, but the accept value of the answer.
    const body = isHandshake(message) ? EMPTY : message.body;
    if (isPart(message)) {
      this.#beginWithParts(exchange, message);
    } else if (body.length > limits.maxBodyBytes) {
      this.#refuse(bodyTooLarge(limits));
    } else {
      exchange.head.bodyLength = body.length;
      const source = new InlineBody(body, exchange);
      exchange.source = source;
      this.#host.handler.handle(exchange);
      if (!exchange.complete) source.start();
    }
  }

  /** Begins a request whose file Mongrel2 has begun to write. */
  #beginEarly(exchange: Mongrel2Exchange, message: Mongrel2Message, path: string): void {
    const { limits } = this.#host;
    const length = announcedLength(message);
    if (length > limits.maxBodyBytes) {
      this.#refuse(bodyTooLarge(limits));
      return;
    }
    const upload = this.#upload = new EarlyUpload(path, () => {
      if (this.#upload === upload && this.#current === null) this.#beginNext();
      if (this.open !== null) this.#settle(this.open);
    });
    // If the request has waited, the word of its file's end may have come as well, or what follows it.
    const next = this.#waiting.first;
    if (next !== undefined && this.#endsUpload(upload, next)) this.#waiting.shift();
    const isCurrent = () => this.#current === exchange && !exchange.complete;
    this.#follow(exchange, beginEarly(exchange, upload, length, this.#host, isCurrent));
  }

  /** Refuses a request that could not begin, unless it is over already. */
  async #follow(exchange: Mongrel2Exchange, begun: Promise<void>): Promise<void> {
    try {
      await begun;
    } catch (error) {
      if (this.#current === exchange) this.#refuse(error);
      else if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /**
   * Takes note that the file of `upload` is complete; `false` if `message` does not only say so: then it is the next
   * request, which Mongrel2 does not send before, and another handler was told of the end.
   */
  #endsUpload(upload: EarlyUpload, message: Mongrel2Message): boolean {
    upload.finish();
    if (upload.isEndedBy(message)) return true;
    if (this.#current === null) this.#leaveUpload();
    return false;
  }

  #beginWithParts(exchange: Mongrel2Exchange, message: Mongrel2Message): void {
    const { limits, handler } = this.#host;
    exchange.head.bodyLength = contentLength(message);
    if (exchange.head.bodyLength > limits.maxBodyBytes) {
      this.#refuse(bodyTooLarge(limits));
      return;
    }
    const upload = this.#upload = new StreamedUpload(exchange, limits.maxBodyBytes, (credits) => {
      this.#send(formatControl(this.senderId, [this.connId], { credits }));
    });
    handler.handle(exchange);
    upload.start();
    // It can begin with the head.
    if (message.body.length > 0 || isLastPart(message)) this.#onUploadPart(message);
  }

  #onUploadPart(message: Mongrel2Message): void {
    const upload = this.#upload;
    if (!(upload instanceof StreamedUpload) || !isPart(message)) {
      this.#checkIdle();
      return;
    }
    if (!upload.onPart(message)) this.#current?.refuseBody(bodyTooLarge(this.#host.limits));
    else if (upload.isComplete && this.#current === null) this.#beginNext();
  }

  /** Answers what cannot be served, and ends the connection. */
  #refuse(error: unknown, message?: Mongrel2Message): void {
    if (!(error instanceof ProtocolError)) throw error;
    const { date, now, log, peers } = this.#host;
    log("warning", `mongrel2: ${error.message} (${error.section})`);
    if (this.#current === null && message !== undefined) {
      const head = readMessage(message, peers);
      this.#current = new Mongrel2Exchange(this, head, false, date, now, log);
    }
    const exchange = this.#current!;
    // What is wrong on this side is nothing to tell the client.
    const told = error.status < 500 ? error : new ProtocolError(error.status, "", error.section);
    if (!exchange.responded) this.#tellRefused(exchange, told);
    exchange.refuse(told);
  }

  /** Tells of a request that is answered before it has reached its handler. */
  #tellRefused({ head, startedAt }: Mongrel2Exchange, answer: EndpointAnswer): void {
    const { handler, now } = this.#host;
    if (handler.onRefused === undefined) return;
    const bodyBytes = head.method === "HEAD" ? 0 : errorBodyBytes(answer);
    handler.onRefused(head, { status: answer.status, bodyBytes, durationMs: now - startedAt });
  }
}
