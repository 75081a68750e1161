/**
 * What an app gets with a request besides the `Request`.
 *
 * @module
 */

import { resolved } from "../base/captured.ts";
import { clientOf } from "../message/client.ts";
import type { EndpointKind, RequestRole } from "../message/exchange.ts";
import { requestIdOf } from "../message/request_id.ts";
import { formatTraceparent, readTraceContext } from "../message/trace_context.ts";
import type { BodyPiece } from "./request_body.ts";
import { variablesOf } from "./meta_variables.ts";
import { responseTrailers } from "./response_trailers.ts";
import type { SignalClient } from "./signals/client.ts";
import type { Signals, Topics } from "./signals/members.ts";
import { RequestSignals, RequestTopics } from "./signals/members.ts";
import type { SendFileOptions } from "./file_response.ts";
import { fileResponse } from "./file_response.ts";
import type { AppTask } from "./task.ts";
import type { OutgoingMessage } from "./websocket/messages.ts";
import type { UpgradeOptions } from "./websocket/handlers.ts";

const { Headers: PlatformHeaders, TypeError } = globalThis;

/** The second argument of an app: a superset of `Deno.ServeHandlerInfo`. */
export interface Context {
  /**
   * Address of the client: what a trusted proxy says of it (`--trusted-proxies`), or else what the web
   * server says over FastCGI and Mongrel2, or else the other side of the connection. The port is 0 if
   * nobody says it. If a trusted proxy says that it does not know the client, or contradicts itself, the
   * `hostname` is `""`. Behind a web server on a unix socket that is not trusted, the address is nobody's:
   * `{ transport: "unix" }` without a path. `env.REMOTE_ADDR` is empty then.
   */
  readonly remoteAddr: Deno.Addr;
  /** Address of the endpoint that took the request. */
  readonly localAddr: Deno.Addr;
  /**
   * Settles when the response was sent: resolves then, and rejects with a `Deno.errors.Interrupted`
   * if it was not sent in full. Ask for it before the response is returned.
   */
  readonly completed: Promise<void>;
  /** The protocol that the request came in over. */
  readonly endpoint: EndpointKind;
  /**
   * Id of the request: what a trusted proxy has sent in `X-Request-Id`, or one of this gateway's. Unlike any other
   * request's, unless a proxy repeats one, but not secret.
   */
  readonly requestId: string;
  /**
   * CGI/1.1 meta-variables (RFC 3875 4.1), such as `REQUEST_METHOD` and `PATH_INFO`. Under FastCGI these
   * are the parameters as the web server sent them, and `FCGI_ROLE`. Middleware may set some for what it is
   * around, such as `AUTH_TYPE` and `REMOTE_USER`: no client can.
   */
  readonly env: Record<string, string>;
  /** The path prefix that the app is mounted at, `""` at the root. */
  readonly mount: string;
  /** Fires when the client has gone away, or the request has timed out. */
  readonly signal: AbortSignal;
  /**
   * The request's place in a trace, in the form of `traceparent` (W3C Trace Context): pass it on to what you ask.
   * If requests are traced, it is that of the app; else what the client has sent. `""` if there is none.
   */
  readonly traceparent: string;
  /** What tracing systems keep with that, in the form of `tracestate`; `""` if there is none. */
  readonly tracestate: string;
  /** Trailer fields of the request; resolves when its body has been received in full. */
  readonly trailers: Promise<Headers>;
  /**
   * Sets the trailer fields of the response: before it is returned, or while its body streams. A later call
   * replaces them. Set before, they are announced in `Trailer` (RFC 9110 6.6.2), and a body of any kind is
   * sent in chunks. They are sent to clients that say `TE: trailers` over HTTP/1.1 or Mongrel2, and to no
   * others (RFC 9110 6.5.1).
   *
   * @throws {TypeError} if one is malformed, or of a kind that cannot be a trailer, such as
   * `Content-Length`; or if it is too late, since the response has gone
   * @throws {RangeError} if they take more than 64 KiB
   */
  setTrailers(trailers: HeadersInit): void;
  /**
   * A response whose body is the file at `path`, a `file:` URL or a path, which begins at the working directory
   * of gatehouse if it is relative. Return it: the gateway opens the file, if the app may read it, decides by the
   * request's conditions, ranges and codings (RFC 9110, sections 12 to 14), and sends. A file that is missing, or
   * that the app may not read, is answered with 404.
   *
   * @throws {TypeError} if the URL is none of a file, or the path is empty or longer than 4,096 bytes
   * @throws {RangeError} if the status is not from 200 to 599
   */
  sendFile(path: string | URL, options?: SendFileOptions): Response;
  /** What the web server wants: `"responder"`, unless FastCGI says otherwise. */
  readonly role: RequestRole;
  /** The file that a FastCGI filter works on; `null` in all other roles. */
  readonly data: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Signals: requests wait for one another, in whatever worker or process they are. */
  readonly signals: Signals;
  /** Topics: events with ids, of which the last ones are kept. */
  readonly topics: Topics;
  /** Registers work that outlives the response: shutdown waits for it. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing: for apps that were written for Cloudflare. */
  passThroughOnException(): void;
  /**
   * Upgrades the request to a WebSocket, which the app's `websocket` handles, and which stays open when the code is
   * reloaded. Return the response, or nothing; or get `null`, and answer otherwise, if the request is no
   * handshake. Over FastCGI, the client gets 501.
   *
   * @throws {TypeError} if the app has no `websocket`, or the client does not offer the subprotocol
   * @throws {RangeError} if there is more than 64 KiB of data
   * @throws {Error} if the data cannot be cloned
   */
  upgrade(request: Request, options?: UpgradeOptions): Response | null;
  /**
   * Sends `message` to all sockets of the app that are subscribed to `topic`, in all workers and processes.
   * Returns its bytes, of which there can be 1 MiB.
   *
   * @throws {RangeError} if there are more
   */
  publish(topic: string, message: Exclude<OutgoingMessage, Blob>): number;
  /** Reads the request's body in the chunks that the client framed it in, instead of `request.body`. */
  chunks(): AsyncIterableIterator<BodyPiece>;
}

/** Where sockets of `node:http` and fetch events have the context of their request. */
export const CONTEXT: unique symbol = Symbol.for("gatehouse.context");

/**
 * The context of a request whose handler is given none. `request` is what a server of `node:http` gives its listeners,
 * or what a framework has around it with the same `socket`, as Express, Fastify and Koa have; or a fetch event.
 *
 * @throws {TypeError} if it is not of the gateway that the app runs in
 */
export function contextOf(request: object): Context {
  const { [CONTEXT]: own, socket } = request as RequestHolder;
  const context = own ?? socket?.[CONTEXT];
  if (context !== undefined) return context;
  throw new TypeError(
    "there is no context: it is neither a request of node:http nor a fetch event of gatehouse",
  );
}

/** What may have a context. */
interface RequestHolder {
  readonly [CONTEXT]?: Context;
  readonly socket?: { readonly [CONTEXT]?: Context } | null;
}

/** The task of a context; `null` if the context is another object. */
export let taskOf: (context: Context) => AppTask | null;

/** Context of `task`, an app mounted at `mount`. */
export class AppContext implements Context {
  static {
    taskOf = (context) => #task in context ? context.#task : null;
  }

  readonly mount: string;
  readonly #task: AppTask;
  readonly #waitUntil: (promise: Promise<unknown>) => void;
  readonly #signalClient: () => SignalClient;
  #env: Record<string, string> | null = null;
  #data: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #signals: Signals | null = null;
  #topics: Topics | null = null;

  /** Makes the context; `waitUntil` takes promises to wait for, `signalClient` connects to the hub of signals. */
  constructor(
    task: AppTask,
    mount: string,
    waitUntil: (promise: Promise<unknown>) => void,
    signalClient: () => SignalClient,
  ) {
    this.#signalClient = signalClient;
    this.#task = task;
    this.mount = mount;
    this.#waitUntil = waitUntil;
  }

  get remoteAddr(): Deno.Addr {
    return clientOf(this.#task.head);
  }

  get localAddr(): Deno.Addr {
    return this.#task.head.peer.localAddr;
  }

  get completed(): Promise<void> {
    return this.#task.completed;
  }

  get endpoint(): EndpointKind {
    return this.#task.head.peer.endpoint;
  }

  get requestId(): string {
    return requestIdOf(this.#task.head);
  }

  get env(): Record<string, string> {
    return this.#env ??= variablesOf(this.#task.head, this.mount);
  }

  get signal(): AbortSignal {
    return this.#task.signal;
  }

  get traceparent(): string {
    const said = readTraceContext(this.#task.head);
    return said === null ? "" : formatTraceparent(said);
  }

  get tracestate(): string {
    return readTraceContext(this.#task.head)?.state ?? "";
  }

  get trailers(): Promise<Headers> {
    return this.#task.body?.trailers ?? resolved(new PlatformHeaders());
  }

  setTrailers(trailers: HeadersInit): void {
    this.#task.setTrailers(responseTrailers(trailers));
  }

  sendFile(path: string | URL, options: SendFileOptions = {}): Response {
    return fileResponse(path, options);
  }

  get role(): RequestRole {
    return this.#task.head.role;
  }

  get data(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#data ??= this.#task.data?.stream() ?? null;
  }

  get signals(): Signals {
    return this.#signals ??= new RequestSignals(this.#task, this.#signalClient());
  }

  get topics(): Topics {
    return this.#topics ??= new RequestTopics(this.#task, this.#signalClient());
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#waitUntil(promise);
  }

  passThroughOnException(): void {}

  upgrade(_: Request, options: UpgradeOptions = {}): Response | null {
    return this.#task.openSocket(options);
  }

  publish(topic: string, message: Exclude<OutgoingMessage, Blob>): number {
    return this.#task.publish(topic, message);
  }

  async *chunks(): AsyncGenerator<BodyPiece, void, void> {
    const { body } = this.#task;
    if (body === null) return;
    if (body.used) throw new TypeError("Body already consumed.");
    yield* body.pieces();
  }
}
