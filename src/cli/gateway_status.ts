/**
 * `gatehouse status ADDR`: shows in the terminal how a gateway does.
 *
 * @module
 */

import { inOneLine, print, showPage } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import type { Status } from "../monitor/status.ts";
import type { ListenAddress } from "../net/address.ts";
import { askForStatus, readToken } from "./status_client.ts";

/** Time between two looks, in milliseconds. */
const INTERVAL_MS = 1_000;
/** Points of the line of requests: seconds. */
const MAX_BARS = 60;
const BARS = "▁▂▃▄▅▆▇█";
/** Rows of the longer tables. */
const MAX_ROWS = 10;

/** What the command is to show. */
export interface GatewayStatusOptions {
  /** Where the gateway shows its status. */
  readonly address: ListenAddress;
  /** File of the token, to see facts about the system. */
  readonly tokenFile: string | undefined;
  /** Whether it is shown once, or again every second until a signal ends it. */
  readonly watching: "once" | "on";
}

/**
 * Prints the status.
 *
 * @throws {StatusError} if the gateway does not answer
 */
export async function gatewayStatus(
  { address, tokenFile, watching }: GatewayStatusOptions,
): Promise<void> {
  const token = tokenFile === undefined ? null : readToken(tokenFile);
  for (;;) {
    const text = statusText(await askForStatus(address, token));
    if (watching === "once") {
      print(text.trimEnd());
      return;
    }
    showPage(text);
    await new Promise((resolve) => setTimeout(resolve, timerMs(INTERVAL_MS)));
  }
}

/** A status as text. */
export function statusText(status: Status): string {
  const { version, deno, nowMs, startedAtMs, isReady, reason, latencyMs, totals } = status;
  const last = lastPoint(status);
  const memory = status.processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0);
  const facts = [
    ["requests/s", numberText(last.requestsPerSecond)],
    ["failures/s", numberText(last.failuresPerSecond)],
    ["median", durationText(latencyMs.p50)],
    ["p90", durationText(latencyMs.p90)],
    ["p99", durationText(latencyMs.p99)],
    ["in flight", numberText(status.inFlight)],
    ["connections", numberText(status.connections)],
    ["memory", bytesText(memory)],
    ["requests", numberText(totals.requests)],
    ["failures", numberText(totals.failures)],
  ];
  const half = facts.length / 2;
  const line = (some: readonly string[][]) =>
    `  ${some.map(([name, value]) => `${name} ${value}`).join("   ")}\n`;
  return [
    `gatehouse ${version} (Deno ${deno}): ${isReady ? "ready" : inOneLine(reason)}, ` +
    `up for ${durationText(nowMs - startedAtMs)}\n`,
    line(facts.slice(0, half)),
    line(facts.slice(half)),
    `  ${barsOf(status)}\n\n`,
    section(
      "Workers",
      workersOf(status),
      "none: apps run on a gateway's own thread, or in the handlers of a dispatcher",
    ),
    section("Requests under way", requestsOf(status), "none"),
    section("Endpoints", endpointsOf(status), "none"),
    section("Processes", processesOf(status), "none"),
    section("Errors and warnings", errorsOf(status), "none"),
    status.system === undefined ? "" : section("System", systemOf(status.system), ""),
  ].join("");
}

type Row = readonly string[];

function section(title: string, rows: readonly Row[], none: string): string {
  // The first row has the headings.
  if (rows.length <= 1) return `${title}: ${none}\n\n`;
  const lines = rows.map((row) => row.map(inOneLine));
  const widths = lines[0].map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  );
  const text = lines.map((line) =>
    `  ${line.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()}\n`
  );
  return `${title}:\n${text.join("")}\n`;
}

function workersOf({ processes, requests }: Status): Row[] {
  const rows: Row[] = [];
  for (const { process, generations } of processes) {
    for (const { number: generation, state, pools } of generations) {
      for (const { mounts, workers } of pools) {
        for (const worker of workers) {
          const oldest = requests.find((each) =>
            each.process === process && each.worker === worker.number &&
            each.generation === generation
          );
          rows.push([
            `${process > 0 ? `${process}.` : ""}${worker.number}`,
            mounts.join(" "),
            worker.isBlocked ? "blocked" : state === "serving" ? worker.state : state,
            String(generation),
            numberText(worker.inFlight),
            numberText(worker.sockets),
            oldest === undefined ? "-" : durationText(oldest.ageMs),
            numberText(worker.requests),
            bytesText(worker.memoryBytes),
            durationText(worker.delayMs),
            durationText(worker.ageMs),
          ]);
        }
      }
    }
  }
  return [[
    "worker",
    "apps",
    "state",
    "generation",
    "in flight",
    "sockets",
    "oldest",
    "requests",
    "memory",
    "delay",
    "age",
  ], ...rows];
}

function requestsOf({ requests }: Status): Row[] {
  return [
    ["age", "method", "target", "app", "worker"],
    ...requests.slice(0, MAX_ROWS).map((each) => [
      durationText(each.ageMs),
      each.method,
      each.target,
      each.mount || "-",
      each.worker === 0 ? "-" : `${each.process > 0 ? `${each.process}.` : ""}${each.worker}`,
    ]),
  ];
}

function endpointsOf({ processes }: Status): Row[] {
  return [
    ["address", "process", "connections", "accepted", "in flight"],
    ...processes.flatMap(({ process, endpoints }) =>
      endpoints.map(({ url, connections, accepted, unanswered }) => [
        url,
        process > 0 ? String(process) : "-",
        numberText(connections),
        numberText(accepted),
        numberText(unanswered),
      ])
    ),
  ];
}

function processesOf({ processes, nowMs }: Status): Row[] {
  return [
    ["process", "pid", "state", "generations", "memory", "heap", "loop delay", "max", "age"],
    ...processes.map((each) => [
      each.process > 0 ? String(each.process) : "-",
      String(each.pid),
      each.state,
      each.generations.map(({ number, state }) => `${number} ${state}`).join(", ") || "-",
      bytesText(each.rssBytes),
      bytesText(each.heapBytes),
      durationText(each.loopDelayMs.mean),
      durationText(each.loopDelayMs.max),
      durationText(nowMs - each.startedAtMs),
    ]),
  ];
}

function errorsOf({ errors }: Status): Row[] {
  return [
    ["when", "process", "level", "message"],
    ...errors.slice(0, MAX_ROWS).map(({ atMs, process, level, text }) => [
      new Date(atMs).toISOString(),
      process > 0 ? String(process) : "-",
      level,
      text,
    ]),
  ];
}

function systemOf(system: NonNullable<Status["system"]>): Row[] {
  return [
    ["fact", "value"],
    ...Object.entries(system).map(([name, value]) => [name, factText(name, value)]),
  ];
}

/** A fact; one of several parts, as memory is, with each of them. */
function factText(name: string, value: unknown): string {
  if (value === null) return "-";
  if (typeof value === "number" && !Number.isInteger(value)) return numberText(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map((part) => factText(name, part)).join(", ");
  const textOf = name === "memory" ? bytesText : String;
  return Object.entries(value).map(([part, amount]) => `${part} ${textOf(amount)}`).join(", ");
}

/** Requests per second of the last minute, as bars. */
function barsOf({ history }: Status): string {
  const column = history.columns.indexOf("requestsPerSecond");
  const rates = history.points.slice(-MAX_BARS).map((point) => point[column] ?? 0);
  const top = Math.max(1, ...rates);
  return rates.map((rate) => BARS[Math.round(rate / top * (BARS.length - 1))]).join("");
}

function lastPoint({ history }: Status): Record<string, number | null> {
  const point = history.points.at(-1) ?? [];
  return Object.fromEntries(history.columns.map((name, index) => [name, point[index] ?? null]));
}

function numberText(value: number | null): string {
  if (value === null) return "-";
  return Number.isInteger(value) || value >= 100 ? String(Math.round(value)) : value.toPrecision(2);
}

const BYTES_PER_MIB = 1_048_576;

function bytesText(value: number | null): string {
  if (value === null) return "-";
  return `${(value / BYTES_PER_MIB).toFixed(value < 100 * BYTES_PER_MIB ? 1 : 0)} MiB`;
}

function durationText(ms: number | null): string {
  if (ms === null) return "-";
  if (ms < 1_000) return `${ms < 100 ? Number(ms.toPrecision(2)) : Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
