/**
 * Sends spans to a collector over OTLP, in batches, and waits for none of them.
 *
 * @module
 */

import type { createTraceState as makeTraceState, SpanKind as Kind } from "@opentelemetry/api";
import type { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { Resource } from "@opentelemetry/resources";
import type { Log } from "../base/log.ts";
import { inTime } from "../base/deadline.ts";
import { timerMs } from "../base/timers.ts";
import type { TraceSettings } from "./settings.ts";
import type { SpanData } from "./spans.ts";
import { spansOf } from "./spans.ts";
import { SAMPLED } from "../message/trace_context.ts";
import type { TraceTaker } from "./tracer.ts";
import { Tracer } from "./tracer.ts";

/** A span as the exporter takes it. */
type ReadableSpan = Parameters<OTLPTraceExporter["export"]>[0][number];

/** How long traces wait for others, in milliseconds. */
const BATCH_MS = 1_000;
/** So many requests wait no longer, and are sent at a time at the most. */
const BATCH_REQUESTS = 512;
/** The same for what they take, in bytes: collectors refuse batches of a few MiB. */
const BATCH_BYTES = 524_288;
/** How long the last traces may take at the end, in milliseconds. */
const LAST_MS = 2_000;
/** Word of traces that are lost is given once in this time. */
const LOSS_PERIOD_MS = 60_000;

/** What is used of the packages, which are loaded when there are traces. */
interface Packages {
  readonly exporter: OTLPTraceExporter;
  readonly resource: Resource;
  readonly kinds: typeof Kind;
  readonly createTraceState: typeof makeTraceState;
}

/** Traces requests, and sends what is recorded. */
export class TraceExport implements TraceTaker, AsyncDisposable {
  /** Traces requests. */
  readonly tracer: Tracer;
  readonly #packages: Packages;
  readonly #url: string;
  readonly #log: Log;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | null = null;
  #lost = 0;
  #lossReason = "";
  #toldAt = -Infinity;
  #isClosed = false;

  private constructor(packages: Packages, { url, isSampled }: TraceSettings, log: Log) {
    this.#packages = packages;
    this.#url = url;
    this.#log = log;
    this.tracer = new Tracer(isSampled, this);
  }

  /** Loads what sends spans, and begins to. */
  static async open(settings: TraceSettings, log: Log): Promise<TraceExport> {
    const api = await import("@opentelemetry/api");
    const otlp = await import("@opentelemetry/exporter-trace-otlp-proto");
    const resources = await import("@opentelemetry/resources");
    const { url, headers, timeoutMs, resource } = settings;
    const exporter = new otlp.OTLPTraceExporter({ url, headers, timeoutMillis: timeoutMs });
    return new TraceExport(
      {
        exporter,
        // Several processes of one service are told apart by it.
        resource: resources.resourceFromAttributes({
          "service.instance.id": crypto.randomUUID(),
          ...resource,
        }),
        kinds: api.SpanKind,
        createTraceState: api.createTraceState,
      },
      settings,
      log,
    );
  }

  onWaiting(): void {
    if (this.#sending !== null) return;
    if (this.#hasBatch()) this.#send();
    else this.#timer ??= setTimeout(this.#onTimer, timerMs(BATCH_MS));
  }

  /** Sends what is left, for a moment at the most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#sending === null) this.#send();
    const isSent = await inTime(this.#untilSent(), LAST_MS);
    await inTime(this.#packages.exporter.shutdown(), isSent ? LAST_MS : 0);
    this.#lose(this.tracer.take(Infinity, Infinity).length, "there was no time left");
    this.#tellOfLoss(Infinity);
  }

  #hasBatch(): boolean {
    const { waitingCount, waitingBytes } = this.tracer;
    return waitingCount >= BATCH_REQUESTS || waitingBytes >= BATCH_BYTES;
  }

  async #untilSent(): Promise<void> {
    while (this.#sending !== null) await this.#sending;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#sending === null) this.#send();
  };

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.tracer.waitingCount > 0) this.#sending = this.#sendBatch();
  }

  async #sendBatch(): Promise<void> {
    const requests = this.tracer.take(BATCH_REQUESTS, BATCH_BYTES);
    const spans = requests.flatMap(spansOf).map((span) => this.#readable(span));
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.#packages.exporter.export(
      spans,
      ({ code, error }) => resolve(code === 0 ? undefined : error ?? new Error("it failed")),
    );
    const error = await promise;
    if (error !== undefined) this.#lose(requests.length, error.message);
    this.#sending = null;
    const { tracer } = this;
    if (tracer.dropped > 0) {
      this.#lose(tracer.dropped, "they cannot be sent as fast as they come");
      tracer.dropped = 0;
    }
    this.#tellOfLoss(performance.now());
    const { waitingCount } = tracer;
    if (this.#hasBatch() || (this.#isClosed && waitingCount > 0)) this.#send();
    else if (waitingCount > 0) this.#timer = setTimeout(this.#onTimer, timerMs(BATCH_MS));
  }

  #readable(span: SpanData): ReadableSpan {
    const { kinds, resource, createTraceState } = this.#packages;
    const { traceId, spanId, parentId } = span;
    const parentSpanContext = parentId === ""
      ? undefined
      : { traceId, spanId: parentId, traceFlags: SAMPLED };
    const traceState = span.state === "" ? undefined : createTraceState(span.state);
    const context = { traceId, spanId, traceFlags: SAMPLED, traceState };
    const [ok, error] = [0, 2];
    return {
      name: span.name,
      kind: span.kind === "server" ? kinds.SERVER : kinds.INTERNAL,
      spanContext: () => context,
      parentSpanContext,
      startTime: hrTime(span.startMs),
      endTime: hrTime(span.endMs),
      duration: hrTime(span.endMs - span.startMs),
      status: span.fault === "" ? { code: ok } : { code: error, message: span.fault },
      attributes: span.attributes,
      links: [],
      events: [],
      ended: true,
      resource,
      instrumentationScope: { name: "gatehouse" },
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  }

  #lose(requests: number, reason: string): void {
    if (requests === 0) return;
    this.#lost += requests;
    this.#lossReason = reason;
  }

  #tellOfLoss(now: number): void {
    const lost = this.#lost;
    if (lost === 0 || now - this.#toldAt < LOSS_PERIOD_MS) return;
    this.#toldAt = now;
    this.#lost = 0;
    const said = lost === 1 ? "the trace of 1 request is" : `the traces of ${lost} requests are`;
    this.#log("warning", `${this.#url}: ${said} lost: ${this.#lossReason}`);
  }
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
