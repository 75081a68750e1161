/**
 * Bytes that have come before anybody wants them, and may not hold up what comes behind them: the
 * first in memory, the rest in a temporary file.
 *
 * @module
 */

import { MAX_SPOOLED_BYTES, MAX_SPOOLED_MEMORY_BYTES } from "./limits.ts";

const READ_BYTES = 65_536;

/** A queue of bytes. Files are read and written at once: they are short-lived, and mostly in memory too. */
export class Spool implements Disposable {
  /** Bytes in the spool. */
  length = 0;

  readonly #chunks: Uint8Array[] = [];
  #memoryBytes = 0;
  #file: Deno.FsFile | null = null;
  #readAt = 0;
  #writeAt = 0;

  /** Bytes that it can still take. */
  get room(): number {
    return MAX_SPOOLED_BYTES - this.length;
  }

  /** Appends a copy of `chunk`. */
  push(chunk: Uint8Array): void {
    this.length += chunk.length;
    // What came before must be read before: once there is a file, all goes to it.
    if (this.#file === null && this.#memoryBytes + chunk.length <= MAX_SPOOLED_MEMORY_BYTES) {
      this.#chunks.push(chunk.slice());
      this.#memoryBytes += chunk.length;
      return;
    }
    const file = this.#file ??= openTemporary();
    file.seekSync(this.#writeAt, Deno.SeekMode.Start);
    for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
    this.#writeAt += chunk.length;
  }

  /** Takes up to `maxBytes` from the front; there must be some. */
  shift(maxBytes: number): Uint8Array {
    const bytes = this.#chunks.length > 0 ? this.#shiftChunk(maxBytes) : this.#read(maxBytes);
    this.length -= bytes.length;
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = null;
    this.#chunks.length = 0;
    this.length = 0;
  }

  #shiftChunk(maxBytes: number): Uint8Array {
    const [first] = this.#chunks;
    if (first.length <= maxBytes) {
      this.#chunks.shift();
      this.#memoryBytes -= first.length;
      return first;
    }
    this.#chunks[0] = first.subarray(maxBytes);
    this.#memoryBytes -= maxBytes;
    return first.subarray(0, maxBytes);
  }

  #read(maxBytes: number): Uint8Array {
    const file = this.#file!;
    const buffer = new Uint8Array(Math.min(maxBytes, READ_BYTES, this.#writeAt - this.#readAt));
    file.seekSync(this.#readAt, Deno.SeekMode.Start);
    const bytes = file.readSync(buffer) ?? 0;
    if (bytes === 0) throw new Error("a temporary file has become shorter");
    this.#readAt += bytes;
    if (this.#readAt === this.#writeAt) {
      // All was read: the file begins anew, and memory can be used again.
      file.close();
      this.#file = null;
      this.#readAt = this.#writeAt = 0;
    }
    return buffer.subarray(0, bytes);
  }
}

/** A temporary file that has no name any more: it goes when it is closed, or the process ends. */
function openTemporary(): Deno.FsFile {
  const path = Deno.makeTempFileSync({ prefix: "gatehouse-" });
  const file = Deno.openSync(path, { read: true, write: true });
  if (Deno.build.os !== "windows") Deno.removeSync(path);
  return file;
}
