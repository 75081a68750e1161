/**
 * The file descriptors that the process has open.
 *
 * @module
 */

/** Where a process finds its own descriptors, by platform. */
const LISTING: string | null = Deno.build.os === "windows"
  ? null
  : Deno.build.os === "linux"
  ? "/proc/self/fd"
  : "/dev/fd";

/** Whether the descriptors can be listed. */
export function canListDescriptors(): boolean {
  if (LISTING === null || !mayRead(LISTING)) return false;
  try {
    for (const _number of openDescriptors()) break;
    return true;
  } catch (error) {
    // Deno requires all permissions for this, not only that to read.
    if (error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}

/** The numbers of all descriptors, and of one that is open only as long as this takes. */
export function* openDescriptors(): Generator<number, void, void> {
  for (const { name } of Deno.readDirSync(LISTING!)) yield Number(name);
}

/** Whether a file can be read without a prompt for permission. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
