import { assert, assertEquals } from "../../support/assert.ts";
import { hashOf, rendezvous } from "../../../src/dispatch/sticky/rendezvous.ts";
import type { RendezvousHandler } from "../../../src/dispatch/sticky/rendezvous.ts";

const KEYS = 50_000;

interface Named extends RendezvousHandler {
  readonly name: string;
}

function handler(name: string, capacity = 8): Named {
  return { name, nameHash: hashOf(name), capacity };
}

function handlers(count: number): Named[] {
  return Array.from({ length: count }, (_, i) => handler(`host-${i}`));
}

function ownerOf(key: string, among: readonly Named[]): string | undefined {
  return rendezvous(hashOf(key), among)?.name;
}

/** Keys as `--sticky` makes them. */
const keys = Array.from(
  { length: KEYS },
  (_, i) => `34f9ceee-cd52-4b7f-b197-88bf2f0ec378 ${i}`,
);

function ownersOf(among: readonly Named[]): (string | undefined)[] {
  return keys.map((key) => ownerOf(key, among));
}

/** How far a count may be from what is expected of chance: six standard deviations. */
function isNear(count: number, share: number): boolean {
  return Math.abs(count - KEYS * share) < 6 * Math.sqrt(KEYS * share * (1 - share));
}

const vectors: readonly (readonly [string, string])[] = [
  ["", "9e3779b185ebca6b"],
  ["a", "f71a73a75043697c"],
  ["ab", "7b2c80b94a82a8ee"],
  ["ba", "279c1ec4754d2a01"],
  ["\0", "9fce73c3b49d175f"],
  ["\xff", "9147ccbbac1b2cdf"],
  ["34f9ceee-cd52-4b7f-b197-88bf2f0ec378 1", "2509f5e246ff08be"],
];
for (const [text, expected] of vectors) {
  Deno.test(`the hash of ${JSON.stringify(text)} is the same on all machines`, () => {
    const { high, low } = hashOf(text);
    const digits = [high, low].map((word) => word.toString(16).padStart(8, "0"));
    assertEquals(digits.join(""), expected);
  });
}

const CAPACITIES = [4, 4, 8, 16, 4];
const choices: Record<string, [readonly number[], string]> = {
  "capacities that differ": [CAPACITIES, "432213222334312424444225"],
  "the same capacities": [[1, 1, 1, 1, 1], "432211222315312422341225"],
  "capacities in the same proportion": [
    CAPACITIES.map((each) => each * 62_500),
    "432213222334312424444225",
  ],
};
for (const [what, [capacities, expected]] of Object.entries(choices)) {
  Deno.test(`with ${what}, keys have the handlers that all machines find`, () => {
    const all = capacities.map((capacity, i) => handler(`host-${i + 1}`, capacity));
    const owners = Array.from({ length: 24 }, (_, i) => ownerOf(`key ${i}`, all)!.slice(-1));
    assertEquals(owners.join(""), expected);
  });
}

Deno.test("nobody has a key if there are no handlers, and the only one has all", () => {
  assertEquals(ownerOf("key", []), undefined);
  assertEquals(new Set(ownersOf([handler("only")])), new Set(["only"]));
});

Deno.test("the order in which handlers came does not matter", () => {
  const all = handlers(20);
  assertEquals(ownersOf(all), ownersOf(all.toReversed()));
});

for (const count of [2, 6, 30]) {
  Deno.test(`${count} handlers of one capacity have as many keys each`, () => {
    const owners = Map.groupBy(ownersOf(handlers(count)), (owner) => owner);
    assertEquals(owners.size, count);
    for (const [owner, { length }] of owners) {
      assert(isNear(length, 1 / count), `${owner}: ${length}`);
    }
  });

  Deno.test(`a handler beside ${count} others takes its part of the keys, and no other key moves`, () => {
    const before = ownersOf(handlers(count));
    const after = ownersOf(handlers(count + 1));
    const moved = keys.flatMap((_, i) => before[i] === after[i] ? [] : [after[i]]);
    assertEquals(new Set(moved), new Set([`host-${count}`]));
    assert(isNear(moved.length, 1 / (count + 1)), String(moved.length));
  });

  Deno.test(`the keys of one of ${count} handlers that goes spread over the others alone`, () => {
    const all = handlers(count);
    const before = ownersOf(all);
    const after = ownersOf(all.slice(1));
    const moved = keys.flatMap((_, i) => before[i] === after[i] ? [] : [[before[i], after[i]]]);
    assertEquals(new Set(moved.map(([from]) => from)), new Set(["host-0"]));
    assertEquals(new Set(moved.map(([, to]) => to)).size, count - 1);
  });
}

Deno.test("handlers have keys in proportion to their capacities", () => {
  const owners = ownersOf([handler("a", 1), handler("b", 3), handler("c", 12)]);
  for (const [name, share] of [["a", 1 / 16], ["b", 3 / 16], ["c", 12 / 16]] as const) {
    const count = owners.filter((owner) => owner === name).length;
    assert(isNear(count, share), `${name}: ${count}`);
  }
});

Deno.test("a handler whose capacity grows takes keys, and gives none", () => {
  const before = ownersOf([handler("a", 4), handler("b", 4), handler("c", 4)]);
  const after = ownersOf([handler("a", 4), handler("b", 8), handler("c", 4)]);
  const moved = keys.flatMap((_, i) => before[i] === after[i] ? [] : [after[i]]);
  assertEquals(new Set(moved), new Set(["b"]));
  assert(isNear(moved.length, 1 / 2 - 1 / 3), String(moved.length));
});
