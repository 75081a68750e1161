/**
 * The roles of FastCGI (section 6), as numbers and by name.
 *
 * @module
 */

import type { RequestRole } from "../../message/exchange.ts";
import { AUTHORIZER, FILTER, RESPONDER } from "./records.ts";

/** The number of each role. */
export const ROLE_NUMBERS: Readonly<Record<RequestRole, number>> = {
  responder: RESPONDER,
  authorizer: AUTHORIZER,
  filter: FILTER,
};

/** The name of a role that is served. */
export function roleOf(number: number): RequestRole {
  if (number === AUTHORIZER) return "authorizer";
  return number === FILTER ? "filter" : "responder";
}
