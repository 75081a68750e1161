/**
 * What is measured: the figures by name, and how they are called and written.
 *
 * @module
 */

/** A kind of figure. */
interface FigureKind {
  readonly label: string;
  readonly unit: string;
  /** Digits after the point. */
  readonly digits: number;
  /** What it is multiplied with to be written. Default: 1. */
  readonly scale?: number;
  /** Whether it is compared with others' as a ratio. Default: `"ratio"`. */
  readonly compared?: "ratio" | "not";
}

/** All of them. The first one that a case has is what it is about. */
const KINDS = {
  /** Requests. */
  rate: { label: "rate", unit: "/s", digits: 0 },
  /** CPU time of all processes for a request. */
  cpuUs: { label: "CPU", unit: "µs", digits: 1 },
  /** The median wait. */
  p50Ms: { label: "p50", unit: "ms", digits: 2 },
  /** The wait that 99 of 100 requests did not exceed. */
  p99Ms: { label: "p99", unit: "ms", digits: 2 },
  /** Share of the requests that waited for longer than they should. */
  lateShare: { label: "late", unit: "%", digits: 2, scale: 100 },
  /** From the start of the process to its first response. */
  startMs: { label: "first response", unit: "ms", digits: 0 },
  /** The same, with nothing in its cache, and the CPU time of all its threads until then. */
  coldMs: { label: "cold start", unit: "ms", digits: 0 },
  coldCpuMs: { label: "cold CPU", unit: "ms", digits: 0 },
  /** The same, with what the first start has left in its cache. */
  warmMs: { label: "warm start", unit: "ms", digits: 0 },
  warmCpuMs: { label: "warm CPU", unit: "ms", digits: 0 },
  /** From the start of the process to its end. */
  wallMs: { label: "time", unit: "ms", digits: 0 },
  /** CPU time of all its threads until then. */
  cpuMs: { label: "CPU", unit: "ms", digits: 0 },
  /** Sizes of the files that it has left on disk, what is linked counted once, in units of 10⁶ bytes. */
  diskMB: { label: "disk", unit: "MB", digits: 1 },
  /** Memory of the process that is in RAM, parts of files included. */
  residentMiB: { label: "RSS", unit: "MiB", digits: 1 },
  /** What of it is the process's own. */
  ownMiB: { label: "own memory", unit: "MiB", digits: 1 },
  /** CPU time of all processes in 5 s in which nothing happens: mostly none, so that a ratio says nothing. */
  restCpuMs: { label: "CPU in 5 s of rest", unit: "ms", digits: 0, compared: "not" },
  /** Memory in RAM after load. */
  loadedMiB: { label: "RSS after load", unit: "MiB", digits: 1 },
  /** The same, as a multiple of what it was at rest before. */
  loadedTimes: { label: "RSS after load", unit: "x at rest", digits: 2 },
  /** Memory in RAM that another worker takes, in units of 10⁶ bytes. */
  furtherMB: { label: "RSS", unit: "MB", digits: 1 },
  /** The process's own memory for each connection. */
  connectionKiB: { label: "own memory for each", unit: "KiB", digits: 1 },
  /** The process's own memory for all connections. */
  grownMiB: { label: "own memory for all", unit: "MiB", digits: 1 },
} satisfies Record<string, FigureKind>;

/** The name of a figure. */
export type Figure = keyof typeof KINDS;

/** One contestant's figures in one round: those that the case has. */
export type Sample = Readonly<Partial<Record<Figure, number>>>;

/** The names of all figures. */
export const FIGURES = Object.keys(KINDS) as readonly Figure[];

function kindOf(figure: Figure): FigureKind {
  return KINDS[figure];
}

/** How a figure is called. */
export function labelOf(figure: Figure): string {
  return kindOf(figure).label;
}

/** How a figure is called, with its unit if that does not go without saying. */
export function headOf(figure: Figure): string {
  const { label, unit } = kindOf(figure);
  return unit === "/s" ? label : `${label}, ${unit}`;
}

/** A figure's value, without its unit. */
export function numberText(figure: Figure, value: number): string {
  const { digits, scale = 1 } = kindOf(figure);
  return fixed(value * scale, digits);
}

/** A figure's value with its unit. */
export function valueText(figure: Figure, value: number): string {
  return withUnit(figure, numberText(figure, value));
}

/** A limit to a figure, with its unit. */
export function limitText(figure: Figure, limit: number): string {
  return withUnit(figure, String(limit * (kindOf(figure).scale ?? 1)));
}

function withUnit(figure: Figure, number: string): string {
  const { unit } = kindOf(figure);
  return unit === "/s" ? `${number}${unit}` : `${number} ${unit}`;
}

/** A number with so many digits after the point. */
export function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : value > 0 ? "∞" : "-∞";
}

/** What `value` is to `basis`; `null` if figures of this kind are not compared so. */
export function ratioOf(figure: Figure, value: number, basis: number): number | null {
  if (kindOf(figure).compared === "not") return null;
  // Nothing is as much as nothing.
  return value === basis ? 1 : value / basis;
}
