/**
 * Text in HTML.
 *
 * @module
 */

import { printable } from "../base/log.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** `text` as it stands in elements and attributes: it may come from a server, and have anything in it. */
export function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => ENTITIES[char]);
}
