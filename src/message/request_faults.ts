/**
 * What can be wrong with a request over any protocol, as errors with the status that tells its client.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import type { RequestLimits } from "./request_limits.ts";

export function headTooSlow(): ProtocolError {
  return new ProtocolError(408, "the request's head came too slowly", "RFC 9110 15.5.9");
}

export function bodyTooSlow(): ProtocolError {
  return new ProtocolError(408, "the body came too slowly", "RFC 9110 15.5.9");
}

export function bodyTooLarge({ maxBodyBytes }: Pick<RequestLimits, "maxBodyBytes">): ProtocolError {
  return new ProtocolError(
    413,
    `the body is larger than ${maxBodyBytes} bytes`,
    "RFC 9110 15.5.14",
  );
}

export function targetTooLong({ maxTargetBytes }: RequestLimits): ProtocolError {
  return new ProtocolError(
    414,
    `the request target is longer than ${maxTargetBytes} bytes`,
    "RFC 9110 15.5.15",
  );
}

export function headerTooLarge({ maxHeaderBytes }: RequestLimits): ProtocolError {
  return new ProtocolError(431, `the header is larger than ${maxHeaderBytes} bytes`, "RFC 6585 5");
}

export function paramsTooLarge(maxBytes: number): ProtocolError {
  return new ProtocolError(431, `the parameters are larger than ${maxBytes} bytes`, "RFC 6585 5");
}

export function tooManyFields({ maxHeaderCount }: RequestLimits): ProtocolError {
  return new ProtocolError(431, `more than ${maxHeaderCount} header fields`, "RFC 6585 5");
}
