/**
 * The file that has the process's number while it serves.
 *
 * @module
 */

import { basename } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { nodeProcess } from "../base/runtime_modules.ts";
import type { Surroundings } from "../base/surroundings.ts";

/** No number has more digits, and no editor more to add. */
const MAX_BYTES = 64;

/** Keeps a file with this process's number. */
export class Pidfile {
  readonly #path: string;
  readonly #surroundings: Surroundings;
  readonly #onExit = () => this.remove();

  /** @throws {ConfigError} if the file names another running gatehouse, or cannot be used */
  constructor(path: string, surroundings: Surroundings) {
    this.#path = path;
    this.#surroundings = surroundings;
    this.#refuseOther();
  }

  /** Puts the number into the file, in place of a process's that has ended. */
  write(): void {
    this.#refuseOther();
    // An unpredictable name, and no link is followed: others may write to the folder.
    const path = `${this.#path}.${crypto.randomUUID()}`;
    try {
      Deno.writeTextFileSync(path, `${Deno.pid}\n`, { createNew: true, mode: 0o644 });
      // Readers see it whole; a link in its place is replaced, not followed.
      Deno.renameSync(path, this.#path);
    } catch (error) {
      removeIfThere(path);
      throw this.#unusable(error);
    }
    // Some ways out of the process lead past its owner.
    globalThis.addEventListener("unload", this.#onExit);
  }

  /** Removes the file, if it is this process's. Another file is in its place by now. */
  remove(): void {
    globalThis.removeEventListener("unload", this.#onExit);
    try {
      if (this.#read() === Deno.pid) Deno.removeSync(this.#path);
    } catch (error) {
      // Nobody waits for this end to tell them.
      if (!(error instanceof Error)) throw error;
    }
  }

  #refuseOther(): void {
    const pid = this.#read();
    if (pid === null || pid === Deno.pid || !isGatehouse(pid, this.#surroundings)) return;
    throw new ConfigError(
      `--pidfile ${this.#path} belongs to running process ${pid}; stop it first, or name another file`,
    );
  }

  /** The number in the file; `null` if there is none. */
  #read(): number | null {
    try {
      const { isFile, isSymlink, size } = Deno.lstatSync(this.#path);
      // A pipe in its place would be read forever, and a link may be anybody's.
      if (!isFile && !isSymlink || size > MAX_BYTES) throw this.#foreign();
      if (isSymlink) return null;
      const text = Deno.readTextFileSync(this.#path).trim();
      if (/^\d*$/.test(text)) return Number(text) || null;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw this.#unusable(error);
    }
    throw this.#foreign();
  }

  #foreign(): ConfigError {
    return new ConfigError(
      `--pidfile ${this.#path} holds something other than a process ID`,
    );
  }

  #unusable(error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof ConfigError) return error;
    return new ConfigError(`--pidfile ${this.#path} cannot be used: ${error.message}`);
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether the process runs, and runs gatehouse, as far as the system tells. */
function isGatehouse(pid: number, surroundings: Surroundings): boolean {
  try {
    nodeProcess().kill(pid, 0);
  } catch (error) {
    // Somebody else's process runs, too.
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  if (!isAlive(pid)) return false;
  const { program, mainModule } = surroundings;
  // The number may belong to another program by now. A program that was replaced is "(deleted)".
  const path = told(() => Deno.readLinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""));
  if (path === null) {
    // The names of other users' processes are public, up to a length.
    const name = told(() => Deno.readTextFileSync(`/proc/${pid}/comm`).trimEnd());
    const own = told(() => Deno.readTextFileSync("/proc/self/comm").trimEnd());
    // The folder does not exist: assume that it is gatehouse.
    if (name !== null && name !== own) return false;
  } else if (basename(path) !== basename(program)) {
    return false;
  }
  if (Deno.build.standalone) return true;
  // Not every Deno runs gatehouse.
  const words = told(() => Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0"));
  return words === null || words.some((word) => basename(word) === basename(mainModule));
}

/**
 * Whether the number is that of a process, not of one of its threads, which have numbers, too, and
 * that the process is not a zombie; `true` where that is not told.
 */
function isAlive(pid: number): boolean {
  const status = told(() => Deno.readTextFileSync(`/proc/${pid}/status`));
  if (status === null) return true;
  const [, state] = /^State:\s+(\w)/m.exec(status) ?? [];
  const [, process] = /^Tgid:\s+(\d+)/m.exec(status) ?? [];
  return state !== "Z" && state !== "X" && (process === undefined || Number(process) === pid);
}

/** What the system tells about a process, `null` if nothing. */
function told<Value>(ask: () => Value): Value | null {
  try {
    return ask();
  } catch (error) {
    // Whatever it is that it does not tell, or not to everybody.
    if (error instanceof Error) return null;
    throw error;
  }
}
