/**
 * Where the chunks of a body begin, for apps that ask. There can be one for each byte, and so they
 * take a number each.
 *
 * @module
 */

const { Float64Array } = globalThis;

const MIN_SIZES = 16;

/** The chunks of a body that have begun, and were not read yet. */
export class ChunkMarks {
  /** Declared sizes. */
  #sizes = new Float64Array(MIN_SIZES);
  #capacity = MIN_SIZES;
  #start = 0;
  #end = 0;
  #position = 0;

  /** Where in the body the next chunk begins; `Infinity` if there is none. */
  get position(): number {
    return this.#start === this.#end ? Infinity : this.#position;
  }

  /** Adds a chunk of `declaredBytes`, which follows the last one. */
  add(declaredBytes: number): void {
    if (this.#end === this.#capacity) this.#makeRoom();
    this.#sizes[this.#end++] = declaredBytes;
  }

  /** Takes the next chunk; its declared size. */
  take(): number {
    const declaredBytes = this.#sizes[this.#start++];
    this.#position += declaredBytes;
    return declaredBytes;
  }

  #makeRoom(): void {
    const from = this.#sizes;
    const used = this.#end - this.#start;
    if (used > this.#capacity / 2) {
      this.#capacity *= 2;
      this.#sizes = new Float64Array(this.#capacity);
    }
    for (let i = 0; i < used; i++) this.#sizes[i] = from[this.#start + i];
    this.#start = 0;
    this.#end = used;
  }
}
