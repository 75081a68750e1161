/** That what other servers could do has an answer in docs/migration: each of their capabilities has a number. */

import { assert, assertEquals } from "../support/assert.ts";
import { readPage } from "../../scripts/docs/pages.ts";

/** The servers' pages, with the letters of their numbers and how many there are. */
const PAGES = [
  ["m2wsgi", "M2", 61],
  ["asynwsgi", "AS", 15],
  ["spawning", "SP", 49],
  ["gevent-fastcgi", "GF", 53],
  ["cogen", "CG", 47],
] as const;

/** What is left to later versions. Whoever builds it changes the answer, and takes it from here. */
const LATER: readonly string[] = [];

interface Row {
  readonly place: string;
  readonly numbers: readonly string[];
  readonly cells: readonly string[];
}

function numberOf(letters: string, index: number): string {
  return `${letters}-${String(index).padStart(2, "0")}`;
}

/** The numbers that a cell has: `M2-01, M2-03 to M2-05`. */
function numbersIn(cell: string): string[] {
  return cell === "" ? [] : cell.split(", ").flatMap((part) => {
    const [, letters, first, last = first] =
      /^([A-Z][A-Z\d])-(\d\d)(?: to \1-(\d\d))?$/.exec(part) ?? [];
    assert(letters !== undefined, `not a number: ${part}`);
    const count = Number(last) - Number(first) + 1;
    return Array.from({ length: count }, (_, index) => numberOf(letters, Number(first) + index));
  });
}

/** The rows of a page's tables, without their heads. */
function rowsOf(page: string): Row[] {
  return readPage(`docs/migration/${page}.md`).split("\n").flatMap((line, index) => {
    if (!line.startsWith("|") || /^\| (?:row\b|-)/.test(line)) return [];
    const [first, ...cells] = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
    return [{ place: `${page}.md:${index + 1}`, numbers: numbersIn(first), cells }];
  });
}

Deno.test("there are 225 capabilities of other servers, and each has its row", () => {
  assertEquals(PAGES.reduce((sum, [, , count]) => sum + count, 0), 225);
  for (const [page, letters, count] of PAGES) {
    const expected = Array.from({ length: count }, (_, index) => numberOf(letters, index + 1));
    const found = new Set(rowsOf(page).flatMap(({ numbers }) => numbers));
    assertEquals([...found].sort(), expected, page);
  }
});

Deno.test("each row has an answer, and the tests that it names exist", () => {
  for (const { place, cells } of PAGES.flatMap(([page]) => rowsOf(page))) {
    const [what, answer, tests = ""] = cells;
    assert(what !== "" && answer.length > 2, place);
    for (const test of tests.split(", ").filter((name) => name.startsWith("tests/"))) {
      const path = new URL(`../../${test}`, import.meta.url);
      assert(Deno.statSync(path).isFile || Deno.statSync(path).isDirectory, `${place}: ${test}`);
    }
  }
});

Deno.test("what is left to later versions is answered so, and nothing else", () => {
  const later = PAGES.flatMap(([page]) => rowsOf(page))
    .filter(({ cells }) => cells[1].startsWith("not yet"))
    .flatMap(({ numbers }) => numbers);
  assertEquals(later.sort(), LATER);
});
