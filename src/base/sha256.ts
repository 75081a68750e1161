/**
 * Hashes of what the loader keeps.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** What is hashed sooner than it is handed to another thread, in bytes. */
const AT_ONCE_BYTES = 256 * 1024;

/** SHA-256 of `content`, a text in UTF-8, as 64 hexadecimal digits. */
export async function sha256Hex(content: Uint8Array | string): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  if (bytes.length <= AT_ONCE_BYTES) return sha256Of(bytes);
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  let hex = "";
  for (const byte of new Uint8Array(digest)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

/**
 * The same as {@linkcode sha256Hex}, synchronously: for small data, and where waiting is not
 * possible.
 */
export function sha256Of(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Whether `text` is what {@linkcode sha256Hex} makes. */
export function isSha256Hex(text: unknown): text is string {
  return typeof text === "string" && /^[\da-f]{64}$/.test(text);
}
