/**
 * The options of the library's `serve()` by which a gateway tells what it does.
 *
 * @module
 */

import type { LineFormat, LogLevel } from "../base/log.ts";

/** An access log. */
export interface AccessLogOptions {
  /** Path of its file, which is appended to, or `"-"` for standard output. */
  readonly file: string;
  /**
   * What its lines look like: `"json"`, `"common"`, `"combined"`, or directives as Apache has them, such as
   * `'%h %t "%r" %>s %b %T'`. Default `"json"`.
   */
  readonly format?: string;
}

/** What is told of a gateway, and where. */
export interface WatchOptions {
  /**
   * The access log, which has a line for each request: its file alone, or with a format. Default: none.
   * {@linkcode Server.reopenLogs} opens the file again.
   */
  readonly accessLog?: string | AccessLogOptions;
  /**
   * Where `/livez` and `/readyz` are answered: a port, which is one of 127.0.0.1, `host:port`, or
   * `unix:PATH[,mode=0660]`. It may be the address of `metrics` and `status`. Default: nowhere.
   */
  readonly health?: string;
  /** Where `/metrics` has metrics in the OpenMetrics format. Default: nowhere. */
  readonly metrics?: string;
  /** Where the status is shown: a page at `/`, JSON at `/status.json`. Default: nowhere. */
  readonly status?: string;
  /**
   * Path of a file with a token: who knows it can reload the apps at `status`, retire a worker, shut the gateway
   * down, and see facts about the system. Default: nobody can.
   */
  readonly statusControl?: string;
  /**
   * Paths that the apps are asked for before they serve, at the start and after each reload: if an answer is not
   * 2xx or 3xx, they do not. Default: none.
   */
  readonly healthCheck?: string | readonly string[];
  /** How long each of these answers may take, in milliseconds. Default 10,000. */
  readonly healthCheckTimeoutMs?: number;
  /**
   * Whether traces go to the collector that the variables of OpenTelemetry name, such as
   * `OTEL_EXPORTER_OTLP_ENDPOINT`. Default `"none"`.
   */
  readonly traces?: "none" | "environment";
  /** The least grave messages that are written to standard error. Not with `log`. Default `"info"`. */
  readonly logLevel?: LogLevel;
  /**
   * How they are written: as text, or as an object in each line. What apps in workers print is such lines, too.
   * Not with `log`. Default `"text"`.
   */
  readonly logFormat?: LineFormat;
  /** Whether what apps in workers print says of which worker and request it is. Default `"none"`. */
  readonly consoleTags?: "none" | "tagged";
}
