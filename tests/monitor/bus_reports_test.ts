import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { until } from "../support/reloading.ts";
import { LocalBus } from "../../src/bus/bus.ts";
import { ProcessBus } from "../../src/bus/process_bus.ts";
import { Relay } from "../../src/bus/relay.ts";
import { History } from "../../src/monitor/history.ts";
import type { Member } from "../../src/monitor/bus_reports.ts";
import { BusReports, ReportSender } from "../../src/monitor/bus_reports.ts";
import type { ProcessReport } from "../../src/monitor/report.ts";
import { NO_TOTALS } from "../../src/monitor/report.ts";
import type { WorkerReport } from "../../src/pool/pool.ts";
import { openMetricsText } from "../../src/monitor/samples.ts";
import { readReport } from "../../src/monitor/report_reader.ts";
import type { WorkerName } from "../../src/monitor/report_source.ts";

/** A process that reports, and what it reports. */
class FakeProcess implements AsyncDisposable {
  readonly key: string;
  readonly retired: WorkerName[] = [];
  report: ProcessReport;
  readonly sender: ReportSender;
  readonly bus: ProcessBus;
  readonly #member: Disposable;

  constructor(member: Member, relay: Relay, conns: readonly [Deno.Conn, Deno.Conn]) {
    this.key = member.key;
    this.report = reportOf(member.number);
    this.#member = relay.admit(conns[0], new Uint8Array(), { onEnd() {} });
    this.bus = new ProcessBus(conns[1]);
    this.sender = new ReportSender(this.bus, member.key, {
      report: () => this.report,
      retire: (worker) => {
        this.retired.push(worker);
        return worker.worker === 1;
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sender[Symbol.dispose]();
    this.bus[Symbol.dispose]();
    this.#member[Symbol.dispose]();
    await null;
  }
}

function reportOf(process: number, requests = 0): ProcessReport {
  const key = '_total{endpoint="http",scheme="http",mount="/",method="GET",status="2xx"}';
  return {
    process,
    pid: 100 + process,
    state: "serving",
    isAlive: true,
    startedAtMs: 0,
    rssBytes: 0,
    heapBytes: 0,
    loopDelayMs: { mean: 0, max: 0 },
    generations: [],
    endpoints: [],
    requests: [],
    errors: [],
    totals: { ...NO_TOTALS, requests },
    latency: [],
    samples: { gatehouse_requests: { [key]: requests }, gatehouse_websockets: { "": 1 } },
  };
}

async function connected(): Promise<[Deno.Conn, Deno.Conn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  return await Promise.all([listener.accept(), Deno.connect({ hostname: "127.0.0.1", port })]);
}

/** A supervisor with two processes, as far as they report. */
async function withTwo(
  body: (lab: {
    readonly reports: BusReports;
    readonly members: { members: Member[]; isStopping: boolean };
    readonly one: FakeProcess;
    readonly two: FakeProcess;
  }) => Promise<void>,
): Promise<void> {
  const relay = new Relay();
  const members = {
    members: [1, 2].map((number) => ({ key: `key-${number}`, number, isReady: true })),
    isStopping: false,
  };
  using reports = new BusReports(relay, members);
  await using one = new FakeProcess(members.members[0], relay, await connected());
  await using two = new FakeProcess(members.members[1], relay, await connected());
  await until("both have reported", () => reports.latest().processes.length === 2);
  await body({ reports, members, one, two });
}

Deno.test("the supervisor collects what its processes count at the moment that it asks", () =>
  withTwo(async ({ reports, one, two }) => {
    one.report = reportOf(1, 5);
    two.report = reportOf(2, 7);
    const { processes } = await reports.collect();
    assertEquals(processes.map(({ totals }) => totals.requests), [5, 7]);
  }));

Deno.test("what a process has counted stays counted when it ends, and its gauges do not", () =>
  withTwo(async ({ reports, members, one }) => {
    one.report = reportOf(1, 9);
    await one.sender.finish();
    members.members = members.members.slice(1);
    reports.forget("key-1");
    const { processes, ended } = await reports.collect();
    assertEquals(processes.map(({ process }) => process), [2]);
    assertEquals(ended.totals.requests, 9);
    assertEquals(Object.values(ended.samples.gatehouse_requests!), [9]);
    assertEquals(ended.samples.gatehouse_websockets, undefined);
  }));

Deno.test("a process that does not answer holds up nobody: what it said last counts", () =>
  withTwo(async ({ reports, one, two }) => {
    one.report = reportOf(1, 5);
    await reports.collect();
    one.sender[Symbol.dispose]();
    two.report = reportOf(2, 8);
    const { processes } = await reports.collect();
    assertEquals(processes.map(({ totals }) => totals.requests), [5, 8]);
  }));

Deno.test("a process speaks for itself alone, and what is no report is none", () =>
  withTwo(async ({ reports, one }) => {
    const publish = (key: string, text: string) =>
      one.bus.publish(`monitor/report/${key}`, new TextEncoder().encode(text));
    for (const text of ["", "{", "null", "[]", "5", '{"report":null}']) publish("key-1", text);
    publish("key-1", JSON.stringify({ answers: 0, isLast: false, report: reportOf(2, 99) }));
    publish("key-3", JSON.stringify({ answers: 0, isLast: false, report: reportOf(3, 99) }));
    const { processes } = await reports.collect();
    assertEquals(processes.map(({ totals }) => totals.requests), [0, 0]);
  }));

/** What a process might say instead of its report: whatever replaces a part of it. */
const LIES: Record<string, unknown> = {
  "nothing but a number": { process: 1 },
  "text for lists": { ...reportOf(1), endpoints: "[]", requests: "[]" },
  "what a list is not": { ...reportOf(1), endpoints: { length: 1 }, errors: { map: 1 } },
  "a list of nothing": { ...reportOf(1), generations: [null] },
  "a generation without pools": { ...reportOf(1), generations: [{ number: 1, state: "serving" }] },
  "no totals": { ...reportOf(1), totals: null },
  "totals that are text": { ...reportOf(1), totals: { ...NO_TOTALS, requests: "1" } },
  "a delay without numbers": { ...reportOf(1), loopDelayMs: null },
  "a state that there is not": { ...reportOf(1), state: "<b>" },
  "a latency of one number": { ...reportOf(1), latency: [[1]] },
  "samples that are none": { ...reportOf(1), samples: null },
  "a family of text": { ...reportOf(1), samples: { gatehouse_requests: "x" } },
  "a sample of text": { ...reportOf(1), samples: { gatehouse_requests: { _total: "1" } } },
  "a line of its own": {
    ...reportOf(1),
    samples: { gatehouse_requests: { '_total{a="b"} 1\nevil': 1 } },
  },
  "a name of another type": { ...reportOf(1), samples: { gatehouse_websockets: { _total: 1 } } },
  "more requests than a process tells of": {
    ...reportOf(1),
    requests: Array(51).fill({
      ...{ method: "GET", target: "/", mount: "/", worker: 1, generation: 1, ageMs: 1 },
    }),
  },
  "a long text": {
    ...reportOf(1),
    errors: [{ atMs: 1, level: "error", text: "a".repeat(65_537) }],
  },
};

Deno.test("a report of another shape is none", () => {
  const read = (report: unknown) =>
    readReport(JSON.stringify({ answers: 0, isLast: false, report }));
  for (const [what, report] of Object.entries(LIES)) assertEquals(read(report), null, what);
  // Too large a number for a sum.
  const large = JSON.stringify(reportOf(1)).replace('"rssBytes":0', '"rssBytes":1e999');
  assertEquals(readReport(`{"answers":0,"isLast":false,"report":${large}}`), null);
  assertEquals(readReport(`{"answers":"0","isLast":false,"report":{}}`), null);
});

Deno.test("a report that is right is read with what is known, and nothing else", () => {
  const worker: WorkerReport = {
    state: "serving",
    ...{ number: 1, isBlocked: false, requests: 5, inFlight: 1, sockets: 0 },
    ...{ memoryBytes: null, delayMs: 0.5, ageMs: 7 },
  };
  const label = String.raw`{mount="/a\"b\\c\nd",le="+Inf"}`;
  const report: ProcessReport = {
    ...reportOf(1, 3),
    generations: [{
      number: 2,
      state: "serving",
      pools: [{ mounts: ["/"], waiting: 0, workers: [worker] }],
    }],
    endpoints: [{ url: "http://a", protocol: "http", connections: 1, accepted: 2, unanswered: 0 }],
    requests: [{
      ...{ method: "GET", target: "/", mount: "/", worker: 1, generation: 2, ageMs: 1 },
    }],
    errors: [{ atMs: 5, level: "warning", text: "what\nit says" }],
    latency: [[3, 4]],
    samples: {
      gatehouse_requests: { _total: 3 },
      gatehouse_websockets: { "": 1 },
      gatehouse_request_duration_seconds: { [`_bucket${label}`]: 1 },
    },
  };
  const message = { answers: 4, isLast: true, report };
  const more = { ...message, more: 1, report: { ...report, more: { of: "it" } } };
  assertEquals(readReport(JSON.stringify(more)), message);
});

Deno.test("what a process says instead of a report does not end the supervisor", () => {
  for (const [what, lie] of Object.entries(LIES)) {
    const bus = new LocalBus();
    const members = { members: [{ key: "a", number: 1, isReady: true }], isStopping: false };
    using reports = new BusReports(bus, members);
    for (const report of [reportOf(1, 9), lie]) {
      const message = JSON.stringify({ answers: 0, isLast: false, report });
      bus.publish("monitor/report/a", new TextEncoder().encode(message));
    }
    using _history = new History(reports);
    assertEquals(reports.latest().processes, [reportOf(1, 9)], what);
    assertEquals(reports.readiness, { isReady: true });
    members.members = [];
    reports.forget("a");
    const { ended } = reports.latest();
    assertEquals(ended.totals.requests, 9);
    assertStringIncludes(openMetricsText(ended.samples), 'method="GET",status="2xx"} 9\n');
  }
});

Deno.test("an app that changes JSON does not change what its process reports", () =>
  withTwo(async ({ reports, one }) => {
    const { stringify } = JSON;
    JSON.stringify = () => "{}";
    try {
      one.report = reportOf(1, 5);
      const { processes } = await reports.collect();
      assertEquals(processes.map(({ totals }) => totals.requests), [5, 0]);
    } finally {
      JSON.stringify = stringify;
    }
  }));

Deno.test("a worker is retired in the process that it is in", () =>
  withTwo(async ({ reports, one, two }) => {
    const name = { process: 2, mount: "/", worker: 1 };
    assertEquals(await reports.retire(name), true);
    assertEquals(await reports.retire({ ...name, worker: 3 }), false);
    assertEquals(await reports.retire({ ...name, process: 9 }), false);
    assertEquals([one.retired.length, two.retired.length], [0, 2]);
  }));

Deno.test("the gateway is ready as long as one process serves", () =>
  withTwo(async ({ reports, members, one, two }) => {
    const readiness = async () => {
      await reports.collect();
      return reports.readiness;
    };
    assertEquals(await readiness(), { isReady: true });
    one.report = { ...reportOf(1), isAlive: false };
    assertEquals(await readiness(), { isReady: true });
    two.report = { ...reportOf(2), state: "draining" };
    assertEquals(await readiness(), {
      isReady: false,
      reason: "no process has a worker that is alive",
    });
    members.members = members.members.map((each) => ({ ...each, isReady: false }));
    assertEquals(await readiness(), {
      isReady: false,
      reason: "no process has loaded the apps",
    });
    members.isStopping = true;
    assertEquals(await readiness(), { isReady: false, reason: "the gateway is draining" });
  }));
