/**
 * Low-level handlers of FastCGI as apps: they run where apps run, with what apps may do.
 *
 * @module
 */

import { LineSplitter } from "../base/line_splitter.ts";
import { HandlerOutputs } from "../base/output_stream.ts";
import type { RequestRole } from "../message/exchange.ts";
import type { FastCgiHandler, FastCgiRequest } from "../message/fastcgi_request.ts";
import type { App } from "./apps.ts";
import { CgiHeadError, CgiHeadReader } from "./cgi_head.ts";
import type { Context } from "./context.ts";
import { taskOf } from "./context.ts";

/** Bytes of a body that wait to be sent before the handler has to. */
const WINDOW_BYTES = 65_536;
/** A longer line of STDERR goes in parts, in characters. */
const MAX_LINE_CHARS = 8_192;

const {
  ByteLengthQueuingStrategy,
  Headers,
  Promise,
  ReadableStream,
  Response,
} = globalThis;
/** Prints what a handler says where there is no web server to tell. */
const { error: printError } = globalThis.console;

/** The app that answers with what `handler` writes. */
export function handlerApp(handler: FastCgiHandler): App {
  return {
    fetch: (request, context) => {
      const handled = new HandledRequest(request, context);
      handled.run(handler);
      return handled.response;
    },
  };
}

/** A request as streams, and the response that is made of what is written. */
class HandledRequest implements FastCgiRequest {
  readonly stdout: WritableStream<Uint8Array | string>;
  readonly stderr: WritableStream<Uint8Array | string>;
  exitStatus = 0;
  /** What is written to STDOUT, as soon as its head is complete. */
  readonly response: Promise<Response>;

  readonly #request: Request;
  readonly #context: Context;
  readonly #head = new CgiHeadReader();
  readonly #stderr: LineSplitter;
  #respond!: (response: Response) => void;
  #refuse!: (reason: unknown) => void;
  #stdin: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  /** Where the body goes; `null` before there is a head. */
  #body: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** Whether a body is wanted: a response may have none, and its client may be gone. */
  #isWanted = true;
  #isResponded = false;
  /** What the response has failed with. */
  #failure: unknown;
  #wake: (() => void) | null = null;
  readonly #outputs = new HandlerOutputs((error) => this.#fail(error));

  constructor(request: Request, context: Context) {
    this.#request = request;
    this.#context = context;
    this.response = new Promise((resolve, reject) => {
      this.#respond = resolve;
      this.#refuse = reject;
    });
    this.#stderr = new LineSplitter(MAX_LINE_CHARS, (line) => this.#report(line));
    this.stdout = this.#outputs.open((chunk) => this.#write(chunk));
    this.stderr = this.#outputs.open((chunk) => this.#stderr.push(chunk));
  }

  get role(): RequestRole {
    return this.#context.role;
  }

  get params(): Readonly<Record<string, string>> {
    return this.#context.env;
  }

  get stdin(): ReadableStream<Uint8Array<ArrayBuffer>> {
    // The platform's requests of some methods have no body, whatever was sent.
    return this.#stdin ??= this.#request.body ?? taskOf(this.#context)?.sentBody?.stream() ??
      new ReadableStream({ start: (controller) => controller.close() });
  }

  get data(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#context.data;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  /** Calls the handler, and ends the response when it is done. */
  async run(handler: FastCgiHandler): Promise<void> {
    try {
      await handler(this);
      await this.#outputs.flushed();
      this.#stderr.end();
      if (!this.#isResponded) throw new CgiHeadError("its head has no end");
      if (this.exitStatus !== 0) this.#report(`the handler ended with ${this.exitStatus}`);
      if (this.#isWanted) this.#body?.close();
    } catch (error) {
      this.#fail(error);
    } finally {
      // What still writes would wait for ever.
      this.#leave();
    }
  }

  /** Ends the response with `error`; once, if both a write and the handler that waits for it fail with it. */
  #fail(error: unknown): void {
    if (error === this.#failure) return;
    this.#failure = error;
    if (!this.#isResponded) this.#refuse(error);
    else if (this.#isWanted) this.#body?.error(error);
    // A failure because the request was cut short is not the handler's fault.
    else if (!this.signal.aborted) printError(error);
    this.#leave();
  }

  #report(line: string): void {
    const task = this.#context.endpoint === "fastcgi" ? taskOf(this.#context) : null;
    // Elsewhere there is no log but the gateway's.
    if (task === null) printError(line);
    else task.reportFault(line);
  }

  /** The body is wanted no more. */
  #leave(): void {
    this.#isWanted = false;
    this.#wake?.();
  }

  async #write(chunk: Uint8Array): Promise<void> {
    let body = chunk;
    if (!this.#isResponded) {
      const read = this.#head.push(chunk);
      if (read === null) return;
      const { status, reason, fields } = read.head;
      const isEmpty = status === 204 || status === 205 || status === 304;
      if (isEmpty) this.#isWanted = false;
      this.#respond(
        new Response(isEmpty ? null : this.#bodyStream(), {
          status,
          statusText: reason,
          headers: new Headers(fields),
        }),
      );
      this.#isResponded = true;
      body = chunk.subarray(read.bodyAt);
    }
    if (body.length > 0 && this.#isWanted) {
      // The writer may use its memory again.
      this.#body!.enqueue(body.slice());
      while (this.#isWanted && this.#body!.desiredSize! <= 0) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    }
    // A handler that writes without end has to hear of it. A client that has only said its last still reads.
    if (!this.#isWanted && this.signal.aborted) throw this.signal.reason;
  }

  #bodyStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#body = controller;
      },
      pull: () => this.#wake?.(),
      cancel: () => this.#leave(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: WINDOW_BYTES }));
  }
}
