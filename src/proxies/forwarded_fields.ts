/**
 * Which fields of trusted proxies tell for whom they forward a request.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";

/** A field that can tell it: `Forwarded` (RFC 7239), or one of the older ones. */
export type ForwardedField =
  | "forwarded"
  | "x-forwarded-for"
  | "x-forwarded-proto"
  | "x-forwarded-host";

/** Those that there are. */
export const FORWARDED_FIELDS: readonly ForwardedField[] = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
];

/** Those that count if nobody says which: few proxies touch `Forwarded`, so mostly it is the client's own. */
export const DEFAULT_FORWARDED_FIELDS: readonly ForwardedField[] = [
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
];

/**
 * Reads names of such fields, in any case.
 *
 * @throws {ConfigError} if one is of another field
 */
export function parseForwardedFields(names: readonly string[]): ForwardedField[] {
  const fields = names.map((name) => {
    const field = FORWARDED_FIELDS.find((each) => each === name.toLowerCase());
    if (field !== undefined) return field;
    throw new ConfigError(
      `bad field ${JSON.stringify(name)}: there are ${FORWARDED_FIELDS.join(", ")}`,
    );
  });
  return [...new Set(fields)];
}
