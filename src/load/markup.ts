/**
 * Text in HTML.
 *
 * @module
 */

import { escapedHtml } from "../base/html.ts";
import { printable } from "../base/log.ts";

/** `text` as it stands in elements and attributes: it may come from a server, and have anything in it. */
export function escaped(text: string): string {
  return escapedHtml(printable(text));
}
