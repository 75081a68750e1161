/**
 * Writes docs/reference.md from the option table, or with `--check` says whether it is current.
 *
 *     deno run -A scripts/reference.ts [--check]
 *
 * @module
 */

import { readPage, ROOT } from "./docs/pages.ts";
import { referencePage } from "./docs/reference.ts";

const PATH = "docs/reference.md";

/** `text` as `deno fmt` has it. */
async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}

const page = await formatted(referencePage());
if (!Deno.args.includes("--check")) {
  await Deno.writeTextFile(new URL(PATH, ROOT), page);
} else if (page !== readPage(PATH)) {
  console.error(`${PATH} is not current: run deno task docs`);
  Deno.exit(1);
}
