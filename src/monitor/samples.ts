/**
 * Metrics as numbers with labels, and their text in the OpenMetrics format.
 *
 * @module
 */

import type { FamilyName } from "./metric_families.ts";
import { FAMILIES } from "./metric_families.ts";

/** What a sample's name ends with in the text, and its labels: `_total{mount="/"}`. */
type SampleKey = string;

/** Values by the family and the sample's key. All of them can be added up over processes. */
export type Samples = { [Name in FamilyName]?: Record<SampleKey, number> };

/** Labels by their names. */
export type Labels = Readonly<Record<string, string | number>>;

/** The media type of the text (OpenMetrics 1.0, section 7). */
export const OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** Adds `value` to the sample of `family` with these labels. */
export function addSample(
  samples: Samples,
  family: FamilyName,
  labels: Labels,
  value: number,
): void {
  const { type } = FAMILIES[family];
  const suffix = type === "counter" ? "_total" : type === "info" ? "_info" : "";
  addTo(samples, family, suffix + labelText(labels), value);
}

/**
 * Adds a histogram: `counts` has what is up to each of `bounds`, and last what is above all of them; not
 * accumulated.
 */
export function addHistogram(
  samples: Samples,
  family: FamilyName,
  labels: Labels,
  bounds: readonly number[],
  counts: ArrayLike<number>,
  sum: number,
): void {
  let count = 0;
  for (let index = 0; index <= bounds.length; index++) {
    count += counts[index];
    const le = index === bounds.length ? "+Inf" : formatNumber(bounds[index]);
    addTo(samples, family, `_bucket${labelText({ ...labels, le })}`, count);
  }
  addTo(samples, family, `_count${labelText(labels)}`, count);
  addTo(samples, family, `_sum${labelText(labels)}`, sum);
}

function addTo(samples: Samples, family: FamilyName, key: SampleKey, value: number): void {
  const values = samples[family] ??= {};
  values[key] = (values[key] ?? 0) + value;
}

/** Adds `more` to `sum`: all of it, or what only grows, which outlives its process. */
export function addSamples(sum: Samples, more: Samples, which: "all" | "growing"): void {
  for (const family of Object.keys(FAMILIES) as FamilyName[]) {
    const values = more[family];
    if (values === undefined || which === "growing" && !isGrowing(family)) continue;
    for (const [key, value] of Object.entries(values)) addTo(sum, family, key, value);
  }
}

function isGrowing(family: FamilyName): boolean {
  return FAMILIES[family].type === "counter" || FAMILIES[family].type === "histogram";
}

/** The text of `samples` (OpenMetrics 1.0, section 5). Families without samples are left out. */
export function openMetricsText(samples: Samples): string {
  const lines: string[] = [];
  for (const family of Object.keys(FAMILIES) as FamilyName[]) {
    const values = samples[family];
    if (values === undefined) continue;
    const { type, help } = FAMILIES[family];
    const unit = /_(seconds|bytes)$/.exec(family)?.[1];
    lines.push(`# TYPE ${family} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${family} ${unit}`);
    lines.push(`# HELP ${family} ${help}`);
    for (const [key, value] of Object.entries(values)) {
      lines.push(`${family}${key} ${formatNumber(value)}`);
    }
  }
  lines.push("# EOF", "");
  return lines.join("\n");
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escaped(value: string | number): string {
  return String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  // What became of additions of times is not worth 17 digits.
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(12)));
}
