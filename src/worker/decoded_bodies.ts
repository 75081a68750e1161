/**
 * Bodies that `fetch()` has decoded. From Deno 2.9 on, as the Fetch standard says, the fields of
 * such a response are still those of what the server had sent, so they are wrong for apps that pass
 * the body on: Content-Encoding (RFC 9110 8.4) and Content-Length (8.6). Before 2.9 they were left
 * out.
 *
 * @module
 */

import { getterOf, settle, uncurried } from "../base/captured.ts";
import { internalSlot } from "./stand_for.ts";

const { Headers, ReadableStream, Response, WeakSet } = globalThis;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const responses = Response.prototype;
const bodyOf: (response: Response) => ReadableStream | null = getterOf(responses, "body");
const headersOf: (response: Response) => Headers = getterOf(responses, "headers");
const tee = uncurried(ReadableStream.prototype.tee);
const add: (set: WeakSet<object>, value: object) => unknown = uncurried(WeakSet.prototype.add);
const has: (set: WeakSet<object>, value: object) => boolean = uncurried(WeakSet.prototype.has);

/** Names of the fields that are not true of a body that was decoded. */
export const CODED_FIELDS: readonly string[] = ["content-encoding", "content-length"];

/** Where the platform keeps what it knows of a response. */
const SLOT = findSlot();

/** Streams and bytes of decoded responses, and their headers. */
const decoded = new WeakSet<object>();
let isFollowing = false;

/** The internal slot of responses, or `null` where the platform does not say there what it decoded. */
function findSlot(): symbol | null {
  const sample = new Response() as unknown as Record<symbol, { bodyDecoded?: unknown } | undefined>;
  const slot = internalSlot(sample, "response");
  return slot !== null && typeof sample[slot]?.bodyDecoded === "boolean" ? slot : null;
}

/** Whether `response`, or the one that its `body` was taken from, was decoded by `fetch()`. */
export function isDecoded(response: Response, body: ReadableStream | null): boolean {
  return isDecodedResponse(response) || (body !== null && has(decoded, body));
}

/**
 * Whether a response that is made with `body` and `init` has its headers from a decoded response,
 * and a body that was read from one. A text is not decoded: no content coding makes text.
 */
export function isRemade(body: unknown, init: ResponseInit | undefined): boolean {
  if (SLOT === null || typeof init !== "object" || init === null) return false;
  const { headers } = init;
  if (!(headers instanceof Headers) || !has(decoded, headers)) return false;
  return typeof body === "string" || (isObject(body) && has(decoded, body));
}

/**
 * Follows what this thread's apps take from decoded responses: for threads that are the gateway's
 * own. What is read as text need not be tracked.
 */
export function followDecodedBodies(): void {
  if (SLOT === null || isFollowing) return;
  isFollowing = true;
  wrapGetter("body", bodyOf);
  wrapGetter("headers", headersOf);
  for (const name of ["arrayBuffer", "blob", "bytes"] as const) wrapReader(name);
  const streams = ReadableStream.prototype;
  wrap(
    streams,
    "tee",
    "value",
    {
      tee(this: ReadableStream) {
        const branches = tee(this);
        if (has(decoded, this)) {
          add(decoded, branches[0]);
          add(decoded, branches[1]);
        }
        return branches;
      },
    }.tee,
  );
}

function wrapGetter(name: string, original: (response: Response) => object | null): void {
  const { get } = getOwnPropertyDescriptor({
    get [name](): object | null {
      const value = original(this as unknown as Response);
      if (value !== null && isDecodedResponse(this as unknown as Response)) add(decoded, value);
      return value;
    },
  }, name)!;
  wrap(responses, name, "get", get!);
}

function wrapReader(name: "arrayBuffer" | "blob" | "bytes"): void {
  const original = uncurried<Response, [], Promise<object>>(responses[name]);
  const reader = {
    [name](this: Response): Promise<object> {
      const content = original(this);
      if (isObject(this) && isDecodedResponse(this)) {
        settle(content, (value) => add(decoded, value), ignore);
      }
      return content;
    },
  }[name];
  wrap(responses, name, "value", reader);
}

/** Replaces a method or getter with `replacement`, which looks the same. */
function wrap(target: object, key: string, part: "get" | "value", replacement: object): void {
  const descriptor = getOwnPropertyDescriptor(target, key)!;
  const { name, length } = descriptor[part];
  defineProperty(replacement, "name", { value: name });
  defineProperty(replacement, "length", { value: length });
  defineProperty(target, key, { ...descriptor, [part]: replacement });
}

function isDecodedResponse(response: Response): boolean {
  if (SLOT === null) return false;
  const slots = response as unknown as Record<symbol, { bodyDecoded?: unknown } | undefined>;
  return slots[SLOT]?.bodyDecoded === true;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function ignore(): void {}
