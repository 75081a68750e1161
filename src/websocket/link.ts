/**
 * A WebSocket between its client, over a connection that was upgraded, and its handler: frames on one side,
 * socket records on the other. It answers pings, asks clients that are silent, and closes.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import type { SocketRecordTaker } from "../message/socket_records.ts";
import { NO_ANSWER } from "../message/exchange.ts";
import {
  BINARY,
  CLOSE,
  FAULT,
  LAST,
  OPENED,
  PING as PING_RECORD,
  RECORD_HEADER_BYTES,
  SocketRecordError,
  SocketRecordReader,
  TEXT,
  writeRecordHeader,
} from "../message/socket_records.ts";
import type { Successor, UpgradedConnection } from "../net/successor.ts";
import type { CloseMessage } from "./codec/closing_handshake.ts";
import { ClosingHandshake } from "./codec/closing_handshake.ts";
import type { DeflateTerms } from "./codec/deflate_terms.ts";
import { deflateResponse } from "./codec/deflate_terms.ts";
import { WebSocketProtocolError } from "./codec/faults.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
  PONG_FRAME,
} from "./codec/frame_reader.ts";
import { closePayload, writeHeader } from "./codec/frame_writer.ts";
import type { WebSocketLimits } from "./codec/limits.ts";
import {
  ABNORMAL_CLOSURE,
  BINARY as BINARY_FRAME,
  CLOSE as CLOSE_OPCODE,
  CONTINUATION,
  FIN,
  GOING_AWAY,
  INTERNAL_ERROR,
  isSendableCode,
  MAX_CONTROL_BYTES,
  MAX_HEADER_BYTES,
  MAX_REASON_BYTES,
  NO_STATUS,
  PING,
  POLICY_VIOLATION,
  PONG,
  TEXT as TEXT_FRAME,
} from "./codec/protocol.ts";
import { MessageDeflater } from "./message_deflater.ts";
import { MessageInflater } from "./message_inflater.ts";

/** Time in which a client must answer a close frame. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Output of a socket begins with this much, in bytes: a broadcast is written to all of them at once. */
const FIRST_OUTPUT_BYTES = 512;
/** Time in which the next part of a compressed message must come. */
const MAX_UNFINISHED_MS = 60_000;
/** Messages up to this size get no smaller. */
const SMALL_MESSAGE_BYTES = 64;
/** With more than this to be sent, pings are not answered: but for the last, when there is less (RFC 6455 5.5.3). */
const MAX_UNSENT_PONG_BYTES = 16_384;
/** Status of an exchange that was given up since the gateway goes down. */
const SERVICE_UNAVAILABLE = 503;
/** What is said to who did not answer a ping. */
const NO_PONG = "No response from ping frame.";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** The header of the record that is being written: its taker copies it at once. */
const header = new Uint8Array(RECORD_HEADER_BYTES);

/** What a link is made with. */
export interface LinkOptions {
  /** Limits of what the client sends. */
  readonly limits: WebSocketLimits;
  /** Silence after which the client is given up, in milliseconds; 0 for any. */
  readonly idleTimeoutMs: number;
  /** How messages are compressed; `null` if they are not. */
  readonly deflate: DeflateTerms | null;
}

/** A WebSocket, as the gateway has it. */
export class WebSocketLink implements Successor, SocketRecordTaker {
  readonly #connection: UpgradedConnection;
  readonly #reader: FrameReader;
  readonly #closing = new ClosingHandshake();
  readonly #records = new SocketRecordReader();
  readonly #idleTimeoutMs: number;
  /** Whether the handler is within a message that it sends. */
  #isSending = false;
  /** Whether the handler is told no more. */
  #isOver = false;
  /** When the client was heard last. */
  #heardAt: number;
  /** Whether it was asked for a sign of life since then. */
  #wasAsked = false;
  /** When the answer to our close frame must have come; 0 if there was none. */
  #closeBy = 0;
  /** The last word to a client that closes or broke the rules: once the handler has taken what came before. */
  #lastWord: CloseMessage | null = null;
  /** How messages are compressed. */
  readonly #deflate: DeflateTerms | null;
  readonly #maxMessageBytes: number;
  /** What inflates, and deflates, once there is something to be. */
  #inflater: MessageInflater | null = null;
  #deflater: MessageDeflater | null = null;
  /** When part of a compressed message has come last. */
  #inflatedAt = 0;
  /** Kind of the message that is being inflated. */
  #inflatedKind: typeof TEXT | typeof BINARY = TEXT;
  /** Bytes of the chunk that is being written which the deflater has taken: there is credit for them later. */
  #deflatingBytes = 0;
  /** What is to be done once all has come out of the deflater. */
  #afterOutput: (() => void)[] = [];
  /** The payload of a ping that was not answered. */
  #owedPong: Uint8Array | null = null;

  /** Makes a link over `connection`. */
  constructor(connection: UpgradedConnection, { limits, idleTimeoutMs, deflate }: LinkOptions) {
    this.#connection = connection;
    const compression = deflate === null ? "none" : "permessage-deflate";
    this.#reader = new FrameReader(limits, "server", compression);
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#heardAt = connection.now;
    this.#deflate = deflate;
    this.#maxMessageBytes = limits.maxMessageBytes;
    connection.out.minBytes = FIRST_OUTPUT_BYTES;
  }

  start(): void {
    const extensions = this.#deflate === null ? "" : deflateResponse(this.#deflate);
    this.#tell(OPENED, encoder.encode(extensions));
  }

  get hasUntaken(): boolean {
    return this.#reader.hasUnread;
  }

  get isReceiving(): boolean {
    return this.#reader.isWithinMessage;
  }

  push(buffer: Uint8Array, count: number): void {
    this.#reader.push(buffer, count);
    this.#onHeard();
  }

  pump(): void {
    try {
      while (this.#pumpOne());
    } catch (error) {
      if (!(error instanceof WebSocketProtocolError)) throw error;
      this.#fail(error.closeCode, error.message);
    }
    this.#payPong();
  }

  /** Takes one event off the reader, or what was inflated; whether there may be more. */
  #pumpOne(): boolean {
    const reader = this.#reader;
    const { granted, receiver } = this.#connection;
    // What nobody wants any more needs no room.
    const room = !this.#closing.isOpen
      ? Infinity
      : receiver.congested
      ? 0
      : Math.max(0, granted - RECORD_HEADER_BYTES);
    if (this.#inflater?.isBusy) return room > 0 && this.#takeInflated(this.#inflater, room);
    switch (reader.next(room)) {
      case NEED_DATA:
        return false;
      case DATA: {
        if (!this.#closing.isOpen) return true;
        const { opcode, isLast, isCompressed, bytes, start, end } = reader;
        const kind = opcode === TEXT_FRAME ? TEXT : BINARY;
        if (isCompressed) this.#inflate(kind, bytes.subarray(start, end), isLast);
        else this.#tellPart(isLast ? kind | LAST : kind, bytes, start, end);
        return true;
      }
      case PING_FRAME:
        this.#owedPong = reader.bytes.slice(reader.start, reader.end);
        this.#payPong();
        return true;
      case PONG_FRAME:
        return true;
      case CLOSE_FRAME:
        this.#onClose(reader.closeCode, reader.closeReason);
        return false;
    }
  }

  #inflate(kind: typeof TEXT | typeof BINARY, part: Uint8Array, isLast: boolean): void {
    const { clientMaxWindowBits: windowBits, clientNoContextTakeover: noContextTakeover } = this
      .#deflate!;
    this.#inflater ??= new MessageInflater(
      { windowBits, noContextTakeover },
      this.#maxMessageBytes,
      () => this.#connection.resume(),
    );
    this.#inflatedKind = kind;
    this.#inflatedAt = this.#connection.now;
    this.#inflater.push(kind === TEXT ? TEXT_FRAME : BINARY_FRAME, part, isLast);
  }

  /** Hands on what has come out of the inflater; whether there may be more. */
  #takeInflated(inflater: MessageInflater, room: number): boolean {
    const piece = inflater.take(room);
    if (piece === null) return false;
    const kind = this.#inflatedKind;
    if (this.#closing.isOpen) this.#tell(piece.isLast ? kind | LAST : kind, piece.bytes);
    return true;
  }

  write(chunk: Uint8Array): void {
    const before = this.#connection.out.length;
    try {
      this.#records.push(chunk, this);
    } catch (error) {
      if (!(error instanceof SocketRecordError)) throw error;
      this.#fail(INTERNAL_ERROR, error.message);
    }
    this.#connection.countBody(chunk.length - this.#deflatingBytes);
    this.#deflatingBytes = 0;
    if (this.#connection.out.length > before || !this.#closing.isOpen) {
      this.#connection.scheduleFlush();
    }
  }

  end(): void {
    this.#isOver = true;
    this.#leave(INTERNAL_ERROR);
  }

  fail(status: number): void {
    this.#isOver = true;
    if (status === NO_ANSWER) {
      this.#breakOff();
      return;
    }
    this.#leave(status === SERVICE_UNAVAILABLE ? GOING_AWAY : INTERNAL_ERROR);
  }

  /** The app wants no closing handshake. */
  #breakOff(): void {
    this.#deflater?.close();
    this.#lastWord = null;
    this.#closing.end();
    this.#connection.finish("sending");
  }

  onHalfClosed(): void {
    // It gets the last word in its turn.
    if (this.#lastWord !== null) return;
    this.#closing.end();
    if (!this.#isOver) this.#connection.abandon();
    this.#isOver = true;
    this.#connection.finish("done");
  }

  drain(): void {
    // Who has closed gets its answer in its turn.
    if (this.#lastWord !== null) return;
    this.#begin(GOING_AWAY, "");
    this.#connection.scheduleFlush();
  }

  checkDeadlines(now: number): void {
    if (this.#isOver) return;
    if (this.#closeBy > 0) {
      if (now >= this.#closeBy) this.#onCloseTimeout();
      return;
    }
    this.#payPong();
    this.#checkInflater(now);
    this.#checkSilence(now);
  }

  close(): void {
    this.#reader.close();
    this.#inflater?.close();
    this.#deflater?.close();
    this.#afterOutput = [];
    this.#closing.end();
    this.#isOver = true;
  }

  /** Gives up a client that leaves a compressed message unfinished: that takes memory which others share. */
  #checkInflater(now: number): void {
    if (this.#inflater === null || !this.#inflater.isWithinMessage || !this.#closing.isOpen) return;
    // What it has sent, and is not taken, is not its fault.
    if (this.hasUntaken || this.#inflater.isBusy) this.#inflatedAt = now;
    if (now - this.#inflatedAt < MAX_UNFINISHED_MS) return;
    this.#fail(POLICY_VIOLATION, "a compressed message that is not finished");
    this.#connection.scheduleFlush();
  }

  /** Asks a client that is silent for a sign of life, and gives it up if it gives none. */
  #checkSilence(now: number): void {
    if (this.#idleTimeoutMs === 0) return;
    // What it has sent, or is still to read, keeps it from saying more.
    if (this.hasUntaken || this.#connection.out.length > 0) {
      this.#heardAt = now;
      return;
    }
    const silentMs = now - this.#heardAt;
    if (silentMs >= this.#idleTimeoutMs) {
      this.#deflater?.close();
      this.#tell(FAULT, encoder.encode(NO_PONG));
      this.#send(this.#closing.fail(GOING_AWAY, NO_PONG));
      this.#endWith(0, GOING_AWAY, NO_PONG);
      this.#connection.finish("sending");
    } else if (silentMs >= this.#idleTimeoutMs / 2 && !this.#wasAsked) {
      this.#wasAsked = true;
      this.#frame(FIN | PING, EMPTY);
      this.#connection.scheduleFlush();
    }
  }

  onPart(kind: typeof TEXT | typeof BINARY, part: Uint8Array, isLast: boolean): void {
    if (!this.#closing.isOpen && this.#lastWord === null) return;
    const opcode = this.#isSending ? CONTINUATION : kind === TEXT ? TEXT_FRAME : BINARY_FRAME;
    // An empty part within a message says nothing.
    if (part.length === 0 && !isLast) return;
    this.#isSending = !isLast;
    if (this.#deflate === null) this.#frame(isLast ? FIN | opcode : opcode, part);
    else this.#deflateTo(this.#deflate, opcode, part, isLast);
  }

  onRecord(kind: number, payload: Uint8Array): void {
    if (kind === PING_RECORD) {
      this.#ping(payload);
      return;
    }
    if (kind !== CLOSE) throw new SocketRecordError("a socket record that is the gateway's");
    const { code, reason } = closeOf(payload);
    this.#begin(code, reason);
  }

  #ping(payload: Uint8Array): void {
    if (payload.length > MAX_CONTROL_BYTES) {
      throw new SocketRecordError("a ping of more than a frame can hold");
    }
    if (this.#closing.isOpen) this.#frame(FIN | PING, payload);
  }

  #deflateTo(terms: DeflateTerms, opcode: number, part: Uint8Array, isLast: boolean): void {
    const { serverMaxWindowBits: windowBits, serverNoContextTakeover: noContextTakeover } = terms;
    this.#deflater ??= new MessageDeflater(
      { windowBits, noContextTakeover },
      SMALL_MESSAGE_BYTES,
      () => this.#takeDeflated(),
    );
    this.#deflatingBytes += part.length;
    this.#deflater.push(opcode, part, isLast);
    this.#takeDeflated();
  }

  /** Sends what has come out of the deflater; what waits for all of it comes then. */
  #takeDeflated(): void {
    const deflater = this.#deflater!;
    if (deflater.isBroken && this.#closing.isOpen) {
      this.#fail(INTERNAL_ERROR, "a message could not be compressed");
    }
    for (let frame; (frame = deflater.take()) !== null;) {
      this.#frame(frame.firstByte, frame.payload);
    }
    this.#connection.countBody(deflater.takeDoneBytes());
    if (deflater.isBusy) {
      this.#connection.scheduleFlush();
      return;
    }
    const waiting = this.#afterOutput;
    this.#afterOutput = [];
    for (const run of waiting) run();
    this.#connection.scheduleFlush();
  }

  /** Calls `run` once all that was written is in the output. */
  #whenWritten(run: () => void): void {
    if (this.#deflater?.isBusy) this.#afterOutput.push(run);
    else run();
  }

  /** Begins the closing handshake, unless it was begun. */
  #begin(code: number, reason: string): void {
    if (this.#lastWord !== null) {
      this.#sayLastWord(this.#lastWord);
      return;
    }
    const message = this.#closing.begin(code, reason);
    if (message === null) return;
    this.#whenWritten(() => this.#send(message));
    this.#closeBy = this.#connection.now + CLOSE_TIMEOUT_MS;
    // What was held up is not wanted any more.
    if (this.hasUntaken) this.#connection.resume();
  }

  /** The client closes, or has answered. */
  #onClose(code: number, reason: string): void {
    const answer = this.#closing.receive(code, reason);
    if (answer === null) {
      this.#endWith(1, code, reason);
      this.#connection.finish("done");
    } else {
      this.#tellClose(1, code, reason);
      this.#awaitHandler(answer);
    }
  }

  /** The client, or the handler, broke the rules. */
  #fail(code: number, message: string): void {
    this.#reader.close();
    this.#inflater?.close();
    this.#inflater = null;
    const word = this.#closing.fail(code, message);
    if (word === null) {
      this.#endWith(0, ABNORMAL_CLOSURE, "");
      this.#connection.finish("sending");
    } else {
      this.#tell(FAULT, encoder.encode(message));
      this.#tellClose(0, ABNORMAL_CLOSURE, "");
      this.#awaitHandler(word);
    }
  }

  /** Has `word` said when the handler has sent all that it has to say to what came before. */
  #awaitHandler(word: CloseMessage): void {
    if (this.#isOver) {
      this.#sayLastWord(word);
      return;
    }
    this.#lastWord = word;
    this.#closeBy = this.#connection.now + CLOSE_TIMEOUT_MS;
  }

  #sayLastWord(word: CloseMessage): void {
    this.#lastWord = null;
    if (!this.#isOver) this.#connection.abandon();
    this.#isOver = true;
    this.#whenWritten(() => {
      this.#send(word);
      this.#connection.finish(this.#closing.wasClean ? "done" : "sending");
    });
  }

  /** The client, or the handler, has not answered in time. */
  #onCloseTimeout(): void {
    if (this.#lastWord !== null) {
      this.#sayLastWord(this.#lastWord);
      return;
    }
    this.#closing.end();
    this.#endWith(0, ABNORMAL_CLOSURE, "");
    this.#connection.finish("done");
  }

  /** There is nobody any more to speak for us. */
  #leave(code: number): void {
    if (this.#lastWord !== null) {
      this.#sayLastWord(this.#lastWord);
      return;
    }
    this.#deflater?.close();
    // A close frame of its own may have waited for what is not sent any more.
    const waiting = this.#afterOutput;
    this.#afterOutput = [];
    for (const run of waiting) run();
    this.#send(this.#closing.fail(code));
    this.#connection.finish("sending");
  }

  /** Tells the handler that the socket is closed, and nothing more. */
  #endWith(isClean: 0 | 1, code: number, reason: string): void {
    if (this.#isOver) return;
    this.#tellClose(isClean, code, reason);
    this.#isOver = true;
    this.#connection.abandon();
  }

  #tellClose(isClean: 0 | 1, code: number, reason: string): void {
    const words = encoder.encode(reason);
    const payload = new Uint8Array(3 + words.length);
    payload[0] = isClean;
    payload[1] = code >>> 8;
    payload[2] = code;
    payload.set(words, 3);
    this.#tell(CLOSE, payload);
  }

  #send(message: CloseMessage | null): void {
    if (message === null) return;
    this.#frame(FIN | CLOSE_OPCODE, closePayload(message.code, fitting(message.reason)));
  }

  #onHeard(): void {
    this.#heardAt = this.#connection.now;
    this.#wasAsked = false;
  }

  /** Answers the last ping, unless much is on its way. */
  #payPong(): void {
    const payload = this.#owedPong;
    if (payload === null || this.#connection.out.length > MAX_UNSENT_PONG_BYTES) return;
    this.#owedPong = null;
    if (!this.#closing.isOpen) return;
    this.#frame(FIN | PONG, payload);
    this.#connection.scheduleFlush();
  }

  #frame(firstByte: number, payload: Uint8Array): void {
    const { out } = this.#connection;
    out.reserve(MAX_HEADER_BYTES);
    out.length = writeHeader(out.bytes, out.length, firstByte, payload.length);
    out.append(payload);
  }

  /**
   * Hands the part of a message that is in `bytes[start, end)` to the handler. The header of its record takes the
   * place of the frame's, which was read: so the record is in one piece.
   */
  #tellPart(kind: number, bytes: Uint8Array, start: number, end: number): void {
    const at = start - RECORD_HEADER_BYTES;
    if (at < 0) {
      this.#tell(kind, bytes.subarray(start, end));
      return;
    }
    if (this.#isOver) return;
    const record = bytes.subarray(at, end);
    writeRecordHeader(record, kind, end - start);
    const connection = this.#connection;
    connection.granted -= record.length;
    connection.receiver.onBody(record);
  }

  /** Hands a record to the handler. */
  #tell(kind: number, payload: Uint8Array): void {
    if (this.#isOver) return;
    const connection = this.#connection;
    connection.granted -= RECORD_HEADER_BYTES + payload.length;
    writeRecordHeader(header, kind, payload.length);
    connection.receiver.onBody(header);
    if (payload.length > 0) connection.receiver.onBody(payload);
  }
}

/**
 * What a record of the kind CLOSE says.
 *
 * @throws {SocketRecordError} if no close frame may say it
 */
function closeOf(payload: Uint8Array): CloseMessage {
  if (payload.length === 0) return { code: NO_STATUS, reason: "" };
  const code = payload[0] * 256 + payload[1];
  if (payload.length < 2 || payload.length > 2 + MAX_REASON_BYTES || !isSendableCode(code)) {
    throw new SocketRecordError("a socket record with what no close frame can say");
  }
  try {
    return { code, reason: decoder.decode(payload.subarray(2)) };
  } catch {
    throw new SocketRecordError("a socket record with a reason that is not UTF-8");
  }
}

/** As much of a reason as fits a close frame: ours are of one byte a character. */
function fitting(reason: string): string {
  return reason.length <= MAX_REASON_BYTES || encoder.encode(reason).length <= MAX_REASON_BYTES
    ? reason
    : reason.slice(0, MAX_REASON_BYTES);
}
