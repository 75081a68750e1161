/**
 * The socket of a dispatcher that its handlers connect to.
 *
 * @module
 */

import { ListenError, ZmqError } from "../base/errors.ts";
import { latin1Of } from "../message/latin1.ts";
import type { FaultLog } from "../net/fault_log.ts";
import { pinned, UNREACHABLE, ZmqContext } from "../zmq/socket.ts";
import type { ZmqSocket } from "../zmq/socket.ts";
import type { Watch, WatchMaker } from "../zmq/socket_watch.ts";
import type { DispatcherMessage } from "./codec/dispatch_message.ts";
import { dispatcherParts } from "./codec/dispatch_message.ts";
import { Door } from "./curve/door.ts";
import type { DoorKeys, Visitor } from "./curve/door.ts";
import type { SendOutcome } from "./handler_roster.ts";

/** Listener of the socket's owner. */
export interface HandlerSocketsOwner {
  /** A message has come from the connection `peer`. Its parts are lent until this returns. */
  onHandlerMessage(peer: string, parts: readonly Uint8Array[]): void;
  /** Whether handlers are not to be read for the moment: {@linkcode HandlerSockets.goOn} ends that. */
  readonly isCongested: boolean;
}

/** Messages that are handled before others on this thread get their turn. */
const MAX_BATCH = 256;
/** Messages that wait for a handler's connection. */
const MAX_WAITING_MESSAGES = 1_000;
/** Messages of a handler that wait to be read: few, as anybody's may be as large as they can. */
const MAX_UNREAD_MESSAGES = 64;
/**
 * Bytes of one part of a handler's message: its endpoint sends 384 KiB at a time at the most. A thousand of
 * them may wait for Mongrel2 in libzmq.
 */
const MAX_PART_BYTES = 524_288;
/** Parts of a message that are of interest: the protocol has two at the most, so three are wrong. */
const MAX_PARTS = 3;
/** Bytes of parts that the same memory is used for: of the first one after the identity, and of the next. */
const HEAD_BYTES = 2_048;
const LENT_BYTES = 65_536;
/** Bytes of an identity at the most. */
const MAX_PEER_BYTES = 255;
/** Time that what was sent is given to go out at the end, in milliseconds. */
const LINGER_MS = 1_000;

/** A ROUTER that handlers connect to. */
export class HandlerSockets implements AsyncDisposable {
  /** Where it listens, with the port that was chosen. */
  readonly endpoint: string;
  readonly #owner: HandlerSocketsOwner;
  readonly #context = new ZmqContext();
  readonly #socket: ZmqSocket;
  readonly #watch: Watch;
  readonly #door: Door;
  /** The connections of handlers. */
  readonly #admitted = new Map<string, Visitor>();
  /** Memory for the parts of one message at a time: identity, head and payload. */
  readonly #peerMemory = pinned(MAX_PEER_BYTES);
  readonly #headMemory = pinned(HEAD_BYTES);
  readonly #memory = pinned(LENT_BYTES);
  /** The identity that a message is sent to. */
  readonly #sentPeer = pinned(MAX_PEER_BYTES);
  #running: Promise<void> | null = null;
  #isWaiting = false;
  #isLookDue = false;
  #room: PromiseWithResolvers<void> | null = null;
  #isClosed = false;

  /**
   * Begins to listen at `endpoint`; what comes waits until {@linkcode start}. With `keys`, connections are
   * encrypted, and only those who have certain keys can come.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ListenError} if nothing can listen there
   */
  constructor(
    endpoint: string,
    keys: DoorKeys | null,
    faults: FaultLog,
    owner: HandlerSocketsOwner,
    watchOf: WatchMaker,
  ) {
    this.#owner = owner;
    const socket = this.#socket = this.#context.socket("router");
    // What cannot be sent is not to be dropped in silence.
    socket.setOption("routerMandatory", 1);
    socket.setOption("ipv6", 1);
    socket.setOption("sendHighWaterMark", MAX_WAITING_MESSAGES);
    socket.setOption("receiveHighWaterMark", MAX_UNREAD_MESSAGES);
    socket.setOption("maxMessageBytes", MAX_PART_BYTES);
    socket.setOption("linger", LINGER_MS);
    this.#door = new Door(this.#context, socket, keys, faults);
    this.#watch = watchOf([socket]);
    try {
      socket.bind(endpoint);
    } catch (error) {
      if (!(error instanceof ZmqError)) throw error;
      this[Symbol.asyncDispose]();
      throw new ListenError(`dispatch: ${error.message}`, { cause: error });
    }
    // A socket that takes both kinds writes addresses of IPv4 as those of IPv6.
    this.endpoint = String(socket.getOption("lastEndpoint"))
      .replace(/\[::ffff:(\d+(?:\.\d+){3})\]/, "$1");
  }

  /** Begins to read. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Reads handlers again, after there was congestion. */
  goOn(): void {
    this.#room?.resolve();
    this.#room = null;
  }

  /**
   * Lets the connection `peer`, whose message is being dealt with, stay open; returns why it cannot, if that
   * is so.
   */
  admit(peer: string): string | null {
    const key = this.#socket.sourceUserId;
    if (!this.#door.admits(key)) return NOT_ADMITTED;
    const visitor = this.#door.admit(this.#socket.sourceDescriptor, key);
    if (visitor !== null) this.#admitted.set(peer, visitor);
    return null;
  }

  /** The connection `peer` need not stay open. */
  dismiss(peer: string): void {
    const visitor = this.#admitted.get(peer);
    if (visitor === undefined) return;
    this.#admitted.delete(peer);
    this.#door.dismiss(visitor);
  }

  /** Where the connection comes from whose message is being dealt with: its key, or else its address. */
  get origin(): string {
    const { sourceUserId, sourceDescriptor } = this.#socket;
    return sourceUserId === "" ? this.#door.addressOf(sourceDescriptor) : sourceUserId;
  }

  /** Closes the connection `peer` once it has had time to read why. */
  cutLater(peer: string): void {
    const visitor = this.#admitted.get(peer);
    if (visitor !== undefined) this.#door.cutLater(visitor);
  }

  /** Handlers whose keys are admitted no more. */
  get unwanted(): string[] {
    return Array.from(this.#admitted)
      .filter(([, { key }]) => !this.#door.admits(key)).map(([peer]) => peer);
  }

  /** Sends a message to the connection `peer`, if there is room. */
  send(peer: string, message: DispatcherMessage): SendOutcome {
    if (this.#isClosed) return "unreachable";
    this.#lookSoon();
    try {
      return this.#socket.send([this.#bytesOf(peer), ...dispatcherParts(message)])
        ? "sent"
        : "full";
    } catch (error) {
      if (!(error instanceof ZmqError) || error.code !== UNREACHABLE) throw error;
      return "unreachable";
    }
  }

  /** Closes the socket, after what was sent has gone, unless nobody takes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.goOn();
    await this.#watch[Symbol.asyncDispose]();
    await this.#running;
    await this.#door[Symbol.asyncDispose]();
    await this.#context[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      if (this.#owner.isCongested) {
        this.#room ??= Promise.withResolvers();
        await this.#room.promise;
      } else if (this.#takeBatch() > 0) {
        await this.#watch.nextTurn();
      } else if (!this.#isClosed) {
        this.#isWaiting = true;
        await this.#watch.wait();
        this.#isWaiting = false;
      }
    }
  }

  /** Sending may have taken note of what has come meanwhile, which does not end the wait then. */
  #lookSoon(): void {
    if (!this.#isWaiting || this.#isLookDue) return;
    this.#isLookDue = true;
    queueMicrotask(this.#look);
  }

  readonly #look = (): void => {
    this.#isLookDue = false;
    if (this.#isClosed || !this.#isWaiting || this.#owner.isCongested) return;
    if (this.#takeBatch() === MAX_BATCH) this.#watch.interrupt();
  };

  #takeBatch(): number {
    let taken = 0;
    while (taken < MAX_BATCH && !this.#isClosed && !this.#owner.isCongested) {
      const peer = this.#socket.receiveInto(this.#peerMemory);
      if (peer === null) break;
      taken++;
      const parts: Uint8Array[] = [];
      while (this.#socket.hasMoreParts) {
        // Of those after the payload it only matters that they are there.
        const memory = parts.length === 0 ? this.#headMemory : this.#memory;
        const part = this.#socket.receiveInto(memory)!;
        if (parts.length < MAX_PARTS) parts.push(part);
      }
      this.#owner.onHandlerMessage(latin1Of(peer, 0, peer.length), parts);
    }
    return taken;
  }

  #bytesOf(peer: string): Uint8Array {
    const bytes = this.#sentPeer;
    for (let i = 0; i < peer.length; i++) bytes[i] = peer.charCodeAt(i);
    return bytes.subarray(0, peer.length);
  }
}

/** What a handler is told whose key was taken off the list. */
export const NOT_ADMITTED = "--curve-clients does not have its key";
