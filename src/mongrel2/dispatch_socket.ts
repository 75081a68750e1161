/**
 * One connection to a dispatcher: a DEALER socket that is used for this connection, and for no other
 * one. What is written for one dispatcher so never reaches the next.
 *
 * @module
 */

import type { BufferPool } from "../base/buffers.ts";
import { EMPTY } from "../base/empty.ts";
import { Queue } from "../base/queue.ts";
import { connectCurve } from "../zmq/curve.ts";
import type { CurveClient } from "../zmq/curve.ts";
import {
  EVENT_DISCONNECTED,
  EVENT_HANDSHAKE_BROKEN,
  EVENT_HANDSHAKE_REFUSED,
  HANDSHAKE_MISMATCH,
  parseMonitorEvent,
} from "../zmq/monitor_events.ts";
import type { MonitorEvent } from "../zmq/monitor_events.ts";
import type { ZmqContext, ZmqSocket } from "../zmq/socket.ts";
import { SocketWatch } from "../zmq/socket_watch.ts";
import type { Watch, WatchMaker } from "../zmq/socket_watch.ts";
import { MAX_LENT_BYTES } from "./codec/message.ts";

/** Listener of the socket's owner. */
export interface DispatchSocketOwner {
  /** A message has come; parts of up to `MAX_LENT_BYTES` are lent until this returns. */
  onParts(parts: readonly Uint8Array[]): void;
  /** The connection has ended, so that nothing more comes or goes: of `fault`, if that is known. */
  onDisconnected(fault: string | null): void;
  /** There is room for messages again, after {@linkcode DispatchSocket.isCongested}. */
  onRoom(): void;
}

/** How a {@linkcode DispatchSocket} connects. */
export interface DispatchSocketOptions {
  /** Where the dispatcher is, `tcp://HOST:PORT`. */
  readonly endpoint: string;
  /** Bytes of a message's part above which the connection is ended. */
  readonly maxMessageBytes: number;
  /** Takes back the memory of what was sent. */
  readonly buffers: BufferPool;
  /** CURVE's keys: the connection is encrypted, and to this dispatcher alone. Default: it is not. */
  readonly curve?: CurveClient | undefined;
  /** Makes the watch of its sockets. Default: one of their own. */
  readonly watchOf?: WatchMaker | undefined;
}

/** Messages that are handled before others on this thread get their turn. */
const MAX_BATCH = 256;
/** Bytes that may wait for the dispatcher before there is congestion, and what a message costs besides. */
const MAX_WAITING_BYTES = 1_048_576;
const OVERHEAD_BYTES = 64;
/** Bytes for the first part of a message. A larger one gets memory of its own. */
const HEAD_BYTES = 2_048;
/** Parts of a message that are kept: one more than any message has. */
const MAX_PARTS = 3;
/** Time after which an attempt to connect is given up, and the next one made, in milliseconds. */
const CONNECT_TIMEOUT_MS = 1_000;
/** Time that a dispatcher has for its handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
/**
 * Time after which libzmq makes a connection again, in milliseconds. It is longer than what passes
 * between the end of a connection and the next look at it.
 */
const RECONNECT_MS = 250;
/** Interval at which it is looked whether a message can go before the socket is closed, in milliseconds. */
const LOOK_MS = 10;
/** Time for which a connection is taken to be there still, in milliseconds. */
const TRUST_MS = 5;

/** A connection to a dispatcher. */
export class DispatchSocket {
  readonly #owner: DispatchSocketOwner;
  readonly #socket: ZmqSocket;
  readonly #monitor: ZmqSocket;
  readonly #watch: Watch;
  readonly #buffers: BufferPool;
  readonly #headMemory = new Uint8Array(HEAD_BYTES);
  readonly #memory = new Uint8Array(MAX_LENT_BYTES);
  readonly #waiting = new Queue<WaitingMessage>();
  #waitingBytes = 0;
  #isFlushDue = false;
  #hasSent = false;
  #isOver = false;
  #isWatching = false;
  #isTaking = false;
  /** When the connection was last found to be there. */
  #foundAt = -Infinity;
  readonly #receiving: Promise<void>;

  /**
   * Connects, now or as soon as there is a dispatcher.
   *
   * @throws {ZmqError} if the endpoint is malformed
   */
  constructor(
    context: ZmqContext,
    { endpoint, maxMessageBytes, buffers, curve, watchOf }: DispatchSocketOptions,
    owner: DispatchSocketOwner,
  ) {
    this.#owner = owner;
    this.#buffers = buffers;
    const socket = this.#socket = context.socket("dealer");
    socket.setOption("ipv6", 1);
    // Nothing waits for a connection, and what one did not take is not for the next.
    socket.setOption("immediate", 1);
    socket.setOption("reconnectInterval", RECONNECT_MS);
    socket.setOption("connectTimeout", CONNECT_TIMEOUT_MS);
    socket.setOption("maxMessageBytes", maxMessageBytes);
    socket.setOption("handshakeTimeout", HANDSHAKE_TIMEOUT_MS);
    if (curve !== undefined) connectCurve(socket, curve);
    this.#monitor = socket.monitor();
    const watched = [socket, this.#monitor];
    this.#watch = watchOf?.(watched) ?? new SocketWatch(context, watched);
    socket.connect(endpoint);
    this.#receiving = this.#receive();
  }

  /** Whether what is sent would only wait. */
  get isCongested(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES;
  }

  /** Whether anything could be sent so far. */
  get hasSent(): boolean {
    return this.#hasSent;
  }

  /**
   * Sends a message at the end of this turn; it waits here if it cannot go. Its parts are kept; `memory`, which they
   * may be in, is given back when it has gone.
   */
  send(parts: readonly Uint8Array[], memory = EMPTY as Uint8Array): void {
    if (this.#isOver) return;
    this.#waiting.push({ parts, memory });
    this.#waitingBytes += bytesOf(parts);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(this.#flush);
  }

  /** Takes what has come until now, and sends what can go. */
  look(): void {
    while (this.#takeBatch() === MAX_BATCH);
    this.#flush();
  }

  /** Ends the connection. What was sent may go on for `lingerMs`, until the context is closed. */
  async close(lingerMs: number): Promise<void> {
    const deadline = performance.now() + lingerMs;
    this.#flush();
    while (this.#waiting.length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      this.#flush();
    }
    this.#end();
    await this.#watch[Symbol.asyncDispose]();
    await this.#receiving;
    await this.#monitor.close();
    this.#socket.setOption("linger", lingerMs);
    await this.#socket.close();
  }

  async #receive(): Promise<void> {
    // Not within the constructor.
    await this.#watch.nextTurn();
    while (!this.#isOver) {
      // A wait on another thread costs far more than a look whether there is more.
      if (this.#takeBatch() > 0) {
        await this.#watch.nextTurn();
        continue;
      }
      // Sending takes in what has come since: it would not end the wait.
      if (this.#flush()) continue;
      if (this.#isOver) break;
      this.#isWatching = true;
      await this.#watch.wait();
      this.#isWatching = false;
    }
  }

  /** Sends what can go; whether anything could. */
  readonly #flush = (): boolean => {
    this.#isFlushDue = false;
    if (this.#isOver || this.#waiting.length === 0 || !this.#isThere()) return false;
    let hasSent = false;
    const wasCongested = this.isCongested;
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!this.#socket.send(next.parts)) break;
      this.#hasSent = hasSent = true;
      this.#waitingBytes -= bytesOf(next.parts);
      this.#buffers.give(next.memory);
      this.#waiting.shift();
    }
    if (wasCongested && !this.isCongested) this.#owner.onRoom();
    // What has come meanwhile may not end the wait.
    if (this.#isWatching && this.#takeMessages() === MAX_BATCH) this.#watch.interrupt();
    return hasSent;
  };

  /** Whether the connection has not ended: one that is made after it must get nothing. */
  #isThere(): boolean {
    const now = performance.now();
    if (now - this.#foundAt < TRUST_MS) return true;
    this.#watchConnection();
    if (!this.#isOver) this.#foundAt = now;
    return !this.#isOver;
  }

  #watchConnection(): void {
    let fault: string | null = null;
    for (let parts = this.#monitor.receive(); parts !== null; parts = this.#monitor.receive()) {
      const event = parseMonitorEvent(parts);
      fault = handshakeFault(event) ?? fault;
      if (event.event !== EVENT_DISCONNECTED || this.#isOver) continue;
      this.#end();
      this.#owner.onDisconnected(fault);
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  #takeBatch(): number {
    if (this.#isOver) return 0;
    const taken = this.#takeMessages();
    // What came before the end of the connection comes first.
    if (taken === 0) this.#watchConnection();
    return taken;
  }

  #takeMessages(): number {
    // The parts of one are in the memory that is used for the next.
    if (this.#isTaking) return 0;
    this.#isTaking = true;
    let taken = 0;
    try {
      while (taken < MAX_BATCH && !this.#isOver) {
        const parts = this.#takeParts();
        if (parts === null) break;
        taken++;
        this.#owner.onParts(parts);
      }
    } finally {
      this.#isTaking = false;
    }
    return taken;
  }

  #takeParts(): Uint8Array[] | null {
    const socket = this.#socket;
    const head = socket.receiveInto(this.#headMemory);
    if (head === null) return null;
    const parts = [head];
    while (socket.hasMoreParts) {
      const part = socket.receiveInto(parts.length === 1 ? this.#memory : EMPTY) ?? EMPTY;
      if (parts.length < MAX_PARTS) parts.push(part);
    }
    return parts;
  }
}

/** A message that is not sent yet. */
interface WaitingMessage {
  readonly parts: readonly Uint8Array[];
  /** What is given back when it is. */
  readonly memory: Uint8Array;
}

/** Why a handshake has failed, if `event` says that, and it is worth telling. */
function handshakeFault({ event, value }: MonitorEvent): string | null {
  if (event === EVENT_HANDSHAKE_REFUSED) return "it does not admit this handler's key";
  if (event !== EVENT_HANDSHAKE_BROKEN) return null;
  return value === HANDSHAKE_MISMATCH
    ? "one of the two sides uses CURVE, and the other does not"
    : "it has another key than curve-server says, or does not speak ZeroMQ";
}

function bytesOf(parts: readonly Uint8Array[]): number {
  let bytes = OVERHEAD_BYTES;
  for (const part of parts) bytes += part.length;
  return bytes;
}
