/**
 * The part of `bench/RESULTS.md` that `deno task bench` writes. The others are kept as they are.
 *
 * @module
 */

const START = "<!-- deno task bench: start -->";
const END = "<!-- deno task bench: end -->";

/** `document` with `results` in place of those before. */
export function withResults(document: string, results: string): string {
  const [start, end] = [document.indexOf(START), document.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the marks ${START} and ${END} are missing`);
  return `${document.slice(0, start + START.length)}\n\n${results}\n\n${document.slice(end)}`;
}

/** Writes results into the file at `path`. */
export async function replaceResults(path: string, results: string): Promise<void> {
  await Deno.writeTextFile(path, withResults(await Deno.readTextFile(path), results));
}
