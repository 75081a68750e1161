import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { readPage } from "../../scripts/docs/pages.ts";
import { statusText } from "../../src/cli/gateway_status.ts";
import { FAMILIES } from "../../src/monitor/metric_families.ts";
import { PAGE_CSP, PAGE_HTML } from "../../src/monitor/page/page.ts";
import { PAGE_SCRIPT } from "../../src/monitor/page/script.ts";
import { PAGE_STYLE } from "../../src/monitor/page/style.ts";
import { HISTORY_COLUMNS } from "../../src/monitor/history.ts";
import { READY } from "../../src/monitor/health.ts";
import type { Status } from "../../src/monitor/status.ts";
import { StatusSite } from "../../src/monitor/status.ts";
import { NO_TOTALS } from "../../src/monitor/report.ts";
import { ControlToken } from "../../src/monitor/token.ts";

/** Names in the text, with their suffixes, of what families have. */
function sampleNames(): string[] {
  return Object.entries(FAMILIES).flatMap(([name, { type }]) => {
    switch (type) {
      case "counter":
        return [`${name}_total`];
      case "info":
        return [`${name}_info`];
      case "histogram":
        return ["_bucket", "_count", "_sum"].map((suffix) => name + suffix);
      case "gauge":
        return [name];
    }
  });
}

Deno.test("the dashboard has all metrics, and none that there is not", () => {
  const text = readPage("docs/grafana-dashboard.json");
  const { panels } = JSON.parse(text) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const used = new Set(expressions.flatMap((each) => each.match(/gatehouse_\w+/g) ?? []));
  const known = new Set(sampleNames());
  for (const name of used) assert(known.has(name), `there is no ${name}`);
  const families = Object.keys(FAMILIES);
  const missing = families.filter((name) => ![...used].some((each) => each.startsWith(name)));
  assertEquals(missing, []);
  assertEquals(new Set(panels.map(({ title }) => title)).size, panels.length);
});

Deno.test("the documentation has each metric with its type and what it says", () => {
  const page = readPage("docs/monitoring.md").replace(/ +\|/g, " |").replace(/ +/g, " ");
  for (const [name, { type, help }] of Object.entries(FAMILIES)) {
    const shown = sampleNames().find((each) =>
      each.startsWith(name) && each.length <= name.length + 7
    )!;
    const row = page.split("\n").find((line) => line.startsWith(`| \`${shown}\` | ${type} |`));
    assertStringIncludes(row ?? "", help, name);
  }
});

Deno.test("the page puts in nothing as HTML, and loads nothing from elsewhere", () => {
  // It can be parsed.
  new Function(PAGE_SCRIPT);
  for (const way of ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]) {
    assert(!PAGE_SCRIPT.includes(way), way);
  }
  const all = PAGE_HTML + PAGE_SCRIPT + PAGE_STYLE;
  const urls = (all.match(/https?:\/\/[^\s"')]+|url\([^)]*\)|@import/g) ?? [])
    .filter((url) => url !== "http://www.w3.org/2000/svg");
  assertEquals(urls, []);
  // What a policy without 'unsafe-inline' would refuse.
  assert(!/\sstyle=|\son\w+=|<style|<script(?! src=)/.test(PAGE_HTML));
  assert(!PAGE_CSP.includes("unsafe"));
  assertStringIncludes(PAGE_CSP, "default-src 'none'");
});

Deno.test("the script uses what the page has", () => {
  const ids = new Set([...PAGE_HTML.matchAll(/ id="(\w+)"/g)].map(([, id]) => id));
  const used = [
    ...[...PAGE_SCRIPT.matchAll(/byId\("(\w+)"\)/g)].map(([, id]) => id),
    ...[...PAGE_SCRIPT.matchAll(/ table\("(\w+)"/g)].map(([, id]) => id),
  ];
  assert(used.length > 10);
  for (const id of used) assert(ids.has(id), id);
  const columns = [...PAGE_SCRIPT.matchAll(/column: "(\w+)"/g)].map(([, column]) => column);
  for (const column of columns) {
    assert((HISTORY_COLUMNS as readonly string[]).includes(column), column);
  }
});

Deno.test("what is shown in a terminal cannot move its cursor", () => {
  const evil = "\x1b[2Jx\u202e\nnext";
  const status: Status = {
    version: "0.1.0",
    deno: "2.9.6",
    nowMs: 10_000,
    startedAtMs: 0,
    isReady: false,
    reason: evil,
    inFlight: 1,
    connections: 1,
    totals: NO_TOTALS,
    latencyMs: { p50: 0.5, p90: null, p99: 2, max: 3 },
    processes: [],
    requests: [{
      process: 0,
      method: evil,
      target: evil,
      mount: evil,
      worker: 1,
      generation: 1,
      ageMs: 5,
    }],
    errors: [{ process: 0, atMs: 0, level: "error", text: evil }],
    history: {
      columns: HISTORY_COLUMNS,
      points: [HISTORY_COLUMNS.map(() => 1), HISTORY_COLUMNS.map(() => null)],
    },
    isControllable: false,
    system: {
      hostname: evil,
      loadAverage: [1.02003, 12, 0.5],
      memory: { total: 25_276_510_208, free: 1_048_576 },
      login: null,
    },
  };
  const text = statusText(status);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(text), JSON.stringify(text));
  assert(!/^next/m.test(text));
  assertStringIncludes(text, "Requests under way:\n");
  assertMatch(text, /^ {2}loadAverage +1\.0, 12, 0\.50$/m);
  assertMatch(text, /^ {2}memory +total 24106 MiB, free 1\.0 MiB$/m);
  assertMatch(text, /^ {2}login +-$/m);
});

Deno.test("if there is a token, only who knows it is told what errors say", async () => {
  const told = async (token: ControlToken | null, given: string | null) => {
    const report = { atMs: 1, level: "error", text: "secret" } as const;
    using site = new StatusSite({
      address: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
      source: {
        readiness: READY,
        latest: () => ({ processes: [], ended: { samples: {}, totals: NO_TOTALS } }),
        collect() {
          return Promise.resolve(this.latest());
        },
      },
      version: "0",
      token,
      control: { reload: () => false, retire: () => Promise.resolve(false), drain() {} },
      errors: () => [report],
      system: () => Promise.resolve({}),
    });
    const route = site.routes.routes.find(({ path }) => path === "/status.json")!;
    const request = { method: "GET", query: new URLSearchParams(), token: given };
    const { status, body } = await route.respond(request);
    return status === 200 ? (JSON.parse(body) as Status).errors.map(({ text }) => text) : status;
  };
  const token = new ControlToken("0123456789abcdef");
  assertEquals(await told(null, null), ["secret"]);
  assertEquals(await told(token, null), ["(shown with the token)"]);
  assertEquals(await told(token, "0123456789abcdef"), ["secret"]);
  assertEquals(await told(token, "x"), 401);
});
