import { FileWatcher } from "../../src/gateway/file_watcher.ts";
import type { KnownFiles } from "../../src/gateway/file_watcher.ts";
import { sha256Of } from "../../src/base/sha256.ts";
import { assertEquals } from "../support/assert.ts";
import { allAtOnce } from "../support/reloading.ts";

/** What happens to a file, or nothing for this long, is over: the watcher has looked. */
const QUIET_MS = 250;
const PATIENCE_MS = 60_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A folder, a watcher of some of its files, and what that has told. */
class Lab implements AsyncDisposable {
  readonly changes: string[] = [];
  readonly complaints: string[] = [];
  readonly known = new Map<string, string | null>();
  #watcher: FileWatcher | null = null;

  private constructor(readonly folder: string) {}

  static async make(): Promise<Lab> {
    return new Lab(await Deno.realPath(await Deno.makeTempDir()));
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  write(name: string, text: string): void {
    const path = this.path(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }

  watch(...names: string[]): FileWatcher {
    for (const name of names) this.known.set(this.path(name), null);
    const files = (): KnownFiles => this.known;
    return this.#watcher = new FileWatcher(
      files,
      (path) => this.changes.push(path.slice(this.folder.length + 1)),
      (_level, text) => this.complaints.push(text),
    );
  }

  /** Waits until something was told since `count` changes, and all is quiet. */
  async told(count = 0): Promise<string[]> {
    for (const end = Date.now() + PATIENCE_MS; this.changes.length <= count;) {
      if (Date.now() > end) throw new Error("nothing was told");
      await sleep(20);
    }
    await sleep(QUIET_MS);
    return this.changes.slice(count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.[Symbol.dispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What puts another text into `app.ts`. */
const replacements: Record<string, (lab: Lab) => void | Promise<void>> = {
  "in place": (lab) => lab.write("app.ts", "new"),
  "in place, to the same length": (lab) => lab.write("app.ts", "odl"),
  "emptied, and written a moment later": async (lab) => {
    Deno.truncateSync(lab.path("app.ts"));
    await sleep(150);
    lab.write("app.ts", "new");
  },
  "by a file renamed over it": (lab) => {
    lab.write(".app.ts.swp", "new");
    Deno.renameSync(lab.path(".app.ts.swp"), lab.path("app.ts"));
  },
  "renamed away, and made anew": (lab) => {
    Deno.renameSync(lab.path("app.ts"), lab.path("app.ts~"));
    lab.write("app.ts", "new");
  },
  "deleted, and made anew a moment later": async (lab) => {
    Deno.removeSync(lab.path("app.ts"));
    await sleep(150);
    lab.write("app.ts", "new");
  },
};
Deno.test("a file that is replaced is one change, and the next time again", (test) =>
  allAtOnce(test, replacements, async (replace) => {
    await using lab = await Lab.make();
    lab.write("app.ts", "old");
    lab.watch("app.ts");
    await replace(lab);
    assertEquals(await lab.told(), ["app.ts"]);
    lab.write("app.ts", "newer");
    assertEquals(await lab.told(1), ["app.ts"]);
  }));

/** Files and links, what is watched among them, and what makes it another text. */
const links: Record<
  string,
  { files: string[]; links: [string, string][]; change: [string, string] }
> = {
  "a link to it is led to another file": {
    files: ["one.ts", "two.ts"],
    links: [["app.ts", "one.ts"]],
    change: ["app.ts", "two.ts"],
  },
  "a link in another folder is led to another file": {
    files: ["a/one.ts", "b/two.ts"],
    links: [["links/app.ts", "../a/one.ts"], ["app.ts", "links/app.ts"]],
    change: ["links/app.ts", "../b/two.ts"],
  },
  "a link on its way is led to another folder": {
    files: ["releases/1/app.ts", "releases/2/app.ts"],
    links: [["current", "releases/1"], ["app.ts", "current/app.ts"]],
    change: ["current", "releases/2"],
  },
  "a link that a link leads to is led to another folder": {
    files: ["releases/1/app.ts", "releases/2/app.ts"],
    links: [["releases/latest", "1"], ["current", "releases/latest"], ["app.ts", "current/app.ts"]],
    change: ["releases/latest", "2"],
  },
};
Deno.test("a file is another one, at once, when", (test) =>
  allAtOnce(test, links, async ({ files, links: made, change: [link, target] }) => {
    await using lab = await Lab.make();
    for (const file of files) lab.write(file, file);
    Deno.mkdirSync(lab.path("links"), { recursive: true });
    for (const [path, to] of made) Deno.symlinkSync(to, lab.path(path));
    lab.watch("app.ts");
    await sleep(QUIET_MS);
    // As a deployment does it: nobody sees no link.
    Deno.symlinkSync(target, lab.path(`${link}.new`));
    Deno.renameSync(lab.path(`${link}.new`), lab.path(link));
    assertEquals(await lab.told(), ["app.ts"]);
    // What is behind the link now is watched, and nothing else.
    const [before, after] = files;
    lab.write(before, "nobody cares");
    await sleep(QUIET_MS);
    assertEquals(lab.changes.length, 1);
    lab.write(after, "newer");
    assertEquals(await lab.told(1), ["app.ts"]);
  }));

Deno.test("a folder that is removed and made again is watched again", async () => {
  await using lab = await Lab.make();
  lab.write("src/deep/app.ts", "old");
  lab.watch("src/deep/app.ts");
  await sleep(QUIET_MS);
  for (const text of ["one", "two"]) {
    const before = lab.changes.length;
    Deno.removeSync(lab.path("src"), { recursive: true });
    lab.write("src/deep/app.ts", text);
    assertEquals((await lab.told(before))[0], "src/deep/app.ts");
    const between = lab.changes.length;
    lab.write("src/deep/app.ts", `${text}, changed in place`);
    assertEquals(await lab.told(between), ["src/deep/app.ts"]);
  }
});

Deno.test("a file that is gone for good is a change, and so is its return", async () => {
  await using lab = await Lab.make();
  lab.write("src/app.ts", "old");
  lab.watch("src/app.ts");
  Deno.removeSync(lab.path("src"), { recursive: true });
  assertEquals(await lab.told(), ["src/app.ts"]);
  lab.write("src/app.ts", "back");
  assertEquals(await lab.told(1), ["src/app.ts"]);
});

Deno.test("what changes nothing in the files is no change", async (test) => {
  await using lab = await Lab.make();
  lab.write("app.ts", "text");
  lab.write("other.ts", "text");
  lab.watch("app.ts");
  const nothings: Record<string, () => void> = {
    "another file of the folder": () => lab.write("other.ts", "another text"),
    "a new file": () => lab.write("new.ts", "text"),
    "a file of the same name in another folder": () => lab.write("below/app.ts", "text"),
    "its time": () => Deno.utimeSync(lab.path("app.ts"), new Date(), new Date()),
    "its mode": () => Deno.chmodSync(lab.path("app.ts"), 0o600),
    "the same text again": () => lab.write("app.ts", "text"),
    "a file renamed over it with the same text": () => {
      lab.write("copy", "text");
      Deno.renameSync(lab.path("copy"), lab.path("app.ts"));
    },
    "another text, and back at once": () => {
      lab.write("app.ts", "oops");
      lab.write("app.ts", "text");
    },
  };
  for (const [name, happens] of Object.entries(nothings)) {
    await test.step(name, async () => {
      happens();
      await sleep(QUIET_MS);
      assertEquals(lab.changes, []);
    });
  }
});

Deno.test("many changes at once are told as few", async () => {
  await using lab = await Lab.make();
  const names = Array.from({ length: 50 }, (_, index) => `file${index}.ts`);
  for (const name of names) lab.write(name, "old");
  lab.watch(...names);
  for (const name of names) lab.write(name, "new");
  const told = await lab.told();
  assertEquals([told[0], told.length < 5], ["file0.ts", true]);
});

Deno.test("a change is told though something else in the folder is written without end", async () => {
  await using lab = await Lab.make();
  lab.write("app.ts", "old");
  lab.watch("app.ts");
  const writing = setInterval(() => {
    lab.write("app.log", crypto.randomUUID());
    // Of a name that counts.
    lab.write("below/app.ts", crypto.randomUUID());
    Deno.utimeSync(lab.path("app.ts"), new Date(), new Date());
  }, 20);
  try {
    lab.write("app.ts", "new");
    assertEquals(await lab.told(), ["app.ts"]);
  } finally {
    clearInterval(writing);
  }
});

Deno.test("what happened between loading and watching is a change", async () => {
  await using lab = await Lab.make();
  lab.write("app.ts", "changed since");
  lab.known.set(lab.path("app.ts"), sha256Of("as it was loaded"));
  lab.watch();
  assertEquals(await lab.told(), ["app.ts"]);
});

Deno.test("files that join the set are watched from then on, those that leave it no more", async () => {
  await using lab = await Lab.make();
  lab.write("app.ts", "old");
  lab.write("late/part.ts", "old");
  const watcher = lab.watch("app.ts");
  lab.known.set(lab.path("late/part.ts"), null);
  watcher.refresh();
  lab.write("late/part.ts", "new");
  assertEquals(await lab.told(), ["late/part.ts"]);
  lab.known.delete(lab.path("late/part.ts"));
  watcher.refresh();
  lab.write("late/part.ts", "newer");
  await sleep(QUIET_MS);
  assertEquals(lab.changes.length, 1);
});

Deno.test("files that are not there yet are a change when they come, wherever that is", async () => {
  await using lab = await Lab.make();
  lab.watch("not/yet/there.ts");
  await sleep(QUIET_MS);
  lab.write("not/yet/there.ts", "text");
  assertEquals(await lab.told(), ["not/yet/there.ts"]);
  assertEquals(lab.complaints, []);
});
