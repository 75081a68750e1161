/**
 * The command that starts gatehouse once more, as this process was started.
 *
 * @module
 */

import { statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";

/** A program and what comes before gatehouse's own arguments. */
export interface OwnCommand {
  /** Path of the executable: of gatehouse, or of Deno. */
  readonly program: string;
  /** The arguments of Deno, and the module. */
  readonly first: readonly string[];
}

/** What Deno has for apps, and for gatehouse itself, only if it is asked. */
const UNSTABLE = ["cron", "kv", "net", "temporal", "vsock", "worker-options"] as const;
const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

/**
 * The command that this process was started by, without its arguments. It is determined now, since
 * the program's path may lead to another file later: that is what a rolling restart is for.
 */
export function ownCommand(surroundings: Surroundings): OwnCommand {
  const { args, commandLine, mainModule } = surroundings;
  const program = programOf(surroundings);
  if (Deno.build.standalone) return { program, first: [] };
  const first = (commandLine && denoArguments(commandLine, args)) ?? derivedArguments(mainModule);
  return { program, first };
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

/**
 * The executable by the name that it was called by: a symbolic link may lead to a newer one by the
 * time that it is needed.
 */
function programOf({ commandLine, cwd, env, program }: Surroundings): string {
  const word = commandLine?.[0];
  if (word === undefined) return program;
  const folders = (environmentOf(env).get("PATH") ?? "").split(delimiter);
  const candidates = word.includes("/")
    ? [resolve(cwd, word)]
    : folders.map((folder) => resolve(cwd, folder, word));
  return candidates.find((candidate) => isSameFile(candidate, program)) ?? program;
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Deno's arguments made of what this process may do: lists of what it may are not to be seen. */
function derivedArguments(mainModule: string): string[] {
  const granted = PERMISSIONS.filter((name) =>
    Deno.permissions.querySync({ name }).state === "granted"
  );
  const flags = granted.length === PERMISSIONS.length
    ? ["--allow-all"]
    : granted.map((name) => `--allow-${name}`);
  const main = mainModule.startsWith("file:") ? fileURLToPath(mainModule) : mainModule;
  return ["run", ...flags, ...UNSTABLE.map((name) => `--unstable-${name}`), main];
}
