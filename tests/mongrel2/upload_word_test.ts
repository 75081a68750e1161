import { assertEquals } from "../support/assert.ts";
import { leaveWord, takeWord } from "../../src/mongrel2/upload_word.ts";

const PATH = "/uploads/m2.abc";

async function inTempDir(fn: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

Deno.test("word of an upload's end is taken once, and nothing is left", () =>
  inTempDir(async (folder) => {
    assertEquals(await takeWord(folder, PATH), false);
    await leaveWord(folder, PATH);
    await leaveWord(folder, PATH);
    assertEquals(await takeWord(folder, "/uploads/m2.other"), false);
    assertEquals(await takeWord(folder, PATH), true);
    assertEquals(await takeWord(folder, PATH), false);
    assertEquals(await namesIn(folder), []);
  }));

/** What somebody else makes of the word. */
const forgeries: Record<string, (place: string, folder: string) => Promise<void>> = {
  "that of another upload": (place) => Deno.rename(`${place}c`, place),
  "an empty file": (place) => Deno.writeTextFile(place, ""),
  "another path": (place) => Deno.writeTextFile(place, "/uploads/m2.ab"),
  "a file with a second name": async (place, folder) => {
    await Deno.writeTextFile(`${folder}/real`, PATH);
    await Deno.link(`${folder}/real`, place);
  },
  "a link": async (place, folder) => {
    await Deno.writeTextFile(`${folder}/real`, PATH);
    await Deno.symlink(`${folder}/real`, place);
  },
  "a folder": (place) => Deno.mkdir(place),
  "a socket": async (place) => {
    using _listener = Deno.listen({ transport: "unix", path: `${place}.moved` });
    await Deno.rename(`${place}.moved`, place);
  },
};
for (const [what, forge] of Object.entries(forgeries)) {
  Deno.test(`${what} is no word of an upload's end`, () =>
    inTempDir(async (folder) => {
      await leaveWord(folder, `${PATH}c`);
      await forge(`${folder}/.gatehouse-end-m2.abc`, folder);
      assertEquals(await takeWord(folder, PATH), false);
    }));
}

Deno.test({
  name: "another user's file is no word of an upload's end",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  fn: () =>
    inTempDir(async (folder) => {
      await leaveWord(folder, PATH);
      await Deno.chown(`${folder}/.gatehouse-end-m2.abc`, 65_534, 65_534);
      assertEquals(await takeWord(folder, PATH), false);
    }),
});
