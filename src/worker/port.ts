/**
 * The worker's end of its rings: makes exchanges of the gateway's frames, and frames of the
 * exchanges' answers.
 *
 * @module
 */

import { copyOf, lengthOf, SafeSet, uncurried } from "../base/captured.ts";
import type { Exchange, ExchangeHandler, ExchangeReceiver } from "../message/exchange.ts";
import type { ResponseHead, UpgradeHead } from "../message/exchange.ts";
import { NOBODY, RequestHead, UNKNOWN_LENGTH, WHOLE_BODY } from "../message/exchange.ts";
import type { FileOrder } from "../message/file_order.ts";
import type {
  KeptExchange,
  SocketHandover,
  SocketHolder,
  SocketKeeper,
} from "../message/kept_sockets.ts";
import type { LogLevel } from "../base/log.ts";
import { LOG_LEVELS } from "../base/log.ts";
import { readChunks } from "../ring/chunks.ts";
import { ExchangeTable } from "../ring/exchange_table.ts";
import {
  ABORT,
  abortReason,
  ADOPT,
  ANNOUNCES_TRAILERS,
  BODY,
  CHUNKS,
  CREDIT,
  DATA,
  DATA_END,
  DRAINED,
  END,
  FAIL,
  FAULT,
  HANDED_BACK,
  INTERIM,
  KEEP,
  LOG,
  MAX_BODY_FRAME_BYTES,
  MAX_FAULT_BYTES,
  MIN_FAULT_BYTES,
  NAMES_REQUEST,
  OF_DATA,
  PING,
  PONG,
  readBody,
  RELEASE,
  REPORT_SENT,
  REQUEST,
  SENT,
  SIGNAL_RECORD,
  SUBSCRIBE,
  UNSUBSCRIBE,
  writeBody,
  writeFieldLines,
  writeSignal,
  writeText,
} from "../ring/frames.ts";
import { readRequest } from "../ring/request_frames.ts";
import { writeFile, writeResponse } from "../ring/response_frames.ts";
import { readAdopt, writePublish, writeTopic, writeUpgrade } from "../ring/socket_frames.ts";
import type { RingReader, RingWriter } from "../ring/ring.ts";

const { performance, queueMicrotask } = globalThis;
const { ceil, max, min } = Math;
const now: (clock: Performance) => number = uncurried(performance.now);

/** Lines for the log in a period: the gateway takes fewer, and tells how many there were. */
const MAX_LOG_LINES = 50_000;
const LOG_PERIOD_MS = 1_000;
/** Responses that the gateway is to see though there are more to come: it can send them meanwhile. */
const RESPONSES_AT_A_TIME = 16;

/** What a worker's port gives requests to, and sockets that were opened elsewhere. */
export interface WorkerHandler extends ExchangeHandler {
  /** Takes over a socket that was opened elsewhere. */
  adopt(socket: KeptExchange, handover: SocketHandover): void;
}

/** Takes requests off the ring and sends answers back. */
export class WorkerPort implements SocketKeeper {
  /** Exchanges that are still told something, by id. */
  readonly exchanges: ExchangeTable<WorkerExchange> = new ExchangeTable();

  readonly #reader: RingReader;
  readonly #writer: RingWriter;
  readonly #memoryBytes: () => number;
  #handler: WorkerHandler | null = null;
  #onDrain: (() => void) | null = null;
  #onSignalRecord: ((record: Uint8Array) => void) | null = null;
  #publishing = false;
  /** Responses that the gateway has not seen. */
  #unseenResponses = 0;
  #logLines = 0;
  #logPeriodEnd = 0;
  /** Room that there has to be for more of a body to be written. */
  readonly #roomBytes: number;
  /** Exchanges that wait for room in the ring. */
  #held = new SafeSet<WorkerExchange>();

  /** Makes a port over the two rings. `memoryBytes` tells how much memory the thread takes. */
  constructor(reader: RingReader, writer: RingWriter, memoryBytes: () => number) {
    this.#reader = reader;
    this.#writer = writer;
    this.#roomBytes = min(MAX_BODY_FRAME_BYTES, writer.maxPayloadBytes / 4);
    this.#memoryBytes = memoryBytes;
  }

  /** Begins to hand requests to `handler`. `onDrain` is called when the gateway will send no more. */
  start(handler: WorkerHandler, onDrain: () => void): void {
    this.#handler = handler;
    this.#onDrain = onDrain;
    this.onDoorbell();
  }

  /** Is called when the gateway rings. */
  onDoorbell(): void {
    if (this.#handler === null) return;
    // What is written while frames are read is published once, after them.
    this.#publishing = true;
    this.#reader.drain(this.#onFrame);
    this.#publish();
  }

  /** The ring to write to; what is written is published soon. */
  writing(): RingWriter {
    if (!this.#publishing) {
      this.#publishing = true;
      queueMicrotask(this.#publish);
    }
    return this.#writer;
  }

  /** Whether the ring is full; the exchange is told when it no longer is. */
  isCongested(exchange: WorkerExchange): boolean {
    if (this.#writer.hasRoomFor(this.#roomBytes)) return false;
    this.#held.add(exchange);
    // Who publishes sees to it that the gateway rings.
    this.writing();
    return true;
  }

  /** Writes a line to the gateway's log. */
  log(level: LogLevel, message: string, requestId?: string): void {
    if (this.#logLines++ === 0) this.#logPeriodEnd = now(performance) + LOG_PERIOD_MS;
    if (this.#logLines > MAX_LOG_LINES) {
      if (now(performance) < this.#logPeriodEnd) return;
      this.#logLines = 0;
    }
    const isNamed = requestId !== undefined;
    const text = isNamed ? `${requestId}\n${message}` : message;
    writeText(this.writing(), LOG, 0, levelIndex(level), text, isNamed ? NAMES_REQUEST : 0);
  }

  keep(exchange: Exchange, holder: SocketHolder): KeptExchange {
    const kept = exchange as WorkerExchange;
    kept.holder = holder;
    return kept;
  }

  publish(mount: number, topic: string, record: Uint8Array, except: KeptExchange | null): number {
    const id = except === null ? 0 : (except as WorkerExchange).id;
    writePublish(this.writing(), id, mount, topic, record);
    // The gateway knows.
    return 0;
  }

  /** Connects to the hub of signals and topics: `take` takes its records, the result those for it. */
  readonly connectSignals = (take: (record: Uint8Array) => void): (record: Uint8Array) => void => {
    this.#onSignalRecord = take;
    return (record) => this.writing().write(SIGNAL_RECORD, 0, 0, 0, record);
  };

  /** Tells the gateway that all work is done. */
  reportDrained(): void {
    writeSignal(this.writing(), DRAINED, 0, 0);
  }

  /** Takes note that a response was written. */
  onResponse(): void {
    if (++this.#unseenResponses < RESPONSES_AT_A_TIME) return;
    this.#unseenResponses = 0;
    this.#writer.publish();
  }

  readonly #publish = (): void => {
    this.#publishing = false;
    this.#unseenResponses = 0;
    this.#writer.publish();
    if (this.#held.size === 0) return;
    const writer = this.#writer;
    if (!writer.hasRoomFor(this.#roomBytes) && writer.awaitReader()) return;
    const held = this.#held;
    this.#held = new SafeSet();
    held.forEach(tellOfRoom);
  };

  readonly #onFrame = (frame: RingReader): void => {
    if (frame.kind === REQUEST) {
      const exchange = new WorkerExchange(this, frame.id, readRequest(frame));
      this.exchanges.add(exchange);
      this.#handler!.handle(exchange);
      return;
    }
    if (frame.kind === ADOPT) {
      this.#adopt(frame);
      return;
    }
    if (frame.kind === DRAINED) {
      this.#onDrain?.();
      return;
    }
    if (frame.kind === PING) {
      writeSignal(this.writing(), PONG, 0, ceil(this.#memoryBytes() / 1024));
      return;
    }
    if (frame.kind === SIGNAL_RECORD) {
      this.#onSignalRecord?.(frame.payload);
      return;
    }
    // What comes for an exchange that has ended here crossed its answer on the way.
    const exchange = this.exchanges.get(frame.id);
    if (exchange === undefined) return;
    const { receiver } = exchange;
    switch (frame.kind) {
      case BODY:
        receiver.onBody(readBody(frame));
        break;
      case CHUNKS:
        readChunks(frame, receiver);
        break;
      case END:
        receiver.onEnd(copyOf(frame.bytes, frame.at, frame.at + frame.length));
        break;
      case DATA:
        receiver.onData(readBody(frame));
        break;
      case DATA_END:
        receiver.onDataEnd();
        break;
      case CREDIT:
        receiver.onCredit(frame.value);
        break;
      case ABORT: {
        const reason = abortReason(frame.value);
        if (reason !== "client-half-closed") this.exchanges.delete(frame.id);
        receiver.onAbort(reason);
        break;
      }
      case SENT:
        this.exchanges.delete(frame.id);
        receiver.onSent();
        break;
      case RELEASE:
        exchange.holder?.release();
    }
  };

  #adopt(frame: RingReader): void {
    const handover = readAdopt(frame);
    const head = new RequestHead();
    head.mount = frame.value;
    head.responseWindow = handover.window;
    const exchange = new WorkerExchange(this, frame.id, head);
    this.exchanges.add(exchange);
    this.#handler!.adopt(exchange, handover);
    exchange.holder = exchange.receiver as SocketHolder;
  }
}

function tellOfRoom({ receiver }: WorkerExchange): void {
  receiver.onCredit(0);
}

function levelIndex(level: LogLevel): number {
  let index = 0;
  while (LOG_LEVELS[index] !== level) index++;
  return index;
}

/** An exchange whose client is on the gateway's thread. */
export class WorkerExchange implements KeptExchange {
  readonly head: RequestHead;
  receiver: ExchangeReceiver = NOBODY;
  reportSent = false;
  /** Who holds the socket that it was upgraded to, if that may be given to other workers. */
  holder: SocketHolder | null = null;

  readonly #port: WorkerPort;
  /** The gateway's number for it. */
  readonly id: number;
  /** Body bytes still to be sent, when their number is known. */
  #remaining = UNKNOWN_LENGTH;
  #faultBytes = 0;

  constructor(port: WorkerPort, id: number, head: RequestHead) {
    this.#port = port;
    this.id = id;
    this.head = head;
  }

  get congested(): boolean {
    return this.#port.isCongested(this);
  }

  grant(bytes: number): void {
    writeSignal(this.#port.writing(), CREDIT, this.id, bytes);
  }

  grantData(bytes: number): void {
    writeSignal(this.#port.writing(), CREDIT, this.id, bytes, OF_DATA);
  }

  reportFault(text: string): void {
    // Only FastCGI can pass it on.
    if (this.head.peer.endpoint !== "fastcgi" || this.#faultBytes > MAX_FAULT_BYTES) return;
    this.#faultBytes += max(text.length, MIN_FAULT_BYTES);
    writeText(this.#port.writing(), FAULT, this.id, 0, text);
  }

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    const flags = (this.reportSent ? REPORT_SENT : 0) |
      (head.announcesTrailers === true ? ANNOUNCES_TRAILERS : 0);
    writeResponse(this.#port.writing(), this.id, flags, head, body);
    this.#port.onResponse();
    if (head.bodyLength === WHOLE_BODY) this.#ended();
    else if (head.bodyLength !== UNKNOWN_LENGTH) {
      // Only a whole body can be text.
      this.#remaining = head.bodyLength - (body === null ? 0 : lengthOf(body as Uint8Array));
    }
  }

  /** Leaves it to the gateway to answer with a file. */
  sendFile(order: FileOrder): void {
    writeFile(this.#port.writing(), this.id, this.reportSent ? REPORT_SENT : 0, order);
    this.#port.onResponse();
    this.#ended();
  }

  write(chunk: Uint8Array): void {
    writeBody(this.#port.writing(), BODY, this.id, chunk);
    if (this.#remaining === UNKNOWN_LENGTH) return;
    this.#remaining -= lengthOf(chunk);
    if (this.#remaining <= 0) this.#ended();
  }

  inform(status: number, fieldLines: string): void {
    writeFieldLines(this.#port.writing(), INTERIM, this.id, status, fieldLines);
  }

  end(trailerLines = ""): void {
    writeFieldLines(this.#port.writing(), END, this.id, 0, trailerLines);
    this.#ended();
  }

  upgrade(head: UpgradeHead): void {
    if (head.state !== undefined) this.keep(head.state);
    writeUpgrade(this.#port.writing(), this.id, head);
    this.#port.onResponse();
  }

  keep(state: Uint8Array): void {
    this.#port.writing().write(KEEP, 0, this.id, 0, state);
  }

  subscribe(topic: string): void {
    writeTopic(this.#port.writing(), SUBSCRIBE, this.id, topic);
  }

  unsubscribe(topic: string): void {
    writeTopic(this.#port.writing(), UNSUBSCRIBE, this.id, topic);
  }

  handBack(state: Uint8Array): void {
    this.#port.writing().write(KEEP, HANDED_BACK, this.id, 0, state);
    this.#port.exchanges.delete(this.id);
  }

  fail(status: number): void {
    writeSignal(this.#port.writing(), FAIL, this.id, status);
    this.#port.exchanges.delete(this.id);
  }

  #ended(): void {
    if (!this.reportSent) this.#port.exchanges.delete(this.id);
  }
}
