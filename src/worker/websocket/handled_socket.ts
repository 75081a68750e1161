/**
 * A socket that an app handles with its `websocket`, and that may be handed to another worker.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { lengthOf, SafeSet, uncurried, viewOf } from "../../base/captured.ts";
import { utf8Length } from "../../base/text.ts";
import type { RequestHead } from "../../message/exchange.ts";
import type { KeptExchange, SocketKeeper } from "../../message/kept_sockets.ts";
import {
  MAX_ALL_TOPICS_BYTES,
  MAX_PUBLISHED_BYTES,
  MAX_TOPIC_BYTES,
  MAX_TOPICS,
} from "../../message/kept_sockets.ts";
import { RECORD_HEADER_BYTES } from "../../message/socket_records.ts";
import type { BinaryType, SocketChannel, SocketEvents } from "./channel.ts";
import { OPEN } from "./channel.ts";
import type { AppSocket, SocketBinaryType, WebSocketHandlers } from "./handlers.ts";
import type { OutgoingMessage } from "./messages.ts";
import { borrowedMessage, messageOf } from "./messages.ts";
import { closingOf } from "./server_socket.ts";
import { dataBytes, stateBytes } from "./socket_state.ts";

const {
  ArrayBuffer,
  Blob,
  Promise,
  RangeError,
  SharedArrayBuffer,
  String,
  TypeError,
  Uint8Array,
  queueMicrotask,
} = globalThis;
const { isView } = ArrayBuffer;
const { apply } = Reflect;
const { max } = Math;
const bufferFrom: (bytes: ArrayBuffer) => Uint8Array<ArrayBuffer> = Buffer.from.bind(
  Buffer,
) as never;
const then = uncurried(Promise.prototype.then);
/** Names go over rings as UTF-8, which has no lone surrogates. */
const toWellFormed: (text: string) => string = uncurried(
  String.prototype.toWellFormed,
);

const MAX_PING_BYTES = 125;

/** What a socket is made of. */
export interface HandledSocketOptions {
  /** Where messages come from and go to. */
  readonly channel: SocketChannel;
  /** What is called. */
  readonly handlers: WebSocketHandlers;
  /** The request that opened it. */
  readonly head: RequestHead;
  /** Where messages to topics go. */
  readonly keeper: SocketKeeper;
  /** What the app keeps of it. */
  readonly data: unknown;
  /** What messages of bytes are given as. */
  readonly binaryType: SocketBinaryType;
}

/** Notes the topics that a socket is subscribed to already. */
export let noteTopics: (socket: HandledSocket, topics: readonly string[]) => void;

/** An app's end of a socket. */
export class HandledSocket implements AppSocket {
  static {
    noteTopics = (socket, topics) => {
      for (let i = 0; i < topics.length; i++) socket.#note(topics[i]);
    };
  }

  readonly #channel: SocketChannel;
  readonly #handlers: WebSocketHandlers;
  readonly #head: RequestHead;
  readonly #keeper: SocketKeeper;
  readonly #topics = new SafeSet<string>();
  #topicBytes = 0;
  #data: unknown;
  #binaryType: SocketBinaryType;
  /** Whether the gateway is to be told of the data. */
  #willKeep = false;
  /** Calls of handlers that have not settled. */
  #pending = 0;
  /** Whether the gateway wants the socket. */
  #isReleasing = false;

  /** Makes the end of `channel`. */
  constructor({ channel, handlers, head, keeper, data, binaryType }: HandledSocketOptions) {
    this.#channel = channel;
    this.#handlers = handlers;
    this.#head = head;
    this.#keeper = keeper;
    this.#data = data;
    this.#binaryType = binaryType;
    channel.events = this.#events;
  }

  get data(): unknown {
    return this.#data;
  }

  set data(data: unknown) {
    this.#data = data;
    if (this.#willKeep) return;
    this.#willKeep = true;
    // What is set together is kept once.
    queueMicrotask(() => {
      this.#willKeep = false;
      this.#guard(() => this.#channel.kept?.keep(this.#state()));
    });
  }

  get remoteAddress(): string {
    const { remoteAddr } = this.#head.peer;
    return "hostname" in remoteAddr ? remoteAddr.hostname : "";
  }

  get readyState(): number {
    return this.#channel.readyState;
  }

  get protocol(): string {
    return this.#channel.protocol;
  }

  get binaryType(): SocketBinaryType {
    return this.#binaryType;
  }

  set binaryType(type: SocketBinaryType) {
    if (type !== "nodebuffer" && type !== "arraybuffer" && type !== "uint8array") {
      throw new TypeError(
        `binaryType must be "nodebuffer", "arraybuffer" or "uint8array", but is ${type}`,
      );
    }
    this.#binaryType = type;
  }

  get bufferedAmount(): number {
    return this.#channel.bufferedBytes;
  }

  get subscriptions(): readonly string[] {
    const names: string[] = [];
    this.#topics.forEach((topic) => names[names.length] = topic);
    return names;
  }

  getBufferedAmount(): number {
    return this.#channel.bufferedBytes;
  }

  send(message: OutgoingMessage): number {
    const channel = this.#channel;
    if (channel.readyState !== OPEN) return 0;
    if (message instanceof Blob) {
      channel.send(message);
      return -1;
    }
    // It keeps what it cannot send at once.
    const record = borrowedMessage(bytesOrText(message));
    channel.sendRecord(record);
    return channel.isTaken ? max(1, lengthOf(record) - RECORD_HEADER_BYTES) : -1;
  }

  sendText(message: string): number {
    return this.send(String(message));
  }

  sendBinary(message: ArrayBufferLike | ArrayBufferView): number {
    return this.send(message);
  }

  ping(payload: string | ArrayBufferLike | ArrayBufferView = ""): number {
    const channel = this.#channel;
    const record = messageOf(bytesOrText(payload));
    const length = lengthOf(record) - RECORD_HEADER_BYTES;
    if (length > MAX_PING_BYTES) {
      throw new RangeError(`a ping has ${MAX_PING_BYTES} bytes at the most, and not ${length}`);
    }
    if (channel.readyState !== OPEN) return 0;
    channel.ping(viewOf(record, RECORD_HEADER_BYTES, lengthOf(record)));
    return channel.isTaken ? max(1, length) : -1;
  }

  close(code?: number, reason?: string): void {
    const closing = closingOf(code, reason);
    this.#channel.close(closing.code, closing.reason);
  }

  terminate(): void {
    this.#channel.terminate();
  }

  subscribe(topic: string): void {
    const name = topicOf(topic);
    if (this.#channel.readyState !== OPEN || this.#topics.has(name)) return;
    const bytes = utf8Length(name);
    if (this.#topics.size >= MAX_TOPICS || this.#topicBytes + bytes > MAX_ALL_TOPICS_BYTES) {
      throw new RangeError(
        `a socket has ${MAX_TOPICS} topics at the most, whose names have ${MAX_ALL_TOPICS_BYTES} bytes`,
      );
    }
    this.#note(name);
    this.#channel.kept?.subscribe(name);
  }

  unsubscribe(topic: string): void {
    const name = toWellFormed(`${topic}`);
    if (!this.#topics.delete(name)) return;
    this.#topicBytes -= utf8Length(name);
    this.#channel.kept?.unsubscribe(name);
  }

  isSubscribed(topic: string): boolean {
    return this.#topics.has(toWellFormed(`${topic}`));
  }

  publish(topic: string, message: Exclude<OutgoingMessage, Blob>): number {
    return publishTo(this.#keeper, this.#head.mount, topic, message, this.#channel.kept);
  }

  publishText(topic: string, message: string): number {
    return this.publish(topic, String(message));
  }

  publishBinary(topic: string, message: ArrayBufferLike | ArrayBufferView): number {
    return this.publish(topic, message);
  }

  cork<Result>(callback: (socket: this) => Result): Result {
    return callback(this);
  }

  #note(topic: string): void {
    this.#topics.add(topic);
    this.#topicBytes += utf8Length(topic);
  }

  readonly #events: SocketEvents = {
    onOpen: () => this.#call("open"),
    onMessage: (data) => this.#call("message", typeof data === "string" ? data : this.#bytes(data)),
    // That it is closed is told next.
    onFault() {},
    onClose: (_, code, reason) => {
      this.#call("close", code, reason);
      this.#topics.clear();
    },
    binaryType: (): BinaryType => "arraybuffer",
    onDrained: () => {
      if (this.#channel.readyState === OPEN) this.#call("drain");
      this.#handBackIfQuiet();
    },
    onRelease: () => {
      this.#isReleasing = true;
      this.#handBackIfQuiet();
    },
    onQuiet: () => this.#handBackIfQuiet(),
  };

  #bytes(data: ArrayBuffer | Blob): ArrayBuffer | Uint8Array<ArrayBuffer> {
    const buffer = data as ArrayBuffer;
    if (this.#binaryType === "arraybuffer") return buffer;
    return this.#binaryType === "uint8array" ? new Uint8Array(buffer) : bufferFrom(buffer);
  }

  /** Calls a handler. */
  #call(name: "open" | "message" | "close" | "drain", ...args: unknown[]): void {
    const handler = this.#handlers[name] as unknown;
    if (typeof handler !== "function") return;
    this.#guard(() => {
      const result: unknown = args.length === 0
        ? apply(handler, this.#handlers, [this])
        : apply(handler, this.#handlers, [this, args[0], args[1]]);
      if (!(result instanceof Promise)) return;
      this.#pending++;
      const onSettled = () => {
        this.#pending--;
        this.#handBackIfQuiet();
      };
      then(result, onSettled, (error: unknown) => {
        this.#channel.failWith(error);
        onSettled();
      });
    });
  }

  /** Calls `run`; what it throws costs this socket. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#channel.failWith(error);
    }
  }

  /** Hands the socket back, if the gateway wants it, and nothing is under way. */
  #handBackIfQuiet(): void {
    if (!this.#isReleasing || this.#pending > 0 || !this.#channel.isQuiet) return;
    this.#guard(() => {
      const state = this.#state();
      // Members of the app's data can have sent something.
      if (!this.#isReleasing || this.#pending > 0 || !this.#channel.isQuiet) return;
      this.#isReleasing = false;
      this.#channel.handBack(state);
    });
  }

  /** What another holder is to know. */
  #state(): Uint8Array {
    const { protocol, extensions } = this.#channel;
    const facts = { protocol, extensions, binaryType: this.#binaryType };
    return stateBytes(this.#head, facts, dataBytes(this.#data));
  }
}

/** Sends `message` to those who are subscribed to `topic`, but to `except`; returns its bytes. */
export function publishTo(
  keeper: SocketKeeper,
  mount: number,
  topic: string,
  message: unknown,
  except: KeptExchange | null,
): number {
  const name = topicOf(topic);
  if (message instanceof Blob) {
    throw new TypeError("a Blob cannot be published: read it first, with blob.arrayBuffer()");
  }
  const record = messageOf(bytesOrText(message));
  const length = lengthOf(record) - RECORD_HEADER_BYTES;
  if (length > MAX_PUBLISHED_BYTES) {
    throw new RangeError(
      `a message to a topic has ${MAX_PUBLISHED_BYTES} bytes at the most, and not ${length}`,
    );
  }
  keeper.publish(mount, name, record, except);
  return length;
}

/**
 * The name of a topic.
 *
 * @throws {RangeError} if it is empty or too long
 */
function topicOf(topic: unknown): string {
  const name = toWellFormed(`${topic}`);
  if (name === "" || utf8Length(name) > MAX_TOPIC_BYTES) {
    throw new RangeError(`the name of a topic has 1 to ${MAX_TOPIC_BYTES} bytes in UTF-8`);
  }
  return name;
}

/** Bytes as they are, and the text of anything else. */
function bytesOrText(message: unknown): string | ArrayBufferLike | ArrayBufferView {
  const isBytes = message instanceof ArrayBuffer || message instanceof SharedArrayBuffer ||
    isView(message);
  return isBytes ? message : String(message);
}
