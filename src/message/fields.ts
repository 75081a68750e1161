/**
 * Field lines as text, for the apps that ask for headers.
 *
 * @module
 */

import { lengthOf, uncurried, viewOf } from "../base/captured.ts";
import { COLON, COMMA, CR, isBlank, spells } from "./chars.ts";

const { apply } = Reflect;
const { fromCharCode } = String;
const { min } = Math;
const indexOf: (bytes: Uint8Array, byte: number, from: number) => number = uncurried(
  Uint8Array.prototype.indexOf,
);

/** Text up to this length is put together by a loop, which is faster than a call for so little. */
const SHORT_TEXT = 64;
/** Arguments of a call at the most. */
const MAX_ARGUMENTS = 4_096;

/** Bytes as text, each byte one code unit. */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  if (end - start <= SHORT_TEXT) {
    for (let i = start; i < end; i++) text += fromCharCode(bytes[i]);
    return text;
  }
  for (let at = start; at < end; at += MAX_ARGUMENTS) {
    const part = viewOf(bytes, at, min(at + MAX_ARGUMENTS, end));
    text += apply(fromCharCode, null, part);
  }
  return text;
}

/** `text` without the spaces and tabs around it (RFC 9110 5.6.3). Other white space belongs to it. */
export function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/**
 * Whether the list `bytes[start, end)` (RFC 9110 5.6.1) has the member `lowerCase`, ASCII letters in
 * any case.
 */
export function listHas(
  bytes: Uint8Array,
  start: number,
  end: number,
  lowerCase: string,
): boolean {
  for (let at = start; at < end; at++) {
    while (at < end && isBlank(bytes[at])) at++;
    const memberStart = at;
    let memberEnd = at;
    for (; at < end && bytes[at] !== COMMA; at++) {
      if (!isBlank(bytes[at])) memberEnd = at + 1;
    }
    if (spells(bytes, memberStart, memberEnd, lowerCase)) return true;
  }
  return false;
}

/**
 * The members of the list (RFC 9110 5.6.1) in all fields of `fields`, names and values by turns, that are
 * called `lowerCase`, whatever the case of their names. Empty ones count.
 */
export function listMembers(fields: readonly string[], lowerCase: string): string[] {
  const members: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i].toLowerCase() !== lowerCase) continue;
    for (const member of fields[i + 1].split(",")) members.push(withoutBlanks(member));
  }
  return members;
}

/** The names and values, by turns, in `lines[start, end)`, which hold well-formed field lines. */
export function flatFields(lines: Uint8Array, start: number, end: number): string[] {
  const fields: string[] = [];
  let at = start;
  while (at < end) {
    let colon = at;
    while (colon < end && lines[colon] !== COLON) colon++;
    let lineEnd = colon + 1;
    while (lineEnd < end && lines[lineEnd] !== CR) lineEnd++;
    let valueStart = colon + 1;
    let valueEnd = lineEnd;
    while (valueStart < valueEnd && isBlank(lines[valueStart])) valueStart++;
    while (valueEnd > valueStart && isBlank(lines[valueEnd - 1])) valueEnd--;
    const count = fields.length;
    fields[count] = latin1Text(lines, at, colon);
    fields[count + 1] = latin1Text(lines, valueStart, valueEnd);
    at = lineEnd + 2;
  }
  return fields;
}

/** The names and values in `lines[start, end)`, which hold well-formed field lines. */
export function parseFieldLines(
  lines: Uint8Array,
  start = 0,
  end: number = lengthOf(lines),
): [string, string][] {
  const fields: [string, string][] = [];
  let at = start;
  while (at < end) {
    const lineEnd = indexOf(lines, CR, at);
    const colon = indexOf(lines, COLON, at);
    let valueStart = colon + 1;
    let valueEnd = lineEnd;
    while (valueStart < valueEnd && isBlank(lines[valueStart])) valueStart++;
    while (valueEnd > valueStart && isBlank(lines[valueEnd - 1])) valueEnd--;
    fields.push([latin1Text(lines, at, colon), latin1Text(lines, valueStart, valueEnd)]);
    at = lineEnd + 2;
  }
  return fields;
}
