/**
 * A picture of ratios: a line for each case and reference, with a dot for each number of workers, the
 * quartiles around it, and the goals that are ratios. It is an SVG that adapts to light and dark.
 *
 * @module
 */

import type { Figure } from "../measuring/figures.ts";
import type { Row } from "./table.ts";
import type { Spread } from "../measuring/standings.ts";

const LABEL_WIDTH = 360;
const PANEL_WIDTH = 320;
const GAP = 30;
const TOP = 64;
const LINE_HEIGHT = 26;
/** Ratios at the ends of the scale, which is logarithmic; what is beyond is drawn at the end. */
const LEAST = 0.05;
const MOST = 16;
const MARKS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16];
/** Figures of which a case has one at most have a panel together. */
const PANELS: readonly Panel[] = [
  { label: "rate", better: "more", figures: ["rate"] },
  { label: "CPU time", better: "less", figures: ["cpuUs"] },
  {
    label: "memory, start",
    better: "less",
    figures: ["startMs", "residentMiB", "furtherMB", "connectionKiB", "grownMiB"],
  },
];
/** Distance between the dots of different numbers of workers. */
const DOT_STEP = 6;

/** A part of the picture with a scale of its own. */
interface Panel {
  readonly label: string;
  readonly better: "more" | "less";
  readonly figures: readonly Figure[];
}

/** A row that can be drawn. */
interface Dot extends Row {
  readonly ratio: Spread;
  /** Which panel it is in. */
  readonly panel: number;
}

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.small { font-size: 10px; fill: #57606a; }
.grid { stroke: #d0d7de; }
.one { stroke: #57606a; }
.workers0 { fill: #0969da; stroke: #0969da; }
.workers1 { fill: #bc4c00; stroke: #bc4c00; }
.workers2 { fill: #1a7f37; stroke: #1a7f37; }
.goal { fill: none; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .grid { stroke: #30363d; }
  .one { stroke: #9198a1; }
  .workers0 { fill: #58a6ff; stroke: #58a6ff; }
  .workers1 { fill: #f0883e; stroke: #f0883e; }
  .workers2 { fill: #3fb950; stroke: #3fb950; }
}`;

/** Draws the rows; `title` says what they are. */
export function chart(title: string, rows: readonly Row[]): string {
  const shown = rows.flatMap((row): Dot[] => {
    const panel = PANELS.findIndex(({ figures }) => figures.includes(row.figure));
    const ratio = row.summary?.ratio;
    return panel < 0 || !ratio ? [] : [{ ...row, ratio, panel }];
  });
  const lines = [...Map.groupBy(shown, lineOf)];
  const height = TOP + lines.length * LINE_HEIGHT + 30;
  const width = LABEL_WIDTH + PANELS.length * (PANEL_WIDTH + GAP) + 10;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    text(10, 20, title, "title"),
    legend(width),
    ...PANELS.map((panel, i) => axis(panel, panelStart(i), height - 30)),
    ...lines.map(([label, ofLine], i) => line(label, ofLine, TOP + i * LINE_HEIGHT)),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

/** What a line is called. */
function lineOf({ bench, name, reference }: Row): string {
  return `${bench}: ${name} / ${reference}`;
}

function panelStart(index: number): number {
  return LABEL_WIDTH + index * (PANEL_WIDTH + GAP);
}

/** Where a ratio is in a panel. */
function placeOf(ratio: number): number {
  const within = Math.min(MOST, Math.max(LEAST, ratio));
  return PANEL_WIDTH * Math.log(within / LEAST) / Math.log(MOST / LEAST);
}

function legend(width: number): string {
  return [0, 1, 2].map((workers, i) => {
    const x = width - 310 + i * 75;
    return `<circle class="workers${workers}" cx="${x}" cy="16" r="4"/>` +
      text(x + 8, 20, `workers ${workers}`);
  }).join("") + `<path class="goal one" d="M${width - 85} 10v12"/>` + text(width - 78, 20, "goal");
}

function axis({ label, better }: Panel, start: number, bottom: number): string {
  const marks = MARKS.map((ratio) => {
    const x = round(start + placeOf(ratio));
    return `<path class="${ratio === 1 ? "one" : "grid"}" d="M${x} ${TOP - 8}V${bottom}"/>` +
      text(x, TOP - 12, String(ratio), "small", "middle");
  });
  return text(start, TOP - 26, `${label}, as a ratio (${better} is better)`) + marks.join("");
}

function line(label: string, rows: readonly Dot[], top: number): string {
  const middle = top + LINE_HEIGHT / 2;
  const shown = label.length > 54 ? `${label.slice(0, 53)}…` : label;
  return text(10, middle + 4, shown) +
    rows.map((row) => {
      const start = panelStart(row.panel);
      const y = middle + (row.workers - 1) * DOT_STEP;
      const [low, median, high] = [row.ratio.low, row.ratio.median, row.ratio.high]
        .map((ratio) => round(start + placeOf(ratio)));
      const { goal } = row;
      const limit = goal?.of === "figure" ? undefined : goal?.atLeast ?? goal?.atMost;
      const at = limit && round(start + placeOf(limit));
      const name = `workers${row.workers}`;
      return `<path class="${name}" d="M${low} ${y}H${high}"/>` +
        `<circle class="${name}" cx="${median}" cy="${y}" r="3"/>` +
        (at === undefined ? "" : `<path class="goal ${name}" d="M${at} ${y - 5}v10"/>`);
    }).join("");
}

function text(x: number, y: number, content: string, name?: string, anchor?: "middle"): string {
  const [style, place] = [name && ` class="${name}"`, anchor && ` text-anchor="${anchor}"`];
  return `<text x="${x}" y="${y}"${style ?? ""}${place ?? ""}>${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
