/**
 * ZeroMQ contexts and sockets that never block the thread.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { ZmqError } from "../base/errors.ts";
import { lastError, libzmq } from "./library.ts";
import type { ZmqLibrary } from "./library.ts";
import { copyOut } from "./memory_copy.ts";
import type { OptionName } from "./socket_options.ts";
import { longOf, numberBytes, OPTIONS } from "./socket_options.ts";

/** The types of sockets. */
export type SocketType =
  | "pair"
  | "pub"
  | "sub"
  | "req"
  | "rep"
  | "dealer"
  | "router"
  | "pull"
  | "push"
  | "xpub"
  | "xsub";

const SOCKET_TYPES: Readonly<Record<SocketType, number>> = {
  pair: 0,
  pub: 1,
  sub: 2,
  req: 3,
  rep: 4,
  dealer: 5,
  router: 6,
  pull: 7,
  push: 8,
  xpub: 9,
  xsub: 10,
};

const DONTWAIT = 1;
const SNDMORE = 2;
/** An event of a poll: there is something to read. */
export const POLLIN = 1;
const POLLOUT = 2;
/** A property of messages. */
const SOURCE_DESCRIPTOR = 2;
/** Bytes of the library's structure for a message, on 64-bit systems. */
const MESSAGE_BYTES = 64;
/** Bytes of an array that V8 keeps in its heap, at the most: before it is handed to the library it is moved, which is slow. */
const SMALL_BYTES = 64;
const IS_WINDOWS = Deno.build.os === "windows";
/** Bytes of an item of a poll, on 64-bit systems. */
export const POLL_ITEM_BYTES: number = IS_WINDOWS ? 24 : 16;
/** Where the events of such an item are. */
export const POLL_EVENTS_AT: number = IS_WINDOWS ? 16 : 12;

/** Error numbers of interest; they differ by platform. */
const EAGAIN = Deno.build.os === "darwin" || Deno.build.os === "freebsd" ? 35 : 11;
const EINTR = 4;
/** What a ROUTER with `routerMandatory` fails with if nobody has the identity that it is to send to. */
export const UNREACHABLE: number = ({ darwin: 65, freebsd: 65, windows: 110 } as Record<
  string,
  number | undefined
>)[Deno.build.os] ?? 113;
/** Sent within a poll's pair of sockets to end the poll. */
const WAKE = new Uint8Array(1);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A text as the library takes it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** Memory that stays where it is: arrays that are small are moved by V8, unless they have a buffer. */
export function pinned(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(bytes));
}

let pairNumber = 0;

const ALL_EVENTS = 0xffff;
/** A ZeroMQ context: the owner of sockets. */
export class ZmqContext implements AsyncDisposable {
  /** The library's own handle. */
  readonly handle: Deno.PointerValue;
  readonly #library: ZmqLibrary;
  readonly #sockets = new Set<ZmqSocket>();
  #closing: Promise<void> | null = null;

  /**
   * Makes a context.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   */
  constructor() {
    this.#library = libzmq();
    this.handle = this.#library.zmq_ctx_new();
    if (this.handle === null) throw lastError("make a ZeroMQ context");
  }

  /**
   * Makes a socket. Closing it drops what it has not sent, unless its option `linger` is set.
   *
   * @throws {ZmqError} if there are too many sockets
   */
  socket(type: SocketType): ZmqSocket {
    if (this.#closing !== null) throw new ZmqError("the ZeroMQ context is closed", 0);
    const socket = new ZmqSocket(this, type, (closed) => this.#sockets.delete(closed));
    this.#sockets.add(socket);
    return socket;
  }

  /** Closes the remaining sockets, and the context once lingering messages have been sent. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => socket.close()));
    while (await this.#library.zmq_ctx_term(this.handle) !== 0);
  }
}

/**
 * A ZeroMQ socket. Sending and receiving never wait on this thread; waiting is done by polls on
 * another one, and while such a poll is under way the socket itself is not touched. Each wait takes one
 * of the 32 threads that Deno has for what blocks: let few sockets wait at a time, or have them
 * watched together by a `SocketWatch`.
 */
export class ZmqSocket implements AsyncDisposable {
  readonly #library: ZmqLibrary;
  readonly #context: ZmqContext;
  readonly #handle: Deno.PointerValue;
  readonly #onClosed: (socket: ZmqSocket) => void;
  readonly #message = pinned(MESSAGE_BYTES);
  /** Where small parts are sent from. */
  readonly #small = pinned(SMALL_BYTES);
  #waker: Waker | null = null;
  #poll: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  /** Use {@linkcode ZmqContext.socket}. */
  constructor(context: ZmqContext, type: SocketType, onClosed: (socket: ZmqSocket) => void) {
    this.#library = libzmq();
    this.#context = context;
    this.#onClosed = onClosed;
    this.#handle = this.#library.zmq_socket(context.handle, SOCKET_TYPES[type]);
    if (this.#handle === null) throw lastError(`make a ZeroMQ socket (${type})`);
    this.#library.zmq_msg_init(this.#message);
    this.setOption("linger", 0);
  }

  /** Whether the socket was closed, or is about to be. */
  get isClosed(): boolean {
    return this.#closing !== null;
  }

  /** Begins to listen at `endpoint`, such as `tcp://127.0.0.1:9999` (port `*`: any) or `ipc://path`. */
  bind(endpoint: string): void {
    this.#call("zmq_bind", "bind to", endpoint);
  }

  /** Connects to `endpoint`, now or as soon as something listens there. */
  connect(endpoint: string): void {
    this.#call("zmq_connect", "connect to", endpoint);
  }

  /** Stops listening at `endpoint`. */
  unbind(endpoint: string): void {
    this.#call("zmq_unbind", "unbind from", endpoint);
  }

  /** Disconnects from `endpoint`. What has come from there and was not received is lost. */
  disconnect(endpoint: string): void {
    this.#call("zmq_disconnect", "disconnect from", endpoint);
  }

  /** Sets an option. */
  setOption(name: OptionName, value: number | string | Uint8Array): void {
    this.#check();
    const [number, kind] = OPTIONS[name];
    const bytes = typeof value === "number"
      ? numberBytes(value, kind)
      : typeof value === "string"
      ? encoder.encode(value)
      : value.slice();
    const length = BigInt(bytes.length);
    if (this.#library.zmq_setsockopt(this.#handle, number, bytes, length) !== 0) {
      throw lastError(`set the option ${name}`);
    }
  }

  /** The value of an option: a text for `lastEndpoint` and `routingId`, else a number. */
  getOption(name: OptionName): number | string {
    this.#check();
    const [number, kind] = OPTIONS[name];
    const bytes = new Uint8Array(kind === "number" ? 4 : kind === "long" ? 8 : 1_024);
    const length = new BigUint64Array([BigInt(bytes.length)]);
    if (this.#library.zmq_getsockopt(this.#handle, number, bytes, length) !== 0) {
      throw lastError(`get the option ${name}`);
    }
    if (kind === "number") return new Int32Array(bytes.buffer)[0];
    if (kind === "long") return longOf(bytes, Number(length[0]));
    return decoder.decode(bytes.subarray(0, Number(length[0]))).replace(/\0.*$/s, "");
  }

  /**
   * A PAIR socket that reports the state of this one's connections: see
   * {@linkcode parseMonitorEvent}. Close it before this one.
   */
  monitor(): ZmqSocket {
    this.#check();
    const endpoint = `inproc://gatehouse-monitor-${++pairNumber}`;
    if (this.#library.zmq_socket_monitor(this.#handle, cString(endpoint), ALL_EVENTS) !== 0) {
      throw lastError("monitor a ZeroMQ socket");
    }
    const monitor = this.#context.socket("pair");
    // If its events had to wait, so would the library's thread, and with it all sockets.
    monitor.setOption("receiveHighWaterMark", 0);
    monitor.connect(endpoint);
    return monitor;
  }

  /**
   * Sends a message of one part or several; `false` if it would have to wait.
   *
   * @throws {ZmqError} if it cannot be sent at all
   */
  send(message: Uint8Array | readonly Uint8Array[]): boolean {
    this.#check();
    if (message instanceof Uint8Array) return this.#sendPart(message, DONTWAIT);
    const last = message.length - 1;
    for (let i = 0; i <= last; i++) {
      // Once the first part is taken, all are.
      if (!this.#sendPart(message[i], i === last ? DONTWAIT : DONTWAIT | SNDMORE)) return false;
    }
    return true;
  }

  /** The next message of one part (or the next part of one), if there is one. */
  receivePart(): Uint8Array<ArrayBuffer> | null {
    return this.receiveInto(EMPTY);
  }

  /** The same: a view of `memory` if it fits there, and else bytes of its own. */
  receiveInto(memory: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
    this.#check();
    const bytes = this.#library.zmq_msg_recv(this.#message, this.#handle, DONTWAIT);
    if (bytes < 0) {
      const code = this.#library.zmq_errno();
      if (code === EAGAIN || code === EINTR) return null;
      throw lastError("receive");
    }
    if (bytes === 0) return EMPTY;
    const isSmall = bytes <= memory.length;
    const target = isSmall ? memory : new Uint8Array(bytes);
    copyOut(this.#library.zmq_msg_data(this.#message)!, target, bytes);
    return isSmall ? memory.subarray(0, bytes) : target;
  }

  /** Whether more parts of the message follow the part that was received last. */
  get hasMoreParts(): boolean {
    return this.#library.zmq_msg_more(this.#message) === 1;
  }

  /**
   * Descriptor of the connection that the part came over that was received last; -1 if it is not known.
   * By now it may be another connection's.
   */
  get sourceDescriptor(): number {
    return this.#library.zmq_msg_get(this.#message, SOURCE_DESCRIPTOR);
  }

  /** What ZAP's answer called the peer that the part is from that was received last; empty without one. */
  get sourceUserId(): string {
    const text = this.#library.zmq_msg_gets(this.#message, cString("User-Id"));
    return text === null ? "" : Deno.UnsafePointerView.getCString(text);
  }

  /** All parts of the next message, if there is one. */
  receive(): Uint8Array<ArrayBuffer>[] | null {
    const first = this.receivePart();
    if (first === null) return null;
    const parts = [first];
    while (this.hasMoreParts) parts.push(this.receivePart()!);
    return parts;
  }

  /** Resolves when a message can be received, when {@linkcode interrupt} is called, or after `timeoutMs`. */
  readable(timeoutMs = -1): Promise<void> {
    return this.#wait(POLLIN, timeoutMs);
  }

  /** Resolves when a message can be sent, when {@linkcode interrupt} is called, or after `timeoutMs`. */
  writable(timeoutMs = -1): Promise<void> {
    return this.#wait(POLLOUT, timeoutMs);
  }

  /** Ends the wait that is under way; resolves when the socket can be used again. */
  async interrupt(): Promise<void> {
    if (this.#poll === null) return;
    this.#waker!.wake();
    await this.#poll;
  }

  /** Closes the socket. Unsent messages go on for the time of its option `linger`. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.interrupt();
    this.#waker?.close();
    this.#library.zmq_msg_close(this.#message);
    this.#library.zmq_close(this.#handle);
    this.#onClosed(this);
  }

  #check(): void {
    if (this.#closing !== null) throw new ZmqError("the ZeroMQ socket is closed", 0);
    if (this.#poll !== null) throw new ZmqError("the ZeroMQ socket is being waited for", 0);
  }

  #call(
    name: "zmq_bind" | "zmq_connect" | "zmq_unbind" | "zmq_disconnect",
    what: string,
    endpoint: string,
  ): void {
    this.#check();
    if (this.#library[name](this.#handle, cString(endpoint)) !== 0) {
      throw lastError(`${what} ${endpoint}`);
    }
  }

  #sendPart(part: Uint8Array, flags: number): boolean {
    const { length } = part;
    let bytes = part as Uint8Array<ArrayBuffer>;
    if (length <= SMALL_BYTES) {
      bytes = this.#small;
      for (let i = 0; i < length; i++) bytes[i] = part[i];
    }
    if (this.#library.zmq_send(this.#handle, bytes, BigInt(length), flags) >= 0) return true;
    const code = this.#library.zmq_errno();
    if (code === EAGAIN || code === EINTR) return false;
    throw lastError("send");
  }

  #wait(events: number, timeoutMs: number): Promise<void> {
    this.#check();
    this.#waker ??= new Waker(this.#library, this.#context.handle);
    return this.#poll = this.#waker.poll(this.#handle, events, timeoutMs).finally(() => {
      this.#poll = null;
    });
  }
}

/** Polls a socket on another thread, together with one end of a pair of sockets that can end the poll. */
class Waker {
  readonly #library: ZmqLibrary;
  readonly #polled: Deno.PointerValue;
  readonly #waking: Deno.PointerValue;
  readonly #items = pinned(POLL_ITEM_BYTES * 2);
  readonly #received = pinned(MESSAGE_BYTES);

  constructor(library: ZmqLibrary, context: Deno.PointerValue) {
    this.#library = library;
    const endpoint = cString(`inproc://gatehouse-wake-${++pairNumber}`);
    this.#polled = library.zmq_socket(context, SOCKET_TYPES.pair);
    this.#waking = library.zmq_socket(context, SOCKET_TYPES.pair);
    const isOpen = this.#polled !== null && this.#waking !== null &&
      library.zmq_bind(this.#polled, endpoint) === 0 &&
      library.zmq_connect(this.#waking, endpoint) === 0;
    library.zmq_msg_init(this.#received);
    if (isOpen) return;
    const error = lastError("make a pair of ZeroMQ sockets");
    this.close();
    throw error;
  }

  async poll(socket: Deno.PointerValue, events: number, timeoutMs: number): Promise<void> {
    // What was sent to wake the poll before, perhaps when it had ended already.
    while (this.#library.zmq_msg_recv(this.#received, this.#polled, DONTWAIT) >= 0);
    const view = new DataView(this.#items.buffer);
    for (const [i, [handle, wanted]] of [[socket, events], [this.#polled, POLLIN]].entries()) {
      const address = Deno.UnsafePointer.value(handle as Deno.PointerValue);
      view.setBigUint64(i * POLL_ITEM_BYTES, BigInt(address), true);
      view.setInt16(i * POLL_ITEM_BYTES + POLL_EVENTS_AT, wanted as number, true);
    }
    await this.#library.zmq_poll(this.#items, 2, BigInt(timeoutMs));
  }

  wake(): void {
    this.#library.zmq_send(this.#waking, WAKE, 1n, DONTWAIT);
  }

  close(): void {
    this.#library.zmq_msg_close(this.#received);
    for (const socket of [this.#polled, this.#waking]) this.#library.zmq_close(socket);
  }
}
