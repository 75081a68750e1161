/**
 * Watches one gateway process: counts, and tells how it does.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { withoutPasswords } from "../base/passwords.ts";
import type { RequestHead } from "../message/exchange.ts";
import { latin1Of } from "../message/latin1.ts";
import { evenEpochMs } from "../monitor/clock.ts";
import { LoopDelay } from "../monitor/loop_delay.ts";
import type { Readiness } from "../monitor/health.ts";
import { notReady, READY } from "../monitor/health.ts";
import { RecentErrors } from "../monitor/recent_errors.ts";
import type { ProcessReport, RequestReport } from "../monitor/report.ts";
import type { Samples } from "../monitor/samples.ts";
import { addSample } from "../monitor/samples.ts";
import { Traffic } from "../monitor/traffic.ts";
import type { ObservingHandler } from "../observe/handler.ts";
import type { ObservedExchange } from "../observe/observed_exchange.ts";
import { WorkerCounts } from "../pool/counts.ts";
import type { Gateway } from "./gateway.ts";
import type { ReloadOutcome } from "./generations.ts";

/** Requests under way that are told of. */
const MAX_REQUESTS = 50;
/** Of their targets, in characters. */
const MAX_TARGET_CHARS = 200;
const QUESTION_MARK = 0x3f;

/** Counts of a process, and how it does. */
export class ProcessMonitor implements Disposable {
  /** Takes note of requests that have ended. */
  readonly traffic: Traffic = new Traffic();
  /** Counts what befalls the workers. */
  readonly counts: WorkerCounts = new WorkerCounts();
  /** The gateway, once it serves. */
  gateway: Gateway | null = null;
  /** Whether it is about to end. */
  isEnding = false;
  readonly #process: number;
  readonly #errors = new RecentErrors();
  readonly #delay = new LoopDelay();
  readonly #startedAtMs = evenEpochMs();
  readonly #reloads: Record<ReloadOutcome["kind"], number> = { reloaded: 0, failed: 0 };

  /** Watches the process with this number, 0 if it is the only one. */
  constructor(process: number) {
    this.#process = process;
    this.traffic.latency.start();
  }

  /** `log`, whose errors and warnings are kept for the status. */
  watching(log: Log): Log {
    return this.#errors.watching(log);
  }

  /** Takes note of the outcome of a reload. */
  onReloaded({ kind }: ReloadOutcome): void {
    this.#reloads[kind]++;
  }

  /** Whether the process should get requests. */
  get readiness(): Readiness {
    if (this.isEnding || this.gateway?.isDraining) {
      return notReady("the gateway is draining");
    }
    if (this.gateway === null) return notReady("the apps are not loaded yet");
    return this.gateway.isAlive ? READY : notReady("an app has no worker that is alive");
  }

  /** How the process does. */
  report(): ProcessReport {
    const { gateway } = this;
    gateway?.observing?.settle();
    const { rss, heapUsed } = Deno.memoryUsage();
    const isDraining = this.isEnding || (gateway?.isDraining ?? false);
    const partial = {
      process: this.#process,
      pid: Deno.pid,
      state: isDraining ? "draining" as const : gateway === null ? "starting" : "serving",
      isAlive: gateway?.isAlive ?? false,
      startedAtMs: this.#startedAtMs,
      rssBytes: rss,
      heapBytes: heapUsed,
      loopDelayMs: this.#delay.recent,
      generations: gateway?.generations ?? [],
      endpoints: gateway?.endpointReports ?? [],
    } as const;
    return {
      ...partial,
      requests: requestsOf(gateway?.observing ?? null),
      errors: this.#errors.lines,
      totals: this.traffic.totals,
      latency: this.traffic.latency.counts,
      samples: this.#samples(partial),
    };
  }

  /** Ends the measurements. */
  [Symbol.dispose](): void {
    this.#delay[Symbol.dispose]();
    this.traffic.latency[Symbol.dispose]();
  }

  #samples(report: Omit<ProcessReport, "requests" | "errors" | "totals" | "latency" | "samples">) {
    const samples: Samples = {};
    const process = this.#process;
    const { endpoints, generations, loopDelayMs } = report;
    addSample(samples, "gatehouse_processes", { state: report.state }, 1);
    addSample(samples, "gatehouse_start_time_seconds", { process }, report.startedAtMs / 1_000);
    this.traffic.addTo(samples);
    for (const { protocol: endpoint, connections, accepted, unanswered } of endpoints) {
      addSample(samples, "gatehouse_requests_in_flight", { endpoint }, unanswered);
      addSample(samples, "gatehouse_connections", { endpoint }, connections);
      if (endpoint !== "mongrel2") {
        addSample(samples, "gatehouse_connections_accepted", { endpoint }, accepted);
      }
    }
    this.#addWorkers(samples, generations);
    addSample(samples, "gatehouse_memory_bytes", { process, kind: "rss" }, report.rssBytes);
    addSample(samples, "gatehouse_memory_bytes", { process, kind: "heap" }, report.heapBytes);
    for (const stat of ["mean", "max"] as const) {
      const delay = loopDelayMs[stat] / 1_000;
      addSample(samples, "gatehouse_event_loop_delay_seconds", { process, stat }, delay);
    }
    this.#addProtocols(samples);
    return samples;
  }

  #addWorkers(samples: Samples, generations: ProcessReport["generations"]): void {
    const process = this.#process;
    const { counts } = this;
    const states = { loading: 0, serving: 0, finishing: 0 };
    let sockets = 0;
    for (const { state, pools } of generations) {
      for (const { mounts, waiting, workers } of pools) {
        addSample(samples, "gatehouse_queue_length", {}, waiting);
        for (const worker of workers) {
          states[worker.state]++;
          sockets += worker.sockets;
          // There may be another one in its place already, which has the same labels.
          if (state !== "serving" || worker.state !== "serving") continue;
          const labels = { process, mounts: mounts.join(" "), worker: worker.number };
          addSample(samples, "gatehouse_worker_requests_in_flight", labels, worker.inFlight);
          if (worker.memoryBytes !== null) {
            addSample(samples, "gatehouse_worker_memory_bytes", labels, worker.memoryBytes);
          }
          if (worker.delayMs !== null) {
            const delay = worker.delayMs / 1_000;
            addSample(samples, "gatehouse_worker_event_loop_delay_seconds", labels, delay);
          }
        }
      }
    }
    for (const [state, count] of Object.entries(states)) {
      addSample(samples, "gatehouse_workers", { state }, count);
    }
    addSample(samples, "gatehouse_websockets", {}, sockets);
    for (const [reason, count] of Object.entries(counts.restarts)) {
      addSample(samples, "gatehouse_worker_restarts", { reason }, count);
    }
    addSample(samples, "gatehouse_worker_hangs", {}, counts.restarts.hung);
    addSample(samples, "gatehouse_queue_waits", {}, counts.queueWaits);
    addSample(samples, "gatehouse_queue_wait_seconds", {}, counts.queueWaitMs / 1_000);
    addSample(samples, "gatehouse_ring_stalls", {}, counts.ringStalls);
    addSample(samples, "gatehouse_requests_turned_away", {}, counts.turnedAway);
    const [current] = generations;
    if (current !== undefined) {
      addSample(samples, "gatehouse_generation", { process }, current.number);
    }
    for (const [outcome, count] of Object.entries(this.#reloads)) {
      addSample(samples, "gatehouse_reloads", { outcome }, count);
    }
  }

  #addProtocols(samples: Samples): void {
    const all = this.gateway?.protocolCounts;
    const fastcgi = all?.get("fastcgi");
    if (fastcgi !== undefined) {
      addSample(samples, "gatehouse_fastcgi_requests", {}, fastcgi.requests);
      addSample(samples, "gatehouse_fastcgi_overloads", {}, fastcgi.overloads);
      addSample(samples, "gatehouse_fastcgi_strangers", {}, fastcgi.strangers);
    }
    const mongrel2 = all?.get("mongrel2");
    if (mongrel2 !== undefined) {
      const { messages, malformed, frames, notices, replies } = mongrel2;
      const requests = messages - malformed - frames - notices;
      for (const [kind, count] of Object.entries({ requests, frames, notices })) {
        addSample(samples, "gatehouse_mongrel2_messages", { kind }, count);
      }
      addSample(samples, "gatehouse_mongrel2_malformed", {}, malformed);
      addSample(samples, "gatehouse_mongrel2_replies", {}, replies);
    }
    for (const { endpoint, isUp, requests, losses } of this.gateway?.dispatcherLinks ?? []) {
      const labels = { process: this.#process, dispatcher: endpoint };
      addSample(samples, "gatehouse_mongrel2_link_up", labels, isUp ? 1 : 0);
      addSample(samples, "gatehouse_mongrel2_link_requests", labels, requests);
      addSample(samples, "gatehouse_mongrel2_link_losses", labels, losses);
    }
  }
}

/** The oldest requests under way, the oldest first, without those that have become sockets. */
function requestsOf(observing: ObservingHandler | null): RequestReport[] {
  if (observing === null) return [];
  const now = performance.now();
  // The last ones of a walk that may be long.
  const last: ObservedExchange[] = [];
  let count = 0;
  for (const each of observing.underWay()) {
    // Sockets may stay for days, and are counted with their workers.
    if (!each.isUpgraded) last[count++ % MAX_REQUESTS] = each;
  }
  const start = count % MAX_REQUESTS;
  const inOrder = count > MAX_REQUESTS ? [...last.slice(start), ...last.slice(0, start)] : last;
  return inOrder.reverse().map((exchange) => {
    const { head, place, startedAt, mount } = exchange;
    return {
      method: head.method,
      target: pathOf(head).slice(0, MAX_TARGET_CHARS),
      mount,
      worker: place?.worker ?? 0,
      generation: place?.generation ?? 0,
      ageMs: now - startedAt,
    };
  });
}

/** The target without its query, which may have secrets, and without a password in an absolute one. */
function pathOf({ block, targetStart, targetEnd }: RequestHead): string {
  const length = block.subarray(targetStart, targetEnd).indexOf(QUESTION_MARK);
  const end = length < 0 ? targetEnd : targetStart + length;
  return withoutPasswords(latin1Of(block, targetStart, end));
}
