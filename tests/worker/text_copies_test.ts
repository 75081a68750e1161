import { assert, assertEquals, assertStrictEquals } from "../support/assert.ts";
import { AppTask } from "../../src/worker/task.ts";
import { IDLE_OWNER } from "../support/task_owner.ts";
import { releaseText, useText } from "../../src/worker/text_copies.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";

const MIB = 1_048_576;

/** A text that no other test knows. */
function textOf(name: string, length = 100_000): string {
  return `${name} é`.padEnd(length, "ä€x");
}

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("a large text is encoded once when it comes twice in a row", () => {
  const text = textOf("once");
  assertEquals(useText(0, text), null);
  const known = useText(0, text)!;
  assertEquals(known.bytes, encode(text));
  // Another string with the same content is the same text.
  const again = useText(0, `${text}!`.slice(0, -1))!;
  assertStrictEquals(again.bytes, known.bytes);
  releaseText(known);
  assertStrictEquals(useText(0, text)!.bytes, known.bytes);
  releaseText(known);
  releaseText(known);
});

Deno.test("texts that differ, and those of other apps, are not taken for each other", () => {
  const text = textOf("one");
  const other = `${text.slice(0, -1)}?`;
  useText(0, text);
  assertEquals(useText(0, other), null);
  assertEquals(useText(0, text), null);
  assertEquals(useText(1, text), null);
  assertEquals(useText(0, text), null);
});

Deno.test("texts that are in use are of a few MiB in all, and none is very large", () => {
  const huge = "x".repeat(5 * MIB);
  useText(0, huge);
  assertEquals(useText(0, huge), null);
  const used = [];
  for (let i = 0; i < 100; i++) {
    const text = textOf(`use ${i}`).slice(0, 10).padEnd(MIB, "x");
    useText(0, text);
    const known = useText(0, text);
    if (known !== null) used.push(known);
  }
  const bytes = used.reduce((sum, known) => sum + known.bytes.length, 0);
  assert(bytes > 4 * MIB && bytes <= 8 * MIB, `${bytes} bytes are in use`);
  for (const known of used) releaseText(known);
  const text = "y".repeat(MIB);
  useText(0, text);
  releaseText(useText(0, text)!);
});

/** Ends of a response, all of which give back what it used. */
const ends: Record<string, (exchange: CheckedExchange) => void> = {
  "it was sent": (exchange) => exchange.giveCredit(4 * MIB),
  "its client has gone": (exchange) => exchange.receiver.onAbort("client-gone"),
};
for (const [name, end] of Object.entries(ends)) {
  Deno.test(`a text is no longer in use when ${name}`, async () => {
    for (let i = 0; i < 30; i++) {
      const text = `${name} ${i >> 1}`.padEnd(MIB, "z");
      const exchange = new CheckedExchange(headOf("/"));
      new AppTask(exchange, IDLE_OWNER).respondPlain({ status: 200, fieldLines: "", body: text });
      end(exchange);
      await new Promise((resolve) => setTimeout(resolve));
    }
    const text = `${name} after that`.padEnd(4 * MIB, "z");
    useText(0, text);
    releaseText(useText(0, text)!);
  });
}
