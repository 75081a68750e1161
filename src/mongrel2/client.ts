/**
 * A client of Mongrel2 as its handler sees it: one connection, with one request at a time.
 *
 * @module
 */

import type { OutputBuffer } from "../buffers.ts";
import { ProtocolError } from "../errors.ts";
import type { AbortReason, ExchangeHandler, Peer } from "../exchange.ts";
import { RequestHead, UNKNOWN_LENGTH } from "../exchange.ts";
import { expired } from "../net/socket_endpoint.ts";
import { bodyTooLarge } from "../request_faults.ts";
import type { RequestLimits } from "../request_limits.ts";
import { MAX_DISCARDED_BYTES, MAX_PIPELINED_REQUESTS } from "../http1/limits.ts";
import type { DateLine } from "../http1/writer.ts";
import type { Log } from "../log.ts";
import { FileBody, InlineBody, StreamedBody } from "./body_source.ts";
import { formatControl, formatReply, headerValue } from "./message.ts";
import type { Mongrel2Message } from "./message.ts";
import type { ExchangeChannel } from "./mongrel2_exchange.ts";
import { Mongrel2Exchange } from "./mongrel2_exchange.ts";
import type { Mongrel2Spec } from "./spec.ts";
import { isHandshake, translateMessage } from "./translate.ts";
import { takeUpload, uploadNotice } from "./upload.ts";

/** What the clients of an endpoint have in common. */
export interface ClientHost {
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of requests. */
  readonly limits: RequestLimits;
  /** Facts about the server. */
  readonly spec: Mongrel2Spec;
  /** What is known of the clients beforehand. */
  readonly peers: { readonly http: Peer; readonly https: Peer };
  /** The `Date` line, kept up to date. */
  readonly date: DateLine;
  /** A coarse clock in milliseconds. */
  readonly now: number;
  /** Whether replies would only pile up. */
  readonly isCongested: boolean;
  /** Time after which a message is taken for delivered where there is no word of it, in milliseconds. */
  readonly assumedDeliveryMs: number;
  /** Takes messages about faults. */
  readonly log: Log;
  /** Sends a reply. */
  send(reply: Uint8Array): void;
  /** Calls `client.flush()` soon, once for all that is written until then. */
  scheduleFlush(client: Mongrel2Client): void;
  /** Is told that there is nothing more to do for a client. */
  onIdle(client: Mongrel2Client): void;
}

/** Bytes of a response in one message at the most. */
const MAX_PAYLOAD_BYTES = 262_144;
/** Mongrel2 disconnects a client for whom 18 messages wait: so many may wait at the most. */
const MAX_OUTSTANDING_MESSAGES = 12;
/** As many where there is no word of what was delivered: more are taken for it as time goes by. */
const MAX_ASSUMED_OUTSTANDING_MESSAGES = 8;

/** A client's connection. */
export class Mongrel2Client implements ExchangeChannel {
  /** Identity of the server that it is connected to. */
  readonly senderId: string;
  /** The server's number for it. */
  readonly connId: string;

  readonly #host: ClientHost;
  #current: Mongrel2Exchange | null = null;
  /** Requests that came before the response to the current one was complete. */
  #waiting: Mongrel2Message[] = [];
  /** An upload of which parts are still to come. */
  #upload: StreamedBody | null = null;
  /** Bytes that the server takes for it now, where it says. */
  #credits = Infinity;
  /** Messages that were sent, and of which there is no word yet, or that are not taken for delivered. */
  #outstanding = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When something was last sent. */
  #sentAt = 0;
  #isScheduled = false;
  #isGone = false;

  /** Makes the client with that number. */
  constructor(senderId: string, connId: string, host: ClientHost) {
    this.senderId = senderId;
    this.connId = connId;
    this.#host = host;
  }

  get isCongested(): boolean {
    return this.#host.isCongested;
  }

  /** Whether the server's word on what it takes has to be remembered between requests. */
  get isFlowControlled(): boolean {
    return this.#credits !== Infinity && !this.#isGone;
  }

  /** Takes a request, or part of one. */
  onRequest(message: Mongrel2Message): void {
    if (headerValue(message, "METHOD") === undefined) {
      this.#onUploadPart(message);
    } else if (this.#current === null) {
      // Who asks again only now has got what he asked for before.
      if (this.#credits === Infinity) this.#outstanding = 0;
      this.#begin(message);
    } else if (this.#waiting.length < MAX_PIPELINED_REQUESTS) {
      this.#waiting.push(message);
    } else {
      this.#host.log("warning", "mongrel2: a client sends too many requests at once: disconnected");
      this.disconnect();
    }
  }

  /** Takes word that a message with so many bytes was delivered. */
  onDelivered(bytes: number): void {
    if (this.#credits === Infinity) return;
    this.#credits += bytes;
    this.#outstanding--;
    this.flush();
  }

  /** Is told that there is room for replies again. */
  onRoom(): void {
    this.#current?.receiver.onCredit(0);
  }

  /** Takes word that the client has gone, or that the gateway goes. */
  onGone(reason: AbortReason): void {
    this.#isGone = true;
    clearTimeout(this.#timer);
    for (const message of this.#waiting) this.#discardUpload(message);
    this.#waiting = [];
    const exchange = this.#current;
    this.#current = null;
    exchange?.abort(reason);
    this.#host.onIdle(this);
  }

  /** Closes the client's connection. */
  disconnect(): void {
    this.#host.send(formatReply(this.senderId, [this.connId], EMPTY));
    this.onGone("client-gone");
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    const exchange = this.#current;
    const { requestTimeoutMs, bodyIdleTimeoutMs } = this.#host.limits;
    if (exchange === null) return;
    if (!exchange.responded) {
      if (expired(now, exchange.startedAt, requestTimeoutMs)) exchange.timeOut();
    } else if (exchange.out.length > 0 && this.#credits !== Infinity) {
      if (expired(now, this.#sentAt, bodyIdleTimeoutMs)) this.disconnect();
    }
  }

  onOutput(): void {
    if (this.#isScheduled || this.#isGone) return;
    this.#isScheduled = true;
    this.#host.scheduleFlush(this);
  }

  /** Sends what the server takes of the current response. */
  flush(): void {
    this.#isScheduled = false;
    const exchange = this.#current;
    if (exchange === null) return;
    const { out } = exchange;
    this.#send(out);
    if (out.length > 0) return;
    if (exchange.complete) {
      this.#onComplete(exchange);
      return;
    }
    const { bodyBytes } = exchange;
    exchange.bodyBytes = 0;
    if (bodyBytes > 0) exchange.receiver.onCredit(bodyBytes);
  }

  #send(out: OutputBuffer): void {
    let at = 0;
    const maxOutstanding = this.#credits === Infinity
      ? MAX_ASSUMED_OUTSTANDING_MESSAGES
      : MAX_OUTSTANDING_MESSAGES;
    while (at < out.length && this.#credits > 0 && this.#outstanding < maxOutstanding) {
      const bytes = Math.min(out.length - at, this.#credits, MAX_PAYLOAD_BYTES);
      const payload = out.bytes.subarray(at, at + bytes);
      this.#host.send(formatReply(this.senderId, [this.connId], payload));
      at += bytes;
      this.#credits -= bytes;
      this.#outstanding++;
    }
    if (at === 0) return;
    out.bytes.copyWithin(0, at, out.length);
    out.length -= at;
    this.#sentAt = this.#host.now;
    if (this.#credits === Infinity) {
      this.#timer ??= setTimeout(this.#onAssumedDelivery, this.#host.assumedDeliveryMs);
    }
  }

  readonly #onAssumedDelivery = (): void => {
    this.#outstanding--;
    this.#timer = this.#outstanding === 0
      ? undefined
      : setTimeout(this.#onAssumedDelivery, this.#host.assumedDeliveryMs);
    if (this.#current !== null) this.flush();
  };

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

  #beginNext(): void {
    this.#upload = null;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#current !== null || this.#waiting.length > 0 || this.#upload !== null) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#host.onIdle(this);
  }

  #begin(message: Mongrel2Message): void {
    const { peers, limits, date, now, log } = this.#host;
    let exchange: Mongrel2Exchange;
    try {
      const notice = uploadNotice(message);
      // The request comes once more when its file is complete, perhaps to another handler.
      if (notice.kind === "started") {
        this.#beginNext();
        return;
      }
      const { head, keepsAlive } = translateMessage(message, peers, limits);
      exchange = new Mongrel2Exchange(this, head, keepsAlive, date, now, log);
      this.#current = exchange;
      const credits = headerValue(message, "DOWNLOAD_CREDITS");
      // Said with the first request of a connection only.
      if (credits !== undefined) this.#credits = Number(credits);
      if (notice.kind === "done") {
        this.#beginWithFile(exchange, notice.path);
        return;
      }
    } catch (error) {
      this.#discardUpload(message);
      this.#refuse(error);
      return;
    }
    // What comes with a handshake is no body, but the accept value of the answer.
    const body = isHandshake(message) ? EMPTY : message.body;
    if (headerValue(message, "UPLOAD_STREAM") !== undefined) {
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

  async #beginWithFile(exchange: Mongrel2Exchange, path: string): Promise<void> {
    const { limits, spec, handler } = this.#host;
    try {
      const { file, length } = await takeUpload(path, spec);
      if (this.#current !== exchange) {
        file.close();
        return;
      }
      const source = new FileBody(file, length, exchange);
      exchange.source = source;
      if (length > limits.maxBodyBytes) throw bodyTooLarge(limits);
      exchange.head.bodyLength = length;
      handler.handle(exchange);
      if (!exchange.complete) source.start();
    } catch (error) {
      if (this.#current === exchange) this.#refuse(error);
      else if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #beginWithParts(exchange: Mongrel2Exchange, message: Mongrel2Message): void {
    const declared = headerValue(message, "content-length");
    exchange.head.bodyLength = /^\d{1,15}$/.test(declared ?? "")
      ? Number(declared)
      : UNKNOWN_LENGTH;
    if (exchange.head.bodyLength > this.#host.limits.maxBodyBytes) {
      this.#refuse(bodyTooLarge(this.#host.limits));
      return;
    }
    const source = new StreamedBody(exchange, (credits) => {
      this.#host.send(formatControl(this.senderId, [this.connId], { credits }));
    });
    exchange.source = this.#upload = source;
    this.#host.handler.handle(exchange);
    source.start();
    // It can begin with the head.
    const hasPart = message.body.length > 0 ||
      headerValue(message, "UPLOAD_STREAM_DONE") !== undefined;
    if (hasPart) this.#onUploadPart(message);
  }

  #onUploadPart(message: Mongrel2Message): void {
    const offset = headerValue(message, "UPLOAD_STREAM");
    const upload = this.#upload;
    if (upload === null || offset === undefined) return;
    const { limits } = this.#host;
    if (Number(offset) + message.body.length > limits.maxBodyBytes) {
      this.#current?.refuseBody(bodyTooLarge(limits));
      return;
    }
    const isLast = headerValue(message, "UPLOAD_STREAM_DONE") !== undefined;
    upload.push(Number(offset), message.body, isLast);
    if (isLast && this.#current === null) this.#beginNext();
  }

  /** Removes the file of an upload that nobody will read. */
  async #discardUpload(message: Mongrel2Message): Promise<void> {
    try {
      const notice = uploadNotice(message);
      if (notice.kind !== "done") return;
      (await takeUpload(notice.path, this.#host.spec)).file.close();
    } catch (error) {
      // What was refused before is refused again, and was logged then.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Answers what cannot be served, and ends the connection. */
  #refuse(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    const { date, now, log } = this.#host;
    log("warning", `mongrel2: ${error.message} (${error.section})`);
    this.#current ??= new Mongrel2Exchange(this, new RequestHead(), false, date, now, log);
    // What is wrong on this side is nothing to tell the client.
    const told = error.status < 500 ? error : new ProtocolError(error.status, "", error.section);
    this.#current.refuse(told);
  }
}

const EMPTY = new Uint8Array(0);
