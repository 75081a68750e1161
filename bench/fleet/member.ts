/**
 * A node as a dispatcher knows it.
 *
 * @module
 */

import type { Dispatcher } from "./dispatcher.ts";
import type { Attempt, FleetNode } from "./node.ts";

/** A node that has announced itself to a dispatcher. If it does so again, it is another member. */
export class Member {
  readonly node: FleetNode;
  readonly dispatcher: Dispatcher;
  /** Requests that it takes of the dispatcher at the same time. */
  readonly capacity: number;
  /** What it was given, and has not answered. */
  readonly inFlight = new Set<Attempt>();
  /** When it was heard of. */
  heardMs: number;
  /** Which of the dispatcher's requests it was given last. */
  lastGiven = -1;
  /** Whether it gets nothing more: it leaves, or it is over. */
  isClosed = false;
  /** Whether it is taken for dead. */
  isOver = false;
  /** Whether what is sent to it does not arrive, which is noticed then. */
  isUnreachable = false;
  /** Its place in the chooser's own order. */
  place = -1;

  constructor(node: FleetNode, dispatcher: Dispatcher, nowMs: number) {
    this.node = node;
    this.dispatcher = dispatcher;
    this.capacity = node.shape.capacity;
    this.heardMs = nowMs;
  }

  /** Whether it can be given another request. */
  get hasRoom(): boolean {
    return this.inFlight.size < this.capacity;
  }

  /** How busy this dispatcher keeps it: 1 is all that it takes. */
  get load(): number {
    return this.inFlight.size / this.capacity;
  }
}
