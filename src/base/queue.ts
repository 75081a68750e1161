/**
 * A first-in, first-out queue.
 *
 * @module
 */

/** Taken items are forgotten once there are this many of them, and as many as remaining ones. */
const MIN_TAKEN = 32;

/**
 * A queue whose operations take constant time on the average, however long it is: an array's
 * `shift()` moves all that is left.
 */
export class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #first = 0;

  /** Items in the queue. */
  get length(): number {
    return this.#items.length - this.#first;
  }

  /** The next item, or `undefined` if there is none. */
  get first(): Item | undefined {
    return this.#items[this.#first];
  }

  /** Puts an item at the end. */
  push(item: Item): void {
    this.#items.push(item);
  }

  /** Takes the next item, or returns `undefined` if there is none. */
  shift(): Item | undefined {
    const items = this.#items;
    if (this.#first === items.length) return undefined;
    const item = items[this.#first];
    items[this.#first++] = undefined;
    if (this.#first === items.length) {
      this.clear();
    } else if (this.#first >= MIN_TAKEN && this.#first * 2 >= items.length) {
      this.#items = items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Replaces the next item with `item`. */
  replaceFirst(item: Item): void {
    this.#items[this.#first] = item;
  }

  /** The items, the next one first. */
  *[Symbol.iterator](): IterableIterator<Item> {
    for (let at = this.#first; at < this.#items.length; at++) yield this.#items[at]!;
  }

  /** Forgets all items. */
  clear(): void {
    this.#items.length = 0;
    this.#first = 0;
  }
}
