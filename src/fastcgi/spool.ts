/**
 * Bytes that came before they were wanted, and must not block what follows: the first in memory,
 * the rest in a temporary file.
 *
 * @module
 */

import { ByteQueue } from "../base/byte_queue.ts";
import { descriptors } from "../net/descriptors.ts";
import { MAX_SPOOLED_BYTES, MAX_SPOOLED_MEMORY_BYTES } from "./codec/limits.ts";

const READ_BYTES = 65_536;

/**
 * A queue of bytes. Files are read and written synchronously: they are short-lived, and mostly in
 * memory, too.
 */
export class Spool implements Disposable {
  /** Bytes in the spool. */
  length = 0;

  readonly #memory = new ByteQueue();
  /** What did not fit the file: until it has been taken, no more fits. */
  readonly #unwritten = new ByteQueue();
  #file: Deno.FsFile | null = null;
  #readAt = 0;
  #writeAt = 0;
  readonly #tempFolder: string;
  readonly #onNoFile: (reason: string) => void;

  /**
   * An empty spool, whose file will be in `tempFolder`. `onNoFile` gets the reason if nothing can
   * be written there: then less is put aside.
   */
  constructor(tempFolder: string, onNoFile: (reason: string) => void) {
    this.#tempFolder = tempFolder;
    this.#onNoFile = onNoFile;
  }

  /** Bytes that it can still take. */
  get room(): number {
    if (this.#unwritten.length > 0) return 0;
    // Clients must not be able to have all files opened that the process may open.
    const isInMemory = this.#file === null && descriptors.isFull;
    return (isInMemory ? MAX_SPOOLED_MEMORY_BYTES : MAX_SPOOLED_BYTES) - this.length;
  }

  /** Appends a copy of `chunk`. */
  push(chunk: Uint8Array): void {
    this.length += chunk.length;
    // What came before must be read before: once there is a file, all goes to it.
    if (this.#file === null && this.#memory.length + chunk.length <= MAX_SPOOLED_MEMORY_BYTES) {
      this.#memory.push(chunk);
      return;
    }
    try {
      const file = this.#file ??= this.#open();
      file.seekSync(this.#writeAt, Deno.SeekMode.Start);
      for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
      this.#writeAt += chunk.length;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#unwritten.push(chunk);
      this.#onNoFile(error.message);
    }
  }

  /** Takes up to `maxBytes` from the front; there must be some. */
  shift(maxBytes: number): Uint8Array {
    const bytes = this.#memory.shift(maxBytes) ??
      (this.#readAt < this.#writeAt ? this.#read(maxBytes) : this.#unwritten.shift(maxBytes)!);
    this.length -= bytes.length;
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#close();
    this.#memory.clear();
    this.#unwritten.clear();
    this.length = 0;
  }

  #open(): Deno.FsFile {
    const file = openTemporary(this.#tempFolder);
    descriptors.take();
    return file;
  }

  #close(): void {
    if (this.#file === null) return;
    this.#file.close();
    this.#file = null;
    descriptors.give();
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
      this.#close();
      this.#readAt = this.#writeAt = 0;
    }
    return buffer.subarray(0, bytes);
  }
}

/**
 * A temporary file for this user alone, which has no name any more: it goes when it is closed, or the
 * process ends.
 */
function openTemporary(tempFolder: string): Deno.FsFile {
  const path = Deno.makeTempFileSync({ dir: tempFolder, prefix: "gatehouse-" });
  const file = Deno.openSync(path, { read: true, write: true });
  if (Deno.build.os !== "windows") Deno.removeSync(path);
  return file;
}
