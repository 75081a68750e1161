/**
 * What the admin listener serves: routes, and how their answers look.
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";

/** A request to the admin listener. */
export interface AdminRequest {
  /** `"GET"` or `"POST"`. */
  readonly method: string;
  /** The query, as names and values. */
  readonly query: URLSearchParams;
  /** The token of `Authorization: Bearer`, or `null`. */
  readonly token: string | null;
}

/** What is answered. */
export interface AdminAnswer {
  /** Status code. */
  readonly status: number;
  /** Media type of the body. */
  readonly type: string;
  /** The body. */
  readonly body: string;
  /** Further field lines, each with CRLF. */
  readonly fieldLines?: string;
}

/** Something that is served at a path. */
export interface AdminRoute {
  /** The method; GET stands for HEAD, too. */
  readonly method: "GET" | "POST";
  /** The path. */
  readonly path: string;
  /** Who may ask: everybody, or only those that mean this host (no page of another site, by DNS rebinding). */
  readonly audience: "anybody" | "this-host";
  /** Answers. Rejects only if the gateway is at fault. */
  respond(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>;
}

/** Routes, and where they are served. */
export interface AdminRoutes {
  /** Where. */
  readonly address: ListenAddress;
  /** What is there. */
  readonly routes: readonly AdminRoute[];
}

/** An answer of one line of text. */
export function textAnswer(status: number, text: string, fieldLines = ""): AdminAnswer {
  return { status, type: "text/plain; charset=utf-8", body: `${text}\n`, fieldLines };
}

/** An answer in JSON. */
export function jsonAnswer(value: unknown, status = 200): AdminAnswer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}
