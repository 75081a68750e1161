/** What is opened as a local file, and what is not. */

import { LoadError } from "../../src/base/errors.ts";
import { readGranted, staysWithin } from "../../src/loader/files/file_grant.ts";
import { readFileSource } from "../../src/loader/fetch/local_source.ts";
import {
  FileFault,
  readRegularFile,
  readRegularFileLater,
  RegularFile,
} from "../../src/loader/files/regular_file.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "../support/assert.ts";
import { complaints, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { soon, test } from "../support/strict.ts";

const MAX_BYTES = 1_000;
const decoder = new TextDecoder();

async function folder(): Promise<string> {
  return Deno.realPathSync(await Deno.makeTempDir({ prefix: "gatehouse-files-" }));
}

/** Makes a pipe, which blocks whoever opens it to read as others do. */
function makePipe(path: string): void {
  const { success } = new Deno.Command("mkfifo", { args: [path] }).outputSync();
  assert(success, "mkfifo");
}

Deno.test("only regular files are opened, whatever leads to them, and none of the others holds anybody up", async () => {
  const at = await folder();
  makePipe(`${at}/pipe`);
  using listener = Deno.listen({ transport: "unix", path: `${at}/socket` });
  void listener;
  Deno.symlinkSync("pipe", `${at}/link-to-pipe`);
  Deno.symlinkSync("/dev/zero", `${at}/link-to-device`);
  Deno.symlinkSync("loop", `${at}/loop`);
  Deno.symlinkSync("none", `${at}/dangling`);
  Deno.writeTextFileSync(`${at}/file`, "text");
  Deno.symlinkSync("file", `${at}/link`);
  const cases: [path: string, reason: RegExp][] = [
    ["pipe", /not a regular file/],
    ["link-to-pipe", /not a regular file/],
    ["socket", /not a regular file/],
    ["link-to-device", /not a regular file/],
    [".", /it is a folder/],
    ["loop", /links lead nowhere/],
    ["dangling", /no such file/],
    ["none", /no such file/],
    ["file/below", /no such file/],
    ["n".repeat(300), /no such file/],
    ["a\0b", /not the path of a file/],
  ];
  for (const [name, reason] of cases) {
    const { message } = assertThrows(() => readRegularFile(`${at}/${name}`, MAX_BYTES), FileFault);
    assertMatch(message, reason, name);
    const later = await assertRejects(
      () => readRegularFileLater(`${at}/${name}`, MAX_BYTES),
      FileFault,
    );
    assertMatch(later.message, reason, name);
    assertThrows(() => readGranted(`${at}/${name}`, "any", MAX_BYTES), FileFault);
    assertThrows(() => readGranted(`${at}/${name}`, [at], MAX_BYTES), FileFault);
  }
  for (const name of ["file", "link"]) {
    assertEquals(decoder.decode(readRegularFile(`${at}/${name}`, MAX_BYTES)), "text");
    assertEquals(decoder.decode(await readRegularFileLater(`${at}/${name}`, MAX_BYTES)), "text");
    assertEquals(decoder.decode(readGranted(`${at}/${name}`, [at], MAX_BYTES)), "text");
  }
  await Deno.remove(at, { recursive: true });
});

Deno.test("a file is read up to a size, though it grows or does not say how large it is", async () => {
  const at = await folder();
  const path = `${at}/file`;
  for (const size of [0, 1, MAX_BYTES - 1, MAX_BYTES]) {
    Deno.writeTextFileSync(path, "x".repeat(size));
    assertEquals(readRegularFile(path, MAX_BYTES).length, size);
  }
  Deno.writeTextFileSync(path, "x".repeat(MAX_BYTES + 1));
  assertThrows(() => readRegularFile(path, MAX_BYTES), FileFault, "larger than 1000 bytes");
  Deno.writeTextFileSync(path, "x");
  {
    using file = RegularFile.open(path);
    Deno.writeTextFileSync(path, "y".repeat(300), { append: true });
    assertEquals(file.read(MAX_BYTES).length, 301);
  }
  {
    using file = RegularFile.open(path);
    Deno.writeTextFileSync(path, "z".repeat(MAX_BYTES), { append: true });
    assertThrows(() => file.read(MAX_BYTES), FileFault, "larger than");
  }
  if (Deno.build.os === "linux") {
    // Its size is 0 as far as the system says.
    assert(readRegularFile("/proc/self/status", 100_000).length > 100);
    assertThrows(() => readRegularFile("/proc/self/status", 100), FileFault, "larger than");
  }
  await Deno.remove(at, { recursive: true });
});

Deno.test("what takes a file's place, or its folder's, after it was opened is not taken for it", async () => {
  const at = await folder();
  for (const name of ["a", "b"]) {
    Deno.mkdirSync(`${at}/${name}`);
    Deno.writeTextFileSync(`${at}/${name}/file`, name);
  }
  using file = RegularFile.open(`${at}/a/file`);
  assertEquals(file.isAt(`${at}/a/file`), true);
  assertEquals(file.isAt(`${at}/b/file`), false);
  Deno.symlinkSync("b", `${at}/link`);
  Deno.renameSync(`${at}/a`, `${at}/old`);
  Deno.renameSync(`${at}/link`, `${at}/a`);
  assertEquals(file.isAt(`${at}/a/file`), false);
  Deno.removeSync(`${at}/a`);
  Deno.mkdirSync(`${at}/a`);
  Deno.writeTextFileSync(`${at}/a/file`, "a");
  assertEquals(file.isAt(`${at}/a/file`), false);
  Deno.removeSync(`${at}/a/file`);
  Deno.symlinkSync(`${at}/old/file`, `${at}/a/file`);
  assertEquals(file.isAt(`${at}/a/file`), false, "a link to it is another one");
  await Deno.remove(at, { recursive: true });
});

Deno.test("whether there is a file out of reach, or what kind, makes no difference", async () => {
  const at = await folder();
  for (const name of ["own", "other"]) Deno.mkdirSync(`${at}/${name}`);
  Deno.writeTextFileSync(`${at}/other/file.js`, "");
  makePipe(`${at}/other/pipe.js`);
  Deno.mkdirSync(`${at}/other/folder.js`);
  Deno.symlinkSync("../other", `${at}/own/out`);
  const messages = async (prefix: string) => {
    const told = new Set<string>();
    for (
      const name of ["file.js", "pipe.js", "folder.js", "none.js", "file.js/x.js", "none/x.js"]
    ) {
      const url = `file://${at}/${prefix}/${name}`;
      const { message } = await assertRejects(
        () => readFileSource(url, [`${at}/own`], MAX_BYTES),
        LoadError,
      );
      told.add(message.replace(url, "URL"));
      assertEquals(staysWithin(`${at}/${prefix}/${name}`, [`${at}/own`]), false);
    }
    return [...told];
  };
  for (const prefix of ["other", "own/out", "own/../other"]) {
    const [message, ...others] = await messages(prefix);
    assertMatch(message, /what the app may not read; permit it with --app-allow-read/);
    assertEquals(others, []);
  }
  await Deno.remove(at, { recursive: true });
});

test("pipes in the place of modules, deno.json and .npmrc hold up neither the start nor a reload", async () => {
  await using lab = new LoaderLab({
    "app.ts": IMPORTING_APP,
    "good.ts": "export default () => new Response('good');\n",
    "static.ts":
      'import text from "./pipe.txt" with { type: "text" };\nexport default () => text;\n',
    "config/app.ts": "export default () => new Response();\n",
    "rc/app.ts": 'import "npm:none";\nexport default () => new Response();\n',
  });
  for (const name of ["pipe.txt", "rc/.npmrc"]) makePipe(lab.path(name));
  for (
    const [app, message] of [["static.ts", /pipe\.txt: it is not a regular file/], [
      "rc/app.ts",
      /\.npmrc: it is no/,
    ]] as const
  ) {
    const ended = await lab.run(app);
    assertEquals(complaints(ended).length, 1, ended.stderr);
    assertMatch(complaints(ended)[0], message);
  }
  await using gateway = await lab.start("app.ts");
  assertMatch(String(await importAt(gateway, "./pipe.txt", "text")), /it is not a regular file/);
  assertMatch(String(await importAt(gateway, "file:///dev/zero", "bytes")), /may not read/);
  // The app becomes a pipe, and then another file.
  makePipe(lab.path("next"));
  Deno.renameSync(lab.path("next"), lab.path("app.ts"));
  gateway.kill("SIGHUP");
  await soon("the refusal", gateway.logged(/app\.ts: it is not a regular file/));
  assertEquals(await importAt(gateway, "data:text/javascript,export default 1"), 1);
  Deno.writeTextFileSync(lab.path("next"), `// mended\n${IMPORTING_APP}`);
  Deno.renameSync(lab.path("next"), lab.path("app.ts"));
  gateway.kill("SIGHUP");
  await soon("the reload", gateway.logged(/generation 3 serves/));
});
