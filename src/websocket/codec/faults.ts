/**
 * What can be wrong with what a peer sends on a WebSocket connection.
 *
 * @module
 */

import { INVALID_PAYLOAD, MESSAGE_TOO_BIG, PROTOCOL_FAULT } from "./protocol.ts";

/** A peer broke the protocol, or a limit: the connection has failed (RFC 6455 7.1.7). */
export class WebSocketProtocolError extends Error {
  /** Name of the class. */
  override name = "WebSocketProtocolError";
  /** Code for the close frame that tells the peer: 1002, 1007 or 1009. */
  readonly closeCode: number;
  /** Section of the specification that was broken, such as `"RFC 6455 5.2"`. */
  readonly section: string;

  /** Makes an error for `closeCode` with a message for the log. */
  constructor(closeCode: number, message: string, section: string) {
    super(message);
    this.closeCode = closeCode;
    this.section = section;
  }
}

export function protocolFault(message: string, section: string): WebSocketProtocolError {
  return new WebSocketProtocolError(PROTOCOL_FAULT, message, `RFC 6455 ${section}`);
}

export function malformedText(what: string): WebSocketProtocolError {
  return new WebSocketProtocolError(INVALID_PAYLOAD, `${what} that is not UTF-8`, "RFC 6455 8.1");
}

export function malformedDeflate(): WebSocketProtocolError {
  const message = "a compressed message that is not in the DEFLATE format";
  return new WebSocketProtocolError(INVALID_PAYLOAD, message, "RFC 7692 7.2.2");
}

export function messageTooLarge(maxBytes: number): WebSocketProtocolError {
  const message = `a message of more than ${maxBytes} bytes`;
  return new WebSocketProtocolError(MESSAGE_TOO_BIG, message, "RFC 6455 7.4.1");
}

export function tooManyFragments(maxFragments: number): WebSocketProtocolError {
  const message = `a message in more than ${maxFragments} frames`;
  return new WebSocketProtocolError(MESSAGE_TOO_BIG, message, "RFC 6455 7.4.1");
}
