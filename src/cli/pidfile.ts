/**
 * The file that has the process's number while it serves.
 *
 * @module
 */

import { basename } from "node:path";
import { kill } from "node:process";
import { ConfigError } from "../errors.ts";

/** Keeps a file with this process's number. */
export class Pidfile {
  readonly #path: string;
  readonly #onExit = () => this.remove();

  /** @throws {ConfigError} if the file names another gatehouse that runs, or cannot be had */
  constructor(path: string) {
    this.#path = path;
    this.#refuseOther();
  }

  /** Puts the number into the file, in place of a process's that has ended. */
  write(): void {
    this.#refuseOther();
    const path = `${this.#path}.${Deno.pid}`;
    try {
      Deno.writeTextFileSync(path, `${Deno.pid}\n`);
      // Whoever reads it finds all of it.
      Deno.renameSync(path, this.#path);
    } catch (error) {
      throw this.#unusable(error);
    }
    // Some ways out of the process lead past its owner.
    globalThis.addEventListener("unload", this.#onExit);
  }

  /** Removes the file, if it is this process's. */
  remove(): void {
    globalThis.removeEventListener("unload", this.#onExit);
    if (this.#read() === Deno.pid) Deno.removeSync(this.#path);
  }

  #refuseOther(): void {
    const pid = this.#read();
    if (pid === null || pid === Deno.pid || !isGatehouse(pid)) return;
    throw new ConfigError(
      `--pidfile ${this.#path} is that of process ${pid}, which runs: end it first, or name another file`,
    );
  }

  /** The number in the file; `null` if there is none. */
  #read(): number | null {
    try {
      const text = Deno.readTextFileSync(this.#path).trim();
      if (/^\d*$/.test(text)) return Number(text) || null;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw this.#unusable(error);
    }
    throw new ConfigError(
      `--pidfile ${this.#path} has something else in it than a process's number`,
    );
  }

  #unusable(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    return new ConfigError(`--pidfile ${this.#path} cannot be used: ${error.message}`);
  }
}

/** Whether the process runs, and runs the same program as this one, as far as the system tells. */
function isGatehouse(pid: number): boolean {
  try {
    kill(pid, 0);
  } catch (error) {
    // Somebody else's process runs, too.
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  try {
    // The number may be another program's by now. A program that was replaced is "(deleted)".
    const program = Deno.readLinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
    return basename(program) === basename(Deno.execPath());
  } catch {
    // There is no such folder, or it is not for everybody: to be on the safe side, it is gatehouse.
    return true;
  }
}
