/**
 * The gateway's end of a worker's rings: makes frames of exchanges, and answers of frames. It takes a
 * worker at its word in nothing.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { concatenated } from "../base/bytes.ts";
import type { Exchange, ResponseHead, WorkerPlace } from "../message/exchange.ts";
import { BODY_WINDOW_BYTES, NO_ANSWER } from "../message/exchange.ts";
import type { SendFile } from "../message/file_order.ts";
import type { Log } from "../base/log.ts";
import type { MovableSocket, SocketHolder, SocketKeeper } from "../message/kept_sockets.ts";
import {
  BODY,
  CREDIT,
  DRAINED,
  END,
  FAIL,
  FAULT,
  FILE,
  INTERIM,
  KEEP,
  LOG,
  PING,
  PONG,
  PUBLISH,
  RESPONSE,
  SIGNAL_RECORD,
  SUBSCRIBE,
  UNSUBSCRIBE,
  UPGRADE,
  writeSignal,
} from "../ring/frames.ts";
import { writeRequest } from "../ring/request_frames.ts";
import { writeAdopt } from "../ring/socket_frames.ts";
import { ExchangeTable } from "../ring/exchange_table.ts";
import type { RingReader } from "../ring/ring.ts";
import { allocateRing, RingError, RingReader as Reader, RingWriter } from "../ring/ring.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { ForwardedExchange } from "./forwarded_exchange.ts";
import type { ExchangeWorker } from "./forwarded_exchange.ts";
import { Backlog } from "./backlog.ts";
import { WorkerCounts } from "./counts.ts";
import { RateLimit } from "./rate_limit.ts";
import { WorkerLog } from "./worker_log.ts";
import { WorkerSignals } from "./worker_signals.ts";
import { WorkerSockets } from "./worker_sockets.ts";

/** Statuses that a worker may give a failed request. */
const FAIL_STATUSES = new Set([NO_ANSWER, 500, 501, 502, 503, 504]);

/** Bytes that are read from a worker's ring before others have their turn. */
const MAX_BYTES_AT_A_TIME = 1_048_576;
/** Useless frames in a period, such as those that cross the end of their exchange. */
const MAX_USELESS_FRAMES = 100_000;
const USELESS_PERIOD_MS = 1_000;
/** Requests that the worker is to see though there are more to come: it can answer them meanwhile. */
const REQUESTS_AT_A_TIME = 16;
/**
 * Where so many requests, or messages of sockets, have come at once, more are on their way: a worker that
 * sleeps is rung when the others of this turn are there, too. To wake it costs more than a request.
 */
const BUSY_REQUESTS = 4;
/**
 * Bytes of frames that wait outside the ring, besides bodies of open requests, above which requests
 * are turned away: otherwise the requests of clients that come and go would pile up while a worker
 * reads nothing.
 */
export const MAX_OVERFLOW_BYTES = 67_108_864;
/** Word of requests that are turned away is given once in this time. */
const OVERFLOW_PERIOD_MS = 10_000;
/** Status of requests that are turned away. */
const SERVICE_UNAVAILABLE = 503;
/** Ids of exchanges go from 1 to this, and then from 1 again. */
const MAX_ID = 0xffff_ffff;

/** What a port is made of. */
export interface GatewayPortOptions {
  /** Name of the worker for the log, such as `"worker 1"`. */
  readonly name: string;
  /** Size of each ring. */
  readonly ringBytes: number;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine?: string;
  /** Where its requests are. Default: worker 1 of generation 1. */
  readonly place?: WorkerPlace;
  /** Who keeps the sockets of the apps that outlive their code. Default: nobody. */
  readonly sockets?: SocketKeeper<MovableSocket>;
  /** Connects to the hub of signals and topics. Default: there is none. */
  readonly switchboard?: Switchboard;
  /** Answers with files that the apps may read. Default: 501. */
  readonly sendFile?: SendFile;
  /** Counts what finds no room in the ring. Default: counts of its own. */
  readonly counts?: WorkerCounts;
}

/** Listener of a port's owner. */
export interface GatewayPortOwner {
  /** The worker has to be rung. */
  ring(): void;
  /** A frame has come. */
  onFrame(): void;
  /**
   * Something went wrong with what the worker sent: it broke the rules if the error is a
   * {@linkcode RingError}. The worker has to be ended.
   */
  onBroken(error: unknown): void;
}

/** Gives a worker requests, and takes its answers. */
export class GatewayPort implements ExchangeWorker {
  /** Memory of the ring to the worker. */
  readonly toWorker: SharedArrayBuffer;
  /** Memory of the ring to the gateway. */
  readonly toGateway: SharedArrayBuffer;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine: string;
  readonly sendFile: SendFile;
  /** Requests that the worker has not answered in full. */
  inFlight = 0;
  /** How many of them were upgraded: they may stay for long, and have nothing to do. */
  upgraded = 0;
  /** Requests that the worker was given. */
  requestCount = 0;
  /** Whether the worker was asked for a sign of life, and has not given it. */
  isAsked = false;
  /** Whether the worker would only let requests wait. A sign of life ends it. */
  isSluggish = false;
  /** Memory of the worker's own as it last said, in bytes. */
  memoryBytes = 0;
  /** How long the worker took for its last sign of life, in milliseconds; `null` before the first. */
  delayMs: number | null = null;
  /** What the worker has not read yet. */
  readonly backlog: Backlog;
  /** Resolves when the worker has told the end of its work, or has ended. */
  readonly drained: Promise<void>;

  readonly #name: string;
  readonly #place: WorkerPlace;
  readonly #sockets: WorkerSockets;
  readonly #signals: WorkerSignals;
  readonly #workerLog: WorkerLog;
  readonly #fieldLineBytes: Uint8Array;
  readonly #writer: RingWriter;
  readonly #reader: Reader;
  readonly #owner: GatewayPortOwner;
  readonly #log: Log;
  readonly #exchanges = new ExchangeTable<ForwardedExchange>();
  readonly #drained = Promise.withResolvers<void>();
  readonly #uselessLimit = new RateLimit(MAX_USELESS_FRAMES, USELESS_PERIOD_MS);
  readonly #overflowLimit = new RateLimit(1, OVERFLOW_PERIOD_MS);
  readonly #counts: WorkerCounts;
  /** When the worker was asked for a sign of life. */
  #askedAt = 0;
  #nextId = 1;
  /** Whether ids have begun again. */
  #hasWrapped = false;
  /** Ends of work that the worker was asked for, and has not told. */
  #drainsDue = 0;
  #hasEnded = false;
  /** Status for requests that come after the end. */
  #endStatus = 0;
  #publishing = false;
  /** Requests that the worker has not seen. */
  #unseenRequests = 0;
  /** Messages of sockets that the worker has not seen. */
  #unseenMessages = 0;
  /** Requests and messages that are being let see, at the end of what was read at once. */
  #batch = 0;
  #isRingDue = false;
  #isResuming = false;
  /** Room that there has to be for more of a body: what is left then is for requests. */
  readonly #roomBytes: number;
  /** Exchanges whose bodies wait for room in the ring to the worker. */
  #held = new Set<ForwardedExchange>();

  /** Makes a port, with its rings. */
  constructor(options: GatewayPortOptions, owner: GatewayPortOwner, log: Log) {
    const {
      name,
      ringBytes,
      fieldLine = "",
      place = { worker: 1, generation: 1 },
      sockets,
      switchboard,
      sendFile = (exchange) => exchange.fail(501),
      counts = new WorkerCounts(),
    } = options;
    this.#counts = counts;
    this.sendFile = sendFile;
    this.#name = name;
    this.#place = place;
    this.#sockets = new WorkerSockets(sockets);
    this.fieldLine = fieldLine;
    this.#fieldLineBytes = new TextEncoder().encode(fieldLine);
    this.#owner = owner;
    this.#log = log;
    this.#workerLog = new WorkerLog(name, log);
    this.drained = this.#drained.promise;
    this.toWorker = allocateRing(ringBytes);
    this.toGateway = allocateRing(ringBytes);
    const ring = () => owner.ring();
    this.#writer = new RingWriter(this.toWorker, () => this.#ringWorker());
    this.#signals = new WorkerSignals(switchboard, this.#writer, () => this.writing());
    this.#reader = new Reader(this.toGateway, ring);
    this.#roomBytes = this.#writer.maxPayloadBytes / 4;
    this.backlog = new Backlog(this.#writer);
  }

  /** A number that changes when the worker reads what it is sent. */
  get progress(): number {
    return this.#writer.readerProgress;
  }

  /** Gives the worker a request, or turns it away if too much waits. */
  handle(exchange: Exchange): void {
    // Only those before it: a request and what belongs to it are shown together.
    if (this.#unseenRequests >= REQUESTS_AT_A_TIME) this.#publishRequests();
    if (this.#hasEnded) {
      exchange.fail(this.#endStatus, this.fieldLine);
      return;
    }
    const { overflowBytes } = this.#writer;
    if (overflowBytes > 0) {
      if (overflowBytes >= MAX_OVERFLOW_BYTES + this.inFlight * BODY_WINDOW_BYTES) {
        this.#turnAway(exchange);
        return;
      }
      this.#counts.ringStalls++;
    }
    this.#unseenRequests++;
    const id = this.#takeId();
    exchange.onGiven?.(this.#place);
    const forwarded = new ForwardedExchange(this, id, exchange);
    exchange.receiver = forwarded;
    this.#exchanges.add(forwarded);
    this.requestCount++;
    this.inFlight++;
    writeRequest(this.writing(), id, exchange.head);
  }

  /** Gives the worker a socket of the app at `mount` that was opened elsewhere. */
  adopt(mount: number, socket: MovableSocket): void {
    const id = this.#takeId();
    const forwarded = new ForwardedExchange(this, id, socket);
    const { handover } = socket;
    forwarded.adopt(socket, handover);
    this.#exchanges.add(forwarded);
    this.inFlight++;
    this.upgraded++;
    writeAdopt(this.writing(), id, mount, handover);
    socket.handTo(forwarded);
    this.onKept(forwarded);
  }

  /** Asks the worker for a sign of life. */
  ask(): void {
    this.isAsked = true;
    this.#askedAt = performance.now();
    writeSignal(this.writing(), PING, 0, 0);
  }

  /** Asks the worker to report the end of its work ({@linkcode drained}): no more will come. */
  askForEnd(): void {
    this.#drainsDue++;
    writeSignal(this.writing(), DRAINED, 0, 0);
    this.#sockets.release();
  }

  /** Gives up all requests with `status`: the worker has ended. */
  end(status: number): void {
    this.#hasEnded = true;
    this.#endStatus = status;
    this.#signals.end();
    this.#drained.resolve();
    this.#exchanges.clear((each) => each.onWorkerEnd(status));
  }

  #turnAway(exchange: Exchange): void {
    this.#counts.turnedAway++;
    if (this.#overflowLimit.admits()) {
      const mebibytes = MAX_OVERFLOW_BYTES / 1_048_576;
      this.#log(
        "warning",
        `${this.#name}: requests get ${SERVICE_UNAVAILABLE}: it has not read ${mebibytes} MiB of earlier ones`,
      );
    }
    exchange.fail(SERVICE_UNAVAILABLE, this.fieldLine);
  }

  #takeId(): number {
    let id: number;
    do {
      id = this.#nextId;
      this.#hasWrapped ||= id === MAX_ID;
      this.#nextId = id === MAX_ID ? 1 : id + 1;
    } while (this.#exchanges.isTaken(id));
    return id;
  }

  /** The ring to the worker; what is written to it is published soon, once for all that is. */
  writing(): RingWriter {
    if (!this.#publishing) {
      this.#publishing = true;
      queueMicrotask(this.#publish);
    }
    return this.#writer;
  }

  /** Whether the ring to the worker has no room for more of a body; the exchange is told when it has. */
  isCongested(exchange: ForwardedExchange): boolean {
    if (this.#writer.hasRoomFor(this.#roomBytes)) return false;
    if (!this.#held.has(exchange)) {
      this.#held.add(exchange);
      this.#counts.ringStalls++;
    }
    // Who publishes sees to it that the worker rings.
    this.writing();
    return true;
  }

  /** A response's head as it goes out. */
  completed(head: ResponseHead): ResponseHead {
    if (this.#fieldLineBytes.length === 0) return head;
    const { fieldLines: lines } = head;
    const fieldLines = typeof lines === "string"
      ? lines + this.fieldLine
      : concatenated([lines, this.#fieldLineBytes]);
    return { ...head, fieldLines };
  }

  /** Called when the connection of an exchange goes on in another protocol. */
  onUpgraded(): void {
    this.upgraded++;
  }

  onMessage(): void {
    this.#unseenMessages++;
  }

  keep(
    exchange: Exchange,
    holder: SocketHolder,
    state: Uint8Array,
    window: number,
  ): MovableSocket {
    return this.#sockets.keep(exchange, holder, state, window);
  }

  onKept(holder: ForwardedExchange): void {
    this.#sockets.add(holder);
  }

  /** Called when the worker has no more to say about an exchange. */
  onEnded(exchange: ForwardedExchange): void {
    this.inFlight--;
    if (exchange.isUpgraded) this.upgraded--;
    this.#held.delete(exchange);
    if (exchange.socket !== null) this.#sockets.delete(exchange);
  }

  /** Forgets an exchange: nothing more is expected either way. */
  forget(id: number): void {
    this.#exchanges.delete(id);
  }

  onUseless(): void {
    if (!this.#uselessLimit.admits()) throw new RingError("endless useless frames");
  }

  #publishRequests(): void {
    this.#unseenRequests = this.#unseenMessages = this.#batch = 0;
    try {
      this.#writer.publish();
    } catch (error) {
      this.#owner.onBroken(error);
    }
  }

  #ringWorker(): void {
    if (this.#batch < BUSY_REQUESTS) {
      this.#owner.ring();
    } else if (!this.#isRingDue) {
      this.#isRingDue = true;
      setImmediate(this.#ringNow);
    }
  }

  readonly #ringNow = (): void => {
    this.#isRingDue = false;
    if (!this.#hasEnded) this.#owner.ring();
  };

  readonly #publish = (): void => {
    this.#publishing = false;
    this.exchangeFrames();
  };

  /** Writes what waits, and reads what has come: at most a full ring at a time. */
  readonly exchangeFrames = (): void => {
    if (this.#hasEnded) return;
    this.#batch = this.#unseenRequests + this.#unseenMessages;
    this.#unseenRequests = this.#unseenMessages = 0;
    try {
      this.#writer.publish();
      // The worker may have answered in the meantime: this saves its doorbell.
      const done = this.#reader.drain(this.#onFrame, MAX_BYTES_AT_A_TIME);
      if (this.#held.size > 0) this.#tellOfRoom();
      // Others are to have their turn with a worker that never stops.
      if (done || this.#isResuming) return;
      this.#isResuming = true;
      setImmediate(this.#resume);
    } catch (error) {
      this.#owner.onBroken(error);
    }
  };

  /** Lets bodies go on that were held back, if there is room. */
  #tellOfRoom(): void {
    const writer = this.#writer;
    if (!writer.hasRoomFor(this.#roomBytes) && writer.awaitReader()) return;
    const held = this.#held;
    this.#held = new Set();
    for (const each of held) each.onRoom();
  }

  readonly #resume = (): void => {
    this.#isResuming = false;
    this.exchangeFrames();
  };

  readonly #onFrame = (frame: RingReader): void => {
    this.#owner.onFrame();
    if (frame.id === 0) {
      this.#onOwnFrame(frame);
      return;
    }
    const forwarded = this.#exchanges.get(frame.id);
    if (frame.kind === PUBLISH) {
      // A socket's last words to a topic may come after its end.
      this.#sockets.publish(frame, forwarded?.socket ?? null);
      return;
    }
    if (forwarded === undefined) {
      if (frame.id >= this.#nextId && !this.#hasWrapped) {
        throw new RingError("a frame for a request that never was");
      }
      // It crossed the end of its exchange on the way.
      this.onUseless();
      return;
    }
    switch (frame.kind) {
      case RESPONSE:
        forwarded.onResponse(frame);
        break;
      case FILE:
        forwarded.onFile(frame);
        break;
      case BODY:
        forwarded.onResponseBody(frame);
        break;
      case END:
        forwarded.onResponseEnd(frame);
        break;
      case INTERIM:
        forwarded.onInterim(frame);
        break;
      case UPGRADE:
        forwarded.onUpgrade(frame);
        break;
      case CREDIT:
        forwarded.onGrant(frame);
        break;
      case KEEP:
        forwarded.onKeep(frame);
        break;
      case SUBSCRIBE:
        forwarded.onSubscription(frame, "begins");
        break;
      case UNSUBSCRIBE:
        forwarded.onSubscription(frame, "ends");
        break;
      case FAULT:
        forwarded.onFault(frame);
        break;
      case FAIL:
        if (!FAIL_STATUSES.has(frame.value)) {
          throw new RingError("a failure with an unknown status");
        }
        forwarded.onFail(frame.value);
        break;
      default:
        throw new RingError(`a frame of the unknown kind ${frame.kind}`);
    }
  };

  /** Takes a frame that belongs to no exchange. */
  #onOwnFrame(frame: RingReader): void {
    switch (frame.kind) {
      case SIGNAL_RECORD:
        this.#signals.take(frame);
        break;
      case LOG:
        if (!this.#workerLog.take(frame)) this.onUseless();
        break;
      case DRAINED:
        if (this.#drainsDue === 0) throw new RingError("the end of work that was not asked for");
        this.#drainsDue--;
        this.#drained.resolve();
        break;
      case PONG:
        if (!this.isAsked) throw new RingError("a sign of life that was not asked for");
        this.isAsked = this.isSluggish = false;
        this.delayMs = performance.now() - this.#askedAt;
        this.memoryBytes = frame.value * 1024;
        break;
      case PUBLISH:
        this.#sockets.publish(frame, null);
        break;
      default:
        throw new RingError(`a frame of the kind ${frame.kind} for no request`);
    }
  }
}
