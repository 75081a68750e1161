/**
 * A body in a content coding, made part by part, whose encoder can be given up at any time.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { EMPTY } from "../base/empty.ts";
import type { CodingLevel } from "./codec/settings.ts";
import { GZIP_HEADER, gzipTrailer, lastBlock, storedBlock } from "./codec/stored.ts";
import type { Step } from "./engine.ts";
import { Engine } from "./engine.ts";

/** Encodes a body. */
export class CodedBody {
  readonly #terms: CodingLevel;
  #engine: Engine | null = null;
  #hasBegun = false;
  /** Whether the encoder has kept something back. */
  #isUnflushed = false;
  #crc32 = 0;
  #bytes = 0;

  /** Makes a body; its encoder is made when there is something to encode. */
  constructor(terms: CodingLevel) {
    this.#terms = terms;
  }

  /** Whether it has an encoder. */
  get hasEngine(): boolean {
    return this.#engine !== null;
  }

  /**
   * Whether the next step needs an encoder. One that was given up is only made again for gzip: the others
   * cannot go on with another one in the same stream.
   */
  get needsEngine(): boolean {
    return this.#engine === null && (!this.#hasBegun || this.#terms.coding === "gzip");
  }

  /** Encodes up to `MAX_STORED_BYTES` more of it. Rejects if zlib fails: nothing more can be made then. */
  async encode(part: Uint8Array, step: Step): Promise<Uint8Array[]> {
    const { coding } = this.#terms;
    const pieces: Uint8Array[] = [];
    if (coding === "gzip") {
      if (!this.#hasBegun) pieces.push(GZIP_HEADER);
      this.#crc32 = crc32(part, this.#crc32);
      this.#bytes += part.length;
    }
    // Without its encoder, there is nothing to end.
    const isBare = this.#engine === null && this.#hasBegun &&
      (coding !== "gzip" || part.length === 0);
    if (!isBare) {
      this.#engine ??= new Engine(this.#terms);
      pieces.push(...await this.#engine.encode(part, step));
      this.#isUnflushed = step === "continue";
    } else if (coding !== "gzip" && part.length > 0) {
      pieces.push(storedBlock(coding, part));
    }
    this.#hasBegun = true;
    if (step === "finish") {
      if (isBare) pieces.push(lastBlock(coding));
      if (coding === "gzip") pieces.push(gzipTrailer(this.#crc32, this.#bytes));
      this.close();
    }
    return pieces;
  }

  /** Gives the encoder up; what it has kept back comes out. */
  async park(): Promise<Uint8Array[]> {
    if (this.#engine === null) return [];
    const pieces = this.#isUnflushed ? await this.#engine.encode(EMPTY, "flush") : [];
    this.#isUnflushed = false;
    this.close();
    return pieces;
  }

  /** Gives the encoder up: nothing more is wanted. */
  close(): void {
    this.#engine?.close();
    this.#engine = null;
  }
}
