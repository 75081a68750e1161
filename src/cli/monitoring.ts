/**
 * What the command is watched by: `--health`, `--metrics` and `--status`, in one process, or in the supervisor of
 * several. Loaded only if one of them is asked for.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { logToStderr, tell } from "../base/log.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { ServeSettings } from "../config/settings.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { ProcessMonitor } from "../gateway/process_monitor.ts";
import type { Bus } from "../bus/bus.ts";
import type { Members } from "../monitor/bus_reports.ts";
import { BusReports, ReportSender } from "../monitor/bus_reports.ts";
import { Monitor } from "../monitor/monitor.ts";
import { RecentErrors } from "../monitor/recent_errors.ts";
import type { GatewayControl, ReportSource } from "../monitor/report_source.ts";
import { LocalReports } from "../monitor/report_source.ts";
import type { LogReport } from "../monitor/report.ts";
import type { Samples } from "../monitor/samples.ts";
import { addSample } from "../monitor/samples.ts";
import { systemInfo } from "../monitor/system_info.ts";
import type { RequestObserver } from "../observe/request_record.ts";
import type { Hub } from "../signals/hub.ts";
import type { Membership } from "../supervisor/membership.ts";

/** What signals and topics go through, as far as it is counted. */
type CountedHub = Pick<Hub, "counts">;

/** What a monitor is opened with. */
interface Opening {
  readonly settings: ServeSettings;
  readonly surroundings: Surroundings;
  readonly source: ReportSource;
  readonly control: GatewayControl;
  /** The hub, where it is in this process, and is open. */
  hub(): CountedHub | null;
  /** Errors and warnings that no report has. */
  errors(): readonly LogReport[];
}

async function openMonitor(opening: Opening): Promise<Monitor> {
  const { settings, surroundings, source, control, errors, hub } = opening;
  const monitor = await Monitor.open({
    addresses: settings,
    source,
    control,
    errors,
    version: manifest.version,
    system: () => systemInfo(surroundings),
    addTo: (samples) => addHub(samples, hub()),
    log: logToStderr,
  });
  for (const url of monitor.urls) tell(`monitoring at ${url}`);
  return monitor;
}

function addHub(samples: Samples, hub: CountedHub | null): void {
  if (hub === null) return;
  const { waiters, followers, records } = hub.counts;
  addSample(samples, "gatehouse_signal_waiters", {}, waiters);
  addSample(samples, "gatehouse_topic_followers", {}, followers);
  addSample(samples, "gatehouse_signal_records", {}, records);
}

/** Watches this process, which serves: from before its apps are loaded, to its end. */
export class ServingWatch implements AsyncDisposable {
  /** Counts, and tells how the process does. */
  readonly process: ProcessMonitor;
  /** The hub of signals and topics, if it is in this process. */
  hub: CountedHub | null = null;
  /** Reloads the apps, once that is possible. */
  reload: (() => void) | null = null;
  /** Where it is watched from here. */
  listening: readonly Deno.Addr[] = [];
  #monitor: Monitor | null = null;
  #sender: ReportSender | null = null;

  /** Who is told of requests: nobody, if health is all that is asked for. */
  readonly observers: readonly RequestObserver[];

  private constructor(process: ProcessMonitor, { metrics, status }: ServeSettings) {
    this.process = process;
    this.observers = metrics === null && status === null ? [] : [process.traffic];
  }

  /**
   * Begins to watch. One process of several reports to its supervisor. `drain` lets it finish what is in flight,
   * and end.
   *
   * @throws {ConfigError} if the token cannot be used
   * @throws {ListenError} if an address cannot be used
   */
  static async open(
    settings: ServeSettings,
    surroundings: Surroundings,
    membership: Membership | null,
    drain: () => void,
  ): Promise<ServingWatch> {
    const process = new ProcessMonitor(membership?.number ?? 0);
    const watch = new ServingWatch(process, settings);
    if (membership !== null) {
      const { bus, assignment } = membership;
      watch.#sender = new ReportSender(bus, assignment.key, {
        report: () => process.report(),
        retire: ({ mount, worker }) => process.gateway?.retire(mount, worker) ?? false,
      });
      return watch;
    }
    try {
      watch.#monitor = await openMonitor({
        settings,
        surroundings,
        source: new LocalReports(process),
        control: {
          reload: () => {
            if (settings.workers === 0 || watch.reload === null) return false;
            watch.reload();
            return true;
          },
          retire: ({ process: number, mount, worker }) =>
            Promise.resolve(number === 0 && (process.gateway?.retire(mount, worker) ?? false)),
          drain,
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

/** What the supervisor can do for those who watch it. */
export interface WatchedSupervisor extends Members {
  /** What its processes report over. */
  readonly bus: Bus;
  /** Has them reload their apps. */
  reload(): void;
  /** Lets them finish what is in flight, and ends. */
  drain(): void;
}

/** Watches the processes of a supervisor. */
export class SupervisingWatch implements AsyncDisposable {
  readonly #errors = new RecentErrors();
  #reports: BusReports | null = null;
  #monitor: Monitor | null = null;

  /** `log`, whose errors and warnings are kept for the status. */
  watching(log: Log): Log {
    return this.#errors.watching(log);
  }

  /**
   * Begins to watch.
   *
   * @throws {ConfigError} if the token cannot be used
   * @throws {ListenError} if an address cannot be used
   */
  async open(
    settings: ServeSettings,
    surroundings: Surroundings,
    supervisor: WatchedSupervisor,
    hub: CountedHub,
  ): Promise<void> {
    const reports = this.#reports = new BusReports(supervisor.bus, supervisor);
    this.#monitor = await openMonitor({
      settings,
      surroundings,
      source: reports,
      control: {
        reload() {
          if (settings.workers === 0) return false;
          supervisor.reload();
          return true;
        },
        retire: (worker) => reports.retire(worker),
        drain: () => supervisor.drain(),
      },
      hub: () => hub,
      errors: () => this.#errors.lines,
    });
  }

  /** Is told that the process `key` has ended. */
  onEnd(key: string): void {
    this.#reports?.forget(key);
  }

  /** Watches no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#monitor?.[Symbol.asyncDispose]();
    this.#reports?.[Symbol.dispose]();
  }
}
