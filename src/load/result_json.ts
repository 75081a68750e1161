/**
 * Results as JSON: names carry their units.
 *
 * @module
 */

import type { Histogram } from "./histogram.ts";
import type { GroupResult } from "./group_record.ts";
import { sum } from "./group_record.ts";
import type { RunResult } from "./run.ts";
import { allLatencies, clientShare, total, wasClientBusy } from "./run.ts";

/** A result as it is written. */
export type JsonResult = Readonly<Record<string, unknown>>;

/** Percentiles that are told. */
export const PERCENTILES: readonly number[] = [50, 75, 90, 99, 99.9, 99.99];

/** The result of a run. */
export function resultJson(kind: string, result: RunResult): JsonResult {
  const { durationMs, groups, clientCpuMs, serverCpuMs } = result;
  const answered = total(groups.map((group) => group.answered));
  return {
    kind,
    durationMs: rounded(durationMs),
    requestsPerSecond: rounded(rateOf(result)),
    answered,
    failed: total(groups.map(({ failures }) => sum(failures))),
    unsent: total(groups.map(({ unsent }) => unsent)),
    latencyMs: latencyJson(allLatencies(result)),
    client: {
      cpuMs: clientCpuMs,
      cpuShare: clientShare(result),
      wasBottleneck: wasClientBusy(result),
    },
    server: { cpuMs: serverCpuMs },
    groups: groups.map((group) => groupJson(group, result)),
  };
}

/** Requests that were answered each second. */
export function rateOf({ groups, durationMs }: RunResult): number {
  return total(groups.map(({ answeredInTime }) => answeredInTime)) * 1_000 / durationMs;
}

function groupJson(group: GroupResult, { durationMs }: RunResult): JsonResult {
  const { latency, serviceTime } = group;
  return {
    name: group.name,
    connections: group.connections,
    connects: group.connects,
    repeated: group.repeated,
    requestsPerSecond: rounded(group.answeredInTime * 1_000 / durationMs),
    answered: group.answered,
    failures: Object.fromEntries(group.failures),
    unsent: group.unsent,
    statuses: Object.fromEntries(group.statuses),
    bodyLengths: Object.fromEntries(group.lengths),
    bodyBytes: group.bodyBytes,
    bytesSent: group.bytesSent,
    bytesReceived: group.bytesReceived,
    latencyMs: latencyJson(latency),
    serviceTimeMs: latencyJson(serviceTime),
    correctedLatencyMs: latencyJson(latency.corrected(latency.meanUs)),
    timeline: group.timeline,
  };
}

/** Times in milliseconds: ends, mean and percentiles. */
export function latencyJson(histogram: Histogram): JsonResult {
  return {
    count: histogram.count,
    min: ms(histogram.minUs),
    mean: ms(histogram.meanUs),
    ...Object.fromEntries(
      PERCENTILES.map((percent) => [`p${percent}`, ms(histogram.percentile(percent))]),
    ),
    max: ms(histogram.maxUs),
  };
}

function ms(us: number): number {
  return Math.round(us) / 1_000;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
