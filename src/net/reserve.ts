/**
 * File descriptors that are held only to be given up when no others are left. Apps share the
 * process, and can take all that are free.
 *
 * @module
 */

import { isExhaustion } from "./accept_faults.ts";
import { mayRead } from "./open_descriptors.ts";

/** How many are held. */
const RESERVE_DESCRIPTORS = 8;
const PATH = "/dev/null";

/** Descriptors to be given up. */
export class DescriptorReserve implements Disposable {
  readonly #files: Deno.FsFile[] = [];

  /** How many there are. */
  get size(): number {
    return this.#files.length;
  }

  /** Takes as many as are missing, or as there are. */
  fill(): void {
    if (Deno.build.os === "windows" || !mayRead(PATH)) return;
    try {
      while (this.#files.length < RESERVE_DESCRIPTORS) this.#files.push(Deno.openSync(PATH));
    } catch (error) {
      if (!isExhaustion(error)) throw error;
    }
  }

  /** Gives one up; `false` if there is none. */
  giveUpOne(): boolean {
    const file = this.#files.pop();
    file?.close();
    return file !== undefined;
  }

  [Symbol.dispose](): void {
    while (this.giveUpOne());
  }
}
