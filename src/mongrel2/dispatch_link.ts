/**
 * A handler's link to a dispatcher: it makes the handler known, answers pings, and begins anew when the
 * dispatcher is lost or has forgotten it.
 *
 * @module
 */

import { BufferPool } from "../base/buffers.ts";
import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import { FaultLog } from "../net/fault_log.ts";
import type { CurveClient } from "../zmq/curve.ts";
import { ZmqContext } from "../zmq/socket.ts";
import type { WatchMaker } from "../zmq/socket_watch.ts";
import {
  DISPATCH_VERSION,
  DispatchMessageError,
  handlerParts,
  INSTANCE_BYTES,
  parseDispatcherMessage,
} from "../dispatch/codec/dispatch_message.ts";
import type {
  DispatcherMessage,
  DispatchOutcome,
  HandlerLoad,
  HandlerMessage,
} from "../dispatch/codec/dispatch_message.ts";
import { DispatchSocket } from "./dispatch_socket.ts";
import type { DispatchSocketOwner } from "./dispatch_socket.ts";

/** Listener of a link's owner. Bytes of up to `MAX_LENT_BYTES` are lent until the call returns. */
export interface DispatchLinkOwner {
  /** A message of Mongrel2 has come that is a request, with the number that its replies need. */
  onRequest(request: number, bytes: Uint8Array): void;
  /** A message of Mongrel2 has come about a client that the owner has, or had. */
  onNotice(bytes: Uint8Array): void;
  /** The dispatcher has taken the handler in. */
  onUp(): void;
  /** No dispatcher was found in due time. It is reported once for each time that it is missed. */
  onAwaited(): void;
  /** The dispatcher is about to end, as it may say often: WebSockets that are open are to be closed. */
  onClosing(): void;
  /** What was under way is another handler's by now: nothing more may be sent of it. */
  onLost(): void;
  /** There is room for replies again, after {@linkcode DispatchLink.isCongested}. */
  onRoom(): void;
}

/** What a {@linkcode DispatchLink} is made of. */
export interface DispatchLinkOptions {
  /** Where the dispatcher is, `tcp://HOST:PORT`. */
  readonly endpoint: string;
  /** The handler's name, which is its own among the dispatcher's handlers: 1 to 255 bytes of UTF-8. */
  readonly name: string;
  /** The mark of this start of it: see {@linkcode newInstance}. */
  readonly instance: string;
  /** What it takes at first. */
  readonly load: HandlerLoad;
  /** Bytes of a message at the most; the connection ends at a larger one. Default: 64 MiB. */
  readonly maxMessageBytes?: number;
  /** CURVE's keys: the connection is encrypted, and to this dispatcher alone. Default: it is not. */
  readonly curve?: CurveClient | undefined;
  /** Makes the watch of its sockets. Default: one of their own. */
  readonly watchOf?: WatchMaker | undefined;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** What a link has done so far, and what it is. */
export interface DispatchLinkReport {
  /** Where the dispatcher is. */
  readonly endpoint: string;
  /** Whether the dispatcher has taken the handler in. */
  readonly isUp: boolean;
  /** Requests that have come. */
  readonly requests: number;
  /** Requests that are not done. */
  readonly inFlight: number;
  /** How often the dispatcher was lost. */
  readonly losses: number;
}

/** Interval at which a dispatcher is looked for, in milliseconds. */
const SEEK_INTERVAL_MS = 500;
/** Interval of pings at the least, whatever a dispatcher says, in milliseconds. */
const MIN_PING_INTERVAL_MS = 20;
/** Intervals without a word from the dispatcher, after which it is lost. */
const MAX_SILENT_INTERVALS = 3;
/** Intervals after which a dispatcher that was not found is reported. */
const AWAITED_INTERVALS = 2;
/** Time that messages are given to go out when a link is closed, in milliseconds. */
const LINGER_MS = 2_000;
const DEFAULT_MAX_MESSAGE_BYTES = 67_108_864;

/**
 * What a link is doing: nobody has answered its HELLO; it is up; it has said LEAVE, and the dispatcher
 * has not answered; it has left; it is closed.
 */
type LinkState = "seeking" | "up" | "leaving" | "left" | "closed";

/** A reply that is not sent yet, and the memory that it is in. */
interface HeldReply {
  readonly request: number;
  readonly payload: Uint8Array;
  readonly memory: Uint8Array;
}

/** Memory for replies until they are sent. */
const buffers = new BufferPool(1_048_576);

/** A mark for one start of a handler: all its links have the same. */
export function newInstance(): string {
  return crypto.getRandomValues(new Uint8Array(INSTANCE_BYTES)).toHex();
}

/** A link to a dispatcher. */
export class DispatchLink {
  readonly #options: DispatchLinkOptions;
  readonly #owner: DispatchLinkOwner;
  readonly #faults: FaultLog;
  readonly #context = new ZmqContext();
  #socket: DispatchSocket | null = null;
  /** Sockets of connections that have ended, until they are closed. */
  readonly #closing = new Set<Promise<void>>();
  #state: LinkState = "seeking";
  #load: HandlerLoad;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #intervalMs = SEEK_INTERVAL_MS;
  /** Intervals since the dispatcher was last heard, and whether it has been in this one. */
  #silentIntervals = 0;
  /** Intervals since it was last up, as far as that was not reported. */
  #missedIntervals = 0;
  /** Whether HELLO has still to be said over this connection. */
  #isHelloDue = false;
  readonly #onLeft = Promise.withResolvers<void>();
  #requests = 0;
  #inFlight = 0;
  /** The last reply: if it is the last one of its request, both are said in one message. */
  #held: HeldReply | null = null;
  #isReleaseDue = false;
  #losses = 0;

  /**
   * Begins to look for the dispatcher.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   * @throws {ZmqError} if the endpoint is malformed
   * @throws {RangeError} if the name or the mark is
   */
  constructor(options: DispatchLinkOptions, owner: DispatchLinkOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#load = options.load;
    this.#faults = new FaultLog(options.log);
    handlerParts(this.#hello());
    this.#connect();
    this.#schedule();
  }

  /** Where the dispatcher is. */
  get endpoint(): string {
    return this.#options.endpoint;
  }

  /** Whether the dispatcher has taken the handler in, and was not lost or left since. */
  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Whether what is sent would only wait. */
  get isCongested(): boolean {
    return this.#socket?.isCongested ?? false;
  }

  /** What it has done, and does. */
  get report(): DispatchLinkReport {
    return {
      endpoint: this.endpoint,
      isUp: this.isUp,
      requests: this.#requests,
      inFlight: this.#inFlight,
      losses: this.#losses,
    };
  }

  /** Makes a change of what the handler takes known. */
  setLoad(load: HandlerLoad): void {
    const { capacity, generation } = this.#load;
    if (load.capacity === capacity && load.generation === generation) return;
    this.#load = load;
    if (this.#isKnown) this.#send({ kind: "pong", ...load });
  }

  /**
   * Sends a reply to the client of a request, at the end of this turn; what may be before the payload is text whose
   * code units are bytes. The payload is copied.
   */
  reply(request: number, payload: Uint8Array, beginning = ""): void {
    if (!this.#isKnown) return;
    this.#release();
    const at = beginning.length;
    const bytes = at + payload.length;
    const memory = buffers.take(bytes);
    for (let i = 0; i < at; i++) memory[i] = beginning.charCodeAt(i);
    memory.set(payload, at);
    this.#held = { request, payload: memory.subarray(0, bytes), memory };
    if (this.#isReleaseDue) return;
    this.#isReleaseDue = true;
    queueMicrotask(this.#onTurnEnd);
  }

  /** Says that nothing more is to come of a request. */
  done(request: number, outcome: DispatchOutcome): void {
    if (!this.#isKnown) return;
    this.#inFlight--;
    const held = this.#held;
    if (held?.request === request && outcome === "answered") {
      this.#held = null;
      this.#socket?.send(
        handlerParts({ kind: "answer", request, payload: held.payload }),
        held.memory,
      );
    } else {
      this.#send({ kind: "done", request, outcome });
    }
  }

  readonly #onTurnEnd = (): void => {
    this.#isReleaseDue = false;
    this.#release();
  };

  #release(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    const { request, payload, memory } = held;
    this.#socket?.send(handlerParts({ kind: "reply", request, payload }), memory);
  }

  /**
   * Takes leave: resolves when the dispatcher sends no more requests, since it said so or is lost. Those that
   * come until then can be returned; those under way are finished afterwards.
   */
  leave(): Promise<void> {
    if (this.#state === "up") {
      this.#state = "leaving";
      this.#send({ kind: "leave" });
    } else if (this.#state === "seeking") {
      // Who has said HELLO, and is welcome later, would be given requests.
      this.#disconnect(0);
      this.#becomeLeft();
    }
    return this.#onLeft.promise;
  }

  /** Ends the link, after what was sent has gone, unless the dispatcher does not take it. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    // A HELLO that nobody has taken is not waited for.
    const lingerMs = this.#isKnown ? LINGER_MS : 0;
    this.#state = "closed";
    this.#onLeft.resolve();
    clearTimeout(this.#timer);
    this.#disconnect(lingerMs);
    await Promise.all(this.#closing);
    // Messages may linger until here.
    await this.#context[Symbol.asyncDispose]();
  }

  /** Whether the dispatcher knows what the handler has. */
  get #isKnown(): boolean {
    return this.#state === "up" || this.#state === "leaving" || this.#state === "left";
  }

  #connect(): void {
    const { endpoint, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, curve, watchOf } = this.#options;
    const owner: DispatchSocketOwner = {
      onParts: (parts) => {
        if (this.#socket === socket) this.#onParts(parts);
      },
      onDisconnected: (fault) => {
        if (this.#socket !== socket) return;
        if (fault !== null) this.#faults.warn(`mongrel2: the dispatcher at ${endpoint}: ${fault}`);
        this.#disconnect(0);
        this.#lose("the connection has ended");
      },
      onRoom: () => {
        if (this.#socket === socket) this.#owner.onRoom();
      },
    };
    const socket = new DispatchSocket(
      this.#context,
      { endpoint, maxMessageBytes, buffers, curve, watchOf },
      owner,
    );
    this.#socket = socket;
    this.#silentIntervals = 0;
    this.#sayHello();
  }

  #disconnect(lingerMs: number): void {
    this.#release();
    const closing = this.#socket?.close(lingerMs);
    this.#socket = null;
    if (closing === undefined) return;
    this.#closing.add(closing);
    closing.finally(() => this.#closing.delete(closing));
  }

  #hello(): HandlerMessage {
    const { name, instance } = this.#options;
    return { kind: "hello", version: DISPATCH_VERSION, name, instance, ...this.#load };
  }

  #sayHello(): void {
    this.#isHelloDue = false;
    this.#send(this.#hello());
  }

  #send(message: HandlerMessage): void {
    // What was said before goes before.
    this.#release();
    this.#socket?.send(handlerParts(message));
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), timerMs(this.#intervalMs));
  }

  /**
   * Counts an interval. Intervals are counted instead of time, so that a process that stood still does not
   * take that for the dispatcher's silence.
   */
  #tick(): void {
    // What has come, and was not read since this thread was busy, counts.
    this.#socket?.look();
    if (this.#state === "closed") return;
    this.#schedule();
    if (this.#state === "seeking" && ++this.#missedIntervals === AWAITED_INTERVALS) {
      this.#owner.onAwaited();
    }
    if (this.#socket === null) {
      if (this.#state === "seeking") this.#connect();
      return;
    }
    // Until there is a connection, libzmq is looking for one.
    if (!this.#socket.hasSent) return;
    if (this.#isHelloDue) this.#sayHello();
    // One that has nothing more of the handler's need not say so.
    if (this.#state === "left" && this.#inFlight === 0) return;
    if (this.#silentIntervals++ < MAX_SILENT_INTERVALS) return;
    this.#disconnect(0);
    this.#lose(`nothing has come for ${MAX_SILENT_INTERVALS} intervals`);
    if (this.#state === "seeking") this.#connect();
  }

  /** Gives up what is under way, if the dispatcher knew of it. */
  #lose(reason: string): void {
    if (!this.#isKnown) return;
    this.#intervalMs = SEEK_INTERVAL_MS;
    this.#schedule();
    this.#losses++;
    const { endpoint } = this.#options;
    this.#faults.warn(
      `mongrel2: lost the dispatcher at ${endpoint}, and the clients of ${this.#inFlight} ` +
        `requests: ${reason}`,
    );
    this.#inFlight = 0;
    this.#missedIntervals = 0;
    if (this.#state === "up") {
      this.#state = "seeking";
    } else {
      this.#disconnect(0);
      this.#becomeLeft();
    }
    this.#owner.onLost();
  }

  #becomeLeft(): void {
    this.#state = "left";
    this.#onLeft.resolve();
  }

  #onParts(parts: readonly Uint8Array[]): void {
    let message: DispatcherMessage;
    try {
      message = parseDispatcherMessage(parts);
    } catch (error) {
      if (!(error instanceof DispatchMessageError)) throw error;
      this.#faults.warn(`mongrel2: ${messageOf(error)}: skipped`);
      return;
    }
    this.#silentIntervals = 0;
    switch (message.kind) {
      case "welcome":
        this.#onWelcome(message);
        break;
      case "ping":
        if (this.#isKnown) this.#send({ kind: "pong", ...this.#load });
        break;
      case "request":
        // What was sent before the dispatcher forgot the handler is another one's by now.
        if (!this.#isKnown) break;
        this.#requests++;
        this.#inFlight++;
        this.#owner.onRequest(message.request, message.payload);
        break;
      case "notice":
        if (this.#isKnown) this.#owner.onNotice(message.payload);
        break;
      case "left":
        if (this.#state === "leaving") this.#becomeLeft();
        break;
      case "who":
        this.#onForgotten();
        break;
      case "closing":
        if (this.#isKnown) this.#owner.onClosing();
        break;
      case "refused":
        this.#onRefused(message.reason);
        break;
    }
  }

  #onWelcome({ version, pingIntervalMs }: DispatcherMessage & { readonly kind: "welcome" }): void {
    if (version !== DISPATCH_VERSION) {
      this.#onRefused(`it speaks version ${version} of the protocol, not ${DISPATCH_VERSION}`);
      return;
    }
    if (this.#state !== "seeking") return;
    this.#state = "up";
    this.#intervalMs = Math.max(pingIntervalMs, MIN_PING_INTERVAL_MS);
    this.#schedule();
    this.#owner.onUp();
  }

  /** The dispatcher does not know the handler: it was silent for too long, or another has its place. */
  #onForgotten(): void {
    // It answers each message that way that was sent before the next HELLO.
    if (!this.#isKnown) return;
    this.#lose("it took this handler for dead");
    if (this.#state === "seeking") this.#sayHello();
  }

  #onRefused(reason: string): void {
    this.#faults.warn(
      `mongrel2: the dispatcher at ${this.endpoint} refuses this handler: ${reason}`,
    );
    this.#lose("it refuses this handler");
    this.#isHelloDue = this.#state === "seeking";
  }
}
