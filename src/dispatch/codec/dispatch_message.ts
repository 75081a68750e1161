/**
 * What a dispatcher and its handlers say to each other: ZeroMQ messages of one part or two. The first
 * part is a kind (one byte) and that kind's fields, numbers in big-endian order. The second, where there
 * is one, is a message of Mongrel2, or a reply to it, as it is. It does no I/O.
 *
 * A handler says HELLO until the dispatcher says WELCOME, and answers each PING with a PONG. It gets a
 * REQUEST with a number that no other one has had, and sends each REPLY with that number, and DONE when
 * no more will come; or ANSWER, which is both at once, so that nobody comes between them. What concerns a client that it has comes as a NOTICE. After LEAVE the dispatcher
 * sends no more requests, and says LEFT; the handler finishes what it has. A dispatcher that does not
 * know a handler says WHO: what the handler has is another one's by now, and it begins anew. One that is
 * about to end says CLOSING, again and again until it does: WebSockets that are open are to be closed, as their
 * handler's end would have them. Who has said so in a row may be replaced while those behind it stay.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { MAX_CAPACITY, MAX_NAME_BYTES } from "./limits.ts";

export { MAX_CAPACITY, MAX_NAME_BYTES } from "./limits.ts";

/** Version of the protocol that this is. */
export const DISPATCH_VERSION = 1;
/** Bytes of an instance's mark. */
export const INSTANCE_BYTES = 16;
/** Bytes of a refusal's reason at the most. */
const MAX_REASON_BYTES = 1_024;

/** What a handler makes known about itself, whenever it changes. */
export interface HandlerLoad {
  /** Requests that it takes at a time, 1 to {@linkcode MAX_CAPACITY}. */
  readonly capacity: number;
  /** Generation of its apps, which grows with each reload. */
  readonly generation: number;
}

/**
 * What became of a request: the handler has `answered` it, as far as its client wanted the answer; or
 * it was `returned`, untouched, to be given to another one.
 */
export type DispatchOutcome = "answered" | "returned";

/** A message of a handler. */
export type HandlerMessage =
  | (HandlerLoad & {
    readonly kind: "hello";
    /** Version of the protocol that it speaks; the other fields are 0 or empty if it is another one. */
    readonly version: number;
    /** Random bytes that were made when it started, in hexadecimal digits. */
    readonly instance: string;
    /** Its name, which is its own among the dispatcher's handlers. */
    readonly name: string;
  })
  | (HandlerLoad & { readonly kind: "pong" })
  | {
    readonly kind: "reply";
    /** Number of the request that it belongs to. */
    readonly request: number;
    /** The reply, as Mongrel2 takes it. */
    readonly payload: Uint8Array;
  }
  | { readonly kind: "done"; readonly request: number; readonly outcome: DispatchOutcome }
  | {
    /** A reply after which no more will come: the request is answered. */
    readonly kind: "answer";
    readonly request: number;
    readonly payload: Uint8Array;
  }
  | { readonly kind: "leave" };

/** A message of a dispatcher. */
export type DispatcherMessage =
  | {
    readonly kind: "welcome";
    /** Version of the protocol that it speaks. */
    readonly version: number;
    /** Interval of its pings, in milliseconds. */
    readonly pingIntervalMs: number;
  }
  | { readonly kind: "ping" }
  | {
    readonly kind: "request";
    /** Number of the request. */
    readonly request: number;
    /** The request, as Mongrel2 sent it. */
    readonly payload: Uint8Array;
  }
  | { readonly kind: "notice"; readonly payload: Uint8Array }
  | { readonly kind: "left" }
  | { readonly kind: "who" }
  | { readonly kind: "closing" }
  | {
    readonly kind: "refused";
    /** Why, for the handler's log. */
    readonly reason: string;
  };

/** What has come is no message of this protocol. */
export class DispatchMessageError extends Error {
  /** Name of the class. */
  override name = "DispatchMessageError";
}

const HELLO = 1;
const WELCOME = 2;
const PING = 3;
const PONG = 4;
const REQUEST = 5;
const NOTICE = 6;
const REPLY = 7;
const DONE = 8;
const LEAVE = 9;
const LEFT = 10;
const WHO = 11;
const REFUSED = 12;
const ANSWER = 13;
const CLOSING = 14;

const OUTCOMES: readonly DispatchOutcome[] = ["answered", "returned"];
/** Kind, and number of the request. */
const NUMBERED_BYTES = 9;
const TWO_TO_32 = 2 ** 32;
/** The kinds that have a second part. */
const WITH_PAYLOAD: ReadonlySet<number> = new Set([REQUEST, NOTICE, REPLY, ANSWER]);

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const lenientDecoder = new TextDecoder();

/** A handler's message as the parts of a ZeroMQ message. */
export function handlerParts(message: HandlerMessage): Uint8Array[] {
  switch (message.kind) {
    case "hello":
      return [helloHead(message)];
    case "pong":
      return [numbers(PONG, message.capacity, message.generation)];
    case "reply":
      return [numbered(REPLY, message.request), message.payload];
    case "answer":
      return [numbered(ANSWER, message.request), message.payload];
    case "done": {
      const head = new Uint8Array(NUMBERED_BYTES + 1);
      head.set(numbered(DONE, message.request));
      head[NUMBERED_BYTES] = OUTCOMES.indexOf(message.outcome);
      return [head];
    }
    case "leave":
      return [Uint8Array.of(LEAVE)];
  }
}

/** A dispatcher's message as the parts of a ZeroMQ message. */
export function dispatcherParts(message: DispatcherMessage): Uint8Array[] {
  switch (message.kind) {
    case "welcome":
      return [
        Uint8Array.of(WELCOME, message.version, ...numbers(0, message.pingIntervalMs).slice(1)),
      ];
    case "ping":
      return [Uint8Array.of(PING)];
    case "request":
      return [numbered(REQUEST, message.request), message.payload];
    case "notice":
      return [Uint8Array.of(NOTICE), message.payload];
    case "left":
      return [Uint8Array.of(LEFT)];
    case "who":
      return [Uint8Array.of(WHO)];
    case "closing":
      return [Uint8Array.of(CLOSING)];
    case "refused": {
      const reason = encoder.encode(message.reason).subarray(0, MAX_REASON_BYTES);
      return [Uint8Array.of(REFUSED, ...reason)];
    }
  }
}

/**
 * Reads a handler's message from its parts. The payload is a view of the second one.
 *
 * @throws {DispatchMessageError} if it is malformed
 */
export function parseHandlerMessage(parts: readonly Uint8Array[]): HandlerMessage {
  const { kind, head, payload } = opened(parts);
  switch (kind) {
    case HELLO:
      return parseHello(head);
    case PONG:
      expectBytes("PONG", head, 9);
      return { kind: "pong", ...loadAt(head, 1) };
    case REPLY:
      expectBytes("REPLY", head, NUMBERED_BYTES);
      return { kind: "reply", request: requestOf(head), payload };
    case ANSWER:
      expectBytes("ANSWER", head, NUMBERED_BYTES);
      return { kind: "answer", request: requestOf(head), payload };
    case DONE: {
      expectBytes("DONE", head, NUMBERED_BYTES + 1);
      const outcome = OUTCOMES[head[NUMBERED_BYTES]];
      if (outcome === undefined) throw malformed("DONE has an unknown outcome");
      return { kind: "done", request: requestOf(head), outcome };
    }
    case LEAVE:
      expectBytes("LEAVE", head, 1);
      return { kind: "leave" };
  }
  throw malformed(`${kind} is not a kind of message that handlers send`);
}

/**
 * Reads a dispatcher's message from its parts. The payload is a view of the second one.
 *
 * @throws {DispatchMessageError} if it is malformed
 */
export function parseDispatcherMessage(parts: readonly Uint8Array[]): DispatcherMessage {
  const { kind, head, payload } = opened(parts);
  switch (kind) {
    case WELCOME: {
      expectBytes("WELCOME", head, 6);
      const pingIntervalMs = uint32At(head, 2);
      if (pingIntervalMs === 0) throw malformed("WELCOME has no interval");
      return { kind: "welcome", version: head[1], pingIntervalMs };
    }
    case PING:
      expectBytes("PING", head, 1);
      return { kind: "ping" };
    case REQUEST:
      expectBytes("REQUEST", head, NUMBERED_BYTES);
      return { kind: "request", request: requestOf(head), payload };
    case NOTICE:
      expectBytes("NOTICE", head, 1);
      return { kind: "notice", payload };
    case LEFT:
      expectBytes("LEFT", head, 1);
      return { kind: "left" };
    case WHO:
      expectBytes("WHO", head, 1);
      return { kind: "who" };
    case CLOSING:
      expectBytes("CLOSING", head, 1);
      return { kind: "closing" };
    case REFUSED: {
      if (head.length > 1 + MAX_REASON_BYTES) throw malformed("REFUSED is too long");
      return { kind: "refused", reason: lenientDecoder.decode(head.subarray(1)) };
    }
  }
  throw malformed(`${kind} is not a kind of message that dispatchers send`);
}

function opened(
  parts: readonly Uint8Array[],
): { readonly kind: number; readonly head: Uint8Array; readonly payload: Uint8Array } {
  const [first, payload] = parts;
  if (first === undefined || first.length === 0) throw malformed("there is no kind");
  const kind = first[0];
  const expected = WITH_PAYLOAD.has(kind) ? 2 : 1;
  if (parts.length !== expected) {
    throw malformed(`kind ${kind} has ${parts.length} parts instead of ${expected}`);
  }
  return { kind, head: first, payload: payload ?? EMPTY };
}

function helloHead(
  { version, capacity, generation, instance, name }: HandlerMessage & { readonly kind: "hello" },
): Uint8Array {
  const nameBytes = encoder.encode(name);
  const mark = Uint8Array.fromHex(instance);
  if (nameBytes.length === 0 || nameBytes.length > MAX_NAME_BYTES) {
    throw new RangeError(`the name of a handler has 1 to ${MAX_NAME_BYTES} bytes`);
  }
  if (mark.length !== INSTANCE_BYTES) {
    throw new RangeError(`the mark of an instance has ${INSTANCE_BYTES} bytes`);
  }
  const load = numbers(0, capacity, generation).slice(1);
  return Uint8Array.of(HELLO, version, ...load, ...mark, ...nameBytes);
}

function parseHello(head: Uint8Array): HandlerMessage {
  if (head.length < 2) throw malformed("HELLO has no version");
  const version = head[1];
  // What other versions have there is not known.
  if (version !== DISPATCH_VERSION) {
    return { kind: "hello", version, capacity: 0, generation: 0, instance: "", name: "" };
  }
  const nameAt = 10 + INSTANCE_BYTES;
  const nameBytes = head.length - nameAt;
  if (nameBytes < 1 || nameBytes > MAX_NAME_BYTES) {
    throw malformed(`the name in HELLO does not have 1 to ${MAX_NAME_BYTES} bytes`);
  }
  let name: string;
  try {
    name = decoder.decode(head.subarray(nameAt));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw malformed("the name in HELLO is not UTF-8");
  }
  // It is shown in logs and on the status page.
  if (/\p{C}/u.test(name)) throw malformed("the name in HELLO has control characters");
  const instance = head.slice(10, 10 + INSTANCE_BYTES).toHex();
  return { kind: "hello", version, ...loadAt(head, 2), instance, name };
}

function loadAt(head: Uint8Array, at: number): HandlerLoad {
  const capacity = uint32At(head, at);
  if (capacity < 1 || capacity > MAX_CAPACITY) {
    throw malformed(`the capacity ${capacity} is not from 1 to ${MAX_CAPACITY}`);
  }
  return { capacity, generation: uint32At(head, at + 4) };
}

/** A kind, and numbers of four bytes each. */
function numbers(kind: number, ...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(1 + 4 * values.length);
  bytes[0] = kind;
  for (const [i, value] of values.entries()) writeUint32(bytes, 1 + 4 * i, value);
  return bytes;
}

/** A kind, and the number of a request in eight bytes. */
function numbered(kind: number, request: number): Uint8Array {
  const head = new Uint8Array(NUMBERED_BYTES);
  head[0] = kind;
  writeUint32(head, 1, Math.floor(request / TWO_TO_32));
  writeUint32(head, 5, request % TWO_TO_32);
  return head;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
}

function requestOf(head: Uint8Array): number {
  const request = uint32At(head, 1) * TWO_TO_32 + uint32At(head, 5);
  if (!Number.isSafeInteger(request)) throw malformed("the number of a request is too large");
  return request;
}

function expectBytes(name: string, head: Uint8Array, bytes: number): void {
  if (head.length === bytes) return;
  throw malformed(`${name} has ${head.length} bytes instead of ${bytes}`);
}

function malformed(reason: string): DispatchMessageError {
  return new DispatchMessageError(`malformed message between dispatcher and handler: ${reason}`);
}
