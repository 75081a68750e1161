/**
 * Compiles the executable, and runs all tests in tests/compiled with it.
 *
 *     deno task test:compiled [OPTION OF deno test]…
 *
 * Without any `deno compile` that works here the tests are skipped, and that is said.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

// tests/compiled/executable_path.ts reads it, and is not imported, as it would compile at once.
const EXECUTABLE_VARIABLE = "GATEHOUSE_TEST_EXECUTABLE";
const tests = fileURLToPath(new URL("../tests/compiled/", import.meta.url));
/** What takes longest goes first, so that nothing is left to wait for at the end; most of it is idle. */
const LONGEST = ["unstable.ts", "semantics.ts", "hostile.ts", "sandbox.ts"];
const compile = fileURLToPath(new URL("./compile.ts", import.meta.url));

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), { args: [...args], env }).spawn().status;
  return code;
}

const folder = await Deno.makeTempDir();
let code: number;
try {
  const path = `${folder}/gatehouse`;
  const isCompiled = await run(["run", "-A", compile, "--output", path]) === 0;
  if (!isCompiled) console.error("SKIPPED: the executable cannot be compiled here");
  const names = [...Deno.readDirSync(tests)].map(({ name }) => name)
    .filter((name) => name.endsWith(".ts")).sort();
  const files = [...new Set([...LONGEST, ...names])].map((name) => tests + name);
  code = await run(["test", "-A", "--no-check", "--parallel", ...Deno.args, ...files], {
    [EXECUTABLE_VARIABLE]: isCompiled ? path : "",
  });
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(code);
