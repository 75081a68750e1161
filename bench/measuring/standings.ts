/**
 * What contestants came to: medians and quartiles of their figures, and ratios to those of a reference in
 * neighbouring samples, since the speed of shared machines drifts.
 *
 * @module
 */

import type { Figure, Sample } from "./figures.ts";
import { FIGURES, fixed, headOf, numberText, ratioOf } from "./figures.ts";
import { quantile } from "./harness.ts";

/** One contestant's figures, by round. */
export interface Result {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** Quartiles of a figure. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** A figure of all rounds. */
export interface Summary {
  readonly value: Spread;
  /** What it is to the reference's; `null` if the two cannot be compared so. */
  readonly ratio: Spread | null;
}

/** What a contestant came to. */
export interface Standing {
  readonly name: string;
  /** By figure, in the order of all figures. */
  readonly summaries: ReadonlyMap<Figure, Summary>;
}

/** Sums results up, beside those of the contestant that is called `reference`. */
export function standingsOf(results: readonly Result[], reference: string): Standing[] {
  const basis = results.find(({ name }) => name === reference)!.samples;
  return results.map(({ name, samples }) => {
    const measured = FIGURES.filter((figure) => samples[0]?.[figure] !== undefined);
    return {
      name,
      summaries: new Map(measured.map((figure) => [figure, summaryOf(figure, samples, basis)])),
    };
  });
}

function summaryOf(figure: Figure, own: readonly Sample[], basis: readonly Sample[]): Summary {
  const ratios = own.flatMap(({ [figure]: value }, round) => {
    const other = basis[round]?.[figure];
    return value === undefined || other === undefined ? [] : ratioOf(figure, value, other) ?? [];
  });
  return {
    value: spreadOf(own.map((sample) => sample[figure]!)),
    ratio: ratios.length === 0 ? null : spreadOf(ratios),
  };
}

/** A table of standings, for the terminal and for bench/RESULTS.md alike. */
export function tableOf(title: string, standings: readonly Standing[]): string {
  const columns = FIGURES.flatMap((figure): Column[] => {
    const summaries = standings.map((each) => each.summaries.get(figure));
    if (summaries.every((each) => each === undefined)) return [];
    const value = ({ value }: Summary) => numberText(figure, value.median);
    const ratio = ({ ratio }: Summary) => ratio === null ? "" : spreadText(ratio);
    return summaries.some((each) => each?.ratio)
      ? [{ head: headOf(figure), figure, text: value }, { head: "ratio", figure, text: ratio }]
      : [{ head: headOf(figure), figure, text: ({ value }) => spreadText(value, figure) }];
  });
  return `${title}\n\n${
    markdown(
      ["", ...columns.map(({ head }) => head)],
      standings.map(({ name, summaries }) => [
        name,
        ...columns.map(({ figure, text }) => {
          const summary = summaries.get(figure);
          return summary === undefined ? "" : text(summary);
        }),
      ]),
      "numbers",
    )
  }`;
}

interface Column {
  readonly head: string;
  readonly figure: Figure;
  text(summary: Summary): string;
}

/** A median and its quartiles: ratios, or values of a figure. */
export function spreadText({ low, median, high }: Spread, figure?: Figure): string {
  const text = (value: number) =>
    figure === undefined ? fixed(value, 2) : numberText(figure, value);
  return `${text(median)} (${text(low)}-${text(high)})`;
}

function spreadOf(values: readonly number[]): Spread {
  return {
    low: quantile(values, 0.25),
    median: quantile(values, 0.5),
    high: quantile(values, 0.75),
  };
}

/**
 * A table in Markdown, with columns as wide as they need to be.
 *
 * @param content What is in all columns but the first one: numbers stand to the right.
 */
export function markdown(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  content: "numbers" | "text",
): string {
  const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((row) => row[i].length)));
  const isLeft = (i: number) => i === 0 || content === "text";
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, i) => isLeft(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
        .join(" | ")
    } |`;
  const rule = widths.map((width, i) =>
    isLeft(i) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}
