/**
 * Chooses the app of a request by its path, when several are mounted.
 *
 * @module
 */

import { errorResponse } from "./error_response.ts";
import type { Exchange, ExchangeHandler } from "./exchange.ts";
import { urlOf } from "./request_url.ts";

/** Routes exchanges to mounts: the longest prefix of whole path segments wins. */
export class MountRouter implements ExchangeHandler {
  readonly #next: ExchangeHandler;
  /** Prefixes, longest first, and their places among the mounts. */
  readonly #prefixes: readonly (readonly [string, number])[];

  /** Makes a router for mounts with these prefixes, before `next`. */
  constructor(prefixes: readonly string[], next: ExchangeHandler) {
    this.#next = next;
    this.#prefixes = prefixes
      .map((prefix, index) => [prefix, index] as const)
      .sort(([a], [b]) => b.length - a.length);
  }

  handle(exchange: Exchange): void {
    // The path as the app will see it: what the URL parser makes of dot segments is what counts.
    const path = pathOf(urlOf(exchange.head));
    for (const [prefix, index] of this.#prefixes) {
      if (!path.startsWith(prefix)) continue;
      if (path.length > prefix.length && path.charCodeAt(prefix.length) !== SLASH) continue;
      exchange.head.mount = index;
      this.#next.handle(exchange);
      return;
    }
    const { head, body } = errorResponse(404, "no app is mounted at this path");
    exchange.respond(head, body);
  }
}

const SLASH = 0x2f;

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", start);
  return query < 0 ? url.slice(start) : url.slice(start, query);
}
