/**
 * What a supervisor is watched by: health, metrics and status of all its processes. Loaded only if one of them is
 * asked for.
 *
 * @module
 */

import { logToStderr } from "../base/log.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { Bus } from "../bus/bus.ts";
import type { ServeSettings } from "../config/settings.ts";
import type { CountedHub } from "../gateway/serving_watch.ts";
import { openMonitor } from "../gateway/serving_watch.ts";
import type { Members } from "../monitor/bus_reports.ts";
import { BusReports } from "../monitor/bus_reports.ts";
import type { Monitor } from "../monitor/monitor.ts";
import { RecentErrors } from "../monitor/recent_errors.ts";

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
      addresses: settings,
      surroundings,
      log: logToStderr,
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
