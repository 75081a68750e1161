/**
 * Conditional requests (RFC 9110 13), decided without I/O.
 *
 * @module
 */

import { parseHttpDate } from "../message/http_date.ts";

/** What tells one state of a representation from another. */
export interface Validators {
  /** Entity tag with its quotes, and `W/` before them if it is weak. */
  readonly etag: string;
  /** Time of the last change in ms since 1970, in full seconds. */
  readonly modifiedMs: number;
}

/** The fields of a request that state conditions; `""` for those that are absent. */
export interface ConditionFields {
  /** `If-Match`. */
  readonly ifMatch: string;
  /** `If-None-Match`. */
  readonly ifNoneMatch: string;
  /** `If-Modified-Since`. */
  readonly ifModifiedSince: string;
  /** `If-Unmodified-Since`. */
  readonly ifUnmodifiedSince: string;
  /** `If-Range`. */
  readonly ifRange: string;
}

/** Whether a request goes on, is answered by 304 (Not Modified), or by 412 (Precondition Failed). */
export type Verdict = "go on" | "not modified" | "failed";

/** An entity tag (RFC 9110 8.8.3), where one begins in a list. */
const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/y;
const SEPARATOR = /[ \t]*(?:,[ \t]*)*/y;

/**
 * Decides on the conditions of a GET or HEAD request in the order of RFC 9110 13.2.2, apart from that of
 * `If-Range`, for a representation that exists.
 */
export function verdictOf(
  fields: ConditionFields,
  validators: Validators,
  nowMs: number,
): Verdict {
  const { etag, modifiedMs } = validators;
  if (fields.ifMatch !== "") {
    if (!lists(fields.ifMatch, etag, areSame)) return "failed";
  } else {
    const since = parseHttpDate(fields.ifUnmodifiedSince, nowMs);
    if (since !== null && modifiedMs > since) return "failed";
  }
  if (fields.ifNoneMatch !== "") {
    return lists(fields.ifNoneMatch, etag, areAlike) ? "not modified" : "go on";
  }
  const since = parseHttpDate(fields.ifModifiedSince, nowMs);
  return since !== null && modifiedMs <= since ? "not modified" : "go on";
}

/**
 * Whether the ranges that are asked for are those of this state of the representation (RFC 9110 13.1.5). A
 * date counts only if the representation cannot have changed twice in its second.
 */
export function meansThisState(
  { ifRange }: ConditionFields,
  { etag, modifiedMs }: Validators,
  nowMs: number,
): boolean {
  if (ifRange === "") return true;
  if (ifRange.endsWith('"')) return areSame(ifRange, etag);
  return parseHttpDate(ifRange, nowMs) === modifiedMs && nowMs - modifiedMs >= 2_000;
}

/** The strong comparison (RFC 9110 8.8.3.2). */
function areSame(one: string, other: string): boolean {
  return one === other && !one.startsWith("W/");
}

/** The weak comparison. */
function areAlike(one: string, other: string): boolean {
  return one.replace(/^W\//, "") === other.replace(/^W\//, "");
}

/** Whether the list `value` is `*`, or has a tag that compares; what follows a malformed one does not count. */
function lists(value: string, etag: string, compare: typeof areSame): boolean {
  if (value === "*") return true;
  for (let at = 0; at < value.length;) {
    SEPARATOR.lastIndex = at;
    SEPARATOR.test(value);
    ENTITY_TAG.lastIndex = SEPARATOR.lastIndex;
    const [tag] = ENTITY_TAG.exec(value) ?? [];
    if (tag === undefined) return false;
    if (compare(tag, etag)) return true;
    at = ENTITY_TAG.lastIndex;
    SEPARATOR.lastIndex = at;
    SEPARATOR.test(value);
    // Between tags there is a comma.
    if (SEPARATOR.lastIndex < value.length && !value.slice(at, SEPARATOR.lastIndex).includes(",")) {
      return false;
    }
  }
  return false;
}
