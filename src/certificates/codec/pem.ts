/**
 * PEM, the text form of certificates and keys (RFC 7468).
 *
 * @module
 */

const LINE_CHARS = 64;

/** The first block of `text` with this label, decoded; `null` if there is none, or it is damaged. */
export function firstPem(text: string, label: string): Uint8Array<ArrayBuffer> | null {
  const begin = `-----BEGIN ${label}-----`;
  const start = text.indexOf(begin);
  const end = start < 0 ? -1 : text.indexOf(`-----END ${label}-----`, start);
  if (end < 0) return null;
  return decoded(text.slice(start + begin.length, end).replace(/\s+/g, ""));
}

/** `bytes` as a block with this label. */
export function pemOf(label: string, bytes: Uint8Array): string {
  const lines: string[] = [];
  const base64 = base64Of(bytes);
  for (let at = 0; at < base64.length; at += LINE_CHARS) {
    lines.push(base64.slice(at, at + LINE_CHARS));
  }
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** `bytes` in the alphabet of URLs, without padding (RFC 4648, section 5). */
export function base64Url(bytes: Uint8Array): string {
  return base64Of(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function decoded(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}
