/**
 * The output for one client, which goes out as fast as Mongrel2 takes it. Responses to requests
 * that were asked ahead are put together while none may go.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../base/buffers.ts";
import type { Flushable } from "../net/flush_queue.ts";
import { timerMs } from "../base/timers.ts";
import type { ServerFlow } from "./delivery.ts";
import { DeliveryLine } from "./delivery.ts";
import { replyHeader } from "./codec/message.ts";
import type { OpenRequests } from "./open_requests.ts";
import type { Mongrel2Exchange } from "./mongrel2_exchange.ts";

/** Waiting bytes above which no further response is put behind them. */
const MAX_JOINED_BYTES = 65_536;
/** Most exchanges that wait to hear when their responses were sent. */
const MAX_UNTOLD = 64;

const buffers = new BufferPool();

/** Where a client's output goes. */
export interface OutputHost {
  /** What is known of the server's flow control. */
  readonly flow: ServerFlow;
  /** Sends a reply whose beginning is text to the client of `open`. */
  sendParts(open: OpenRequests | null, beginning: string, rest: Uint8Array): void;
}

/** The output of a client. */
export class ClientOutput {
  /** Bytes to send. */
  readonly buffer: OutputBuffer = new OutputBuffer(buffers);
  /** What was sent, and the server may still hold. */
  readonly line: DeliveryLine;

  readonly #host: OutputHost;
  readonly #senderId: string;
  readonly #connId: string;
  readonly #owner: Flushable & { readonly open: OpenRequests | null };
  /** What is before the payload of replies. */
  #header: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Complete responses that were not sent in full, and the exchanges that wait for it. */
  #joinedCount = 0;
  readonly #untold: Mongrel2Exchange[] = [];

  /** Makes the output of that client, which is called to flush it when more may be sent. */
  constructor(
    senderId: string,
    connId: string,
    host: OutputHost,
    owner: Flushable & { readonly open: OpenRequests | null },
  ) {
    this.#host = host;
    this.#senderId = senderId;
    this.#connId = connId;
    this.#owner = owner;
    this.line = new DeliveryLine(host.flow);
  }

  /** Whether all was sent. */
  get isEmpty(): boolean {
    return this.buffer.length === 0;
  }

  /** Complete responses of which not all was sent. */
  get joinedCount(): number {
    return this.#joinedCount;
  }

  /** Whether a response may be put behind what waits, which only has to wait for some time. */
  get joins(): boolean {
    const { buffer, line } = this;
    if (buffer.length === 0) return true;
    return buffer.length < MAX_JOINED_BYTES && this.#untold.length < MAX_UNTOLD &&
      line.waitMs(performance.now()) < Infinity;
  }

  /** Takes note that the response of `exchange` is complete, and another may be put behind it. */
  join(exchange: Mongrel2Exchange): void {
    this.#joinedCount++;
    if (exchange.reportSent) this.#untold.push(exchange);
  }

  /** Sends what the server takes. */
  send(): void {
    const { buffer, line } = this;
    if (buffer.length === 0) return;
    const now = performance.now();
    let at = 0;
    for (;;) {
      const bytes = line.room(buffer.length - at, now);
      if (bytes === 0) break;
      this.#sendPart(buffer.bytes.subarray(at, at + bytes), now);
      at += bytes;
    }
    take(buffer, at);
    if (buffer.length === 0) {
      this.#onSent();
      return;
    }
    const waitMs = line.waitMs(now);
    if (waitMs === Infinity) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#owner.flush();
    }, timerMs(waitMs));
  }

  /** Sends a little more if word of what was sent seems to have got lost. */
  probe(now: number): void {
    const { buffer, line } = this;
    const bytes = line.probe(buffer.length, now);
    if (bytes === 0) return;
    this.#sendPart(buffer.bytes.subarray(0, bytes), now);
    take(buffer, bytes);
    if (buffer.length === 0) this.#onSent();
  }

  /** Returns memory that has been sent. */
  release(): void {
    buffers.give(this.buffer.takeBytes());
  }

  /** Drops what was not sent, and notifies those who wait for it. */
  drop(tell: (exchange: Mongrel2Exchange) => void): void {
    clearTimeout(this.#timer);
    this.release();
    this.#joinedCount = 0;
    for (const exchange of this.#untold.splice(0)) tell(exchange);
  }

  #sendPart(payload: Uint8Array, now: number): void {
    this.#header ??= replyHeader(this.#senderId, [this.#connId]);
    this.#host.sendParts(this.#owner.open, this.#header, payload);
    this.line.sent(payload.length, now);
  }

  #onSent(): void {
    this.#joinedCount = 0;
    if (this.#untold.length === 0) return;
    for (const exchange of this.#untold.splice(0)) exchange.receiver.onSent();
  }
}

/** Takes the first bytes out of a buffer. */
function take(out: OutputBuffer, bytes: number): void {
  if (bytes === 0) return;
  out.bytes.copyWithin(0, bytes, out.length);
  out.length -= bytes;
}
