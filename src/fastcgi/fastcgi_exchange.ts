/**
 * One FastCGI request as the exchange that every protocol has in common.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { InvalidResponseError, ProtocolError } from "../base/errors.ts";
import type {
  AbortReason,
  EndpointAnswer,
  Exchange,
  ExchangeReceiver,
  FaultReports,
  RequestHead,
  ResponseHead,
  UpgradeHead,
} from "../message/exchange.ts";
import { NO_ANSWER, NOBODY, UNKNOWN_LENGTH } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import { forLog } from "../base/log.ts";
import { bodyTooLong } from "../message/response_fields.ts";
import { cannotUpgrade } from "../message/upgrade_faults.ts";
import { bodyTooLarge } from "../message/request_faults.ts";
import { CgiResponseWriter } from "./codec/cgi_response.ts";
import type { InputType } from "./input_stream.ts";
import { MAX_STDERR_BYTES } from "./codec/limits.ts";
import { DATA, STDIN } from "./codec/records.ts";
import type { RequestReceiver, ServerRequest } from "./server_request.ts";

const encoder = new TextEncoder();

/** What the exchanges of an endpoint have in common. */
export interface ExchangeSettings {
  /** Bytes of a body of unknown length. */
  readonly maxBodyBytes: number;
  /** Whether faults are passed on. */
  readonly faultReports: FaultReports;
  /** Takes messages about faults of the responses. */
  readonly log: Log;
}

/** Exit status of a request whose handler failed. */
const FAILED_STATUS = 1;
const NOT_IMPLEMENTED = 501;
const CANNOT_CARRY = "FastCGI cannot carry it";
/** What a request gets whose handler takes too long, and one whose response cannot be sent. */
const TIMED_OUT: EndpointAnswer = { status: 504, message: "" };
const BROKEN: EndpointAnswer = { status: 500, message: "" };
/** What the client gets of a request that is to have no answer: the connection to it is the web server's. */
const BAD_GATEWAY = 502;

/** An exchange over FastCGI. */
export class FastCgiExchange implements Exchange, RequestReceiver {
  readonly head: RequestHead;
  receiver: ExchangeReceiver = NOBODY;
  /** Never: what is written goes to the connection's own buffer. */
  readonly congested = false;

  readonly noAnswerStatus: number = BAD_GATEWAY;
  readonly #request: ServerRequest;
  readonly #settings: ExchangeSettings;
  readonly #writer: CgiResponseWriter;
  #responded = false;
  #complete = false;
  #receivedBytes = 0;
  #faultBytes = 0;
  /** What the request was refused with. */
  #refusal: EndpointAnswer | undefined = undefined;

  /** Makes the exchange of `request`, whose parameters make up `head`. */
  constructor(request: ServerRequest, head: RequestHead, settings: ExchangeSettings) {
    this.#request = request;
    this.head = head;
    head.responseWindow = request.window;
    this.#settings = settings;
    this.#writer = new CgiResponseWriter(request.out, request.id);
    request.receiver = this;
  }

  get reportSent(): boolean {
    return this.#request.reportSent;
  }

  set reportSent(wanted: boolean) {
    this.#request.reportSent = wanted;
  }

  grant(bytes: number): void {
    this.#request.grant(STDIN, bytes);
  }

  grantData(bytes: number): void {
    this.#request.grant(DATA, bytes);
  }

  reportFault(text: string): void {
    if (this.#complete || this.#settings.faultReports === "none") return;
    const room = MAX_STDERR_BYTES - this.#faultBytes;
    // The web server puts it into its log as it is.
    const bytes = encoder.encode(`${forLog(text.trimEnd())}\n`).subarray(0, room);
    this.#faultBytes += bytes.length;
    this.#request.writeStderr(bytes);
  }

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    if (this.#complete || this.#responded) return;
    this.#responded = true;
    try {
      this.#writer.begin(this.head, head, body);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    if (this.#writer.complete) this.#end(0);
    else this.#request.countStdout(body?.length ?? 0);
  }

  write(chunk: Uint8Array): void {
    if (this.#complete || !this.#responded) {
      if (this.#complete && chunk.length > 0) this.#onSurplus();
      return;
    }
    const written = this.#writer.write(chunk);
    if (written < chunk.length) {
      this.reportFault(bodyTooLong().message);
      this.#end(FAILED_STATUS);
      this.#onSurplus();
    } else if (this.#writer.complete) {
      this.#end(0);
    } else {
      this.#request.countStdout(written);
    }
  }

  /** The web server keeps its client's connection: what is spoken over it stays HTTP. */
  upgrade({ protocol }: UpgradeHead): void {
    if (this.#complete || this.#responded) return;
    const { receiver } = this;
    this.receiver = NOBODY;
    this.#settings.log("error", cannotUpgrade("fastcgi", "FastCGI", protocol));
    this.#respondWithError(NOT_IMPLEMENTED, CANNOT_CARRY, 0);
    receiver.onAbort("invalid-response", { status: NOT_IMPLEMENTED, message: CANNOT_CARRY });
  }

  /** CGI has no interim responses. */
  inform(): void {}

  /** CGI has no trailers. */
  end(): void {
    if (this.#complete || !this.#responded) return;
    try {
      this.#writer.end();
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    this.#end(0);
  }

  fail(status: number, fieldLines = ""): void {
    if (this.#complete) return;
    if (this.#responded) this.#breakOff();
    else {
      const told = status === NO_ANSWER ? this.noAnswerStatus : status;
      this.#respondWithError(told, "", FAILED_STATUS, fieldLines);
    }
  }

  /** Answers a request that broke the protocol, unless its response has begun: then breaks it off. */
  refuse(error: ProtocolError): void {
    if (this.#complete) return;
    if (this.#responded) {
      this.#breakOff();
    } else {
      this.#refusal = error;
      this.#respondWithError(error.status, error.message, 0);
    }
  }

  onInput(type: InputType, chunk: Uint8Array): void {
    if (type === DATA) {
      this.receiver.onData(chunk);
      return;
    }
    const { bodyLength } = this.head;
    this.#receivedBytes += chunk.length;
    if (bodyLength === UNKNOWN_LENGTH) {
      if (this.#receivedBytes > this.#settings.maxBodyBytes) this.#onBodyTooLarge();
      else this.receiver.onBody(chunk);
      return;
    }
    const surplus = this.#receivedBytes - bodyLength;
    if (surplus <= 0) {
      this.receiver.onBody(chunk);
      return;
    }
    // What exceeds CONTENT_LENGTH is not part of the body (RFC 3875 4.2).
    this.#receivedBytes = bodyLength;
    this.#request.grant(STDIN, surplus);
    if (surplus < chunk.length) this.receiver.onBody(chunk.subarray(0, chunk.length - surplus));
  }

  onInputEnd(type: InputType): void {
    if (type === DATA) {
      this.receiver.onDataEnd();
    } else if (this.head.bodyLength === UNKNOWN_LENGTH) {
      this.receiver.onEnd(EMPTY);
    } else if (this.#receivedBytes < this.head.bodyLength) {
      const { receiver } = this;
      this.refuse(bodyTooShort());
      receiver.onAbort("bad-request", this.#refusal);
    }
  }

  onCredit(bytes: number): void {
    this.receiver.onCredit(bytes);
  }

  onAbort(reason: AbortReason): void {
    if (reason === "client-half-closed") {
      this.receiver.onAbort(reason);
      return;
    }
    this.#complete = true;
    const { receiver } = this;
    this.receiver = NOBODY;
    receiver.onAbort(reason, this.#refusal);
  }

  onTimeout(): void {
    const { receiver } = this;
    const isAnswered = this.#responded;
    this.fail(TIMED_OUT.status);
    receiver.onAbort("timeout", isAnswered ? undefined : TIMED_OUT);
  }

  onSent(): void {
    this.receiver.onSent();
  }

  #end(appStatus: number): void {
    this.#complete = true;
    this.#request.end(appStatus);
  }

  #breakOff(): void {
    this.#complete = true;
    this.#request.breakOff();
  }

  #respondWithError(status: number, detail: string, appStatus: number, fieldLines = ""): void {
    this.#responded = this.#complete = true;
    this.#request.endWithError(this.head, status, detail, appStatus, fieldLines);
  }

  #onBodyTooLarge(): void {
    const { receiver } = this;
    this.refuse(bodyTooLarge(this.#settings));
    receiver.onAbort("bad-request", this.#refusal);
  }

  /** The body goes on after what was announced of it, which was sent. */
  #onSurplus(): void {
    const { receiver } = this;
    if (receiver === NOBODY) return;
    this.receiver = NOBODY;
    this.#settings.log("error", `fastcgi: ${bodyTooLong().message}`);
    receiver.onAbort("invalid-response");
  }

  #onInvalid(error: unknown): void {
    if (!(error instanceof InvalidResponseError)) throw error;
    this.#settings.log("error", `fastcgi: ${error.message}`);
    this.reportFault(error.message);
    const { receiver } = this;
    this.receiver = NOBODY;
    // A head that was refused has left nothing behind.
    const isBegun = this.#request.responded;
    if (isBegun) this.#breakOff();
    else this.#respondWithError(500, "", FAILED_STATUS);
    receiver.onAbort("invalid-response", isBegun ? undefined : BROKEN);
  }
}

/** The web server has sent less of a body than it announced. */
export function bodyTooShort(): ProtocolError {
  return new ProtocolError(400, "the body is shorter than CONTENT_LENGTH", "RFC 3875 4.2");
}
