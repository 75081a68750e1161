/**
 * What the parts of the loader hand to each other.
 *
 * @module
 */

import { LoadError } from "../../base/errors.ts";

/** The source of a module as it was found. */
export interface ModuleSource {
  /** URL after redirects: that of `import.meta.url`. */
  readonly url: string;
  /** The source itself. */
  readonly bytes: Uint8Array;
  /** The `Content-Type` that it was served with, `""` if there was none. */
  readonly contentType: string;
  /** SHA-256 of {@linkcode bytes}, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** How a module is read. */
export type MediaType =
  | "javascript"
  | "jsx"
  | "typescript"
  | "tsx"
  | "declaration"
  | "json"
  | "wasm"
  | "unknown";

/** What `with { type: … }` of an import asks for; `""` if it has none. */
export type ImportType = "" | "json" | "text" | "bytes";

/**
 * The text of a source, in the character set that its content type names; UTF-8 if it names none.
 *
 * @throws {LoadError} when the character set is unknown
 */
export function sourceText(source: Pick<ModuleSource, "url" | "bytes" | "contentType">): string {
  const { url, bytes, contentType } = source;
  const [, charset = "utf-8"] = /;\s*charset="?([^\s";]+)/i.exec(contentType) ?? [];
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LoadError(url, `cannot load ${url}: its character set ${charset} is unknown`);
  }
}
