/**
 * The client's half of the HTTP/1.1 codec (RFC 9112): a server's bytes in, events out, in any split. It
 * does no I/O and has no timers.
 *
 * It is strict: what another client could read in another way is an error. Each byte is looked at a fixed
 * number of times, and nothing is kept but a head, or trailers, that come in parts.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { ProtocolError } from "../../base/errors.ts";
import { CR, LF } from "../../message/chars.ts";
import { CHUNK_BEGINS, CHUNK_DATA, ChunkReader, LAST_CHUNK } from "../../http1/codec/chunked.ts";
import { DEFAULT_HTTP_LIMITS } from "../../http1/codec/limits.ts";
import type { ResponseHead } from "./response_head.ts";
import { checkTrailers, NO_HEAD, parseHead, UNTIL_CLOSE } from "./response_head.ts";
import type { ResponseLimits } from "./response_limits.ts";
import { DEFAULT_RESPONSE_LIMITS } from "./response_limits.ts";

/** All bytes are used up. */
export const NEED_DATA = 0;
/** An interim response (1xx) has come: {@linkcode ResponseReader.head}. */
export const INTERIM = 1;
/** The head of the response has come: {@linkcode ResponseReader.head}. */
export const HEAD = 2;
/** A chunk begins: {@linkcode ResponseReader.chunkBytes}. */
export const CHUNK = 3;
/** Part of the body: `buffer[start, end)`. */
export const BODY = 4;
/** The response is over: `buffer[start, end)` has the field lines of its trailers. */
export const END = 5;
/** The connection has changed its protocol (101): what follows is `buffer[start, end)`, and not ours. */
export const SWITCHED = 6;

/** What {@linkcode ResponseReader.next} returns. */
export type ResponseEvent =
  | typeof NEED_DATA
  | typeof INTERIM
  | typeof HEAD
  | typeof CHUNK
  | typeof BODY
  | typeof END
  | typeof SWITCHED;

/**
 * Where the reader stands. The transitions:
 *
 *     IDLE -> IN_HEAD -> (IN_HEAD after an interim response) -> LENGTH | CHUNKED | CLOSE | ENDING -> IDLE
 *     CHUNKED -> TRAILERS -> IDLE       CLOSE -> IDLE, at the connection's end
 *     IN_HEAD -> OVER after a 101       any of them -> OVER after an error
 */
const IDLE = 0;
const IN_HEAD = 1;
const LENGTH = 2;
const CHUNKED = 3;
const TRAILERS = 4;
const CLOSE = 5;
/** There is no body: the end is told next. */
const ENDING = 6;
const OVER = 7;

/** Whether a request asks for its connection to change the protocol. */
export type Upgrade = "none" | "asked";

/**
 * An incremental reader of the responses on one connection, one after another.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { BODY, END, HEAD, ResponseReader } from "./response_reader.ts";
 *
 * const reader = new ResponseReader();
 * reader.expect("GET");
 * reader.push(new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi"));
 * assertEquals(reader.next(), HEAD);
 * assertEquals(reader.head.status, 200);
 * assertEquals(reader.next(), BODY);
 * const { buffer, start, end } = reader;
 * assertEquals(new TextDecoder().decode(buffer.subarray(start, end)), "Hi");
 * assertEquals(reader.next(), END);
 * ```
 */
export class ResponseReader {
  /** Head of the response that is being read, or was read last. */
  head: ResponseHead = NO_HEAD;
  /** What an event's bytes lie in: valid until more is pushed. */
  buffer: Uint8Array = EMPTY;
  /** Start of an event's bytes. */
  start = 0;
  /** End of an event's bytes. */
  end = 0;
  /** Declared size of the chunk that began. */
  chunkBytes = 0;
  /** Bytes of the body so far. */
  bodyBytes = 0;

  readonly #limits: ResponseLimits;
  readonly #chunks: ChunkReader;
  #state = IDLE;
  #method = "";
  #upgrade: Upgrade = "none";
  #input: Uint8Array = EMPTY;
  #at = 0;
  #inputEnd = 0;
  /** Bytes of the body that have not come, if its length is known. */
  #remaining = 0;
  #interimCount = 0;

  // A head, or trailers, as far as they have come.
  #kept: Uint8Array<ArrayBuffer> = EMPTY;
  #keptBytes = 0;
  /** Bytes of the line whose end has not come. */
  #lineBytes = 0;
  #fieldCount = 0;

  /** Makes a reader. */
  constructor(limits: ResponseLimits = DEFAULT_RESPONSE_LIMITS) {
    this.#limits = limits;
    const { maxBodyBytes } = limits;
    this.#chunks = new ChunkReader({ ...DEFAULT_HTTP_LIMITS, maxBodyBytes });
  }

  /** Whether bytes that were pushed have not been read. */
  get hasUnread(): boolean {
    return this.#at < this.#inputEnd;
  }

  /** Whether a response is awaited, or not complete. */
  get isWithinResponse(): boolean {
    return this.#state !== IDLE && this.#state !== OVER;
  }

  /** A request with this method was sent, or is about to be. The response before must be over. */
  expect(method: string, upgrade: Upgrade = "none"): void {
    if (this.#state !== IDLE) throw new TypeError("the response before is not over");
    this.#state = IN_HEAD;
    this.#method = method;
    this.#upgrade = upgrade;
    this.#interimCount =
      this.#fieldCount =
      this.#lineBytes =
      this.#keptBytes =
        0;
    this.bodyBytes = 0;
    this.head = NO_HEAD;
  }

  /**
   * Gives the reader the connection's next bytes, the first `length` of `bytes`: borrowed until
   * {@linkcode next} returned {@linkcode NEED_DATA}.
   */
  push(bytes: Uint8Array, length: number = bytes.length): void {
    this.#input = bytes;
    this.#at = 0;
    this.#inputEnd = length;
  }

  /**
   * Reads up to the next event.
   *
   * @throws {ProtocolError} when the bytes are not what a server may send; the reader is over then
   */
  next(): ResponseEvent {
    try {
      return this.#next();
    } catch (error) {
      this.#state = OVER;
      if (!(error instanceof ProtocolError) || error.status === 502) throw error;
      // What a request would be refused for, too: it is the server's fault here.
      throw new ProtocolError(502, error.message, error.section);
    }
  }

  /**
   * The connection has ended. Returns {@linkcode END} if that ends a response.
   *
   * @throws {ProtocolError} if it cuts one off
   */
  close(): ResponseEvent {
    const state = this.#state;
    this.#state = OVER;
    if (state === IDLE || state === OVER) return NEED_DATA;
    if (state === CLOSE || state === ENDING) return this.#tell(END, EMPTY, 0, 0);
    if (state === IN_HEAD) {
      throw cutOff(this.#keptBytes === 0 ? "before a response" : "within a response's head", "9");
    }
    throw state === LENGTH
      ? cutOff(`${this.#remaining} bytes before the end that its Content-Length says`, "8")
      : cutOff("within a chunked body", "8");
  }

  #next(): ResponseEvent {
    switch (this.#state) {
      case IN_HEAD:
        return this.#readHead();
      case LENGTH:
        return this.#readLength();
      case CHUNKED:
        return this.#readChunks();
      case TRAILERS:
        return this.#readTrailers();
      case CLOSE:
        return this.#readUntilClose();
      case ENDING:
        this.#state = IDLE;
        return this.#tell(END, EMPTY, 0, 0);
      case IDLE:
        if (this.hasUnread) {
          throw new ProtocolError(502, "bytes that answer no request", "RFC 9112 9.2");
        }
        return NEED_DATA;
      default:
        return NEED_DATA;
    }
  }

  #readHead(): ResponseEvent {
    if (!this.#takeLines("a response's head")) return NEED_DATA;
    const head = this.head = parseHead(this.buffer, this.start, this.end, this.#method);
    this.#keptBytes = this.#fieldCount = 0;
    if (head.status === 101) {
      if (this.#upgrade === "none") {
        throw new ProtocolError(502, "a response 101 that nobody asked for", "RFC 9110 15.2.2");
      }
      this.#state = OVER;
      return this.#tell(SWITCHED, this.#input, this.#at, this.#inputEnd);
    }
    if (head.status < 200) {
      if (++this.#interimCount > this.#limits.maxInterimCount) {
        throw new ProtocolError(
          502,
          `more than ${this.#limits.maxInterimCount} interim responses`,
          "RFC 9110 15.2",
        );
      }
      return INTERIM;
    }
    this.#beginBody(head);
    return HEAD;
  }

  #beginBody({ bodyLength, isChunked }: ResponseHead): void {
    if (isChunked) {
      this.#chunks.begin();
      this.#state = CHUNKED;
    } else if (bodyLength === UNTIL_CLOSE) {
      this.#state = CLOSE;
    } else {
      this.#checkBody(bodyLength);
      this.#remaining = bodyLength;
      this.#state = bodyLength === 0 ? ENDING : LENGTH;
    }
  }

  #readLength(): ResponseEvent {
    const bytes = Math.min(this.#inputEnd - this.#at, this.#remaining);
    if (bytes === 0) return NEED_DATA;
    this.#remaining -= bytes;
    if (this.#remaining === 0) this.#state = ENDING;
    return this.#takeBody(bytes);
  }

  #readUntilClose(): ResponseEvent {
    const bytes = this.#inputEnd - this.#at;
    if (bytes === 0) return NEED_DATA;
    this.#checkBody(this.bodyBytes + bytes);
    return this.#takeBody(bytes);
  }

  #checkBody(bytes: number): void {
    const { maxBodyBytes } = this.#limits;
    if (bytes > maxBodyBytes) {
      throw new ProtocolError(502, `a body of more than ${maxBodyBytes} bytes`, "RFC 9112 6.3");
    }
  }

  #takeBody(bytes: number): ResponseEvent {
    const start = this.#at;
    this.#at += bytes;
    this.bodyBytes += bytes;
    return this.#tell(BODY, this.#input, start, this.#at);
  }

  #readChunks(): ResponseEvent {
    const chunks = this.#chunks;
    const event = chunks.next(this.#input, this.#at, this.#inputEnd, Infinity);
    this.#at = chunks.at;
    switch (event) {
      case CHUNK_BEGINS:
        this.chunkBytes = chunks.chunkBytes;
        return CHUNK;
      case CHUNK_DATA:
        this.bodyBytes += this.#at - chunks.dataStart;
        return this.#tell(BODY, this.#input, chunks.dataStart, this.#at);
      case LAST_CHUNK:
        this.#state = TRAILERS;
        // There is no status line.
        this.#fieldCount = 1;
        return this.#readTrailers();
      default:
        return NEED_DATA;
    }
  }

  #readTrailers(): ResponseEvent {
    if (!this.#takeLines("a response's trailers")) return NEED_DATA;
    this.#keptBytes = this.#fieldCount = 0;
    checkTrailers(this.buffer, this.start, this.end);
    this.#state = IDLE;
    return END;
  }

  /**
   * Takes lines up to an empty one. If all are here, they are `buffer[start, end)`, without the empty one.
   *
   * @throws {ProtocolError} if one ends otherwise than in CR and LF, or they are too long or too many
   */
  #takeLines(what: string): boolean {
    const { maxHeadBytes, maxFieldCount } = this.#limits;
    const input = this.#input;
    const first = this.#at;
    // What lies beyond the limit must not matter.
    const last = Math.min(this.#inputEnd, first + maxHeadBytes - this.#keptBytes);
    let lineStart = first - this.#lineBytes;
    for (let at = input.indexOf(LF, first); at >= 0 && at < last; at = input.indexOf(LF, at + 1)) {
      const before = at > first ? input[at - 1] : this.#keptBytes > 0 ? this.#lastKept() : LF;
      if (before !== CR) throw new ProtocolError(502, "a bare line feed", "RFC 9112 2.2");
      if (at - lineStart === 1) {
        this.#lineBytes = 0;
        this.#finishLines(first, at - 1);
        this.#at = at + 1;
        return true;
      }
      if (++this.#fieldCount > maxFieldCount + 1) {
        throw new ProtocolError(502, `more than ${maxFieldCount} field lines`, "RFC 9110 5.4");
      }
      lineStart = at + 1;
    }
    if (this.#keptBytes + this.#inputEnd - first > maxHeadBytes) {
      throw new ProtocolError(502, `${what} is larger than ${maxHeadBytes} bytes`, "RFC 9110 5.4");
    }
    this.#lineBytes = last - lineStart;
    this.#keep(input, first, last);
    this.#at = last;
    return false;
  }

  #lastKept(): number {
    return this.#kept[this.#keptBytes - 1];
  }

  /** Puts the lines together whose last bytes are `[start, end)` of the input. */
  #finishLines(start: number, end: number): void {
    if (this.#keptBytes === 0) {
      this.#tell(END, this.#input, start, end);
      return;
    }
    // The empty line's CR may be among what is kept.
    const kept = end < start ? this.#keptBytes - 1 : this.#keptBytes;
    if (end > start) this.#keep(this.#input, start, end);
    this.#tell(END, this.#kept, 0, kept + Math.max(0, end - start));
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#keptBytes + end - start;
    if (length > this.#kept.length) {
      const grown = new Uint8Array(Math.max(1_024, length, this.#kept.length * 2));
      grown.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = grown;
    }
    this.#kept.set(bytes.subarray(start, end), this.#keptBytes);
    this.#keptBytes = length;
  }

  #tell<Event extends ResponseEvent>(
    event: Event,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): Event {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    return event;
  }
}

function cutOff(where: string, section: string): ProtocolError {
  return new ProtocolError(502, `the server closed the connection ${where}`, `RFC 9112 ${section}`);
}
