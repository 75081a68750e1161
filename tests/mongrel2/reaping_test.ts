import { ControlError } from "../../src/mongrel2/control.ts";
import { connectionsIn, isUnanswered, limitPassed } from "../../src/mongrel2/reaping.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";

const HEADERS = "id fd type last_ping last_read last_write bytes_read bytes_written".split(" ");
const tableOf = (...rows: string[]) => ({
  headers: HEADERS,
  rows: rows.map((row) => row.split(" ")),
});

/** Rows as a real Mongrel2 1.12.2 has them. */
const ROWS: Record<string, [row: string, ages: [number, number], isUnanswered: boolean]> = {
  "a request that waits for its response": ["3 24 1 40 40 0 31 0", [40, 40], true],
  "a response under way": ["4 25 1 40 40 2 33 189", [40, 2], false],
  "a connection that is kept": ["7 29 1 40 40 35 30 126", [40, 35], false],
  "a JSON socket": ["5 26 2 40 40 0 14 0", [40, 40], false],
  "a WebSocket": ["6 27 3 1 1 7 180 129", [1, 1], false],
  "what is new": ["8 30 9 40 0 0 0 0", [40, 40], false],
};
for (const [what, [row, [requestAgeS, idleS], unanswered]] of Object.entries(ROWS)) {
  Deno.test(`ages are read of ${what}`, () => {
    const [connection] = connectionsIn(tableOf(row));
    assertEquals([connection.requestAgeS, connection.idleS], [requestAgeS, idleS]);
    assertEquals(isUnanswered(connection), unanswered);
  });
}

Deno.test("connections that no handler knows cannot be ended", () => {
  assertEquals(connectionsIn(tableOf("-1 28 0 300 0 0 0 0")), []);
});

Deno.test("columns count by their names, and further ones do not matter", () => {
  const headers = ["new", ...HEADERS.toReversed()];
  const rows = [["x", ..."3 24 1 40 30 20 31 5".split(" ").toReversed()]];
  const [{ id, requestAgeS, idleS, writtenBytes }] = connectionsIn({ headers, rows });
  assertEquals([id, requestAgeS, idleS, writtenBytes], [3, 40, 20, 5]);
});

const LIMITS: [row: string, lifetimeMs: number, idleMs: number, passed: string | null][] = [
  ["3 24 1 60 60 0 31 0", 60_000, 60_000, null],
  ["3 24 1 61 61 0 31 0", 60_000, 60_000, "lifetime"],
  ["3 24 1 61 61 0 31 0", 0, 60_000, "idle time"],
  ["3 24 1 61 61 0 31 0", 60_000, 0, "lifetime"],
  ["3 24 1 61 61 0 31 0", 0, 0, null],
  ["3 24 1 61 61 1 31 9", 0, 30_000, null],
  ["3 24 1 1 1 1 31 9", 1_500, 500, "idle time"],
];
for (const [row, maxLifetimeMs, maxIdleMs, passed] of LIMITS) {
  Deno.test(`of ${row}, ${maxLifetimeMs} and ${maxIdleMs} ms allow ${passed ?? "all"}`, () => {
    const [connection] = connectionsIn(tableOf(row));
    assertEquals(limitPassed(connection, { maxLifetimeMs, maxIdleMs }), passed);
  });
}

const MALFORMED = [
  { headers: [], rows: [] },
  { headers: HEADERS.slice(1), rows: [] },
  tableOf("3 24 1"),
  tableOf("x 24 1 60 60 0 31 0"),
  tableOf("3 24 1 60 60 0 31 1e9"),
];
for (const table of MALFORMED) {
  Deno.test(`${JSON.stringify(table.rows)} of ${table.headers} is no table of connections`, () => {
    assertThrows(() => connectionsIn(table), ControlError);
  });
}
