/**
 * Chooses the app of a request by its path, when several are mounted.
 *
 * @module
 */

import { errorResponse } from "./error_response.ts";
import type { Exchange, ExchangeHandler } from "./exchange.ts";
import { urlOf } from "./request_url.ts";

/** A mounted app. */
export interface Route {
  /** Path prefix; `""` for the root. */
  readonly prefix: string;
  /** Who handles its requests. */
  readonly handler: ExchangeHandler;
  /** Its place among the mounts of the handler. */
  readonly mount: number;
}

/** Routes exchanges to mounts: the longest prefix of whole path segments wins. */
export class MountRouter implements ExchangeHandler {
  /** Longest prefix first. */
  readonly #routes: readonly Route[];

  /** Makes a router. */
  constructor(routes: readonly Route[]) {
    this.#routes = routes.toSorted((a, b) => b.prefix.length - a.prefix.length);
  }

  handle(exchange: Exchange): void {
    // The path as the app will see it: what the URL parser makes of dot segments is what counts.
    const path = pathOf(urlOf(exchange.head));
    for (const { prefix, handler, mount } of this.#routes) {
      if (!path.startsWith(prefix)) continue;
      if (path.length > prefix.length && path.charCodeAt(prefix.length) !== SLASH) continue;
      exchange.head.mount = mount;
      handler.handle(exchange);
      return;
    }
    const { head, body } = errorResponse(404, "no app is mounted at this path");
    exchange.respond(head, body);
  }
}

/** Leads to `routes`; without a router, if there is nothing to choose. */
export function routed(routes: readonly Route[]): ExchangeHandler {
  const [{ prefix, handler }] = routes;
  return routes.length === 1 && prefix === "" ? handler : new MountRouter(routes);
}

const SLASH = 0x2f;

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", start);
  return query < 0 ? url.slice(start) : url.slice(start, query);
}
