/**
 * Requests that wait in a dispatcher.
 *
 * @module
 */

import type { Request } from "./request.ts";
import { Queue } from "../../src/base/queue.ts";

/** Whether a node had a request already. */
export type Place = "again" | "fresh";

/** First those that a node had, then the others, each in their order. */
export class RequestQueue {
  readonly #again = new Queue<Request>();
  readonly #fresh = new Queue<Request>();
  #length = 0;

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** The next one, if any waits. */
  get first(): Request | undefined {
    for (const queue of [this.#again, this.#fresh]) {
      // Those that have left are still there.
      while (queue.first !== undefined && queue.first.waitsIn !== this) queue.shift();
      if (queue.first !== undefined) return queue.first;
    }
    return undefined;
  }

  /** Has a request wait. */
  push(request: Request, place: Place): void {
    request.waitsIn = this;
    this.#length++;
    (place === "again" ? this.#again : this.#fresh).push(request);
  }

  /** Takes a request out, wherever it is. */
  remove(request: Request): void {
    request.waitsIn = null;
    this.#length--;
  }

  /** Takes all out, in their order. */
  *drain(): Generator<[request: Request, place: Place]> {
    for (const [queue, place] of [[this.#again, "again"], [this.#fresh, "fresh"]] as const) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (next.waitsIn !== this) continue;
        this.remove(next);
        yield [next, place];
      }
    }
  }
}
