/**
 * What requests and responses of Node's kind have for a socket: its addresses, its time, and its end.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import { nextTick } from "node:process";
import { timerMs } from "../../base/timers.ts";
import type { Context } from "../context.ts";
import { CONTEXT } from "../context.ts";
import { nodeError } from "./node_members.ts";

const { Date, Error, Number, clearTimeout, setTimeout } = globalThis;
const { now } = Date;
const { max } = Math;

/** Who has a socket. */
export interface SocketOwner {
  /** The socket has ended: the error as Node has it, and what was thrown, if that ended it. */
  onSocketEnded(error: Error | undefined): void;
  /** Nothing has come or gone for the time that was set. Whether somebody has dealt with it. */
  onSocketTimeout(): boolean;
  /** A listener threw an error that nobody else catches. */
  onListenerError(error: unknown): void;
}

/**
 * The sockets of a server's requests that are under way, in no order.
 *
 * A `Set` would do, but for the garbage collector: one that entries come to and go from has its table
 * exchanged again and again, and each old table knows the next one. As soon as one is taken for old,
 * all tables after it, with the requests that were in them, outlive every quick collection.
 */
export class OpenSockets {
  readonly #sockets: BridgedSocket[] = [];

  /** Number of sockets. */
  get size(): number {
    return this.#sockets.length;
  }

  /** Takes a socket that is not here. */
  add(socket: BridgedSocket): void {
    placeSocket(socket, this.#sockets.length);
    this.#sockets.push(socket);
  }

  /** Forgets a socket, if it is here. */
  delete(socket: BridgedSocket): void {
    const place = placeOf(socket);
    if (place < 0) return;
    const last = this.#sockets.pop()!;
    if (last !== socket) {
      this.#sockets[place] = last;
      placeSocket(last, place);
    }
    placeSocket(socket, -1);
  }

  /** Destroys all. */
  destroyAll(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }
}

/** Where a socket lies among those of its server; below 0 for nowhere. */
let placeOf: (socket: BridgedSocket) => number;
let placeSocket: (socket: BridgedSocket, place: number) => void;

/** The socket of one request. Nothing can be read from it or written to it. */
export class BridgedSocket extends EventEmitter {
  static {
    placeOf = (socket) => socket.#place;
    placeSocket = (socket, place) => {
      socket.#place = place;
    };
  }

  /** The server that the request is for. */
  readonly server: unknown;
  /** Whether the request came over TLS. */
  readonly encrypted: boolean;
  /** How long nothing may come or go, in milliseconds; 0 for any time. */
  timeout = 0;
  destroyed = false;
  readonly #context: Context;
  #owner: SocketOwner | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #usedAt = 0;
  #place = -1;

  /** Makes the socket of a request with `context`. */
  constructor(server: unknown, encrypted: boolean, context: Context) {
    super();
    this.server = server;
    this.encrypted = encrypted;
    this.#context = context;
  }

  get [CONTEXT](): Context {
    return this.#context;
  }

  get connecting(): boolean {
    return false;
  }

  get pending(): boolean {
    return false;
  }

  get closed(): boolean {
    return this.destroyed;
  }

  get readable(): boolean {
    return !this.destroyed;
  }

  get writable(): boolean {
    return !this.destroyed;
  }

  get readyState(): string {
    return this.destroyed ? "closed" : "open";
  }

  get authorized(): boolean {
    return false;
  }

  get bytesRead(): number {
    return 0;
  }

  get bytesWritten(): number {
    return 0;
  }

  get remoteAddress(): string | undefined {
    return hostOf(this.#context.remoteAddr);
  }

  get remotePort(): number | undefined {
    return portOf(this.#context.remoteAddr);
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    return hostOf(this.#context.localAddr);
  }

  get localPort(): number | undefined {
    return portOf(this.#context.localAddr);
  }

  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  address(): { address?: string; family?: string; port?: number } {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }

  /** Gives the socket to who is told of it. */
  own(owner: SocketOwner): void {
    this.#owner = owner;
  }

  /** Calls `work`, which calls listeners; what they throw fails the request. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Fails the request with what a listener threw. */
  fail(error: unknown): void {
    this.#owner?.onListenerError(error);
  }

  /** Breaks the response off, if it has not ended. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#stopTimer();
    this.#owner?.onSocketEnded(error);
    nextTick(() =>
      this.guard(() => {
        if (error !== undefined && this.listenerCount("error") > 0) this.emit("error", error);
        this.emit("close", error !== undefined);
      })
    );
    return this;
  }

  /** Is told that the request is answered: the socket ends with it. */
  release(): void {
    this.#stopTimer();
    if (this.destroyed || this.listenerCount("close") === 0) return;
    this.destroyed = true;
    nextTick(() => this.guard(() => this.emit("close", false)));
  }

  destroySoon(): void {
    this.destroy();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  end(): this {
    return this.destroy();
  }

  write(): boolean {
    throw new Error("nothing can be written to the socket of a request: the gateway owns it");
  }

  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    const ms = Number(timeoutMs);
    if (!(ms >= 0)) {
      throw nodeError("ERR_OUT_OF_RANGE", `The value of "msecs" is out of range: ${timeoutMs}`);
    }
    this.timeout = ms;
    this.#stopTimer();
    if (ms === 0) {
      if (onTimeout !== undefined) this.removeListener("timeout", onTimeout);
    } else {
      if (onTimeout !== undefined) this.once("timeout", onTimeout);
      this.#usedAt = now();
      if (!this.destroyed) this.#startTimer(ms);
    }
    return this;
  }

  /** Takes note that something has come or gone. */
  touch(): void {
    if (this.#timer !== undefined) this.#usedAt = now();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  cork(): void {}

  uncork(): void {}

  #startTimer(delayMs: number): void {
    this.#timer = setTimeout(() => this.#onTimer(), timerMs(delayMs));
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #onTimer(): void {
    const restMs = this.#usedAt + this.timeout - now();
    if (restMs > 0) {
      this.#startTimer(max(restMs, 1));
      return;
    }
    this.#timer = undefined;
    this.guard(() => {
      // As in Node, who listens to the socket alone has not dealt with it.
      if (!(this.#owner?.onSocketTimeout() ?? false)) this.destroy();
      this.emit("timeout");
    });
  }
}

export function hostOf(address: Deno.Addr): string | undefined {
  return "hostname" in address ? address.hostname : undefined;
}

export function portOf(address: Deno.Addr): number | undefined {
  return "port" in address ? address.port : undefined;
}

export function familyOf(host: string | undefined): string | undefined {
  return host === undefined ? undefined : host.includes(":") ? "IPv6" : "IPv4";
}
