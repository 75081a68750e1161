/**
 * Checks of how a message is framed.
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { withoutBlanks } from "../../message/fields.ts";

/** Accepts `chunked`, once and alone; tells what is unknown from what is malformed. */
export function checkTransferCodings(codings: string): void {
  const names = codings.toLowerCase().split(",").map(withoutBlanks);
  if (names.length === 1 && names[0] === "chunked") return;
  const chunkedAt = names.indexOf("chunked");
  const malformed = names.some((name) => !/^[!#$%&'*+\-.^_`|~\w]+$/.test(name)) ||
    (chunkedAt >= 0 && chunkedAt !== names.length - 1);
  if (malformed) {
    throw new ProtocolError(400, "a Transfer-Encoding other than a final chunked", "RFC 9112 6.1");
  }
  throw new ProtocolError(501, "an unknown transfer coding", "RFC 9112 6.1");
}
