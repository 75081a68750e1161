/**
 * Tells clients of a Mongrel2 that their requests have timed out, as a handler would, and handlers that clients
 * have gone.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { ZmqError } from "../base/errors.ts";
import { latin1Text } from "../message/fields.ts";
import { ZmqContext } from "../zmq/socket.ts";
import type { ZmqSocket } from "../zmq/socket.ts";
import { formatControl, formatReply, MAX_REPLY_TARGETS } from "./codec/message.ts";

/** What they get (RFC 9110 15.5.9). */
const RESPONSE = new TextEncoder().encode(
  "HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\n" +
    "content-length: 20\r\nconnection: close\r\n\r\n408 Request Timeout\n",
);
const SUBSCRIBED = 1;
/** The sign of a control reply takes the place of one. */
const MAX_TARGETS = MAX_REPLY_TARGETS - 1;

/** Where replies go. */
export class ReaperReplies implements AsyncDisposable {
  readonly #context = new ZmqContext();
  readonly #socket: ZmqSocket;
  readonly #endpoint: string;
  /** What replies begin with: who has subscribed for something takes those alone. */
  #senderId: string;
  #isHeard = false;

  /**
   * Connects to `endpoint`, where the server `uuid` takes replies.
   *
   * @throws {ZmqError} if it is malformed
   */
  constructor(endpoint: string, uuid: string) {
    this.#endpoint = endpoint;
    this.#senderId = uuid;
    // Mongrel2 takes it for the PUB that it expects, and it shows what it has subscribed for.
    this.#socket = this.#context.socket("xpub");
    this.#socket.setOption("ipv6", 1);
    this.#socket.setOption("immediate", 1);
    this.#socket.connect(endpoint);
  }

  /**
   * Waits until Mongrel2 listens.
   *
   * @throws {ZmqError} if it does not within `timeoutMs`
   */
  async heard(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    this.#readSubscriptions();
    while (!this.#isHeard) {
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0) throw new ZmqError(`no Mongrel2 takes replies at ${this.#endpoint}`, 0);
      await this.#socket.readable(Math.ceil(remainingMs));
      this.#readSubscriptions();
    }
  }

  /** Answers the client `connId` with 408, and closes its connection. */
  refuse(connId: string): void {
    this.#readSubscriptions();
    for (const payload of [RESPONSE, EMPTY]) {
      this.#socket.send(formatReply(this.#senderId, [connId], payload));
    }
  }

  /**
   * Has the handler told that these clients have gone: Mongrel2 says so of a connection that it does not know any
   * more when it is asked to do something with it. It does not say so of its own accord when it was told to end it.
   */
  reportGone(connIds: readonly string[]): void {
    this.#readSubscriptions();
    for (let at = 0; at < connIds.length; at += MAX_TARGETS) {
      const some = connIds.slice(at, at + MAX_TARGETS);
      // Should a number be another connection's by now, this does nothing to it.
      this.#socket.send(formatControl(this.#senderId, some, { "keep-alive": true }));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#context[Symbol.asyncDispose]();
  }

  #readSubscriptions(): void {
    for (let part; (part = this.#socket.receivePart()) !== null;) {
      if (part[0] !== SUBSCRIBED) {
        this.#isHeard = false;
        continue;
      }
      this.#isHeard = true;
      if (part.length > 1) this.#senderId = latin1Text(part, 1, part.length);
    }
  }
}
