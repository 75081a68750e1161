import { assertEquals } from "./support/assert.ts";
import { isWritableByOthers, statOf } from "../src/base/folders.ts";
import { inFolder } from "./support/processes.ts";

const MODULE = new URL("../src/base/folders.ts", import.meta.url).href;

/** What a program says that may read `readable` alone, and asks whether others write to `folder`. */
async function askWithout(readable: string, folder: string): Promise<string> {
  const code = `import { isWritableByOthers } from ${JSON.stringify(MODULE)};
console.log(isWritableByOthers(${JSON.stringify(folder)}));`;
  await Deno.writeTextFile(`${readable}/ask.ts`, code);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-lock", "--no-prompt", `--allow-read=${readable}`]
      .concat("--allow-import", `${readable}/ask.ts`),
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name: "others write to folders whose mode says so, and perhaps to those that cannot be looked at",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder({ "ours/file": "", "everybody/file": "", "own/.keep": "" }, async (folder) => {
      Deno.chmodSync(`${folder}/ours`, 0o755);
      Deno.chmodSync(`${folder}/everybody`, 0o777);
      assertEquals(isWritableByOthers(`${folder}/ours`), false);
      assertEquals(isWritableByOthers(`${folder}/everybody`), true);
      assertEquals(isWritableByOthers(`${folder}/nowhere`), false);
      assertEquals(isWritableByOthers(`${folder}/ours/file/within`), false);
      assertEquals(await askWithout(`${folder}/own`, `${folder}/own`), "false");
      assertEquals(await askWithout(`${folder}/own`, `${folder}/ours`), "true");
    }),
});

Deno.test("what is not there has no facts", () =>
  inFolder({ "a/b": "" }, (folder) => {
    assertEquals(statOf(`${folder}/a`)?.isDirectory, true);
    assertEquals(statOf(`${folder}/a/b`)?.isFile, true);
    assertEquals([statOf(`${folder}/c`), statOf(`${folder}/a/b/c`)], [null, null]);
  }));
