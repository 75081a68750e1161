/**
 * CPU time of threads and processes, where the system tells (Linux).
 *
 * @module
 */

/** Length of the system's unit of CPU time (USER_HZ, which programs see as 100 everywhere). */
const TICK_MS = 10;

/** CPU time of this process's main thread, which sends and receives, in milliseconds; `null` if not known. */
export function ownThreadCpuMs(): number | null {
  return cpuMsIn(`/proc/self/task/${Deno.pid}/stat`);
}

/** CPU time of a process and of its children, in milliseconds; `null` if not known. */
export function processCpuMs(pid: number): number | null {
  let total = cpuMsIn(`/proc/${pid}/stat`);
  if (total === null) return null;
  for (const child of childrenOf(pid)) total += processCpuMs(child) ?? 0;
  return total;
}

function cpuMsIn(path: string): number | null {
  const text = contentOf(path);
  if (text === null) return null;
  // The name in parentheses may have anything in it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * TICK_MS : null;
}

function childrenOf(pid: number): number[] {
  const text = contentOf(`/proc/${pid}/task/${pid}/children`);
  return text === null ? [] : text.split(" ").filter((word) => word !== "").map(Number);
}

function contentOf(path: string): string | null {
  if (Deno.build.os !== "linux") return null;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // It is gone, or may not be read.
    if (error instanceof Error) return null;
    throw error;
  }
}
