/**
 * The `Response` that apps make: one that remembers a plain body and plain headers as they were
 * given, and makes the platform's own object only when somebody looks closer.
 *
 * @module
 */

import { standFor } from "./stand_for.ts";

const PlatformResponse = globalThis.Response;
const PlatformHeaders = globalThis.Headers;

const NAME = /^[\w!#$%&'*+\-.^`|~]+$/;
/** A header value that needs no trimming and no check: printable ASCII that neither begins nor ends blank. */
const PLAIN_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const TEXT_TYPE = "content-type: text/plain;charset=UTF-8\r\n";
const JSON_TYPE = "content-type: application/json\r\n";

/** A response as it can be sent without a stream. */
export interface PlainResponse {
  /** Status code. */
  readonly status: number;
  /** Field lines, each with its CRLF, one code unit a byte. */
  readonly fieldLines: string;
  /** The whole body, or `null` for none. */
  readonly body: string | Uint8Array | null;
}

/**
 * A response as plain parts, or `null` if its body is a stream or was read already, or it is none of
 * the light ones.
 */
export let plainResponse: (response: object) => PlainResponse | null;

class LightResponse {
  static {
    plainResponse = (response) => #status in response ? response.#plain() : null;
    Object.setPrototypeOf(LightResponse, PlatformResponse);
    standFor(LightResponse.prototype, new PlatformResponse(), (light) => {
      light.#bodyExposed = true;
      return light.#materialized();
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
    return this === LightResponse
      ? value instanceof PlatformResponse
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  static json(data: unknown, init?: ResponseInit): Response {
    if (init !== undefined) return PlatformResponse.json(data, init);
    const body = JSON.stringify(data);
    if (body === undefined) return PlatformResponse.json(data);
    const response = new LightResponse(body);
    response.#fieldLines = JSON_TYPE;
    return response as unknown as Response;
  }

  #status = 200;
  #fieldLines = "";
  #body: string | Uint8Array<ArrayBuffer> | null = null;
  #platform: Response | null = null;
  /** Whether somebody could have read or locked the platform's copy of the body. */
  #bodyExposed = false;

  constructor(body?: BodyInit | null, init?: ResponseInit) {
    const lines = init === undefined ? "" : plainFieldLines(init);
    const status = init?.status ?? 200;
    const plainBody = typeof body === "string" || body === null || body === undefined ||
      (body instanceof Uint8Array && body.buffer instanceof ArrayBuffer);
    if (lines === null || !plainBody || !isPlainStatus(status, body)) {
      this.#platform = new PlatformResponse(body, init);
      this.#bodyExposed = true;
      return;
    }
    this.#status = status;
    if (typeof body === "string") {
      this.#body = body;
      this.#fieldLines = hasContentType(lines) ? lines : lines + TEXT_TYPE;
    } else {
      // The caller may go on to use its array.
      if (body !== null && body !== undefined) this.#body = (body as Uint8Array).slice();
      this.#fieldLines = lines;
    }
  }

  get type(): ResponseType {
    return this.#platform?.type ?? "default";
  }

  get url(): string {
    return this.#platform?.url ?? "";
  }

  get redirected(): boolean {
    return this.#platform?.redirected ?? false;
  }

  get status(): number {
    return this.#platform?.status ?? this.#status;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  get statusText(): string {
    return this.#platform?.statusText ?? "";
  }

  get headers(): Headers {
    return this.#materialized().headers;
  }

  get bodyUsed(): boolean {
    return this.#platform?.bodyUsed ?? false;
  }

  #plain(): PlainResponse | null {
    const platform = this.#platform;
    if (platform === null) {
      return { status: this.#status, fieldLines: this.#fieldLines, body: this.#body };
    }
    if (this.#bodyExposed) return null;
    return {
      status: platform.status,
      fieldLines: fieldLinesOf(platform.headers),
      body: this.#body,
    };
  }

  #materialized(): Response {
    if (this.#platform === null) {
      const headers = new PlatformHeaders();
      this.#platform = new PlatformResponse(this.#body, { status: this.#status, headers });
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

/** `LightResponse` with the type of what it stands for. */
const Light = LightResponse as unknown as typeof Response;

/**
 * Makes the light response the `Response` of this thread. Only for threads that are the gateway's
 * own: its workers, and the main thread of its executable.
 */
export function installLightResponse(): void {
  globalThis.Response = Light;
}

/** The field lines of `headers`, one code unit a byte. */
export function fieldLinesOf(headers: Headers): string {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}: ${value}\r\n`;
  return lines;
}

/** The field lines that `init` asks for, or `null` if they are not plain. */
function plainFieldLines(init: ResponseInit): string | null {
  if (typeof init !== "object" || init === null || init.statusText) return null;
  const { headers } = init;
  if (headers === undefined) return "";
  if (Object.getPrototypeOf(headers) !== Object.prototype) return null;
  let lines = "";
  const names: string[] = [];
  for (const key of Reflect.ownKeys(headers)) {
    if (typeof key !== "string") return null;
    const value = (headers as Record<string, unknown>)[key];
    if (typeof value !== "string" || !PLAIN_VALUE.test(value) || !NAME.test(key)) return null;
    const name = key.toLowerCase();
    if (names.includes(name)) return null;
    names.push(name);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function hasContentType(lines: string): boolean {
  return lines !== "" && (lines.startsWith("content-type:") || lines.includes("\ncontent-type:"));
}

/** Whether `status` goes with `body` without a question. */
function isPlainStatus(status: unknown, body: unknown): status is number {
  if (typeof status !== "number" || !Number.isInteger(status)) return false;
  if (status < 200 || status > 599) return false;
  const nullBody = status === 204 || status === 205 || status === 304;
  return !nullBody || body === null || body === undefined;
}
