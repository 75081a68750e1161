/**
 * What the current thread may do.
 *
 * @module
 */

const { apply } = Reflect;

/** Whether it has all permissions of a kind. */
export function isGranted(name: "run" | "sys" | "read" | "write"): boolean {
  return apply(Deno.permissions.querySync, Deno.permissions, [{ name }]).state === "granted";
}
