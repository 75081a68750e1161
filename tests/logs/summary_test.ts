/** Summaries of access logs. */
import { ConfigError } from "../../src/base/errors.ts";
import { parseLogCommand } from "../../src/config/log_command.ts";
import { Durations } from "../../src/logs/durations.ts";
import type { Grouping } from "../../src/logs/line_reader.ts";
import { readAnyLine } from "../../src/logs/line_reader.ts";
import { MAX_GROUPS, Summary } from "../../src/logs/summary.ts";
import { parseTime } from "../../src/logs/time_words.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";

const NOW_MS = Date.UTC(2026, 11, 1, 12);

function summaryOf(
  lines: Iterable<string>,
  groupBy: Grouping = "path",
  earliestMs = -Infinity,
  latestMs = Infinity,
): Summary {
  const summary = new Summary(readAnyLine, { groupBy, earliestMs, latestMs });
  for (const line of lines) summary.push(line);
  return summary;
}

function lineOf(
  target: string,
  durationMs: number,
  status = 200,
  time = "2026-12-01T01:50:14.007Z",
): string {
  return JSON.stringify({ time, method: "GET", target, status, durationMs, bytesOut: 10 });
}

Deno.test("requests are counted by their paths, the most first, and the durations summed up", () => {
  const lines = [
    ...Array.from({ length: 100 }, (_, i) => lineOf(`/a?${i}`, i + 1)),
    lineOf("/b", 5, 500),
    "no line at all",
    "",
  ];
  const summary = summaryOf(lines);
  assertEquals(summary.groups.map(([name, { count, bytesOut }]) => [name, count, bytesOut]), [
    ["/a", 100, 1_000],
    ["/b", 1, 10],
  ]);
  const { durations } = summary.groups[0][1];
  assertEquals(durations.meanMs, 50.5);
  assert(Math.abs(durations.percentileMs(0.5) - 50) < 50 * 0.05);
  assert(Math.abs(durations.percentileMs(0.99) - 99) < 99 * 0.05);
  assertEquals([summary.all.count, summary.unreadLines], [101, 1]);
  assertEquals(summaryOf(lines, "status").groups.map(([name, { count }]) => [name, count]), [
    ["200", 100],
    ["500", 1],
  ]);
  assertEquals(summaryOf(lines, "hour").groups.map(([name]) => name), ["2026-12-01T01"]);
});

Deno.test("only requests of the time span count", () => {
  const hours = Array.from(
    { length: 12 },
    (_, hour) => new Date(Date.UTC(2026, 11, 1, hour)).toISOString(),
  );
  const lines = [...hours.map((time) => lineOf("/", 1, 200, time)), '{"target":"/"}'];
  const summary = summaryOf(lines, "hour", Date.UTC(2026, 11, 1, 3), Date.UTC(2026, 11, 1, 5));
  assertEquals(
    summary.groups.map(([name]) => name).sort(),
    [3, 4, 5].map((hour) => `2026-12-01T0${hour}`),
  );
  assertEquals(summary.outsideLines, 10);
});

Deno.test("memory is bounded when all paths differ, and those that come often are still counted", () => {
  function* lines() {
    for (let i = 0; i < MAX_GROUPS * 3; i++) {
      yield lineOf(`/one-of-many/${i}`, 1);
      if (i % 10 === 0) yield lineOf("/often", 2);
    }
  }
  const summary = summaryOf(lines());
  assert(summary.groups.length <= MAX_GROUPS);
  const often = Math.ceil(MAX_GROUPS * 3 / 10);
  assertEquals(summary.groups[0][0], "/often");
  assertEquals(summary.groups[0][1].count, often);
  const counted = summary.groups.reduce((sum, [, { count }]) => sum + count, 0);
  assertEquals(counted + summary.others.count, summary.all.count);
  assertEquals(summary.all.count, MAX_GROUPS * 3 + often);
  assertEquals(summary.others.durations.count, summary.others.count);
});

Deno.test("percentiles are right to 2.5 %, of few and of many durations, and of merged ones", () => {
  for (const count of [1, 5, 16, 17, 1_000]) {
    const [whole, first, second] = [new Durations(), new Durations(), new Durations()];
    const all = Array.from({ length: count }, (_, i) => 0.002 * 1.01 ** (i * 7 % count));
    for (const [i, each] of all.entries()) {
      whole.add(each);
      (i % 3 === 0 ? first : second).add(each);
    }
    first.merge(second);
    all.sort((a, b) => a - b);
    for (const part of [0.01, 0.5, 0.99, 1]) {
      const right = all[Math.max(1, Math.ceil(part * count)) - 1];
      for (const each of [whole, first]) {
        assertEquals(each.count, count);
        assert(Math.abs(each.percentileMs(part) / right - 1) < 0.026, `${count} ${part}`);
      }
    }
  }
  assertEquals(new Durations().percentileMs(0.5), NaN);
  const extremes = new Durations();
  for (const each of [0, 1e12, Infinity, ...Array(20).fill(1e-9)]) extremes.add(each);
  assert(extremes.percentileMs(0.5) <= 0.001 && extremes.percentileMs(1) > 1e6);
});

const TIMES: Record<string, number | null> = {
  "now": NOW_MS,
  "-1 hour": NOW_MS - 3_600_000,
  "-30s": NOW_MS - 30_000,
  "2d": NOW_MS - 172_800_000,
  "90 minutes ago": NOW_MS - 5_400_000,
  "2026-12-01": Date.UTC(2026, 11, 1),
  "2026-12-01 01:50": Date.UTC(2026, 11, 1, 1, 50),
  "2026-12-01T01:50:14Z": Date.UTC(2026, 11, 1, 1, 50, 14),
  "2026-12-01T01:50:14+01:00": Date.UTC(2026, 11, 1, 0, 50, 14),
  "01/Dec/2026:01:50:14 +0000": Date.UTC(2026, 11, 1, 1, 50, 14),
  "yesterday": null,
  "1 moon": null,
  "2026-13-01": null,
  "7": null,
  "": null,
};

for (const [text, ms] of Object.entries(TIMES)) {
  Deno.test(`the time ${JSON.stringify(text)} is ${ms === null ? "refused" : "understood"}`, () => {
    if (ms === null) assertThrows(() => parseTime(text, NOW_MS, "--earliest"), ConfigError);
    else assertEquals(parseTime(text, NOW_MS, "--earliest"), ms);
  });
}

Deno.test("the words after log are understood", () => {
  const words = [
    "summarize",
    "a.log",
    "--earliest",
    "-1 hour",
    "--group-by=status_code",
    "--top",
    "3",
  ];
  const { file, earliestMs, latestMs, groupBy, top, format, output } = parseLogCommand(
    words,
    NOW_MS,
  );
  assertEquals(
    [file, earliestMs, latestMs, groupBy, top, format, output],
    ["a.log", NOW_MS - 3_600_000, Infinity, "status", 3, null, "table"],
  );
  const bare = parseLogCommand(["summarize", "--json", "--format", "%h"], NOW_MS);
  assertEquals([bare.file, bare.output, bare.format?.kind], ["-", "json", "pieces"]);
});

const WRONG: Record<string, readonly string[]> = {
  "log needs a subcommand": ["a.log"],
  "takes one FILE": ["summarize", "a", "b"],
  "has no option --eariest; did you mean --earliest?": ["summarize", "--eariest", "now"],
  "did you mean path?": ["summarize", "--group-by", "paht"],
  "--top takes a whole number": ["summarize", "--top", "0"],
  "--latest is given twice": ["summarize", "--latest=now", "--latest=now"],
  "--latest takes a time": ["summarize", "--latest", "soon"],
};

for (const [message, words] of Object.entries(WRONG)) {
  Deno.test(`log ${words.join(" ")} is refused`, () => {
    const error = assertThrows(() => parseLogCommand(words, NOW_MS), ConfigError);
    assert(error.message.includes(message), error.message);
  });
}
