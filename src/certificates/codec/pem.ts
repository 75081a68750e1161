/**
 * PEM, the text form of certificates and keys (RFC 7468).
 *
 * @module
 */

const LINE_CHARS = 64;

/** The first block of `text` with this label, decoded; `null` if there is none, or it is damaged. */
export function firstPem(text: string, label: string): Uint8Array<ArrayBuffer> | null {
  for (const block of pemBlocks(text, label)) return block;
  return null;
}

/** All blocks of `text` with this label, decoded; `null` for one that is damaged. */
export function* pemBlocks(
  text: string,
  label: string,
): Generator<Uint8Array<ArrayBuffer> | null, void, void> {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
  for (let at = 0;;) {
    const start = text.indexOf(begin, at);
    const stop = start < 0 ? -1 : text.indexOf(end, start);
    if (stop < 0) return;
    yield decoded(text.slice(start + begin.length, stop).replace(/\s+/g, ""));
    at = stop + end.length;
  }
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
