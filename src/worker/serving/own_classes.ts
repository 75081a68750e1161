/**
 * Classes of requests and responses that apps give `createServer()`.
 *
 * @module
 */

import type { Server } from "node:http";
import type { Members } from "../../sandbox/locks.ts";
import type { RequestClass } from "./node_request.ts";
import type { ResponseClass } from "./node_response.ts";

/** The classes of a server; `undefined` for those of the bridge. */
export interface OwnClasses {
  readonly request: RequestClass | undefined;
  readonly response: ResponseClass | undefined;
}

type Class = abstract new (...args: never[]) => object;

const { getOwnPropertySymbols, getPrototypeOf, setPrototypeOf } = Object;

/**
 * The classes that `server` was given. They extend Node's, and are made to extend those of the bridge, which
 * extend Node's, too.
 */
export function ownClasses(
  server: Server,
  http: Members,
  request: RequestClass,
  response: ResponseClass,
): OwnClasses {
  return {
    request: rebased(optionOf(server, "IncomingMessage"), http.IncomingMessage as Class, request),
    response: rebased(optionOf(server, "ServerResponse"), http.ServerResponse as Class, response),
  };
}

/** The option `name` of a server: where it is differs from version to version. */
function optionOf(server: Server, name: string): Class | undefined {
  const members = server as unknown as Record<PropertyKey, unknown>;
  for (const symbol of getOwnPropertySymbols(server)) {
    if (symbol.description === name) return members[symbol] as Class;
  }
  return (members._opts as Record<string, Class> | undefined)?.[name];
}

/** Has `own`, which extends `native`, extend `bridge` instead; `undefined` if it does not extend `native`. */
function rebased<Kind extends Class>(
  own: Class | undefined,
  native: Class,
  bridge: Kind,
): Kind | undefined {
  if (own === undefined || own === native) return undefined;
  let each: Class | null = own;
  while (each !== null && each !== bridge as Class && getPrototypeOf(each) !== native) {
    each = getPrototypeOf(each);
  }
  if (each === null) return undefined;
  if (each !== bridge as Class) {
    setPrototypeOf(each, bridge);
    setPrototypeOf(each.prototype, bridge.prototype);
  }
  return own as Kind;
}
