/**
 * The CGI/1.1 meta-variables of a request (RFC 3875 4.1), for the apps that ask for them.
 *
 * @module
 */

import type { RequestHead } from "../exchange.ts";
import { UNKNOWN_LENGTH } from "../exchange.ts";
import { parseFieldLines, textOf } from "../fields.ts";
import { decodePairs } from "../pairs.ts";
import { urlOf } from "../request_url.ts";

/** The variables of a request to an app mounted at `mount`. */
export function variablesOf(head: RequestHead, mount: string): Record<string, string> {
  const { endpoint } = head.peer;
  if (endpoint === "http") return httpVariables(head, mount);
  const variables = decodePairs(head.block, head.paramsStart, head.paramsEnd);
  if (endpoint === "mongrel2") {
    const { REMOTE_PORT: _, ...others } = httpVariables(head, mount);
    return { ...others, ...variables };
  }
  variables.FCGI_ROLE = head.role.toUpperCase();
  // The web server knows nothing of mounts.
  if (mount !== "") Object.assign(variables, placeOf(new URL(urlOf(head)), mount));
  return variables;
}

/** The client's address as the front server told it in `variables`, or else `fallback`. */
export function clientAddr(
  variables: Readonly<Record<string, string>>,
  fallback: Deno.Addr,
): Deno.Addr {
  const { REMOTE_ADDR: hostname, REMOTE_PORT: port } = variables;
  if (hostname === undefined || !/^[\dA-Fa-f:.]+$/.test(hostname)) return fallback;
  return { transport: "tcp", hostname, port: /^\d{1,5}$/.test(port ?? "") ? Number(port) : 0 };
}

/** Where an app is, and what of the path is left for it. */
function placeOf(url: URL, mount: string): { SCRIPT_NAME: string; PATH_INFO: string } {
  return { SCRIPT_NAME: mount, PATH_INFO: decodePath(url.pathname.slice(mount.length)) };
}

/** The variables of a request that came in over HTTP, and the customary ones besides. */
function httpVariables(head: RequestHead, mount: string): Record<string, string> {
  const { peer } = head;
  const url = new URL(urlOf(head));
  const env: Record<string, string> = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "gatehouse",
    SERVER_PROTOCOL: `HTTP/1.${head.minorVersion}`,
    SERVER_NAME: url.hostname,
    SERVER_PORT: url.port || (url.protocol === "https:" ? "443" : "80"),
    REQUEST_METHOD: head.method,
    REQUEST_SCHEME: url.protocol.slice(0, -1),
    REQUEST_URI: textOf(head.block, head.targetStart, head.targetEnd),
    ...placeOf(url, mount),
    QUERY_STRING: url.search.slice(1),
  };
  if (peer.scheme === "https") env.HTTPS = "on";
  if ("hostname" in peer.remoteAddr) {
    env.REMOTE_ADDR = peer.remoteAddr.hostname;
    env.REMOTE_PORT = String(peer.remoteAddr.port);
  } else {
    env.REMOTE_ADDR = "";
  }
  for (const [name, value] of parseFieldLines(head.block, head.fieldsStart, head.fieldsEnd)) {
    const key = name.toUpperCase().replaceAll("-", "_");
    if (key === "CONTENT_TYPE" || key === "CONTENT_LENGTH") {
      env[key] = value;
    } else if (key !== "PROXY" && !name.includes("_")) {
      // A Proxy field would pass for the HTTP_PROXY setting of programs that read this.
      const variable = `HTTP_${key}`;
      const separator = key === "COOKIE" ? "; " : ", ";
      env[variable] = variable in env ? env[variable] + separator + value : value;
    }
  }
  if (head.bodyLength !== UNKNOWN_LENGTH && head.bodyLength > 0) {
    env.CONTENT_LENGTH = String(head.bodyLength);
  }
  return env;
}

/** Percent-decodes a path, but for what is no UTF-8, and for slashes, which would change its meaning. */
function decodePath(path: string): string {
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    try {
      return decodeURIComponent(escapes.replace(/%2f/gi, "%252F"));
    } catch {
      return escapes;
    }
  });
}
