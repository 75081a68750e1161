/** A reader of WebSocket frames that has all bytes at hand, and is in no hurry. */

import type { WebSocketLimits } from "../../src/websocket/codec/limits.ts";
import { latin1Text } from "../../src/message/fields.ts";

/** Limits that are reached often. */
export const FEW: WebSocketLimits = { maxMessageBytes: 300, maxFragments: 5 };
/** What a compressed message may have on its way. */
const MAX_COMPRESSED_BYTES = 300 + 4 + 1_024;

const NAMES: Readonly<Record<number, string>> = { 1: "text", 2: "binary", 9: "ping", 10: "pong" };

/** Ends the reading. */
class Fault extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`a fault of ${code}`);
    this.code = code;
  }
}

/** A message, as far as it has come. */
interface Message {
  readonly opcode: number;
  readonly isCompressed: boolean;
  bytes: number[];
  declaredBytes: number;
  frames: number;
  isBegun: boolean;
}

/** What is in `bytes`, as `readFrames` of tests/support/websocket.ts tells it. */
export function framesIn(bytes: Uint8Array, compression: "none" | "permessage-deflate"): string[] {
  const seen: string[] = [];
  let message: Message | null = null;
  try {
    for (let at = 0; at < bytes.length;) {
      const first = bytes[at];
      const opcode = first & 0x0f;
      const isFinal = first >= 0x80;
      const isControl = opcode >= 8;
      const mayBeCompressed = compression !== "none" && (opcode === 1 || opcode === 2);
      if ((first & 0x30) !== 0 || ((first & 0x40) !== 0 && !mayBeCompressed)) throw new Fault(1002);
      if (![0, 1, 2, 8, 9, 10].includes(opcode) || (isControl && !isFinal)) throw new Fault(1002);
      if (!isControl && (opcode === 0) === (message === null)) throw new Fault(1002);
      if (at + 1 === bytes.length) break;
      const second = bytes[at + 1];
      if (second < 0x80 || (isControl && (second & 0x7f) > 125)) throw new Fault(1002);
      const lengthBytes = { 126: 2, 127: 8 }[second & 0x7f] ?? 0;
      let length = BigInt(second & 0x7f);
      if (lengthBytes > 0) {
        const field = [...bytes.subarray(at + 2, at + 2 + lengthBytes)];
        if (lengthBytes === 8 && field.length > 0 && field[0] >= 0x80) throw new Fault(1002);
        if (field.length < lengthBytes) break;
        length = field.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
        if (length < (lengthBytes === 2 ? 126n : 65_536n)) throw new Fault(1002);
      }
      if (!isControl) {
        if (opcode !== 0) {
          const isCompressed = (first & 0x40) !== 0;
          message = {
            opcode,
            isCompressed,
            bytes: [],
            declaredBytes: 0,
            frames: 0,
            isBegun: false,
          };
        }
        message!.declaredBytes += Number(length);
        const most = message!.isCompressed ? MAX_COMPRESSED_BYTES : FEW.maxMessageBytes;
        if (message!.declaredBytes > most || ++message!.frames > FEW.maxFragments) {
          throw new Fault(1009);
        }
      }
      const keyAt = at + 2 + lengthBytes;
      if (keyAt + 4 > bytes.length) break;
      const key = bytes.subarray(keyAt, keyAt + 4);
      const payload = [...bytes.subarray(keyAt + 4, keyAt + 4 + Number(length))]
        .map((byte, index) => byte ^ key[index % 4]);
      const isComplete = BigInt(payload.length) === length;
      at = keyAt + 4 + payload.length;
      if (!isControl) {
        message!.bytes.push(...payload);
        message!.isBegun ||= payload.length > 0 || isComplete;
        const isEnd = isComplete && isFinal;
        checkText(message!, isEnd);
        if (!isEnd) continue;
        const kind = (message!.isCompressed ? "compressed " : "") + NAMES[message!.opcode];
        seen.push(`${kind} ${textOf(message!.bytes)}`);
        message = null;
      } else if (isComplete && opcode === 8) {
        seen.push(closeIn(payload));
        return message === null ? seen : noteRest(seen, message);
      } else if (isComplete) {
        seen.push(`${NAMES[opcode]} ${textOf(payload)}`);
      }
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [...seen, `fault ${error.code}`];
  }
  return message === null ? seen : noteRest(seen, message);
}

function textOf(bytes: readonly number[]): string {
  return latin1Text(new Uint8Array(bytes), 0, bytes.length);
}

/** Notes a message that is not complete, if any of it has come. */
function noteRest(
  seen: readonly string[],
  { bytes, opcode, isCompressed, isBegun }: Message,
): string[] {
  if (!isBegun) return [...seen];
  const kind = (isCompressed ? "compressed " : "") + NAMES[opcode];
  return [...seen, `${kind} ${textOf(bytes)}+`];
}

function checkText({ opcode, isCompressed, bytes }: Message, isEnd: boolean): void {
  if (opcode !== 1 || isCompressed) return;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes), { stream: !isEnd });
  } catch {
    throw new Fault(1007);
  }
}

function closeIn(payload: readonly number[]): string {
  if (payload.length === 0) return "close 1005 ";
  if (payload.length === 1) throw new Fault(1002);
  const code = payload[0] * 256 + payload[1];
  const isValid =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code) ||
    (code >= 3000 && code < 5000);
  if (!isValid) throw new Fault(1002);
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return `close ${code} ${decoder.decode(new Uint8Array(payload.slice(2)))}`;
  } catch {
    throw new Fault(1007);
  }
}
