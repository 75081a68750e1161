/**
 * What can be wrong with a request, as errors with the status that tells its client.
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { isBlank, LF } from "../../message/chars.ts";

export function bareCarriageReturn(): ProtocolError {
  return new ProtocolError(400, "a CR without an LF", "RFC 9112 2.2");
}

export function bareLineFeed(section: string): ProtocolError {
  return new ProtocolError(400, "a line that ends in a bare LF", `RFC 9112 ${section}`);
}

export function malformedVersion(): ProtocolError {
  return new ProtocolError(400, "the request line has no valid HTTP version", "RFC 9112 2.3");
}

export function malformedFieldName(byte: number, empty: boolean): ProtocolError {
  if (empty && isBlank(byte)) {
    return new ProtocolError(400, "a folded field line", "RFC 9112 5.2");
  }
  if (isBlank(byte)) {
    return new ProtocolError(400, "white space between a field name and its colon", "RFC 9112 5.1");
  }
  return new ProtocolError(400, "a malformed field name", "RFC 9112 5");
}

export function malformedFieldValue(byte: number): ProtocolError {
  if (byte === LF) return bareLineFeed("2.2");
  return new ProtocolError(400, "a control character in a field value", "RFC 9110 5.5");
}

export function malformedContentLength(): ProtocolError {
  return new ProtocolError(400, "a malformed Content-Length", "RFC 9110 8.6");
}

export function malformedChunk(what: string): ProtocolError {
  return new ProtocolError(400, `a malformed chunk: ${what}`, "RFC 9112 7.1");
}

export function misplacedTrailer(name: string): ProtocolError {
  return new ProtocolError(400, `the field ${name} among the trailers`, "RFC 9110 6.5.1");
}
