/**
 * Work that does not run all at once.
 *
 * @module
 */

/** Lets a number of tasks run at a time; the others wait for their turn. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** So many at a time. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Runs a task when its turn has come. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
