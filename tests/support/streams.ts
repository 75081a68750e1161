/**
 * Streams that are read to their end. The one module that knows `@std/streams`.
 *
 * @module
 */

// @ts-types="../../src/types/std_text_line_stream.d.ts"
import { TextLineStream } from "@std/streams/text-line-stream";
// @ts-types="../../src/types/std_to_text.d.ts"
import { toText } from "@std/streams/to-text";

/** The lines of UTF-8 in `stream` as they come, without their ends; the last one may have none. */
export function linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<string> {
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}

/** All of `stream`, which is text in UTF-8. */
export function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return toText(stream);
}
