/**
 * What packages run on, as npm calls it.
 *
 * @module
 */

/** An operating system, processor and C library in npm's words. */
export interface Platform {
  /** As `process.platform` says. */
  readonly os: string;
  /** As `process.arch` says. */
  readonly cpu: string;
  /** C library; `""` where packages do not care. */
  readonly libc: string;
}

/** What this program runs on. Deno itself needs glibc on Linux. */
export function thisPlatform(): Platform {
  const { os, arch } = Deno.build;
  return {
    os: os === "windows" ? "win32" : os,
    cpu: arch === "x86_64" ? "x64" : "arm64",
    libc: os === "linux" ? "glibc" : "",
  };
}

/** What a package says about where it runs. */
export interface PlatformClaims {
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

/** Whether a package is for `platform`. */
export function fitsPlatform(claims: PlatformClaims, { os, cpu, libc }: Platform): boolean {
  return fits(claims.os, os) && fits(claims.cpu, cpu) && (libc === "" || fits(claims.libc, libc));
}

/** Lists name what fits, or with `!` what does not. */
function fits(list: readonly string[] | string | undefined, value: string): boolean {
  if (list === undefined || list === null) return true;
  const entries = typeof list === "string" ? [list] : list;
  if (entries.length === 0 || entries.includes("any")) return true;
  if (entries.includes(`!${value}`)) return false;
  return entries.includes(value) || entries.every((entry) => entry.startsWith("!"));
}
