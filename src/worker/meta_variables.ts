/**
 * The CGI/1.1 meta-variables of a request (RFC 3875 4.1), for the apps that ask for them.
 *
 * @module
 */

import { CLASS, HEX } from "../message/chars.ts";
import type { Peer, RequestHead } from "../message/exchange.ts";
import { UNKNOWN_LENGTH } from "../message/exchange.ts";
import { latin1Text } from "../message/fields.ts";
import { decodePairs, decodeText, PairReader } from "../message/pairs.ts";
import { requestIdOf } from "../message/request_id.ts";
import { authorityInTarget } from "../message/request_target.ts";
import { urlOf } from "../message/request_url.ts";
import { requestFields } from "./request_fields.ts";

const { Math, Object, String, URIError, URL, decodeURIComponent } = globalThis;

/** The variables of a request to an app mounted at `mount`. */
export function variablesOf(head: RequestHead, mount: string): Record<string, string> {
  const { endpoint } = head.peer;
  if (endpoint === "http") return httpVariables(head, mount);
  if (endpoint === "mongrel2") {
    const { REMOTE_PORT: port, ...others } = httpVariables(head, mount);
    const sent = decodePairs(head.block, head.paramsStart, head.paramsEnd);
    if (head.peer.isForwarded !== true) return { ...others, ...sent };
    return {
      ...others,
      ...sent,
      URL_SCHEME: others.REQUEST_SCHEME,
      REMOTE_ADDR: others.REMOTE_ADDR,
      ...port === undefined ? {} : { REMOTE_PORT: port },
    };
  }
  const variables = sentVariables(head);
  variables.FCGI_ROLE = head.role.toUpperCase();
  if (head.passesId) variables.HTTP_X_REQUEST_ID = requestIdOf(head);
  const authority = authorityInTarget(head);
  if (authority !== null) variables.HTTP_HOST = authority;
  if (head.peer.isForwarded === true) {
    for (const name of CONNECTION_VARIABLES) delete variables[name];
    Object.assign(variables, connectionVariables(head.peer, new URL(urlOf(head))));
  }
  // The web server knows nothing of mounts.
  if (mount !== "") Object.assign(variables, placeOf(new URL(urlOf(head)), mount));
  return variables;
}

/**
 * The parameters that a web server has sent. Of which fields it made them it does not say: those of the
 * same name are put together as those fields would be (RFC 3875 4.1.18), so that none hides another.
 */
function sentVariables(head: RequestHead): Record<string, string> {
  const { block, paramsStart, paramsEnd } = head;
  const variables: Record<string, string> = Object.create(null);
  const pairs = new PairReader(block, paramsStart, paramsEnd);
  while (pairs.next()) {
    const name = decodeText(block, pairs.nameStart, pairs.nameEnd);
    const value = decodeText(block, pairs.nameEnd, pairs.valueEnd);
    if (name === "HTTP_PROXY") continue;
    if (name.startsWith("HTTP_") && name !== "HTTP_HOST") addField(variables, name, value);
    else variables[name] = value;
  }
  return variables;
}

/** Adds a field's value to those of the same variable. */
function addField(variables: Record<string, string>, variable: string, value: string): void {
  const separator = variable === "HTTP_COOKIE" ? "; " : ", ";
  const before = variables[variable];
  variables[variable] = before === undefined ? value : before + separator + value;
}

/** Where an app is mounted, and the rest of the path. */
function placeOf(url: URL, mount: string): { SCRIPT_NAME: string; PATH_INFO: string } {
  return {
    SCRIPT_NAME: decodePath(mount),
    PATH_INFO: decodePath(url.pathname.slice(mount.length)),
  };
}

/** The variables that tell who asks, and what for, as far as the connection decides it (RFC 3875 4.1). */
const CONNECTION_VARIABLES = [
  "SERVER_NAME",
  "SERVER_PORT",
  "REQUEST_SCHEME",
  "HTTPS",
  "REMOTE_ADDR",
  "REMOTE_PORT",
  // Names of who has connected, which is the proxy. Nobody knows those of the client.
  "REMOTE_HOST",
  "REMOTE_IDENT",
] as const;
type ConnectionVariables = { [Name in typeof CONNECTION_VARIABLES[number]]?: string };

function connectionVariables({ scheme, remoteAddr }: Peer, url: URL): ConnectionVariables {
  const isNet = "hostname" in remoteAddr;
  return {
    SERVER_NAME: url.hostname,
    SERVER_PORT: url.port || (scheme === "https" ? "443" : "80"),
    REQUEST_SCHEME: scheme,
    ...scheme === "https" ? { HTTPS: "on" } : {},
    REMOTE_ADDR: isNet ? remoteAddr.hostname : "",
    ...isNet && remoteAddr.port > 0 ? { REMOTE_PORT: String(remoteAddr.port) } : {},
  };
}

/** The variables of a request that came in over HTTP, and the customary ones besides. */
function httpVariables(head: RequestHead, mount: string): Record<string, string> {
  const { peer } = head;
  const url = new URL(urlOf(head));
  const env: Record<string, string> = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "gatehouse",
    SERVER_PROTOCOL: `HTTP/1.${head.minorVersion}`,
    ...connectionVariables(peer, url),
    REQUEST_METHOD: head.method,
    REQUEST_URI: latin1Text(head.block, head.targetStart, head.targetEnd),
    ...placeOf(url, mount),
    QUERY_STRING: url.search.slice(1),
  };
  for (const [name, value] of requestFields(head)) {
    // It would become the variable of a field with a dash.
    if (name.includes("_")) continue;
    const key = name.toUpperCase().replaceAll("-", "_");
    if (key === "CONTENT_TYPE" || key === "CONTENT_LENGTH") addField(env, key, value);
    // A Proxy field would pass for the HTTP_PROXY setting of programs that read this.
    else if (key !== "PROXY") addField(env, `HTTP_${key}`, value);
  }
  if (head.bodyLength !== UNKNOWN_LENGTH && head.bodyLength > 0) {
    env.CONTENT_LENGTH = String(head.bodyLength);
  }
  return env;
}

/**
 * Percent-decodes a path, except slashes, which would change its meaning, and what is not UTF-8.
 */
function decodePath(path: string): string {
  let decoded = "";
  let at = 0;
  for (let start = path.indexOf("%"); start >= 0; start = path.indexOf("%", at)) {
    let end = start;
    while (isEscape(path, end)) end += 3;
    decoded += path.slice(at, start);
    // A sign that begins nothing stands for itself.
    at = Math.max(end, start + 1);
    decoded += end === start ? "%" : decodeEscapes(path.slice(start, end));
  }
  return decoded + path.slice(at);
}

function isEscape(path: string, at: number): boolean {
  return path[at] === "%" && isHex(path.charCodeAt(at + 1)) && isHex(path.charCodeAt(at + 2));
}

function isHex(code: number): boolean {
  return (CLASS[code] & HEX) !== 0;
}

function decodeEscapes(escapes: string): string {
  try {
    return decodeURIComponent(escapes.replace(/%2f/gi, "%252F"));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return escapes;
  }
}
