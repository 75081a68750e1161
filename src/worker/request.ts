/**
 * The `Request` that apps get: one that costs next to nothing until it is looked at.
 *
 * A light request answers for its method, URL, headers and simple body reads by itself. For
 * everything else it makes the platform's own `Request`, once, and stands for it from then on: the
 * platform finds its internal slots on it through accessors on the prototype.
 *
 * @module
 */

import { parseFieldLines } from "../fields.ts";
import { standFor } from "./stand_for.ts";
import type { AppTask } from "./task.ts";
import { urlOf } from "../request_url.ts";

const PlatformRequest = globalThis.Request;
const decoder = new TextDecoder();

/** Makes the request of `task`. */
export let makeRequest: (task: AppTask) => Request;

class LightRequest {
  static {
    makeRequest = (task) => new LightRequest(task) as unknown as Request;
    standFor(
      LightRequest.prototype,
      new PlatformRequest("http://localhost/"),
      (light) => light.#materialized(),
    );
  }

  readonly #task: AppTask;
  #url: string | null = null;
  #headers: Headers | null = null;
  #platform: Request | null = null;

  private constructor(task: AppTask) {
    this.#task = task;
  }

  get method(): string {
    const { method } = this.#task.head;
    // The Fetch standard upper-cases the methods that it knows.
    return /[a-z]/.test(method) ? this.#materialized().method : method;
  }

  get url(): string {
    return this.#url ??= urlOf(this.#task.head);
  }

  get headers(): Headers {
    return this.#headers ??= this.#platform?.headers ?? new Headers(this.#fields());
  }

  get signal(): AbortSignal {
    return this.#task.signal;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#task.body === null ? null : this.#materialized().body;
  }

  get bodyUsed(): boolean {
    return this.#platform?.bodyUsed ?? this.#task.body?.used ?? false;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#platform !== null) return this.#platform.arrayBuffer();
    return (await this.#readAll()).buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#platform !== null) return this.#platform.bytes();
    return await this.#readAll();
  }

  async text(): Promise<string> {
    if (this.#platform !== null) return this.#platform.text();
    return decoder.decode(await this.#readAll());
  }

  async json(): Promise<unknown> {
    if (this.#platform !== null) return this.#platform.json();
    return JSON.parse(decoder.decode(await this.#readAll()));
  }

  #readAll(): Promise<Uint8Array<ArrayBuffer>> {
    const { body } = this.#task;
    if (body === null) return Promise.resolve(new Uint8Array());
    if (body.used) return Promise.reject(new TypeError("Body already consumed."));
    return body.readAll();
  }

  #fields(): [string, string][] {
    const { block, fieldsStart, fieldsEnd } = this.#task.head;
    return parseFieldLines(block, fieldsStart, fieldsEnd);
  }

  #materialized(): Request {
    if (this.#platform === null) {
      const { body } = this.#task;
      const used = body?.used ?? false;
      this.#platform = new PlatformRequest(this.url, {
        method: this.#task.head.method,
        headers: this.#headers ?? this.#fields(),
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
