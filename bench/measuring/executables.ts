/**
 * Executables of gatehouse, made when they are needed.
 *
 * @module
 */

import { run } from "./harness.ts";
import { HERE } from "./revisions.ts";

/** Executables of several revisions. */
export class Executables {
  readonly #folder: string;
  readonly #named: string | undefined;
  /** By the folder of the gatehouse that they are made of. */
  readonly #made = new Map<string, Promise<string>>();

  /** They are put into `folder`; that of this gatehouse may be `named`, and is not made then. */
  constructor(folder: string, named: string | undefined) {
    this.#folder = folder;
    this.#named = named;
  }

  /** The executable of the gatehouse in `folder`. */
  of(folder: string): Promise<string> {
    if (folder === HERE && this.#named !== undefined) return Promise.resolve(this.#named);
    let made = this.#made.get(folder);
    if (made === undefined) {
      made = compile(folder, `${this.#folder}/gatehouse-${this.#made.size}`);
      this.#made.set(folder, made);
    }
    return made;
  }
}

/** Makes the executable of the gatehouse in `folder`. */
async function compile(folder: string, output: string): Promise<string> {
  await run(Deno.execPath(), "run", "-A", `${folder}/scripts/compile.ts`, "--output", output);
  const { size } = await Deno.stat(output);
  const base = Deno.env.get("DENORT_BIN");
  const ratio = base && `, ${(size / (await Deno.stat(base)).size).toFixed(3)} of its base`;
  console.log(`(the executable: ${(size / 1e6).toFixed(1)} MB${ratio ?? ""})`);
  return output;
}
