/**
 * What a client asks for, as text: a URL, or a socket with a path on its server.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { ListenAddress } from "../net/address.ts";

/** Protocols that a client speaks. */
export type Scheme = "http" | "https" | "fcgi" | "ws" | "wss";

/** Where a server is. */
export type ServerAddress =
  | Extract<ListenAddress, { transport: "tcp" }>
  | { readonly transport: "unix"; readonly path: string };

/** What is asked for, and of whom. */
export interface Target {
  /** The text that it was read from. */
  readonly text: string;
  /** Protocol. */
  readonly scheme: Scheme;
  /** Where the server is; its host may be a name. */
  readonly address: ServerAddress;
  /** Value of `Host`: `localhost` for a socket that has no host. */
  readonly authority: string;
  /** Path and query, in ASCII without blanks. */
  readonly path: string;
}

/** Ports of schemes that have one. A FastCGI server has none of its own, and is found on many at 9000. */
const PORTS: Readonly<Record<Scheme, number>> = {
  http: 80,
  https: 443,
  fcgi: 9000,
  ws: 80,
  wss: 443,
};
const FORMS =
  "write http://HOST[:PORT]/PATH, https://…, fcgi://…, ws://…, wss://…, or over a unix " +
  "socket http+unix:SOCKET[:/PATH], fcgi+unix:… or ws+unix:…";

/**
 * Reads a target: a URL with one of the schemes `http`, `https`, `fcgi`, `ws` and `wss`, or
 * `http+unix:SOCKET:/PATH` (also with `fcgi` and `ws`), whose path may be left out.
 *
 * @throws {ConfigError} if it has none of these forms, or a user and password
 */
export function parseTarget(text: string): Target {
  const [, scheme, rest] = /^([a-z]+)\+unix:(.*)$/s.exec(text) ?? [];
  if (scheme !== undefined) return parseSocketTarget(text, scheme, rest);
  const [, urlScheme, afterScheme] = /^([a-z]+):\/\/(.*)$/is.exec(text) ?? [];
  if (urlScheme === undefined) throw badTarget(text, "it has no scheme");
  const known = urlScheme.toLowerCase();
  if (!isScheme(known)) throw badTarget(text, `the scheme ${known} is not known`);
  // The standard knows hosts and paths by the schemes of the web alone.
  const standIn = known === "https" || known === "wss" ? "https" : "http";
  if (!URL.canParse(`${standIn}://${afterScheme}`)) throw badTarget(text, "it is not a URL");
  const url = new URL(`${standIn}://${afterScheme}`);
  if (url.username !== "" || url.password !== "") {
    throw badTarget(text, "a user or password in it is not sent: use --header 'authorization: …'");
  }
  const usual = PORTS[known];
  const given = url.port === "" ? PORTS[standIn] : Number(url.port);
  // A FastCGI server on port 80 has to say so, which the standard takes away.
  const port = known === "fcgi" && url.port === "" && !/^[^/?#]*:80(?:[/?#]|$)/.test(afterScheme)
    ? usual
    : given;
  return {
    text,
    scheme: known,
    address: { transport: "tcp", hostname: url.hostname.replace(/^\[|\]$/g, ""), port },
    authority: port === usual ? url.hostname : `${url.hostname}:${port}`,
    path: url.pathname + url.search,
  };
}

/** The same target with another path. @throws {ConfigError} if it is not a path */
export function withPath(target: Target, path: string): Target {
  return { ...target, path: cleanPath(target.text, path) };
}

function parseSocketTarget(text: string, scheme: string, rest: string): Target {
  if (!isScheme(scheme) || scheme === "https" || scheme === "wss") {
    throw badTarget(text, `there is no ${scheme} over unix sockets`);
  }
  const colon = rest.indexOf(":/");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (path === "") throw badTarget(text, "the socket's path is missing");
  return {
    text,
    scheme,
    address: { transport: "unix", path },
    authority: "localhost",
    path: cleanPath(text, colon < 0 ? "/" : rest.slice(colon + 1)),
  };
}

function cleanPath(text: string, path: string): string {
  if (!path.startsWith("/") || !URL.canParse(`http://localhost${path}`)) {
    throw badTarget(text, `${JSON.stringify(path)} is not a path`);
  }
  const url = new URL(`http://localhost${path}`);
  return url.pathname + url.search;
}

function isScheme(text: string): text is Scheme {
  return Object.hasOwn(PORTS, text);
}

function badTarget(text: string, reason: string): ConfigError {
  return new ConfigError(`bad URL ${JSON.stringify(text)}: ${reason}; ${FORMS}`);
}
