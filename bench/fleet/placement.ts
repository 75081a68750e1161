/**
 * Which node a request is given to, and which requests wait for which nodes.
 *
 * @module
 */

import type { Chooser } from "./choosers.ts";
import { chooserOf } from "./choosers.ts";
import type { Member } from "./member.ts";
import type { RandomStream } from "./random.ts";
import type { Request } from "./request.ts";
import type { PolicyName } from "./scenario.ts";
import { StickyPlacement } from "./sticky.ts";
import type { Place } from "./waiting.ts";
import { RequestQueue } from "./waiting.ts";

/** A request, and the node that takes it. */
export interface Placed {
  readonly request: Request;
  readonly member: Member;
}

/** Decides where requests go. */
export interface Placement {
  /** A node gets requests from now on. */
  add(member: Member): void;
  /** It gets none anymore. */
  remove(member: Member): void;
  /** It was given a request, or has answered one. */
  changed(member: Member): void;
  /** The node that takes the request at once; `null` if it has to wait. */
  choose(request: Request): Member | null;
  /** Whether it can wait, if `max` may in all. */
  canWait(request: Request, max: number): boolean;
  /** Has it wait. */
  push(request: Request, place: Place): void;
  /** One that waits, and can be given to a node now: where only `changed` has changed, or anything. */
  next(changed: Member | null): Placed | null;
}

/** The placement by this policy. */
export function placementOf(policy: PolicyName, random: RandomStream): Placement {
  return policy === "sticky" ? new StickyPlacement() : new SharedQueue(chooserOf(policy, random));
}

/** All wait in one queue for any node. */
class SharedQueue implements Placement {
  readonly #queue = new RequestQueue();
  readonly #chooser: Chooser;

  constructor(chooser: Chooser) {
    this.#chooser = chooser;
  }

  add(member: Member): void {
    this.#chooser.add(member);
  }

  remove(member: Member): void {
    this.#chooser.remove(member);
  }

  changed(member: Member): void {
    this.#chooser.changed(member);
  }

  choose(): Member | null {
    return this.#queue.length > 0 ? null : this.#chooser.choose();
  }

  canWait(_request: Request, max: number): boolean {
    return this.#queue.length < max;
  }

  push(request: Request, place: Place): void {
    this.#queue.push(request, place);
  }

  next(): Placed | null {
    const request = this.#queue.first;
    const member = request === undefined ? null : this.#chooser.choose();
    return member === null ? null : { request: request!, member };
  }
}
