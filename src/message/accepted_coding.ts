/**
 * Which content coding a client gets (RFC 9110 12.5.3).
 *
 * @module
 */

import { withoutBlanks } from "./fields.ts";

/** A content coding (RFC 9110 8.4.1): brotli (RFC 7932), Zstandard (RFC 8878, 9659) or gzip (RFC 1952). */
export type Coding = "br" | "zstd" | "gzip";

/** What a client accepts. */
export interface Acceptance {
  /** The best coding that is offered, `null` for none. */
  readonly coding: Coding | null;
  /** Whether the client refuses what is not encoded (`identity;q=0`). */
  readonly refusesIdentity: boolean;
}

/** Of a client that says nothing, or accepts nothing that is offered. */
export const IDENTITY: Acceptance = { coding: null, refusesIdentity: false };

const WEIGHT = /^[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The weight of a member's parameters, `NaN` if they are something else. */
function weightOf(parameters: string): number {
  const [, weight] = WEIGHT.exec(withoutBlanks(parameters)) ?? [];
  return weight === undefined ? NaN : Number(weight);
}

/**
 * Chooses the coding for a client that sent `text` as `Accept-Encoding`, of those in `offered`, the server's
 * favourite first: the one with the highest weight, and none if the client likes `identity` better. What is
 * malformed does not count. Of several weights of one coding, the lowest does. Takes time in proportion to
 * the text.
 */
export function acceptanceOf(text: string, offered: readonly Coding[]): Acceptance {
  let others = NaN;
  let identity = NaN;
  const weights: Partial<Record<Coding, number>> = {};
  for (let at = 0; at <= text.length;) {
    let end = text.indexOf(",", at);
    if (end < 0) end = text.length;
    const member = text.slice(at, end);
    at = end + 1;
    const semicolon = member.indexOf(";");
    const name = withoutBlanks(semicolon < 0 ? member : member.slice(0, semicolon)).toLowerCase();
    if (name === "") continue;
    const weight = semicolon < 0 ? 1 : weightOf(member.slice(semicolon + 1));
    if (Number.isNaN(weight)) continue;
    // RFC 9110 8.4.1.3: the same.
    const coding = name === "x-gzip" ? "gzip" : name;
    if (coding === "*") others = lowest(others, weight);
    else if (coding === "identity") identity = lowest(identity, weight);
    else if (coding === "br" || coding === "zstd" || coding === "gzip") {
      weights[coding] = lowest(weights[coding] ?? NaN, weight);
    }
  }
  // Nothing that is named takes part in what is said of all others.
  if (Number.isNaN(identity) && others === 0) identity = 0;
  let best: Coding | null = null;
  let bestWeight = 0;
  for (const coding of offered) {
    const weight = weights[coding] ?? others;
    if (weight > bestWeight) {
      best = coding;
      bestWeight = weight;
    }
  }
  // Who names it with a weight means it; it is acceptable without, if nothing else is (RFC 9110 12.5.3).
  if (identity > bestWeight) best = null;
  return { coding: best, refusesIdentity: identity === 0 };
}

function lowest(before: number, weight: number): number {
  return before <= weight ? before : weight;
}
