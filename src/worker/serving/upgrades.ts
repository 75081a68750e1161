/**
 * Requests to go on in another protocol, such as WebSocket, which servers of Node's kind cannot take here.
 *
 * @module
 */

import { lightResponse } from "../response.ts";

const NOT_IMPLEMENTED = 501;
const BODY = "501 Not Implemented: connections of node:http servers cannot be upgraded\n";

/** Whether fields, names and values by turns, ask for another protocol (RFC 9110 7.8). */
export function asksForUpgrade(rawHeaders: readonly string[]): boolean {
  let isNamed = false;
  let isAsked = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    if (name === "upgrade") isNamed = true;
    else if (name === "connection") {
      isAsked ||= /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(rawHeaders[i + 1]);
    }
  }
  return isNamed && isAsked;
}

/** The answer to them. */
export function refuseUpgrade(): Response {
  const fieldLines = "content-type: text/plain; charset=utf-8\r\n";
  return lightResponse({ status: NOT_IMPLEMENTED, fieldLines, body: BODY });
}
