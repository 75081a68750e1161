/**
 * Trace Context (W3C Recommendation, level 1): what `traceparent` and `tracestate` say.
 *
 * @module
 */

import { COLON, CR, HTAB, LF, SP, spells } from "./chars.ts";
import type { RequestHead } from "./exchange.ts";
import { latin1Text } from "./fields.ts";

const { min } = Math;
const { parseInt } = globalThis;

/** Which trace a request belongs to, and what it is a part of there. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** The flags, of which the first bit says that the trace is recorded. */
  readonly flags: number;
  /** The vendors' state, as it came; `""` if there is none. */
  readonly state: string;
}

/** The flag that says that the trace is recorded. */
export const SAMPLED = 1;

/** Names of the fields. */
export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";
/** `version-traceid-parentid-flags`; versions after 00 may have more (section 3.2.4). */
const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** A longer state is left out (section 3.3.1.5 asks for 512 characters at the least). */
const MAX_STATE_CHARS = 8_192;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);

/** What the text of a `traceparent` says; `null` if it is malformed. */
export function parseTraceparent(text: string): Omit<TraceContext, "state"> | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return null;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null;
  return { traceId, spanId, flags: parseInt(flags, 16) };
}

/** The text of a `traceparent`. */
export function formatTraceparent({ traceId, spanId, flags }: Omit<TraceContext, "state">): string {
  // Only what version 00 knows is passed on (section 4.3).
  return `00-${traceId}-${spanId}-0${flags & SAMPLED}`;
}

/**
 * What the request of `head` says of its trace; `null` if it says nothing, or something malformed, or more than one
 * thing.
 */
export function readTraceContext(
  { block, fieldsStart, fieldsEnd }: RequestHead,
): TraceContext | null {
  let parent: string | null = null;
  let state = "";
  for (let at = fieldsStart; at < fieldsEnd;) {
    const end = lineEnd(block, at, fieldsEnd);
    if (isField(block, at, end, TRACEPARENT)) {
      if (parent !== null) return null;
      parent = valueOf(block, at + TRACEPARENT.length + 1, end);
    } else if (isField(block, at, end, TRACESTATE)) {
      const value = valueOf(block, at + TRACESTATE.length + 1, end);
      // Several are one list.
      state = state === "" ? value : `${state},${value}`;
    }
    at = end;
  }
  const said = parent === null ? null : parseTraceparent(parent);
  if (said === null) return null;
  return { ...said, state: state.length <= MAX_STATE_CHARS ? state : "" };
}

/** Where the line that begins at `at` ends, its end included. */
export function lineEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] !== LF) at++;
  return min(at + 1, end);
}

/** Whether the line `bytes[start, end)` is a field of this name, in lower case. */
export function isField(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  const { length } = name;
  // Most lines differ in this.
  if (end - start <= length || bytes[start + length] !== COLON) return false;
  return spells(bytes, start, start + length, name);
}

function valueOf(bytes: Uint8Array, start: number, end: number): string {
  const [from, to] = valueRange(bytes, start, end);
  return latin1Text(bytes, from, to);
}

/** Where the value in `bytes[start, end)` begins and ends without its blanks and the end of its line. */
export function valueRange(bytes: Uint8Array, start: number, end: number): [number, number] {
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  return [start, end];
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB || byte === CR || byte === LF;
}
