import { assertEquals, assertMatch } from "../support/assert.ts";
import { printedBy } from "../support/own_process.ts";
import { inFolder } from "../support/processes.ts";
import { Spool } from "../../src/fastcgi/spool.ts";

const PROCESS = new URL("spool_process.ts", import.meta.url);

for (const [kind, name] of [["that is not there", "/nowhere"], ["of its own", "/others"]]) {
  Deno.test(`a body goes to the folder of the start, though TMPDIR names one ${kind} by then`, () =>
    inFolder({}, async (folder) => {
      for (const each of ["own", "others"]) await Deno.mkdir(`${folder}/${each}`);
      // The file has no name: not where it is, and not elsewhere.
      assertEquals(await printedBy(PROCESS, `${folder}/own`, folder + name), "600000 0");
      assertEquals([...Deno.readDirSync(`${folder}/others`)], []);
    }));
}

/** Bytes of which each is another one than those near it. */
function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

/** All that is in a spool. */
function emptied(spool: Spool): Uint8Array {
  const all = new Uint8Array(spool.length);
  for (let at = 0; spool.length > 0;) {
    const bytes = spool.shift(10_000);
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

Deno.test("a spool whose folder is not there says so, and has no room until it is read", () => {
  const told: string[] = [];
  using spool = new Spool("/nowhere/at/all", (reason) => told.push(reason));
  const bytes = numbered(400_000);
  let at = 0;
  for (let round = 1; round <= 3; round++) {
    const from = at;
    while (spool.room > 0) spool.push(bytes.subarray(at, at += 50_000));
    assertEquals([told.length, spool.room, at - from], [round, 0, 300_000]);
    assertMatch(told.at(-1)!, /No such file/);
    assertEquals(emptied(spool), bytes.slice(from, at));
    at = 0;
  }
});

Deno.test({
  name:
    "what a full disk has no room for keeps its place, and the file is used again when there is",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder({}, (folder) => {
      const told: string[] = [];
      using spool = new Spool(folder, (reason) => told.push(reason));
      const { writeSync } = Deno.FsFile.prototype;
      const bytes = numbered(900_000);
      let at = 0;
      const push = (length: number) => spool.push(bytes.subarray(at, at += length));
      try {
        while (at < 600_000) push(60_000);
        assertEquals(told, []);
        let writes = 0;
        Deno.FsFile.prototype.writeSync = function (chunk) {
          // Half of it fits.
          if (writes++ === 0) return writeSync.call(this, chunk.subarray(0, chunk.length / 2));
          throw new Error("No space left on device");
        };
        push(60_000);
      } finally {
        Deno.FsFile.prototype.writeSync = writeSync;
      }
      assertEquals([told, spool.room], [["No space left on device"], 0]);
      assertEquals(emptied(spool), bytes.slice(0, at));
      const from = at;
      while (at < 900_000) push(60_000);
      assertEquals(emptied(spool), bytes.slice(from, at));
      assertEquals(told.length, 1);
      return Promise.resolve();
    }),
});
