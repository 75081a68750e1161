import { assertEquals } from "../support/assert.ts";
import { ExchangeTable } from "../../src/ring/exchange_table.ts";

const MAX_ID = 0xffff_ffff;

function tableOf(...ids: number[]): ExchangeTable<{ id: number }> {
  const table = new ExchangeTable<{ id: number }>();
  for (const id of ids) table.add({ id });
  return table;
}

Deno.test("what was added is found by its id, and by no other", () => {
  const table = tableOf(1, 2, 64, MAX_ID);
  for (const id of [1, 2, 64, MAX_ID]) assertEquals(table.get(id)?.id, id);
  for (const id of [0, 3, 65, 128, 66, MAX_ID - 1]) assertEquals(table.get(id), undefined);
});

Deno.test("what was deleted is gone, and nothing else is", () => {
  const table = tableOf(1, 2, 3);
  table.delete(2);
  // Nothing has this id, though another's place is meant.
  table.delete(1 + 64);
  assertEquals([1, 2, 3].map((id) => table.get(id)?.id), [1, undefined, 3]);
  assertEquals(table.size, 2);
});

Deno.test("ids that mean the same place are told apart, whatever it takes", () => {
  const ids = [1, 1 + 64, 1 + 4096, 1 + 2 ** 20];
  const table = tableOf(...ids);
  assertEquals(ids.map((id) => table.get(id)?.id), ids);
});

Deno.test("half of the places stay free, so that the next id finds one soon", () => {
  const table = new ExchangeTable<{ id: number }>();
  let next = 1;
  let passedOver = 0;
  for (let count = 0; count < 100_000; count++) {
    while (table.isTaken(next)) {
      next++;
      passedOver++;
    }
    table.add({ id: next++ });
    // Every third one stays for ever, and the others go at once.
    if (count % 3 > 0) table.delete(next - 1);
  }
  assertEquals(table.size, 33_334);
  assertEquals(passedOver < 100_000, true, `${passedOver}`);
});

Deno.test("all are taken out at once", () => {
  const table = tableOf(5, 6, 7_000);
  const all: number[] = [];
  table.clear(({ id }) => all.push(id));
  assertEquals(all.sort((a, b) => a - b), [5, 6, 7_000]);
  assertEquals([table.size, table.get(5)], [0, undefined]);
});

Deno.test("setters that an app puts on arrays' prototype get nothing", () => {
  let count = 0;
  const ids = Array.from({ length: 300 }, (_, i) => i + 1);
  for (const id of [0, ...ids]) {
    Object.defineProperty(Array.prototype, id, {
      configurable: true,
      set: () => void count++,
    });
  }
  let table: ReturnType<typeof tableOf>;
  let found = 0;
  try {
    table = new ExchangeTable<{ id: number }>();
    for (let id = 1; id <= 300; id++) table.add({ id });
    for (let id = 1; id <= 300; id++) if (table.get(id)?.id === id) found++;
  } finally {
    for (let id = 0; id <= 300; id++) delete (Array.prototype as unknown[])[id];
  }
  assertEquals([found, count], [300, 0]);
});
