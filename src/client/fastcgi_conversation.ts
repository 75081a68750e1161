/**
 * FastCGI 1.0 on one connection, one request at a time, as a web server speaks it.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import { CgiHeadReader } from "../fastcgi/codec/cgi_head.ts";
import type { CgiHead } from "../fastcgi/codec/cgi_head.ts";
import { END_REQUEST, RecordReader, REQUEST_COMPLETE, STDOUT } from "../fastcgi/codec/records.ts";
import type { Conversation } from "./conversation.ts";
import { FCGI_REQUEST_ID } from "./prepared_request.ts";
import type { PreparedRequest } from "./prepared_request.ts";

/** Why a server refuses a request (FastCGI 1.0, section 5.5). */
const REFUSALS: readonly string[] = [
  "",
  "it takes one request on a connection",
  "it is overloaded",
  "it does not have the role",
];

/** Requests and responses of FastCGI. */
export class FastCgiConversation implements Conversation {
  readonly opening = null;
  status = 0;
  bodyBytes = 0;
  isReusable = true;
  readonly #records = new RecordReader();
  #head = new CgiHeadReader();
  #method = "";
  /** Length that the response announces; -1 if it does not. */
  #length = -1;
  #isWithin = false;

  begin(request: PreparedRequest): Uint8Array {
    this.#head = new CgiHeadReader();
    this.#method = request.method;
    this.#length = -1;
    this.#isWithin = true;
    this.status = this.bodyBytes = 0;
    return request.first;
  }

  push(bytes: Uint8Array, length: number): boolean {
    const records = this.#records;
    records.push(bytes, length);
    let isOver = false;
    while (records.inRecord || records.readHeader()) {
      if (!this.#isWithin) {
        throw new ProtocolError(502, "a record that answers no request", "FastCGI 1.0 3.3");
      }
      records.checkLength();
      if (records.type === END_REQUEST && records.requestId === FCGI_REQUEST_ID) {
        if (!records.takeAll()) return isOver;
        this.#end(records.content[records.start + 4]);
        isOver = true;
      } else if (records.type === STDOUT && records.requestId === FCGI_REQUEST_ID) {
        if (records.take(Infinity) > 0) {
          this.#takeStdout(records.content.subarray(records.start, records.end));
        }
        if (records.inRecord) return isOver;
      } else if (!records.skip()) {
        // Messages for the error log, and values that nobody asked for.
        return isOver;
      }
    }
    return isOver;
  }

  close(): boolean {
    this.isReusable = false;
    if (this.#isWithin) {
      throw new ProtocolError(502, "the connection was closed within a request", "FastCGI 1.0 5.5");
    }
    return false;
  }

  takeOutput(): null {
    return null;
  }

  #takeStdout(chunk: Uint8Array): void {
    if (this.status > 0) {
      this.bodyBytes += chunk.length;
      return;
    }
    const found = this.#head.push(chunk);
    if (found === null) return;
    this.status = found.head.status;
    this.bodyBytes = chunk.length - found.bodyStart;
    this.#length = lengthOf(found.head);
  }

  #end(protocolStatus: number): void {
    this.#isWithin = false;
    if (protocolStatus !== REQUEST_COMPLETE) {
      const reason = REFUSALS[protocolStatus] ?? `status ${protocolStatus}`;
      throw new ProtocolError(503, `the server refused the request: ${reason}`, "FastCGI 1.0 5.5");
    }
    if (this.status === 0) {
      throw new ProtocolError(502, "a response without a head", "RFC 3875 6.2");
    }
    const hasNone = this.#method === "HEAD" || this.status === 304;
    if (this.#length >= 0 && !hasNone && this.bodyBytes !== this.#length) {
      throw new ProtocolError(
        502,
        `a body of ${this.bodyBytes} bytes whose Content-Length is ${this.#length}`,
        "RFC 9110 8.6",
      );
    }
  }
}

function lengthOf({ fields }: CgiHead): number {
  const values = fields.filter(([name]) => name.toLowerCase() === "content-length");
  if (values.length === 0) return -1;
  if (values.length > 1 || !/^\d{1,15}$/.test(values[0][1])) {
    throw new ProtocolError(502, "a malformed Content-Length", "RFC 9110 8.6");
  }
  return Number(values[0][1]);
}
