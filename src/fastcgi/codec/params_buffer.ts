/**
 * The parameters of a FastCGI request until they are complete.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import type { BufferPool } from "../../base/buffers.ts";
import { OutputBuffer } from "../../base/buffers.ts";

/**
 * Keeps parameters. Usually all of them come in one piece, which stays where it was read until it
 * has to be kept.
 */
export class ParamsBuffer {
  /** Bytes that have come. */
  length = 0;

  readonly #buffers: BufferPool;
  #borrowed: Uint8Array | null = null;
  #kept: OutputBuffer | null = null;

  /** Makes an empty one that takes its memory from `buffers`. */
  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** What has come: its first {@linkcode length} bytes are in use. */
  get bytes(): Uint8Array {
    return this.#borrowed ?? this.#kept?.bytes ?? EMPTY;
  }

  /** Adds a piece. One that is borrowed is valid only until {@linkcode keep}, which must be in time. */
  add(piece: Uint8Array): "borrowed" | "kept" {
    const isFirst = this.length === 0;
    this.length += piece.length;
    if (isFirst) {
      this.#borrowed = piece;
      return "borrowed";
    }
    this.keep();
    this.#kept!.append(piece);
    return "kept";
  }

  /** Copies what is borrowed. */
  keep(): void {
    if (this.#borrowed === null) return;
    this.#kept = new OutputBuffer(this.#buffers);
    this.#kept.append(this.#borrowed);
    this.#borrowed = null;
  }

  /** Gives the memory back. */
  release(): void {
    this.#borrowed = null;
    if (this.#kept !== null) this.#buffers.give(this.#kept.takeBytes());
    this.#kept = null;
  }
}
