/**
 * The two sockets between a handler and Mongrel2: requests come in on one, replies go out on the
 * other.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { halfClose } from "../zmq/half_close.ts";
import {
  EVENT_CONNECTED,
  EVENT_DISCONNECTED,
  parseMonitorEvent,
  ZmqContext,
} from "../zmq/socket.ts";
import type { ZmqSocket } from "../zmq/socket.ts";
import type { Mongrel2Spec } from "./spec.ts";

/** What the owner of the sockets is told. */
export interface Mongrel2SocketsOwner {
  /** A message has come; the bytes are its own. */
  onMessage(bytes: Uint8Array<ArrayBuffer>): void;
  /** Mongrel2 has begun to listen for replies. */
  onConnected(): void;
  /** Mongrel2 has gone, and with it the clients that it had. */
  onDisconnected(): void;
  /** There is room for replies again, after {@linkcode Mongrel2Sockets.isCongested}. */
  onRoom(): void;
}

/** Messages that are handled before others on this thread get their turn. */
const MAX_BATCH = 256;
/** Bytes of replies that may wait for Mongrel2 before there is congestion. */
const MAX_WAITING_BYTES = 1_048_576;
/** Time that Mongrel2 is given to begin to listen before requests are taken all the same, in milliseconds. */
const SUBSCRIPTION_TIMEOUT_MS = 1_000;
/** Interval at which a wait is looked at again, in milliseconds. */
const LOOK_MS = 100;
/** Time after which a connection that was lost is made again, in milliseconds. */
const RECONNECT_MS = 500;
/** Interval at which it is looked whether the connection is still there, in milliseconds. */
const WATCH_MS = 1_000;
/** Time without a request that is a good one to leave, and how long it is waited for, in milliseconds. */
const PAUSE_MS = 10;
const PAUSE_TIMEOUT_MS = 500;
/** Time that Mongrel2 is given to end a connection from its side, in milliseconds. */
const LEAVE_TIMEOUT_MS = 1_000;
/** Time without a message after which no more are expected on a connection that was ended, in milliseconds. */
const QUIET_MS = 50;

/** A handler's sockets. */
export class Mongrel2Sockets {
  readonly #spec: Mongrel2Spec;
  readonly #owner: Mongrel2SocketsOwner;
  readonly #context: ZmqContext;
  readonly #requests: ZmqSocket;
  /** Tells what becomes of the connection that requests come over. */
  readonly #monitor: ZmqSocket;
  /** That connection's file descriptor, while there is one. */
  #connection: number | null = null;
  /** Whether it was lost, and this was not acted upon yet. */
  #isLost = false;
  /** An XPUB is a PUB to the other side, and tells here who has subscribed. */
  readonly #replies: ZmqSocket;
  #subscriptions = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** While replies cannot be sent at once: until Mongrel2 listens, and when it does not keep up. */
  #sending: Promise<void> | null;
  readonly #receiving: Promise<void>;
  #isLeaving = false;
  /** Whether replies are held back, so that who waits for them asks nothing more. */
  #isHolding = false;
  #isClosed = false;

  /**
   * Connects to Mongrel2, now or as soon as it is there.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ZmqError} if an endpoint is none
   */
  constructor(spec: Mongrel2Spec, owner: Mongrel2SocketsOwner) {
    this.#spec = spec;
    this.#owner = owner;
    this.#context = new ZmqContext();
    this.#requests = this.#context.socket("pull");
    this.#replies = this.#context.socket("xpub");
    // What waits in Mongrel2 would be lost with the connection: all is taken at once.
    this.#requests.setOption("receiveHighWaterMark", 0);
    // Whoever leaves has to be quicker than the next connection.
    this.#requests.setOption("reconnectInterval", RECONNECT_MS);
    this.#replies.setOption("xpubNoDrop", 1);
    // What a Mongrel2 that has gone did not take is not for the one that comes next.
    this.#replies.setOption("immediate", 1);
    this.#replies.setOption("linger", LINGER_MS);
    for (const socket of [this.#requests, this.#replies]) {
      socket.setOption("ipv6", 1);
      if (spec.ident !== undefined) socket.setOption("routingId", spec.ident);
    }
    this.#monitor = this.#requests.monitor();
    this.#replies.connect(spec.recv);
    // A reply to the first request would be lost if Mongrel2 did not listen yet.
    const subscribed = this.#awaitSubscription(SUBSCRIPTION_TIMEOUT_MS);
    this.#sending = subscribed.then(() => this.#sendWaiting());
    this.#receiving = subscribed.then(() => this.#receive());
  }

  /** Whether what is sent would only wait. */
  get isCongested(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES;
  }

  /** Sends a reply. It waits here if Mongrel2 cannot take it yet. */
  send(reply: Uint8Array): void {
    if (this.#isClosed) return;
    const isFirst = this.#sending === null && this.#waiting.length === 0 && !this.#isHolding;
    // If the Mongrel2 has gone that it is for, the one that comes next must not get it.
    const canBeSent = isFirst && !this.#hasLostConnection() && this.#isHeard();
    if (canBeSent && this.#replies.send(reply)) return;
    this.#waiting.push(reply);
    this.#waitingBytes += reply.length;
    this.#startSending();
  }

  /**
   * Takes leave: Mongrel2 gives its requests to others from here on. Resolves when those that were on
   * their way have come.
   */
  async leave(): Promise<void> {
    if (!this.#isLeaving) {
      this.#isLeaving = true;
      await this.#requests.interrupt();
    }
    await this.#receiving;
  }

  /** Closes the sockets, after what was sent has gone, unless Mongrel2 does not take it. */
  async close(): Promise<void> {
    await this.leave();
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      this.#sending,
      new Promise((resolve) => timer = setTimeout(resolve, LINGER_MS)),
    ]);
    clearTimeout(timer);
    this.#isClosed = true;
    await this.#sending;
    await this.#context[Symbol.asyncDispose]();
  }

  /** Closes the sockets; what was not sent is lost. */
  async abort(): Promise<void> {
    this.#isClosed = true;
    this.#isLeaving = true;
    await this.#replies.interrupt();
    await this.#requests.interrupt();
    await this.#receiving;
    await this.#sending;
    if (!this.#replies.isClosed) this.#replies.setOption("linger", 0);
    await this.#context[Symbol.asyncDispose]();
  }

  async #receive(): Promise<void> {
    if (this.#isLeaving) return;
    this.#requests.connect(this.#spec.send);
    this.#owner.onConnected();
    while (!this.#isLeaving) {
      if (this.#takeBatch() === MAX_BATCH) await new Promise((resolve) => setImmediate(resolve));
      else if (!this.#isLeaving) await this.#requests.readable(WATCH_MS);
    }
    if (this.#isClosed) return;
    this.#isHolding = true;
    await this.#takeRest();
    this.#isHolding = false;
    this.#startSending();
  }

  /**
   * Tells Mongrel2 that this handler goes, and takes all that it has sent until it knows. To disconnect
   * at once would throw away what has come, and was not read yet.
   */
  async #takeRest(): Promise<void> {
    await this.#awaitPause();
    if (this.#connection !== null && halfClose(this.#connection)) {
      const deadline = Date.now() + LEAVE_TIMEOUT_MS;
      while (this.#connection !== null && Date.now() < deadline) {
        if (this.#takeBatch() === 0) await this.#requests.readable(1);
      }
    }
    this.#takeBatch();
    // Nothing is to come over another connection.
    this.#requests.disconnect(this.#spec.send);
    for (let quietSince = Date.now(); Date.now() - quietSince < QUIET_MS;) {
      if (this.#takeBatch() > 0) quietSince = Date.now();
      await this.#requests.readable(QUIET_MS / 5);
    }
  }

  /**
   * Waits for a moment without requests. libzmq looks a millisecond after it has sent something, and no
   * sooner, whether somebody left: what it sends to him meanwhile is lost. Since replies are held back,
   * such a moment comes soon.
   */
  async #awaitPause(): Promise<void> {
    const deadline = Date.now() + PAUSE_TIMEOUT_MS;
    do await this.#requests.readable(PAUSE_MS); while (
      this.#takeBatch() > 0 && Date.now() < deadline
    );
  }

  /** Whether Mongrel2 has gone, and its clients were not given up yet. */
  #hasLostConnection(): boolean {
    for (let event = this.#monitor.receive(); event !== null; event = this.#monitor.receive()) {
      const { event: kind, value } = parseMonitorEvent(event);
      if (kind === EVENT_CONNECTED) {
        this.#connection = value;
      } else if (kind === EVENT_DISCONNECTED && value === this.#connection) {
        this.#connection = null;
        // After leaving, it is the end that was asked for.
        this.#isLost ||= !this.#isLeaving;
      }
    }
    return this.#isLost;
  }

  /** Gives up what is for the clients of a Mongrel2 that has gone. */
  #watchConnection(): void {
    if (!this.#hasLostConnection()) return;
    this.#isLost = false;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#owner.onDisconnected();
  }

  #takeBatch(): number {
    this.#watchConnection();
    let taken = 0;
    while (taken < MAX_BATCH) {
      const message = this.#requests.receivePart();
      if (message === null) break;
      taken++;
      this.#owner.onMessage(message);
    }
    return taken;
  }

  async #awaitSubscription(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!this.#isHeard() && Date.now() < deadline && !this.#isLeaving) {
      await this.#replies.readable(LOOK_MS);
    }
  }

  /** Whether Mongrel2 listens for replies. */
  #isHeard(): boolean {
    for (let event = this.#replies.receivePart(); event !== null;) {
      this.#subscriptions += event[0] === 1 ? 1 : -1;
      event = this.#replies.receivePart();
    }
    return this.#subscriptions > 0;
  }

  #startSending(): void {
    if (this.#isHolding || this.#waiting.length === 0) return;
    // Not at once: it may be done before its promise is there.
    this.#sending ??= Promise.resolve().then(() => this.#sendWaiting());
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isClosed && !this.#isHolding) {
      this.#watchConnection();
      if (!this.#isHeard()) {
        await this.#replies.readable(LOOK_MS);
        continue;
      }
      const wasCongested = this.isCongested;
      let sent = 0;
      while (sent < this.#waiting.length) {
        const reply = this.#waiting[sent];
        if (!this.#replies.send(reply)) break;
        this.#waitingBytes -= reply.length;
        sent++;
      }
      this.#waiting = this.#waiting.slice(sent);
      if (wasCongested && !this.isCongested) this.#owner.onRoom();
      if (this.#waiting.length > 0) await this.#replies.writable(LOOK_MS);
    }
    this.#sending = null;
  }
}

/** Time that replies are given to go out when the sockets are closed, in milliseconds. */
const LINGER_MS = 2_000;
