/**
 * The `Request` that apps get: one that costs next to nothing until it is looked at.
 *
 * A light request answers for its method, URL, headers and simple body reads by itself. For
 * everything else it makes the platform's own `Request`, once, and stands for it from then on: the
 * platform finds its internal slots on it through accessors on the prototype.
 *
 * @module
 */

import { rejected, resolved, uncurried, viewOf } from "../base/captured.ts";
import { ownBytes } from "./request_body.ts";
import { requestFields, sentFields } from "./request_fields.ts";
import { LIGHT, lightBehind, standFor } from "./stand_for.ts";
import type { AppTask } from "./task.ts";
import { sentTargetOf, urlOf, withoutPrefix } from "../message/request_url.ts";
import type { RequestHead } from "../message/exchange.ts";

const PlatformRequest = globalThis.Request;
const { Headers, TypeError, Uint8Array } = globalThis;
const { parse } = JSON;
const decoder = new TextDecoder();
// Its memory holds other requests' bodies, too.
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/** Makes the request of `task`; its URL is without `stripped`, which the path begins with. */
export let makeRequest: (task: AppTask, stripped?: string) => Request;

/** A request as its client sent it, as far as an app or its middleware have left it so. */
export interface SentRequest {
  /** The task that it belongs to, from which its body can be read if it was not looked at yet. */
  readonly task: AppTask;
  /** The target as it was sent, without what is stripped. */
  readonly target: string;
  /** Names and values of its fields by turns, as they were sent; `null` if somebody may have changed them. */
  readonly fields: string[] | null;
}

/** How the client sent `request`; `null` if that is another object. */
export let sentRequest: (request: Request) => SentRequest | null;

/** The task that `request` belongs to; `null` if it is another one that somebody has made. */
export let requestTask: (request: Request) => AppTask | null;

class LightRequest {
  static {
    requestTask = (request) => {
      if (typeof request !== "object" || request === null) return null;
      if (#task in request) return (request as unknown as LightRequest).#task;
      const light = (request as { [LIGHT]?: LightRequest })[LIGHT];
      return light !== undefined && #task in light ? light.#task : null;
    };
    sentRequest = (request) => {
      if (!(#task in request)) return null;
      const self = request as unknown as LightRequest;
      if (self.#platform !== null) return null;
      const { head } = self.#task;
      const fields = self.#headers === null || isSame(self.#headers, head)
        ? sentFields(head)
        : null;
      return { task: self.#task, target: sentTargetOf(head, self.#stripped), fields };
    };
    makeRequest = (task, stripped) => {
      const light = new LightRequest(task);
      if (stripped !== undefined) {
        light.#url = withoutPrefix(urlOf(task.head), stripped);
        light.#stripped = stripped;
      }
      return light as unknown as Request;
    };
    standFor(
      LightRequest.prototype,
      new PlatformRequest("http://localhost/"),
      (light) => LightRequest.#behind(light).#materialized(),
    );
  }

  /** What `receiver` is, or is a proxy of, or inherits from. */
  static #behind(receiver: LightRequest): LightRequest {
    return #task in receiver ? receiver : lightBehind(receiver);
  }

  readonly [LIGHT]: this = this;
  readonly #task: AppTask;
  #url: string | null = null;
  #stripped: string | undefined = undefined;
  #headers: Headers | null = null;
  #platform: Request | null = null;

  private constructor(task: AppTask) {
    this.#task = task;
  }

  get method(): string {
    const self = LightRequest.#behind(this);
    const { method } = self.#task.head;
    // The Fetch standard upper-cases the methods that it knows.
    return /[a-z]/.test(method) ? self.#materialized().method : method;
  }

  get url(): string {
    const self = LightRequest.#behind(this);
    return self.#url ??= urlOf(self.#task.head);
  }

  get headers(): Headers {
    const self = LightRequest.#behind(this);
    return self.#headers ??= self.#platform?.headers ??
      new Headers(requestFields(self.#task.head));
  }

  get signal(): AbortSignal {
    return LightRequest.#behind(this).#task.signal;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const self = LightRequest.#behind(this);
    return self.#task.body === null ? null : self.#materialized().body;
  }

  get bodyUsed(): boolean {
    const self = LightRequest.#behind(this);
    return self.#platform?.bodyUsed ?? self.#task.body?.used ?? false;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return LightRequest.#read(this, "arrayBuffer", bufferOf);
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return LightRequest.#read(this, "bytes", ownBytes);
  }

  text(): Promise<string> {
    return LightRequest.#read(this, "text", decodedText);
  }

  json(): Promise<unknown> {
    return LightRequest.#read(this, "json", jsonOf);
  }

  /** What `convert` makes of the whole body, or what the platform's `method` returns. Never throws. */
  static #read<Result>(
    receiver: LightRequest,
    method: "arrayBuffer" | "bytes" | "text" | "json",
    convert: (bytes: Uint8Array<ArrayBuffer>, start: number, end: number) => Result,
  ): Promise<Result> {
    try {
      const self = LightRequest.#behind(receiver);
      if (self.#platform !== null) return self.#platform[method]() as Promise<Result>;
      const { body } = self.#task;
      if (body === null) return resolved(convert(new Uint8Array(), 0, 0));
      if (body.used) return rejected(new TypeError("Body already consumed."));
      return body.readAll(convert);
    } catch (error) {
      return rejected(error);
    }
  }

  #materialized(): Request {
    if (this.#platform === null) {
      const { body } = this.#task;
      const used = body?.used ?? false;
      this.#platform = new PlatformRequest(this.#url ??= urlOf(this.#task.head), {
        method: this.#task.head.method,
        headers: this.#headers ?? requestFields(this.#task.head),
        body: body === null ? null : used ? new Uint8Array() : body.stream(),
        signal: this.#task.signal,
      });
      if (used) this.#platform.bytes();
    } else if (this.#headers !== null && this.#headers !== this.#platform.headers) {
      // The app may have changed the headers that it was given since then.
      const { headers } = this.#platform;
      for (const name of [...headers.keys()]) headers.delete(name);
      for (const [name, value] of this.#headers) headers.append(name, value);
    }
    return this.#platform;
  }
}

/** Whether headers that an app may have changed are those of `head`. */
function isSame(headers: Headers, head: RequestHead): boolean {
  const others = new Headers(requestFields(head));
  const fields = [...headers];
  const sent = [...others];
  return fields.length === sent.length &&
    fields.every(([name, value], i) => name === sent[i][0] && value === sent[i][1]);
}

function bufferOf(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): ArrayBuffer {
  return ownBytes(bytes, start, end).buffer;
}

function decodedText(bytes: Uint8Array, start: number, end: number): string {
  return decode(decoder, viewOf(bytes, start, end));
}

function jsonOf(bytes: Uint8Array, start: number, end: number): unknown {
  const text = decodedText(bytes, start, end);
  try {
    return parse(text);
  } catch {
    return parsedLater(text);
  }
}

/** Fails as parsing has, once the app's promise hangs on this one: then the stack trace has the app's line. */
async function parsedLater(text: string): Promise<unknown> {
  await null;
  await null;
  return parse(text);
}
