/**
 * Requests to go on in another protocol, such as WebSocket, for servers of Node's kind: how they are told, and
 * what they get over FastCGI and Mongrel2, whose web servers keep the connection.
 *
 * @module
 */

import { listMembers } from "../../message/fields.ts";
import { lightResponse } from "../response.ts";
import type { RequestParts } from "./node_request.ts";

const NOT_IMPLEMENTED = 501;
const BODY = "501 Not Implemented: the web server keeps this connection\n";

/** Whether a request asks for another protocol (RFC 9110 7.8): with a body, or in HTTP/1.0, it cannot. */
export function asksForUpgrade(
  { rawHeaders, minorVersion, body }: Pick<RequestParts, "rawHeaders" | "minorVersion" | "body">,
): boolean {
  if (minorVersion === 0 || body !== null) return false;
  const options = listMembers(rawHeaders, "connection");
  return options.some((option) => option.toLowerCase() === "upgrade") &&
    listMembers(rawHeaders, "upgrade").length > 0;
}

/** The answer to them. */
export function refuseUpgrade(): Response {
  const fieldLines = "content-type: text/plain; charset=utf-8\r\n";
  return lightResponse({ status: NOT_IMPLEMENTED, fieldLines, body: BODY });
}
