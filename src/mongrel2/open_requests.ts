/**
 * The requests of a client that came over dispatchers, until they are done: each reply says to which of
 * them it belongs. It does no I/O.
 *
 * @module
 */

import type { DispatchOutcome } from "../dispatch/codec/dispatch_message.ts";

/** Where a request came from. */
export interface RequestOrigin {
  /** What its replies go by. */
  readonly link: RequestLink;
  /** Its number there. */
  readonly request: number;
}

/** What replies to requests go by, as far as those who write them have to know it. */
export interface RequestLink {
  /**
   * Sends a reply to the client of a request; what may be before the payload is text whose code units are bytes. The
   * payload is copied.
   */
  reply(request: number, payload: Uint8Array, beginning?: string): void;
  /** Says that nothing more is to come of a request. */
  done(request: number, outcome: DispatchOutcome): void;
}

/** A client's requests, the oldest first: they are answered in this order. */
export class OpenRequests {
  readonly #open: RequestOrigin[] = [];

  /** Takes note of a request. */
  push(origin: RequestOrigin): void {
    this.#open.push(origin);
  }

  /** Sends a reply in two parts. It may have the ends of several answers, and belongs to the first of them. */
  send(beginning: string, rest: Uint8Array): void {
    const first = this.#open[0] as RequestOrigin | undefined;
    first?.link.reply(first.request, rest, beginning);
  }

  /** All are done but the last `count`. */
  settle(count: number): void {
    while (this.#open.length > count) {
      const { link, request } = this.#open.shift()!;
      link.done(request, "answered");
    }
  }

  /** The one at `index` is done, for which there is no answer. */
  settleOne(index: number): void {
    for (const { link, request } of this.#open.splice(index, 1)) link.done(request, "answered");
  }

  /** Forgets those that came over a link which is lost; tells whether there were any, and what is left. */
  forget(lost: RequestLink): "none" | "some" | "all" {
    const rest = this.#open.filter(({ link }) => link !== lost);
    if (rest.length === this.#open.length) return "none";
    this.#open.splice(0, this.#open.length, ...rest);
    return rest.length > 0 ? "some" : "all";
  }
}
