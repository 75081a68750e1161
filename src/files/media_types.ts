/**
 * Which media type a file has, by the ending of its name.
 *
 * @module
 */

// @ts-types="../types/std_content_type.d.ts"
import { contentType } from "@std/media-types/content-type";
import { extname } from "node:path";

/** Type of what is not known by its ending. */
export const UNKNOWN_TYPE = "application/octet-stream";

/** Types that compress well. Those of archives, pictures and films have been compressed. */
const COMPRESSIBLE =
  /^(?:text\/|(?:application|image|model)\/(?:[\w.-]*\+(?:json|xml)|javascript|json|xml|wasm|manifest|rtf|bmp|x-ndjson)|font\/(?:ttf|otf|sfnt)|application\/(?:vnd\.ms-fontobject|x-javascript))/;

/** Types by ending; only those that there are, so that their number is bounded. */
const known = new Map<string, string>();

/** The `Content-Type` of a file of this name or path, with its charset. */
export function mediaTypeOf(path: string): string {
  const ending = extname(path).toLowerCase();
  if (ending === "") return UNKNOWN_TYPE;
  let type = known.get(ending);
  if (type === undefined) {
    type = contentType(ending);
    if (type === undefined) return UNKNOWN_TYPE;
    known.set(ending, type);
  }
  return type;
}

/** Whether a precompressed form of such a file is worth a look. */
export function isCompressible(type: string): boolean {
  return COMPRESSIBLE.test(type);
}
