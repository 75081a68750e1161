/**
 * All benches in a short form, and what they came to: one table of figures and goals, which also goes to
 * `bench/RESULTS.md`, and a picture of them, `bench/results.svg`.
 *
 * @module
 */

import { measureBench } from "./measuring/bench.ts";
import { benches, named } from "./benches.ts";
import { chart } from "./report/chart.ts";
import { checks } from "./checks.ts";
import type { Check } from "./checks.ts";
import { commandLine, number, text, whole } from "./command_line.ts";
import { headline, OPTIONS } from "./main.ts";
import { outcomesText, reportTable, rowsOf } from "./report/table.ts";
import type { Row } from "./report/table.ts";
import { currentRevision } from "./measuring/revisions.ts";
import { replaceResults } from "./report/results.ts";

const options = commandLine({
  usage: "bench",
  about: `All benches in a short form, in less than ten minutes on a quiet machine: the cases with
goals, and the servers that these compare with. At the end, one table has each case,
gatehouse's figure, its ratio to each reference with quartiles, and the goals, which limit a
ratio or the figure itself. The table also goes to bench/RESULTS.md, and a picture of it to
bench/results.svg.`,
  options: {
    ...OPTIONS,
    rounds: whole(3, "rounds after the warm-up"),
    seconds: number(0.6, "seconds of each sample", 0.1),
    bench: text("NAME", "only this bench"),
  },
});

const [chosen, chosenChecks] = [named(benches, options.bench), named(checks, options.bench)];
if (chosen.length + chosenChecks.length === 0) {
  console.error(`the benches are ${[...benches, ...checks].map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}

const since = performance.now();
const head = `${await currentRevision()}, ${new Date().toISOString().slice(0, 10)}, ` +
  `${headline(options)}, ${machine()}`;
console.log(`${head}\n`);

const rows: Row[] = [];
const failed: string[] = [];
for (const bench of chosen) {
  console.log(`## ${bench.name}\n`);
  try {
    const found = await measureBench(bench, { ...options, scope: "goals" });
    rows.push(...found.flatMap(rowsOf));
    for (const { measured, results } of found) {
      if (results.length === 0) failed.push(`${bench.name}: ${measured.name}`);
    }
  } catch (error) {
    // The others are measured all the same.
    failed.push(bench.name);
    console.log(
      `${bench.name} was not measured: ${error instanceof Error ? error.message : error}\n`,
    );
  }
}
const checked: string[] = [];
for (const check of chosenChecks) {
  console.log(`## ${check.name}\n`);
  checked.push(await run(check));
}

const minutes = ((performance.now() - since) / 60_000).toFixed(1);
const summary = [
  `${head}; ${minutes} minutes in all. ${outcomesText(rows)}`,
  reportTable(rows),
  ...checked,
].join("\n\n");
console.log(`\n${summary}`);
await Deno.writeTextFile(here("./results.svg"), chart(`gatehouse ${head}`, rows));
await replaceResults(here("./RESULTS.md"), summary);
await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "--quiet", here("./results.svg"), here("./RESULTS.md")],
  cwd: here(".."),
}).output();
if (failed.length > 0) {
  console.error(`failed: ${failed.join("; ")}`);
  Deno.exit(1);
}

/** Runs a check; gives what it has found. */
async function run({ name, script, args, result }: Check): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", here(script), ...args],
    stderr: "inherit",
  }).output();
  const printed = new TextDecoder().decode(stdout).trim();
  console.log(`${printed}\n`);
  if (!success) failed.push(name);
  const found = result === "all" ? printed : printed.split("\n").at(-1)!.trim();
  const title = `${name} ${args.join(" ")}: ${success ? "passed" : "failed"}`;
  return `${title}\n\n\`\`\`text\n${found}\n\`\`\``;
}

/** The processor, as the system names it. */
function machine(): string {
  const found = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"));
  return found?.[1] ?? Deno.build.arch;
}

function here(path: string): string {
  return new URL(path, import.meta.url).pathname;
}
