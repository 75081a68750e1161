import { WaitingList, WaitingPlace } from "../../src/net/waiting_list.ts";
import { assertEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";

/** Who is in the list, checked in both directions. */
function ownersIn(list: WaitingList<string>): string[] {
  const owners: string[] = [];
  let previous: WaitingPlace<string> | null = null;
  for (let place = list.first; place !== null; place = place.next) {
    assertEquals([place.list === list, place.previous === previous], [true, true]);
    owners.push(place.owner);
    previous = place;
  }
  assertEquals(list.last === previous, true);
  return owners;
}

Deno.test("places stand in the order in which they were put in, wherever others leave", () => {
  const list = new WaitingList<string>();
  const [a, b, c] = ["a", "b", "c"].map((name) => new WaitingPlace(name));
  assertEquals(ownersIn(list), []);
  list.add(a, 1);
  list.add(b, 2);
  list.add(c, 3);
  assertEquals(ownersIn(list), ["a", "b", "c"]);
  b.leave();
  assertEquals(ownersIn(list), ["a", "c"]);
  list.add(a, 4);
  assertEquals([ownersIn(list), a.since], [["c", "a"], 4]);
  c.leave();
  c.leave();
  assertEquals(ownersIn(list), ["a"]);
  a.leave();
  assertEquals(ownersIn(list), []);
  list.add(b, 5);
  assertEquals(ownersIn(list), ["b"]);
});

Deno.test("a place is in one list at a time", () => {
  const [idle, awaited] = [new WaitingList<string>(), new WaitingList<string>()];
  const [a, b] = ["a", "b"].map((name) => new WaitingPlace(name));
  idle.add(a, 1);
  idle.add(b, 1);
  awaited.add(a, 2);
  assertEquals([ownersIn(idle), ownersIn(awaited)], [["b"], ["a"]]);
});

Deno.test("a list is what an array would be after any number of moves", () => {
  const random = new Random(7);
  const list = new WaitingList<string>();
  const places = Array.from({ length: 8 }, (_, i) => new WaitingPlace(String(i)));
  let expected: string[] = [];
  for (let now = 0; now < 2_000; now++) {
    const place = random.pick(places);
    expected = expected.filter((owner) => owner !== place.owner);
    if (random.below(3) === 0) {
      place.leave();
    } else {
      list.add(place, now);
      expected.push(place.owner);
    }
    assertEquals(ownersIn(list), expected);
  }
});
