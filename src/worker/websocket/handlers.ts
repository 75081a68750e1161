/**
 * The `websocket` of an app, which stands beside its `fetch`: what is called with what comes over its sockets.
 * Such sockets outlive the code: a reload hands them to the new one.
 *
 * @module
 */

import type { OutgoingMessage } from "./messages.ts";

/** What messages of bytes are given as. */
export type SocketBinaryType = "nodebuffer" | "arraybuffer" | "uint8array";

/** A socket as the handlers of an app get it. */
export interface AppSocket<Data = unknown> {
  /**
   * What the app keeps of the socket: what `context.upgrade()` was given, or was set since. It goes along when the
   * socket is handed to other code. If a worker dies, what was given or set last is known, and not what was
   * changed within it since.
   */
  data: Data;
  /** The client's address, as `context.remoteAddr` has it; `""` if it has none. */
  readonly remoteAddress: string;
  /** Where it stands, as of a `WebSocket`: 1 open, 2 closing, 3 closed, or handed to other code. */
  readonly readyState: number;
  /** The subprotocol, `""` for none. */
  readonly protocol: string;
  /** What messages of bytes are given as. Default: `"nodebuffer"`. */
  binaryType: SocketBinaryType;
  /** Bytes that were sent, and wait for the client to read. */
  readonly bufferedAmount: number;
  /** Names of the topics that the socket is subscribed to. */
  readonly subscriptions: readonly string[];
  /** The same as {@linkcode AppSocket.bufferedAmount}. */
  getBufferedAmount(): number;
  /**
   * Sends a message. Returns its bytes (1 for an empty one), -1 if it waits for the client to read (`drain` is
   * called when all is on its way), or 0 if the socket is not open: then it is not sent.
   */
  send(message: OutgoingMessage): number;
  /** The same, for text. */
  sendText(message: string): number;
  /** The same, for bytes. */
  sendBinary(message: ArrayBufferLike | ArrayBufferView): number;
  /** Sends a ping with up to 125 bytes. Returns as {@linkcode AppSocket.send} does. */
  ping(payload?: string | ArrayBufferLike | ArrayBufferView): number;
  /** Begins to close the socket, with a code as of `WebSocket.close()`, and a reason of up to 123 bytes. */
  close(code?: number, reason?: string): void;
  /** Breaks the connection off at once, without a closing handshake: `close` is called with 1006. */
  terminate(): void;
  /**
   * Has the socket sent what is published to `topic`, from now on. A socket can have 1,024 topics, with names of
   * up to 256 bytes in UTF-8.
   *
   * @throws {RangeError} if there are more, or the name is longer, or empty
   */
  subscribe(topic: string): void;
  /** Ends a subscription. */
  unsubscribe(topic: string): void;
  /** Whether the socket is subscribed to `topic`. */
  isSubscribed(topic: string): boolean;
  /**
   * Sends `message` to all other sockets of the app that are subscribed to `topic`, in all workers and processes.
   * Returns its bytes, of which there can be 1 MiB.
   *
   * @throws {RangeError} if there are more
   */
  publish(topic: string, message: Exclude<OutgoingMessage, Blob>): number;
  /** The same, for text. */
  publishText(topic: string, message: string): number;
  /** The same, for bytes. */
  publishBinary(topic: string, message: ArrayBufferLike | ArrayBufferView): number;
  /** Calls `callback` with the socket: what is sent in one turn goes out together anyway. */
  cork<Result>(callback: (socket: AppSocket<Data>) => Result): Result;
}

/** What an app does with its sockets. What a handler returns or rejects is waited for before a reload. */
// deno-lint-ignore no-explicit-any
export interface WebSocketHandlers<Data = any> {
  /** A socket is open. Not called again when it is handed to other code. */
  open?(socket: AppSocket<Data>): void | Promise<void>;
  /** A message has come: text, or bytes as {@linkcode AppSocket.binaryType} says. */
  message?(
    socket: AppSocket<Data>,
    message: string | ArrayBuffer | Uint8Array<ArrayBuffer>,
  ): void | Promise<void>;
  /** The socket is closed, with the client's code and reason. 1006: it was lost. */
  close?(socket: AppSocket<Data>, code: number, reason: string): void | Promise<void>;
  /** What had to wait for the client to read is on its way. */
  drain?(socket: AppSocket<Data>): void | Promise<void>;
  /** Silence in seconds after which a client is given up; it is asked after half of it. 0 for any. Default: 30. */
  readonly idleTimeout?: number;
}

/** How `context.upgrade()` opens a socket. */
export interface UpgradeOptions {
  /** What the app keeps of it, as `structuredClone()` has it, without Blobs, up to 64 KiB. */
  readonly data?: unknown;
  /** One of the subprotocols that the client offers. */
  readonly protocol?: string;
  /** Further fields of the response. */
  readonly headers?: HeadersInit;
}

/** Names of the members that are called. */
export const HANDLER_NAMES: readonly ["open", "message", "close", "drain"] = [
  "open",
  "message",
  "close",
  "drain",
];
