/**
 * The options of `deno task bench:fleet` that say something about the scenario. Each stands for a part of the JSON,
 * and overrides that of the file.
 *
 * @module
 */

import { number, text, whole } from "../command_line.ts";
import type { CommandLine, OptionKind } from "../command_line.ts";
import type { Located, LocatedFields } from "./located.ts";
import { ScenarioError } from "./located.ts";

/** An option without a default of its own: the file's counts, or that of scenarios. */
function optional(kind: OptionKind<number>): OptionKind<number | undefined> {
  return { ...kind, help: kind.help.replace(/ \(.*?\)$/, ""), standard: undefined };
}

/** The options. */
export const SCENARIO_OPTIONS = {
  nodes: optional(whole(1, "nodes of the first group")),
  workers: optional(whole(1, "requests that each works on at the same time")),
  capacity: optional(whole(1, "requests that a dispatcher gives it at the same time")),
  rate: optional(number(1, "requests a second, at random (Poisson)")),
  load: optional(number(1, "such a rate, as a share of what all workers serve")),
  clients: optional(whole(1, "instead, clients that ask one thing after the other")),
  service: text(
    "KIND:MS,…",
    "constant:MS, exponential:MEAN, lognormal:MEDIAN,P99,\n" +
      "bimodal:SHORT,LONG,SHARE or measured:FILE (an access log)",
  ),
  keys: text("KIND:N", "uniform:COUNT or zipf:COUNT,EXPONENT"),
  failures: text(
    "WHAT,…",
    "crash, freeze, cut, leave or join, each @MS (when) or ~MS (mean time\n" +
      "between two of a node), then +MS (how long) and xN (nodes)",
  ),
  policies: text("NAME,…", "round-robin, random, two-choices, least-busy, sticky"),
  dispatchers: optional(whole(1, "dispatchers that know nothing of one another")),
  "max-queue": optional(whole(0, "requests that wait before the nodes", 0)),
  "queue-timeout": optional(number(0, "milliseconds that they wait at the most")),
  network: optional(number(0, "milliseconds from a dispatcher to a node")),
  "ping-interval": optional(number(0, "milliseconds between two pings")),
  requests: optional(whole(1, "requests that come")),
  duration: optional(number(0, "milliseconds in which requests come")),
  "warm-up": optional(number(0, "milliseconds that are not counted")),
  sweep: text("OF:N,…", "load, nodes, dispatchers or perSecond, and its values"),
  seed: optional(whole(0, "of the random numbers", 0)),
} satisfies Record<string, OptionKind<unknown>>;

/** What an option is called in the JSON, where it is one number. */
const NUMBERS = {
  dispatchers: ["dispatchers"],
  "max-queue": ["queue", "max"],
  "queue-timeout": ["queue", "timeoutMs"],
  network: ["networkMs"],
  "ping-interval": ["pings", "intervalMs"],
  requests: ["requests"],
  duration: ["durationMs"],
  "warm-up": ["warmUpMs"],
  seed: ["seed"],
} as const;

/** What the numbers after the colon are called. */
const DURATION_FIELDS: Readonly<Record<string, readonly string[]>> = {
  constant: ["ms"],
  exponential: ["meanMs"],
  lognormal: ["medianMs", "p99Ms"],
  bimodal: ["shortMs", "longMs", "longShare"],
  measured: ["file"],
};
const KEY_FIELDS: Readonly<Record<string, readonly string[]>> = {
  uniform: ["count"],
  zipf: ["count", "exponent"],
};

/** One failure: its kind, when, how long, and how many nodes. */
const FAILURE = /^([a-z]+)([@~])(\d+(?:\.\d+)?)(?:\+(\d+(?:\.\d+)?))?(?:x(\d+))?$/;

type Given = Partial<CommandLine<typeof SCENARIO_OPTIONS>>;

/**
 * The scenario of a file, or an empty one, with what the options say in place of what it says.
 *
 * @throws {ScenarioError} An option's text is not of its form.
 */
export function withOptions(scenario: Located, given: Given): Located {
  // What it is otherwise is told where it is read.
  if (!(scenario.value instanceof Map)) return scenario;
  const problems: string[] = [];
  const fields = new Map(fieldsOf(scenario));
  const put = (path: readonly string[], place: string, value: Located["value"]) => {
    const [first, ...rest] = path;
    if (rest.length === 0) {
      fields.set(first, { place, value });
    } else {
      const inner = new Map(fieldsOf(fields.get(first)));
      fields.set(first, { place, value: inner.set(rest[0], { place, value }) });
    }
  };
  for (const [name, path] of Object.entries(NUMBERS)) {
    const value = given[name as keyof typeof NUMBERS];
    if (value !== undefined) put(path, `--${name}`, value);
  }
  // As many as the option says, not as the file says.
  if (given.requests !== undefined && given.duration === undefined) fields.delete("durationMs");
  if (given.duration !== undefined && given.requests === undefined) fields.delete("requests");
  putNodes(fields, given);
  putArrivals(fields, given);
  for (const [name, kinds] of [["service", DURATION_FIELDS], ["keys", KEY_FIELDS]] as const) {
    const text = given[name];
    if (text === undefined) continue;
    const object = kindOf(text, `--${name}`, kinds);
    if (object === null) problems.push(`--${name}: there is no ${text}; see --help`);
    else fields.set(name, object);
  }
  if (given.policies !== undefined) {
    put(
      ["policies"],
      "--policies",
      given.policies.split(",").map((value) => ({ place: "--policies", value })),
    );
  }
  if (given.failures !== undefined) {
    put(
      ["failures"],
      "--failures",
      given.failures.split(",").flatMap((text) => failureOf(text, problems)),
    );
  }
  if (given.sweep !== undefined) put(["sweep"], "--sweep", sweepOf(given.sweep));
  if (problems.length > 0) throw new ScenarioError(problems);
  return { place: scenario.place, value: fields };
}

function fieldsOf(located: Located | undefined): LocatedFields {
  return located?.value instanceof Map ? located.value : new Map();
}

function putNodes(fields: Map<string, Located>, { nodes, workers, capacity }: Given): void {
  const given = { count: nodes, workers, capacity };
  if (Object.values(given).every((value) => value === undefined)) return;
  const groups = fields.get("nodes")?.value;
  const [first, ...others] = groups instanceof Array ? groups : [];
  const group = new Map(fieldsOf(first));
  for (const [name, value] of Object.entries(given)) {
    const option = name === "count" ? "--nodes" : `--${name}`;
    if (value !== undefined) group.set(name, { place: option, value });
  }
  const place = first?.place ?? "--nodes";
  fields.set("nodes", { place, value: [{ place, value: group }, ...others] });
}

function putArrivals(fields: Map<string, Located>, { rate, load, clients }: Given): void {
  const kind = fieldsOf(fields.get("arrivals")).get("kind")?.value === "constant"
    ? "constant"
    : "poisson";
  const put = (place: string, kind: string, name: string, value: number) => {
    const others = place === "--load" && rate !== undefined ? fieldsOf(fields.get("arrivals")) : [];
    fields.set("arrivals", {
      place,
      value: new Map([...others, ["kind", { place, value: kind }], [name, { place, value }]]),
    });
  };
  if (rate !== undefined) put("--rate", kind, "perSecond", rate);
  if (load !== undefined) put("--load", kind, "load", load);
  if (clients !== undefined) put("--clients", "closed", "clients", clients);
}

/** `KIND:VALUE,…` as an object; `null` if it is none of these kinds, or has not as many values. */
function kindOf(
  text: string,
  place: string,
  kinds: Readonly<Record<string, readonly string[]>>,
): Located | null {
  const colon = text.indexOf(":");
  const kind = text.slice(0, colon);
  const names = Object.hasOwn(kinds, kind) ? kinds[kind] : [];
  // A file's name may have commas.
  const rest = text.slice(colon + 1);
  const values = names[0] === "file" ? [rest] : rest.split(",");
  if (colon < 0 || values.length !== names.length) return null;
  return {
    place,
    value: new Map([
      ["kind", { place, value: kind }],
      ...values.map((value, at): [string, Located] => [
        names[at],
        { place, value: names[at] === "file" ? value : numberIn(value) },
      ]),
    ]),
  };
}

function failureOf(text: string, problems: string[]): Located[] {
  const match = FAILURE.exec(text);
  const place = "--failures";
  if (match === null) {
    problems.push(`${place}: "${text}" is not like crash@5000+2000x3 or freeze~60000+500`);
    return [];
  }
  const [, kind, sign, ms, forMs, count] = match;
  const value = new Map<string, Located>([
    ["kind", { place, value: kind }],
    [sign === "@" ? "atMs" : "meanBetweenMs", { place, value: Number(ms) }],
  ]);
  if (forMs !== undefined) value.set("forMs", { place, value: Number(forMs) });
  if (count !== undefined) value.set("count", { place, value: Number(count) });
  return [{ place, value }];
}

function sweepOf(text: string): LocatedFields {
  const place = "--sweep";
  const [of, values = ""] = text.split(":", 2);
  return new Map<string, Located>([
    ["of", { place, value: of }],
    ["values", {
      place,
      value: values.split(",").map((value) => ({ place, value: numberIn(value) })),
    }],
  ]);
}

/** A number, or the text if it is none: that is told to be wrong where numbers are checked. */
function numberIn(text: string): number | string {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
