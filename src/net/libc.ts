/**
 * The system's C library, where it can be called.
 *
 * @module
 */

/** The library's names, by platform: of GNU's, and of musl's. */
const NAMES: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  linux: ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`],
  darwin: ["libSystem.B.dylib"],
  freebsd: ["libc.so.7"],
};

/** Binds `symbols` of the library; `null` where it is not known, or FFI is not permitted. */
export function openLibc<S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S> | null {
  // Programs that use gatehouse as a library may lack the permission: Deno must not prompt for it.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  for (const name of NAMES[Deno.build.os] ?? []) {
    try {
      return Deno.dlopen(name, symbols);
    } catch (error) {
      // The library has another name here, or does not exist.
      if (!(error instanceof Error)) throw error;
    }
  }
  return null;
}
