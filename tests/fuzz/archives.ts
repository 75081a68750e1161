/** Archives of packages: whatever is in them, nothing is written but files within the package's folder. */

import { TarballFault, unpackTarball } from "../../src/loader/npm/tarball.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const LIMITS = { maxUnpackedBytes: 16_384, maxEntries: 6 };
const BLOCK_BYTES = 512;

const SEGMENTS = [
  "package",
  "a",
  "b.js",
  "c",
  "..",
  ".",
  "",
  "\\..\\x",
  "C:",
  "a\0b",
  "\xe4",
  "x".repeat(90),
];
const TYPES = ["0", "0", "0", "0", "\0", "1", "2", "3", "5", "x", "g", "L", "K", "S", "V", "7"];
const PAX = [
  "path=../x",
  "path=package/y",
  "path=/x",
  "size=5",
  "linkpath=..",
  "path=package/../../x",
];
const SNIPPETS = ["\0", "../", "/", "7", "ustar\0", "0000644", "\xff", "-1", " ", "x".repeat(30)];

const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;

/** One entry: header and content in blocks, with a checksum that is right. */
function entry(name: string, type: string, content: string, size: number, prefix: string): string {
  const fields = [
    name.slice(0, 100).padEnd(100, "\0"),
    octal(0o644, 8) + octal(0, 8) + octal(0, 8),
    octal(size, 12) + octal(0, 12),
  ].join("");
  const rest = `${type}${"../../target".padEnd(100, "\0")}ustar\x0000${"\0".repeat(80)}` +
    `${prefix.slice(0, 155).padEnd(155, "\0")}`.padEnd(167, "\0");
  const unsigned = `${fields}        ${rest}`;
  let sum = 0;
  for (let at = 0; at < unsigned.length; at++) sum += unsigned.charCodeAt(at);
  const header = `${fields}${sum.toString(8).padStart(6, "0")}\0 ${rest}`.padEnd(BLOCK_BYTES, "\0");
  const padding = -content.length & (BLOCK_BYTES - 1);
  return header + content + "\0".repeat(padding);
}

function make(random: Random): string {
  let text = "";
  for (let left = random.below(9); left > 0; left--) {
    const segments = Array.from(
      { length: 1 + random.below(4) },
      () => random.below(8) === 0 ? random.pick(SEGMENTS) : random.pick(["a", "b", "c"]),
    );
    const name = random.below(8) === 0 ? segments.join("/") : `package/${segments.join("/")}`;
    const type = random.pick(TYPES);
    let content = random.text(random.below(40), "abc\0");
    // Links, devices and folders have none.
    if (/[1-5]/.test(type) && random.below(10) > 0) content = "";
    if (type === "x" || type === "g") {
      const record = ` ${random.pick(PAX)}\n`;
      content = `${record.length + 2}${record}`;
    }
    if (type === "L" || type === "K") content = `${random.pick(["package/long", "../long"])}\0`;
    const size = random.below(40) === 0 ? random.below(3_000) : content.length;
    text += entry(name, type, content, size, random.below(6) === 0 ? random.pick(SEGMENTS) : "");
  }
  if (random.below(4) > 0) text += "\0".repeat(2 * BLOCK_BYTES);
  return random.below(3) > 0 ? text : perhapsMutated(random, text, SNIPPETS, 2);
}

async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What is below a folder: files with their sizes, and anything else with what it is. */
function contentOf(folder: string, path = ""): [string, number | "link"][] {
  return [...Deno.readDirSync(`${folder}/${path}`)].flatMap(
    (found): [string, number | "link"][] => {
      const below = path + found.name;
      if (found.isDirectory) return contentOf(folder, `${below}/`);
      return [[below, found.isFile ? Deno.lstatSync(`${folder}/${below}`).size : "link"]];
    },
  );
}

async function check(input: string, random: Random): Promise<void> {
  let bytes = await gzipped(bytesOf(input));
  if (random.below(10) === 0) bytes = bytes.slice(0, random.below(bytes.length));
  const outer = await Deno.makeTempDir();
  try {
    const target = `${outer}/a/b/target`;
    await Deno.mkdir(`${outer}/a/b`, { recursive: true });
    const unpacked = await unpackTarball(bytes, target, LIMITS).catch((error) => {
      if (!(error instanceof TarballFault)) throw error;
      return null;
    });
    const found = contentOf(outer).map(([path, size]) => {
      assert(path.startsWith("a/b/target/"), `${path} is outside`);
      return [path.slice("a/b/target/".length), size] as const;
    });
    assert(found.length <= LIMITS.maxEntries, `${found.length} files`);
    if (unpacked === null) return;
    const told = unpacked.map(({ path, sizeBytes }) => [path, sizeBytes] as const);
    assertEquals(found.toSorted(), told.toSorted());
  } finally {
    await Deno.remove(outer, { recursive: true });
  }
}

/** Archives of packages. */
export const ARCHIVES: FuzzTarget = inputTarget({ name: "archives", attempts: 50, make, check });
