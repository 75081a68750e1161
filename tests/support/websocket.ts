/** Frames as a client makes them, right or wrong, and what the codec reads in them. */

import type { WebSocketLimits } from "../../src/websocket/codec/limits.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../src/websocket/codec/limits.ts";
import { WebSocketProtocolError } from "../../src/websocket/codec/faults.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
} from "../../src/websocket/codec/frame_reader.ts";
import type { Role } from "../../src/websocket/codec/protocol.ts";
import { TEXT } from "../../src/websocket/codec/protocol.ts";
import { concatenated, latin1Bytes } from "../../src/base/bytes.ts";
import { latin1Text } from "../../src/message/fields.ts";

/** What a frame is like besides its first byte and payload. */
export interface FrameForm {
  /** The mask's key; `null` for a frame without a mask. */
  readonly key?: readonly number[] | null;
  /** Bytes of the length, 0 for what fits the second byte; as few as it takes by default. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** The length that the header declares, if it is another than that of the payload. */
  readonly declared?: bigint;
}

/** A key that changes each byte. */
export const KEY = [0x9c, 0x35, 0xe6, 0x4b];

/** Bytes of `payload`: those of a text in UTF-8. */
export function payloadOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}

/** A frame, byte by byte as RFC 6455 5.2 says. */
export function frame(
  firstByte: number,
  payload: Uint8Array | string = "",
  { key = KEY, lengthBytes, declared }: FrameForm = {},
): Uint8Array {
  const content = payloadOf(payload);
  const length = declared ?? BigInt(content.length);
  const bytes = lengthBytes ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  const masked = key === null ? 0 : 0x80;
  const header = [firstByte, masked | (bytes === 0 ? Number(length) : bytes === 2 ? 126 : 127)];
  for (let shift = bytes - 1; shift >= 0; shift--) {
    header.push(Number((length >> BigInt(shift * 8)) & 0xffn));
  }
  if (key === null) return concatenated([new Uint8Array(header), content]);
  const covered = content.map((byte, at) => byte ^ key[at % 4]);
  return concatenated([new Uint8Array([...header, ...key]), covered]);
}

/** A frame of a server. */
export function serverFrame(firstByte: number, payload: Uint8Array | string = ""): Uint8Array {
  return frame(firstByte, payload, { key: null });
}

/** The payload of a close frame. */
export function closing(code: number, reason: Uint8Array | string = ""): Uint8Array {
  return concatenated([new Uint8Array([code >> 8, code & 0xff]), payloadOf(reason)]);
}

/** What a reader is told to be. */
export interface Reading {
  /** Limits besides the default ones. */
  readonly limits?: Partial<WebSocketLimits>;
  /** Whose reader it is; the server's by default. */
  readonly role?: Role;
  /** Whether messages may be compressed; they may not by default. */
  readonly compression?: "none" | "permessage-deflate";
  /** What {@linkcode FrameReader.next} is given. */
  readonly maxBytes?: number;
}

/**
 * What a reader finds in `pieces`, pushed one after another: `text …`, `binary …`, `ping …`, `pong …`,
 * `close CODE …`, `fault CODE`, and `text …+` for what is not complete. Each piece is wiped afterwards, as a read
 * buffer would be.
 */
export function readFrames(pieces: Iterable<Uint8Array>, reading: Reading = {}): string[] {
  const limits = { ...DEFAULT_WEBSOCKET_LIMITS, ...reading.limits };
  const reader = new FrameReader(limits, reading.role, reading.compression);
  const seen: string[] = [];
  let message: string | null = null;
  try {
    for (const piece of pieces) {
      const borrowed = piece.slice();
      reader.push(borrowed);
      for (;;) {
        const event = reader.next(reading.maxBytes);
        if (event === NEED_DATA) break;
        const text = latin1Text(reader.bytes, reader.start, reader.end);
        if (event === DATA) {
          const type = reader.opcode === TEXT ? "text" : "binary";
          const name = reader.isCompressed ? `compressed ${type}` : type;
          if (reader.isFirst !== (message === null)) throw new Error("a message begins once");
          message = (message ?? `${name} `) + text;
          if (!reader.isLast) continue;
          seen.push(message);
          message = null;
        } else if (event === CLOSE_FRAME) {
          seen.push(`close ${reader.closeCode} ${reader.closeReason}`);
        } else {
          seen.push(`${event === PING_FRAME ? "ping" : "pong"} ${text}`);
        }
      }
      if (reader.hasUnread) throw new Error("bytes are left that nobody was kept from");
      borrowed.fill(0x58);
    }
  } catch (error) {
    if (!(error instanceof WebSocketProtocolError)) throw error;
    seen.push(`fault ${error.closeCode}`);
    // How much of it was seen before depends on how it came.
    message = null;
    reader.push(latin1Bytes("whatever comes then"));
    if (reader.next() !== NEED_DATA) {
      throw new Error("a reader that failed reads on", { cause: error });
    }
  }
  if (message !== null) seen.push(`${message}+`);
  return seen;
}

/** `bytes` one by one. */
export function* singly(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}
