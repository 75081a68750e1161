import { assertEquals, assertThrows } from "../support/assert.ts";
import {
  DISPATCH_VERSION,
  dispatcherParts,
  DispatchMessageError,
  handlerParts,
  MAX_CAPACITY,
  MAX_NAME_BYTES,
  parseDispatcherMessage,
  parseHandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import type {
  DispatcherMessage,
  HandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";

const payload = new TextEncoder().encode("sender 7 / 2:{},0:,");
const instance = "000102030405060708090a0b0c0d0eff";
const hello = {
  kind: "hello",
  version: DISPATCH_VERSION,
  capacity: MAX_CAPACITY,
  generation: 2 ** 32 - 1,
  instance,
  name: "röck-1",
} as const;

const HANDLER_MESSAGES: readonly HandlerMessage[] = [
  hello,
  { ...hello, capacity: 1, generation: 0, name: "x".repeat(MAX_NAME_BYTES) },
  { kind: "pong", capacity: 64, generation: 3 },
  { kind: "reply", request: Number.MAX_SAFE_INTEGER, payload },
  { kind: "reply", request: 0, payload: new Uint8Array() },
  { kind: "answer", request: 2 ** 33 + 1, payload },
  { kind: "done", request: 2 ** 32, outcome: "answered" },
  { kind: "done", request: 2 ** 32 - 1, outcome: "returned" },
  { kind: "leave" },
];

const DISPATCHER_MESSAGES: readonly DispatcherMessage[] = [
  { kind: "welcome", version: DISPATCH_VERSION, pingIntervalMs: 1_000 },
  { kind: "ping" },
  { kind: "request", request: 2 ** 40 + 5, payload },
  { kind: "notice", payload },
  { kind: "left" },
  { kind: "who" },
  { kind: "closing" },
  { kind: "refused", reason: "there are 1,000 handlers already" },
];

Deno.test("what a handler says is read as it was meant", () => {
  for (const message of HANDLER_MESSAGES) {
    assertEquals(parseHandlerMessage(handlerParts(message)), message);
  }
});

Deno.test("what a dispatcher says is read as it was meant", () => {
  for (const message of DISPATCHER_MESSAGES) {
    assertEquals(parseDispatcherMessage(dispatcherParts(message)), message);
  }
});

Deno.test("a message of the other side is refused", () => {
  for (const message of HANDLER_MESSAGES) {
    assertThrows(() => parseDispatcherMessage(handlerParts(message)), DispatchMessageError);
  }
  for (const message of DISPATCHER_MESSAGES) {
    assertThrows(() => parseHandlerMessage(dispatcherParts(message)), DispatchMessageError);
  }
});

Deno.test("a message that was cut short, or goes on, is refused", () => {
  const check = (parts: Uint8Array[], parse: (parts: Uint8Array[]) => unknown) => {
    const [head, ...rest] = parts;
    for (let bytes = 0; bytes < head.length; bytes++) {
      assertThrows(() => parse([head.subarray(0, bytes), ...rest]), DispatchMessageError);
    }
    const longer = new Uint8Array(head.length + 1);
    longer.set(head);
    assertThrows(() => parse([longer, ...rest]), DispatchMessageError);
    assertThrows(() => parse([...parts, payload]), DispatchMessageError);
    if (rest.length > 0) assertThrows(() => parse([head]), DispatchMessageError);
  };
  for (const message of HANDLER_MESSAGES) {
    // A name has no length of its own.
    if (message.kind !== "hello") check(handlerParts(message), parseHandlerMessage);
  }
  for (const message of DISPATCHER_MESSAGES) {
    if (message.kind !== "refused") check(dispatcherParts(message), parseDispatcherMessage);
  }
  assertThrows(() => parseHandlerMessage([]), DispatchMessageError);
  const [head] = handlerParts({ ...hello, name: "x" });
  for (let bytes = 0; bytes < head.length; bytes++) {
    assertThrows(() => parseHandlerMessage([head.subarray(0, bytes)]), DispatchMessageError);
  }
});

Deno.test("fields that nobody may send are refused", () => {
  const [helloHead] = handlerParts(hello);
  const changed = (head: Uint8Array, at: number, ...values: number[]) => {
    const copy = head.slice();
    copy.set(values, at);
    return [copy];
  };
  const [pong] = handlerParts({ kind: "pong", capacity: 1, generation: 1 });
  const [done] = handlerParts({ kind: "done", request: 1, outcome: "answered" });
  const [welcome] = dispatcherParts(DISPATCHER_MESSAGES[0]);
  const malformed: Record<string, Uint8Array[]> = {
    "a capacity of 0": changed(pong, 1, 0, 0, 0, 0),
    "a capacity beyond the largest": changed(pong, 1, 255, 255, 255, 255),
    "a request's number that is not exact": changed(done, 1, 255, 255),
    "an outcome that there is not": changed(done, 9, 2),
    "a name that is not UTF-8": changed(helloHead, helloHead.length - 1, 0xff),
    "a name that ends a line": changed(helloHead, helloHead.length - 1, 10),
    "a name that is too long": [new Uint8Array([...helloHead, ...new Uint8Array(250).fill(65)])],
    "a kind that there is not": [Uint8Array.of(99)],
  };
  const accepted = Object.keys(malformed).filter((what) => {
    try {
      parseHandlerMessage(malformed[what]);
      return true;
    } catch (error) {
      return !(error instanceof DispatchMessageError);
    }
  });
  assertEquals(accepted, []);
  assertThrows(() => parseDispatcherMessage(changed(welcome, 2, 0, 0, 0, 0)), DispatchMessageError);
});

Deno.test("a HELLO of another version is known by its version, whatever follows", () => {
  for (const head of [[1, 2], [1, 0, 1, 2, 3], [1, 255, ...new Array(400).fill(7)]]) {
    const message = parseHandlerMessage([Uint8Array.from(head)]);
    assertEquals(message.kind === "hello" && message.version, head[1]);
  }
});

Deno.test("a handler cannot have no name, or one that is too long", () => {
  for (const name of ["", "ä".repeat(128)]) {
    assertThrows(() => handlerParts({ ...hello, name }), RangeError);
  }
  assertThrows(() => handlerParts({ ...hello, instance: "00" }), RangeError);
});
