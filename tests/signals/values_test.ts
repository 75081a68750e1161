import { assertEquals, assertThrows } from "../support/assert.ts";
import { SignalLimitError } from "../../src/base/errors.ts";
import { SIGNAL_LIMITS } from "../../src/signals/limits.ts";
import { valueBytes, valueOf } from "../../src/worker/signals/values.ts";

const { maxValueBytes } = SIGNAL_LIMITS;

for (
  const value of [
    undefined,
    null,
    "",
    "text ä €",
    "\ufeffmark",
    "\ud800",
    -0,
    12n,
    [1, , 3],
    { a: { b: [new Date(7), /x/gi, new Map([[1, new Set(["a"])]])] } },
    new Float64Array([1, NaN]),
    JSON.parse('{"__proto__": 1, "toString": 2}'),
  ]
) {
  Deno.test(`the value ${Deno.inspect(value)} is the same after its way`, () => {
    const copy = valueOf(valueBytes(value));
    assertEquals(copy, value);
    assertEquals(Object.is(copy, -0), Object.is(value, -0));
  });
}

Deno.test("errors and circles are cloned", () => {
  const error = valueOf(valueBytes(new RangeError("far"))) as Error;
  assertEquals([error instanceof RangeError, error.message], [true, "far"]);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const copy = valueOf(valueBytes(circle)) as typeof circle;
  assertEquals(copy.self === copy, true);
});

for (const value of [() => 1, Symbol("s"), new WeakMap(), Promise.resolve()]) {
  Deno.test(`${Deno.inspect(value)} cannot be cloned, and that is said`, () => {
    const error = assertThrows(() => valueBytes(value), DOMException);
    assertEquals(error.name, "DataCloneError");
  });
}

Deno.test("a getter that throws costs its value, whatever it throws", () => {
  for (const thrown of [new Error("own"), null, Object.create(null), { message: 1 }]) {
    const value = {
      get x() {
        throw thrown;
      },
    };
    assertEquals(assertThrows(() => valueBytes(value), DOMException).name, "DataCloneError");
  }
});

Deno.test("a value takes as many bytes as it may, and no more", () => {
  const most = "x".repeat(maxValueBytes - 1);
  assertEquals(valueOf(valueBytes(most)), most);
  for (const value of [`${most}x`, new Uint8Array(maxValueBytes), "ä".repeat(maxValueBytes / 2)]) {
    assertThrows(() => valueBytes(value), SignalLimitError);
  }
});

Deno.test("part of a buffer shows nothing else of it", () => {
  const secret = new TextEncoder().encode("public secret");
  const bytes = valueBytes(secret.subarray(0, 6));
  assertEquals(new TextDecoder().decode(valueOf(bytes) as Uint8Array), "public");
});

Deno.test("bytes that are no value are refused", () => {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const all = [[], [0, 1], [2], [3], [2, 255], [2, 255, 15], [2, 255, 15, 92, 255, 255, 255, 15]];
  for (const bytes of all) assertThrows(() => valueOf(Uint8Array.from(bytes)), TypeError);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from([2, 255, 15, ...random(i % 40)]);
    try {
      valueOf(bytes);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
});
