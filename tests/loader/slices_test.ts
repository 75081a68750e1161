import { sha256Hex } from "../../src/base/sha256.ts";
import { Slices } from "../../src/base/slices.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";

test("hashes are the same in slices, of what is small and what is large", async () => {
  const slices = new Slices();
  for (const length of [0, 1, 1_000, 1_048_576, 1_048_577, 5_000_000]) {
    const bytes = new Uint8Array(length).fill(length % 251);
    assertEquals(await slices.sha256(bytes), await sha256Hex(bytes));
  }
});

test("others have their turn while much is hashed, and little goes on at once", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const slices = new Slices();
  const bytes = new Uint8Array(1_000_000);
  for (let count = 0; count < 400; count++) await slices.sha256(bytes);
  clearInterval(timer);
  // On the fastest machine, too, these take several times as long as a slice.
  assert(turns >= 3, `${turns} turns`);
});
