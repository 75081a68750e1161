/**
 * The command that starts gatehouse once more, as this process was started.
 *
 * @module
 */

import { statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** A program and what comes before gatehouse's own arguments. */
export interface OwnCommand {
  /** Path of the executable: of gatehouse, or of Deno. */
  readonly program: string;
  /** The arguments of Deno, and the module. */
  readonly first: readonly string[];
}

const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

/**
 * The command that `args` are arguments of. It is found out now, since what the program's path leads
 * to may be another file later: that is what a rolling restart is for.
 */
export function ownCommand(args: readonly string[]): OwnCommand {
  const words = ownCommandLine();
  const program = programOf(words?.[0]);
  if (Deno.build.standalone) return { program, first: [] };
  return { program, first: (words && denoArguments(words, args)) ?? derivedArguments() };
}

/** What stands between the program and `args` in a process's command line, if they are its last words. */
export function denoArguments(
  words: readonly string[],
  args: readonly string[],
): string[] | undefined {
  const end = words.length - args.length;
  const isOwn = end > 1 && args.every((arg, place) => words[end + place] === arg);
  return isOwn ? words.slice(1, end) : undefined;
}

/** The words that this process was started with, where the system tells. */
function ownCommandLine(): string[] | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound) {
      return undefined;
    }
    throw error;
  }
}

/**
 * The executable by the name that it was called by: a symbolic link may lead to a newer one by the
 * time that it is needed.
 */
function programOf(word: string | undefined): string {
  const path = Deno.execPath();
  if (word === undefined) return path;
  const candidates = word.includes("/")
    ? [resolve(word)]
    : (Deno.env.get("PATH") ?? "").split(delimiter).map((folder) => resolve(folder, word));
  return candidates.find((candidate) => isSameFile(candidate, path)) ?? path;
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Deno's arguments made of what this process may do: lists of what it may are not to be seen. */
function derivedArguments(): string[] {
  const granted = PERMISSIONS.filter((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  const flags = granted.length === PERMISSIONS.length
    ? ["--allow-all"]
    : granted.map((name) => `--allow-${name}`);
  const { mainModule } = Deno;
  const main = mainModule.startsWith("file:") ? fileURLToPath(mainModule) : mainModule;
  return ["run", ...flags, "--unstable-net", "--unstable-worker-options", main];
}
