/**
 * What passes of a request through a dispatcher, for those who count it. It does no I/O.
 *
 * @module
 */

import type { MessageOutline } from "../mongrel2/codec/outline.ts";

/** How a request has ended. */
export type RequestOutcome = "answered" | "cut off" | "client left";

/** A request that has ended. */
export interface EndedRequest {
  /** Scheme of its URL. */
  readonly scheme: "http" | "https";
  /** Its method. */
  readonly method: string;
  /** Status of the answer; 0 if there was none. */
  readonly status: number;
  /** Bytes of its body that have come: not of one in a file. */
  readonly bytesIn: number;
  /** Bytes of the answer's body, as they were sent. */
  readonly bytesOut: number;
  /** How long it took, in milliseconds, the time that it waited included. */
  readonly durationMs: number;
  /** How it ended. */
  readonly outcome: RequestOutcome;
}

/** The end of an answer's head. */
const HEAD_END = [13, 10, 13, 10] as const;
/** Where the status is in an answer: after `HTTP/1.1`. */
const STATUS_AT = 9;
const ZERO = 48;

/** A request, as far as it has passed. */
export class PassedRequest {
  readonly #method: string;
  readonly #scheme: EndedRequest["scheme"];
  readonly #beganAt: number;
  #status = 0;
  /** What the status is if nothing of the answer is seen by itself. */
  #presumed = 0;
  #bytesIn: number;
  #bytesOut = 0;
  /** Bytes of the head's end that were found so far. */
  #headEnd = 0;
  #isRefused = false;

  /** Begins with a request. */
  constructor({ method = "", isSecure, body }: MessageOutline, now: number) {
    // To everybody else a handshake is what its client sent.
    const isHandshake = method === "WEBSOCKET_HANDSHAKE";
    this.#method = isHandshake ? "GET" : method;
    this.#scheme = isSecure ? "https" : "http";
    this.#beganAt = now;
    this.#bytesIn = isHandshake ? 0 : body.length;
  }

  /** Takes note of so many bytes more of the body, or of a WebSocket. */
  addPart(bytes: number): void {
    this.#bytesIn += bytes;
  }

  /** Takes note of a piece of the answer, which begins at `start` of `reply`. */
  addAnswer(reply: Uint8Array, start: number): void {
    if (this.#status === 0) this.#status = statusIn(reply, start + STATUS_AT);
    let at = start;
    for (; at < reply.length && this.#headEnd < HEAD_END.length; at++) {
      const isNext = reply[at] === HEAD_END[this.#headEnd];
      this.#headEnd = isNext ? this.#headEnd + 1 : reply[at] === HEAD_END[0] ? 1 : 0;
    }
    this.#bytesOut += reply.length - at;
  }

  /** Its answer may be in the same reply as that of `other`: until more is known it is taken for one like that. */
  presume(other: PassedRequest): void {
    this.#presumed ||= other.#status;
  }

  /** Takes note that the dispatcher itself answers it. */
  refuse(status: number): void {
    this.#status = status;
    this.#isRefused = true;
  }

  /** What it was, at its end. A refusal is an answer. */
  ended(outcome: RequestOutcome, now: number): EndedRequest {
    return {
      scheme: this.#scheme,
      method: this.#method,
      status: this.#status || (outcome === "answered" ? this.#presumed : 0),
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      durationMs: now - this.#beganAt,
      outcome: this.#isRefused ? "answered" : outcome,
    };
  }
}

function statusIn(reply: Uint8Array, at: number): number {
  let status = 0;
  for (let i = at; i < at + 3; i++) {
    const digit = reply[i] - ZERO;
    if (!(digit >= 0 && digit <= 9)) return 0;
    status = 10 * status + digit;
  }
  return status;
}
