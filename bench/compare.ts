/**
 * Measures any bench with two revisions side by side: `deno task bench:compare --help` has the options.
 *
 * @module
 */

import { compareBench } from "./measuring/bench.ts";
import { benches, named, NAMES } from "./benches.ts";
import { commandLine, text } from "./command_line.ts";
import { headline, OPTIONS } from "./main.ts";

const options = commandLine({
  usage: "bench:compare REV",
  about: `This gatehouse beside the one of a revision of git, in all benches or one of them
(${NAMES}): a table for each case and number of workers. The row 'again' is the
revision a second time: its distance from 1 shows how far to trust the rest. Executables,
which cold starts are of, are made of both revisions.`,
  options: { ...OPTIONS, bench: text("NAME", "only this bench") },
  maxArguments: 1,
});
const [revision] = options.given;
const chosen = named(benches, options.bench);
if (revision === undefined || chosen.length === 0) {
  console.error(revision === undefined ? "which revision?" : `the benches are ${NAMES}`);
  Deno.exit(2);
}
console.log(`${headline(options)}\n`);
const failed: string[] = [];
for (const bench of chosen) {
  console.log(`## ${bench.name}\n`);
  try {
    failed.push(...await compareBench(bench, revision, options));
  } catch (error) {
    // The others are measured all the same.
    console.log(`not measured: ${error instanceof Error ? error.message : error}\n`);
    failed.push(bench.name);
  }
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join("; ")}`);
  Deno.exit(1);
}
