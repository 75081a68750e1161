/** Tar archives as the reader sees them, at every split. */

import type { TarFile } from "../../../src/loader/npm/tar_reader.ts";
import { TarFault, TarReader } from "../../../src/loader/npm/tar_reader.ts";
import { assertEquals, assertMatch, assertThrows } from "../../support/assert.ts";
import { tar } from "../../support/npm_registry.ts";

const encoder = new TextEncoder();

/** What differs from a usual header; `field` is put at its offset. */
type Fields = Readonly<Record<number, string | readonly number[]>>;

/** A header, with its checksum, and content in whole blocks. */
function entry(name: string, type: string, content: string, fields: Fields = {}): Uint8Array {
  const bytes = encoder.encode(content);
  const blocks = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  const put = (offset: number, value: string | readonly number[]) =>
    blocks.set(typeof value === "string" ? encoder.encode(value) : value, offset);
  put(0, name);
  put(100, "0000644\0");
  put(124, `${bytes.length.toString(8).padStart(11, "0")}\0`);
  put(156, type);
  put(257, "ustar\x0000");
  for (const [offset, value] of Object.entries(fields)) put(Number(offset), value);
  put(148, "        ");
  const sum = blocks.subarray(0, 512).reduce((before, byte) => before + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  blocks.set(bytes, 512);
  return blocks;
}

const END = new Uint8Array(1024);

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (encoder.encode(`${length}${rest}`).length !== length) length++;
  return `${length}${rest}`;
}

function filesIn(archive: Uint8Array, pieceBytes = archive.length): string[] {
  const files: TarFile[] = [];
  const reader = new TarReader((file) => files.push(file));
  for (let at = 0; at < archive.length; at += Math.max(1, pieceBytes)) {
    reader.push(archive.slice(at, at + pieceBytes));
  }
  reader.end();
  return files.map(({ name, mode, content }) =>
    `${name} ${mode.toString(8)} ${new TextDecoder().decode(content)}`
  );
}

const GOOD: readonly { name: string; archive: Uint8Array; files: readonly string[] }[] = [
  { name: "nothing", archive: END, files: [] },
  {
    name: "files of any size, one after another",
    archive: tar([
      { name: "p/empty" },
      { name: "p/a", content: "a", mode: 0o755 },
      { name: "p/block", content: "b".repeat(512) },
      { name: "p/more", content: "c".repeat(513) },
    ]),
    files: [
      "p/empty 644 ",
      "p/a 755 a",
      `p/block 644 ${"b".repeat(512)}`,
      `p/more 644 ${"c".repeat(513)}`,
    ],
  },
  {
    name: "what follows folders at once, whatever size they say",
    archive: joined(
      entry("p/x", "5", "", { 124: "00000001000\0" }),
      ...["0", "\0"].map((type) => entry("p/folder/", type, "", { 124: "00000001000\0" })),
      entry("p/a", "0", "a"),
      END,
    ),
    files: ["p/a 644 a"],
  },
  ...[..."12346ADIMNSVXZ"].map((type) => ({
    name: `nothing of an entry of the type ${type}, but what follows its content`,
    archive: joined(
      entry("p/x", type, new TextDecoder().decode(entry("p/hidden", "0", "h"))),
      entry("p/empty", type, ""),
      entry("p/a", "0", "a"),
      END,
    ),
    files: ["p/a 644 a"],
  })),
  {
    name: "what follows a link whose size an extended header says",
    archive: joined(
      entry("x", "x", record("size", "3")),
      entry("p/x", "2", "abc", { 124: "00000000000\0" }),
      entry("p/a", "0", "a"),
      END,
    ),
    files: ["p/a 644 a"],
  },
  {
    name: "what follows the name of a volume, whatever extended headers before it say",
    archive: joined(
      entry("x", "x", record("size", "513") + record("path", "p/x")),
      entry("p/x", "V", "abc"),
      entry("p/a", "0", "a"),
      END,
    ),
    files: ["p/a 644 a"],
  },
  {
    name: "files of the three types of these",
    archive: joined(
      entry("p/a", "0", "a"),
      entry("p/b", "\0", "b"),
      entry("p/c", "7", "c"),
      END,
    ),
    files: ["p/a 644 a", "p/b 644 b", "p/c 644 c"],
  },
  {
    name: "a name in two parts",
    archive: joined(entry("b/c", "0", "x", { 345: "p/a" }), END),
    files: ["p/a/b/c 644 x"],
  },
  {
    name: "no second part of a name where GNU has times",
    archive: joined(entry("p/c", "0", "x", { 257: "ustar  \0", 345: "14000000000" }), END),
    files: ["p/c 644 x"],
  },
  {
    name: "long names as GNU writes them, for the next file alone",
    archive: joined(
      entry("././@LongLink", "K", "somewhere\0"),
      entry("././@LongLink", "L", `p/${"long/".repeat(200)}a\0`),
      entry("p/long", "0", "a"),
      entry("p/b", "0", "b"),
      END,
    ),
    files: [`p/${"long/".repeat(200)}a 644 a`, "p/b 644 b"],
  },
  {
    name: "names and sizes of extended headers, for the next file alone",
    archive: joined(
      entry(
        "x",
        "x",
        record("mtime", "1.5") + record("SCHILY.xattr.a", "1\n2 b=c\n") + record("path", "p/ä=b") +
          record("size", "3"),
      ),
      entry("p/short", "0", "abc", { 124: "00000000000\0" }),
      entry("p/b", "0", "b"),
      END,
    ),
    files: ["p/ä=b 644 abc", "p/b 644 b"],
  },
  {
    name: "names and sizes of the files, whatever is said of all of them",
    archive: joined(
      entry("g", "g", record("path", "p/all") + record("size", "0") + record("linkpath", "p/x")),
      entry("p/a", "0", "a"),
      entry("x", "x", record("path", "p/own")),
      entry("p/b", "0", "b"),
      END,
    ),
    files: ["p/a 644 a", "p/own 644 b"],
  },
  {
    name: "names with marks of the byte order",
    archive: joined(
      entry("\ufeffa", "0", "a", { 345: "p" }),
      entry("x", "x", record("\ufeffpath", "p/x") + record("path", "\ufeffp/b")),
      entry("p/c", "0", "b"),
      END,
    ),
    files: ["p/\ufeffa 644 a", "\ufeffp/b 644 b"],
  },
  {
    name: "sizes in bytes instead of digits",
    archive: joined(
      entry("p/a", "0", "abc", { 124: [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3] }),
      END,
    ),
    files: ["p/a 644 abc"],
  },
  {
    name: "files before more zeros than there have to be",
    archive: joined(entry("p/a", "0", "a"), END, new Uint8Array(9_001)),
    files: ["p/a 644 a"],
  },
];

for (const { name, archive, files } of GOOD) {
  Deno.test(`a tar archive gives ${name}`, () => {
    for (const pieceBytes of [archive.length, 1, 7, 511, 512, 513, 1_000]) {
      assertEquals(filesIn(archive, pieceBytes), [...files], `in pieces of ${pieceBytes}`);
    }
  });
}

const good = entry("p/a", "0", "a");

const BAD: readonly { name: string; archive: Uint8Array; message: RegExp }[] = [
  { name: "is empty", archive: new Uint8Array(), message: /^it is cut off$/ },
  { name: "has no end", archive: good, message: /^it is cut off$/ },
  { name: "has half an end", archive: joined(good, END.slice(512)), message: /^it is cut off$/ },
  { name: "ends within a header", archive: good.slice(0, 100), message: /^it is cut off$/ },
  { name: "ends within a file", archive: good.slice(0, 512), message: /^it ends within p\/a$/ },
  {
    name: "goes on behind its end",
    archive: joined(good, END, good),
    message: /^there is something behind its end$/,
  },
  {
    name: "has other bytes behind its end",
    archive: joined(good, END, new Uint8Array([1])),
    message: /^it is cut off$/,
  },
  {
    name: "goes on behind a block of zeros",
    archive: joined(new Uint8Array(512), good, END),
    message: /^there is something behind its end$/,
  },
  {
    name: "has another checksum",
    archive: joined(good.with(0, 1), END),
    message: /^the checksum of a header is wrong$/,
  },
  {
    name: "has a size that is none",
    archive: joined(entry("p/a", "0", "a", { 124: "0000000000x\0" }), END),
    message: /^a number in a header is none$/,
  },
  {
    name: "has a size beyond all numbers",
    archive: joined(entry("p/a", "0", "a", { 124: Array(12).fill(0xff) }), END),
    message: /^a number in a header is too large$/,
  },
  {
    name: "says of a file that it is larger than all there is",
    archive: joined(entry("p/a", "0", "a", { 124: "77777777777\0" }), END),
    message: /^it ends within p\/a$/,
  },
  {
    name: "has an extended header without end",
    archive: joined(entry("x", "x", "", { 124: "77777777777\0" }), END),
    message: /^a header is too large$/,
  },
  ...[
    "11 path=p/bx",
    "12 path=p/bb",
    "12 path=p/b\0",
    "17 path=p/b\npath=",
    "12 path=p/b\nx",
    "013 path=p/b\n",
    "0 path=a\n",
    "99 path=a\n",
    "x",
    "-1 path=a\n",
    "3 a\n 3 ",
  ]
    .flatMap((content) =>
      ["x", "g"].map((type) => ({
        name: `has the extended header ${JSON.stringify(content)} of type ${type}`,
        archive: joined(entry("x", type, content), good, END),
        message: /^an extended header is damaged$/,
      }))
    ),
  ...[
    record("comment", "a\n12 path=p/b"),
    record("comment", "a\n 9path=p/"),
    record("comment", "a\n9 size=1"),
    record("a\n12 path", "p/b"),
    record("path", "p/a\nb"),
    record("path", "p\0/a"),
  ].flatMap((content) =>
    ["x", "g"].map((type) => ({
      name: `has the header ${JSON.stringify(content)} of type ${type} for those who read lines`,
      archive: joined(entry("x", type, content), good, END),
      message: /^an extended header can be read in two ways$/,
    }))
  ),
  ...["-1", "1e3", "", "9".repeat(30)].map((size) => ({
    name: `has an extended header with the size ${JSON.stringify(size)}`,
    archive: joined(entry("x", "x", record("size", size)), good, END),
    message: /^a number in a header is none$/,
  })),
];

for (const { name, archive, message } of BAD) {
  Deno.test(`a tar archive is refused that ${name}`, () => {
    for (const pieceBytes of [archive.length, 1, 511, 512, 513]) {
      const error = assertThrows(() => filesIn(archive, pieceBytes), TarFault);
      assertMatch(error.message, message);
    }
  });
}

Deno.test("a tar archive tells of each thing it holds before it has it as a whole", () => {
  let count = 0;
  const reader = new TarReader(() => {}, () => count++);
  const counts = [
    entry("p/", "5", ""),
    entry("p/a", "0", "a"),
    entry("p/a", "0", "a"),
    entry("p/x", "2", ""),
    entry("p/x", "V", "abc"),
    entry("x", "x", record("path", "p/b")),
    entry("p/a", "0", "a").slice(0, 512),
  ].map((part) => {
    reader.push(part);
    return count;
  });
  assertEquals(counts, [1, 2, 3, 4, 5, 5, 6]);
});
