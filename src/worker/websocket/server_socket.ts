/**
 * The `WebSocket` of an app whose request was upgraded: what `Deno.upgradeWebSocket()` gives.
 *
 * @module
 */

import { uncurried } from "../../base/captured.ts";
import { utf8Length } from "../../base/text.ts";
import type { BinaryType, SocketChannel, SocketEvents } from "./channel.ts";
import { OPEN } from "./channel.ts";
import type { OutgoingMessage } from "./messages.ts";

const {
  ArrayBuffer,
  Blob,
  CloseEvent,
  DOMException,
  Error,
  ErrorEvent,
  Event,
  EventTarget,
  MessageEvent,
  Promise,
  SharedArrayBuffer,
  String,
  WeakMap,
} = globalThis;
const PlatformSocket = globalThis.WebSocket;
const { defineProperty, setPrototypeOf } = Object;
const { apply } = Reflect;
const prototype = EventTarget.prototype;
const dispatch: (target: EventTarget, event: Event) => boolean = uncurried(prototype.dispatchEvent);
const addListener: (
  target: EventTarget,
  type: string,
  listener: unknown,
  options?: unknown,
) => void = uncurried(prototype.addEventListener) as never;
const removeListener: typeof addListener = uncurried(prototype.removeEventListener) as never;
const getValue: (map: WeakMap<object, unknown>, key: object) => unknown = uncurried(
  WeakMap.prototype.get,
);
const setValue: (map: WeakMap<object, unknown>, key: object, value: unknown) => unknown = uncurried(
  WeakMap.prototype.set,
);
const then = uncurried(Promise.prototype.then);
const { isView } = ArrayBuffer;
const { isInteger } = Number;

const MAX_REASON_BYTES = 123;

type EventType = "open" | "message" | "error" | "close";
type Listener = ((this: unknown, event: Event) => unknown) | { handleEvent(event: Event): unknown };

/** Makes events of what comes over a channel. */
class EventMaker implements SocketEvents {
  /** What messages of bytes are to be. */
  type: BinaryType = "arraybuffer";
  readonly #target: EventTarget;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  onOpen(): void {
    dispatch(this.#target, new Event("open"));
  }

  onMessage(data: string | ArrayBuffer | Blob): void {
    dispatch(this.#target, new MessageEvent("message", { data }));
  }

  onFault(message: string): void {
    dispatch(this.#target, new ErrorEvent("error", { message, error: new Error(message) }));
  }

  onClose(wasClean: boolean, code: number, reason: string): void {
    dispatch(this.#target, new CloseEvent("close", { wasClean, code, reason }));
  }

  binaryType(): BinaryType {
    return this.type;
  }
}

/** Makes the socket at the app's end of `channel`. */
export let makeSocket: (channel: SocketChannel) => WebSocket;

/** A socket that stands at the app's end of a channel. */
class ServerSocket extends EventTarget {
  static {
    makeSocket = (channel) => {
      const socket = new ServerSocket(channel);
      channel.events = socket.#events;
      return socket as unknown as WebSocket;
    };
    for (const type of ["open", "message", "error", "close"] as const) {
      defineProperty(ServerSocket.prototype, `on${type}`, {
        get(this: ServerSocket): Listener | null {
          return this.#handlers[type] ?? null;
        },
        set(this: ServerSocket, handler: unknown) {
          this.#setHandler(type, handler);
        },
        enumerable: true,
        configurable: true,
      });
    }
    // It is one of the platform's sockets to whoever asks, and has its constants.
    delete (ServerSocket.prototype as { constructor?: unknown }).constructor;
    for (
      const name of ["url", "readyState", "extensions", "protocol", "binaryType", "bufferedAmount"]
    ) {
      defineProperty(ServerSocket.prototype, name, { enumerable: true });
    }
    setPrototypeOf(ServerSocket.prototype, PlatformSocket.prototype);
  }

  readonly #channel: SocketChannel;
  /** What the app's attributes, such as `onmessage`, are. */
  readonly #handlers: { [type in EventType]?: Listener | null } = {};
  /** What is registered in the place of listeners; `null` if there are none but the attributes. */
  #guarded: WeakMap<object, unknown> | null = null;
  readonly #events = new EventMaker(this);

  constructor(channel: SocketChannel) {
    super();
    this.#channel = channel;
  }

  /** `""`, as it has no URL at this end. */
  get url(): string {
    return "";
  }

  get readyState(): number {
    return this.#channel.readyState;
  }

  get extensions(): string {
    return this.#channel.extensions;
  }

  get protocol(): string {
    return this.#channel.protocol;
  }

  get bufferedAmount(): number {
    return this.#channel.bufferedBytes;
  }

  get binaryType(): BinaryType {
    return this.#events.type;
  }

  set binaryType(type: BinaryType) {
    // What is none of the two changes nothing (Web IDL 3.3.3).
    if (type === "blob" || type === "arraybuffer") this.#events.type = type;
  }

  override addEventListener(type: string, listener: unknown, options?: unknown): void {
    addListener(this, type, this.#guard(listener), options);
  }

  override removeEventListener(type: string, listener: unknown, options?: unknown): void {
    removeListener(this, type, this.#guard(listener), options);
  }

  send(data: unknown): void {
    if (this.#channel.readyState !== OPEN) {
      throw new DOMException("'readyState' not OPEN", "InvalidStateError");
    }
    const isBytes = data instanceof ArrayBuffer || data instanceof SharedArrayBuffer ||
      isView(data) || data instanceof Blob;
    this.#channel.send((isBytes ? data : String(data)) as OutgoingMessage);
  }

  close(code?: number, reason?: string): void {
    const closing = closingOf(code, reason);
    this.#channel.close(closing.code, closing.reason);
  }

  #setHandler(type: EventType, handler: unknown): void {
    const isListener = typeof handler === "function" ||
      (typeof handler === "object" && handler !== null);
    const before = this.#handlers[type];
    this.#handlers[type] = isListener ? handler as Listener : null;
    // The first one takes its place among the listeners, and later ones have it.
    if (before !== undefined || !isListener) return;
    addListener(this, type, (event: Event) => {
      const current = this.#handlers[type];
      if (typeof current === "function") this.#call(current, event);
    });
  }

  /** What is registered for `listener`: what that throws concerns this socket alone. */
  #guard(listener: unknown): unknown {
    const isListener = typeof listener === "function" ||
      (typeof listener === "object" && listener !== null);
    if (!isListener) return listener;
    const known = this.#guarded ??= new WeakMap();
    let guarded = getValue(known, listener as object);
    if (guarded === undefined) {
      guarded = (event: Event) => this.#call(listener as Listener, event);
      setValue(known, listener as object, guarded);
    }
    return guarded;
  }

  #call(listener: Listener, event: Event): void {
    try {
      const result = typeof listener === "function"
        ? apply(listener, this, [event])
        : listener.handleEvent(event);
      if (!(result instanceof Promise)) return;
      then(result, undefined, (error: unknown) => this.#channel.failWith(error));
    } catch (error) {
      this.#channel.failWith(error);
    }
  }
}

/** How a socket is closed. */
export interface SocketClosing {
  /** The code; none if absent. */
  readonly code: number | undefined;
  /** The reason, `""` for none. */
  readonly reason: string;
}

/**
 * What an app closes a socket with.
 *
 * @throws {DOMException} if no close frame of a server can say it
 */
export function closingOf(code: number | undefined, reason: string | undefined): SocketClosing {
  const words = reason === undefined ? "" : String(reason);
  if (code !== undefined) {
    code = +code;
    if (!isSendable(code)) {
      throw new DOMException(
        `The close code must be from 1000 to 1003, 1007 to 1014 or 3000 to 4999, but is ${code}`,
        "InvalidAccessError",
      );
    }
  }
  if (words !== "" && utf8Length(words) > MAX_REASON_BYTES) {
    throw new DOMException(
      `The close reason must not take more than ${MAX_REASON_BYTES} bytes in UTF-8`,
      "SyntaxError",
    );
  }
  return { code, reason: words };
}

/** Whether a server may close with `code` (RFC 6455 7.4). */
function isSendable(code: number): boolean {
  return isInteger(code) &&
    ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
      (code >= 3000 && code <= 4999));
}
