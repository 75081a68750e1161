/**
 * Plots as SVG: no scripts, no fonts, no colors of their own. The page says how their parts look.
 *
 * @module
 */

import { escaped } from "./markup.ts";

/** Points of one line, in the order of x. */
export interface Series {
  /** Name in the legend. */
  readonly name: string;
  /** The points; a gap in the line where y is not a number. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What a plot shows. */
export interface PlotSpec {
  /** Heading. */
  readonly title: string;
  /** What x is, and how its values are written. */
  readonly xLabel: string;
  /** Marks on the x axis; found by the values if absent. */
  readonly xTicks?: readonly (readonly [x: number, label: string])[];
  /** How the y axis runs. */
  readonly yScale: "linear" | "log";
  /** A value of y as text. */
  readonly yText: (y: number) => string;
  /** The lines. */
  readonly series: readonly Series[];
}

// The drawing's own units: small, so that letters are large on a phone.
const WIDTH = 420;
const HEIGHT = 232;
const LEFT = 62;
const RIGHT = 24;
const TOP = 26;
const BOTTOM = 40;
const TICKS = 5;
/** Points of a line at the most: more cannot be seen. */
const MAX_POINTS = 600;

/** A plot with its heading and legend, as a `figure` element; nothing without points. */
export function plot(spec: PlotSpec): string {
  const svg = drawing(spec);
  if (svg === "") return "";
  return `<figure><figcaption>${escaped(spec.title)}</figcaption>${svg}${
    legend(spec.series)
  }</figure>`;
}

/** Where a drawing is in another one. */
export interface DrawingPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Height of a drawing for its width. */
export const DRAWING_RATIO = HEIGHT / WIDTH;

/** The lines and axes alone, as an SVG element, in another one if there is a place; nothing without points. */
export function drawing(
  { title, xLabel, xTicks, yScale, yText, series }: PlotSpec,
  place?: DrawingPlace,
): string {
  const points = series.flatMap((each) => each.points).filter(([, y]) => Number.isFinite(y));
  if (points.length === 0) return "";
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const xEnds: Ends = [least(xs), greatest(xs)];
  const yTicks = yScale === "log" ? logTicks(ys) : linearTicks(0, greatest(ys));
  const yEnds: Ends = yScale === "log"
    ? [yTicks[0], Math.max(yTicks[yTicks.length - 1], greatest(ys))]
    : [0, yTicks[yTicks.length - 1]];
  const x = (value: number) => between(value, xEnds, LEFT, WIDTH - RIGHT);
  const y = (value: number) =>
    yScale === "log"
      ? between(
        Math.log10(Math.max(value, yEnds[0])),
        [Math.log10(yEnds[0]), Math.log10(yEnds[1])],
        HEIGHT - BOTTOM,
        TOP,
      )
      : between(value, yEnds, HEIGHT - BOTTOM, TOP);
  const marks = xTicks ??
    linearTicks(xEnds[0], xEnds[1]).filter((tick) => tick <= xEnds[1]).map((
      tick,
    ): [number, string] => [tick, String(tick)]);
  const at = place === undefined
    ? ""
    : ` x="${place.x}" y="${place.y}" width="${place.width}" height="${
      n(place.width * DRAWING_RATIO)
    }"`;
  return [
    `<svg${at} viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    ...yTicks.map((tick) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(y(tick))}" y2="${
        n(y(tick))
      }"/><text class="y" x="${LEFT - 6}" y="${n(y(tick) + 4)}">${escaped(yText(tick))}</text>`
    ),
    ...marks.map(([at, label]) =>
      `<text class="x" x="${n(x(at))}" y="${HEIGHT - BOTTOM + 16}">${escaped(label)}</text>`
    ),
    `<text class="x" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - BOTTOM + 32}">${
      escaped(xLabel)
    }</text>`,
    ...series.map((each, place) =>
      `<path class="line s${place}" d="${pathOf(thinned(each.points), x, y)}"><title>${
        escaped(each.name)
      }</title></path>`
    ),
    "</svg>",
  ].join("");
}

type Ends = readonly [from: number, to: number];

/** Which line is which, in the page's own text: names may be long. */
function legend(series: readonly Series[]): string {
  if (series.length < 2) return "";
  const entries = series.map(({ name }, place) =>
    `<li><svg viewBox="0 0 14 4" aria-hidden="true"><line class="line s${place}" x1="0" x2="14" y1="2" ` +
    `y2="2"/></svg>${escaped(name)}</li>`
  );
  return `<ul class="legend">${entries.join("")}</ul>`;
}

function pathOf(
  points: Series["points"],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  let path = "";
  let isDown = false;
  for (const [at, value] of points) {
    if (!Number.isFinite(value)) {
      isDown = false;
      continue;
    }
    path += `${isDown ? "L" : "M"}${n(x(at))} ${n(y(value))}`;
    isDown = true;
  }
  return path;
}

function thinned(points: Series["points"]): Series["points"] {
  const step = Math.ceil(points.length / MAX_POINTS);
  return step < 2
    ? points
    : points.filter((_, place) => place % step === 0 || place === points.length - 1);
}

function between(value: number, [from, to]: Ends, start: number, end: number): number {
  return to === from ? start : start + (value - from) / (to - from) * (end - start);
}

/** Round numbers from `from` to the first one that is not below `to`. */
function linearTicks(from: number, to: number): number[] {
  const span = to - from || 1;
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  const first = Math.floor(from / step);
  for (let i = first; i <= first + 2 * TICKS; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
    if (i * step >= to) break;
  }
  return ticks;
}

/** Powers of ten around the values. */
function logTicks(values: readonly number[]): number[] {
  const low = Math.floor(Math.log10(Math.max(least(values), 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(greatest(values), 1))));
  return Array.from({ length: high - low + 1 }, (_, place) => 10 ** (low + place));
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function greatest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}

/** A coordinate, as short as can be seen. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
