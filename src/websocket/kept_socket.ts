/**
 * A WebSocket that outlives the code that it is with. It stands between its endpoint and whoever holds it, and
 * passes on what they say. When its holder goes, it waits, and is handed to another one.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import type { AbortReason, Exchange, ExchangeReceiver, RequestHead } from "../message/exchange.ts";
import type { ResponseHead, UpgradeHead } from "../message/exchange.ts";
import { NOBODY } from "../message/exchange.ts";
import type { MovableSocket, SocketHandover, SocketHolder } from "../message/kept_sockets.ts";
import { CLOSE, recordOf } from "../message/socket_records.ts";
import { MessageBounds } from "./message_bounds.ts";

/** What is published to a socket goes out at once as long as less than this is on its way, in bytes. */
const MAX_SENT_AHEAD_BYTES = 65_536;
/** With more than this waiting of what was published, a client is too slow to follow, in bytes. */
export const MAX_UNSENT_PUBLISHED_BYTES = 1_048_576;
/** What a message that waits takes besides its bytes. */
const RECORD_COST_BYTES = 64;
/** What such a client is told: to try again later (IANA's registry of close codes). */
const TRY_AGAIN_LATER = new Uint8Array([1013 >>> 8, 1013 & 0xff]);
/** So many holders may be lost in a row before they have said anything. */
const MAX_LOSSES = 2;
/** Statuses of an exchange whose handler is gone for good. */
const SERVICE_UNAVAILABLE = 503;
const BAD_GATEWAY = 502;

/** Who a kept socket belongs to. */
export interface KeptSocketOwner {
  /** The socket is subscribed to `topic` from now on. */
  onSubscribed(socket: KeptSocket, topic: string): void;
  /** The socket is not subscribed to `topic` any more. */
  onUnsubscribed(socket: KeptSocket, topic: string): void;
  /** Nobody holds the socket: {@linkcode KeptSocket.handTo} is called for another holder, or it is closed. */
  onFree(socket: KeptSocket): void;
  /** The socket is closed, and its holder knows. */
  onEnded(socket: KeptSocket): void;
}

/** It is with its holder. */
const HELD = 0;
/** Its holder is to hand it back as soon as its client is between two messages. */
const LEAVING = 1;
/** Its holder was asked to hand it back. */
const ASKED = 2;
/** It is with nobody. */
const FREE = 3;
/** It is closed. */
const ENDED = 4;

/** A WebSocket that can be handed from one holder to another. */
export class KeptSocket implements MovableSocket {
  readonly head: RequestHead;
  reportSent = false;
  /** Path prefix of the app that it belongs to. */
  readonly prefix: string;

  readonly #exchange: Exchange;
  readonly #owner: KeptSocketOwner;
  #holder: SocketHolder | null;
  #phase = HELD;
  #state: Uint8Array;
  readonly #topics = new Set<string>();
  /** Bytes that the holder may write. */
  #window: number;
  /** Bytes that holders have written, and there was no credit for. */
  #uncreditedBytes = 0;
  /** Bytes that the holder was given, and has not granted. */
  #ungranted = 0;
  /** What has come from the client, in records, since the holder was asked to go. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Why the connection is gone, if the holder was not told. */
  #abortReason: AbortReason | null = null;
  /** Holders that were lost, one after another, before they said anything. */
  #losses = 0;
  /** Whether its app closes it. */
  #isClosing = false;
  /** Whether a holder was told how the socket is closed: nobody else is to be. */
  #hasToldEnd = false;
  /** Whether the next one is to be. */
  #holdsEnd = false;
  readonly #incoming = new MessageBounds((kind) => {
    if (kind !== CLOSE) return;
    if (this.#phase <= LEAVING) this.#hasToldEnd = true;
    else this.#holdsEnd = true;
  });
  readonly #outgoing = new MessageBounds((kind) => {
    if (kind === CLOSE) this.#isClosing = true;
  });
  /** What was published, and waits: records, which sockets share. */
  readonly #published = new Queue<Uint8Array>();
  #publishedBytes = 0;
  /** Bytes of what was published that are on their way, without credit for them. */
  #aheadBytes = 0;

  /** Takes charge of `exchange`, which is about to be upgraded, for an app at `prefix` and its `holder`. */
  constructor(
    exchange: Exchange,
    holder: SocketHolder,
    state: Uint8Array,
    window: number,
    prefix: string,
    owner: KeptSocketOwner,
  ) {
    this.#exchange = exchange;
    this.head = exchange.head;
    this.prefix = prefix;
    this.#holder = holder;
    this.#state = state;
    this.#window = window;
    this.#owner = owner;
    exchange.receiver = new Inlet(this);
  }

  /** Who is told what the client says: its holder. */
  get receiver(): ExchangeReceiver {
    return this.#holder ?? NOBODY;
  }

  /** Only {@linkcode handTo} gives it another one. */
  set receiver(_: ExchangeReceiver) {
    throw new Error("the receiver of a kept socket is its holder");
  }

  /** What another holder is to know. */
  get handover(): SocketHandover {
    return {
      state: this.#state,
      topics: [...this.#topics],
      window: this.#window,
      isClosing: this.#isClosing,
    };
  }

  // What its holder says.

  get congested(): boolean {
    return this.#exchange.congested;
  }

  grant(bytes: number): void {
    this.#losses = 0;
    this.#ungranted -= bytes;
    this.#exchange.grant(bytes);
  }

  grantData(): void {}

  reportFault(text: string): void {
    this.#exchange.reportFault(text);
  }

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    this.#exchange.respond(head, body);
  }

  inform(): void {}

  upgrade(head: UpgradeHead): void {
    this.#exchange.upgrade(head);
  }

  write(chunk: Uint8Array): void {
    if (this.#phase === ENDED) return;
    this.#losses = 0;
    this.#window -= chunk.length;
    this.#outgoing.push(chunk);
    if (this.#abortReason !== null) {
      this.#creditHolder(chunk.length);
      return;
    }
    this.#uncreditedBytes += chunk.length;
    this.#exchange.write(chunk);
    this.#sendPublished();
  }

  end(): void {
    this.#end();
    this.#exchange.end();
  }

  fail(status: number): void {
    this.#end();
    this.#exchange.fail(status);
  }

  keep(state: Uint8Array): void {
    this.#state = state;
  }

  subscribe(topic: string): void {
    if (this.#phase === ENDED || this.#topics.has(topic)) return;
    this.#topics.add(topic);
    this.#owner.onSubscribed(this, topic);
  }

  unsubscribe(topic: string): void {
    if (this.#topics.delete(topic)) this.#owner.onUnsubscribed(this, topic);
  }

  get mayHandBack(): boolean {
    return this.#phase === ASKED && (this.#outgoing.isBetween || this.#abortReason !== null);
  }

  handBack(state: Uint8Array): void {
    this.#losses = 0;
    this.#state = state;
    this.#free();
  }

  /** Asks the holder for the socket, as soon as its client is between two messages. */
  release(): void {
    if (this.#phase !== HELD || this.#hasToldEnd) return;
    this.#phase = LEAVING;
    this.#askIfAtEnd();
  }

  /** The holder is gone, and has handed nothing back. */
  lose(): void {
    if (this.#phase >= FREE) return;
    const isWhole = this.#incoming.isBetween && this.#outgoing.isBetween;
    // Otherwise part of a message is gone with it.
    const mayGoOn = !this.#hasToldEnd && (isWhole || this.#abortReason !== null);
    // What is known of it may be what its holders die of.
    if (mayGoOn && ++this.#losses <= MAX_LOSSES) this.#free();
    else this.fail(BAD_GATEWAY);
  }

  /** Hands the socket, which nobody holds, to `holder`: it knows what {@linkcode handover} says. */
  handTo(holder: SocketHolder): void {
    this.#phase = HELD;
    this.#holder = holder;
    const held = this.#held;
    const handledBytes = this.#ungranted - this.#heldBytes;
    this.#held = [];
    this.#hasToldEnd ||= this.#holdsEnd;
    this.#ungranted = this.#heldBytes;
    this.#heldBytes = 0;
    for (const record of held) holder.onBody(record);
    if (this.#abortReason !== null) this.#tellAbort(holder, this.#abortReason);
    else this.#exchange.grant(handledBytes);
  }

  /** Closes the socket, which nobody will hold any more. */
  closeFree(): void {
    if (this.#abortReason !== null) this.#end();
    else this.fail(SERVICE_UNAVAILABLE);
  }

  /** Sends `record`, a message that was published. */
  deliver(record: Uint8Array): void {
    if (this.#isClosing || this.#abortReason !== null || this.#phase === ENDED) return;
    const bytes = record.length + RECORD_COST_BYTES;
    if (this.#publishedBytes > 0 && this.#publishedBytes + bytes > MAX_UNSENT_PUBLISHED_BYTES) {
      this.#giveUpSlow();
      return;
    }
    this.#published.push(record);
    this.#publishedBytes += bytes;
    this.#sendPublished();
  }

  #sendPublished(): void {
    while (
      this.#published.length > 0 && this.#outgoing.isBetween && !this.#isClosing &&
      this.#aheadBytes < MAX_SENT_AHEAD_BYTES
    ) {
      const record = this.#published.shift()!;
      this.#publishedBytes -= record.length + RECORD_COST_BYTES;
      this.#aheadBytes += record.length;
      this.#exchange.write(record);
    }
  }

  /** Ends a socket whose client cannot follow: it is to know that it has missed something. */
  #giveUpSlow(): void {
    this.#published.clear();
    this.#publishedBytes = 0;
    if (!this.#outgoing.isBetween) {
      const holder = this.#holder;
      this.fail(BAD_GATEWAY);
      holder?.onAbort("timeout");
      return;
    }
    const record = recordOf(CLOSE, TRY_AGAIN_LATER);
    this.#isClosing = true;
    this.#aheadBytes += record.length;
    this.#exchange.write(record);
  }

  // What its endpoint says, by way of an {@linkcode Inlet}.

  /** Whether nothing can be told to whoever holds it. */
  get isHeldUp(): boolean {
    return this.#phase > LEAVING || this.#isAtEnd || this.receiver.congested;
  }

  /** Takes what the client says, in records. */
  onBody(chunk: Uint8Array): void {
    this.#ungranted += chunk.length;
    this.#incoming.push(chunk);
    if (this.#phase <= LEAVING) {
      this.receiver.onBody(chunk);
      this.#askIfAtEnd();
    } else if (this.#phase < ENDED) {
      // How it is closed, and no message: whoever comes next is to know.
      this.#held.push(chunk.slice());
      this.#heldBytes += chunk.length;
    }
  }

  /** Takes credit for what was sent. */
  onCredit(bytes: number): void {
    // The holder's part comes, too, while much is published.
    const own = Math.min(this.#uncreditedBytes, bytes >>> 1);
    const ahead = Math.min(bytes - own, this.#aheadBytes);
    this.#aheadBytes -= ahead;
    this.#sendPublished();
    this.#creditHolder(bytes - ahead);
  }

  /** Takes word that the connection is gone. */
  onAbort(reason: AbortReason): void {
    if (reason === "client-half-closed") {
      this.receiver.onAbort(reason);
      return;
    }
    this.#forgetTopics();
    this.#abortReason = reason;
    if (this.#phase <= LEAVING) {
      this.#tellAbort(this.#holder, reason);
    } else if (this.#phase === ASKED) {
      // What the holder still writes goes nowhere, and holds nothing up.
      this.#creditHolder(this.#uncreditedBytes);
    }
  }

  #tellAbort(holder: SocketHolder | null, reason: AbortReason): void {
    this.#end();
    holder?.onAbort(reason);
  }

  #creditHolder(bytes: number): void {
    this.#window += bytes;
    this.#uncreditedBytes -= Math.min(bytes, this.#uncreditedBytes);
    if (this.#phase <= ASKED) this.receiver.onCredit(bytes);
  }

  /** Whether no more is to come to the holder, which is to go. */
  get #isAtEnd(): boolean {
    return this.#phase === LEAVING && this.#incoming.isBetween;
  }

  #askIfAtEnd(): void {
    if (!this.#isAtEnd) return;
    this.#phase = ASKED;
    this.#holder?.release();
  }

  #free(): void {
    this.#phase = FREE;
    this.#holder = null;
    this.#owner.onFree(this);
  }

  #end(): void {
    if (this.#phase === ENDED) return;
    this.#phase = ENDED;
    this.#holder = null;
    this.#held = [];
    this.#forgetTopics();
    this.#owner.onEnded(this);
  }

  #forgetTopics(): void {
    for (const topic of this.#topics) this.#owner.onUnsubscribed(this, topic);
    this.#topics.clear();
    this.#published.clear();
    this.#publishedBytes = 0;
  }
}

/** What a kept socket's endpoint speaks to: it is congested in another way than what its holder speaks to. */
class Inlet implements ExchangeReceiver {
  readonly #socket: KeptSocket;

  constructor(socket: KeptSocket) {
    this.#socket = socket;
  }

  get congested(): boolean {
    return this.#socket.isHeldUp;
  }

  onBody(chunk: Uint8Array): void {
    this.#socket.onBody(chunk);
  }

  onCredit(bytes: number): void {
    this.#socket.onCredit(bytes);
  }

  onAbort(reason: AbortReason): void {
    this.#socket.onAbort(reason);
  }

  // A socket has neither chunks nor files, and its end is told in a record.
  onChunk(): void {}
  onEnd(): void {}
  onData(): void {}
  onDataEnd(): void {}
  onSent(): void {}
}
