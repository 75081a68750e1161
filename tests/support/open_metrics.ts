/** Reads the OpenMetrics text format strictly (OpenMetrics 1.0, section 5). */

/** A family as it was read. */
export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  readonly unit: string;
  /** Values by name and labels, as the text has them. */
  readonly samples: Map<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"`;
const SAMPLE = new RegExp(
  `^(${NAME})(\\{${LABEL}(?:,${LABEL})*\\})? (-?(?:\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?))$`,
);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  info: ["_info"],
  histogram: ["_bucket", "_count", "_sum"],
};

/** The families in `text`; throws at what the format does not allow. */
export function readOpenMetrics(text: string): Map<string, ReadFamily> {
  if (!text.endsWith("\n# EOF\n")) throw new Error("no end");
  const families = new Map<string, ReadFamily & { type: string; help: string; unit: string }>();
  let name = "";
  for (const line of text.slice(0, -"# EOF\n".length).split("\n").slice(0, -1)) {
    const [, keyword, of, rest] = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === "TYPE") {
      if (families.has(of)) throw new Error(`${of} comes twice`);
      if (!(rest in SUFFIXES)) throw new Error(`unknown type: ${line}`);
      families.set(name = of, { type: rest, help: "", unit: "", samples: new Map() });
      continue;
    }
    const family = families.get(name);
    if (family === undefined) throw new Error(`outside of a family: ${line}`);
    if (keyword !== undefined) {
      if (of !== name || family.samples.size > 0) throw new Error(`misplaced: ${line}`);
      if (keyword === "HELP") family.help = rest;
      else if (of.endsWith(`_${rest}`)) family.unit = rest;
      else throw new Error(`${of} does not end with its unit`);
      continue;
    }
    const [, sample, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (sample === undefined) throw new Error(`malformed: ${line}`);
    const suffix = sample.slice(name.length);
    if (!sample.startsWith(name) || !SUFFIXES[family.type].includes(suffix)) {
      throw new Error(`not of ${name}: ${line}`);
    }
    const key = sample + labels;
    if (family.samples.has(key)) throw new Error(`comes twice: ${key}`);
    family.samples.set(key, Number(value));
  }
  for (const [name, family] of families) checkHistogram(name, family);
  return families;
}

/** Buckets of each set of labels follow each other, grow, and end with all. */
function checkHistogram(name: string, { type, samples }: ReadFamily): void {
  if (type !== "histogram") return;
  let before = { labels: "", le: -Infinity, count: 0 };
  for (const [key, count] of samples) {
    const [, labels, bound] = /_bucket\{(.*?),?le="([^"]+)"\}$/.exec(key) ?? [];
    if (bound === undefined) continue;
    const le = bound === "+Inf" ? Infinity : Number(bound);
    if (labels === before.labels && (le <= before.le || count < before.count)) {
      throw new Error(`${key} does not grow`);
    }
    if (le === Infinity && samples.get(`${name}_count{${labels}}`) !== count) {
      throw new Error(`${key} is not the count`);
    }
    before = { labels, le, count };
  }
}

/** The sum of those samples of `family` that have all of `labels`. */
export function sumOf(
  families: Map<string, ReadFamily>,
  family: string,
  labels: Readonly<Record<string, string>> = {},
  suffix = "",
): number {
  let sum = 0;
  for (const [key, value] of families.get(family)?.samples ?? []) {
    const [sample] = key.split("{", 1);
    const isMeant = suffix === "" || sample === family + suffix;
    const hasAll = Object.entries(labels).every(([name, value]) =>
      key.includes(`${name}="${value}"`)
    );
    if (isMeant && hasAll) sum += value;
  }
  return sum;
}
