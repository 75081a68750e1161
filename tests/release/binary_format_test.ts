/** What scripts/compile.ts understands of binaries. */

import { assert, assertEquals } from "../support/assert.ts";
import { binaryFormat, neededLibraries } from "../../scripts/compile/binary_format.ts";

/** A beginning of a file with these bytes at these places. */
function beginning(parts: Record<number, readonly number[]>): Uint8Array {
  const bytes = new Uint8Array(256);
  for (const [offset, part] of Object.entries(parts)) bytes.set(part, Number(offset));
  return bytes;
}

const ELF = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
const MACH = [0xcf, 0xfa, 0xed, 0xfe];
const PE = { 0: [0x4d, 0x5a], 0x3c: [0x80], 0x80: [0x50, 0x45, 0, 0] };

const cases: Record<string, [Uint8Array, string, readonly string[]]> = {
  "ELF for x86_64": [
    beginning({ 0: ELF, 18: [0x3e] }),
    "ELF x86_64",
    ["x86_64-unknown-linux-gnu"],
  ],
  "ELF for aarch64": [
    beginning({ 0: ELF, 18: [0xb7] }),
    "ELF aarch64",
    ["aarch64-unknown-linux-gnu"],
  ],
  "ELF for RISC-V": [beginning({ 0: ELF, 18: [0xf3] }), "ELF another machine", []],
  "ELF with 32 bits": [
    beginning({ 0: [0x7f, 0x45, 0x4c, 0x46, 1, 1], 18: [3] }),
    "ELF, not 64-bit",
    [],
  ],
  "Mach-O for x86_64": [
    beginning({ 0: MACH, 4: [7, 0, 0, 1] }),
    "Mach-O x86_64",
    ["x86_64-apple-darwin"],
  ],
  "Mach-O for aarch64": [
    beginning({ 0: MACH, 4: [12, 0, 0, 1] }),
    "Mach-O aarch64",
    ["aarch64-apple-darwin"],
  ],
  "Mach-O for both": [
    beginning({ 0: [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2], 8: [1, 0, 0, 7], 28: [1, 0, 0, 12] }),
    "Mach-O x86_64 + aarch64",
    ["x86_64-apple-darwin", "aarch64-apple-darwin"],
  ],
  "PE for x86_64": [
    beginning({ ...PE, 0x84: [0x64, 0x86] }),
    "PE x86_64",
    ["x86_64-pc-windows-msvc"],
  ],
  "PE for aarch64": [beginning({ ...PE, 0x84: [0x64, 0xaa] }), "PE aarch64", []],
  "a program of DOS": [beginning({ 0: [0x4d, 0x5a], 0x3c: [0xff, 0xff] }), "not a binary", []],
  "a text": [new TextEncoder().encode("#!/bin/sh\n".repeat(20)), "not a binary", []],
  "an empty file": [new Uint8Array(), "not a binary", []],
};
for (const [what, [bytes, description, targets]] of Object.entries(cases)) {
  Deno.test(`${what} is ${description}, for ${targets.join(" and ") || "no target"}`, () => {
    assertEquals(binaryFormat(bytes), { description, targets } as ReturnType<typeof binaryFormat>);
  });
}

Deno.test({
  name: "the libraries that a program needs are read from it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const needed = neededLibraries(await Deno.readFile("/proc/self/exe"));
    assert(needed.includes("libc.so.6"), needed.join(", "));
    assert(needed.every((name) => /^[\w+.-]+\.so\.[\d.]+$/.test(name)), needed.join(", "));
  },
});
