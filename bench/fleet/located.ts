/**
 * Values that know where they were given: in a line of a JSON file, or by an option. So all that is wrong with
 * them is told at once, with its place.
 *
 * @module
 */

import ts from "typescript";
import { nearest } from "../../src/base/nearest.ts";

/** A value, and where it was given, such as `fleet.json:3` or `--nodes`. */
export interface Located {
  readonly place: string;
  readonly value: string | number | boolean | null | readonly Located[] | LocatedFields;
}

/** Values by their names. */
export type LocatedFields = ReadonlyMap<string, Located>;

/** A scenario is wrong: `problems` has all that is, each with its place. */
export class ScenarioError extends Error {
  override name = "ScenarioError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Reads JSON, in which comments may stand.
 *
 * @throws {ScenarioError} It is none.
 */
export function parseLocated(text: string, file: string): Located {
  // A name that ends otherwise would be another language.
  const source = ts.parseJsonText("scenario.json", text);
  const placeOf = (at: number) => `${file}:${source.getLineAndCharacterOfPosition(at).line + 1}`;
  const { parseDiagnostics } = source as unknown as { parseDiagnostics: readonly ts.Diagnostic[] };
  const problems = parseDiagnostics.map(({ start, messageText }) =>
    `${placeOf(start ?? 0)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
  );
  const read = (node: ts.Node): Located => {
    const place = placeOf(node.getStart(source));
    if (ts.isObjectLiteralExpression(node)) {
      const fields = new Map<string, Located>();
      for (const property of node.properties) {
        if (!ts.isPropertyAssignment(property) || !ts.isStringLiteral(property.name)) {
          problems.push(`${placeOf(property.getStart(source))}: that is no JSON`);
        } else if (fields.has(property.name.text)) {
          problems.push(
            `${placeOf(property.getStart(source))}: "${property.name.text}" is there twice`,
          );
        } else {
          fields.set(property.name.text, read(property.initializer));
        }
      }
      return { place, value: fields };
    }
    if (ts.isArrayLiteralExpression(node)) return { place, value: node.elements.map(read) };
    if (ts.isStringLiteral(node)) return { place, value: node.text };
    const value = valueOf(node, source);
    if (value === undefined) problems.push(`${place}: that is no JSON`);
    return { place, value: value ?? null };
  };
  const expression = source.statements[0]?.expression;
  if (expression === undefined) throw new ScenarioError([`${file}:1: there is no JSON`]);
  const located = read(expression);
  if (problems.length > 0) throw new ScenarioError(problems);
  return located;
}

function valueOf(node: ts.Node, source: ts.SourceFile): number | boolean | null | undefined {
  try {
    const value: unknown = JSON.parse(node.getText(source));
    return typeof value === "number" || typeof value === "boolean" || value === null
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

/** What a number may be. */
export interface Range {
  readonly least?: number;
  /** Above this, and not this. */
  readonly above?: number;
  readonly most?: number;
  readonly isWhole?: true;
}

/** Reads the fields of an object, and collects what is wrong with them. */
export class FieldReader {
  readonly #fields: LocatedFields;
  readonly #path: string;
  readonly #place: string;
  readonly #problems: string[];
  readonly #asked = new Set<string>();

  /** Reads `located`, which is called `path`; problems are added to `problems`. */
  constructor(located: Located, path: string, problems: string[]) {
    this.#path = path;
    this.#place = located.place;
    this.#problems = problems;
    const { value } = located;
    if (value instanceof Map) {
      this.#fields = value;
    } else {
      this.#fields = new Map();
      problems.push(wrong(located, path === "" ? "a scenario" : path, "an object"));
    }
  }

  /** The field of this name, if it is there and not `null`. */
  get(name: string): Located | undefined {
    this.#asked.add(name);
    const found = this.#fields.get(name);
    return found?.value === null ? undefined : found;
  }

  /** A number; `standard` if there is none, and a problem if that is `undefined`. */
  number(name: string, range: Range, standard?: number): number;
  number(name: string, range: Range, standard: number | null | undefined): number | null;
  number(name: string, range: Range, standard?: number | null): number | null {
    const located = this.get(name);
    // Where there is a problem, the value is only of the right type: nobody uses it.
    if (located === undefined) {
      return this.#standard(name, standard) ?? (standard === null ? null : 1);
    }
    return numberOf(located, this.#called(name), range, this.#problems);
  }

  /** One of `choices`. */
  choice<const T extends string>(name: string, choices: readonly T[], standard?: NoInfer<T>): T {
    const located = this.get(name);
    if (located === undefined) return this.#standard(name, standard) ?? choices[0];
    return choiceOf(located, this.#called(name), choices, this.#problems);
  }

  /** Text that is not empty. */
  text(name: string, standard?: string): string {
    const located = this.get(name);
    if (located === undefined) return this.#standard(name, standard) ?? "";
    if (typeof located.value === "string" && located.value !== "") return located.value;
    this.#problems.push(wrong(located, this.#called(name), "text"));
    return "";
  }

  /** A list with what `read` makes of each part; `standard` if there is none. Only if that is empty, it may be so. */
  list<T>(
    name: string,
    read: (part: Located, path: string) => T,
    standard?: readonly T[],
  ): readonly T[] {
    const located = this.get(name);
    if (located === undefined) return this.#standard(name, standard) ?? [];
    const { value } = located;
    if (value instanceof Array && (value.length > 0 || standard?.length === 0)) {
      return value.map((part, at) => read(part, `${this.#called(name)}[${at}]`));
    }
    this.#problems.push(wrong(located, this.#called(name), "a list that is not empty"));
    return [];
  }

  /** A reader of an object in a field; of an empty one if it is missing. */
  object(name: string): FieldReader {
    const located = this.get(name) ?? { place: this.#place, value: new Map() };
    return new FieldReader(located, this.#called(name), this.#problems);
  }

  /** Tells of a problem with the object as a whole. */
  problem(text: string): void {
    this.#problems.push(`${this.#place}: ${text}`);
  }

  /** Tells of fields that nobody has asked for. */
  end(): void {
    for (const [name, { place }] of this.#fields) {
      if (this.#asked.has(name)) continue;
      this.#problems.push(
        `${place}: there is no ${this.#called(name)}${nearest(name, [...this.#asked])}`,
      );
    }
  }

  #called(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  #standard<T>(name: string, standard: T | undefined): T | undefined {
    if (standard === undefined) this.problem(`${this.#called(name)} is missing`);
    return standard;
  }
}

/** The number that `located`, which is called `path`, is; any if it is none in this range, and a problem. */
export function numberOf(
  located: Located,
  path: string,
  range: Range,
  problems: string[],
): number {
  const { value } = located;
  const { least = -Infinity, above = -Infinity, most = Number.MAX_SAFE_INTEGER, isWhole } = range;
  if (
    typeof value === "number" && value >= least && value > above && value <= most &&
    (!isWhole || Number.isInteger(value))
  ) return value;
  problems.push(wrong(located, path, rangeText(range)));
  return 1;
}

/** Which of `choices` `located` is; the first if it is none, and a problem. */
export function choiceOf<const T extends string>(
  located: Located,
  path: string,
  choices: readonly T[],
  problems: string[],
): T {
  const { value } = located;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const near = typeof value === "string" ? nearest(value, choices) : "";
  problems.push(wrong(located, path, choices.map((choice) => `"${choice}"`).join(", "), near));
  return choices[0];
}

function wrong({ place, value }: Located, path: string, takes: string, hint = ""): string {
  return `${place}: ${path} takes ${takes}, not ${shown(value)}${hint}`;
}

/** What a problem says that a value is. */
export function shown(value: Located["value"]): string {
  if (value instanceof Map) return "an object";
  if (value instanceof Array) return value.length === 0 ? "an empty list" : "a list";
  return JSON.stringify(value);
}

function rangeText({ least, above, most, isWhole }: Range): string {
  const what = isWhole ? "a whole number" : "a number";
  if (above !== undefined) {
    return `${what} above ${above}${most === undefined ? "" : `, up to ${most}`}`;
  }
  if (least !== undefined && most !== undefined) return `${what} from ${least} to ${most}`;
  return least === undefined ? what : `${what} of at least ${least}`;
}
