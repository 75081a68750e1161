/**
 * Files that apps name in header fields, as they do for web servers.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import type { FileField } from "../message/file_fields.ts";

const { Headers: PlatformHeaders, Uint8Array, decodeURIComponent } = globalThis;
const get: (headers: Headers, name: string) => string | null = uncurried(
  PlatformHeaders.prototype.get,
);
const remove: (headers: Headers, name: string) => void = uncurried(
  PlatformHeaders.prototype.delete,
);
const test: (pattern: RegExp, text: string) => boolean = uncurried(RegExp.prototype.test);
const slice: (text: string, start: number, end?: number) => string = uncurried(
  String.prototype.slice,
);
const charCodeAt: (text: string, at: number) => number = uncurried(String.prototype.charCodeAt);
const decoder = new TextDecoder();
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

const UPWARD = /(?:^|\/)\.\.(?:\/|$)/;
/** Fields of the body that the file takes the place of. */
const OF_BODY = ["content-length", "transfer-encoding"];

/**
 * The path of the file that `headers` name in one of `fields`; `null` if they name none. The field is removed, and
 * those of the body's length are.
 */
export function takeNamedFile(headers: Headers, fields: readonly FileField[]): string | null {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    const value = get(headers, field.name);
    if (value === null) continue;
    const path = pathOf(field, unescaped(value));
    if (path === null) continue;
    remove(headers, field.name);
    for (let k = 0; k < OF_BODY.length; k++) remove(headers, OF_BODY[k]);
    return path;
  }
  return null;
}

function pathOf(field: FileField, path: string): string | null {
  if (field.name !== "x-accel-redirect") return path;
  const { prefix, folder } = field;
  const isBelow = slice(path, 0, prefix.length) === prefix && path[prefix.length] === "/";
  if (!isBelow || test(UPWARD, path)) return null;
  return folder + slice(path, prefix.length);
}

/** A field's value as text: escapes are decoded, as web servers do, and bytes are UTF-8. */
function unescaped(value: string): string {
  const bytes = new Uint8Array(value.length);
  for (let i = 0; i < value.length; i++) bytes[i] = charCodeAt(value, i);
  const text = decode(decoder, bytes);
  try {
    return decodeURIComponent(text);
  } catch {
    // There is no escape in it, but a percent sign.
    return text;
  }
}
