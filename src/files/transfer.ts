/**
 * Sends an open file as the body of a response: as fast as its client takes it, and no faster.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import { BufferPool } from "../base/buffers.ts";
import type { AbortReason, DirectOutput, Exchange, ExchangeReceiver } from "../message/exchange.ts";
import type { ByteRange } from "./ranges.ts";

/** What is read at once for clients that are not known to be quick, in bytes. */
export const SMALL_PIECE_BYTES = 65_536;
/** What is read at once for those that are. */
export const LARGE_PIECE_BYTES = 1_048_576;
/** Large pieces of one transfer: one on its way, and one that is read meanwhile. */
const LARGE_PIECES = 2;
/** A client is quick that takes bytes at this rate, in bytes per ms. */
const QUICK_RATE = 4_096;
/** What may wait to be sent while the next small piece is read. */
const FEW_BYTES = 16_384;

/** A file that is open, and is closed by who sends it. */
export interface SendableFile extends Disposable {
  /** Reads up to `length` bytes from `position` into `buffer`; resolves to how many there were. */
  readLater(buffer: Uint8Array, length: number, position: number): Promise<number>;
}

/** What all transfers share: memory for large pieces, and buffers where connections lend none. */
export class TransferMemory {
  readonly buffers: BufferPool = new BufferPool();
  #largeBytes: number;

  /** Lets large pieces take up to `maxLargeBytes` in all. */
  constructor(maxLargeBytes = 67_108_864) {
    this.#largeBytes = maxLargeBytes;
  }

  /** Whether a transfer may have large pieces. */
  takeLarge(): boolean {
    if (this.#largeBytes < LARGE_PIECES * LARGE_PIECE_BYTES) return false;
    this.#largeBytes -= LARGE_PIECES * LARGE_PIECE_BYTES;
    return true;
  }

  /** Takes their memory back. */
  giveLarge(): void {
    this.#largeBytes += LARGE_PIECES * LARGE_PIECE_BYTES;
  }
}

/** What is to be done at the end of a transfer. */
export interface TransferOwner {
  /** The file has been closed. */
  onClosed(): void;
  /** The file cannot be sent in full, as it was announced. */
  onBroken(reason: string): void;
}

/** The transfer of one response's body. The response has begun, and has the length of all parts. */
export class FileTransfer implements ExchangeReceiver {
  readonly congested = false;
  readonly #exchange: Exchange;
  readonly #file: SendableFile;
  readonly #parts: readonly (string | ByteRange)[];
  readonly #memory: TransferMemory;
  readonly #owner: TransferOwner;
  /** Who is told of the end of it all. */
  readonly #listener: ExchangeReceiver;
  #partIndex = 0;
  /** Bytes of the part that have been read. */
  #partBytes = 0;
  #window: number;
  #isReading = false;
  #hasEnded = false;
  #pieceBytes = SMALL_PIECE_BYTES;
  #hasLarge = false;
  /** Whether some was written without a window: credit tells of it, and of nothing that was before. */
  #isDirect = false;
  /** Since when the client has been given what it has not taken. */
  #busySince = 0;

  /** Makes a transfer of `parts`, which takes the exchange over from `listener`. */
  constructor(
    exchange: Exchange,
    file: SendableFile,
    parts: readonly (string | ByteRange)[],
    memory: TransferMemory,
    owner: TransferOwner,
    listener: ExchangeReceiver,
  ) {
    this.#exchange = exchange;
    this.#file = file;
    this.#parts = parts;
    this.#memory = memory;
    this.#owner = owner;
    this.#listener = listener;
    this.#window = exchange.head.responseWindow;
    exchange.receiver = this;
  }

  /** Begins to send. */
  start(): void {
    this.#pump();
  }

  onBody(chunk: Uint8Array): void {
    // Nobody asks for it, but what was granted before may come.
    this.#listener.onBody(chunk);
  }

  onChunk(declaredBytes: number): void {
    this.#listener.onChunk(declaredBytes);
  }

  onEnd(trailers: Uint8Array): void {
    this.#listener.onEnd(trailers);
  }

  onData(chunk: Uint8Array): void {
    this.#listener.onData(chunk);
  }

  onDataEnd(): void {
    this.#listener.onDataEnd();
  }

  onCredit(bytes: number): void {
    this.#window += bytes;
    if (this.#hasEnded) return;
    this.#judge(bytes);
    this.#pump();
  }

  onAbort(reason: AbortReason): void {
    if (reason !== "client-half-closed") this.#end();
    this.#listener.onAbort(reason);
  }

  onSent(): void {
    this.#listener.onSent();
  }

  /** Reads and writes as far as the client goes. */
  #pump(): void {
    while (!this.#hasEnded && !this.#isReading) {
      const part = this.#parts[this.#partIndex];
      if (part === undefined) return this.#end();
      const length = typeof part === "string" ? part.length : part.end - part.start;
      const left = length - this.#partBytes;
      const direct = this.#exchange.direct ?? null;
      const bytes = direct === null ? this.#roomIn(left) : this.#roomFor(direct, left);
      if (bytes === 0) return;
      if (typeof part === "string") {
        this.#write(direct, latin1Bytes(part.slice(this.#partBytes, this.#partBytes + bytes)));
        this.#advance(bytes, length);
      } else {
        this.#read(direct, part, bytes);
      }
    }
  }

  /** Bytes that the window lets be sent. */
  #roomIn(left: number): number {
    if (this.#window <= 0 || this.#exchange.congested) return 0;
    return Math.min(left, this.#window, SMALL_PIECE_BYTES);
  }

  #roomFor(direct: DirectOutput, left: number): number {
    // No credit tells that what responses before this one left has gone: only its own bytes do.
    if (!this.#isDirect) return Math.min(left, this.#pieceBytes);
    const mayWait = this.#pieceBytes === LARGE_PIECE_BYTES ? LARGE_PIECE_BYTES : FEW_BYTES;
    return direct.pendingBytes > mayWait ? 0 : Math.min(left, this.#pieceBytes);
  }

  async #read(direct: DirectOutput | null, part: ByteRange, bytes: number): Promise<void> {
    const { buffers } = this.#memory;
    const buffer = direct === null ? buffers.take(bytes) : direct.takeBuffer(bytes);
    const give = () => direct === null ? buffers.give(buffer) : direct.giveBuffer(buffer);
    const start = part.start + this.#partBytes;
    let count = 0;
    let problem: unknown = null;
    this.#isReading = true;
    try {
      count = await this.#file.readLater(buffer, bytes, start);
    } catch (error) {
      problem = error;
    }
    this.#isReading = false;
    if (this.#hasEnded || problem !== null || count === 0) {
      give();
      if (this.#hasEnded) this.#close();
      else this.#break(problem === null ? "the file has become shorter" : String(problem));
      return;
    }
    const isLast = this.#advance(count, part.end - part.start);
    // The exchange ends with the last byte, and with it this transfer.
    if (isLast) this.#end();
    if (direct !== null) {
      this.#noteWrite(direct);
      direct.writeBuffer(buffer, count);
    } else {
      this.#write(null, buffer.subarray(0, count));
      give();
    }
    this.#pump();
  }

  #write(direct: DirectOutput | null, chunk: Uint8Array): void {
    if (direct === null) {
      this.#window -= chunk.length;
      this.#exchange.write(chunk);
      return;
    }
    const buffer = direct.takeBuffer(chunk.length);
    buffer.set(chunk);
    this.#noteWrite(direct);
    direct.writeBuffer(buffer, chunk.length);
  }

  /** Takes note that `bytes` of the part were read; whether they were the last of all. */
  #advance(bytes: number, length: number): boolean {
    this.#partBytes += bytes;
    if (this.#partBytes < length) return false;
    this.#partBytes = 0;
    return ++this.#partIndex === this.#parts.length;
  }

  #noteWrite(direct: DirectOutput): void {
    this.#isDirect = true;
    if (direct.pendingBytes === 0) this.#busySince = performance.now();
  }

  /** Lets pieces be as large as the client is quick, which has just taken `bytes`. */
  #judge(bytes: number): void {
    const now = performance.now();
    const isQuick = bytes >= (now - this.#busySince) * QUICK_RATE;
    this.#busySince = now;
    if (!isQuick) {
      this.#pieceBytes = SMALL_PIECE_BYTES;
      this.#giveLarge();
    } else if (this.#hasLarge || this.#memory.takeLarge()) {
      this.#hasLarge = true;
      this.#pieceBytes = LARGE_PIECE_BYTES;
    }
  }

  #giveLarge(): void {
    if (!this.#hasLarge) return;
    this.#hasLarge = false;
    this.#memory.giveLarge();
  }

  #break(reason: string): void {
    this.#end();
    this.#exchange.fail(500);
    this.#owner.onBroken(reason);
    this.#listener.onAbort("invalid-response");
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#giveLarge();
    // Its number may be another file's as soon as it is closed.
    if (!this.#isReading) this.#close();
  }

  #close(): void {
    this.#file[Symbol.dispose]();
    this.#owner.onClosed();
  }
}
