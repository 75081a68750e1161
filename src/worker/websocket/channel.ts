/**
 * The app's end of a WebSocket: makes messages of the socket records that come from the gateway, and
 * records of what the app sends.
 *
 * @module
 */

import { bufferOf, copyOf, lengthOf, setBytes, uncurried, viewOf } from "../../base/captured.ts";
import { copyShared } from "../../base/buffers.ts";
import { EMPTY } from "../../base/empty.ts";
import { utf8Text } from "../../base/text.ts";
import type { AbortReason, UpgradeHead } from "../../message/exchange.ts";
import type { KeptExchange } from "../../message/kept_sockets.ts";
import type { SocketRecordTaker } from "../../message/socket_records.ts";
import {
  BINARY,
  CLOSE,
  FAULT,
  OPENED,
  PING,
  RECORD_HEADER_BYTES,
  recordOf,
  SocketRecordReader,
  TEXT,
} from "../../message/socket_records.ts";
import type { OutgoingMessage } from "./messages.ts";
import { borrowedMessage, closeRecord, messageOf } from "./messages.ts";
import type { BodySource, BodyTarget, PushedResponse, UpgradeTaker } from "../response_parts.ts";

/** States of a socket (WebSockets Standard, `readyState`). */
export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

/** How an app wants messages of bytes. */
export type BinaryType = "blob" | "arraybuffer";

/** Who is told what comes over a channel. */
export interface SocketEvents {
  /** The socket is open. */
  onOpen(): void;
  /** A message has come. */
  onMessage(data: string | ArrayBuffer | Blob): void;
  /** The connection has failed. */
  onFault(message: string): void;
  /** The socket is closed. */
  onClose(wasClean: boolean, code: number, reason: string): void;
  /** What messages of bytes are to be. */
  binaryType(): BinaryType;
  /** The gateway has taken all that was sent; only told after it had not. */
  onDrained?(): void;
  /** The gateway wants the socket back, for another worker. */
  onRelease?(): void;
  /** All that there was to be told was told. */
  onQuiet?(): void;
}

const {
  Blob: PlatformBlob,
  Error,
  Promise,
  ReadableStream,
  TypeError,
  Uint8Array,
  queueMicrotask,
} = globalThis;
const readBlob: (blob: Blob) => Promise<ArrayBuffer> = uncurried(
  PlatformBlob.prototype.arrayBuffer,
);
const then = uncurried(Promise.prototype.then) as unknown as <Value>(
  promise: Promise<Value>,
  onResolved: (value: Value) => void,
  onRejected: (reason: unknown) => void,
) => Promise<void>;

/** Code of a close event if there was no closing handshake (RFC 6455 7.1.5). */
const ABNORMAL_CLOSURE = 1006;
/** Code of a close event if the close frame had none. */
const NO_STATUS = 1005;
const MAX_U32 = 0xffff_ffff;
const MAX_SPARE_BYTES = 262_144;

/** What is still to be told, in order: a message, or something else. */
type Delivery = {
  /** What it has used up of the window. */
  readonly bytes: number;
  readonly message: string | Uint8Array<ArrayBuffer> | null;
  readonly tell: ((events: SocketEvents) => void) | null;
  next: Delivery | null;
};

/** Memory that was used for a message in parts, and is free: it costs more than to fill it. */
let spare: Uint8Array<ArrayBuffer> = EMPTY;

/** Memory for the first `bytes` of a message, and more of it. */
function takeMemory(bytes: number): Uint8Array<ArrayBuffer> {
  const taken = spare;
  spare = EMPTY;
  return lengthOf(taken) >= bytes ? taken : new Uint8Array(bytes * 2);
}

/** What a socket is opened with. */
export interface ChannelOptions {
  /** The subprotocol that was chosen, `""` for none. */
  readonly protocol: string;
  /** Silence after which a client is given up, in milliseconds; 0 for any. */
  readonly idleTimeoutMs: number;
  /** What is to be kept of a socket that other workers may be given; absent for others. */
  readonly state?: Uint8Array;
}

/** A WebSocket between the app and the gateway. */
export class SocketChannel implements BodySource, UpgradeTaker, SocketRecordTaker {
  /** Where the socket stands. */
  readyState: number = CONNECTING;
  /** The extensions in use, as `Sec-WebSocket-Extensions` names them. */
  extensions = "";
  /** The subprotocol, `""` for none. */
  readonly protocol: string;
  /** Who is told. */
  events!: SocketEvents;
  /** Bytes of messages that the gateway has not taken. */
  bufferedBytes = 0;
  /** Whether all was taken that was sent. */
  #hasRoom = true;

  readonly #idleTimeoutMs: number;
  #state: Uint8Array | undefined;
  readonly #reader = new SocketRecordReader();
  #target: BodyTarget | null = null;
  /** The message that is coming in parts: its first bytes. */
  #parts: Uint8Array<ArrayBuffer> = EMPTY;
  #partBytes = 0;
  #first: Delivery | null = null;
  #last: Delivery | null = null;
  #isTelling = false;
  /** Whether the end is told, or about to be. */
  #isEnding = false;
  /** A close record that waits for the socket to be open. */
  #early: Uint8Array | null = null;
  /** Blobs that are being read; what is sent after them waits. */
  #reading: Promise<void> | null = null;

  /** Makes a channel. */
  constructor({ protocol, idleTimeoutMs, state }: ChannelOptions) {
    this.protocol = protocol;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#state = state;
  }

  pushTo(target: BodyTarget, { fieldLines }: PushedResponse): void {
    if (this.#target !== null) {
      throw new TypeError("the response to one upgraded request was returned for another one, too");
    }
    if (this.#isEnding) {
      target.failWith(new Error("the socket has failed before its response was returned"));
      return;
    }
    this.#target = target;
    const head: UpgradeHead = {
      kind: "websocket",
      protocol: "websocket",
      fieldLines,
      idleTimeoutMs: this.#idleTimeoutMs > MAX_U32 ? MAX_U32 : this.#idleTimeoutMs,
      state: this.#state,
    };
    this.#state = undefined;
    if (!target.upgrade(head, this, this)) this.onClosed("client-gone");
  }

  /** Goes on with a socket that was opened elsewhere, to `target`. */
  adopt(target: BodyTarget, readyState: number): void {
    this.#target = target;
    this.readyState = readyState;
  }

  /** What it speaks to, if other workers may be given the socket. */
  get kept(): KeptExchange | null {
    return this.#target?.kept ?? null;
  }

  /** Whether all is told that has come, and all is taken that was sent. */
  get isQuiet(): boolean {
    return !this.#isTelling && this.#partBytes === 0 && this.isTaken;
  }

  /** Hands the socket back to the gateway, for another worker, with what that is to know. */
  handBack(state: Uint8Array): void {
    const target = this.#target;
    this.#target = null;
    this.#isEnding = true;
    this.readyState = CLOSED;
    target?.handBack(state);
  }

  /** Sends a ping. */
  ping(payload: Uint8Array): void {
    if (this.readyState === OPEN) this.#push(recordOf(PING, payload));
  }

  onRelease(): void {
    this.events.onRelease?.();
  }

  /** Nobody can read a socket as a body. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({ start: (controller) => controller.close() });
  }

  onRoom(): void {
    const wasFull = !this.#hasRoom;
    this.#hasRoom = true;
    this.bufferedBytes = 0;
    if (wasFull) this.events.onDrained?.();
  }

  onDone(): void {}

  onBytes(chunk: Uint8Array): void {
    this.#reader.push(chunk, this);
  }

  /** A client that goes has said so in a record, or its connection is lost. */
  onBytesEnd(): void {}

  /** Sends a message. */
  send(data: OutgoingMessage): void {
    if (this.#reading !== null || data instanceof PlatformBlob) {
      this.#sendLater(data instanceof PlatformBlob ? data : messageOf(data));
      return;
    }
    this.#push(borrowedMessage(data));
  }

  /** Sends a message that is a record already, which is borrowed. */
  sendRecord(record: Uint8Array): void {
    if (this.#reading !== null) this.#sendLater(copyOf(record, 0, lengthOf(record)));
    else this.#push(record);
  }

  /** Whether all that was sent was taken. */
  get isTaken(): boolean {
    return this.#hasRoom && this.#reading === null;
  }

  /** Begins to close the socket, unless it is closing already. */
  close(code: number | undefined, reason: string): void {
    if (this.readyState >= CLOSING) return;
    const isConnecting = this.readyState === CONNECTING;
    this.readyState = CLOSING;
    const record = closeRecord(code, reason);
    if (this.#reading !== null) this.#sendLater(record);
    else if (isConnecting) this.#early = record;
    else this.#push(record);
  }

  /** Breaks the connection off, whatever is on its way. */
  terminate(): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSING;
    this.#target?.cut();
    if (!this.#isEnding) this.#end(false, ABNORMAL_CLOSURE, "");
  }

  /** Gives the socket up, since the app has thrown `error`. */
  failWith(error: unknown): void {
    this.#target?.failWith(error);
    if (!this.#isEnding) this.#end(false, ABNORMAL_CLOSURE, "");
  }

  onClosed(reason: AbortReason): boolean {
    if (this.#isEnding) return true;
    this.#tell((events) => {
      this.readyState = CLOSED;
      events.onFault(faultOf(reason));
    });
    this.#end(false, ABNORMAL_CLOSURE, "");
    return false;
  }

  onPart(kind: typeof TEXT | typeof BINARY, part: Uint8Array, isLast: boolean): void {
    const bytes = lengthOf(part);
    if (!isLast) {
      this.#keepPart(part);
      // The rest could not come without room.
      this.#grant(bytes + RECORD_HEADER_BYTES);
      return;
    }
    let whole = part;
    if (this.#partBytes > 0) {
      this.#keepPart(part);
      whole = viewOf(this.#parts, 0, this.#partBytes);
    }
    const message = kind === TEXT ? utf8Text(whole) : copyOf(whole, 0, lengthOf(whole));
    if (this.#partBytes > 0) this.#dropParts();
    this.#deliver(bytes + RECORD_HEADER_BYTES, message, null);
  }

  onRecord(kind: number, payload: Uint8Array): void {
    this.#grant(RECORD_HEADER_BYTES + lengthOf(payload));
    if (kind === OPENED) {
      this.#tell((events) => this.#onOpened(events, utf8Text(payload)));
    } else if (kind === FAULT) {
      const message = utf8Text(payload);
      this.#tell((events) => {
        this.readyState = CLOSED;
        events.onFault(message);
      });
    } else if (kind === CLOSE) {
      const length = lengthOf(payload);
      const code = length < 3 ? NO_STATUS : payload[1] * 256 + payload[2];
      const reason = length <= 3 ? "" : utf8Text(viewOf(payload, 3, length));
      this.#end(payload[0] === 1, code, reason);
    }
  }

  #onOpened(events: SocketEvents, extensions: string): void {
    this.extensions = extensions;
    if (this.readyState === CONNECTING) {
      this.readyState = OPEN;
      events.onOpen();
    } else if (this.#early !== null) {
      this.#push(this.#early);
    }
  }

  #keepPart(part: Uint8Array): void {
    const before = this.#partBytes;
    const bytes = this.#partBytes += lengthOf(part);
    if (bytes > lengthOf(this.#parts)) {
      const larger = takeMemory(bytes);
      setBytes(larger, viewOf(this.#parts, 0, before), 0);
      this.#parts = larger;
    }
    copyShared(this.#parts, before, part, 0, lengthOf(part), "source");
  }

  #dropParts(): void {
    if (lengthOf(this.#parts) <= MAX_SPARE_BYTES) spare = this.#parts;
    this.#parts = EMPTY;
    this.#partBytes = 0;
  }

  /** The socket is closed once what came before was told. */
  #end(wasClean: boolean, code: number, reason: string): void {
    this.#isEnding = true;
    this.#tell((events) => {
      // Whatever the app has sent until now comes before the last word to the client.
      this.#target?.push(recordOf(CLOSE, EMPTY));
      this.readyState = CLOSED;
      events.onClose(wasClean, code, reason);
    });
  }

  /** Has something told in its turn. */
  #tell(tell: (events: SocketEvents) => void): void {
    this.#deliver(0, null, tell);
  }

  /** Has a message, or something else, told in its turn; `bytes` are granted then. */
  #deliver(bytes: number, message: Delivery["message"], tell: Delivery["tell"]): void {
    const delivery: Delivery = { bytes, message, tell, next: null };
    if (this.#last === null) this.#first = delivery;
    else this.#last.next = delivery;
    this.#last = delivery;
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(this.#tellNext);
  }

  /** Tells one thing at a time: what an app does upon one is to go on before the next. */
  readonly #tellNext = (): void => {
    const { bytes, message, tell, next } = this.#first!;
    this.#first = next;
    if (next === null) this.#last = null;
    if (message === null) tell!(this.events);
    else if (this.readyState === OPEN) this.#tellMessage(message);
    if (bytes > 0) this.#grant(bytes);
    if (this.#first !== null) {
      queueMicrotask(this.#tellNext);
      return;
    }
    this.#isTelling = false;
    this.events.onQuiet?.();
  };

  #tellMessage(message: string | Uint8Array<ArrayBuffer>): void {
    const { events } = this;
    if (typeof message === "string") events.onMessage(message);
    else if (events.binaryType() === "blob") events.onMessage(new PlatformBlob([message]));
    else events.onMessage(bufferOf(message) as ArrayBuffer);
  }

  #grant(bytes: number): void {
    if (!this.#isEnding) this.#target?.grant(bytes);
  }

  #push(record: Uint8Array): void {
    if (this.#target === null) return;
    if (this.#target.push(record)) return;
    this.#hasRoom = false;
    this.bufferedBytes += lengthOf(record) - RECORD_HEADER_BYTES;
  }

  /** Sends what has to wait for blobs that are being read, or is one. */
  #sendLater(data: Uint8Array | Blob): void {
    const before = this.#reading;
    const send = (): void | Promise<void> => {
      if (!(data instanceof PlatformBlob)) return this.#push(data);
      return then(
        readBlob(data),
        (buffer) => this.#push(messageOf(buffer)),
        (error) => this.failWith(error),
      );
    };
    const reading = this.#reading = then(
      before ?? new Promise<void>((resolve) => resolve()),
      send as () => void,
      ignore,
    );
    then(reading, () => {
      if (this.#reading !== reading) return;
      this.#reading = null;
      this.events.onQuiet?.();
    }, ignore);
  }
}

function faultOf(reason: AbortReason): string {
  switch (reason) {
    case "timeout":
      return "The client has taken nothing for too long";
    case "shutdown":
      return "The gateway is shutting down";
    case "bad-request":
      return "The request is not a WebSocket handshake";
    case "invalid-response":
      return "The request could not be upgraded";
    default:
      return "The connection was lost";
  }
}

function ignore(): void {}
