/**
 * Chooses the app of a request by its path, when several are mounted.
 *
 * @module
 */

import { errorResponse } from "../message/error_response.ts";
import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import {
  decoded,
  decodedReadings,
  isBelow,
  isPlain,
  readingsOf,
  withUpperEscapes,
} from "../message/request_paths.ts";
import { normalPath, sentPathOf } from "../message/request_url.ts";

/** A mounted app. */
export interface Route {
  /** Path prefix; `""` for the root. */
  readonly prefix: string;
  /** Who handles its requests. */
  readonly handler: ExchangeHandler;
  /** Its place among the mounts of the handler. */
  readonly mount: number;
}

/**
 * Routes exchanges to mounts: the longest prefix of whole path segments wins, in the path that the app
 * will see, which is that of the URL standard.
 *
 * A web server in front may guard a mount by its path, and read that in another way: decode
 * escapes, merge slashes, resolve dot segments, or none of it. A path that leads to different
 * mounts in different readings is refused, so that what a front server lets through leads where it
 * thinks.
 */
export class MountRouter implements ExchangeHandler {
  /** Longest prefix first: as they are, and decoded. */
  readonly #prefixes: readonly Prefix[];
  readonly #decodedPrefixes: readonly Prefix[];

  /** Makes a router. */
  constructor(routes: readonly Route[]) {
    this.#prefixes = prefixesOf(routes, withUpperEscapes);
    this.#decodedPrefixes = prefixesOf(routes, decoded);
  }

  handle(exchange: Exchange): void {
    const sentPath = sentPathOf(exchange.head);
    if (isPlain(sentPath)) {
      pass(exchange, routeOf(this.#prefixes, sentPath));
      return;
    }
    const path = withUpperEscapes(sentPath);
    const route = routeOf(this.#prefixes, withUpperEscapes(normalPath(path)));
    const isAmbiguous = readingsOf(path).some((each) => routeOf(this.#prefixes, each) !== route) ||
      decodedReadings(path).some((each) => routeOf(this.#decodedPrefixes, each) !== route);
    if (isAmbiguous) refuse(exchange, 400, "the path can be read as that of another app");
    else pass(exchange, route);
  }
}

/** Leads to `routes`; without a router, if there is nothing to choose. */
export function routed(routes: readonly Route[]): ExchangeHandler {
  const [first] = routes;
  return routes.length === 1 && first.prefix === "" ? first.handler : new MountRouter(routes);
}

/** A prefix in the form that a path is compared in. */
interface Prefix {
  readonly prefix: string;
  readonly route: Route;
}

function prefixesOf(routes: readonly Route[], form: (prefix: string) => string): Prefix[] {
  return routes.map((route) => ({ prefix: form(route.prefix), route }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
}

function routeOf(prefixes: readonly Prefix[], path: string): Route | null {
  for (const { prefix, route } of prefixes) if (isBelow(path, prefix)) return route;
  return null;
}

function pass(exchange: Exchange, route: Route | null): void {
  if (route === null) {
    refuse(exchange, 404, "no app is mounted at this path");
  } else {
    exchange.head.mount = route.mount;
    exchange.onRouted?.(route.prefix);
    route.handler.handle(exchange);
  }
}

function refuse(exchange: Exchange, status: number, detail: string): void {
  exchange.onRouted?.(null);
  const { head, body } = errorResponse(status, detail);
  exchange.respond(head, body);
}
