/**
 * Opens what the gateway is watched by: the admin listener, with health, metrics and status as they are asked
 * for.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { ListenAddress } from "../net/address.ts";
import type { AdminRoutes } from "./admin_routes.ts";
import { AdminServer } from "./admin_server.ts";
import { healthRoutes } from "./health.ts";
import type { MetricsExtras } from "./metrics.ts";
import type { LogReport } from "./report.ts";
import type { GatewayControl, ReportSource } from "./report_source.ts";
import type { SystemInfo } from "./system_info.ts";
import { ControlToken } from "./token.ts";

/** Where what is shown; `null` for nowhere. */
export interface MonitorAddresses {
  /** `/livez` and `/readyz`. */
  readonly health: ListenAddress | null;
  /** `/metrics`. */
  readonly metrics: ListenAddress | null;
  /** The status. */
  readonly status: ListenAddress | null;
  /** File of the token by which the gateway is controlled there. */
  readonly statusControl: string | undefined;
}

/** What a monitor is made of. */
export interface MonitorOptions extends MetricsExtras {
  /** Where what is shown. */
  readonly addresses: MonitorAddresses;
  /** Where reports come from. */
  readonly source: ReportSource;
  /** What can be done to the gateway. */
  readonly control: GatewayControl;
  /** Errors and warnings of this process that no report has. */
  errors(): readonly LogReport[];
  /** Facts about the system. */
  system(): Promise<SystemInfo>;
  /** Takes messages. */
  readonly log: Log;
}

/** What the gateway is watched by, until it is disposed of. */
export class Monitor implements AsyncDisposable {
  /** Where it is, each with what is there: `metrics http://127.0.0.1:9100`. */
  readonly urls: readonly string[];
  readonly #server: AdminServer;
  readonly #sites: DisposableStack;

  private constructor(server: AdminServer, sites: DisposableStack) {
    this.#server = server;
    this.#sites = sites;
    this.urls = server.urls;
  }

  /** Addresses that are listened at. */
  get listening(): readonly Deno.Addr[] {
    return this.#server.addresses;
  }

  /**
   * Opens what is asked for.
   *
   * @throws {ConfigError} if the token cannot be used
   * @throws {ListenError} if an address cannot be used
   */
  static async open(options: MonitorOptions): Promise<Monitor> {
    const { addresses, source, log } = options;
    const { health, metrics, status, statusControl } = addresses;
    const token = statusControl === undefined ? null : ControlToken.read(statusControl);
    using sites = new DisposableStack();
    const served: AdminRoutes[] = [];
    if (health !== null) served.push(healthRoutes(health, () => source.readiness));
    if (metrics !== null) {
      const { metricsRoutes } = await import("./metrics.ts");
      served.push(metricsRoutes(metrics, source, options));
    }
    if (status !== null) {
      const { StatusSite } = await import("./status.ts");
      const site = sites.use(new StatusSite({ ...options, address: status, token }));
      served.push(site.routes);
      // Who looks at the status may ask for health there, too.
      if (health === null) served.push(healthRoutes(status, () => source.readiness));
    }
    const server = await AdminServer.open(served, log);
    return new Monitor(server, sites.move());
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#sites.dispose();
    await this.#server[Symbol.asyncDispose]();
  }
}
