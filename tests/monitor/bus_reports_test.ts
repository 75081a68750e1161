import { assertEquals } from "../support/assert.ts";
import { until } from "../support/reloading.ts";
import { ProcessBus } from "../../src/bus/process_bus.ts";
import { Relay } from "../../src/bus/relay.ts";
import type { Member } from "../../src/monitor/bus_reports.ts";
import { BusReports, ReportSender } from "../../src/monitor/bus_reports.ts";
import type { ProcessReport } from "../../src/monitor/report.ts";
import { NO_TOTALS } from "../../src/monitor/report.ts";
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
