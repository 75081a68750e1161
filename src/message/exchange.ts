/**
 * The vocabulary that every endpoint, the pool and the app side share: what was asked
 * ({@linkcode RequestHead}), what is answered ({@linkcode ResponseHead}), and the two-way
 * conversation about one request ({@linkcode Exchange}).
 *
 * Nothing here knows a protocol, a socket or a worker.
 *
 * @module
 */

import { copyOf } from "../base/captured.ts";
import { EMPTY } from "../base/empty.ts";
import { Slab } from "../base/buffers.ts";

/** The protocol over which a request came in. */
export type EndpointKind = "http" | "fastcgi" | "mongrel2";

/**
 * What the front server wants of the app (FastCGI 1.0, section 6): the response to a request, a
 * decision whether the request may go on, or a response made of a file that comes with it.
 */
export type RequestRole = "responder" | "authorizer" | "filter";

/**
 * Which faults of apps go to the front server's error log, where the protocol has one: none, their
 * errors, or also what they print with `console.error` and `console.warn`.
 */
export type FaultReports = "none" | "errors" | "console";

/** What is known of the connection that a request came in on, and of who is at its other end. */
export interface Peer {
  /** The protocol that the endpoint speaks. */
  readonly endpoint: EndpointKind;
  /** Scheme of the request's URL, as far as the connection decides it. */
  readonly scheme: "http" | "https";
  /**
   * The client's address, or that of the front server, which tells the client's by parameters (`client.ts`).
   * Without a path or with `""` for a host if nobody knows it.
   */
  readonly remoteAddr: Deno.Addr;
  /** The endpoint's own address. */
  readonly localAddr: Deno.Addr;
  /** Whether a trusted proxy tells client and scheme, so that parameters of a front server do not count. */
  readonly isForwarded?: boolean;
  /**
   * Whether who is at the other end only passes on what somebody sends, and does not say who that is. So it does
   * not vouch for any field.
   */
  readonly isRelay?: boolean;
}

/** Body length of a request or response whose length is not known beforehand. */
export const UNKNOWN_LENGTH: number = -1;

/** Body length of a response whose body is given whole in {@linkcode Exchange.respond}, text included. */
export const WHOLE_BODY: number = -2;

/**
 * Body bytes that either side may send before the other grants more with a credit, in bytes.
 * Request and response bodies have a window of this size each.
 */
export const BODY_WINDOW_BYTES = 262_144;

/**
 * What a chunk of a request's body, as its client framed it, counts for in the window besides its data,
 * in bytes: about what it costs to keep it.
 */
export const CHUNK_COST_BYTES = 256;

/**
 * The head of a request. Text stays bytes: `block` holds the target, after it the field lines, and
 * after them the parameters; the authority is somewhere in the first two. The other members say
 * where. `block` may be borrowed from a read buffer, so a handler that needs it after
 * {@linkcode ExchangeHandler.handle} has returned keeps a copy ({@linkcode RequestHead.detach}).
 */
export class RequestHead {
  /** Request method, case-sensitive, such as `"GET"`. */
  method = "";
  /** Minor version of the client's HTTP/1 message: 0 or 1. */
  minorVersion = 1;
  /** Bytes that the ranges below point into. */
  block: Uint8Array = EMPTY;
  /** Start of the request target as the client sent it. */
  targetStart = 0;
  /** End of the request target. */
  targetEnd = 0;
  /** Start of the authority (host and optional port). */
  authorityStart = 0;
  /** End of the authority; equal to its start when the client named none. */
  authorityEnd = 0;
  /** Start of the field lines, each `name: value` and CRLF. */
  fieldsStart = 0;
  /** End of the field lines, after the last CRLF. */
  fieldsEnd = 0;
  /**
   * Start of the parameters that a front server sent, as name-value pairs (FastCGI 1.0, section 3.4),
   * not before the end of the field lines.
   */
  paramsStart = 0;
  /** End of the parameters; equal to their start when there are none. */
  paramsEnd = 0;
  /** What is wanted. */
  role: RequestRole = "responder";
  /** Body length in bytes, 0 without a body, or {@linkcode UNKNOWN_LENGTH}. */
  bodyLength = 0;
  /** Whether the client waits for a `100 Continue` before it sends the body. */
  expectsContinue = false;
  /** Bytes of the response's body that may be sent before the first credit. */
  responseWindow: number = BODY_WINDOW_BYTES;
  /** Index of the mount that the request belongs to, and the length of its prefix in the path. */
  mount = 0;
  /**
   * Length of what the route of a front server has at the beginning of the path, if that is a mount to apps, in
   * bytes: at most {@linkcode MAX_ROUTE_BYTES}.
   */
  routeBytes = 0;
  /** Whether apps get URLs without that. */
  stripsRoute = false;
  /** Facts about the connection. */
  peer: Peer = NO_PEER;
  /** Start of the id that a trusted proxy has given the request, among the field lines. */
  idStart = 0;
  /** End of that id; equal to its start if there is none. */
  idEnd = 0;
  /** Whether the app gets the request's id in the field `X-Request-Id`, in place of what was sent there. */
  passesId = false;
  /** Whether there can be a field that tells of a trace. An endpoint that looks at all names knows when there is none. */
  mayTellTrace = true;
  /** Number of the request among those of its process, by which it is known otherwise (`request_id.ts`). */
  number: number = ++headCount;

  /** Copies the bytes of the head out of a borrowed buffer. Ranges are adjusted. */
  detach(): void {
    if (this.block === slab.bytes) return;
    const at = slab.keep(this.block, this.targetStart, endOf(this));
    moveTo(this, slab.bytes, at);
  }

  /**
   * Copies the bytes of the head to memory of their own, for one that may be kept for days: detached heads share
   * large pieces. Ranges are adjusted.
   */
  isolate(): void {
    moveTo(this, copyOf(this.block, this.targetStart, endOf(this)), 0);
  }
}

/** The end of what a head has in its block. */
function endOf({ paramsStart, paramsEnd, fieldsEnd }: RequestHead): number {
  return paramsEnd > paramsStart ? paramsEnd : fieldsEnd;
}

/** Has the target of `head`, and what comes after it, begin in `block` at `at`. */
function moveTo(head: RequestHead, block: Uint8Array, at: number): void {
  const shift = at - head.targetStart;
  head.block = block;
  head.targetStart += shift;
  head.targetEnd += shift;
  head.authorityStart += shift;
  head.authorityEnd += shift;
  head.fieldsStart += shift;
  head.fieldsEnd += shift;
  head.paramsStart += shift;
  head.paramsEnd += shift;
  head.idStart += shift;
  head.idEnd += shift;
}

/** Heads that were made on this thread. */
let headCount = 0;

/** Where detached heads are kept. */
const slab = new Slab();

/** Longest beginning of a path that can be a route's, in bytes. */
export const MAX_ROUTE_BYTES = 8_191;

/** Status of {@linkcode Exchange.fail} that no client gets: the connection ends without an answer, if it can. */
export const NO_ANSWER = 0;

/** Interim responses to one request, in bytes of their field lines; further ones are not sent. */
export const MAX_INTERIM_BYTES = 65_536;
/** Status of an interim response: the request is being worked on (RFC 2518 10.1). */
export const PROCESSING = 102;
/** Status of an interim response: fields of the final one that are known already (RFC 8297). */
export const EARLY_HINTS = 103;
/** What each of them counts for at the least, in bytes. */
export const MIN_INTERIM_BYTES = 64;
/** Name of the protocol and field lines of a response that grants an upgrade, in bytes. */
export const MAX_UPGRADE_BYTES = 65_536;
/** Reason phrase of a response at the most, in bytes. */
export const MAX_REASON_BYTES = 4_095;
/** Trailer field lines of a response at the most, in bytes. */
export const MAX_TRAILER_BYTES = 65_536;

/** The head of a response. */
export interface ResponseHead {
  /** Status code, 200 to 599. */
  readonly status: number;
  /** Reason phrase, code units up to 255; that of the status if absent, where the protocol has any. */
  readonly reason?: string;
  /**
   * Field lines, each `name: value` and CRLF, as bytes or as a string of code units up to 255.
   * The endpoint validates them, and replaces those that frame the message or belong to the connection.
   */
  readonly fieldLines: Uint8Array | string;
  /**
   * Length of the body in bytes as the handler knows it, {@linkcode WHOLE_BODY}, or
   * {@linkcode UNKNOWN_LENGTH}.
   */
  readonly bodyLength: number;
  /** Whether a `Trailer` line is the handler's to send, since it ends the response with trailers. */
  readonly announcesTrailers?: boolean;
}

/**
 * What is spoken over a connection after HTTP (RFC 9110 7.8): WebSocket, whose messages pass between handler
 * and endpoint as socket records (`socket_records.ts`), or bytes as they come.
 */
export type UpgradeKind = "websocket" | "bytes";

/** The head of a response that grants a request to upgrade its connection: 101 (Switching Protocols). */
export interface UpgradeHead {
  /** What is spoken from here on. */
  readonly kind: UpgradeKind;
  /** Name for `Upgrade`: one of those that the request has there. */
  readonly protocol: string;
  /**
   * Further field lines, each `name: value` and CRLF, one code unit a byte. What the endpoint knows by
   * itself, such as `Sec-WebSocket-Accept` of the kind `"websocket"`, is not among them.
   */
  readonly fieldLines: string;
  /** Silence after which a WebSocket's client is given up, in milliseconds; 0 for any. */
  readonly idleTimeoutMs: number;
  /**
   * What is known of a WebSocket that may be handed to other code (`kept_sockets.ts`); absent if it stays with
   * the code that opens it.
   */
  readonly state?: Uint8Array;
}

/** Why an exchange ended before its time. */
export type AbortReason =
  /** The client closed or reset the connection. */
  | "client-gone"
  /** The client may still read, but will send nothing more. */
  | "client-half-closed"
  /** A limit in time ran out. */
  | "timeout"
  /** The request's body turned out malformed or too large. */
  | "bad-request"
  /** The gateway is shutting down and could not wait any longer. */
  | "shutdown"
  /** The response that the handler composed cannot be sent; the client was answered 500. */
  | "invalid-response";

/** What an endpoint has answered by itself. */
export interface EndpointAnswer {
  /** Status of the response. */
  readonly status: number;
  /** What it says besides the status; `""` if nothing. */
  readonly message: string;
}

/** Listener of a request's handler, while the exchange is open. */
export interface ExchangeReceiver {
  /**
   * Whether more of the request's body would only pile up on its way. {@linkcode Exchange.grant} is
   * called, if only with 0, when that is over.
   */
  readonly congested: boolean;
  /** Body bytes, borrowed: valid during the call only. Never more than was granted. */
  onBody(chunk: Uint8Array): void;
  /**
   * A chunk as the client framed it begins; its data follows through {@linkcode onBody}. It counts for
   * {@linkcode CHUNK_COST_BYTES} of what was granted.
   */
  onChunk(declaredBytes: number): void;
  /** A body of unknown length is complete. `trailers` holds its trailer field lines, borrowed. */
  onEnd(trailers: Uint8Array): void;
  /**
   * Bytes of the file that comes with a request of the role `"filter"`, borrowed. Never more than
   * was granted with {@linkcode Exchange.grantData}.
   */
  onData(chunk: Uint8Array): void;
  /** The file that comes with the request is complete. */
  onDataEnd(): void;
  /** The client reads on: `bytes` more of the response's body may be sent, 0 after congestion. */
  onCredit(bytes: number): void;
  /**
   * The exchange is cut short. After `"client-half-closed"` the response can still be sent;
   * after any other reason nothing that is sent reaches anybody. `answer` is what the endpoint itself has
   * answered, if it has.
   */
  onAbort(reason: AbortReason, answer?: EndpointAnswer): void;
  /** The response was handed to the operating system in full. Only told if asked for. */
  onSent(): void;
}

/** Receives nothing: for exchanges whose handler is not known yet, or not interested any more. */
export const NOBODY: ExchangeReceiver = {
  congested: false,
  onBody() {},
  onChunk() {},
  onEnd() {},
  onData() {},
  onDataEnd() {},
  onCredit() {},
  onAbort() {},
  onSent() {},
};

/** Which worker has a request. */
export interface WorkerPlace {
  /** Its number among those of its apps, from 1. */
  readonly worker: number;
  /** Its generation, from 1. */
  readonly generation: number;
}

/**
 * One request and its response, as its handler sees it. All calls are synchronous and never block:
 * flow is controlled by credits. The handler may send `head.responseWindow` bytes of response body
 * before it waits for `onCredit`; the endpoint sends as much of the request's body (nothing at all when
 * `head.expectsContinue`), and of its file, before it waits for {@linkcode Exchange.grant}.
 */
export interface Exchange {
  /** What was asked. */
  readonly head: RequestHead;
  /** Listener to the request's body and end; set by the handler before `handle` returns. */
  receiver: ExchangeReceiver;
  /** Whether {@linkcode ExchangeReceiver.onSent} is wanted. Off unless set before the response ends. */
  reportSent: boolean;
  /**
   * Whether what is written now would only pile up on its way. {@linkcode ExchangeReceiver.onCredit} is
   * called, if only with 0, when that is over.
   */
  readonly congested: boolean;
  /** Whether what is answered now has to wait for other answers. Absent where none ever does. */
  readonly isHeld?: boolean;
  /**
   * Status that its client gets where {@linkcode NO_ANSWER} cannot be had, since a front server would take silence
   * for success. Absent where it can.
   */
  readonly noAnswerStatus?: number;
  /** A way to write without copies, once the response has begun; nothing where there is none, or not yet. */
  readonly direct?: DirectOutput | null;
  /**
   * Takes note that the request belongs to what is mounted at `prefix`, or to nothing. Absent where nobody wants
   * to know.
   */
  onRouted?(prefix: string | null): void;
  /** Takes note that the request waits for a worker. Absent where nobody wants to know. */
  onQueued?(): void;
  /** Takes note that a worker has the request. Absent where nobody wants to know. */
  onGiven?(place: WorkerPlace): void;
  /** Permits `bytes` more of the request's body to be delivered. */
  grant(bytes: number): void;
  /** Permits `bytes` more of the file to be delivered that comes with a request of the role `"filter"`. */
  grantData(bytes: number): void;
  /**
   * Reports a fault to the front server's log, where the protocol has a way (FastCGI's STDERR).
   * Never seen by the client. Only until the response is complete.
   */
  reportFault(text: string): void;
  /**
   * Starts the response. `body`, if given, is its first or only part; a response whose `bodyLength`
   * is known ends by itself when as many bytes were sent. A head that cannot be sent is logged, the
   * client gets 500, and the receiver is notified.
   */
  respond(head: ResponseHead, body: Uint8Array | string | null): void;
  /** Sends more of the response's body. */
  write(chunk: Uint8Array): void;
  /**
   * Sends an interim response (RFC 9110 15.2), 102 or 103, with field lines as {@linkcode ResponseHead} has
   * them: only before the response, where protocol and client have such, and if it is this request's turn.
   */
  inform(status: number, fieldLines: string): void;
  /** Ends a response of unknown length, with trailer field lines, where the protocol has such. */
  end(trailerLines?: string): void;
  /**
   * Grants the request to upgrade its connection, instead of {@linkcode respond}. What the client sends from
   * here on comes as the request's body, whose end is the client's; what is written goes to the client, and
   * {@linkcode end} closes the connection once that was sent. The client gets an error, and the receiver is
   * told, where protocol, connection or request do not allow it.
   */
  upgrade(head: UpgradeHead): void;
  /**
   * Gives the exchange up: the client gets `status`, with `fieldLines` if given, if nothing was sent
   * yet, and otherwise, or with {@linkcode NO_ANSWER}, a connection that breaks, so that it can tell the
   * response is not complete.
   */
  fail(status: number, fieldLines?: string): void;
}

/** How large pieces of a response's body reach its connection without being copied. */
export interface DirectOutput {
  /** Bytes that were written, and that the system has not taken yet. */
  readonly pendingBytes: number;
  /** A buffer of at least `bytes`, for one of the following two. */
  takeBuffer(bytes: number): Uint8Array;
  /** Takes a buffer back that is not needed. */
  giveBuffer(buffer: Uint8Array): void;
  /**
   * Sends the first `length` bytes of `buffer`, which is the connection's from here on. No window bounds
   * this: who uses it waits for `onCredit`, which then tells of all bytes that the system has taken.
   */
  writeBuffer(buffer: Uint8Array, length: number): void;
}

/** Takes requests: the pool of workers, the apps of a thread, or a router before them. */
export interface ExchangeHandler {
  /** Takes charge of the exchange, and sets its receiver, before it returns. */
  handle(exchange: Exchange): void;
  /**
   * Takes note that an endpoint has refused a request by itself: `head` has what could be read of it, and is
   * borrowed. Absent where nobody wants to know.
   */
  onRefused?(head: RequestHead, refusal: Refusal): void;
}

/** What an endpoint has told the client of a request that reached no handler. */
export interface Refusal {
  /** Status of the response, or what comes closest to it where the protocol has another word. */
  readonly status: number;
  /** Bytes of the response's body. */
  readonly bodyBytes: number;
  /** How long the request had been coming, in milliseconds. */
  readonly durationMs: number;
}

const NO_PEER: Peer = {
  endpoint: "http",
  scheme: "http",
  remoteAddr: { transport: "tcp", hostname: "", port: 0 },
  localAddr: { transport: "tcp", hostname: "", port: 0 },
};
