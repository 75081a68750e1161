/**
 * One hash of many files.
 *
 * @module
 */

import { concatenated } from "./bytes.ts";
import { hexOf } from "./sha256.ts";

/** What is hashed at a time, in bytes: as much stays in memory of files that are read one after the other. */
const GROUP_BYTES = 1_048_576;

/**
 * A hash of files, in their order: SHA-256 of the SHA-256s of groups of them, which other threads find out
 * meanwhile. What it does not say is where one file ends, and the next one begins.
 */
export class FilesHash {
  #group: Uint8Array[] = [];
  #groupBytes = 0;
  readonly #digests: Promise<ArrayBuffer>[] = [];

  /** Takes the next file. */
  add(bytes: Uint8Array): void {
    this.#group.push(bytes);
    this.#groupBytes += bytes.length;
    if (this.#groupBytes >= GROUP_BYTES) this.#closeGroup();
  }

  /** The hash of all files, in hexadecimal digits. */
  async end(): Promise<string> {
    this.#closeGroup();
    const digests = (await Promise.all(this.#digests)).map((digest) => new Uint8Array(digest));
    return hexOf(await digestOf(digests));
  }

  #closeGroup(): void {
    this.#digests.push(digestOf(this.#group));
    this.#group = [];
    this.#groupBytes = 0;
  }
}

function digestOf(pieces: readonly Uint8Array[]): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", concatenated(pieces));
}
