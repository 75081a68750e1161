/**
 * The exchanges of a worker by their ids, on either end of its rings.
 *
 * A `Map` would do, but for the garbage collector: one that entries come to and go from has its table
 * exchanged again and again, and each old table knows the next one. As soon as one is taken for old,
 * all tables after it, with the exchanges that were in them, outlive every quick collection.
 *
 * @module
 */

const { Array } = globalThis;
const { defineProperty, freeze } = Object;

/** A place with nothing in it, that is an array's own: setters on its prototype, an app's, get nothing. */
const EMPTY_PLACE = freeze({
  __proto__: null,
  value: null,
  writable: true,
  enumerable: true,
  configurable: true,
}) as PropertyDescriptor;

const MIN_PLACES = 64;

/** Something with a number of its own: a whole number from 1 to 2^32 - 1. */
export interface Numbered {
  /** The number. */
  readonly id: number;
}

/** Things by their ids. What is kept lies at the place that the low bits of its id tell. */
export class ExchangeTable<Value extends Numbered> {
  /** Things that are kept. */
  size = 0;
  #places: (Value | null)[] = emptyPlaces(MIN_PLACES);
  #mask = MIN_PLACES - 1;

  /** What has the id `id`. */
  get(id: number): Value | undefined {
    const value = this.#places[id & this.#mask];
    return value !== null && value.id === id ? value : undefined;
  }

  /** Whether something would have to move to another place for `id`. */
  isTaken(id: number): boolean {
    return this.#places[id & this.#mask] !== null;
  }

  /** Keeps `value`, whose id nothing else here may have. At least half of the places stay free. */
  add(value: Value): void {
    while (this.size * 2 >= this.#mask || this.isTaken(value.id)) this.#grow();
    this.#places[value.id & this.#mask] = value;
    this.size++;
  }

  /** Forgets what has the id `id`. */
  delete(id: number): void {
    if (this.get(id) === undefined) return;
    this.#places[id & this.#mask] = null;
    this.size--;
  }

  /** Takes all out, and calls `onValue` for each. */
  clear(onValue: (value: Value) => void): void {
    const places = this.#places;
    const last = this.#mask;
    this.#places = emptyPlaces(MIN_PLACES);
    this.#mask = MIN_PLACES - 1;
    this.size = 0;
    for (let place = 0; place <= last; place++) {
      const value = places[place];
      if (value !== null) onValue(value);
    }
  }

  /** Doubles the number of places. What had a place of its own keeps one. */
  #grow(): void {
    const old = this.#places;
    const oldMask = this.#mask;
    this.#mask = oldMask * 2 + 1;
    const places = this.#places = emptyPlaces(oldMask * 2 + 2);
    for (let place = 0; place <= oldMask; place++) {
      const value = old[place];
      if (value !== null) places[value.id & this.#mask] = value;
    }
  }
}

function emptyPlaces<Value>(count: number): (Value | null)[] {
  const places = new Array<Value | null>(count);
  for (let place = 0; place < count; place++) defineProperty(places, place, EMPTY_PLACE);
  return places;
}
