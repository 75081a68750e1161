import { Outbox } from "../../src/mongrel2/outbox.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";

function drained(outbox: Outbox): Uint8Array[] {
  const replies: Uint8Array[] = [];
  outbox.drain((reply) => replies.push(reply.slice()));
  return replies;
}

Deno.test("replies come out as they went in, in their order, once", () => {
  const outbox = new Outbox();
  outbox.push("a \xff, ", bytesOf("one"));
  outbox.push("", bytesOf("two"));
  outbox.push("b, ", bytesOf(""));
  assert(!outbox.isEmpty);
  assertEquals(drained(outbox), [bytesOf("a \xff, one"), bytesOf("two"), bytesOf("b, ")]);
  assert(outbox.isEmpty);
  assertEquals(drained(outbox), []);
});

Deno.test("a reply of any size is gathered whole, alone if it is large", () => {
  const outbox = new Outbox();
  const sizes = [1, 15_000, 5_000, 40_000];
  const replies = sizes.map((size) => new Uint8Array(size).fill(size));
  for (const reply of replies) {
    assert(outbox.hasRoom(reply.length));
    outbox.push("", reply);
  }
  const large = new Uint8Array(3_000_000).fill(7);
  assert(!outbox.hasRoom(large.length));
  assertEquals(drained(outbox), replies);
  assert(outbox.hasRoom(large.length));
  outbox.push("x", large);
  assert(!outbox.hasRoom(1));
  const [reply] = drained(outbox);
  assertEquals([reply.length, reply[0], reply.at(-1)], [3_000_001, 0x78, 7]);
});

Deno.test("what is cleared does not come out", () => {
  const outbox = new Outbox();
  outbox.push("", bytesOf("old"));
  outbox.clear();
  outbox.push("", bytesOf("new"));
  assertEquals(drained(outbox), [bytesOf("new")]);
});
