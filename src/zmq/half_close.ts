/**
 * Ends the sending half of a connection that libzmq has made.
 *
 * @module
 */

const LIBRARIES: Readonly<Record<string, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.B.dylib",
  freebsd: "libc.so.7",
};
const SHUT_WR = 1;
const SYMBOLS = { shutdown: { parameters: ["i32", "i32"], result: "i32" } } as const;

let libc: Deno.DynamicLibrary<typeof SYMBOLS> | null | undefined;

/** Opens the system's library, if there is one that has the function. */
export function openLibc(): void {
  if (libc === undefined) libc = loadLibc(SYMBOLS);
}

/**
 * Tells the other side of the connection `fd` that no more will come, while what it has sent can still
 * be received; `false` where the system has no such function.
 */
export function halfClose(fd: number): boolean {
  openLibc();
  return libc != null && libc.symbols.shutdown(fd, SHUT_WR) === 0;
}

/** Binds `symbols` of the system's library; `null` if there is none that has them. */
export function loadLibc<S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S> | null {
  const name = LIBRARIES[Deno.build.os];
  if (name === undefined) return null;
  try {
    return Deno.dlopen(name, symbols);
  } catch (error) {
    // A system with another libc, such as musl: what needs it is left out there.
    if (error instanceof Error) return null;
    throw error;
  }
}
