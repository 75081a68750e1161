/**
 * What templates can have of a request, by Mongrel2's names.
 *
 * @module
 */

import { nearest } from "../base/nearest.ts";
import { ConfigError } from "../base/errors.ts";
import { clientOf } from "../message/client.ts";
import type { RequestHead } from "../message/exchange.ts";
import { flatFields, latin1Text } from "../message/fields.ts";
import { PairReader } from "../message/pairs.ts";
import { routePrefix, withUpperEscapes } from "../message/request_paths.ts";
import { normalPath, sentPathOf } from "../message/request_url.ts";

/** Names in upper case, and what each stands for. Those in lower case are fields of the request. */
export const VALUE_NAMES: ReadonlyMap<string, string> = new Map([
  ["PATH", "the path as it was sent"],
  ["QUERY", "the query, without its question mark"],
  ["URI", "both"],
  ["PREFIX", "the mount, or what the route's pattern has before its first parenthesis"],
  ["MATCH", "the rest of the path"],
  ["PATTERN", "the route's pattern in Mongrel2"],
  ["METHOD", "the method"],
  ["VERSION", "HTTP/1.0 or HTTP/1.1"],
  ["URL_SCHEME", "http or https"],
  ["REMOTE_ADDR", "the client's address"],
]);

/** Names of paths: their values begin with a slash, and never with two. */
const PATHS: ReadonlySet<string> = new Set(["PATH", "URI", "PREFIX", "MATCH", "PATTERN"]);
/** What is a target, or part of one, which the client has escaped. */
const TARGETS: ReadonlySet<string> = new Set([...PATHS, "QUERY"]);

/** Where what answers is: at a mount's prefix, or where the route of Mongrel2 leads. */
export type RequestPlace =
  | { readonly kind: "mount"; readonly prefix: string }
  | { readonly kind: "route" };

/** Whether the value of `name` is a path. */
export function isPathName(name: string): boolean {
  return PATHS.has(name);
}

/** Whether the value of `name` is part of a target, as its client has escaped it. */
export function isTargetName(name: string): boolean {
  return TARGETS.has(name);
}

/**
 * Checks that there are such values.
 *
 * @throws {ConfigError} if `name` is neither one of {@linkcode VALUE_NAMES} nor a field in lower case
 */
export function checkValueName(name: string): void {
  if (VALUE_NAMES.has(name) || name === name.toLowerCase()) return;
  const lower = name.toLowerCase();
  const upper = [...VALUE_NAMES.keys()].find((each) => each.toLowerCase() === lower);
  const isField = name !== name.toUpperCase() && upper === undefined;
  const advice = isField
    ? `; fields are written in lower case: {${lower}}`
    : upper !== undefined
    ? `; did you mean {${upper}}?`
    : nearest(name, [...VALUE_NAMES.keys()]);
  throw new ConfigError(
    `there is no placeholder {${name}}${advice} ({{${name}}} stands for itself)`,
  );
}

/** The values of one request. */
export class RequestValues {
  readonly #head: RequestHead;
  readonly #place: RequestPlace;

  /** Makes those of the request with that head, which must be there as long as they are asked for. */
  constructor(head: RequestHead, place: RequestPlace) {
    this.#head = head;
    this.#place = place;
  }

  /** The value of `name`, one code unit for each byte; `""` if the request has none. */
  get(name: string): string {
    const head = this.#head;
    switch (name) {
      case "PATH":
        return this.#path();
      case "QUERY":
        return this.#query();
      case "URI": {
        const query = this.#query();
        return query === "" ? this.#path() : `${this.#path()}?${query}`;
      }
      case "PREFIX":
        return this.#prefix();
      case "MATCH":
        return withOneSlash(restOf(this.#path(), this.#prefix()));
      case "PATTERN":
        return this.#pattern();
      case "METHOD":
        return head.method;
      case "VERSION":
        return `HTTP/1.${head.minorVersion}`;
      case "URL_SCHEME":
        return head.peer.scheme;
      case "REMOTE_ADDR": {
        const address = clientOf(head);
        return "hostname" in address ? address.hostname : "";
      }
      case "host":
        return latin1Text(head.block, head.authorityStart, head.authorityEnd);
      default:
        return this.#field(name);
    }
  }

  #path(): string {
    return withOneSlash(sentPathOf(this.#head));
  }

  #query(): string {
    const { block, targetStart, targetEnd } = this.#head;
    const target = latin1Text(block, targetStart, targetEnd);
    const question = target.indexOf("?");
    return question < 0 ? "" : target.slice(question + 1);
  }

  #prefix(): string {
    const place = this.#place;
    return place.kind === "mount"
      ? place.prefix
      : withOneSlash(routePrefix(this.#sentPattern() ?? ""));
  }

  #pattern(): string {
    const place = this.#place;
    const own = place.kind === "mount" ? place.prefix : "";
    return withOneSlash(this.#sentPattern() ?? (own || "/"));
  }

  #sentPattern(): string | undefined {
    const { block, paramsStart, paramsEnd, peer } = this.#head;
    if (peer.endpoint !== "mongrel2") return undefined;
    const pairs = new PairReader(block, paramsStart, paramsEnd);
    while (pairs.next()) {
      const { nameStart, nameEnd, valueEnd } = pairs;
      const name = latin1Text(block, nameStart, nameEnd);
      if (name === "PATTERN") return latin1Text(block, nameEnd, valueEnd);
    }
    return undefined;
  }

  #field(name: string): string {
    const { block, fieldsStart, fieldsEnd } = this.#head;
    const fields = flatFields(block, fieldsStart, fieldsEnd);
    const values: string[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i].toLowerCase() === name) values.push(fields[i + 1]);
    }
    return values.join(name === "cookie" ? "; " : ", ");
  }
}

/** What follows `prefix` in `path`, which begins with it, in one way of writing it or another. */
function restOf(path: string, prefix: string): string {
  if (path.startsWith(prefix)) return path.slice(prefix.length);
  const normal = withUpperEscapes(normalPath(path));
  return normal.startsWith(withUpperEscapes(prefix)) ? normal.slice(prefix.length) : "";
}

/** `path` with one slash at its beginning in place of several, which would be before a host. */
function withOneSlash(path: string): string {
  return path.replace(/^\/{2,}/, "/");
}
