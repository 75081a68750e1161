/**
 * What happens when, in simulated time.
 *
 * @module
 */

/** Something that happens at a time. */
export interface Happening {
  /** Lets it happen. */
  happen(): void;
}

const FIRST_ROOM = 1_024;

/**
 * The simulated clock: a heap of what is to come. What is due at the same time happens in the order in which
 * it was planned, so that a simulation can be repeated.
 */
export class Agenda {
  #nowMs = 0;
  #length = 0;
  #planned = 0;
  #times = new Float64Array(FIRST_ROOM);
  /** Which was planned first. */
  #turns = new Float64Array(FIRST_ROOM);
  readonly #happenings: (Happening | undefined)[] = [];

  /** The time, in milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How much is still to come. */
  get length(): number {
    return this.#length;
  }

  /** Plans `happening` for a time; one that is over counts as now. */
  at(timeMs: number, happening: Happening): void {
    if (this.#length === this.#times.length) this.#grow();
    const time = Math.max(timeMs, this.#nowMs);
    const turn = this.#planned++;
    const times = this.#times;
    let place = this.#length++;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      // What was planned before comes first: an equal time stays above.
      if (times[parent] <= time) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(place, time, turn, happening);
  }

  /** Plans `happening` for this many milliseconds from now. */
  in(delayMs: number, happening: Happening): void {
    this.at(this.#nowMs + delayMs, happening);
  }

  /** Lets everything happen, and whatever that plans, until nothing is to come. */
  run(): void {
    for (;;) {
      const first = this.#happenings[0];
      if (first === undefined) return;
      this.#nowMs = this.#times[0];
      this.#removeFirst();
      first.happen();
    }
  }

  #removeFirst(): void {
    const last = --this.#length;
    const time = this.#times[last];
    const turn = this.#turns[last];
    const happening = this.#happenings[last];
    this.#happenings[last] = undefined;
    if (last === 0) return;
    let place = 0;
    for (;;) {
      const child = this.#firstChild(place);
      if (child < 0 || !this.#isBefore(child, time, turn)) break;
      this.#move(child, place);
      place = child;
    }
    this.#put(place, time, turn, happening);
  }

  /** Which of the four below `place` comes first; -1 if there is none. */
  #firstChild(place: number): number {
    const begin = 4 * place + 1;
    if (begin >= this.#length) return -1;
    const end = Math.min(begin + 4, this.#length);
    let first = begin;
    for (let child = begin + 1; child < end; child++) {
      if (this.#isBefore(child, this.#times[first], this.#turns[first])) first = child;
    }
    return first;
  }

  #isBefore(place: number, time: number, turn: number): boolean {
    return this.#times[place] < time || (this.#times[place] === time && this.#turns[place] < turn);
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from];
    this.#turns[to] = this.#turns[from];
    this.#happenings[to] = this.#happenings[from];
  }

  #put(place: number, time: number, turn: number, happening: Happening | undefined): void {
    this.#times[place] = time;
    this.#turns[place] = turn;
    this.#happenings[place] = happening;
  }

  #grow(): void {
    const [times, turns] = [this.#times, this.#turns];
    this.#times = new Float64Array(2 * times.length);
    this.#turns = new Float64Array(2 * turns.length);
    this.#times.set(times);
    this.#turns.set(turns);
  }
}
