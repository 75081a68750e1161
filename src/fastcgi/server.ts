/**
 * A FastCGI server for handlers that want the protocol as it is: parameters, streams, exit status.
 *
 * @module
 */

import type { ProtocolError } from "../base/errors.ts";
import type { AbortReason, RequestRole } from "../message/exchange.ts";
import { RequestHead } from "../message/exchange.ts";
import type { FastCgiHandler, FastCgiRequest } from "../message/fastcgi_request.ts";
import type { Log } from "../base/log.ts";
import { logToStderr } from "../base/log.ts";
import { HandlerOutputs, WrongChunkError } from "../base/output_stream.ts";
import { takeSurroundings } from "../base/surroundings.ts";
import { addressIn, parseListenAddress } from "../net/address.ts";
import { listen } from "../net/listen.ts";
import type { Listening } from "../net/listen.ts";
import { decodePairs } from "../message/pairs.ts";
import { checkNumber, SettingChecks } from "../limits/setting_checks.ts";
import { ANY_TIME, LIMIT_RANGES, RANGES } from "../limits/setting_ranges.ts";
import { timerMs } from "../base/timers.ts";
import { InputQueue } from "./input_queue.ts";
import type { InputType } from "./input_stream.ts";
import type { FastCgiLimits } from "./codec/limits.ts";
import { DEFAULT_FASTCGI_LIMITS } from "./codec/limits.ts";
import { DATA, FILTER, STDIN } from "./codec/records.ts";
import type { RequestHandler } from "./request_handler.ts";
import { RequestListener } from "./request_listener.ts";
import { ROLE_NUMBERS, roleOf } from "./codec/roles.ts";
import type { RequestReceiver, ServerRequest } from "./server_request.ts";

export type { FastCgiHandler, FastCgiRequest } from "../message/fastcgi_request.ts";

/** Options of {@linkcode FastCgiServer.listen}. */
export interface FastCgiServerOptions {
  /** Limits that differ from {@linkcode DEFAULT_FASTCGI_LIMITS}. */
  readonly limits?: Partial<FastCgiLimits>;
  /** Roles that are served; others are refused. Default: all. */
  readonly roles?: readonly RequestRole[];
  /** Connections that the system queues. Default 511. */
  readonly backlog?: number;
  /** Addresses of the web servers that may connect over TCP. Default: all. */
  readonly webServerAddrs?: readonly string[];
  /** Takes messages about faults. Default: lines to standard error. */
  readonly log?: Log;
}

const DEFAULT_GRACE_MS = 30_000;

/**
 * Serves FastCGI requests with a low-level handler.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FastCgiClient, FastCgiServer } from "gatehouse";
 *
 * await using server = await FastCgiServer.listen("127.0.0.1:0", async (request) => {
 *   const stdout = request.stdout.getWriter();
 *   await stdout.write("Content-Type: text/plain\r\n\r\n");
 *   await stdout.write(`${request.role} at ${request.params.REQUEST_URI}`);
 * });
 * const { port } = server.address as Deno.NetAddr;
 * await using client = new FastCgiClient(`127.0.0.1:${port}`);
 * const response = await client.fetch("http://localhost/here");
 * assertEquals(await response.text(), "responder at /here");
 * ```
 */
export class FastCgiServer implements AsyncDisposable {
  readonly #listening: Listening;
  readonly #listener: RequestListener;

  private constructor(listening: Listening, listener: RequestListener) {
    this.#listening = listening;
    this.#listener = listener;
  }

  /**
   * Begins to serve at `address`: `[host]:port`, a port, or `unix:PATH[,mode=0660]`.
   *
   * @throws {ConfigError} if it is not an address
   * @throws {SettingsError} if numbers among the options are out of range
   * @throws {ListenError} if the address cannot be used
   */
  static async listen(
    address: string,
    handler: FastCgiHandler,
    options: FastCgiServerOptions = {},
  ): Promise<FastCgiServer> {
    const { limits = {}, backlog } = options;
    const checks = new SettingChecks();
    checks.numbers("", { backlog }, { backlog: RANGES.backlog });
    checks.numbers("limits.", { ...limits }, LIMIT_RANGES);
    checks.finish();
    const { cwd, tempFolder } = takeSurroundings();
    const listening = await listen({
      address: addressIn(cwd, parseListenAddress(address)),
      backlog: backlog ?? 511,
      tls: undefined,
    });
    const log = options.log ?? logToStderr;
    const roles = options.roles ?? (Object.keys(ROLE_NUMBERS) as RequestRole[]);
    const listener = new RequestListener({
      listener: listening.listener,
      limits: { ...DEFAULT_FASTCGI_LIMITS, ...limits },
      roles: roles.map((role) => ROLE_NUMBERS[role]),
      webServerAddrs: options.webServerAddrs,
      tempFolder,
      handler: new StreamHandler(handler, log),
      log,
    });
    return new FastCgiServer(listening, listener);
  }

  /** The address that is served. */
  get address(): Deno.Addr {
    return this.#listener.address;
  }

  /**
   * Stops accepting and finishes what is in flight, for up to `graceMs` milliseconds (default
   * 30,000; `Infinity` for any time); what is not done then is cut off.
   *
   * @throws {SettingsError} if `graceMs` is not a valid time
   */
  async shutdown(options: { readonly graceMs?: number } = {}): Promise<void> {
    const { graceMs = DEFAULT_GRACE_MS } = options;
    checkNumber("graceMs", graceMs, ANY_TIME);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const graceOver = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timerMs(graceMs));
    });
    const drained = this.#listener.drain();
    await Promise.race([drained, graceOver]);
    clearTimeout(timer);
    await this.#listener[Symbol.asyncDispose]();
    await drained;
    this.#listening.cleanUp();
  }

  /** Closes everything immediately. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown({ graceMs: 0 });
  }
}

/** Calls the handler with requests made of streams. */
class StreamHandler implements RequestHandler {
  readonly #handler: FastCgiHandler;
  readonly #log: Log;

  constructor(handler: FastCgiHandler, log: Log) {
    this.#handler = handler;
    this.#log = log;
  }

  start(request: ServerRequest, params: Uint8Array, length: number): void {
    const streams = new RequestStreams(request, decodePairs(params, 0, length));
    this.#run(request, streams);
  }

  refuse(request: ServerRequest, { status, message }: ProtocolError): void {
    if (request.responded) request.breakOff();
    else request.endWithError(new RequestHead(), status, message, 0);
  }

  async #run(request: ServerRequest, streams: RequestStreams): Promise<void> {
    try {
      await this.#handler(streams);
      await streams.flushed();
      const { wrongChunk } = streams;
      if (wrongChunk !== null) {
        this.#log("error", `fastcgi: the handler is at fault: ${wrongChunk.message}`);
      }
      request.end(streams.exitStatus);
    } catch (error) {
      // A failure because the request was cut short is not the handler's fault.
      if (request.ended) return;
      const text = error instanceof Error ? error.stack ?? String(error) : String(error);
      this.#log("error", `fastcgi: the handler failed: ${text}`);
      request.writeStderr(encoder.encode(`${text}\n`));
      if (request.responded) request.breakOff();
      else request.endWithError(new RequestHead(), 500, "", FAILED_STATUS);
    } finally {
      // What still reads or writes would wait for ever.
      streams.fail(new Error("the request has ended"));
    }
  }
}

/** Exit status of a request whose handler failed. */
const FAILED_STATUS = 1;
const encoder = new TextEncoder();
const MAX_PIECE_BYTES = 65_528;

/** A request as streams. */
class RequestStreams implements FastCgiRequest, RequestReceiver {
  readonly role: RequestRole;
  readonly params: Readonly<Record<string, string>>;
  readonly stdout: WritableStream<Uint8Array | string>;
  readonly stderr: WritableStream<Uint8Array | string>;
  exitStatus = 0;

  readonly #request: ServerRequest;
  readonly #controller = new AbortController();
  readonly #stdin: InputQueue;
  readonly #data: InputQueue | null;
  #window: number;
  #creditWaiters: (() => void)[] = [];
  #wrongChunk: WrongChunkError | null = null;
  readonly #outputs = new HandlerOutputs((error) => {
    if (error instanceof WrongChunkError) this.#wrongChunk = error;
  });

  constructor(request: ServerRequest, params: Readonly<Record<string, string>>) {
    this.#request = request;
    this.#window = request.window;
    this.params = params;
    this.role = roleOf(request.role);
    this.#stdin = new InputQueue((bytes) => request.grant(STDIN, bytes));
    if (request.stdinIsEmpty) this.#stdin.end();
    this.#data = request.role === FILTER
      ? new InputQueue((bytes) => request.grant(DATA, bytes))
      : null;
    this.stdout = this.#outputs.open((chunk) =>
      this.#write(chunk, (piece) => request.writeStdout(piece))
    );
    this.stderr = this.#outputs.open((chunk) =>
      this.#write(chunk, (piece) => request.writeStderr(piece))
    );
    request.receiver = this;
  }

  get stdin(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#stdin.stream;
  }

  get data(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#data?.stream ?? null;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What a stream was given that it does not take; the handler need not have heard of it. */
  get wrongChunk(): WrongChunkError | null {
    return this.#wrongChunk;
  }

  /** Resolves when all that was given to the streams, waited for or not, was written. */
  flushed(): Promise<void> {
    return this.#outputs.flushed();
  }

  onInput(type: InputType, chunk: Uint8Array): void {
    (type === DATA ? this.#data : this.#stdin)?.push(chunk);
  }

  onInputEnd(type: InputType): void {
    (type === DATA ? this.#data : this.#stdin)?.end();
  }

  onCredit(bytes: number): void {
    this.#window += bytes;
    this.#wake();
  }

  onAbort(reason: AbortReason): void {
    const error = new DOMException(`the request was aborted (${reason})`, "AbortError");
    this.#controller.abort(error);
    if (reason !== "client-half-closed") this.fail(error);
  }

  onTimeout(): void {
    const error = new DOMException("the request timed out", "TimeoutError");
    this.#request.endWithError(new RequestHead(), 504, "", FAILED_STATUS);
    this.#controller.abort(error);
    this.fail(error);
  }

  onSent(): void {}

  /** The request has ended: the streams fail. */
  fail(error: Error): void {
    this.#stdin.fail(error);
    this.#data?.fail(error);
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#creditWaiters;
    this.#creditWaiters = [];
    for (const wake of waiters) wake();
  }

  async #write(bytes: Uint8Array, write: (chunk: Uint8Array) => void): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      while (this.#window <= 0 && !this.#request.ended) {
        await new Promise<void>((resolve) => this.#creditWaiters.push(resolve));
      }
      if (this.#request.ended) throw this.signal.reason ?? new Error("the request has ended");
      const piece = bytes.subarray(at, at + Math.min(this.#window, MAX_PIECE_BYTES));
      this.#window -= piece.length;
      write(piece);
      at += piece.length;
    }
  }
}
