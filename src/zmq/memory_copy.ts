/**
 * Copies out of memory that libzmq has.
 *
 * @module
 */

import { loadLibc } from "./half_close.ts";

const SYMBOLS = {
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
} as const;

let libc: Deno.DynamicLibrary<typeof SYMBOLS> | null | undefined;

/** Opens the system's library, if there is one that has the function. */
export function openCopy(): void {
  if (libc === undefined) libc = loadLibc(SYMBOLS);
}

/** Copies `bytes` bytes from `source` to the beginning of `memory`, which is not smaller. */
export function copyOut(
  source: Deno.PointerObject,
  memory: Uint8Array<ArrayBuffer>,
  bytes: number,
): void {
  // The runtime's own way takes ten times as long for a small message.
  if (libc == null) Deno.UnsafePointerView.copyInto(source, memory.subarray(0, bytes));
  else libc.symbols.memcpy(memory, source, BigInt(bytes));
}
