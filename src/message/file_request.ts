/**
 * The fields of a request that decide on what is sent of a file, apart from its other fields.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import type { RequestHead } from "./exchange.ts";
import { flatFields } from "./fields.ts";

const toLowerCase: (text: string) => string = uncurried(String.prototype.toLowerCase);

/** Longer values are left out; with all of them and a path, the lines fit a frame. */
const MAX_VALUE_LENGTH = 4_096;
const MAX_LINES_LENGTH = 16_384;

/** Those fields of `head` as lines, each `name: value` and a line feed, with the name in lower case. */
export function fileFieldLines({ block, fieldsStart, fieldsEnd }: RequestHead): string {
  const fields = flatFields(block, fieldsStart, fieldsEnd);
  let lines = "";
  for (let i = 0; i < fields.length; i += 2) {
    const name = toLowerCase(fields[i]);
    const value = fields[i + 1];
    if (!concernsFiles(name) || value.length > MAX_VALUE_LENGTH) continue;
    if (lines.length + name.length + value.length > MAX_LINES_LENGTH) break;
    lines += `${name}: ${value}\n`;
  }
  return lines;
}

function concernsFiles(name: string): boolean {
  switch (name) {
    case "if-match":
    case "if-none-match":
    case "if-modified-since":
    case "if-unmodified-since":
    case "if-range":
    case "range":
    case "accept-encoding":
    case "accept":
      return true;
  }
  return false;
}
