/**
 * What a program costs that is run to its end, and what it leaves on disk.
 *
 * @module
 */

import type { Contestant } from "../measuring/processes.ts";
import { waitedForCpuSeconds } from "../measuring/processes.ts";

/**
 * Runs a program to its end.
 *
 * @returns The time that it took, and its CPU time, in milliseconds.
 * @throws {Error} It fails.
 */
export async function oneRun(
  { name, command: [program, ...args], env }: Contestant,
): Promise<{ wallMs: number; cpuMs: number }> {
  const [since, cpu] = [performance.now(), waitedForCpuSeconds()];
  const command = new Deno.Command(program, {
    args,
    env: { ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await command.output();
  const wallMs = performance.now() - since;
  if (success) return { wallMs, cpuMs: (waitedForCpuSeconds() - cpu) * 1_000 };
  const text = new TextDecoder().decode(stderr).trim();
  throw new Error(`${name} failed: ${text.split("\n").at(-1)}`);
}

/** Sizes of all files below `folder`, in bytes; what has several names counts once. */
export async function bytesBelow(folder: string): Promise<number> {
  const seen = new Set<string>();
  let sum = 0;
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for await (const { name, isDirectory } of Deno.readDir(at)) {
      const path = `${at}/${name}`;
      if (isDirectory) {
        pending.push(path);
        continue;
      }
      const { size, ino, dev } = await Deno.lstat(path);
      const id = `${dev} ${ino}`;
      if (!seen.has(id)) sum += size;
      seen.add(id);
    }
  }
  return sum;
}
