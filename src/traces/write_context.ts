/**
 * Gives requests other places in traces than they came with.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import type { RequestHead } from "../message/exchange.ts";
import type { TraceContext } from "../message/trace_context.ts";
import {
  formatTraceparent,
  isField,
  lineEnd,
  TRACEPARENT,
  TRACESTATE,
  valueRange,
} from "../message/trace_context.ts";

/** Characters of a value of version 00. */
const VALUE_CHARS = 55;

/**
 * Has the request of `head`, whose bytes must be its own, say `context` in the place of what it says of a trace.
 * The state stays if that had a meaning, which was `parent`.
 */
export function writeTraceContext(
  head: RequestHead,
  context: Omit<TraceContext, "state">,
  parent: TraceContext | null,
): void {
  const value = formatTraceparent(context);
  if (parent !== null && overwrite(head, value)) return;
  rebuild(head, `${TRACEPARENT}: ${value}\r\n`, parent !== null);
}

/** Writes `value` over that of the one `traceparent`, which is as long. */
function overwrite({ block, fieldsStart, fieldsEnd }: RequestHead, value: string): boolean {
  for (let at = fieldsStart; at < fieldsEnd;) {
    const end = lineEnd(block, at, fieldsEnd);
    if (isField(block, at, end, TRACEPARENT)) {
      const [start, to] = valueRange(block, at + TRACEPARENT.length + 1, end);
      if (to - start !== VALUE_CHARS) return false;
      for (let i = 0; i < VALUE_CHARS; i++) block[start + i] = value.charCodeAt(i);
      return true;
    }
    at = end;
  }
  return false;
}

/** Makes the block anew: with `line`, and without what was said before. */
function rebuild(head: RequestHead, line: string, keepsState: boolean): void {
  const { block, targetStart, fieldsStart, fieldsEnd, paramsStart, paramsEnd } = head;
  const added = latin1Bytes(line);
  const paramsBytes = Math.max(0, paramsEnd - paramsStart);
  const made = new Uint8Array(fieldsEnd - targetStart + added.length + paramsBytes);
  const start = fieldsStart - targetStart;
  made.set(block.subarray(targetStart, fieldsStart));
  let to = start;
  let authorityShift = -targetStart;
  for (let at = fieldsStart; at < fieldsEnd;) {
    const end = lineEnd(block, at, fieldsEnd);
    const isOld = isField(block, at, end, TRACEPARENT) ||
      (!keepsState && isField(block, at, end, TRACESTATE));
    if (!isOld) {
      if (head.authorityStart >= at && head.authorityStart < end) authorityShift = to - at;
      made.set(block.subarray(at, end), to);
      to += end - at;
    }
    at = end;
  }
  made.set(added, to);
  to += added.length;
  made.set(block.subarray(paramsStart, paramsStart + paramsBytes), to);
  head.block = made;
  head.targetEnd -= targetStart;
  head.targetStart = 0;
  head.authorityStart += authorityShift;
  head.authorityEnd += authorityShift;
  head.fieldsStart = start;
  head.fieldsEnd = head.paramsStart = to;
  head.paramsEnd = to + paramsBytes;
}
