/**
 * Measures any bench with two revisions side by side: `deno task bench:compare --help` has the options.
 *
 * @module
 */

import { compareBench } from "./bench.ts";
import { benches } from "./benches.ts";
import { commandLine, text } from "./command_line.ts";
import { headline, OPTIONS } from "./main.ts";

const NAMES = benches.map(({ name }) => name).join(", ");

const options = commandLine({
  usage: "bench:compare REV",
  about: `This gatehouse beside the one of a revision of git, in all benches or one of them
(${NAMES}): a table for each case and number of workers. The row 'again' is the
revision a second time: how far it is from 1 is how far to trust the rest.`,
  options: { ...OPTIONS, bench: text("NAME", "only this bench") },
  maxArguments: 1,
});
const [revision] = options.given;
const chosen = benches.filter(({ name }) =>
  options.bench === undefined || name.toLowerCase() === options.bench.toLowerCase()
);
if (revision === undefined || chosen.length === 0) {
  console.error(revision === undefined ? "which revision?" : `the benches are ${NAMES}`);
  Deno.exit(2);
}
console.log(`${headline(options)}\n`);
for (const bench of chosen) {
  console.log(`## ${bench.name}\n`);
  await compareBench(bench, revision, options);
}
