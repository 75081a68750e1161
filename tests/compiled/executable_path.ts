/**
 * The executable that the tests of this folder share: `scripts/test_compiled.ts` compiles it once
 * for all of them. Run without that, each file compiles its own.
 */

const COMPILE = new URL("../../scripts/compile.ts", import.meta.url).pathname;

/** Where the executable is; empty if it cannot be compiled here. */
const EXECUTABLE_VARIABLE = "GATEHOUSE_TEST_EXECUTABLE";

async function find(): Promise<string | null> {
  const named = Deno.env.get(EXECUTABLE_VARIABLE);
  if (named !== undefined) return named || null;
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", COMPILE, "--output", `${folder}/gatehouse`],
    stdin: "null",
  }).output();
  if (success) return `${folder}/gatehouse`;
  const reason = new TextDecoder().decode(stderr).trim();
  console.error(`SKIPPED: the executable cannot be compiled here: ${reason}`);
  return null;
}

/** Path of the executable; `null` if it cannot be compiled here, so that tests are skipped. */
export const executable: string | null = await find();
