/**
 * Keeps Deno from asking at the terminal whether to permit what an app may not do: the prompt would
 * block the worker, and all output to the terminal.
 *
 * @module
 */

const LIBC: Partial<Record<typeof Deno.build.os, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.dylib",
};
const STDIN = 0;
const READ_ONLY = 0;

/**
 * Makes standard input an empty one, if it is a terminal: Deno does not ask then. Where that cannot
 * be done, `--no-prompt` or `DENO_NO_PROMPT` does it, and the executable has it built in.
 */
export function preventPrompts(): void {
  const path = LIBC[Deno.build.os];
  const isNeeded = Deno.stdin.isTerminal() && !Deno.build.standalone && path !== undefined;
  if (!isNeeded || Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
  using library = opened(path);
  if (library === null) return;
  const { open, dup2, close } = library.symbols;
  const empty = open(new TextEncoder().encode("/dev/null\0"), READ_ONLY);
  if (empty < 0) return;
  dup2(empty, STDIN);
  close(empty);
}

function opened(path: string) {
  try {
    const library = Deno.dlopen(path, {
      open: { parameters: ["buffer", "i32"], result: "i32" },
      dup2: { parameters: ["i32", "i32"], result: "i32" },
      close: { parameters: ["i32"], result: "i32" },
    });
    return Object.assign(library, { [Symbol.dispose]: () => library.close() });
  } catch {
    // There is no such library, as with musl: only the guard is missing.
    return null;
  }
}
