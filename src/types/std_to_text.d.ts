/** What is used of `@std/streams/to-text`. */

export function toText(stream: ReadableStream<Uint8Array>): Promise<string>;
