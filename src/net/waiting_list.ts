/**
 * Connections that wait for something, in the order in which they began to.
 *
 * @module
 */

/** The place of a connection in a list, or in none: moving it costs next to nothing. */
export class WaitingPlace<C> {
  /** Whose place it is. */
  readonly owner: C;
  /** When it was put into its list. */
  since = 0;
  /** The list that it is in. */
  list: WaitingList<C> | null = null;
  /** The place before it. */
  previous: WaitingPlace<C> | null = null;
  /** The place after it. */
  next: WaitingPlace<C> | null = null;

  /** Makes a place in no list. */
  constructor(owner: C) {
    this.owner = owner;
  }

  /** Leaves the list, if it is in one. */
  leave(): void {
    const { list, previous, next } = this;
    if (list === null) return;
    if (previous === null) list.first = next;
    else previous.next = next;
    if (next === null) list.last = previous;
    else next.previous = previous;
    this.list = this.previous = this.next = null;
  }
}

/** A list of places, the one that has waited longest first. */
export class WaitingList<C> {
  /** The place that was put in first. */
  first: WaitingPlace<C> | null = null;
  /** The place that was put in last. */
  last: WaitingPlace<C> | null = null;

  /** Puts `place`, which may be in a list, at the end of this one. */
  add(place: WaitingPlace<C>, now: number): void {
    place.leave();
    place.list = this;
    place.since = now;
    place.previous = this.last;
    if (this.last === null) this.first = place;
    else this.last.next = place;
    this.last = place;
  }
}
