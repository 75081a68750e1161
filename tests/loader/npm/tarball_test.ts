import { join } from "node:path";
import { TarballFault, unpackTarball } from "../../../src/loader/npm/tarball.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import { gzip, tar } from "../../support/npm_registry.ts";
import type { TarEntry } from "../../support/npm_registry.ts";

const LIMITS = { maxUnpackedBytes: 64 * 1024, maxEntries: 8 };

/** A folder for one test. */
class Folder {
  readonly path = Deno.makeTempDirSync({ prefix: "gatehouse-tar-" });
  /** Where archives are unpacked, so that what is beside can be watched. */
  readonly target = join(this.path, "target");

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const deepest = `${"a/".repeat(63)}b`;
const long = `package/${"deep/".repeat(30)}file.js`;

const GOOD: readonly { name: string; entries: readonly TarEntry[]; files: readonly string[] }[] = [
  {
    name: "files, whatever their first folder is called",
    entries: [{ name: "package/a.js", content: "a" }, { name: "node/b/c.js", content: "c" }],
    files: ["a.js", "b/c.js"],
  },
  {
    name: "files with long names",
    entries: [{ name: long, content: "a" }],
    files: [long.slice("package/".length)],
  },
  {
    name: "files in as many folders as there may be",
    entries: [{ name: `package/${deepest}` }],
    files: [deepest],
  },
  {
    name: "the last of several files of one name",
    entries: [{ name: "p/a.js", content: "first" }, { name: "p/a.js", content: "second" }],
    files: ["a.js"],
  },
  {
    name: "no folders, links or devices",
    entries: [
      { name: "package/", type: "5" },
      { name: "package/dir", type: "5" },
      { name: "package/link", type: "2", linkName: "/etc/passwd" },
      { name: "package/hard", type: "1", linkName: "/etc/passwd" },
      { name: "package/null", type: "3" },
      { name: "package/disk", type: "4" },
      { name: "package/pipe", type: "6" },
      { name: "package/a.js", content: "a" },
    ],
    files: ["a.js"],
  },
  {
    name: "paths without their empty parts",
    entries: [{ name: "package/./x//a.js", content: "a" }, { name: "top-level.js" }],
    files: ["x/a.js"],
  },
  { name: "nothing where there is nothing", entries: [], files: [] },
];

for (const { name, entries, files } of GOOD) {
  Deno.test(`npm archives give ${name}`, async () => {
    using folder = new Folder();
    const unpacked = await unpackTarball(await gzip(tar(entries)), folder.target, LIMITS);
    assertEquals(unpacked.map(({ path }) => path), [...files]);
    for (const { path, sizeBytes } of unpacked) {
      assertEquals(Deno.lstatSync(join(folder.target, path)).size, sizeBytes);
    }
  });
}

Deno.test("npm archives say which files are programs", async () => {
  using folder = new Folder();
  const entries = [{ name: "p/run", content: "#!", mode: 0o755 }, { name: "p/a.js", mode: 0o600 }];
  await unpackTarball(await gzip(tar(entries)), folder.target, LIMITS);
  if (Deno.build.os === "windows") return;
  assert((Deno.statSync(join(folder.target, "run")).mode! & 0o100) !== 0);
  assertEquals(Deno.statSync(join(folder.target, "a.js")).mode! & 0o111, 0);
});

/** Contents of files, and whether the word is in them. */
const WORDS: readonly (readonly [content: string, names: "import" | "nothing"])[] = [
  ["import", "import"],
  ["x=()=>import('y')", "import"],
  ["impimport", "import"],
  ["timport", "import"],
  [`${"i".repeat(1_000)}mport`, "import"],
  ["", "nothing"],
  ["mport", "nothing"],
  ["impor", "nothing"],
  ["Import, im-port, improt, xmport", "nothing"],
  ["import".split("").join(" "), "nothing"],
];

Deno.test("npm archives say in which CommonJS the word import is", async () => {
  using folder = new Folder();
  const limits = { ...LIMITS, maxEntries: 100 };
  for (const ending of [".js", ".cjs", ""]) {
    const entries = WORDS.map(([content], i) => ({ name: `p/a.b/${i}${ending}`, content }));
    const unpacked = await unpackTarball(await gzip(tar(entries)), folder.target, limits);
    assertEquals(unpacked.map(({ names }) => names), WORDS.map(([, names]) => names), ending);
  }
});

const whole = await gzip(tar([{ name: "package/a.js", content: "x".repeat(5_000) }]));
const broken = tar([{ name: "package/a.js", content: "a" }]);
broken[3] ^= 1;

/** The same with another length of what was compressed. */
function withLength(archive: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  new DataView(archive.buffer).setUint32(archive.length - 4, length, true);
  return archive;
}

const BAD: readonly {
  name: string;
  archive: Uint8Array<ArrayBuffer> | readonly TarEntry[];
  message: RegExp;
}[] = [
  ...["package/../../escaped", "../escaped", "package/x/../../../escaped", "/escaped", "C:/escaped"]
    .map((name) => ({
      name: `want to write to ${name}`,
      archive: [{ name, content: "x" }],
      message: /a path outside of its folder$/,
    })),
  {
    name: "have a backslash in a path",
    archive: [{ name: "package/..\\escaped", content: "x" }],
    message: /a path outside of its folder$/,
  },
  {
    name: "have a file for a folder",
    archive: [{ name: "package/a", content: "x" }, { name: "package/a/b", content: "x" }],
    message: /^its files do not fit together/,
  },
  {
    name: "are too large",
    archive: [{ name: "package/a", content: "x".repeat(LIMITS.maxUnpackedBytes) }],
    message: /^it unpacks to more than 65536 bytes$/,
  },
  {
    name: "hold too many files",
    archive: Array.from({ length: 9 }, (_, number) => ({ name: `package/${number}` })),
    message: /^it holds more than 8 entries$/,
  },
  {
    name: "hold a file too often",
    archive: Array.from({ length: 9 }, () => ({ name: "package/a" })),
    message: /^it holds more than 8 entries$/,
  },
  ...["5", "2", "V"].map((type) => ({
    name: `hold too many entries of type ${type}`,
    archive: Array.from({ length: 9 }, () => ({ name: "package/a", type, linkName: "b" })),
    message: /^it holds more than 8 entries$/,
  })),
  {
    name: "have too many folders in each other",
    archive: [{ name: `package/${"a/".repeat(64)}b` }],
    message: /^it holds a file in more than 63 folders$/,
  },
  { name: "are cut off", archive: whole.slice(0, -20), message: /^the archive is damaged/ },
  {
    name: "are cut off within",
    archive: await gzip(tar([{ name: "p/a", content: "x".repeat(2_000) }]).slice(0, 1_500)),
    message: /^the archive is damaged|^it ends within/,
  },
  {
    name: "have a wrong checksum",
    archive: await gzip(broken),
    message: /^the archive is damaged/,
  },
  {
    name: "are not compressed",
    archive: tar([{ name: "package/a.js" }]),
    message: /^the archive is damaged/,
  },
  { name: "are empty", archive: new Uint8Array(), message: /^the archive is damaged/ },
  {
    name: "have something behind the compressed part",
    archive: new Uint8Array([...whole, 1, 2, 3]),
    message: /^the archive is damaged/,
  },
  {
    name: "have something behind their end",
    archive: await gzip(new Uint8Array([...tar([{ name: "p/a", content: "x" }]), 1])),
    message: /^the archive is damaged \(it is cut off\)$/,
  },
  {
    name: "have no end",
    archive: await gzip(tar([{ name: "p/a", content: "x" }]).slice(0, 1_024)),
    message: /^the archive is damaged \(it is cut off\)$/,
  },
  {
    name: "say of themselves that they are longer than they are",
    archive: withLength(await gzip(tar([{ name: "p/a", content: "x" }])), 0xffff_ffff),
    message: /^the archive is damaged/,
  },
];

for (const { name, archive, message } of BAD) {
  Deno.test(`npm archives are refused that ${name}`, async () => {
    using folder = new Folder();
    const bytes = archive instanceof Uint8Array ? archive : await gzip(tar(archive));
    const error = await assertRejects(
      () => unpackTarball(bytes, folder.target, LIMITS),
      TarballFault,
    );
    assertMatch(error.message, message);
    const beside = [...Deno.readDirSync(folder.path)].map((entry) => entry.name);
    assertEquals(beside.filter((entry) => entry !== "target"), []);
  });
}

Deno.test("npm archives at their limits are taken", async () => {
  using folder = new Folder();
  const archive = tar(["a", "b", "c"].map((name) => ({ name: `package/${name}`, content: name })));
  const limits = { maxEntries: 3, maxUnpackedBytes: archive.length };
  const files = await unpackTarball(await gzip(archive), folder.target, limits);
  assertEquals(files.length, 3);
  const less = { ...limits, maxUnpackedBytes: archive.length - 1 };
  await assertRejects(async () => {
    await unpackTarball(await gzip(archive), folder.target, less);
  }, TarballFault);
});

Deno.test("npm archives are unpacked in pieces that are too large to have at once", async () => {
  using folder = new Folder();
  const content = new Uint8Array(65 * 1_048_576).fill(97);
  const archive = await gzip(
    tar([{ name: "p/large", content }, { name: "p/a", content: "import" }]),
  );
  const files = await unpackTarball(archive, folder.target);
  assertEquals(files, [
    { path: "large", sizeBytes: content.length, names: "nothing" },
    { path: "a", sizeBytes: 6, names: "import" },
  ]);
  assertEquals(Deno.statSync(join(folder.target, "large")).size, content.length);
});
