/**
 * What a dispatcher is watched by: `--health`, `--metrics` and `--status`. Loaded only if one of them is asked
 * for.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import type { Log } from "../base/log.ts";
import { tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { DispatchHub } from "../dispatch/hub.ts";
import type { EndedRequest } from "../dispatch/passed_request.ts";
import { evenEpochMs } from "../monitor/clock.ts";
import type { Readiness } from "../monitor/health.ts";
import { notReady, READY } from "../monitor/health.ts";
import { LoopDelay } from "../monitor/loop_delay.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { MonitorAddresses } from "../monitor/monitor.ts";
import { RecentErrors } from "../monitor/recent_errors.ts";
import type { EndpointReport, ProcessReport } from "../monitor/report.ts";
import { LocalReports } from "../monitor/report_source.ts";
import { dispatchSamples } from "../monitor/dispatch_samples.ts";
import type { Samples } from "../monitor/samples.ts";
import { addSample } from "../monitor/samples.ts";
import { systemInfo } from "../monitor/system_info.ts";
import { Traffic } from "../monitor/traffic.ts";

/** Watches a dispatcher from before it listens to its end. */
export class DispatchWatch implements AsyncDisposable {
  /** What is watched, once there is one. */
  hub: DispatchHub | null = null;
  /** Whether it is about to end. */
  isEnding = false;
  /** Takes messages, and keeps errors and warnings for the status. */
  readonly log: Log;
  readonly #errors = new RecentErrors();
  readonly #delay = new LoopDelay();
  readonly #traffic = new Traffic();
  readonly #startedAtMs = evenEpochMs();
  #monitor: Monitor | null = null;

  private constructor(log: Log) {
    this.log = this.#errors.watching(log);
    this.#traffic.latency.start();
  }

  /**
   * Begins to watch. `drain` lets the dispatcher finish what is in flight, and end.
   *
   * @throws {ConfigError} if the token cannot be used
   * @throws {ListenError} if an address cannot be used
   */
  static async open(
    addresses: MonitorAddresses,
    surroundings: Surroundings,
    drain: () => void,
    log: Log,
  ): Promise<DispatchWatch> {
    const watch = new DispatchWatch(log);
    try {
      watch.#monitor = await Monitor.open({
        addresses,
        source: new LocalReports(watch),
        control: { reload: () => false, retire: () => Promise.resolve(false), drain },
        errors: () => [],
        version: manifest.version,
        system: () => systemInfo(surroundings),
        addTo() {},
        log: watch.log,
      });
    } catch (error) {
      watch.#stop();
      throw error;
    }
    for (const url of watch.#monitor.urls) tell(`monitoring at ${url}`);
    return watch;
  }

  /** Whether requests would find a handler. */
  get readiness(): Readiness {
    if (this.isEnding) return notReady("the dispatcher is draining");
    if (this.hub === null) return notReady("the dispatcher does not listen yet");
    return this.hub.dispatcher.capacity > 0 ? READY : notReady("there is no handler");
  }

  /** How the dispatcher does, in the form that gateways have: each handler stands for an endpoint. */
  report(): ProcessReport {
    const { rss, heapUsed } = Deno.memoryUsage();
    const loopDelayMs = this.#delay.recent;
    const state = this.isEnding ? "draining" : this.hub === null ? "starting" : "serving";
    const samples: Samples = {};
    addSample(samples, "gatehouse_processes", { state }, 1);
    const process = 0;
    addSample(samples, "gatehouse_start_time_seconds", { process }, this.#startedAtMs / 1_000);
    addSample(samples, "gatehouse_memory_bytes", { process, kind: "rss" }, rss);
    addSample(samples, "gatehouse_memory_bytes", { process, kind: "heap" }, heapUsed);
    for (const stat of ["mean", "max"] as const) {
      const delay = loopDelayMs[stat] / 1_000;
      addSample(samples, "gatehouse_event_loop_delay_seconds", { process, stat }, delay);
    }
    if (this.hub !== null) dispatchSamples(samples, this.hub.dispatcher);
    this.#traffic.addTo(samples);
    return {
      process,
      pid: Deno.pid,
      state,
      isAlive: this.readiness.isReady,
      startedAtMs: this.#startedAtMs,
      rssBytes: rss,
      heapBytes: heapUsed,
      loopDelayMs,
      generations: [],
      endpoints: this.#endpoints,
      requests: [],
      errors: this.#errors.lines,
      totals: this.#traffic.totals,
      latency: this.#traffic.latency.counts,
      samples,
    };
  }

  /** Watches no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#monitor?.[Symbol.asyncDispose]();
    this.#stop();
  }

  /** Counts a request that has ended. */
  readonly onEnded = (ended: EndedRequest): void =>
    this.#traffic.onEnd({ ...ended, endpoint: "mongrel2", mount: "" });

  #stop(): void {
    this.#delay[Symbol.dispose]();
    this.#traffic.latency[Symbol.dispose]();
  }

  get #endpoints(): EndpointReport[] {
    if (this.hub === null) return [];
    const { dispatcher, endpoint } = this.hub;
    const waiting: EndpointReport = {
      url: `dispatch+${endpoint}`,
      protocol: "mongrel2",
      connections: 0,
      accepted: 0,
      unanswered: dispatcher.waitingCount,
    };
    const handlers = Array.from(dispatcher.handlers, (handler): EndpointReport => ({
      url: handler.name +
        (handler.isLeaving ? " (leaves)" : handler.isAside ? " (does not answer)" : ""),
      protocol: "dispatch",
      connections: 1,
      accepted: handler.givenCount,
      unanswered: handler.requests.size,
    }));
    return [waiting, ...handlers];
  }
}
