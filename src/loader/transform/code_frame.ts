/**
 * Shows a place in a source.
 *
 * @module
 */

/** Longest part of a line that is shown, in characters. */
const MAX_WIDTH = 120;

/** The line `line` of `text` with a caret below its column `column`, both counted from 1. */
export function codeFrame(text: string, line: number, column: number): string {
  const whole = (text.split("\n")[line - 1] ?? "").replace(/\r$/, "");
  const from = Math.max(0, Math.min(column - 1, whole.length) - MAX_WIDTH / 2);
  const shown = whole.slice(from, from + MAX_WIDTH).replaceAll("\t", " ");
  const label = `  ${line} | `;
  return `${label}${shown}\n${" ".repeat(label.length + Math.max(0, column - 1 - from))}^`;
}
