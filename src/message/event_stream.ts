/**
 * Server-sent events: responses that stay open, and send what comes (HTML Standard 9.2).
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

/** How long a stream may be silent by default, in milliseconds: web servers in front wait for 60 s. */
const KEEP_ALIVE_MS = 15_000;
/** A comment without words: clients ignore it, and what lies between knows that the stream lives. */
const SILENCE = ":\n\n";
/** What a line must not have in it, so that it stays one. */
const LINE_ENDS = /\r\n|\r|\n/;

const encoder = new TextEncoder();

/** An event, or part of one. */
export interface ServerSentEvent {
  /** What it says: text as it is, all else as JSON. Without it, clients dispatch nothing. */
  readonly data?: unknown;
  /** Its type. Default: `"message"`. */
  readonly event?: string;
  /** What the client names in `Last-Event-ID` when it comes back. Default: what it had before. */
  readonly id?: string;
  /** After how long the client is to come back, in milliseconds. Default: what it had before. */
  readonly retryMs?: number;
  /** Words that clients ignore. */
  readonly comment?: string;
}

/** What a subscription to a topic gives: the value of a message is its data, a gap an event of the type `gap`. */
export type StreamedTopicEvent =
  | { readonly kind: "message"; readonly id: string; readonly value: unknown }
  | { readonly kind: "gap" };

/** What can be sent: data as text, an event, or what a subscription to a topic gives. */
export type EventStreamItem = string | ServerSentEvent | StreamedTopicEvent;

/** How events are streamed. */
export interface EventStreamOptions {
  /** After how long clients are to come back, in milliseconds. Default: they decide. */
  readonly retryMs?: number;
  /** How long the stream may be silent before a comment is sent, in milliseconds; 0 for any. Default: 15,000. */
  readonly keepAliveMs?: number;
  /** Further header fields of the response. */
  readonly headers?: HeadersInit;
}

/**
 * A response that sends what `events` gives, each as soon as it comes. It is taken from `events` when there is
 * room for it, so a client that reads slowly fills no memory. When the client leaves, `events` are
 * returned (`iterator.return()`); when they end, the response does, and the client comes back.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { eventStream } from "gatehouse";
 *
 * const request = new Request("http://localhost/");
 * const response = eventStream(request, [{ id: "1", data: "two\nlines" }], { retryMs: 500 });
 * assertEquals(await response.text(), "retry: 500\n\nid: 1\ndata: two\ndata: lines\n\n");
 * ```
 *
 * @throws {RangeError} if `retryMs` or `keepAliveMs` is no time
 */
export function eventStream(
  request: Request,
  events: AsyncIterable<EventStreamItem> | Iterable<EventStreamItem>,
  options: EventStreamOptions = {},
): Response {
  const { retryMs, keepAliveMs = KEEP_ALIVE_MS } = options;
  const headers = new Headers(options.headers);
  headers.set("content-type", "text/event-stream");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-cache");
  // nginx would wait until it has a buffer full.
  headers.set("x-accel-buffering", "no");
  checkTime("keepAliveMs", keepAliveMs);
  const first = retryMs === undefined ? SILENCE : eventText({ retryMs });
  const source = new EventSender(request.signal, events, keepAliveMs, first);
  if (request.method === "HEAD") {
    source.cancel();
    return new Response(null, { headers });
  }
  return new Response(new ReadableStream(source, { highWaterMark: 1 }), { headers });
}

/**
 * The event as it is sent.
 *
 * @throws {TypeError} if it is neither text nor an object, or its id or type would be more than a line
 * @throws {RangeError} if `retryMs` is no time
 */
export function eventText(item: EventStreamItem): string {
  const { comment, event, id, retryMs, data } = eventOf(item);
  let text = "";
  if (comment !== undefined) { for (const line of linesOf(comment)) text += `: ${line}\n`; }
  if (retryMs !== undefined) text += `retry: ${checkTime("retryMs", retryMs)}\n`;
  if (event !== undefined) text += `event: ${checkLine("event", event)}\n`;
  if (id !== undefined) text += `id: ${checkLine("id", id)}\n`;
  if (data !== undefined) {
    const words = typeof data === "string" ? data : JSON.stringify(data) ?? "";
    for (const line of linesOf(words)) text += `data: ${line}\n`;
  }
  return `${text}\n`;
}

function eventOf(item: EventStreamItem): ServerSentEvent {
  if (typeof item === "string") return { data: item };
  if (typeof item !== "object" || item === null) {
    const what = item === null ? "null" : `a ${typeof item}`;
    throw new TypeError(`an event is text, or an object: what is ${what} goes into { data }`);
  }
  if (!("kind" in item)) return item;
  return item.kind === "gap"
    ? { event: "gap", data: "" }
    : { id: item.id, data: item.value ?? null };
}

function linesOf(text: string): string[] {
  return text.split(LINE_ENDS);
}

function checkLine(name: string, text: string): string {
  // A client ignores an id with a zero in it.
  if (typeof text === "string" && !/[\r\n\0]/.test(text)) return text;
  throw new TypeError(`the ${name} of an event is text without line ends and zeros`);
}

function checkTime(name: string, ms: number): number {
  if (ms >= 0 && ms <= Number.MAX_SAFE_INTEGER) return Math.ceil(ms);
  throw new RangeError(`${name} is ${ms}, which is no time in milliseconds`);
}

/** Takes events when there is room for them. */
class EventSender implements UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> {
  readonly #signal: AbortSignal;
  readonly #events: AsyncIterable<EventStreamItem> | Iterable<EventStreamItem>;
  readonly #keepAliveMs: number;
  readonly #first: string;
  #iterator: AsyncIterator<EventStreamItem> | Iterator<EventStreamItem> | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isSilent = true;
  #hasEnded = false;

  constructor(
    signal: AbortSignal,
    events: AsyncIterable<EventStreamItem> | Iterable<EventStreamItem>,
    keepAliveMs: number,
    first: string,
  ) {
    this.#signal = signal;
    this.#events = events;
    this.#keepAliveMs = keepAliveMs;
    this.#first = first;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): void {
    this.#controller = controller;
    this.#send(this.#first);
    if (this.#signal.aborted) this.#onAbort();
    else this.#signal.addEventListener("abort", this.#onAbort);
  }

  async pull(): Promise<void> {
    if (this.#hasEnded) return;
    // Not before: what is made, and not returned, is never read, and nobody ends it.
    if (this.#timer === undefined && this.#keepAliveMs > 0) {
      this.#timer = setInterval(this.#onTime, timerMs(this.#keepAliveMs / 2));
    }
    try {
      const { done, value } = await this.#iterating().next();
      if (this.#hasEnded) return;
      if (done !== true) {
        this.#send(eventText(value));
        return;
      }
      this.#end();
      this.#controller!.close();
    } catch (error) {
      if (this.#hasEnded) return;
      this.cancel();
      this.#controller!.error(error);
    }
  }

  /** Ends the stream, and returns the events. */
  cancel(): void {
    if (this.#hasEnded) return;
    this.#end();
    // Nobody is there to hear what goes wrong; a generator that awaits something returns after that.
    (async () => await this.#iterating().return?.())().catch(() => {});
  }

  #iterating(): AsyncIterator<EventStreamItem> | Iterator<EventStreamItem> {
    const events = this.#events;
    this.#iterator ??= Symbol.asyncIterator in events
      ? events[Symbol.asyncIterator]()
      : events[Symbol.iterator]();
    return this.#iterator;
  }

  #end(): void {
    this.#hasEnded = true;
    clearInterval(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  #send(text: string): void {
    this.#isSilent = false;
    this.#controller!.enqueue(encoder.encode(text));
  }

  readonly #onTime = (): void => {
    // A client that does not read is no better off with more to read.
    if (this.#isSilent && this.#controller!.desiredSize! > 0) this.#send(SILENCE);
    this.#isSilent = true;
  };

  readonly #onAbort = (): void => {
    if (this.#hasEnded) return;
    this.cancel();
    this.#controller!.error(this.#signal.reason);
  };
}
