/**
 * The kinds of values that options take, as text.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { SettingRange } from "../limits/setting_ranges.ts";

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = {
  k: 1_024,
  m: 1_048_576,
  g: 1_073_741_824,
};

/** Whether `text` can be the name of a header or of a cookie (a token of RFC 9110, section 5.6.2). */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~\w]+$/.test(text);
}

/** Reads a whole number from `min` to `max`. */
export function parseCount(
  name: string,
  text: string,
  { min, max }: Pick<SettingRange, "min" | "max">,
): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(count >= min && count <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
    throw new ConfigError(`${name} takes a whole number ${range}, not ${JSON.stringify(text)}`);
  }
  return count;
}

/** Reads a time such as `30` (seconds), `1.5`, `500ms`, `30s`, `5m` or `1h`, in milliseconds. */
export function parseDuration(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) {
    throw new ConfigError(
      `${name} takes a time such as 30 (seconds), 500ms, 5m or 1h, not ${JSON.stringify(text)}`,
    );
  }
  return Math.ceil(Number(match[1]) * DURATION_UNITS_MS[match[2] ?? "s"]);
}

/** Reads a size such as `65536`, `64k`, `64KiB`, `10m` or `1g`, in bytes; `unlimited` is `Infinity`. */
export function parseByteSize(name: string, text: string, max: number): number {
  if (text === "unlimited" && max === Infinity) return Infinity;
  const match = /^(\d{1,15})(?:([kmg])(?:i?b)?)?$/i.exec(text);
  const bytes = match === null
    ? NaN
    : Number(match[1]) * (SIZE_UNITS_BYTES[match[2]?.toLowerCase()] ?? 1);
  if (!(bytes <= max)) {
    const limit = max === Infinity ? " (or unlimited)" : ` of at most ${max}`;
    throw new ConfigError(
      `${name} takes a size in bytes, such as 65536, 64k or 10m${limit}, ` +
        `not ${JSON.stringify(text)}`,
    );
  }
  return bytes;
}

/** A path without the slashes at its end, of which there may be any number. */
export function withoutLastSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/** A time as {@linkcode parseDuration} reads it. */
export function formatDuration(ms: number): string {
  return ms % 1000 === 0 ? String(ms / 1000) : `${ms}ms`;
}

/** A size as {@linkcode parseByteSize} reads it. */
export function formatByteSize(bytes: number): string {
  if (bytes === Infinity) return "unlimited";
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024}k` : String(bytes);
}
