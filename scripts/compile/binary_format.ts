/**
 * What a binary is for, and what it needs: as much of ELF, Mach-O and PE as compiling asks for.
 *
 * @module
 */

/** The systems that there are executables for, as `deno compile --target` names them. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** A system that there is an executable for. */
export type Target = typeof TARGETS[number];

/** What a file turned out to be. */
export interface BinaryFormat {
  /** For people: `ELF x86_64`, say, or `not a binary`. */
  readonly description: string;
  /** Where it can run: none for a machine that is not in {@linkcode TARGETS}. */
  readonly targets: readonly Target[];
}

const ELF_MACHINES: Readonly<Record<number, string>> = { 0x3e: "x86_64", 0xb7: "aarch64" };
const MACH_CPUS: Readonly<Record<number, string>> = {
  0x0100_0007: "x86_64",
  0x0100_000c: "aarch64",
};
const PE_MACHINES: Readonly<Record<number, string>> = { 0x8664: "x86_64", 0xaa64: "aarch64" };

/** Tells what `bytes`, the beginning of a file or all of it, is. */
export function binaryFormat(bytes: Uint8Array): BinaryFormat {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64) return { description: "not a binary", targets: [] };
  if (view.getUint32(0) === 0x7f45_4c46) {
    // 64 bits, least significant byte first.
    if (bytes[4] !== 2 || bytes[5] !== 1) return { description: "ELF, not 64-bit", targets: [] };
    return format("ELF", "unknown-linux-gnu", [ELF_MACHINES[view.getUint16(18, true)]]);
  }
  if (view.getUint32(0, true) === 0xfeed_facf) {
    return format("Mach-O", "apple-darwin", [MACH_CPUS[view.getUint32(4, true)]]);
  }
  if (view.getUint32(0) === 0xcafe_babe) {
    // Several machines in one file; Java's classes begin so, too, with a large number here.
    const count = Math.min(view.getUint32(4), (bytes.length - 8) / 20);
    const cpus = Array.from({ length: count }, (_, index) => view.getUint32(8 + index * 20));
    return format("Mach-O", "apple-darwin", cpus.map((cpu) => MACH_CPUS[cpu]));
  }
  if (view.getUint16(0) === 0x4d5a) {
    const start = view.getUint32(0x3c, true);
    if (start + 6 <= bytes.length && view.getUint32(start) === 0x5045_0000) {
      return format("PE", "pc-windows-msvc", [PE_MACHINES[view.getUint16(start + 4, true)]]);
    }
  }
  return { description: "not a binary", targets: [] };
}

function format(
  kind: string,
  system: string,
  machines: readonly (string | undefined)[],
): BinaryFormat {
  return {
    description: `${kind} ${machines.map((machine) => machine ?? "another machine").join(" + ")}`,
    targets: TARGETS.filter((target) =>
      machines.some((machine) => target === `${machine}-${system}`)
    ),
  };
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;

/** Names of the libraries that an ELF file (64 bits, little-endian) asks the linker for. */
export function neededLibraries(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number) => Number(view.getBigUint64(offset, true));
  const headers = Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = word(32) + index * view.getUint16(54, true);
    const [offset, address, size] = [word(at + 8), word(at + 16), word(at + 32)];
    return { type: view.getUint32(at, true), offset, address, size };
  });
  const dynamic = headers.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const names: number[] = [];
  let strings = 0;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const tag = word(at);
    if (tag === 0) break;
    if (tag === DT_NEEDED) names.push(word(at + 8));
    if (tag === DT_STRTAB) strings = word(at + 8);
  }
  const holder = headers.find(({ type, address, size }) =>
    type === PT_LOAD && strings >= address && strings < address + size
  );
  if (holder === undefined) return [];
  const table = holder.offset + strings - holder.address;
  return names.map((name) => {
    const start = table + name;
    return new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
  });
}
