/**
 * Where a Redis or Valkey server is, as the option says it.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";

const DEFAULT_PORT = 6_379;

/** A server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Whether the connection is encrypted. */
  readonly transport: "plain" | "tls";
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Number of the database. */
  readonly database: number;
}

/**
 * The server that `text` names: `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` over TLS.
 *
 * @throws {ConfigError} if it is malformed; without the password
 */
export function parseRedisUrl(text: string, name: string): RedisAddress {
  const expected = `${name} takes redis://HOST[:PORT][/DATABASE], or rediss:// over TLS; before ` +
    "HOST there can be USER, a colon, PASSWORD and @";
  const url = URL.parse(text);
  if (url === null) throw new ConfigError(expected);
  const { protocol, hostname, port, username, password, pathname, search, hash } = url;
  const database = /^(?:\/(\d{1,5})?)?$/.exec(pathname);
  const isPlain = protocol === "redis:";
  const isWhole = (isPlain || protocol === "rediss:") && hostname !== "" && database !== null;
  if (!isWhole || search !== "" || hash !== "") throw new ConfigError(expected);
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? DEFAULT_PORT : Number(port),
    transport: isPlain ? "plain" : "tls",
    username: decoded(username, expected),
    password: decoded(password, expected),
    database: Number(database[1] ?? 0),
  };
}

function decoded(text: string, expected: string): string | undefined {
  if (text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new ConfigError(expected);
  }
}
