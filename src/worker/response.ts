/**
 * The `Response` that apps make: one that remembers a plain body and plain headers as they were
 * given, and makes the platform's own object only on closer inspection.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import type { AbortReason, UpgradeHead } from "../message/exchange.ts";
import type { KeptExchange } from "../message/kept_sockets.ts";
import type { FileOrder } from "../message/file_order.ts";
import { copyOfBytes } from "./byte_source.ts";
import { CODED_FIELDS, followDecodedBodies, isRemade } from "./decoded_bodies.ts";
import { isRecord, pairsOf, restOfPairs } from "./header_record.ts";
import { internalSlot, LIGHT, lightBehind, standFor } from "./stand_for.ts";

const PlatformResponse = globalThis.Response;
const PlatformHeaders = globalThis.Headers;
const { ReadableStream, TypeError } = globalThis;
const { stringify } = JSON;
const { isInteger } = Number;
const { isArray } = Array;
const { getOwnPropertySymbols, getPrototypeOf, keys } = Object;
const platformHeadersPrototype = PlatformHeaders.prototype;
const isInstance = uncurried(Function.prototype[Symbol.hasInstance]);

/** Where the platform keeps headers as they were set. */
const HEADER_LIST = internalSlot(new PlatformHeaders(), "header list");
const NAME = /^[\w!#$%&'*+\-.^`|~]+$/;
/** A header value that needs no trimming and no check: printable ASCII that neither begins nor ends blank. */
const PLAIN_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Characters beyond one byte: their low halves alone could mean anything. */
const BEYOND_BYTES = /[\u0100-\uffff]/;
/** More fields than these are looked through by the platform, whose way to find a name is quicker then. */
const MAX_PLAIN_FIELDS = 32;
/** Status of a response after which another protocol begins. */
const SWITCHING_PROTOCOLS = 101;
const TEXT_TYPE = "content-type: text/plain;charset=UTF-8\r\n";
const JSON_TYPE = "content-type: application/json\r\n";

/** A response as it can be sent without a stream. */
export interface PlainResponse {
  /** Status code. */
  readonly status: number;
  /** Reason phrase, if it is not that of the status; one code unit a byte. */
  readonly reason?: string;
  /** Field lines, each with its CRLF, one code unit a byte. */
  readonly fieldLines: string;
  /** The whole body, or `null` for none. */
  readonly body: string | Uint8Array | null;
}

/**
 * A response as plain parts, or `null` if its body is a stream or was already read, or it is not a
 * light one.
 */
export let plainResponse: (response: object) => PlainResponse | null;

/** A response whose body is pushed by its maker. */
export interface PushedResponse extends PlainResponse {
  /** Where the body comes from. */
  readonly source: BodySource;
  /** Whether it says which trailers come at its end. */
  readonly announcesTrailers: boolean;
}

/** Where a body is pushed to. */
export interface BodyTarget {
  /** Sends a response that is complete. */
  respondPlain(parts: PlainResponse): void;
  /** Has the gateway send the file at `path` as the response's body. */
  respondFile(
    parts: PlainResponse,
    path: string,
    precompressed: FileOrder["precompressed"],
  ): void;
  /** Begins the response to a request; whether there is still somebody to send it to. */
  respondPushed(parts: PushedResponse): boolean;
  /** Sends more of the body, as soon as there is room. Whether all of it has gone. */
  push(chunk: Uint8Array): boolean;
  /** Ends the body, once all of it has gone. Whether it has. */
  endPushed(trailerLines: string): boolean;
  /**
   * Has the connection go on in another protocol; `source` pushes what is said, and `taker` is given what the
   * client says. Whether there is still somebody to speak with.
   */
  upgrade(head: UpgradeHead, source: BodySource, taker: UpgradeTaker): boolean;
  /** Permits `bytes` more of what the client says, at once or together with others. */
  grant(bytes: number): void;
  /** Gives the request up, since `error` was thrown. */
  failWith(error: unknown): void;
  /** What is spoken to after an upgrade to a socket that other workers may be given; else `null`. */
  readonly kept: KeptExchange | null;
  /** Hands that socket back, with what another worker is to know. */
  handBack(state: Uint8Array): void;
}

/** What takes over what comes for a request that was upgraded. */
export interface UpgradeTaker {
  /** Takes bytes, borrowed. */
  onBytes(chunk: Uint8Array): void;
  /** The client says no more. */
  onBytesEnd(): void;
  /** The connection is closed; whether that was to be expected. */
  onClosed(reason: AbortReason): boolean;
  /** The gateway wants the connection back, to give it to another worker. */
  onRelease?(): void;
}

/** What pushes a body. */
export interface BodySource {
  /** Pushes to `target` what has been, and will be, written. Called once, or else {@linkcode stream}. */
  pushTo(target: BodyTarget, parts: PushedResponse): void;
  /** All that was pushed has gone, and there is room again. */
  onRoom(): void;
  /** The body has ended, and gone. */
  onDone(): void;
  /** The body as a stream, for code that inspects the response. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

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

/**
 * The field lines of `headers`, one code unit a byte, but for those of the names in `omitted`; not all,
 * if they are more than `maxBytes`.
 *
 * @throws {TypeError} if they are no platform's own, and have what no field can have
 */
export function fieldLinesOf(
  headers: Headers,
  maxBytes = Infinity,
  omitted: readonly string[] = [],
): string {
  let lines = "";
  for (const [name, value] of headers) {
    if (!omitted.includes(name)) lines += `${name}: ${value}\r\n`;
    if (lines.length > maxBytes) break;
  }
  if (BEYOND_BYTES.test(lines)) throw new TypeError("a header field has a character beyond U+00FF");
  return lines;
}

function deleteCodedFields({ headers }: Response): void {
  for (const name of CODED_FIELDS) headers.delete(name);
}

/** The field lines of a response. */
interface Fields {
  /** As they were given. */
  readonly lines: string;
  /** With the type of a text, unless they have one. */
  readonly textLines: string;
  /** With the type of JSON, unless they have one. */
  readonly jsonLines: string;
}

function fieldsWith(lines: string): Fields {
  const hasType = hasContentType(lines);
  return {
    lines,
    textLines: hasType ? lines : lines + TEXT_TYPE,
    jsonLines: hasType ? lines : lines + JSON_TYPE,
  };
}

const NO_FIELDS = fieldsWith("");

/** Names and values that were looked at last, and what came of it: most responses of an app have the same. */
interface KnownFields {
  readonly names: readonly unknown[];
  readonly values: readonly unknown[];
  readonly fields: Fields;
}

/** By the length of the values. */
const known: KnownFields[] = Array.from(
  { length: 8 },
  () => ({ names: [], values: [], fields: NO_FIELDS }),
);
/** Longer fields are not kept, in bytes. */
const MAX_KNOWN_BYTES = 1_024;

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

/**
 * The fields that `init` asks for, or `null` if the platform is to look at it: it gives a reason
 * phrase, or the fields of a decoded response for `body`, or is none.
 *
 * @throws {TypeError} if there are fields that cannot be
 */
function fieldsOf(body: unknown, init: ResponseInit): Fields | null {
  if (typeof init !== "object" || init.statusText) return null;
  const { headers } = init;
  if (headers === undefined) return NO_FIELDS;
  if (headers === null || isRemade(body, init)) return null;
  if (isRecord(headers)) return recordFields(headers);
  return listedFields(headers) ?? fieldsOfPlatform(headers);
}

function fieldsOfPlatform(headers: HeadersInit): Fields {
  return fieldsWith(fieldLinesOf(new PlatformHeaders(headers)));
}

/**
 * The fields of the platform's own headers; `null` if they are not such, or not plain. Their
 * iterator, which sorts and joins them, is slow.
 */
function listedFields(headers: HeadersInit): Fields | null {
  if (HEADER_LIST === null || getPrototypeOf(headers) !== platformHeadersPrototype) return null;
  const list = (headers as unknown as Record<symbol, unknown>)[HEADER_LIST];
  // Not all are kept there: those of a response of fetch() are made when they are asked for.
  if (!isArray(list) || list.length > MAX_PLAIN_FIELDS) return null;
  const names: unknown[] = [];
  const values: unknown[] = [];
  for (let i = 0; i < list.length; i++) {
    names.push(list[i]?.[0]);
    values.push(list[i]?.[1]);
  }
  return plainFields(names, values);
}

/** The fields of an object that has them as properties. */
function recordFields(headers: Record<string, unknown>): Fields {
  const names = keys(headers);
  if (names.length > MAX_PLAIN_FIELDS || getOwnPropertySymbols(headers).length > 0) {
    return fieldsOfPlatform(pairsOf(headers));
  }
  const values: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const value = headers[names[i]];
    if (typeof value !== "string") {
      return fieldsOfPlatform(restOfPairs(headers, names, values, value));
    }
    values[i] = value;
  }
  return plainFields(names, values) ?? fieldsOfPlatform(pairsFrom(names, values));
}

function pairsFrom(names: readonly string[], values: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < names.length; i++) pairs[i] = [names[i], values[i]];
  return pairs;
}

/** The fields of these names and values, or `null` if not all of them are plain. */
function plainFields(names: readonly unknown[], values: readonly unknown[]): Fields | null {
  let length = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "string") return null;
    length += value.length;
  }
  const slot = length % known.length;
  const last = known[slot];
  if (areSame(names, last.names) && areSame(values, last.values)) return last.fields;
  const lowerNames: string[] = [];
  let lines = "";
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = values[i] as string;
    if (typeof name !== "string" || !NAME.test(name) || !PLAIN_VALUE.test(value)) return null;
    const lower = name.toLowerCase();
    // Those of one name are one line (RFC 9110 5.3), unless they are cookies.
    if (lowerNames.includes(lower) && lower !== "set-cookie") return null;
    lowerNames.push(lower);
    lines += `${lower}: ${value}\r\n`;
  }
  const fields = fieldsWith(lines);
  if (lines.length <= MAX_KNOWN_BYTES) known[slot] = { names, values, fields };
  return fields;
}

function areSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  const { length } = some;
  if (length !== others.length) return false;
  for (let i = 0; i < length; i++) if (some[i] !== others[i]) return false;
  return true;
}

function hasContentType(lines: string): boolean {
  return lines !== "" && (lines.startsWith("content-type:") || lines.includes("\ncontent-type:"));
}

/** Whether `status` goes with `body` without a question. */
function isPlainStatus(status: unknown, body: unknown): status is number {
  if (typeof status !== "number" || !isInteger(status)) return false;
  if (status < 200 || status > 599) return false;
  const nullBody = status === 204 || status === 205 || status === 304;
  return !nullBody || body === null || body === undefined;
}
