/**
 * What can be said in each coding without an engine: the frame around gzip's blocks, and blocks of bytes as
 * they are. After a flush, a stream of any coding can go on with these.
 *
 * @module
 */

import { concatenated } from "../../base/bytes.ts";
import type { Coding } from "./settings.ts";

/** Bytes of a stored block at the most. */
export const MAX_STORED_BYTES = 65_536;

/** What gzip's blocks begin with: no name, no time, an unknown system (RFC 1952 2.3.1). */
export const GZIP_HEADER: Uint8Array = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** Gzip's last block, without data (RFC 1951 3.2.6). */
const LAST_DEFLATE_BLOCK = new Uint8Array([0x03, 0x00]);
/** Brotli's last meta-block, without data (RFC 7932 9.2). */
const LAST_BROTLI_BLOCK = new Uint8Array([0x03]);
/** Zstandard's last block, without data (RFC 8878 3.1.1.2). */
const LAST_ZSTD_BLOCK = new Uint8Array([0x01, 0x00, 0x00]);

/** What follows gzip's blocks: the checksum of the data, and its length modulo 2^32 (RFC 1952 2.3.1). */
export function gzipTrailer(crc32: number, bytes: number): Uint8Array {
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc32, true);
  view.setUint32(4, bytes % 0x1_0000_0000, true);
  return trailer;
}

/** Up to {@linkcode MAX_STORED_BYTES}, at least one, as a block that is not the last. */
export function storedBlock(coding: "br" | "zstd", bytes: Uint8Array): Uint8Array {
  // Brotli: no last block, a length of 16 bits, not compressed. Zstandard: no last block, raw, its size.
  const header = coding === "br" ? (bytes.length - 1) << 3 | 1 << 19 : bytes.length << 3;
  return concatenated([
    new Uint8Array([header & 0xff, header >>> 8 & 0xff, header >>> 16]),
    bytes,
  ]);
}

/** The end of a stream whose last block was not its last. */
export function lastBlock(coding: Coding): Uint8Array {
  if (coding === "gzip") return LAST_DEFLATE_BLOCK;
  return coding === "br" ? LAST_BROTLI_BLOCK : LAST_ZSTD_BLOCK;
}
