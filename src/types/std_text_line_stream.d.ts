/** What is used of `@std/streams/text-line-stream`. */

export class TextLineStream extends TransformStream<string, string> {}
