/**
 * What a package's `exports` and `imports` say, by the algorithms of Node's documentation (ECMAScript
 * modules, "Resolution algorithm specification"). Written out here, as `resolve.exports` knows
 * neither invalid targets nor the order of patterns.
 *
 * @module
 */

const { Array, Error, JSON, Object, URL } = globalThis;

/** Something cannot be resolved. The message says why, and leaves it to the catcher to say what. */
export class ResolveFault extends Error {
  /** Name of the class. */
  override name = "ResolveFault";
  /** What cannot be resolved, if that is more than was asked for: `npm:name@version/path`. */
  subject: string | null = null;
}

/** A target that is not a path within the package. Lists of alternatives go on after one. */
class InvalidTarget extends ResolveFault {}

/** What `exports` or `imports` hold: paths by condition, lists of alternatives, `null` for nothing. */
type Target = unknown;

/** Which field is looked at: its targets may be other packages, or not. */
type Field = "exports" | "imports";

/**
 * The path, beginning with `./`, that `exports` give for `subPath` (`.` or `./…`).
 *
 * @throws {ResolveFault} when they give none
 */
export function resolveExports(
  exports: Target,
  subPath: string,
  conditions: ReadonlySet<string>,
): string {
  const keys = isObject(exports) ? Object.keys(exports) : [];
  const dotted = keys.filter((key) => key.startsWith("."));
  if (dotted.length > 0 && dotted.length < keys.length) {
    throw new ResolveFault('its "exports" mix paths and conditions');
  }
  const table = dotted.length > 0 ? exports as Record<string, Target> : { ".": exports };
  const found = lookUp(subPath, table, "exports", conditions);
  if (found !== null) return found;
  throw new ResolveFault(
    subPath === "."
      ? 'its "exports" have no main module'
      : `its "exports" do not offer ${subPath}${offered(table, subPath)}`,
  );
}

/**
 * What `imports` give for `specifier`, which begins with `#`: a path beginning with `./`, or the
 * specifier of another package.
 *
 * @throws {ResolveFault} when they give nothing
 */
export function resolveImports(
  imports: unknown,
  specifier: string,
  conditions: ReadonlySet<string>,
): string {
  if (specifier !== "#" && !specifier.startsWith("#/") && isObject(imports)) {
    const found = lookUp(specifier, imports, "imports", conditions);
    if (found !== null) return found;
  }
  throw new ResolveFault(`its "imports" do not define ${specifier}`);
}

function lookUp(
  key: string,
  table: Readonly<Record<string, Target>>,
  field: Field,
  conditions: ReadonlySet<string>,
): string | null {
  if (key.endsWith("/")) return null;
  if (Object.hasOwn(table, key) && !key.includes("*")) {
    return targetOf(table[key], { key, match: null, field }, conditions) ?? null;
  }
  for (const pattern of Object.keys(table).filter(isPattern).sort(bySpecificity)) {
    const [before, after] = pattern.split("*");
    const fits = key.startsWith(before) && key !== before && key.endsWith(after) &&
      key.length >= pattern.length;
    if (!fits) continue;
    const match = key.slice(before.length, key.length - after.length);
    return targetOf(table[pattern], { key: pattern, match, field }, conditions) ?? null;
  }
  return null;
}

function isPattern(key: string): boolean {
  return key.split("*").length === 2;
}

/** The longest beginning first, then the longest pattern. */
function bySpecificity(a: string, b: string): number {
  return b.indexOf("*") - a.indexOf("*") || b.length - a.length;
}

/** Where a target stands, and what its `*` is. */
interface Place {
  readonly key: string;
  readonly match: string | null;
  readonly field: Field;
}

/** `undefined`: no condition fits; `null`: the package hides it. */
function targetOf(
  target: Target,
  place: Place,
  conditions: ReadonlySet<string>,
): string | null | undefined {
  if (typeof target === "string") return pathOf(target, place);
  if (target === null) return null;
  if (Array.isArray(target)) return firstOf(target, place, conditions);
  if (!isObject(target)) throw invalid(JSON.stringify(target), place);
  for (const [condition, value] of Object.entries(target)) {
    if (/^(?:0|[1-9]\d*)$/.test(condition)) {
      throw new ResolveFault(`its "${place.field}" have a number for a condition`);
    }
    if (condition !== "default" && !conditions.has(condition)) continue;
    const found = targetOf(value, place, conditions);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstOf(
  targets: readonly Target[],
  place: Place,
  conditions: ReadonlySet<string>,
): string | null | undefined {
  let last: InvalidTarget | null | undefined = targets.length === 0 ? null : undefined;
  for (const target of targets) {
    try {
      const found = targetOf(target, place, conditions);
      if (typeof found === "string") return found;
      if (found === null) last = null;
    } catch (error) {
      if (!(error instanceof InvalidTarget)) throw error;
      last = error;
    }
  }
  if (last instanceof InvalidTarget) throw last;
  return last;
}

function pathOf(target: string, place: Place): string {
  const { match, field } = place;
  if (!target.startsWith("./")) {
    const isPackage = field === "imports" && !/^(?:\.\.?)?\//.test(target) &&
      (target.startsWith("node:") || !URL.canParse(target));
    if (!isPackage) throw invalid(target, place);
    return filled(target, match);
  }
  if (leavesPackage(target.slice(2))) throw invalid(target, place);
  if (match !== null && leavesPackage(match)) {
    throw new ResolveFault(`"${match}" in the path leads out of the package`);
  }
  return filled(target, match);
}

function filled(target: string, match: string | null): string {
  return match === null ? target : target.replaceAll("*", () => match);
}

/** Whether a part of the path is `.`, `..` or `node_modules`, be it in disguise. */
function leavesPackage(path: string): boolean {
  return path.split(/[/\\]|%2f|%5c/i).some((segment) => {
    return /^(?:(?:\.|%2e){1,2}|(?:n|%6e|%4e)(?:o|%6f|%4f)(?:d|%64|%44)(?:e|%65|%45)(?:_|%5f)(?:m|%6d|%4d)(?:o|%6f|%4f)(?:d|%64|%44)(?:u|%75|%55)(?:l|%6c|%4c)(?:e|%65|%45)(?:s|%73|%53))$/i
      .test(segment);
  });
}

function invalid(target: string, { key, field }: Place): InvalidTarget {
  return new InvalidTarget(`its "${field}" give ${target} for ${key}, which is not a path in it`);
}

/** Some of what there is, for a message. */
function offered(table: Readonly<Record<string, Target>>, wanted: string): string {
  const first = wanted.split("/")[1]?.[0] ?? "";
  const keys = Object.keys(table).filter((key) => table[key] !== null && key !== "./package.json");
  const near = [
    ...keys.filter((key) => key.startsWith(`./${first}`)),
    ...keys.filter((key) => !key.startsWith(`./${first}`)),
  ].slice(0, 5);
  const more = keys.length > near.length ? ", …" : "";
  return near.length === 0 ? "" : ` (there are ${near.join(", ")}${more})`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
