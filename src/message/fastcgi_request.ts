/**
 * What a low-level handler of FastCGI gets, and how it answers.
 *
 * @module
 */

import type { RequestRole } from "./exchange.ts";

/** A FastCGI request as a low-level handler gets it. */
export interface FastCgiRequest {
  /** The role that is asked for. */
  readonly role: RequestRole;
  /** The parameters, as text: UTF-8, or else each byte one code unit. */
  readonly params: Readonly<Record<string, string>>;
  /** The request's body. */
  readonly stdin: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The file that a filter is to work on; `null` in other roles. */
  readonly data: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** The response as CGI has it: field lines, an empty line, the body. Text is sent as UTF-8. */
  readonly stdout: WritableStream<Uint8Array | string>;
  /** Messages for the web server's error log. */
  readonly stderr: WritableStream<Uint8Array | string>;
  /** Fires when the web server gave the request up, or its time is over. */
  readonly signal: AbortSignal;
  /** What the request ends with; 0, the default, for success. */
  exitStatus: number;
}

/** Handles a request. It ends when the handler returns, or when its promise is resolved. */
export type FastCgiHandler = (request: FastCgiRequest) => void | Promise<void>;
