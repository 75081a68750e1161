/**
 * An exchange that a worker works on, as the gateway sees it: passes on what the client and the worker
 * say, and holds the worker to the rules.
 *
 * @module
 */

import type { AbortReason, Exchange, ResponseHead } from "../message/exchange.ts";
import {
  BODY_WINDOW_BYTES,
  CHUNK_COST_BYTES,
  EARLY_HINTS,
  MAX_INTERIM_BYTES,
  MAX_TRAILER_BYTES,
  MIN_INTERIM_BYTES,
  NOBODY,
  PROCESSING,
  UNKNOWN_LENGTH,
  WHOLE_BODY,
} from "../message/exchange.ts";
import type { SendFile } from "../message/file_order.ts";
import { writeChunk } from "../ring/chunks.ts";
import type { MovableSocket, SocketHandover, SocketHolder } from "../message/kept_sockets.ts";
import { MAX_ALL_TOPICS_BYTES, MAX_TOPICS } from "../message/kept_sockets.ts";
import {
  ABORT,
  abortValue,
  BODY,
  CREDIT,
  DATA,
  DATA_END,
  END,
  HANDED_BACK,
  KEPT,
  MAX_FAULT_BYTES,
  MIN_FAULT_BYTES,
  OF_DATA,
  readBody,
  readFieldLines,
  readText,
  RELEASE,
  REPORT_SENT,
  SENT,
  writeBody,
  writeSignal,
} from "../ring/frames.ts";
import { readFile, readResponse } from "../ring/response_frames.ts";
import { readState, readTopic, readUpgrade } from "../ring/socket_frames.ts";
import type { RingReader, RingWriter } from "../ring/ring.ts";
import { RingError } from "../ring/ring.ts";
import { utf8Length } from "../base/text.ts";

/** No chunk has begun whose data is still to come. */
const NO_CHUNK = -1;

/** The worker that an exchange was given to. */
export interface ExchangeWorker {
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine: string;
  /** The ring to the worker; what is written to it is published soon. */
  writing(): RingWriter;
  /** Whether its ring has no room for more of a body; the exchange is told when it has. */
  isCongested(exchange: ForwardedExchange): boolean;
  /** Answers with a file, if the worker's apps may read it. */
  readonly sendFile: SendFile;
  /** A response's head as it goes out. */
  completed(head: ResponseHead): ResponseHead;
  /** Called when the connection of an exchange goes on in another protocol. */
  onUpgraded(): void;
  /** Called for each part of a message over such a connection that the worker is sent. */
  onMessage(): void;
  /**
   * Has the socket kept that `exchange` is about to be upgraded to.
   *
   * @throws {RingError} if there is nobody to keep sockets
   */
  keep(
    exchange: Exchange,
    holder: SocketHolder,
    state: Uint8Array,
    window: number,
  ): MovableSocket;
  /** Called when the worker has a socket that is kept. */
  onKept(holder: ForwardedExchange): void;
  /** Called when the worker has no more to say about an exchange. */
  onEnded(exchange: ForwardedExchange): void;
  /** Forgets an exchange: nothing more is expected either way. */
  forget(id: number): void;
  /**
   * Is told that a frame was of no use. Some are not, for they cross the end of their exchange.
   *
   * @throws {RingError} if there are too many of them
   */
  onUseless(): void;
}

/** Where an exchange stands, seen from the gateway. */
const AWAITING = 0;
const RESPONDING = 1;
const ENDED = 2;

/** An exchange that a worker works on: passes on what the client and the worker say. */
export class ForwardedExchange implements SocketHolder {
  readonly #worker: ExchangeWorker;
  /** The worker's number for it. */
  readonly id: number;
  #exchange: Exchange;
  /** The same, if it is a socket that other workers may be given. */
  #kept: MovableSocket | null = null;
  /** What the next holder of the socket is to know. */
  #keptState: Uint8Array | null = null;
  /** Topics that the worker has subscribed it to, with the bytes of their names. */
  #topics: Map<string, number> | null = null;
  #topicBytes = 0;
  /** Whether its connection goes on in another protocol. */
  isUpgraded = false;
  #state = AWAITING;
  /** Body bytes that the worker still has to send, when their number is known. */
  #remaining = UNKNOWN_LENGTH;
  /** Body bytes that the worker may send. */
  #window: number;
  /** Bytes that the worker may still grant, of the request's body and of its file. */
  #grantable: number;
  #grantableOfData = 0;
  /** Declared size of the chunk that the next data begins. */
  #chunkBytes = NO_CHUNK;
  #faultBytes = 0;
  #interimBytes = 0;

  /** Joins `exchange`, which is the worker's number `id` from here on, with `worker`. */
  constructor(worker: ExchangeWorker, id: number, exchange: Exchange) {
    this.#worker = worker;
    this.id = id;
    this.#exchange = exchange;
    this.#window = exchange.head.responseWindow;
    this.#grantable = exchange.head.expectsContinue ? BODY_WINDOW_BYTES : 0;
  }

  /** Begins with `socket`, which was opened elsewhere, as `handover` says. */
  adopt(socket: MovableSocket, { window, topics }: SocketHandover): void {
    this.#state = RESPONDING;
    this.isUpgraded = true;
    this.#exchange = this.#kept = socket;
    this.#window = window;
    this.#grantable = 0;
    for (const topic of topics) this.#noteTopic(topic);
  }

  get congested(): boolean {
    return this.#state !== ENDED && this.#worker.isCongested(this);
  }

  release(): void {
    if (this.#state !== ENDED) writeSignal(this.#worker.writing(), RELEASE, this.id, 0);
  }

  /** Whether the worker has no more to say. */
  get isEnded(): boolean {
    return this.#state === ENDED;
  }

  /** The socket, if it is one that is kept. */
  get socket(): MovableSocket | null {
    return this.#kept;
  }

  /** Is told that there is room for more of the body. */
  onRoom(): void {
    if (this.#state !== ENDED) this.#exchange.grant(0);
  }

  onBody(chunk: Uint8Array): void {
    this.#grantable += chunk.length;
    if (this.#state === ENDED) return;
    const writer = this.#worker.writing();
    if (this.isUpgraded) this.#worker.onMessage();
    if (this.#chunkBytes === NO_CHUNK) {
      writeBody(writer, BODY, this.id, chunk);
    } else {
      writeChunk(writer, this.id, this.#chunkBytes, chunk);
      this.#chunkBytes = NO_CHUNK;
    }
  }

  onChunk(declaredBytes: number): void {
    this.#grantable += CHUNK_COST_BYTES;
    // It is of no use to anybody without its data.
    this.#chunkBytes = declaredBytes;
  }

  onEnd(trailers: Uint8Array): void {
    if (this.#state !== ENDED) this.#worker.writing().write(END, 0, this.id, 0, trailers);
  }

  onData(chunk: Uint8Array): void {
    this.#grantableOfData += chunk.length;
    if (this.#state !== ENDED) writeBody(this.#worker.writing(), DATA, this.id, chunk);
  }

  onDataEnd(): void {
    if (this.#state !== ENDED) writeSignal(this.#worker.writing(), DATA_END, this.id, 0);
  }

  onCredit(bytes: number): void {
    this.#window += bytes;
    if (this.#state !== ENDED) writeSignal(this.#worker.writing(), CREDIT, this.id, bytes);
  }

  onAbort(reason: AbortReason): void {
    writeSignal(this.#worker.writing(), ABORT, this.id, abortValue(reason));
    if (reason === "client-half-closed") return;
    this.#worker.forget(this.id);
    this.#end();
  }

  onSent(): void {
    writeSignal(this.#worker.writing(), SENT, this.id, 0);
    this.#worker.forget(this.id);
  }

  /** Takes an interim response. */
  onInterim(frame: RingReader): void {
    if (this.#state !== AWAITING) {
      this.#worker.onUseless();
      return;
    }
    const { value: status } = frame;
    if (status !== PROCESSING && status !== EARLY_HINTS) {
      throw new RingError("an interim response with an unknown status");
    }
    const lines = readFieldLines(frame, MAX_INTERIM_BYTES);
    this.#interimBytes += Math.max(lines.length, MIN_INTERIM_BYTES);
    if (this.#interimBytes > MAX_INTERIM_BYTES) {
      throw new RingError("endless interim responses");
    }
    this.#exchange.inform(status, lines);
  }

  /** Takes the head of the response. */
  onResponse(frame: RingReader): void {
    if (this.#state !== AWAITING) throw new RingError("a second response to a request");
    const { head, body } = readResponse(frame);
    this.#spend(body.length);
    this.#state = RESPONDING;
    const { bodyLength } = head;
    this.#exchange.reportSent = (frame.flags & REPORT_SENT) !== 0;
    if (bodyLength === WHOLE_BODY) {
      this.#complete();
    } else if (bodyLength !== UNKNOWN_LENGTH) {
      this.#remaining = bodyLength;
      this.#count(body.length);
    }
    this.#exchange.respond(this.#worker.completed(head), body);
  }

  /** Takes the order to answer with a file. */
  onFile(frame: RingReader): void {
    if (this.#state !== AWAITING) throw new RingError("a file after a response");
    const order = readFile(frame);
    const exchange = this.#exchange;
    const isAsked = exchange.reportSent = (frame.flags & REPORT_SENT) !== 0;
    this.#state = RESPONDING;
    this.#complete();
    const fieldLines = order.fieldLines + this.#worker.fieldLine;
    // Who does not wait for word of its end has forgotten the exchange by now.
    this.#worker.sendFile(exchange, { ...order, fieldLines }, isAsked ? this : NOBODY);
  }

  /** Takes word that the connection goes on in another protocol. */
  onUpgrade(frame: RingReader): void {
    if (this.#state !== AWAITING) throw new RingError("an upgrade after its response");
    const head = readUpgrade(frame);
    if ((frame.flags & KEPT) !== 0) {
      if (head.kind !== "websocket") throw new RingError("a socket to keep that is no WebSocket");
      if (this.#keptState === null) {
        throw new RingError("a socket to keep without what to keep of it");
      }
      this.#kept = this.#worker.keep(this.#exchange, this, this.#keptState, this.#window);
      this.#keptState = null;
      this.#exchange = this.#kept;
    }
    this.#state = RESPONDING;
    this.isUpgraded = true;
    this.#worker.onUpgraded();
    this.#exchange.upgrade({ ...head, fieldLines: head.fieldLines + this.#worker.fieldLine });
    if (this.#kept !== null) this.#worker.onKept(this);
  }

  /** Takes what the next holder of the socket is to know. */
  onKeep(frame: RingReader): void {
    if (this.#state === ENDED) {
      this.#worker.onUseless();
      return;
    }
    const state = readState(frame);
    if (this.#kept === null) {
      if (this.#state !== AWAITING) {
        throw new RingError("something to keep of what is no kept socket");
      }
      this.#keptState = state;
    } else if ((frame.flags & HANDED_BACK) === 0) {
      this.#kept.keep(state);
    } else {
      if (!this.#kept.mayHandBack) throw new RingError("a socket that is handed back out of turn");
      this.#worker.forget(this.id);
      this.#end();
      this.#kept.handBack(state);
    }
  }

  /** Takes word that the socket is subscribed to a topic, or is not any more. */
  onSubscription(frame: RingReader, change: "begins" | "ends"): void {
    if (this.#state === ENDED) {
      this.#worker.onUseless();
      return;
    }
    if (this.#kept === null) throw new RingError("a subscription of what is no kept socket");
    const topic = readTopic(frame);
    if (change === "begins") {
      this.#noteTopic(topic);
      this.#kept.subscribe(topic);
    } else {
      this.#topicBytes -= this.#topics?.get(topic) ?? 0;
      this.#topics?.delete(topic);
      this.#kept.unsubscribe(topic);
    }
  }

  #noteTopic(topic: string): void {
    this.#topics ??= new Map();
    if (this.#topics.has(topic)) return;
    const bytes = utf8Length(topic);
    this.#topicBytes += bytes;
    if (this.#topics.size >= MAX_TOPICS || this.#topicBytes > MAX_ALL_TOPICS_BYTES) {
      throw new RingError("a socket with more topics than there may be");
    }
    this.#topics.set(topic, bytes);
  }

  /** Takes some of the response's body. */
  onResponseBody(frame: RingReader): void {
    if (this.#state === ENDED) {
      this.#worker.onUseless();
      return;
    }
    if (this.#state !== RESPONDING) throw new RingError("a body before its response");
    const chunk = readBody(frame);
    this.#spend(chunk.length);
    this.#count(chunk.length);
    this.#exchange.write(chunk);
  }

  /** Takes word that the response is complete. */
  onResponseEnd(frame: RingReader): void {
    if (this.#state === ENDED) {
      this.#worker.onUseless();
      return;
    }
    if (this.#state !== RESPONDING) throw new RingError("an end before its response");
    const trailerLines = readFieldLines(frame, MAX_TRAILER_BYTES);
    this.#complete();
    this.#exchange.end(trailerLines);
  }

  /** Takes word that the app takes more of the body, or of the file. */
  onGrant({ value: bytes, flags }: RingReader): void {
    if (this.#state === ENDED || bytes === 0) {
      this.#worker.onUseless();
    } else if ((flags & OF_DATA) !== 0) {
      if (bytes > this.#grantableOfData) throw new RingError("a credit for more than has come");
      this.#grantableOfData -= bytes;
      this.#exchange.grantData(bytes);
    } else {
      if (bytes > this.#grantable) throw new RingError("a credit for more than has come");
      this.#grantable -= bytes;
      this.#exchange.grant(bytes);
    }
  }

  /** Takes the report of a fault. */
  onFault(frame: RingReader): void {
    if (this.#state === ENDED || this.#faultBytes > MAX_FAULT_BYTES) {
      this.#worker.onUseless();
      return;
    }
    this.#faultBytes += Math.max(frame.length, MIN_FAULT_BYTES);
    this.#exchange.reportFault(readText(frame));
  }

  /** Takes word that the request failed. */
  onFail(status: number): void {
    if (this.#state === ENDED) {
      this.#worker.onUseless();
      return;
    }
    this.#worker.forget(this.id);
    this.#end();
    this.#exchange.fail(status, this.#worker.fieldLine);
  }

  /** Is told that there will be no answer: `status` for the client, unless it has one. */
  onWorkerEnd(status: number): void {
    const complete = this.#state === ENDED;
    this.#end();
    if (this.#kept !== null) {
      if (!complete) this.#kept.lose();
    } else if (!complete) {
      this.#exchange.fail(status, this.#worker.fieldLine);
    }
  }

  #spend(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0) throw new RingError("more of a body than there was credit for");
  }

  #count(bytes: number): void {
    if (this.#remaining === UNKNOWN_LENGTH) return;
    this.#remaining -= bytes;
    if (this.#remaining < 0) throw new RingError("a body longer than announced");
    if (this.#remaining === 0) this.#complete();
  }

  /** The response is here in full; only word that it was sent may still be owed. */
  #complete(): void {
    if (!this.#exchange.reportSent) this.#worker.forget(this.id);
    this.#end();
  }

  #end(): void {
    if (this.#state === ENDED) return;
    this.#state = ENDED;
    this.#worker.onEnded(this);
  }
}
