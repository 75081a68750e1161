/**
 * Gathers what is written in one turn, so that it is sent together at the turn's end.
 *
 * @module
 */

/** Something that sends what was written to it. */
export interface Flushable {
  /** Sends what was written. */
  flush(): void;
}

/** What has to be flushed at the end of the current turn. */
export class FlushQueue<T extends Flushable> {
  #dirty: T[] = [];

  /** Calls `item.flush()` soon. One that has nothing left to send then is called all the same. */
  add(item: T): void {
    if (this.#dirty.length === 0) queueMicrotask(this.#flush);
    this.#dirty.push(item);
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const item of dirty) item.flush();
  };
}
