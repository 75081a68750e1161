/**
 * Bodies of the FastCGI client: requests' bodies of the announced length, and replies as responses.
 *
 * @module
 */

import { FastCgiError, ProtocolError } from "../base/errors.ts";
import type { FastCgiReply } from "./client.ts";
import { CgiHeadReader } from "./codec/cgi_head.ts";
import type { CgiHead } from "./codec/cgi_head.ts";

/** Bytes that are read on after a response that has no body, so that its connection can be kept. */
const MAX_DISCARDED_BYTES = 1_048_576;
const DIGITS = /^\d{1,15}$/;

/** `body`, which fails if it is not as long as `length` says, where that is given. */
export function measured(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  length: string | undefined,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (length === undefined || !DIGITS.test(length)) return body;
  let left = Number(length);
  const meter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left < 0) throw new FastCgiError("the request's body is longer than its Content-Length");
      controller.enqueue(chunk);
    },
    flush() {
      if (left > 0) throw shorter("request", left);
    },
  });
  return body.pipeThrough(meter);
}

function shorter(what: "request" | "response", bytes: number): FastCgiError {
  return new FastCgiError(`the ${what}'s body is ${bytes} bytes shorter than its Content-Length`);
}

/** Reads the head off a reply, and makes a response of it and the rest. */
export async function responseOf(reply: FastCgiReply, method: string): Promise<Response> {
  const reader = reply.stdout.getReader();
  try {
    const { head, first } = await readHead(reply, reader);
    const { status, statusText, fields } = head;
    const headers = fields.map(([name, value]): [string, string] => [name, value]);
    const hasNoBody = method === "HEAD" || status === 204 || status === 205 || status === 304;
    const body = hasNoBody ? null : bodyOf(first, reader, lengthOf(fields));
    const response = new Response(body, { status, statusText, headers });
    if (hasNoBody) discard(reader).catch(() => {});
    return response;
  } catch (error) {
    // Nothing more is wanted of a response that is malformed.
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

/**
 * The length that a response's fields announce (RFC 9110 8.6); `Infinity` if they do not.
 *
 * @throws {ProtocolError} if it is not a length, or there are several that differ
 */
function lengthOf(fields: CgiHead["fields"]): number {
  const values = fields.flatMap(([name, value]) =>
    name.toLowerCase() === "content-length" ? value.split(",").map((each) => each.trim()) : []
  );
  if (values.length === 0) return Infinity;
  if (!DIGITS.test(values[0]) || values.some((value) => value !== values[0])) {
    throw new ProtocolError(502, "the response's Content-Length is malformed", "RFC 9110 8.6");
  }
  return Number(values[0]);
}

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

/** Reads the head of a response; `first` is what has come of the body with it. */
async function readHead(
  reply: FastCgiReply,
  reader: Reader,
): Promise<{ readonly head: CgiHead; readonly first: Uint8Array<ArrayBuffer> }> {
  const headReader = new CgiHeadReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      await reply.appStatus;
      throw new FastCgiError(
        headReader.isWithin
          ? "the FastCGI server ended the request within the head of its response"
          : "the FastCGI server ended the request without a response",
      );
    }
    const found = headReader.push(value);
    if (found !== null) return { head: found.head, first: value.subarray(found.bodyStart) };
  }
}

/** A response's body, which must have `left` bytes; `Infinity` allows any number. */
function bodyOf(
  first: Uint8Array<ArrayBuffer>,
  reader: Reader,
  left: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pass = (
    controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>,
    chunk: Uint8Array<ArrayBuffer>,
  ) => {
    left -= chunk.length;
    if (left >= 0) {
      controller.enqueue(chunk);
      return;
    }
    const error = new FastCgiError("the response's body is longer than its Content-Length");
    controller.error(error);
    reader.cancel(error).catch(() => {});
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      if (first.length > 0) pass(controller, first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) {
        pass(controller, value);
      } else if (left > 0 && left < Infinity) {
        throw shorter("response", left);
      } else {
        controller.close();
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** Reads a response without a body to its end, so that its connection can be kept; but not for ever. */
async function discard(reader: Reader): Promise<void> {
  for (let bytes = 0; bytes <= MAX_DISCARDED_BYTES;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes += value.length;
  }
  await reader.cancel();
}
