/**
 * An exchange that is watched on its way between its endpoint and its handler.
 *
 * @module
 */

import { utf8Length } from "../base/text.ts";
import { errorResponse } from "../message/error_response.ts";
import type {
  AbortReason,
  DirectOutput,
  EndpointAnswer,
  Exchange,
  ExchangeReceiver,
  RequestHead,
  ResponseHead,
  UpgradeHead,
  WorkerPlace,
} from "../message/exchange.ts";
import { NO_ANSWER, NOBODY, UNKNOWN_LENGTH, WHOLE_BODY } from "../message/exchange.ts";
import type { Outcome, RequestTrace } from "./request_record.ts";
import { RecordCounter } from "./record_counter.ts";
import { NO_STATUS } from "./request_record.ts";
import type { TurnClock, TurnWaiter } from "./turn_clock.ts";

const SWITCHING_PROTOCOLS = 101;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

/** Who is told of the end of exchanges. */
export interface ExchangeWatch {
  /** When things happen. */
  readonly clock: TurnClock;
  /** The exchange has ended, at `now`. Told once. */
  onEnded(exchange: ObservedExchange, outcome: Outcome, now: number): void;
}

/** Stands between an exchange and its handler, and counts what passes. */
export class ObservedExchange implements Exchange, DirectOutput, TurnWaiter {
  /** When it began, on the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  /** When its response began, on the same clock; 0 as long as it has not. */
  respondedAt = 0;
  /** The path prefix that it belongs to, `"/"` for the root, and `""` if it belongs to none. */
  mount = "/";
  /** Status of the response. */
  status: number = NO_STATUS;
  /** Bytes of the request's body that have come. */
  bytesIn = 0;
  /** Bytes of the response's body. */
  bytesOut = 0;
  /** How long it waited for a worker, in milliseconds. */
  queuedMs = 0;
  /** The worker that has it; `null` if none has. */
  place: WorkerPlace | null = null;
  /** Its place in a trace, if it has one. */
  trace: RequestTrace | null = null;
  /** Who else is under way: the one that came before it, and the one that came after. */
  before: ObservedExchange | null = null;
  after: ObservedExchange | null = null;

  /** Who listens on the handler's side. */
  listener: ExchangeReceiver = NOBODY;
  /** Whether {@linkcode listener} wants to know that the response was sent. */
  wantsSent = false;
  /** Whether the handler has no more to say. */
  isSaid = false;

  readonly #inner: Exchange;
  readonly #watch: ExchangeWatch;
  #queuedAt = 0;
  /** Bytes that the response still needs, when their number is known. */
  #remaining = UNKNOWN_LENGTH;
  #hasEnded = false;
  /** What passes over the WebSocket that it was upgraded to. */
  #fromSocket: RecordCounter | null = null;
  #toSocket: RecordCounter | null = null;
  /** How the inner exchange writes without copies, while it does. */
  #direct: DirectOutput | null = null;

  /** Stands before `inner`, which began at `startedAt`. */
  constructor(inner: Exchange, watch: ExchangeWatch, startedAt: number) {
    this.#inner = inner;
    this.#watch = watch;
    this.startedAt = startedAt;
    inner.receiver = new Tap(this);
  }

  get head(): RequestHead {
    return this.#inner.head;
  }

  get receiver(): ExchangeReceiver {
    return this.listener;
  }

  set receiver(receiver: ExchangeReceiver) {
    this.listener = receiver;
  }

  get reportSent(): boolean {
    return this.wantsSent;
  }

  set reportSent(isWanted: boolean) {
    this.wantsSent = isWanted;
    if (isWanted) this.#inner.reportSent = true;
  }

  get congested(): boolean {
    return this.#inner.congested;
  }

  /** Whether its connection goes on in another protocol. */
  get isUpgraded(): boolean {
    return this.status === SWITCHING_PROTOCOLS;
  }

  onRouted(prefix: string | null): void {
    this.mount = prefix === null ? "" : prefix || "/";
  }

  onQueued(): void {
    this.#queuedAt = this.#now();
  }

  onGiven(place: WorkerPlace): void {
    this.place = place;
    if (this.#queuedAt === 0) return;
    this.queuedMs += this.#now() - this.#queuedAt;
    this.#queuedAt = 0;
  }

  grant(bytes: number): void {
    this.#inner.grant(bytes);
  }

  grantData(bytes: number): void {
    this.#inner.grantData(bytes);
  }

  reportFault(text: string): void {
    this.#inner.reportFault(text);
  }

  inform(status: number, fieldLines: string): void {
    this.#inner.inform(status, fieldLines);
  }

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    if (this.respondedAt > 0 || this.#hasEnded) {
      this.#inner.respond(head, body);
      return;
    }
    const { status, bodyLength } = head;
    const isWhole = bodyLength === WHOLE_BODY && !this.wantsSent && this.#inner.isHeld !== true;
    // An answer of an app on this thread is sent with all others of the turn, and over then.
    const isOverLater = isWhole && this.place?.worker === 0;
    const now = isOverLater ? this.#watch.clock.now() : this.#now();
    this.respondedAt = now;
    this.status = status;
    this.#begin(status, bodyLength, body);
    if (isWhole) {
      // All of it is in the endpoint's hands: to wait for its end would cost more than a short answer does.
      this.#inner.respond(head, body);
      if (!isOverLater) {
        this.#finish("answered", now);
      } else if (!this.#hasEnded) {
        this.#hasEnded = true;
        this.#watch.clock.atEnd(this);
      }
    } else {
      this.#inner.reportSent = true;
      this.#inner.respond(head, body);
    }
  }

  /** Is told when the turn ends in which all of it was answered. */
  onTurnEnd(now: number): void {
    this.respondedAt = now;
    this.#watch.onEnded(this, "answered", now);
  }

  #begin(status: number, bodyLength: number, body: Uint8Array | string | null): void {
    if (status === NO_CONTENT || status === NOT_MODIFIED || this.head.method === "HEAD") {
      this.#remaining = 0;
    } else {
      if (body !== null) {
        this.bytesOut = typeof body === "string" ? utf8Length(body) : body.length;
      }
      if (bodyLength >= 0) this.#remaining = bodyLength - this.bytesOut;
    }
    this.isSaid = bodyLength === WHOLE_BODY || this.#remaining === 0;
  }

  write(chunk: Uint8Array): void {
    this.#count(this.#toSocket === null ? chunk.length : this.#toSocket.push(chunk));
    this.#inner.write(chunk);
  }

  get direct(): DirectOutput | null {
    const direct = this.#inner.direct ?? null;
    if (direct === null) return null;
    this.#direct = direct;
    return this;
  }

  get pendingBytes(): number {
    return this.#direct!.pendingBytes;
  }

  takeBuffer(bytes: number): Uint8Array {
    return this.#direct!.takeBuffer(bytes);
  }

  giveBuffer(buffer: Uint8Array): void {
    this.#direct!.giveBuffer(buffer);
  }

  writeBuffer(buffer: Uint8Array, length: number): void {
    this.#count(length);
    this.#direct!.writeBuffer(buffer, length);
  }

  end(trailerLines?: string): void {
    if (this.respondedAt > 0) this.isSaid = true;
    this.#inner.end(trailerLines);
  }

  upgrade(head: UpgradeHead): void {
    if (this.respondedAt > 0 || this.#hasEnded) {
      this.#inner.upgrade(head);
      return;
    }
    this.respondedAt = this.#now();
    this.status = SWITCHING_PROTOCOLS;
    if (head.kind === "websocket") {
      this.#fromSocket = new RecordCounter();
      this.#toSocket = new RecordCounter();
    }
    this.#inner.reportSent = true;
    this.#inner.upgrade(head);
    // A socket may stay for days, and would keep the heads of many requests that have ended.
    this.head.isolate();
  }

  fail(status: number, fieldLines?: string): void {
    this.isSaid = true;
    if (!this.#hasEnded) {
      const now = this.#now();
      const told = status === NO_ANSWER ? this.#inner.noAnswerStatus ?? NO_ANSWER : status;
      if (this.respondedAt > 0 || told === NO_ANSWER) {
        this.#finish("cut off", now);
      } else if (this.#inner.isHeld === true) {
        this.#refuse(told, "", now);
        this.#inner.reportSent = true;
      } else {
        this.#finishRefused(told, "", now);
      }
    }
    this.#inner.fail(status, fieldLines);
  }

  /** Is told that its endpoint has ended it, and has given it `answer`, if it has. */
  onAbort(reason: AbortReason, answer: EndpointAnswer | undefined): void {
    const { listener } = this;
    if (reason === "client-half-closed") {
      listener.onAbort(reason);
      return;
    }
    if (!this.#hasEnded) {
      const now = this.#now();
      if (answer !== undefined) this.#finishRefused(answer.status, answer.message, now);
      else this.#finish(this.#outcomeOf(reason), now);
    }
    // Its handler has said all, and has not asked what became of it.
    const isOver = this.isSaid && !this.wantsSent;
    if (isOver && (reason === "client-gone" || reason === "shutdown" || reason === "timeout")) {
      return;
    }
    listener.onAbort(reason);
  }

  /** Is told that its response is in the system's hands. */
  onSent(): void {
    if (!this.#hasEnded) this.#finish("answered", this.#now());
    if (this.wantsSent) this.listener.onSent();
  }

  /** The time. Apps on this thread may have taken long, and answer within the same turn. */
  #now(): number {
    const { clock } = this.#watch;
    return this.place?.worker === 0 ? clock.readAnew() : clock.now();
  }

  #count(bytes: number): void {
    if (this.#remaining === UNKNOWN_LENGTH) {
      this.bytesOut += bytes;
      return;
    }
    // What is too much is not sent.
    const counted = Math.min(bytes, this.#remaining);
    this.bytesOut += counted;
    this.#remaining -= counted;
    if (this.#remaining === 0) this.isSaid = true;
  }

  /** Ends with an answer that is the endpoint's own. */
  #finishRefused(status: number, detail: string, now: number): void {
    this.#refuse(status, detail, now);
    this.#finish("answered", now);
  }

  /** Takes note of an answer that is the endpoint's own. */
  #refuse(status: number, detail: string, now: number): void {
    this.status = status;
    this.respondedAt = now;
    this.bytesOut = this.head.method === "HEAD" ? 0 : errorResponse(status, detail).body.length;
  }

  #outcomeOf(reason: AbortReason): Outcome {
    if (reason !== "client-gone") return "cut off";
    // A WebSocket that was closed in order has nobody on the other side then, either.
    return this.#fromSocket?.isClean === true ? "answered" : "client left";
  }

  /** Counts part of what has come. */
  onReceived(chunk: Uint8Array): void {
    this.bytesIn += this.#fromSocket === null ? chunk.length : this.#fromSocket.push(chunk);
  }

  #finish(outcome: Outcome, now: number): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#queuedAt > 0) this.queuedMs += now - this.#queuedAt;
    this.#watch.onEnded(this, outcome, now);
  }
}

/** Listens to the endpoint. */
class Tap implements ExchangeReceiver {
  readonly #observed: ObservedExchange;

  constructor(observed: ObservedExchange) {
    this.#observed = observed;
  }

  get congested(): boolean {
    return this.#observed.listener.congested;
  }

  onBody(chunk: Uint8Array): void {
    this.#observed.onReceived(chunk);
    this.#observed.listener.onBody(chunk);
  }

  onChunk(declaredBytes: number): void {
    this.#observed.listener.onChunk(declaredBytes);
  }

  onEnd(trailers: Uint8Array): void {
    this.#observed.listener.onEnd(trailers);
  }

  onData(chunk: Uint8Array): void {
    this.#observed.listener.onData(chunk);
  }

  onDataEnd(): void {
    this.#observed.listener.onDataEnd();
  }

  onCredit(bytes: number): void {
    this.#observed.listener.onCredit(bytes);
  }

  onAbort(reason: AbortReason, answer?: EndpointAnswer): void {
    this.#observed.onAbort(reason, answer);
  }

  onSent(): void {
    this.#observed.onSent();
  }
}
