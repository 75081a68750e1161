/**
 * The status: how the gateway does, as JSON and as a page, and what can be done to it there.
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";
import type { AdminAnswer, AdminRequest, AdminRoute, AdminRoutes } from "./admin_routes.ts";
import { jsonAnswer, textAnswer } from "./admin_routes.ts";
import { evenEpochMs } from "./clock.ts";
import type { HistoryPoint } from "./history.ts";
import { History, HISTORY_COLUMNS, sumOfEndpoints, totalsOf } from "./history.ts";
import { percentiles } from "./latency.ts";
import { Paced } from "./paced.ts";
import type { LogReport, ProcessReport, RequestReport, Totals } from "./report.ts";
import type { Collected, GatewayControl, ReportSource } from "./report_source.ts";
import { PAGE_CSP, PAGE_HTML } from "./page/page.ts";
import { PAGE_SCRIPT } from "./page/script.ts";
import { PAGE_STYLE } from "./page/style.ts";
import type { SystemInfo } from "./system_info.ts";
import type { ControlToken } from "./token.ts";

/** Time between two looks at all processes, in milliseconds: whoever asks more often waits for the next one. */
const INTERVAL_MS = 100;
/** Of all processes. */
const MAX_REQUESTS = 50;
const MAX_ERRORS = 30;
/** What stands for a message where there is a token, and it was not given. */
const HIDDEN = "(shown with the token)";

/** A process, without what is told of all of them together. */
export type ShownProcess = Omit<
  ProcessReport,
  "requests" | "errors" | "latency" | "samples" | "totals"
>;

/** The status, as `/status.json` has it. */
export interface Status {
  /** Version of gatehouse. */
  readonly version: string;
  /** Version of Deno. */
  readonly deno: string;
  /** When it was made, in milliseconds since 1970. */
  readonly nowMs: number;
  /** When the gateway was started, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Whether the gateway should get requests; if not, why. */
  readonly isReady: boolean;
  /** Why it is not ready; `""` if it is. */
  readonly reason: string;
  /** Requests without a complete answer. */
  readonly inFlight: number;
  /** Open connections. */
  readonly connections: number;
  /** What has passed since the start. */
  readonly totals: Totals;
  /** Durations of the requests of the last minute, in milliseconds; `null` if there were none. */
  readonly latencyMs: Readonly<Record<"p50" | "p90" | "p99" | "max", number | null>>;
  /** The processes. */
  readonly processes: readonly ShownProcess[];
  /** The oldest requests under way, the oldest first, each with its process. */
  readonly requests: readonly (RequestReport & { readonly process: number })[];
  /**
   * The last errors and warnings, the last one first, each with its process. If there is a token, only who knows
   * it gets their texts.
   */
  readonly errors: readonly (LogReport & { readonly process: number })[];
  /** A point for each second of the last five minutes, or of those after what was asked for. */
  readonly history: {
    /** What each point has. */
    readonly columns: readonly string[];
    /** The points. */
    readonly points: readonly HistoryPoint[];
  };
  /** Whether the gateway can be controlled here, by who knows the token. */
  readonly isControllable: boolean;
  /** Facts about the system, for who knows the token. */
  readonly system?: SystemInfo;
}

/** What the status is made of. */
export interface StatusOptions {
  /** Where it is shown. */
  readonly address: ListenAddress;
  /** Where the reports come from. */
  readonly source: ReportSource;
  /** Version of gatehouse. */
  readonly version: string;
  /** By which the gateway is controlled; `null` if it cannot be. */
  readonly token: ControlToken | null;
  /** What can be done to the gateway. */
  readonly control: GatewayControl;
  /** Errors and warnings that no report has. */
  errors(): readonly LogReport[];
  /** Facts about the system. */
  system(): Promise<SystemInfo>;
}

/** Shows the status, until it is disposed of. */
export class StatusSite implements Disposable {
  readonly #options: StatusOptions;
  readonly #history: History;
  readonly #startedAtMs = evenEpochMs();
  readonly #collected: Paced<Collected>;

  /** Begins to take points for the plots. */
  constructor(options: StatusOptions) {
    this.#options = options;
    this.#history = new History(options.source);
    this.#collected = new Paced(INTERVAL_MS, () => options.source.collect());
  }

  /** What is served. */
  get routes(): AdminRoutes {
    const page: AdminAnswer = {
      status: 200,
      type: "text/html; charset=utf-8",
      body: PAGE_HTML,
      fieldLines: `content-security-policy: ${PAGE_CSP}\r\nx-frame-options: DENY\r\n`,
    };
    const asset = (path: string, type: string, body: string): AdminRoute => ({
      method: "GET",
      path,
      audience: "this-host",
      respond: () => ({ status: 200, type, body }),
    });
    return {
      address: this.#options.address,
      routes: [
        { method: "GET", path: "/", audience: "this-host", respond: () => page },
        asset("/status.js", "text/javascript; charset=utf-8", PAGE_SCRIPT),
        asset("/status.css", "text/css; charset=utf-8", PAGE_STYLE),
        {
          method: "GET",
          path: "/status.json",
          audience: "this-host",
          respond: (request) => this.#status(request),
        },
        this.#action(
          "reload",
          ({ control }) =>
            control.reload()
              ? textAnswer(202, "reloading")
              : textAnswer(409, "there is nothing to reload: the apps run without workers"),
        ),
        this.#action("retire", ({ control }, request) => this.#retire(control, request)),
        this.#action("drain", ({ control }) => {
          control.drain();
          return textAnswer(202, "draining");
        }),
      ],
    };
  }

  /** Takes no more points. */
  [Symbol.dispose](): void {
    this.#history[Symbol.dispose]();
  }

  #action(
    name: string,
    act: (options: StatusOptions, request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>,
  ): AdminRoute {
    const options = this.#options;
    return {
      method: "POST",
      path: `/control/${name}`,
      audience: "this-host",
      respond(request) {
        if (options.token === null) {
          return textAnswer(403, "the gateway was started without --status-control");
        }
        return options.token.matches(request.token)
          ? act(options, request)
          : needsToken("wrong or missing token");
      },
    };
  }

  async #retire(control: GatewayControl, { query }: AdminRequest): Promise<AdminAnswer> {
    const number = (name: string, least: number) => {
      const value = query.get(name) ?? String(least);
      return /^\d{1,6}$/.test(value) ? Number(value) : NaN;
    };
    const [process, worker] = [number("process", 0), number("worker", 1)];
    if (Number.isNaN(process + worker)) {
      return textAnswer(400, "process and worker are whole numbers");
    }
    const name = { process, worker, mount: query.get("mount") ?? "/" };
    return await control.retire(name)
      ? textAnswer(202, "the worker is being replaced")
      : textAnswer(409, "there is no such worker, or it is being replaced already");
  }

  async #status({ token, query }: AdminRequest): Promise<AdminAnswer> {
    const { source, version, token: expected } = this.#options;
    const isKnown = expected?.matches(token) ?? false;
    if (token !== null && !isKnown) return needsToken("wrong token");
    const sinceMs = Number(query.get("since") ?? 0);
    const collected = await this.#collected.get();
    const { processes } = collected;
    const { readiness } = source;
    const latency = percentiles(processes.map(({ latency }) => latency), [0.5, 0.9, 0.99, 1]);
    const [p50, p90, p99, max] = latency;
    const status: Status = {
      version,
      deno: Deno.version.deno,
      nowMs: evenEpochMs(),
      startedAtMs: this.#startedAtMs,
      isReady: readiness.isReady,
      reason: readiness.isReady ? "" : readiness.reason,
      inFlight: sumOfEndpoints(processes, "unanswered"),
      connections: sumOfEndpoints(processes, "connections"),
      totals: totalsOf(collected),
      latencyMs: { p50, p90, p99, max },
      processes: processes.map(shown),
      requests: ofAll(processes, "requests").sort((a, b) => b.ageMs - a.ageMs)
        .slice(0, MAX_REQUESTS),
      errors: [
        ...ofAll(processes, "errors"),
        ...this.#options.errors().map((each) => ({ ...each, process: 0 })),
      ].sort((a, b) => b.atMs - a.atMs).slice(0, MAX_ERRORS)
        .map((each) => isKnown || expected === null ? each : { ...each, text: HIDDEN }),
      history: {
        columns: HISTORY_COLUMNS,
        points: this.#history.since(Number.isFinite(sinceMs) ? sinceMs : 0),
      },
      isControllable: expected !== null,
      ...isKnown ? { system: await this.#options.system() } : {},
    };
    return jsonAnswer(status);
  }
}

function needsToken(text: string): AdminAnswer {
  return textAnswer(401, text, 'www-authenticate: Bearer realm="gatehouse"\r\n');
}

function shown(report: ProcessReport): ShownProcess {
  const { requests: _1, errors: _2, latency: _3, samples: _4, totals: _5, ...rest } = report;
  return rest;
}

function ofAll<Name extends "requests" | "errors">(
  processes: readonly ProcessReport[],
  name: Name,
): (ProcessReport[Name][number] & { process: number })[] {
  return processes.flatMap((report) =>
    report[name].map((each) => ({ ...each, process: report.process }))
  );
}
