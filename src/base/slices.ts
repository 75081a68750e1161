/**
 * Long work on the thread of the sockets, a slice at a time.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { sha256Hex, sha256Of } from "./sha256.ts";

/** How long others wait at the most, but for what cannot be interrupted, in milliseconds. */
const SLICE_MS = 5;
/** What is larger is hashed elsewhere, in bytes. */
const MAX_BYTES = 1_048_576;

/** Lets others have their turn while something is done that takes its time. */
export class Slices {
  #since = performance.now();

  /** Has to be awaited between two steps: goes on at once, or after the others if that is due. */
  async next(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await new Promise((resume) => setImmediate(resume));
    this.#since = performance.now();
  }

  /** SHA-256 of `bytes`, which are a step of their own. */
  async sha256(bytes: Uint8Array): Promise<string> {
    await this.next();
    return bytes.length > MAX_BYTES ? await sha256Hex(bytes) : sha256Of(bytes);
  }
}
