/**
 * Field lines as text, for the apps that ask for headers.
 *
 * @module
 */

/** Bytes as text, each byte one code unit. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/** The names and values in `lines[start, end)`, which hold well-formed field lines. */
export function parseFieldLines(
  lines: Uint8Array,
  start = 0,
  end: number = lines.length,
): [string, string][] {
  const fields: [string, string][] = [];
  let at = start;
  while (at < end) {
    const lineEnd = lines.indexOf(0x0d, at);
    const colon = lines.indexOf(0x3a, at);
    fields.push([
      textOf(lines, at, colon),
      textOf(lines, colon + 1, lineEnd).replace(/^[ \t]+|[ \t]+$/g, ""),
    ]);
    at = lineEnd + 2;
  }
  return fields;
}
