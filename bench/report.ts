/**
 * What all benches came to, as one table and one picture.
 *
 * @module
 */

import type { CaseResult, Figure, Goal } from "./bench.ts";
import { gatehouseName } from "./bench.ts";
import { standingsOf } from "./contest.ts";
import type { Spread, Standing } from "./contest.ts";

/** One figure of gatehouse beside that of another. */
export interface Row {
  readonly bench: string;
  /** The case. */
  readonly name: string;
  readonly workers: number;
  readonly figure: Figure;
  /** The figure itself. */
  readonly value: number;
  /** Who it is compared with. */
  readonly reference: string;
  readonly ratio: Spread;
  readonly goal?: Goal;
}

/** How figures are called, and written. */
const FIGURES: Readonly<Record<string, { readonly label: string; text(value: number): string }>> = {
  rate: { label: "rate", text: (value) => `${value.toFixed(0)}/s` },
  cpuUs: { label: "CPU", text: (value) => `${value.toFixed(1)} µs` },
  p50Ms: { label: "p50", text: (value) => `${value.toFixed(2)} ms` },
  p99Ms: { label: "p99", text: (value) => `${value.toFixed(2)} ms` },
  lateShare: { label: "late", text: (value) => `${(value * 100).toFixed(2)} %` },
};

/** How a figure is called. */
export function labelOf(figure: Figure): string {
  return FIGURES[figure]?.label ?? figure;
}

/** The rows of a case: every figure beside the first reference; rates, and what has a goal, beside others. */
export function rowsOf({ bench, measured, results }: CaseResult): Row[] {
  const { name, goals = [], peers, references = peers.slice(0, 1) } = measured;
  const names = results.map((result) => result.name);
  const others = goals.flatMap(({ reference }) => reference ?? []);
  const beside = new Set([...references, ...others].filter((each) => names.includes(each)));
  return [...beside].flatMap((reference) => {
    const standings = standingsOf(results, reference);
    return (measured.workers ?? [0, 1, 2]).flatMap((workers) => {
      const own = standings.find((each) => each.name === gatehouseName(workers));
      return own === undefined ? [] : figuresOf(own).flatMap((figure): Row[] => {
        const goal = goals.find((each) =>
          each.workers === workers && each.figure === figure &&
          (each.reference ?? references[0]) === reference
        );
        const isTold = goal !== undefined || reference === references[0] ||
          figure === "rate" && references.includes(reference);
        const ratio = own[ratioName(figure)];
        return isTold
          ? [{ bench, name, workers, figure, value: own[figure], reference, ratio, goal }]
          : [];
      });
    });
  });
}

/** Those of the figures that were measured, and can be compared. */
function figuresOf(own: Standing): Figure[] {
  return (Object.keys(FIGURES) as Figure[]).filter((figure) =>
    Number.isFinite(own[figure]) && Number.isFinite(own[ratioName(figure)]?.median)
  );
}

function ratioName(figure: Figure): keyof Standing & `${string}Ratio` {
  return figure.replace(/(?:Us|Ms|Share)?$/, "Ratio") as keyof Standing & `${string}Ratio`;
}

/** Whether a goal is reached; `null` if there is none. */
export function isReached({ goal, ratio }: Row): boolean | null {
  if (goal === undefined) return null;
  return ratio.median >= (goal.atLeast ?? 0) && ratio.median <= (goal.atMost ?? Infinity);
}

/** A table in Markdown of all rows. */
export function reportTable(rows: readonly Row[]): string {
  return markdown(
    ["case", "workers", "figure", "ours", "beside", "ratio (quartiles)", "goal", ""],
    rows.map((row) => {
      const { low, median, high } = row.ratio;
      return [
        `${row.bench}: ${row.name}`,
        String(row.workers),
        labelOf(row.figure),
        FIGURES[row.figure].text(row.value),
        row.reference,
        `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`,
        goalText(row.goal),
        { true: "reached", false: "missed", null: "" }[String(isReached(row)) as "true"],
      ];
    }),
  );
}

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return "";
  return goal.atLeast !== undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
}

/** A table in Markdown, with columns as wide as they need to be. */
export function markdown(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [head, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("\n");
}
