/**
 * What is kept of a traced request until it is exported, and the spans that are made of it.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import { withoutPasswords } from "../base/passwords.ts";
import { latin1Text } from "../message/fields.ts";
import type { Outcome, RequestRecord, RequestTrace } from "../observe/request_record.ts";
import { newSpanId } from "./ids.ts";

/** Characters of a target that are kept. */
export const MAX_TARGET_CHARS = 2_048;
/** What the rest of a traced request takes, in bytes. */
const OTHER_BYTES = 512;

/** A traced request. */
export interface TracedRequest {
  readonly trace: RequestTrace;
  readonly method: string;
  /** Its first {@linkcode MAX_TARGET_CHARS}. */
  readonly target: string;
  readonly mount: string;
  readonly scheme: string;
  readonly protocol: string;
  readonly client: string;
  readonly endpoint: string;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly outcome: Outcome;
  readonly requestId: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly queuedMs: number;
  readonly reachedApp: boolean;
  readonly worker: number;
  readonly generation: number;
}

/** A span, in no library's form. */
export interface SpanData {
  readonly name: string;
  readonly kind: "server" | "internal";
  readonly traceId: string;
  readonly spanId: string;
  /** `""` for the root of a trace. */
  readonly parentId: string;
  readonly state: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** What went wrong; `""` if nothing did. */
  readonly fault: string;
}

/** Copies what is needed of `record`. */
export function tracedRequest(record: RequestRecord, trace: RequestTrace): TracedRequest {
  return {
    trace,
    method: record.method,
    target: targetOf(record),
    mount: record.mount,
    scheme: record.scheme,
    protocol: record.protocol,
    client: record.client,
    endpoint: record.endpoint,
    status: record.status,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    outcome: record.outcome,
    requestId: record.requestId,
    startedAtMs: record.startedAtMs,
    durationMs: record.durationMs,
    queuedMs: record.queuedMs,
    reachedApp: record.reachedApp,
    worker: record.worker,
    generation: record.generation,
  };
}

/** What keeping `request` takes, in bytes. */
export function bytesOf({ target, trace }: TracedRequest): number {
  return OTHER_BYTES + target.length + trace.state.length;
}

function targetOf(record: RequestRecord): string {
  const { target } = record;
  if (target.length <= MAX_TARGET_CHARS) return target;
  // What is left out must not be what makes a password be seen as one.
  return copyOf(withoutPasswords(target).slice(0, MAX_TARGET_CHARS));
}

/** The same text: a part of another would keep all that it is a part of. */
export function copyOf(text: string): string {
  const bytes = latin1Bytes(text);
  return latin1Text(bytes, 0, bytes.length);
}

/** The spans of a request: the request itself, its time in the queue, and that in the app, as far as there were such. */
export function spansOf(request: TracedRequest): SpanData[] {
  const { trace, startedAtMs, durationMs, queuedMs, reachedApp, method, mount } = request;
  const { traceId, spanId, appSpanId, parentId, state } = trace;
  const endMs = startedAtMs + durationMs;
  const given = startedAtMs + queuedMs;
  const fault = faultOf(request);
  const common = { traceId, state, fault: "" };
  const spans: SpanData[] = [{
    ...common,
    name: [method || "HTTP", mount].join(" ").trimEnd(),
    kind: "server",
    spanId,
    parentId,
    startMs: startedAtMs,
    endMs,
    attributes: attributesOf(request, fault),
    fault,
  }];
  if (queuedMs > 0) {
    spans.push({
      ...common,
      name: "queue",
      kind: "internal",
      spanId: newSpanId(),
      parentId: spanId,
      startMs: startedAtMs,
      endMs: given,
      attributes: {},
    });
  }
  if (reachedApp) {
    const { worker, generation } = request;
    spans.push({
      ...common,
      name: `app ${mount}`.trimEnd(),
      kind: "internal",
      spanId: appSpanId,
      parentId: spanId,
      startMs: given,
      endMs,
      attributes: { "gatehouse.worker": worker, "gatehouse.generation": generation },
      fault,
    });
  }
  return spans;
}

function faultOf({ status, outcome }: TracedRequest): string {
  if (outcome === "cut off") return "cut off";
  return status >= 500 ? String(status) : "";
}

/** By the semantic conventions for HTTP servers. */
function attributesOf(request: TracedRequest, fault: string): Record<string, string | number> {
  const { method, target, mount, status, client, requestId } = request;
  const shown = withoutPasswords(target);
  const query = shown.indexOf("?");
  const attributes: Record<string, string | number> = {
    "http.request.method": method || "_OTHER",
    "url.scheme": request.scheme,
    "url.path": query < 0 ? shown : shown.slice(0, query),
    "network.protocol.version": request.protocol.slice("HTTP/".length),
    "http.request.body.size": request.bytesIn,
    "http.response.body.size": request.bytesOut,
    "gatehouse.endpoint": request.endpoint,
    "gatehouse.outcome": request.outcome,
  };
  if (query >= 0) attributes["url.query"] = shown.slice(query + 1);
  if (mount !== "") attributes["http.route"] = mount;
  if (status !== 0) attributes["http.response.status_code"] = status;
  if (client !== "") attributes["client.address"] = client;
  attributes["gatehouse.request_id"] = requestId;
  if (fault !== "") attributes["error.type"] = fault;
  return attributes;
}
