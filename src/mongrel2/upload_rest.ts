/**
 * The rest of an upload that nobody reads: its file is watched until Mongrel2 has written all of it.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

/** A file whose size can be asked. */
export interface SizedFile {
  /** Its size now, in bytes. */
  size(): Promise<number>;
  /** Closes it. */
  close(): void;
}

/** Interval at which the file is looked at, in milliseconds. */
const LOOK_MS = 50;

/** Watches a file that grows. Dispose of it to end that. */
export class UploadRest implements Disposable {
  readonly #file: SizedFile;
  readonly #length: number;
  readonly #onComplete: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #size = 0;
  #waitingSince = performance.now();
  #isOver = false;

  /** Calls `onComplete` once `file`, which it closes, has `length` bytes. */
  constructor(file: SizedFile, length: number, onComplete: () => void) {
    this.#file = file;
    this.#length = length;
    this.#onComplete = onComplete;
    this.#look();
  }

  /** When the file has last grown, in milliseconds of `performance.now()`. */
  get waitingSince(): number {
    return this.#waitingSince;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#file.close();
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    // One that cannot be asked does not grow any more: that ends by time.
    const size = await this.#file.size().catch(() => this.#size);
    if (size > this.#size) this.#waitingSince = performance.now();
    this.#size = size;
    if (this.#isOver) {
      this.#file.close();
    } else if (size >= this.#length) {
      this.#isOver = true;
      this.#file.close();
      this.#onComplete();
    } else {
      this.#timer = setTimeout(() => this.#look(), timerMs(LOOK_MS));
    }
  }
}
