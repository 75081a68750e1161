/**
 * From the parameters of a FastCGI request to the head that every protocol has in common.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { OutputBuffer } from "../../base/buffers.ts";
import type { BufferPool } from "../../base/buffers.ts";
import { CLASS, CR, DIGIT, FIELD, LF, SLASH, spells, TOKEN } from "../../message/chars.ts";
import { ProtocolError } from "../../base/errors.ts";
import type { Peer } from "../../message/exchange.ts";
import { RequestHead, UNKNOWN_LENGTH } from "../../message/exchange.ts";
import { latin1Text } from "../../message/fields.ts";
import { checkAuthority, methodOf } from "../../message/request_checks.ts";
import {
  bodyTooLarge,
  headerTooLarge,
  targetTooLong,
  tooManyFields,
} from "../../message/request_faults.ts";
import {
  appendEscaped,
  PATH_BYTES,
  QUERY_BYTES,
  takeTarget,
} from "../../message/request_target.ts";
import type { FastCgiLimits } from "./limits.ts";
import { PairReader } from "../../message/pairs.ts";
import { AUTHORIZER } from "./records.ts";
import { roleOf } from "./roles.ts";

/** The variables that make up the head, and where their values are: start and end, one after another. */
const NAMES = [
  "REQUEST_METHOD",
  "REQUEST_URI",
  "SCRIPT_NAME",
  "PATH_INFO",
  "QUERY_STRING",
  "CONTENT_LENGTH",
  "CONTENT_TYPE",
  "HTTPS",
  "REQUEST_SCHEME",
  "SERVER_NAME",
  "SERVER_PORT",
  "SERVER_PROTOCOL",
  "HTTP_HOST",
  "HTTP_CONTENT_TYPE",
] as const;
type Name = typeof NAMES[number];
const encoder = new TextEncoder();
const NAME_BYTES = NAMES.map((name) => encoder.encode(name));

/** Places of the names by their length, so that few are compared. */
const PLACES_BY_LENGTH: readonly (readonly number[])[] = (() => {
  const places: number[][] = [];
  NAMES.forEach((name, place) => (places[name.length] ??= []).push(place));
  return Array.from(places, (each) => each ?? []);
})();
const PLACE = Object.fromEntries(NAMES.map((name, place) => [name, place])) as Record<Name, number>;

const HTTP_PREFIX = encoder.encode("HTTP_");
const HTTP_PREFIX_BYTES = HTTP_PREFIX.length;
/** Fields that need a look, as they are named after the prefix. */
const HOST = encoder.encode("HOST");
const CONTENT_LENGTH = encoder.encode("CONTENT_LENGTH");
const CONTENT_TYPE = encoder.encode("CONTENT_TYPE");
const LOWER_HYPHEN = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  if (byte === 0x5f) LOWER_HYPHEN[byte] = 0x2d;
  else LOWER_HYPHEN[byte] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** Makes request heads of parameters, one at a time. */
export class RequestTranslator {
  readonly #limits: FastCgiLimits;
  readonly #block: OutputBuffer;
  readonly #found = new Int32Array(NAMES.length * 2);
  /** Of each header field: start and end of its name, end of its value. */
  #headers = new Int32Array(64 * 3);
  #headerCount = 0;
  #headerBytes = 0;
  /** End of the last pair that was found whole. */
  #foundEnd = 0;
  #params: Uint8Array = EMPTY;

  /** Makes a translator with these limits. */
  constructor(limits: FastCgiLimits, buffers: BufferPool) {
    this.#limits = limits;
    this.#block = new OutputBuffer(buffers);
  }

  /**
   * The head of the request with the parameters `params[0, length)`. Its bytes are borrowed: they are
   * valid until the next call. `peers` are those of the connection, for plain and for secure requests.
   *
   * @throws {ProtocolError} if the parameters are malformed, or over a limit
   */
  translate(
    params: Uint8Array,
    length: number,
    role: number,
    peers: { readonly http: Peer; readonly https: Peer },
  ): RequestHead {
    this.#params = params;
    this.#find(length);
    const head = new RequestHead();
    head.role = roleOf(role);
    head.method = this.#method(role);
    head.minorVersion = this.#spells("SERVER_PROTOCOL", "http/1.0") ? 0 : 1;
    head.peer = this.#isSecure() ? peers.https : peers.http;
    head.bodyLength = role === AUTHORIZER ? 0 : this.#bodyLength();

    const block = this.#block;
    block.length = 0;
    block.reserve(length * 2 + 64);
    this.#writeTarget(head);
    if (block.length > this.#limits.maxTargetBytes) throw targetTooLong(this.#limits);
    const isAbsolute = head.authorityEnd > head.authorityStart;
    if (!isAbsolute) this.#writeAuthority(head);
    head.fieldsStart = block.length;
    this.#writeFields(head, isAbsolute);
    head.fieldsEnd = block.length;
    head.paramsStart = block.length;
    block.append(length === params.length ? params : params.subarray(0, length));
    head.paramsEnd = block.length;
    head.block = block.bytes;
    return head;
  }

  /**
   * What can be read of a request that is refused, of whose parameters `params[0, length)` have come, whatever is
   * wrong with them: method, target and parameters. Its bytes are borrowed.
   */
  read(
    params: Uint8Array,
    length: number,
    peers: { readonly http: Peer; readonly https: Peer },
  ): RequestHead {
    this.#params = params;
    const head = new RequestHead();
    try {
      this.#find(length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
    head.block = params;
    head.paramsEnd = this.#foundEnd;
    head.peer = this.#isSecure() ? peers.https : peers.http;
    head.minorVersion = this.#spells("SERVER_PROTOCOL", "http/1.0") ? 0 : 1;
    if (this.#hasMethod()) {
      head.method = methodOf(params, this.#start("REQUEST_METHOD"), this.#end("REQUEST_METHOD"));
    }
    head.targetStart = this.#start("REQUEST_URI");
    head.targetEnd = this.#end("REQUEST_URI");
    return head;
  }

  #start(name: Name): number {
    return this.#found[PLACE[name] * 2];
  }

  #end(name: Name): number {
    return this.#found[PLACE[name] * 2 + 1];
  }

  #isEmpty(name: Name): boolean {
    return this.#start(name) === this.#end(name);
  }

  #forget(name: Name): void {
    this.#found[PLACE[name] * 2] = this.#found[PLACE[name] * 2 + 1] = 0;
  }

  #spells(name: Name, lowerCase: string): boolean {
    return spells(this.#params, this.#start(name), this.#end(name), lowerCase);
  }

  #text(name: Name): string {
    return latin1Text(this.#params, this.#start(name), this.#end(name));
  }

  /** Goes through the parameters once, and takes note of where things are. */
  #find(length: number): void {
    const params = this.#params;
    this.#found.fill(0);
    this.#headerCount = this.#headerBytes = this.#foundEnd = 0;
    const pairs = new PairReader(params, 0, length);
    while (pairs.next()) {
      const { nameStart, nameEnd, valueEnd } = pairs;
      this.#foundEnd = valueEnd;
      const nameLength = nameEnd - nameStart;
      const places = nameLength < PLACES_BY_LENGTH.length ? PLACES_BY_LENGTH[nameLength] : NONE;
      for (let i = 0; i < places.length; i++) {
        const place = places[i];
        if (!equals(params, nameStart, NAME_BYTES[place])) continue;
        this.#found[place * 2] = nameEnd;
        this.#found[place * 2 + 1] = valueEnd;
        break;
      }
      if (nameLength > HTTP_PREFIX_BYTES && equals(params, nameStart, HTTP_PREFIX)) {
        this.#noteHeader(nameStart, nameEnd, valueEnd);
      }
    }
  }

  #noteHeader(nameStart: number, nameEnd: number, valueEnd: number): void {
    if (this.#headerCount === this.#limits.maxHeaderCount) throw tooManyFields(this.#limits);
    this.#headerBytes += valueEnd - nameStart;
    if (this.#headerBytes > this.#limits.maxHeaderBytes) throw headerTooLarge(this.#limits);
    const at = this.#headerCount++ * 3;
    if (at === this.#headers.length) {
      const larger = new Int32Array(at * 2);
      larger.set(this.#headers);
      this.#headers = larger;
    }
    this.#headers[at] = nameStart;
    this.#headers[at + 1] = nameEnd;
    this.#headers[at + 2] = valueEnd;
  }

  #method(role: number): string {
    const start = this.#start("REQUEST_METHOD");
    const end = this.#end("REQUEST_METHOD");
    if (start === end) {
      if (role === AUTHORIZER) return "GET";
      throw new ProtocolError(400, "the parameter REQUEST_METHOD is missing", "RFC 3875 4.1.12");
    }
    if (!this.#hasMethod()) {
      throw new ProtocolError(400, "the request method is malformed", "RFC 9110 9.1");
    }
    return methodOf(this.#params, start, end);
  }

  #hasMethod(): boolean {
    const end = this.#end("REQUEST_METHOD");
    for (let at = this.#start("REQUEST_METHOD"); at < end; at++) {
      if ((CLASS[this.#params[at]] & TOKEN) === 0) return false;
    }
    return true;
  }

  #isSecure(): boolean {
    return this.#spells("HTTPS", "on") || this.#spells("HTTPS", "1") ||
      this.#spells("HTTPS", "yes") || this.#spells("HTTPS", "true") ||
      this.#spells("REQUEST_SCHEME", "https");
  }

  #bodyLength(): number {
    const params = this.#params;
    const start = this.#start("CONTENT_LENGTH");
    const end = this.#end("CONTENT_LENGTH");
    if (start === end) return UNKNOWN_LENGTH;
    // What Caddy sends for a body whose length it does not know.
    if (this.#spells("CONTENT_LENGTH", "-1")) {
      this.#forget("CONTENT_LENGTH");
      return UNKNOWN_LENGTH;
    }
    let length = 0;
    for (let at = start; at < end; at++) {
      length = (CLASS[params[at]] & DIGIT) !== 0 ? length * 10 + (params[at] - 0x30) : NaN;
    }
    if (!Number.isSafeInteger(length)) {
      throw new ProtocolError(400, "CONTENT_LENGTH is malformed", "RFC 3875 4.1.2");
    }
    if (length > this.#limits.maxBodyBytes) throw bodyTooLarge(this.#limits);
    return length;
  }

  /** Writes the target as the client sent it, or else as its parts tell (RFC 3875 3.3). */
  #writeTarget(head: RequestHead): void {
    const block = this.#block;
    if (this.#isEmpty("REQUEST_URI")) this.#writeParts();
    else block.append(this.#params.subarray(this.#start("REQUEST_URI"), this.#end("REQUEST_URI")));
    takeTarget(head, block.bytes, 0, block.length, "REQUEST_URI");
  }

  #writeParts(): void {
    const block = this.#block;
    this.#writeEscaped("SCRIPT_NAME", PATH_BYTES);
    this.#writeEscaped("PATH_INFO", PATH_BYTES);
    if (block.length === 0) {
      block.appendLatin1("/");
    } else if (block.bytes[0] !== SLASH) {
      throw new ProtocolError(
        400,
        "neither REQUEST_URI nor a SCRIPT_NAME or PATH_INFO with a slash at its start is given",
        "RFC 3875 4.1.13",
      );
    }
    if (this.#isEmpty("QUERY_STRING")) return;
    block.appendLatin1("?");
    this.#writeEscaped("QUERY_STRING", QUERY_BYTES);
  }

  #writeEscaped(name: Name, plain: Uint8Array): void {
    appendEscaped(this.#block, this.#params, this.#start(name), this.#end(name), plain);
  }

  /** Without a Host field, the server's own name stands in. */
  #writeAuthority(head: RequestHead): void {
    const block = this.#block;
    if (!this.#isEmpty("HTTP_HOST") || this.#isEmpty("SERVER_NAME")) return;
    const name = this.#text("SERVER_NAME");
    const port = this.#text("SERVER_PORT");
    const host = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
    block.appendLatin1(/^\d+$/.test(port) ? `${host}:${port}` : host);
    try {
      checkAuthority(block.bytes, head.authorityStart, block.length);
      head.authorityEnd = block.length;
    } catch (error) {
      // A server may be named by a pattern: that is not the client's fault, and not a host.
      if (!(error instanceof ProtocolError)) throw error;
      block.length = head.authorityEnd;
    }
  }

  #writeFields(head: RequestHead, isAbsolute: boolean): void {
    const params = this.#params;
    const block = this.#block;
    for (let i = 0; i < this.#headerCount; i++) {
      const nameStart = this.#headers[i * 3] + HTTP_PREFIX_BYTES;
      const nameEnd = this.#headers[i * 3 + 1];
      const valueEnd = this.#headers[i * 3 + 2];
      const isHost = isNamed(params, nameStart, nameEnd, HOST);
      if (isHost) {
        // Of several the last one counts, as for all variables.
        if (nameEnd !== this.#start("HTTP_HOST") || nameEnd === valueEnd) continue;
      } else if (this.#isGivenOtherwise(nameStart, nameEnd)) {
        continue;
      }
      if (!this.#writeField(nameStart, nameEnd, nameEnd, valueEnd) || !isHost) continue;
      const hostEnd = block.length - 2;
      const hostStart = hostEnd - (valueEnd - nameEnd);
      checkAuthority(block.bytes, hostStart, hostEnd);
      if (isAbsolute) continue;
      head.authorityStart = hostStart;
      head.authorityEnd = hostEnd;
    }
    this.#writeContentField("content-type: ", "CONTENT_TYPE");
    this.#writeContentField("content-length: ", "CONTENT_LENGTH");
  }

  /** Whether a field is given once more as CONTENT_LENGTH or CONTENT_TYPE, which count. */
  #isGivenOtherwise(nameStart: number, nameEnd: number): boolean {
    const params = this.#params;
    if (isNamed(params, nameStart, nameEnd, CONTENT_LENGTH)) return true;
    if (!isNamed(params, nameStart, nameEnd, CONTENT_TYPE)) return false;
    return !this.#isEmpty("CONTENT_TYPE") || nameEnd !== this.#start("HTTP_CONTENT_TYPE");
  }

  #writeContentField(start: string, name: Name): void {
    if (this.#isEmpty(name)) return;
    this.#block.appendLatin1(start);
    this.#writeValue(this.#start(name), this.#end(name));
  }

  /** Writes a field line; `false` if the name is not that of a field. */
  #writeField(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const params = this.#params;
    const block = this.#block;
    const lineStart = block.length;
    block.reserve(nameEnd - nameStart + 2);
    const { bytes } = block;
    let to = lineStart;
    for (let at = nameStart; at < nameEnd; at++) {
      const byte = params[at];
      if ((CLASS[byte] & TOKEN) === 0) return false;
      bytes[to++] = LOWER_HYPHEN[byte];
    }
    bytes[to++] = 0x3a;
    bytes[to++] = 0x20;
    block.length = to;
    this.#writeValue(valueStart, valueEnd);
    return true;
  }

  #writeValue(start: number, end: number): void {
    const params = this.#params;
    const block = this.#block;
    block.reserve(end - start + 2);
    const { bytes } = block;
    let to = block.length;
    for (let at = start; at < end; at++) {
      const byte = params[at];
      if ((CLASS[byte] & FIELD) === 0) {
        throw new ProtocolError(400, "a header field has a control character", "RFC 9110 5.5");
      }
      bytes[to++] = byte;
    }
    bytes[to++] = CR;
    bytes[to++] = LF;
    block.length = to;
  }
}

const NONE: readonly number[] = [];
/** Whether the bytes from `start` on begin with `name`. Names differ most at their ends. */
function equals(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = name.length - 1; i >= 0; i--) {
    if (bytes[start + i] !== name[i]) return false;
  }
  return true;
}

/** Whether `bytes[start, end)` is `name`. */
function isNamed(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  return end - start === name.length && equals(bytes, start, name);
}
