/**
 * Sends the body of a response as far as the window for it goes, and the rest as the window opens.
 *
 * @module
 */

import { charCodeAt, copyOf, lengthOf, uncurried, viewOf } from "../base/captured.ts";
import type { Exchange } from "../message/exchange.ts";

const { Promise, Uint8Array } = globalThis;
const { min } = Math;
const encoder = new TextEncoder();
const encodeInto = uncurried(TextEncoder.prototype.encodeInto);
const substring = uncurried(String.prototype.substring);

/** Body bytes handed over in one piece. */
export const MAX_PIECE_BYTES = 65_536;
/** Bytes that one character takes at the most. */
const MAX_CHARACTER_BYTES = 4;
/** Where large texts are encoded, one piece at a time. */
const piece = new Uint8Array(MAX_PIECE_BYTES);

/**
 * Sends the body of one response, by one of two ways: {@linkcode sendBytes} and {@linkcode sendText}
 * wait for the window, while what is {@linkcode push}ed waits here, and {@linkcode pushOn} goes on with
 * it.
 */
export class BodySender {
  readonly #exchange: Exchange;
  /** Bytes that may be sent now. */
  #window: number;
  #isClosed = false;
  #creditWaiter: (() => void) | null = null;
  /** What was pushed and not sent, from `#unsentAt` on. */
  #unsent: Uint8Array[] = [];
  #unsentAt = 0;

  /** Makes a sender for a response that has begun, of whose body `window` bytes may be sent now. */
  constructor(exchange: Exchange, window: number) {
    this.#exchange = exchange;
    this.#window = window;
  }

  /** Whether something that was pushed has not gone. */
  get hasUnsent(): boolean {
    return this.#unsent.length > 0;
  }

  /** Permits `bytes` more. */
  onCredit(bytes: number): void {
    this.#window += bytes;
    this.#wake();
  }

  /** Gives up what was not sent. */
  close(): void {
    this.#isClosed = true;
    this.#unsent = [];
    this.#wake();
  }

  /**
   * Sends `body`: `undefined` when all of it was sent at once, else a promise of whether the sender is
   * still open when it was.
   */
  sendBytes(body: Uint8Array): undefined | Promise<boolean> {
    const at = this.#sendNow(body);
    return at === lengthOf(body) ? undefined : this.#sendRest(body, at);
  }

  /** Sends a large text, encoded piece by piece; returns as {@linkcode sendBytes} does. */
  sendText(text: string): undefined | Promise<boolean> {
    const at = this.#sendTextNow(text, 0);
    return at === text.length ? undefined : this.#sendRestOfText(text, at);
  }

  /** Sends `chunk`, after all that was pushed before it. Whether all of it has gone. */
  push(chunk: Uint8Array): boolean {
    const at = this.#unsent.length === 0 ? this.#sendNow(chunk) : 0;
    const length = lengthOf(chunk);
    if (at === length) return true;
    // The app may write into it again.
    this.#unsent[this.#unsent.length] = copyOf(chunk, at, length);
    return false;
  }

  /** Sends what was pushed and has not gone. Whether all of it has. */
  pushOn(): boolean {
    const unsent = this.#unsent;
    while (this.#unsentAt < unsent.length) {
      const chunk = unsent[this.#unsentAt];
      const at = this.#sendNow(chunk);
      if (at < lengthOf(chunk)) {
        unsent[this.#unsentAt] = viewOf(chunk, at, lengthOf(chunk));
        return false;
      }
      this.#unsentAt++;
    }
    this.#unsent = [];
    this.#unsentAt = 0;
    return true;
  }

  async #sendRest(body: Uint8Array, at: number): Promise<boolean> {
    while (at < lengthOf(body)) {
      if (!(await this.#credit())) return false;
      at = this.#sendNow(body, at);
    }
    return true;
  }

  /** Sends `body` from `at` as far as the window goes; returns where it stands. */
  #sendNow(body: Uint8Array, at = 0): number {
    // What an array of the app's says of itself need not be so.
    const length = lengthOf(body);
    while (at < length && this.#window > 0 && !this.#exchange.congested) {
      const bytes = min(length - at, this.#window, MAX_PIECE_BYTES);
      this.#window -= bytes;
      this.#exchange.write(viewOf(body, at, at + bytes));
      at += bytes;
    }
    return at;
  }

  async #sendRestOfText(text: string, at: number): Promise<boolean> {
    while (at < text.length) {
      if (!(await this.#credit())) return false;
      at = this.#sendTextNow(text, at);
    }
    return true;
  }

  /** Sends text from `at` as far as the window goes; returns where it stands. */
  #sendTextNow(text: string, at: number): number {
    while (at < text.length) {
      const room = min(this.#window, MAX_PIECE_BYTES);
      // Congestion is checked last: its end is reported to all that asked.
      if (room < MAX_CHARACTER_BYTES || this.#exchange.congested) break;
      let end = min(at + room, text.length);
      // Both halves of a character go into the same piece.
      if (end < text.length && (charCodeAt(text, end - 1) & 0xfc00) === 0xd800) end--;
      const { read, written } = encodeInto(
        encoder,
        substring(text, at, end),
        room === MAX_PIECE_BYTES ? piece : viewOf(piece, 0, room),
      );
      at += read;
      this.#window -= written;
      this.#exchange.write(viewOf(piece, 0, written));
    }
    return at;
  }

  /** Waits for room in the window; resolves to whether the sender is still open. */
  async #credit(): Promise<boolean> {
    await new Promise<void>((resolve) => this.#creditWaiter = resolve);
    return !this.#isClosed;
  }

  #wake(): void {
    const resume = this.#creditWaiter;
    this.#creditWaiter = null;
    resume?.();
  }
}
