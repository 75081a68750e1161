/**
 * Makes the executable `dist/gatehouse`.
 *
 *     deno task compile [--output FILE] [--target TRIPLE]
 *
 * `DENO_COMPILE` names another `deno` to compile with; `DENORT_BIN` is understood by that one.
 *
 * @module
 */

// @ts-types="../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";

const root = new URL("../", import.meta.url).pathname;
const options = parseArgs(Deno.args, { string: ["output", "target"] });
const output = String(options.output ?? `${root}dist/gatehouse`);

const { code } = await new Deno.Command(Deno.env.get("DENO_COMPILE") ?? Deno.execPath(), {
  args: [
    "compile",
    "--allow-all",
    "--no-check",
    "--config",
    `${root}deno.json`,
    // The workers' module is not imported by any other, so it would be left out.
    "--include",
    `${root}src/worker/main.ts`,
    ...(options.target === undefined ? [] : ["--target", String(options.target)]),
    "--output",
    output,
    `${root}cli.ts`,
  ],
  stdin: "null",
}).output().then(({ code, stderr, stdout }) => {
  const decoder = new TextDecoder();
  if (code !== 0) console.error(decoder.decode(stderr) + decoder.decode(stdout));
  else console.error(`compiled ${output}`);
  return { code };
});
Deno.exit(code);
