/**
 * Waits for several ZeroMQ sockets at a time, which can be used meanwhile.
 *
 * @module
 */

import { libzmq } from "./library.ts";
import type { ZmqLibrary } from "./library.ts";
import { pinned, POLL_EVENTS_AT, POLL_ITEM_BYTES, POLLIN } from "./socket.ts";
import type { ZmqContext, ZmqSocket } from "./socket.ts";

/** Where the descriptor is in an item of a poll, after the socket. */
const POLL_DESCRIPTOR_AT = 8;
const WAKE = new Uint8Array(1);

let watchNumber = 0;

/**
 * Watches sockets of a context. Not they are polled on another thread, which nobody could touch then,
 * but the descriptors that libzmq has for this: each can be read once something has happened to its
 * socket that the socket was not asked about yet (zmq_getsockopt, `ZMQ_FD`).
 *
 * So before a wait, and after each use of a socket during one, receive until there is no more: what
 * sending takes note of on the way is not told again. Close the watch before its sockets.
 */
export class SocketWatch implements AsyncDisposable {
  readonly #library: ZmqLibrary;
  readonly #polled: ZmqSocket;
  readonly #waking: ZmqSocket;
  readonly #items: Uint8Array<ArrayBuffer>;
  #wait: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  /**
   * Makes a watch of `sockets`, which are open.
   *
   * @throws {ZmqError} if there are too many sockets
   */
  constructor(context: ZmqContext, sockets: readonly ZmqSocket[]) {
    this.#library = libzmq();
    this.#polled = context.socket("pair");
    this.#waking = context.socket("pair");
    const endpoint = `inproc://gatehouse-watch-${++watchNumber}`;
    this.#polled.bind(endpoint);
    this.#waking.connect(endpoint);
    const watched = [...sockets, this.#polled];
    this.#items = pinned(POLL_ITEM_BYTES * watched.length);
    const view = new DataView(this.#items.buffer);
    for (const [i, socket] of watched.entries()) {
      const at = i * POLL_ITEM_BYTES;
      view.setInt32(at + POLL_DESCRIPTOR_AT, Number(socket.getOption("descriptor")), true);
      view.setInt16(at + POLL_EVENTS_AT, POLLIN, true);
    }
  }

  /**
   * Resolves when one of the sockets may have something, when {@linkcode interrupt} is called, or after
   * `timeoutMs`. One wait at a time.
   */
  wait(timeoutMs = -1): Promise<void> {
    return this.#wait ??= this.#poll(timeoutMs);
  }

  /** Ends the wait that is under way; resolves when it has ended. */
  async interrupt(): Promise<void> {
    if (this.#wait === null) return;
    this.#waking.send(WAKE);
    await this.#wait;
  }

  /** Ends the wait, and watches no more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.interrupt();
    await this.#waking.close();
    await this.#polled.close();
  }

  async #poll(timeoutMs: number): Promise<void> {
    // What ended the wait before, perhaps when it had ended already.
    while (this.#polled.receivePart() !== null);
    const count = this.#items.length / POLL_ITEM_BYTES;
    try {
      await this.#library.zmq_poll(this.#items, count, BigInt(timeoutMs));
    } finally {
      this.#wait = null;
    }
  }
}
