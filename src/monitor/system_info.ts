/**
 * Facts about the system that the gateway runs on, for those who know the token. There is nothing of the
 * environment or the command line in it, where secrets may be.
 *
 * @module
 */

import type { Surroundings } from "../base/surroundings.ts";

/** Facts by their names; `null` where the system, or Deno, does not tell. */
export type SystemInfo = Readonly<Record<string, unknown>>;

/** Asks the system, and what the process was started in. */
export async function systemInfo(
  { cwd, program, tempFolder }: Surroundings,
): Promise<SystemInfo> {
  const os = await import("node:os");
  const { deno, v8, typescript } = Deno.version;
  return {
    architecture: Deno.build.arch,
    system: Deno.build.os,
    target: Deno.build.target,
    release: told(() => Deno.osRelease()),
    kernel: told(() => os.version()),
    hostname: told(() => Deno.hostname()),
    processor: told(() => os.cpus()[0]?.model ?? null),
    cores: navigator.hardwareConcurrency,
    loadAverage: told(() => Deno.loadavg()),
    memory: told(() => Deno.systemMemoryInfo()),
    systemUptimeSeconds: told(() => Deno.osUptime()),
    login: told(() => os.userInfo().username),
    userId: told(() => Deno.uid()),
    groupId: told(() => Deno.gid()),
    executable: program,
    isCompiled: Deno.build.standalone,
    deno,
    v8,
    typescript,
    pathSeparator: Deno.build.os === "windows" ? "\\" : "/",
    maxSafeInteger: Number.MAX_SAFE_INTEGER,
    workingFolder: cwd,
    tempFolder,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

function told<Fact>(ask: () => Fact): Fact | null {
  try {
    return ask();
  } catch (error) {
    // It is not permitted, or there is no such thing here.
    if (error instanceof Error) return null;
    throw error;
  }
}
