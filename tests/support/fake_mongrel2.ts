/** The two sockets of a Mongrel2 server, under full control. */

import { ZmqContext } from "../../src/zmq/socket.ts";
import type { ZmqSocket } from "../../src/zmq/socket.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Sends messages to handlers, and takes their replies. */
export class FakeMongrel2 implements AsyncDisposable {
  /** Endpoint that messages are sent at. */
  readonly send: string;
  /** Endpoint that replies are taken at. */
  readonly recv: string;
  readonly #context = new ZmqContext();
  readonly #push: ZmqSocket;
  readonly #sub: ZmqSocket;

  /** Begins to listen at free ports, or where another one did. */
  constructor(
    { send, recv }: { readonly send: string; readonly recv: string } = {
      send: "tcp://127.0.0.1:*",
      recv: "tcp://127.0.0.1:*",
    },
  ) {
    this.#push = this.#context.socket("push");
    this.#sub = this.#context.socket("sub");
    this.#push.bind(send);
    this.#sub.bind(recv);
    this.#sub.setOption("subscribe", "");
    this.send = String(this.#push.getOption("lastEndpoint"));
    this.recv = String(this.#sub.getOption("lastEndpoint"));
  }

  /** Sends a message as it is, once there is a handler. */
  async sendRaw(message: string): Promise<void> {
    for (let i = 0; i < 1_000 && !this.#push.send(encoder.encode(message)); i++) {
      await this.#push.writable(10);
      // A socket sends its subscriptions when it is looked at, as Mongrel2 always does.
      this.#sub.getOption("events");
    }
  }

  /** Sends a request for `path` from the client `connId`. */
  async request(connId: number, path: string, headers: object = {}, body = ""): Promise<void> {
    const block = JSON.stringify({
      PATH: path,
      METHOD: "GET",
      VERSION: "HTTP/1.1",
      URI: path,
      PATTERN: "/",
      host: "localhost",
      ...headers,
    });
    const bodyBytes = encoder.encode(body).length;
    await this.sendRaw(
      `server ${connId} ${path} ${encoder.encode(block).length}:${block},${bodyBytes}:${body},`,
    );
  }

  /** The next reply, as text; fails if none comes. */
  async reply(): Promise<string> {
    const reply = await this.replyWithin(60_000);
    if (reply === null) throw new Error("no reply has come");
    return reply;
  }

  /** The next reply, as text; `null` if none comes in this time. */
  async replyWithin(timeoutMs: number): Promise<string | null> {
    for (const deadline = Date.now() + timeoutMs;;) {
      const part = this.#sub.receivePart();
      if (part !== null) return decoder.decode(part);
      const remainingMs = deadline - Date.now();
      if (remainingMs <= 0) return null;
      await this.#sub.readable(Math.min(remainingMs, 100));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#context[Symbol.asyncDispose]();
  }
}
