/**
 * The `Response` that apps make: one that remembers a plain body and plain headers as they were
 * given, and makes the platform's own object only on closer inspection.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import { copyOfBytes } from "./byte_source.ts";
import { CODED_FIELDS, followDecodedBodies, isRemade } from "./decoded_bodies.ts";
import { fieldLinesOf, fieldsOf } from "./header_lines.ts";
import { isRecord, pairsOf } from "./header_record.ts";
import type { BodySource, PlainResponse, PushedResponse } from "./response_parts.ts";
import { LIGHT, lightBehind, standFor } from "./stand_for.ts";

const PlatformResponse = globalThis.Response;
const PlatformHeaders = globalThis.Headers;
const { ReadableStream } = globalThis;
const { stringify } = JSON;
const { isInteger } = Number;
const isInstance = uncurried(Function.prototype[Symbol.hasInstance]);

/** Status of a response after which another protocol begins. */
const SWITCHING_PROTOCOLS = 101;

/**
 * A response as plain parts, or `null` if its body is a stream or was already read, or it is not a
 * light one.
 */
export let plainResponse: (response: object) => PlainResponse | null;

/** The pushed body of `response`, if it has one and was not inspected; else `null`. */
export let pushedResponse: (response: object) => PushedResponse | null;

/**
 * The light response of parts whose field lines and reason phrase have been checked. A `body` of bytes is
 * not to change any more.
 */
export let lightResponse: (
  parts: PlainResponse | PushedResponse,
) => Response;

class LightResponse {
  static {
    pushedResponse = (response) => #status in response ? response.#pushed() : null;
    lightResponse = (parts) => {
      const response = new LightResponse();
      response.#status = parts.status;
      response.#fieldLines = parts.fieldLines;
      response.#body = parts.body as Uint8Array<ArrayBuffer>;
      response.#parts = parts;
      return response as unknown as Response;
    };
    plainResponse = (response) => #status in response ? response.#plain() : null;
    Object.setPrototypeOf(LightResponse, PlatformResponse);
    standFor(LightResponse.prototype, new PlatformResponse(), (light) => {
      const self = LightResponse.#behind(light);
      self.#bodyExposed = true;
      return self.#materialized();
    });
    // The platform's names for what this class stands for.
    Object.defineProperty(LightResponse, "name", { value: "Response" });
    Object.defineProperty(LightResponse.prototype, "constructor", {
      value: LightResponse,
      writable: true,
      configurable: true,
    });
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return this === LightResponse ? value instanceof PlatformResponse : isInstance(this, value);
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const body = stringify(data);
    const given = readOnce(init);
    const status = given.status ?? 200;
    const fields = body === undefined || !isPlainStatus(status, body)
      ? null
      : fieldsOf(body, given);
    if (fields === null) {
      const platform = PlatformResponse.json(data, forPlatform(given));
      if (isRemade("", given)) deleteCodedFields(platform);
      return LightResponse.#around(platform);
    }
    const response = new LightResponse();
    response.#status = status;
    response.#body = body;
    response.#fieldLines = fields.jsonLines;
    return response as unknown as Response;
  }

  static redirect(url: string | URL, status?: number): Response {
    return LightResponse.#around(PlatformResponse.redirect(url, status));
  }

  static error(): Response {
    return LightResponse.#around(PlatformResponse.error());
  }

  /**
   * A light response that stands for `platform`. Apps do not get the platform's own where that can
   * be avoided: in Deno 2.9, `headers` of a `Proxy` of one breaks the memory of the whole process.
   */
  static #around(platform: Response): Response {
    const response = new LightResponse();
    response.#platform = platform;
    response.#bodyExposed = true;
    return response as unknown as Response;
  }

  /** What `receiver` is, or is a proxy of, or inherits from. */
  static #behind(receiver: LightResponse): LightResponse {
    return #status in receiver ? receiver : lightBehind(receiver);
  }

  readonly [LIGHT]: this = this;
  #status = 200;
  #fieldLines = "";
  #body: string | Uint8Array<ArrayBuffer> | null = null;
  /** What a response of {@linkcode lightResponse} was made of. */
  #parts: PlainResponse | PushedResponse | null = null;
  #platform: Response | null = null;
  /** Whether somebody could have read or locked the platform's copy of the body. */
  #bodyExposed = false;

  constructor(body?: BodyInit | null, init?: ResponseInit) {
    // The caller may go on to use its array: copied here, as the platform copies by the array's slice().
    const content = typeof body === "object" && body !== null ? copyOfBytes(body) ?? body : body;
    const isPlainBody = typeof content === "string" || content === null || content === undefined ||
      content !== body;
    const given = readOnce(init);
    const status = given.status ?? 200;
    const fields = !isPlainBody || !isPlainStatus(status, content) ? null : fieldsOf(body, given);
    if (fields === null) {
      this.#platform = new PlatformResponse(content, forPlatform(given));
      this.#bodyExposed = true;
      if (isRemade(body, given)) deleteCodedFields(this.#platform);
      return;
    }
    this.#status = status as number;
    if (typeof content === "string") {
      this.#body = content;
      this.#fieldLines = fields.textLines;
    } else {
      this.#body = (content ?? null) as Uint8Array<ArrayBuffer> | null;
      this.#fieldLines = fields.lines;
    }
  }

  clone(): Response {
    const self = LightResponse.#behind(this);
    self.#bodyExposed = true;
    return LightResponse.#around(self.#materialized().clone());
  }

  get type(): ResponseType {
    return LightResponse.#behind(this).#platform?.type ?? "default";
  }

  get url(): string {
    return LightResponse.#behind(this).#platform?.url ?? "";
  }

  get redirected(): boolean {
    return LightResponse.#behind(this).#platform?.redirected ?? false;
  }

  get status(): number {
    const self = LightResponse.#behind(this);
    if (self.#status === SWITCHING_PROTOCOLS) return SWITCHING_PROTOCOLS;
    return self.#platform?.status ?? self.#status;
  }

  get ok(): boolean {
    const self = LightResponse.#behind(this);
    const status = self.#status === SWITCHING_PROTOCOLS
      ? SWITCHING_PROTOCOLS
      : self.#platform?.status ?? self.#status;
    return status >= 200 && status <= 299;
  }

  get statusText(): string {
    const self = LightResponse.#behind(this);
    return self.#platform?.statusText ?? self.#parts?.reason ?? "";
  }

  get headers(): Headers {
    return LightResponse.#behind(this).#materialized().headers;
  }

  get bodyUsed(): boolean {
    return LightResponse.#behind(this).#platform?.bodyUsed ?? false;
  }

  #pushed(): PushedResponse | null {
    const parts = this.#parts;
    if (parts === null || !("source" in parts)) return null;
    // There is no body where another protocol begins: who has asked for it has seen nothing.
    if (this.#bodyExposed && this.#status !== SWITCHING_PROTOCOLS) return null;
    const platform = this.#platform;
    return platform === null ? parts : { ...parts, fieldLines: fieldLinesOf(platform.headers) };
  }

  #plain(): PlainResponse | null {
    const platform = this.#platform;
    const parts = this.#parts;
    if (parts !== null && "source" in parts) return null;
    if (platform === null) {
      return parts ?? { status: this.#status, fieldLines: this.#fieldLines, body: this.#body };
    }
    if (this.#bodyExposed) return null;
    return {
      status: platform.status,
      reason: parts?.reason,
      fieldLines: fieldLinesOf(platform.headers),
      body: this.#body,
    };
  }

  #materialized(): Response {
    if (this.#platform === null) {
      const headers = new PlatformHeaders();
      // What only looks at headers leaves the source as it is: its stream is made with the first look at it.
      const parts = this.#parts;
      const isSwitch = this.#status === SWITCHING_PROTOCOLS;
      const body = parts !== null && "source" in parts && !isSwitch
        ? lazily(parts.source)
        : this.#body;
      // The platform has no response of this status.
      const status = isSwitch ? 200 : this.#status;
      const init = { status, statusText: parts?.reason, headers };
      this.#platform = new PlatformResponse(body, init);
      const own = this.#platform.headers;
      own.delete("content-type");
      for (const line of this.#fieldLines.split("\r\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) own.append(line.slice(0, colon), line.slice(colon + 1));
      }
    }
    return this.#platform;
  }
}

/** The body of `source` as a stream that is made when somebody reads. */
function lazily(source: BodySource): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  const started = () => reader ??= source.stream().getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await started().read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => started().cancel(reason),
  }, { highWaterMark: 0 });
}

/** The class of light responses, with the type of what it stands for. */
export const Light: typeof Response = LightResponse as unknown as typeof Response;

/**
 * Makes the light response the `Response` of this thread. Only for threads that are the gateway's
 * own: its workers, and the main thread of its executable.
 */
export function installLightResponse(): void {
  globalThis.Response = Light;
  followDecodedBodies();
}

function deleteCodedFields({ headers }: Response): void {
  for (const name of CODED_FIELDS) headers.delete(name);
}

const NO_INIT: ResponseInit = Object.freeze({});

/**
 * The members of `init`, each read once: they may be getters. The platform refuses what is
 * malformed.
 */
function readOnce(init: ResponseInit | undefined): ResponseInit {
  if (init === undefined || init === null) return NO_INIT;
  if (typeof init !== "object") return init;
  const { headers, status, statusText } = init;
  return { headers, status, statusText };
}

/** The same for the platform, which overlooks what is wrong with an object of headers. */
function forPlatform(init: ResponseInit): ResponseInit | undefined {
  // It has another answer for an empty object.
  if (init === NO_INIT) return undefined;
  const { headers } = init;
  return isRecord(headers) ? { ...init, headers: pairsOf(headers) } : init;
}

/** Whether `status` goes with `body` without a question. */
function isPlainStatus(status: unknown, body: unknown): status is number {
  if (typeof status !== "number" || !isInteger(status)) return false;
  if (status < 200 || status > 599) return false;
  const nullBody = status === 204 || status === 205 || status === 304;
  return !nullBody || body === null || body === undefined;
}
