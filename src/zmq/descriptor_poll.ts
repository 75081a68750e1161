/**
 * Polls of the descriptors that libzmq has for its sockets: each can be read once something has happened to
 * its socket that the socket was not asked about yet (zmq_getsockopt, `ZMQ_FD`).
 *
 * @module
 */

import { libzmq } from "./library.ts";
import type { ZmqLibrary } from "./library.ts";
import { pinned, POLL_EVENTS_AT, POLL_ITEM_BYTES, POLLIN } from "./socket.ts";
import type { ZmqContext, ZmqSocket } from "./socket.ts";

/** Where the descriptor is in an item of a poll, after the socket. */
const POLL_DESCRIPTOR_AT = 8;
/** Where it is said what was found. */
const POLL_FOUND_AT = POLL_EVENTS_AT + 2;
const WAKE = new Uint8Array(1);

let pollNumber = 0;

/** The descriptor of a socket. */
export function descriptorOf(socket: ZmqSocket): number {
  return Number(socket.getOption("descriptor"));
}

/** Polls descriptors, on this thread or on another one. */
export class DescriptorPoll {
  readonly #library: ZmqLibrary;
  readonly #polled: ZmqSocket;
  readonly #waking: ZmqSocket;
  readonly #wakingDescriptor: number;
  #items = pinned(0);
  #view = new DataView(this.#items.buffer);
  #count = 0;

  /**
   * Makes a poll of nothing, with sockets of `context` that can end it.
   *
   * @throws {ZmqError} if there are too many sockets
   */
  constructor(context: ZmqContext) {
    this.#library = libzmq();
    this.#polled = context.socket("pair");
    this.#waking = context.socket("pair");
    const endpoint = `inproc://gatehouse-poll-${++pollNumber}`;
    this.#polled.bind(endpoint);
    this.#waking.connect(endpoint);
    this.#wakingDescriptor = descriptorOf(this.#polled);
  }

  /** What is polled from now on. Not while a poll is under way. */
  set(descriptors: readonly number[]): void {
    const count = this.#count = descriptors.length;
    const bytes = POLL_ITEM_BYTES * (count + 1);
    if (this.#items.length < bytes) {
      this.#items = pinned(bytes);
      this.#view = new DataView(this.#items.buffer);
    }
    for (let i = 0; i < count; i++) this.#write(i, descriptors[i]);
    this.#write(count, this.#wakingDescriptor);
  }

  /** Holds this thread until there is something, or for `timeoutMs`; how many descriptors have something. */
  here(timeoutMs: bigint): number {
    return this.#library.zmq_poll_here(this.#items, this.#count, timeoutMs);
  }

  /** Resolves when there is something, when {@linkcode wake} is called, or after `timeoutMs`; -1 is for ever. */
  async there(timeoutMs: number): Promise<void> {
    // What ended the poll before, perhaps when it had ended already.
    while (this.#polled.receivePart() !== null);
    await this.#library.zmq_poll(this.#items, this.#count + 1, BigInt(Math.ceil(timeoutMs)));
  }

  /** Whether the descriptor at `index` had something at the end of the last poll. */
  found(index: number): boolean {
    return this.#view.getInt16(index * POLL_ITEM_BYTES + POLL_FOUND_AT, true) !== 0;
  }

  /** Ends the poll on another thread that is under way, or else the next one. */
  wake(): void {
    this.#waking.send(WAKE);
  }

  /** Closes the sockets. Not while a poll is under way. */
  async close(): Promise<void> {
    await this.#waking.close();
    await this.#polled.close();
  }

  #write(index: number, descriptor: number): void {
    const at = index * POLL_ITEM_BYTES;
    this.#view.setInt32(at + POLL_DESCRIPTOR_AT, descriptor, true);
    this.#view.setInt16(at + POLL_EVENTS_AT, POLLIN, true);
  }
}
