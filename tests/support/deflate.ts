/** Compression of messages in tests: what goes in and comes out as promises, and by zlib alone. */

import { assertEquals } from "./assert.ts";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { concatenated } from "../../src/base/bytes.ts";
import { WebSocketProtocolError } from "../../src/websocket/codec/faults.ts";
import { FIN, TEXT } from "../../src/websocket/codec/protocol.ts";
import type { DeflaterTerms, OutgoingFrame } from "../../src/websocket/message_deflater.ts";
import { MessageDeflater } from "../../src/websocket/message_deflater.ts";
import type { InflaterTerms } from "../../src/websocket/message_inflater.ts";
import { MessageInflater } from "../../src/websocket/message_inflater.ts";

const TRAILER = new Uint8Array([0, 0, 0xff, 0xff]);

/** A message compressed by itself, as it is sent: without its last four bytes. */
export function deflated(message: Uint8Array, windowBits = 15): Uint8Array {
  const whole = deflateRawSync(message, { windowBits, finishFlush: constants.Z_SYNC_FLUSH });
  return new Uint8Array(whole.subarray(0, whole.length - TRAILER.length));
}

/** What `message`, compressed by itself, says. */
export function inflated(message: Uint8Array, windowBits = 15): Uint8Array {
  const finishFlush = constants.Z_SYNC_FLUSH;
  return new Uint8Array(
    inflateRawSync(concatenated([message, TRAILER]), { windowBits, finishFlush }),
  );
}

/** An inflater whose messages are awaited. */
export class Inflating implements Disposable {
  readonly inflater: MessageInflater;
  #wake: () => void = () => {};

  constructor(terms: Partial<InflaterTerms> = {}, maxMessageBytes = 16_777_216) {
    const all = { windowBits: 15, noContextTakeover: false, ...terms };
    this.inflater = new MessageInflater(all, maxMessageBytes, () => this.#wake());
  }

  /** Resolves when the inflater says that there is something. */
  ready(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** The pieces that come out of a part of a message. */
  async part(
    opcode: number,
    part: Uint8Array,
    isLast: boolean,
    maxBytes = Infinity,
  ): Promise<Uint8Array[]> {
    const pieces: Uint8Array[] = [];
    const borrowed = part.slice();
    this.inflater.push(opcode, borrowed, isLast);
    borrowed.fill(0x58);
    let ended = false;
    while (this.inflater.isBusy) {
      await this.ready();
      for (let piece = this.inflater.take(maxBytes); piece !== null;) {
        if (ended) throw new Error("a piece after the last");
        pieces.push(piece.bytes);
        ended = piece.isLast;
        piece = this.inflater.take(maxBytes);
      }
    }
    if (ended !== isLast) throw new Error("the last piece is told as such");
    return pieces;
  }

  /** What a message says that comes in `parts`; the code of its fault, if it has one. */
  async message(
    parts: readonly Uint8Array[],
    opcode: number = TEXT,
    maxBytes = Infinity,
  ): Promise<Uint8Array | number> {
    const pieces: Uint8Array[] = [];
    try {
      for (const [at, part] of parts.entries()) {
        pieces.push(...await this.part(opcode, part, at === parts.length - 1, maxBytes));
      }
    } catch (error) {
      if (!(error instanceof WebSocketProtocolError)) throw error;
      return error.closeCode;
    }
    return concatenated(pieces);
  }

  [Symbol.dispose](): void {
    this.inflater.close();
  }
}

/** A deflater whose messages are awaited. */
export class Deflating implements Disposable {
  readonly deflater: MessageDeflater;
  #wake: () => void = () => {};

  constructor(terms: Partial<DeflaterTerms> = {}, smallBytes = 64) {
    const all = { windowBits: 15, noContextTakeover: false, ...terms };
    this.deflater = new MessageDeflater(all, smallBytes, () => this.#wake());
  }

  /** Resolves when the deflater says that there is something. */
  ready(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** The frames of all that was pushed. */
  async frames(): Promise<OutgoingFrame[]> {
    const frames: OutgoingFrame[] = [];
    while (this.deflater.isBusy) {
      await this.ready();
      for (let frame = this.deflater.take(); frame !== null; frame = this.deflater.take()) {
        frames.push(frame);
      }
    }
    return frames;
  }

  /** The frames of a message that is pushed in `parts`. */
  message(parts: readonly Uint8Array[], opcode: number = TEXT): Promise<OutgoingFrame[]> {
    for (const [at, part] of parts.entries()) {
      const borrowed = part.slice();
      this.deflater.push(opcode, borrowed, at === parts.length - 1);
      borrowed.fill(0x58);
    }
    return this.frames();
  }

  [Symbol.dispose](): void {
    this.deflater.close();
  }
}

/** Whether the frames are those of one message, whose first one says `first` besides `FIN`. */
export function isOneMessage(frames: readonly OutgoingFrame[], first: number): boolean {
  return frames.every(({ firstByte }, at) => {
    return firstByte === ((at === 0 ? first : 0) | (at === frames.length - 1 ? FIN : 0));
  });
}

/** The payloads of frames, one after another. */
export function payloadsOf(frames: readonly OutgoingFrame[]): Uint8Array {
  return concatenated(frames.map(({ payload }) => payload));
}

/** Fails unless `actual` is `expected`: large arrays take long to be told apart in detail. */
export function assertBytes(actual: Uint8Array | number, expected: Uint8Array): void {
  if (typeof actual === "number") throw new Error(`closed with ${actual}`);
  assertEquals(actual.length, expected.length);
  const at = actual.findIndex((byte, at) => byte !== expected[at]);
  if (at >= 0) throw new Error(`another byte at ${at}: ${actual[at]}, not ${expected[at]}`);
}
