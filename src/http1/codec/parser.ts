/**
 * The reading half of the HTTP/1.1 codec (RFC 9112): bytes in, events out, in any split. It does no
 * I/O and has no timers.
 *
 * It is strict where laxness lets two readers of the same bytes see different messages: what it
 * accepts has one meaning.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { ProtocolError } from "../../base/errors.ts";
import { CLASS, COLON, CR, FIELD, LF, TOKEN } from "../../message/chars.ts";
import type { Peer } from "../../message/exchange.ts";
import { RequestHead, UNKNOWN_LENGTH } from "../../message/exchange.ts";
import { methodOf } from "../../message/request_checks.ts";
import { headerTooLarge, tooManyFields } from "../../message/request_faults.ts";
import { CHUNK_BEGINS, CHUNK_DATA, ChunkReader, LAST_CHUNK } from "./chunked.ts";
import {
  bareCarriageReturn,
  bareLineFeed,
  malformedFieldName,
  malformedFieldValue,
} from "./faults.ts";
import type { HttpLimits } from "./limits.ts";
import { INCOMPLETE, RequestLine } from "./request_line.ts";
import { canBeSpecial, checkTrailer, SpecialFields } from "./special_fields.ts";

/** The parser has used up its bytes and waits for more. */
export const NEED_DATA = 0;
/** A request's head is complete: {@linkcode RequestParser.head}. */
export const HEAD = 1;
/** Part of a body: `buffer[bodyStart, bodyEnd)`. */
export const BODY = 2;
/** A chunk begins; its declared size is {@linkcode RequestParser.chunkBytes}. */
export const CHUNK = 3;
/** A chunked body is complete; its trailer field lines are `buffer[bodyStart, bodyEnd)`. */
export const END = 4;

/** What {@linkcode RequestParser.next} returns. */
export type ParserEvent =
  | typeof NEED_DATA
  | typeof HEAD
  | typeof BODY
  | typeof CHUNK
  | typeof END;

/**
 * Where the parser stands. The transitions:
 *
 *     REQUEST_LINE -> FIELDS -> REQUEST_LINE                      no body
 *                            -> LENGTH -> REQUEST_LINE            content-length
 *                            -> CHUNKED -> TRAILERS -> REQUEST_LINE
 *     any of them -> CLOSED                                       an error, or close()
 */
const REQUEST_LINE = 0;
const FIELDS = 1;
const LENGTH = 2;
const CHUNKED = 3;
const TRAILERS = 4;
const CLOSED = 5;

/** Empty lines tolerated before a request line (RFC 9112 2.2), in bytes. */
const MAX_EMPTY_LINE_BYTES = 8;
/** Memory for bytes that are kept until more come: at first, and at the most where none are kept. */
const MIN_KEPT_BYTES = 1024;
const MAX_IDLE_KEPT_BYTES = 4096;
/** Bytes that are kept of a head which is given up: its request line, unless that is far too long. */
const MAX_UNFINISHED_BYTES = 2_048;
/** No head was read, or it was taken. */
const NO_HEAD = new RequestHead();

/**
 * An incremental parser of the requests on one connection.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DEFAULT_HTTP_LIMITS } from "gatehouse";
 * import { HEAD, NEED_DATA, RequestParser } from "gatehouse/http1";
 *
 * const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
 * parser.push(new TextEncoder().encode("GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n"));
 * assertEquals(parser.next(), HEAD);
 * assertEquals(parser.head.method, "GET");
 * assertEquals(parser.next(), NEED_DATA);
 * ```
 */
export class RequestParser {
  /**
   * The last head that was read, unless it was taken. Its bytes are borrowed until {@linkcode next} is
   * called again.
   */
  head: RequestHead = NO_HEAD;
  /** Whether the connection may carry another request after this one, as far as the client goes. */
  keepAlive = true;
  /** Whether the client asks for another protocol to go on with (RFC 9110 7.8). */
  asksUpgrade = false;
  /** The bytes that events point into. */
  buffer: Uint8Array = EMPTY;
  /** Start of an event's bytes in {@linkcode buffer}. */
  bodyStart = 0;
  /** End of an event's bytes in {@linkcode buffer}. */
  bodyEnd = 0;
  /** Declared size of the chunk that began, in bytes. */
  chunkBytes = 0;
  /** The first bytes of a head that was given up. */
  unfinished: Uint8Array = EMPTY;

  readonly #limits: HttpLimits;
  readonly #peer: Peer | undefined;
  readonly #requestLine: RequestLine;
  readonly #special: SpecialFields;
  #state = REQUEST_LINE;
  /** Where the next unread byte, or the line that is not complete, begins. */
  #at = 0;
  #end = 0;
  /** Whether the unread bytes are part of something whose rest has yet to be pushed. */
  #starved = false;
  /** Where the head or the trailers begin that are being read; `#at` when neither is. */
  #mark = 0;
  /** Bytes of the field line at `#at` that were looked at already, so that no byte is looked at twice. */
  #scannedBytes = 0;
  /** Bytes of that line's name; 0 until they are known. */
  #nameBytes = 0;
  /** Bytes kept from earlier pushes, since their line, head or trailer section was not complete. */
  #kept: Uint8Array = EMPTY;
  #keptBytes = 0;
  #emptyLineBytes = 0;
  #fieldCount = 0;
  /** Bytes of a body of known length that have not come. */
  #remaining = 0;
  #chunks: ChunkReader | null = null;

  /** Makes a parser for a connection of `peer`. */
  constructor(limits: HttpLimits, peer?: Peer) {
    this.#limits = limits;
    this.#peer = peer;
    this.#requestLine = new RequestLine(limits);
    this.#special = new SpecialFields(limits);
  }

  /** Whether a request's body, or its end, is still to come. */
  get inBody(): boolean {
    return this.#state >= LENGTH && this.#state <= TRAILERS;
  }

  /** Whether the next events would be body bytes. */
  get atBodyData(): boolean {
    return this.#state === LENGTH || (this.#state === CHUNKED && this.#chunks!.atData);
  }

  /** Whether no byte of a next request was seen since the last one ended. */
  get betweenRequests(): boolean {
    return this.#state === REQUEST_LINE && this.#at === this.#end;
  }

  /** Bytes of a body of known length that have not been read yet; `Infinity` for chunked ones. */
  get remainingBytes(): number {
    if (this.#state === LENGTH) return this.#remaining;
    return this.inBody ? Infinity : 0;
  }

  /** Whether there are bytes that {@linkcode next} has not looked at, so that it may find an event. */
  get hasUnread(): boolean {
    return this.#at < this.#end && !this.#starved;
  }

  /** Gives up what it has not looked at, borrowed as it was pushed: another protocol begins there. */
  takeRest(): Uint8Array {
    const rest = this.buffer.subarray(this.#at, this.#end);
    this.close();
    return rest;
  }

  /**
   * Stops reading: whatever comes after is ignored. What there was of a head that is not complete is
   * {@linkcode unfinished} then.
   */
  close(): void {
    if (this.#state <= FIELDS && this.#mark < this.#end) {
      const end = Math.min(this.#end, this.#mark + MAX_UNFINISHED_BYTES);
      this.unfinished = this.buffer.slice(this.#mark, end);
    }
    this.#state = CLOSED;
    this.#at = this.#end = this.#keptBytes = 0;
    this.#kept = EMPTY;
  }

  /**
   * Gives the parser the next bytes of the connection: the first `length` of `bytes`. They are
   * borrowed until {@linkcode next} returned {@linkcode NEED_DATA}; only then may more be pushed.
   */
  push(bytes: Uint8Array, length: number = bytes.length): void {
    if (this.#state === CLOSED) return;
    this.#starved = false;
    if (this.#keptBytes === 0) {
      this.buffer = bytes;
      this.#at = this.#mark = 0;
      this.#end = length;
      return;
    }
    const total = this.#keptBytes + length;
    if (total > this.#kept.length) {
      const larger = new Uint8Array(Math.max(total, this.#kept.length * 2));
      larger.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = larger;
    }
    this.#kept.set(bytes.subarray(0, length), this.#keptBytes);
    this.buffer = this.#kept;
    this.#end = total;
    this.#keptBytes = 0;
  }

  /**
   * Reads up to the next event. Body events never hold more than `maxBodyBytes` (the limit of this
   * call, not of the body).
   *
   * @throws {ProtocolError} when the bytes are not an HTTP/1.1 request; the parser is closed then
   */
  next(maxBytes = Infinity): ParserEvent {
    try {
      switch (this.#state) {
        case REQUEST_LINE:
        case FIELDS:
          return this.#readHead();
        case LENGTH:
          return this.#readLengthBody(maxBytes);
        case CHUNKED:
          return this.#readChunked(maxBytes);
        case TRAILERS:
          return this.#readTrailers();
        default:
          return NEED_DATA;
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #readHead(): ParserEvent {
    let at = this.#at;
    if (this.#state === REQUEST_LINE) {
      if (at === this.#mark) {
        at = this.#skipEmptyLines(at);
        if (at === INCOMPLETE) return this.#keep();
        this.#mark = this.#at = at;
      }
      const start = at;
      at = this.#requestLine.read(this.buffer, start, this.#headEnd());
      if (at === INCOMPLETE) return this.#keep();
      this.#beginHead(start, at);
      this.#at = at;
      this.#state = FIELDS;
      this.#fieldCount = 0;
    }
    const { buffer } = this;
    const end = this.#headEnd();
    while (at < end) {
      if (buffer[at] === CR) {
        if (at + 1 === end) break;
        if (buffer[at + 1] !== LF) throw bareCarriageReturn();
        this.#finishHead(at);
        this.#at = this.#mark = at + 2;
        return HEAD;
      }
      at = this.#readFieldLine(at, end);
      if (at === INCOMPLETE) break;
      this.#at = at;
    }
    return this.#keep();
  }

  /**
   * Where the bytes of a head or of trailers end that may be looked at: what lies beyond their limit
   * must not matter, whether it was pushed already or not.
   */
  #headEnd(): number {
    return Math.min(this.#end, this.#mark + this.#limits.maxHeaderBytes);
  }

  /** Where the first line that is not empty begins, or `INCOMPLETE`. */
  #skipEmptyLines(at: number): number {
    const { buffer } = this;
    for (; at < this.#end; at++) {
      const byte = buffer[at];
      // An empty line's CR and LF may come in different pushes: its bytes are counted.
      const awaitsLineFeed = this.#emptyLineBytes % 2 === 1;
      if (awaitsLineFeed && byte !== LF) throw bareCarriageReturn();
      if (!awaitsLineFeed && byte !== CR) {
        if (byte === LF) throw bareLineFeed("2.2");
        this.#emptyLineBytes = 0;
        return at;
      }
      if (++this.#emptyLineBytes > MAX_EMPTY_LINE_BYTES) {
        throw new ProtocolError(400, "too many empty lines before a request line", "RFC 9112 2.2");
      }
    }
    this.#at = this.#mark = at;
    return INCOMPLETE;
  }

  /** Makes a head of the request line that was read. */
  #beginHead(start: number, end: number): void {
    const { methodEnd, targetEnd, minorVersion } = this.#requestLine;
    const mark = this.#mark;
    const head = this.head = new RequestHead();
    head.method = methodOf(this.buffer, start, methodEnd);
    head.minorVersion = minorVersion;
    if (this.#peer !== undefined) head.peer = this.#peer;
    head.targetStart = methodEnd + 1 - mark;
    head.targetEnd = targetEnd - mark;
    head.fieldsStart = end - mark;
    this.#special.clear();
  }

  /** The last head that was read. It may own much memory, so it is not kept here. */
  takeHead(): RequestHead {
    const { head } = this;
    this.head = NO_HEAD;
    return head;
  }

  /** Reads one field line of the head or the trailers; where the next one begins, or `INCOMPLETE`. */
  #readFieldLine(start: number, end: number): number {
    const { buffer } = this;
    let at = start + this.#scannedBytes;
    let nameEnd = start + this.#nameBytes;
    if (nameEnd === start) {
      while (at < end && (CLASS[buffer[at]] & TOKEN) !== 0) at++;
      if (at === end) return this.#suspendLine(at - start, 0);
      if (buffer[at] !== COLON || at === start) throw malformedFieldName(buffer[at], at === start);
      nameEnd = at++;
    }
    while (at < end && (CLASS[buffer[at]] & FIELD) !== 0) at++;
    if (at === end) return this.#suspendLine(at - start, nameEnd - start);
    if (buffer[at] !== CR) throw malformedFieldValue(buffer[at]);
    if (at + 1 === end) return this.#suspendLine(at - start, nameEnd - start);
    if (buffer[at + 1] !== LF) throw bareCarriageReturn();
    this.#suspendLine(0, 0);
    if (++this.#fieldCount > this.#limits.maxHeaderCount) {
      throw tooManyFields(this.#limits);
    }
    if (canBeSpecial(nameEnd - start)) {
      if (this.#state === TRAILERS) checkTrailer(buffer, start, nameEnd);
      else this.#special.read(buffer, this.#mark, start, nameEnd, at);
    }
    return at + 2;
  }

  /** Remembers how far the field line at `#at` was looked at, and how long its name is. */
  #suspendLine(scannedBytes: number, nameBytes: number): typeof INCOMPLETE {
    this.#scannedBytes = scannedBytes;
    this.#nameBytes = nameBytes;
    return INCOMPLETE;
  }

  #checkHeadSize(bytes: number): void {
    if (bytes > this.#limits.maxHeaderBytes) throw headerTooLarge(this.#limits);
  }

  #finishHead(fieldsEnd: number): void {
    const { buffer, head } = this;
    const mark = this.#mark;
    head.block = buffer;
    head.targetStart += mark;
    head.targetEnd += mark;
    head.fieldsStart += mark;
    head.fieldsEnd = fieldsEnd;
    this.#special.complete(head, mark);
    this.keepAlive = this.#special.isKeptAlive(head);
    this.asksUpgrade = this.#special.isUpgrade(head);
    if (head.bodyLength === 0) {
      this.#state = REQUEST_LINE;
    } else if (head.bodyLength === UNKNOWN_LENGTH) {
      this.#chunks ??= new ChunkReader(this.#limits);
      this.#chunks.begin();
      this.#state = CHUNKED;
    } else {
      this.#remaining = head.bodyLength;
      this.#state = LENGTH;
    }
  }

  #readLengthBody(maxBytes: number): ParserEvent {
    const available = Math.min(this.#end - this.#at, this.#remaining, maxBytes);
    if (available <= 0) return NEED_DATA;
    this.bodyStart = this.#at;
    this.bodyEnd = this.#at = this.#mark = this.#at + available;
    this.#remaining -= available;
    if (this.#remaining === 0) this.#state = REQUEST_LINE;
    return BODY;
  }

  #readChunked(maxBytes: number): ParserEvent {
    const chunks = this.#chunks!;
    const event = chunks.next(this.buffer, this.#at, this.#end, maxBytes);
    this.#at = this.#mark = chunks.at;
    switch (event) {
      case CHUNK_BEGINS:
        this.chunkBytes = chunks.chunkBytes;
        return CHUNK;
      case CHUNK_DATA:
        this.bodyStart = chunks.dataStart;
        this.bodyEnd = this.#at;
        return BODY;
      case LAST_CHUNK:
        this.#state = TRAILERS;
        this.#fieldCount = 0;
        return this.#readTrailers();
      default:
        return this.#at === this.#end ? this.#keep() : NEED_DATA;
    }
  }

  #readTrailers(): ParserEvent {
    const { buffer } = this;
    const end = this.#headEnd();
    let at = this.#at;
    while (at < end) {
      if (buffer[at] === CR) {
        if (at + 1 === end) break;
        if (buffer[at + 1] !== LF) throw bareCarriageReturn();
        this.bodyStart = this.#mark;
        this.bodyEnd = at;
        this.#at = this.#mark = at + 2;
        this.#state = REQUEST_LINE;
        return END;
      }
      at = this.#readFieldLine(at, end);
      if (at === INCOMPLETE) break;
      this.#at = at;
    }
    return this.#keep();
  }

  /** Keeps the unit that is not complete, from the mark on, for the next push. */
  #keep(): ParserEvent {
    const bytes = this.#end - this.#mark;
    if (this.#state <= FIELDS || this.#state === TRAILERS) this.#checkHeadSize(bytes);
    if (bytes === 0) {
      // A large head is over, and the next one is not likely to be as large.
      if (this.#kept.length > MAX_IDLE_KEPT_BYTES) this.#kept = EMPTY;
    } else if (this.buffer === this.#kept) {
      // Bytes that stay move once, when what came before them is complete.
      if (this.#mark > 0) this.#kept.copyWithin(0, this.#mark, this.#end);
    } else {
      if (bytes > this.#kept.length) {
        this.#kept = new Uint8Array(Math.max(MIN_KEPT_BYTES, bytes));
      }
      this.#kept.set(this.buffer.subarray(this.#mark, this.#end));
    }
    this.#keptBytes = bytes;
    this.buffer = this.#kept;
    this.#at -= this.#mark;
    this.#end = bytes;
    this.#mark = 0;
    this.#starved = true;
    return NEED_DATA;
  }
}
