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
