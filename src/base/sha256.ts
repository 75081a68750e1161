/**
 * Hashes of what the loader keeps.
 *
 * @module
 */

import { runtimeModule } from "./runtime_modules.ts";

/** SHA-256 of nothing. */
export const SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** What is hashed sooner than it is handed to another thread, in bytes. */
const AT_ONCE_BYTES = 256 * 1024;

/** SHA-256 of `content`, a text in UTF-8, as 64 hexadecimal digits. */
export async function sha256Hex(content: Uint8Array | string): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return bytes.length <= AT_ONCE_BYTES ? sha256Of(bytes) : await sha256Elsewhere(bytes);
}

/** The same by another thread, for few pieces: it needs nothing that takes time to load. */
export async function sha256Elsewhere(content: Uint8Array | string): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return hexOf(digest);
}

/** `digest` in hexadecimal digits. */
export function hexOf(digest: ArrayBuffer): string {
  let hex = "";
  for (const byte of new Uint8Array(digest)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

/**
 * The same as {@linkcode sha256Hex}, synchronously: for small data, and where waiting is not
 * possible.
 */
export function sha256Of(content: Uint8Array | string): string {
  const { createHash } = runtimeModule<typeof import("node:crypto")>("node:crypto");
  return createHash("sha256").update(content).digest("hex");
}

/** Whether `text` is what {@linkcode sha256Hex} makes. */
export function isSha256Hex(text: unknown): text is string {
  return typeof text === "string" && /^[\da-f]{64}$/.test(text);
}
