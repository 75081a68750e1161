/**
 * What requests and responses of Node's kind have for a socket: its addresses, and its end.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import { nextTick } from "node:process";
import { uncurried } from "../../captured.ts";
import type { Context } from "../context.ts";
import { nodeError } from "./node_members.ts";

const { Error } = globalThis;
const startsWith = uncurried(String.prototype.startsWith);

/** Is told of the end of a socket: the error as Node has it, and what the response fails with. */
type OnEnd = (error: Error | undefined, reason: Error | undefined) => void;

/** The socket of one request. Nothing can be read from it or written to it. */
export class BridgedSocket extends EventEmitter {
  /** The server that the request is for. */
  readonly server: unknown;
  /** Whether the request came over TLS. */
  readonly encrypted: boolean;
  readonly connecting = false;
  readonly pending = false;
  readonly bytesRead = 0;
  readonly bytesWritten = 0;
  readonly timeout = 0;
  readonly readyState = "open";
  readable = true;
  writable = true;
  destroyed = false;
  readonly #context: Context;
  #onEnd: OnEnd = () => {};

  /** Makes the socket of `request`. */
  constructor(server: unknown, request: Request, context: Context) {
    super();
    this.server = server;
    this.encrypted = startsWith(request.url, "https:");
    this.#context = context;
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

  /** Has `onEnd` called when `socket` ends. */
  static whenEnded(socket: BridgedSocket, onEnd: OnEnd): void {
    socket.#onEnd = onEnd;
  }

  /** Ends `socket` when `signal` fires: its client has gone. */
  static endBy(socket: BridgedSocket, signal: AbortSignal): void {
    const end = () => socket.#end(nodeError("ECONNRESET", "aborted"), signal.reason);
    if (signal.aborted) nextTick(end);
    else signal.addEventListener("abort", end, { once: true });
  }

  /** Breaks the response off, if it has not ended. */
  destroy(error?: Error): this {
    this.#end(error);
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  end(): this {
    return this.destroy();
  }

  write(): boolean {
    throw new Error("nothing can be written to the socket of a request: the gateway owns it");
  }

  setTimeout(_timeoutMs: number, onTimeout?: () => void): this {
    if (onTimeout !== undefined) this.once("timeout", onTimeout);
    return this;
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

  #end(error: Error | undefined, reason = error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    this.#onEnd(error, reason);
    nextTick(() => this.emit("close", error !== undefined));
  }
}

function hostOf(address: Deno.Addr): string | undefined {
  return "hostname" in address ? address.hostname : undefined;
}

function portOf(address: Deno.Addr): number | undefined {
  return "port" in address ? address.port : undefined;
}

function familyOf(host: string | undefined): string | undefined {
  return host === undefined ? undefined : host.includes(":") ? "IPv6" : "IPv4";
}
