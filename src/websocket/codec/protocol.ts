/**
 * The numbers of the protocol (RFC 6455): what the first byte of a frame says, and codes of closing.
 *
 * @module
 */

/** A frame that goes on with a message (RFC 6455 5.2). */
export const CONTINUATION = 0x0;
/** A message of text begins. */
export const TEXT = 0x1;
/** A message of bytes begins. */
export const BINARY = 0x2;
/** The sender is about to go (RFC 6455 5.5.1). */
export const CLOSE = 0x8;
/** The sender wants to hear from its peer (RFC 6455 5.5.2). */
export const PING = 0x9;
/** The answer to a ping, or a sign of life (RFC 6455 5.5.3). */
export const PONG = 0xa;

/** What the opcodes of control frames have in common. */
export const CONTROL = 0x8;
/** Bit of a frame's first byte: it is the last of its message. */
export const FIN = 0x80;
/** Bit of a frame's first byte: the message is compressed (RFC 7692 6). */
export const COMPRESSED = 0x40;
/** The bits of a frame's first byte that have no meaning to us. */
export const RESERVED = 0x30;
/** Bit of a frame's second byte: the payload is masked. */
export const MASKED = 0x80;

/** Bytes of a control frame's payload at the most (RFC 6455 5.5). */
export const MAX_CONTROL_BYTES = 125;
/** Bytes of a close frame's reason at the most. */
export const MAX_REASON_BYTES = 123;
/** Bytes before a payload at the most. */
export const MAX_HEADER_BYTES = 14;
/** Second byte of a frame whose length takes two more bytes. */
export const LENGTH_16 = 126;
/** Second byte of a frame whose length takes eight more bytes. */
export const LENGTH_64 = 127;

/** The connection has done what it was for. */
export const NORMAL_CLOSURE = 1000;
/** The server goes down, or the page is left. */
export const GOING_AWAY = 1001;
/** The peer broke the protocol. */
export const PROTOCOL_FAULT = 1002;
/** The close frame had no code. Never sent. */
export const NO_STATUS = 1005;
/** The connection was lost without a close frame. Never sent. */
export const ABNORMAL_CLOSURE = 1006;
/** A message's content is not what its type says. */
export const INVALID_PAYLOAD = 1007;
/** A message, or the lack of one, is against the endpoint's rules. */
export const POLICY_VIOLATION = 1008;
/** A message is larger than what is taken. */
export const MESSAGE_TOO_BIG = 1009;
/** Something went wrong that is not the peer's fault. */
export const INTERNAL_ERROR = 1011;

/** Which end of a connection one is: clients mask what they send, servers do not. */
export type Role = "client" | "server";

/**
 * Whether a close frame may say `code` (RFC 6455 7.4, and IANA's registry for 1012 to 1014): what is
 * registered and may be sent, and what is left to libraries and apps.
 */
export function isSendableCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000) return code <= 4999;
  return code >= NORMAL_CLOSURE && code <= 1014 && code !== 1004 && code !== NO_STATUS &&
    code !== ABNORMAL_CLOSURE;
}
