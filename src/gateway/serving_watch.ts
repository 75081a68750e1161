/**
 * What a gateway is watched by: health, metrics and status. Loaded only if one of them is asked for.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { Bus } from "../bus/bus.ts";
import { ReportSender } from "../monitor/bus_reports.ts";
import type { MonitorAddresses } from "../monitor/monitor.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { GatewayControl, ReportSource } from "../monitor/report_source.ts";
import { LocalReports } from "../monitor/report_source.ts";
import type { LogReport } from "../monitor/report.ts";
import type { Samples } from "../monitor/samples.ts";
import { addSample } from "../monitor/samples.ts";
import { systemInfo } from "../monitor/system_info.ts";
import type { RequestObserver } from "../observe/request_record.ts";
import type { Hub } from "../signals/hub.ts";
import type { Gateway } from "./gateway.ts";
import { ProcessMonitor } from "./process_monitor.ts";

/** What signals and topics go through, as far as it is counted. */
export type CountedHub = Pick<Hub, "counts">;

/** What a monitor is opened with. */
export interface MonitorOpening {
  /** Where what is shown. */
  readonly addresses: MonitorAddresses;
  /** What the process was started in and with. */
  readonly surroundings: Surroundings;
  /** Where reports come from. */
  readonly source: ReportSource;
  /** What can be done to the gateway. */
  readonly control: GatewayControl;
  /** Takes messages. */
  readonly log: Log;
  /** The hub, where it is in this process, and is open. */
  hub(): CountedHub | null;
  /** Errors and warnings that no report has. */
  errors(): readonly LogReport[];
}

/**
 * Opens a monitor, and says where it is.
 *
 * @throws {ConfigError} if the token cannot be used
 * @throws {ListenError} if an address cannot be used
 */
export async function openMonitor(opening: MonitorOpening): Promise<Monitor> {
  const { addresses, surroundings, source, control, errors, hub, log } = opening;
  const monitor = await Monitor.open({
    addresses,
    source,
    control,
    errors,
    version: manifest.version,
    system: () => systemInfo(surroundings),
    addTo: (samples) => addHub(samples, hub()),
    log,
  });
  for (const url of monitor.urls) log("info", `monitoring at ${url}`);
  return monitor;
}

function addHub(samples: Samples, hub: CountedHub | null): void {
  if (hub === null) return;
  const { waiters, followers, records } = hub.counts;
  addSample(samples, "gatehouse_signal_waiters", {}, waiters);
  addSample(samples, "gatehouse_topic_followers", {}, followers);
  addSample(samples, "gatehouse_signal_records", {}, records);
}

/** The part of a process among several. */
export interface ProcessPart {
  /** Its number, from 1. */
  readonly number: number;
  /** Names it to the others. */
  readonly key: string;
  /** Carries messages to them. */
  readonly bus: Bus;
}

/** What a process is watched by. */
export interface WatchTerms {
  /** Where what is shown. */
  readonly addresses: MonitorAddresses;
  /** What it was started in and with. */
  readonly surroundings: Surroundings;
  /** Its part among several processes, of which the supervisor shows all; `null` if it is the only one. */
  readonly part: ProcessPart | null;
  /** Takes messages. */
  readonly log: Log;
  /** Lets it finish what is in flight, and end. */
  drain(): void;
}

/** Watches this process, which serves: from before its apps are loaded, to its end. */
export class ServingWatch implements AsyncDisposable {
  /** Counts, and tells how the process does. */
  readonly process: ProcessMonitor;
  /** The hub of signals and topics, if it is in this process. */
  hub: CountedHub | null = null;
  /** Reloads the apps, once that is possible; `null` if it is not. */
  reload: (() => void) | null = null;
  /** Addresses that it is watched at from here. */
  listening: readonly Deno.Addr[] = [];
  #monitor: Monitor | null = null;
  #sender: ReportSender | null = null;

  /** Who is told of requests: nobody, if health is all that is asked for. */
  readonly observers: readonly RequestObserver[];

  private constructor(process: ProcessMonitor, { metrics, status }: MonitorAddresses) {
    this.process = process;
    this.observers = metrics === null && status === null ? [] : [process.traffic];
  }

  /**
   * Begins to watch. One process of several reports to its supervisor.
   *
   * @throws {ConfigError} if the token cannot be used
   * @throws {ListenError} if an address cannot be used
   */
  static async open(terms: WatchTerms): Promise<ServingWatch> {
    const { addresses, surroundings, part, log } = terms;
    const process = new ProcessMonitor(part?.number ?? 0);
    const watch = new ServingWatch(process, addresses);
    if (part !== null) {
      watch.#sender = new ReportSender(part.bus, part.key, {
        report: () => process.report(),
        retire: ({ mount, worker }) => process.gateway?.retire(mount, worker) ?? false,
      });
      return watch;
    }
    try {
      watch.#monitor = await openMonitor({
        addresses,
        surroundings,
        log,
        source: new LocalReports(process),
        control: {
          reload: () => {
            if (watch.reload === null) return false;
            watch.reload();
            return true;
          },
          retire: ({ process: number, mount, worker }) =>
            Promise.resolve(number === 0 && (process.gateway?.retire(mount, worker) ?? false)),
          drain: () => terms.drain(),
        },
        hub: () => watch.hub,
        errors: () => [],
      });
    } catch (error) {
      process[Symbol.dispose]();
      throw error;
    }
    watch.listening = watch.#monitor.listening;
    return watch;
  }

  /** `log`, whose errors and warnings are kept for the status. */
  watching(log: Log): Log {
    return this.process.watching(log);
  }

  /** Is told that the gateway serves. */
  onServing(gateway: Gateway): void {
    this.process.gateway = gateway;
    this.#sender?.send();
  }

  /** Is told that the process is about to end. */
  onStopping(): void {
    this.process.isEnding = true;
    this.#sender?.send();
  }

  /** Says the last word to the supervisor, and watches no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender?.finish();
    this.#sender?.[Symbol.dispose]();
    await this.#monitor?.[Symbol.asyncDispose]();
    this.process[Symbol.dispose]();
  }
}
