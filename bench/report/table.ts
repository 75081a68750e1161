/**
 * What all benches came to, as one table.
 *
 * @module
 */

import type { CaseResult, Goal } from "../measuring/bench.ts";
import { gatehouseName, referencesOf } from "../measuring/bench.ts";
import type { Figure } from "../measuring/figures.ts";
import { labelOf, limitText, numberText, valueText } from "../measuring/figures.ts";
import { markdown, spreadText, standingsOf } from "../measuring/standings.ts";
import type { Spread, Summary } from "../measuring/standings.ts";

/** One figure of gatehouse beside that of another. */
export interface Row {
  readonly bench: string;
  /** The case. */
  readonly name: string;
  readonly workers: number;
  readonly figure: Figure;
  /** Who it is compared with. */
  readonly reference: string;
  /** What was measured; `null` if nothing was. */
  readonly summary: Summary | null;
  readonly goal?: Goal;
}

/**
 * The rows of a case: every figure beside the first reference; what the case is about, and what has a goal,
 * beside others. A goal that nothing was measured for is a row, too.
 */
export function rowsOf({ bench, measured, results }: CaseResult): Row[] {
  const { name, goals = [], workers: counts = [0, 1, 2] } = measured;
  const references = referencesOf(measured);
  const referenceOf = (goal: Goal) => goal.reference ?? references[0] ?? "";
  const isThere = (name: string) => results.some((result) => result.name === name);
  const rows = [...new Set([...references, ...goals.map(referenceOf)])].filter(isThere)
    .flatMap((reference) => {
      const standings = standingsOf(results, reference);
      return counts.flatMap((workers) => {
        const own = standings.find((each) => each.name === gatehouseName(workers));
        return [...own?.summaries ?? []].flatMap(([figure, summary], index): Row[] => {
          const goal = goals.find((each) =>
            each.workers === workers && each.figure === figure && referenceOf(each) === reference
          );
          const isTold = goal !== undefined || reference === references[0] ||
            index === 0 && references.includes(reference);
          return isTold ? [{ bench, name, workers, figure, reference, summary, goal }] : [];
        });
      });
    });
  const told = new Set(rows.map(({ goal }) => goal));
  const untold = goals.filter((goal) => !told.has(goal)).map((goal): Row => {
    const { workers, figure } = goal;
    return { bench, name, workers, figure, reference: referenceOf(goal), summary: null, goal };
  });
  return [...rows, ...untold];
}

/** What became of a goal; `null` if there is none. A median counts. */
export function outcomeOf({ goal, summary }: Row): "reached" | "missed" | "not measured" | null {
  if (goal === undefined) return null;
  const spread = goal.of === "figure" ? summary?.value : summary?.ratio;
  if (!spread) return "not measured";
  const { atLeast = -Infinity, atMost = Infinity } = goal;
  return spread.median >= atLeast && spread.median <= atMost ? "reached" : "missed";
}

/** How many goals there are, and what became of them. */
export function outcomesText(rows: readonly Row[]): string {
  const outcomes = rows.map(outcomeOf).filter((outcome) => outcome !== null);
  const count = (outcome: string) => outcomes.filter((each) => each === outcome).length;
  const unknown = count("not measured");
  return `${count("reached")} of ${outcomes.length} goals are reached` +
    (unknown > 0 ? `, ${unknown} not measured.` : ".");
}

/** A table in Markdown of all rows. */
export function reportTable(rows: readonly Row[]): string {
  return markdown(
    ["case", "workers", "figure", "ours (quartiles)", "beside", "ratio (quartiles)", "goal", ""],
    rows.map((row) => [
      `${row.bench}: ${row.name}`,
      String(row.workers),
      labelOf(row.figure),
      row.summary === null ? "" : measuredText(row.figure, row.summary.value),
      row.reference,
      row.summary?.ratio ? spreadText(row.summary.ratio) : "",
      row.goal === undefined ? "" : goalText(row.goal),
      outcomeOf(row) ?? "",
    ]),
    "text",
  );
}

function measuredText(figure: Figure, { low, median, high }: Spread): string {
  const [from, to] = [low, high].map((value) => numberText(figure, value));
  return `${valueText(figure, median)} (${from}-${to})`;
}

/** A ratio to be reached, or a limit to the figure itself: that one has a unit. */
function goalText(goal: Goal): string {
  const [sign, limit] = goal.atLeast !== undefined ? ["≥", goal.atLeast] : ["≤", goal.atMost!];
  return goal.of === "figure"
    ? `${sign} ${limitText(goal.figure, limit)}`
    : `ratio ${sign} ${limit}`;
}
