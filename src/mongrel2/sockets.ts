/**
 * The two sockets between a handler and Mongrel2: requests come in on one, replies go out on the
 * other.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import { halfClose } from "../zmq/half_close.ts";
import { EVENT_CONNECTED, EVENT_DISCONNECTED, parseMonitorEvent } from "../zmq/monitor_events.ts";
import { ZmqContext } from "../zmq/socket.ts";
import type { ZmqSocket } from "../zmq/socket.ts";
import { SocketWatch } from "../zmq/socket_watch.ts";
import type { Watch, WatchMaker } from "../zmq/socket_watch.ts";
import { MAX_LENT_BYTES } from "./codec/message.ts";
import { Outbox } from "./outbox.ts";
import type { Mongrel2Spec } from "./codec/spec.ts";

/** Listener of the sockets' owner. */
export interface Mongrel2SocketsOwner {
  /** A message has come; up to `MAX_LENT_BYTES` are lent until this returns. */
  onMessage(bytes: Uint8Array<ArrayBuffer>): void;
  /** Mongrel2 has begun to listen for replies, or has not for a while. */
  onConnected(): void;
  /** Nobody was found at `endpoint` in due time, where Mongrel2 should be. It is reported once. */
  onAwaited(endpoint: string): void;
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
/** Interval at which the connection is checked, in milliseconds. */
const WATCH_MS = 1_000;
/**
 * Time for which Mongrel2 is assumed to be there still to take a reply, in milliseconds. Another
 * one cannot have taken its place: connections are made again after 100 ms at the earliest.
 */
const TRUST_MS = 5;
/**
 * Pause without requests in which to leave, in milliseconds: at first, and at least. It shrinks as
 * time goes by, and in the end is not waited for.
 */
const MAX_PAUSE_MS = 60;
const MIN_PAUSE_MS = 10;
const PAUSE_SHRINKING_MS = 300;
const PAUSE_TIMEOUT_MS = 600;
/** Time that Mongrel2 is given to end a connection from its side, in milliseconds. */
const LEAVE_TIMEOUT_MS = 1_000;
/**
 * Time without a message after which an ended connection is expected to bring no more, in
 * milliseconds.
 */
const QUIET_MS = 50;

/** A handler's sockets. */
export class Mongrel2Sockets {
  readonly #spec: Mongrel2Spec;
  readonly #owner: Mongrel2SocketsOwner;
  readonly #context: ZmqContext;
  readonly #requests: ZmqSocket;
  /** Waits for requests, until it is left. */
  readonly #watch: Watch;
  readonly #memory = new Uint8Array(MAX_LENT_BYTES);
  /** Tells what becomes of the connection that requests come over. */
  readonly #monitor: ZmqSocket;
  /** That connection's file descriptor, while there is one. */
  #connection: number | null = null;
  /** Whether it was lost, and this was not acted upon yet. */
  #isLost = false;
  /** To the other side, an XPUB is a PUB; here it reports who has subscribed. */
  readonly #replies: ZmqSocket;
  #subscriptions = 0;
  readonly #outbox = new Outbox();
  readonly #waiting = new Queue<Uint8Array>();
  #waitingBytes = 0;
  /** While replies cannot be sent at once: until Mongrel2 listens, and when it does not keep up. */
  #sending: Promise<void> | null;
  readonly #receiving: Promise<void>;
  #isLeaving = false;
  /** Whether replies are held back, so that who waits for them asks nothing more. */
  #isHolding = false;
  #isClosed = false;
  /** When Mongrel2 was last found to be there. */
  #foundAt = -Infinity;

  /**
   * Connects to Mongrel2, now or as soon as it runs.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ZmqError} if an endpoint is malformed
   */
  constructor(spec: Mongrel2Spec, owner: Mongrel2SocketsOwner, watchOf?: WatchMaker) {
    this.#spec = spec;
    this.#owner = owner;
    this.#context = new ZmqContext();
    this.#requests = this.#context.socket("pull");
    this.#replies = this.#context.socket("xpub");
    // What waits in Mongrel2 would be lost with the connection: all is taken at once.
    this.#requests.setOption("receiveHighWaterMark", 0);
    // A handler that leaves has to be quicker than the next connection.
    this.#requests.setOption("reconnectInterval", RECONNECT_MS);
    this.#replies.setOption("xpubNoDrop", 1);
    // What a previous Mongrel2 did not take is not for the next one.
    this.#replies.setOption("immediate", 1);
    this.#replies.setOption("linger", LINGER_MS);
    for (const socket of [this.#requests, this.#replies]) {
      socket.setOption("ipv6", 1);
      if (spec.ident !== undefined) socket.setOption("routingId", spec.ident);
    }
    this.#monitor = this.#requests.monitor();
    const watched = [this.#requests];
    this.#watch = watchOf?.(watched) ?? new SocketWatch(this.#context, watched);
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

  /** Sends a reply at the end of this turn. It waits here if Mongrel2 cannot take it yet. */
  send(reply: Uint8Array): void {
    this.sendParts("", reply);
  }

  /** The same for a reply in two parts; its beginning is text whose code units are bytes. */
  sendParts(beginning: string, rest: Uint8Array): void {
    if (this.#isClosed) return;
    const outbox = this.#outbox;
    const bytes = beginning.length + rest.length;
    if (!outbox.hasRoom(bytes)) this.#flush();
    if (outbox.isEmpty) queueMicrotask(this.#flush);
    outbox.push(beginning, rest);
  }

  readonly #flush = (): void => {
    if (this.#outbox.isEmpty || this.#isClosed) return;
    const isFirst = this.#sending === null && this.#waiting.length === 0 && !this.#isHolding;
    let isTaken = isFirst && this.#isThere();
    this.#outbox.drain((reply) => {
      isTaken &&= this.#replies.send(reply);
      if (isTaken) return;
      this.#waiting.push(reply.slice());
      this.#waitingBytes += reply.length;
    });
    this.#startSending();
  };

  /**
   * Whether Mongrel2 takes replies: if the one has gone that a reply is for, the one that comes next must
   * not get it.
   */
  #isThere(): boolean {
    const now = performance.now();
    if (now - this.#foundAt < TRUST_MS) return true;
    if (this.#hasLostConnection() || !this.#isHeard()) return false;
    this.#foundAt = now;
    return true;
  }

  /**
   * Takes leave: Mongrel2 gives its requests to others from here on. Resolves when those that were on
   * their way have come.
   */
  async leave(): Promise<void> {
    if (!this.#isLeaving) {
      this.#isLeaving = true;
      await this.#watch.interrupt();
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
    this.#flush();
    this.#isClosed = true;
    await this.#sending;
    await this.#watch[Symbol.asyncDispose]();
    await this.#context[Symbol.asyncDispose]();
  }

  async #receive(): Promise<void> {
    if (this.#isLeaving) return;
    const { send, recv } = this.#spec;
    let isExpected = this.#isHeard();
    if (!isExpected) this.#owner.onAwaited(recv);
    this.#requests.connect(send);
    this.#owner.onConnected();
    const deadline = performance.now() + WATCH_MS;
    while (!this.#isLeaving) {
      // More may have come while these were handled: a wait on another thread costs far more than a look.
      if (this.#takeBatch() > 0) await this.#watch.nextTurn();
      else if (!this.#isLeaving) await this.#watch.wait(WATCH_MS);
      if (!isExpected) continue;
      const isLate = this.#connection === null && performance.now() > deadline;
      if (isLate) this.#owner.onAwaited(send);
      isExpected = this.#connection === null && !isLate;
    }
    await this.#watch[Symbol.asyncDispose]();
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
      const deadline = performance.now() + LEAVE_TIMEOUT_MS;
      while (this.#connection !== null && performance.now() < deadline) {
        if (this.#takeBatch() === 0) await this.#requests.readable(1);
      }
    }
    this.#takeBatch();
    // Nothing is to come over another connection.
    this.#requests.disconnect(this.#spec.send);
    for (let quietSince = performance.now(); performance.now() - quietSince < QUIET_MS;) {
      if (this.#takeBatch() > 0) quietSince = performance.now();
      await this.#requests.readable(QUIET_MS / 5);
    }
  }

  /**
   * Waits for a moment without requests: what libzmq is given between the end of a connection and its
   * next look whether one has ended, is lost (docs/mongrel2.md). Since replies are held back, clients
   * that wait for one ask nothing more, so that such a moment comes, if others are not just as slow.
   */
  async #awaitPause(): Promise<void> {
    const since = performance.now();
    let requestAt = since;
    for (let now = since; now - since < PAUSE_TIMEOUT_MS; now = performance.now()) {
      const shrunk = (now - since) / PAUSE_SHRINKING_MS * (MAX_PAUSE_MS - MIN_PAUSE_MS);
      const pauseMs = Math.max(MAX_PAUSE_MS - shrunk, MIN_PAUSE_MS);
      const leftMs = requestAt + pauseMs - now;
      if (leftMs <= 0) break;
      await this.#requests.readable(Math.ceil(leftMs));
      if (this.#takeBatch() > 0) requestAt = performance.now();
    }
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
    this.#outbox.clear();
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#owner.onDisconnected();
  }

  #takeBatch(): number {
    this.#watchConnection();
    let taken = 0;
    while (taken < MAX_BATCH) {
      const message = this.#requests.receiveInto(this.#memory);
      if (message === null) break;
      taken++;
      this.#owner.onMessage(message);
    }
    return taken;
  }

  async #awaitSubscription(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.#isHeard() && performance.now() < deadline && !this.#isLeaving) {
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
      for (let reply = this.#waiting.first; reply !== undefined; reply = this.#waiting.first) {
        if (!this.#replies.send(reply)) break;
        this.#waitingBytes -= reply.length;
        this.#waiting.shift();
      }
      if (wasCongested && !this.isCongested) this.#owner.onRoom();
      if (this.#waiting.length > 0) await this.#replies.writable(LOOK_MS);
    }
    this.#sending = null;
  }
}

/** Time that replies are given to go out when the sockets are closed, in milliseconds. */
const LINGER_MS = 2_000;
