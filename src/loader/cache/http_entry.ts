/**
 * What the cache remembers of an answer of an HTTP server.
 *
 * @module
 */

import { isSha256Hex } from "../../base/sha256.ts";

/** A URL that was redirected. */
export interface RedirectEntry {
  /** What the entry is. */
  readonly kind: "redirect";
  /** URL that was asked for. */
  readonly url: string;
  /** URL that the server named, absolute. */
  readonly location: string;
  /** When the server said so, in milliseconds since 1970. */
  readonly fetchedAtMs: number;
}

/** A URL that was answered with a body. */
export interface BodyEntry {
  /** What the entry is. */
  readonly kind: "body";
  /** URL that was asked for. */
  readonly url: string;
  /** Status of the response, such as 200. */
  readonly status: number;
  /** `Content-Type` of the response; `""` if there was none. */
  readonly contentType: string;
  /** `ETag` of the response; `""` if there was none. */
  readonly etag: string;
  /** `Last-Modified` of the response; `""` if there was none. */
  readonly lastModified: string;
  /** SHA-256 of the body, 64 hexadecimal digits. */
  readonly sha256: string;
  /** When the server said so, or last confirmed it, in milliseconds since 1970. */
  readonly fetchedAtMs: number;
}

/** What the cache remembers of one URL. */
export type HttpEntry = RedirectEntry | BodyEntry;

/** Bytes of JSON for the cache. */
export function encodeHttpEntry(entry: HttpEntry): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(entry));
}

/** The entry for `url` in `bytes`; `null` if they are not what {@linkcode encodeHttpEntry} makes. */
export function decodeHttpEntry(url: string, bytes: Uint8Array): HttpEntry | null {
  let value: Partial<Record<string, unknown>> | null;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== "object" || value === null || value.url !== url) return null;
  const { kind, fetchedAtMs, location, status, contentType, etag, lastModified, sha256 } = value;
  if (typeof fetchedAtMs !== "number" || !Number.isFinite(fetchedAtMs)) return null;
  if (kind === "redirect") {
    const isUrl = typeof location === "string" && URL.canParse(location);
    return isUrl ? { kind, url, location, fetchedAtMs } : null;
  }
  const isBody = kind === "body" && typeof status === "number" && Number.isInteger(status) &&
    typeof contentType === "string" && typeof etag === "string" &&
    typeof lastModified === "string" && isSha256Hex(sha256);
  return isBody
    ? { kind, url, status, contentType, etag, lastModified, sha256, fetchedAtMs }
    : null;
}
