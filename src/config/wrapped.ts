/**
 * Text in lines of a terminal.
 *
 * @module
 */

/** Columns of the help. */
export const WIDTH = 80;

/** `text` in lines of at most {@linkcode WIDTH} columns, each indented by `indent`. */
export function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((each) => `${" ".repeat(indent)}${each}\n`).join("");
}
