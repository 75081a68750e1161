/**
 * Lists of what a client accepts, with weights (RFC 9110 12.4.2).
 *
 * @module
 */

import { withoutBlanks } from "./fields.ts";

/** Members of one list that are looked at; clients send a handful. */
const MAX_MEMBERS = 64;
/** A weight (RFC 9110 12.4.2). */
const WEIGHT = /^[ \t]*q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*$/i;

/**
 * The members of the list `value`, in lower case, each with its weight from 0 to 1. Parameters besides the
 * weight are dropped; a malformed weight counts as 0, so that nothing is chosen that may not be meant.
 */
export function weightsIn(value: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const member of value.split(",", MAX_MEMBERS)) {
    const [name, ...parameters] = member.split(";");
    const key = withoutBlanks(name).toLowerCase();
    if (key === "" || weights.has(key)) continue;
    const weight = parameters.find((parameter) => /^[ \t]*q[ \t]*=/i.test(parameter));
    weights.set(key, weight === undefined ? 1 : weightOf(weight));
  }
  return weights;
}

function weightOf(parameter: string): number {
  return WEIGHT.test(parameter) ? Number(parameter.slice(parameter.indexOf("=") + 1)) : 0;
}

/**
 * Which of `codings`, the best first, a client wants that sent `value` as `Accept-Encoding` (RFC 9110 12.5.3);
 * `"identity"` for none of them, also where the client accepts nothing at all: it can still make use of that.
 */
export function preferredCoding(value: string, codings: readonly string[]): string {
  if (codings.length === 0 || value === "") return "identity";
  const weights = weightsIn(value);
  const others = weights.get("*");
  let best = "identity";
  // Where it is not named, anything that is accepted comes first.
  let bestWeight = weights.get("identity") ?? 0;
  for (const coding of codings) {
    const weight = weights.get(coding) ?? (coding === "gzip" ? weights.get("x-gzip") : undefined) ??
      others ?? 0;
    if (weight > bestWeight || (weight === bestWeight && weight > 0 && best === "identity")) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}
