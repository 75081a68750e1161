/**
 * Has servers of Node's kind answer requests: their listeners get objects of Node's kind.
 *
 * @module
 */

import type { Channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { IncomingMessage, OutgoingMessage, Server, ServerResponse } from "node:http";
import { nextTick } from "node:process";
import type { Duplex, Readable } from "node:stream";
import type { Members } from "../../sandbox/locks.ts";
import type { AbortReason } from "../../message/exchange.ts";
import type { Context } from "../context.ts";
import { taskOf } from "../context.ts";
import { sentRequest } from "../request.ts";
import type { AppTask } from "../task.ts";
import { connectionTeller } from "./connection_event.ts";
import type { OwnClasses } from "./own_classes.ts";
import { ownClasses } from "./own_classes.ts";
import type { BridgedRequest, RequestMaker, RequestParts } from "./node_request.ts";
import { bodyReader, requestMaker, streamReader } from "./node_request.ts";
import type { BridgedResponse, ResponseMaker, ResponseParts } from "./node_response.ts";
import { responseMaker } from "./node_response.ts";
import type { OpenSockets, SocketOwner } from "./node_socket.ts";
import { BridgedSocket } from "./node_socket.ts";
import { upgradeEmitter } from "./node_upgrade.ts";
import { asksForUpgrade, refuseUpgrade } from "./upgrades.ts";

/** A server whose requests come over the gateway. */
export interface BridgedServer {
  /** The app's server. */
  readonly server: Server;
  /** Sockets of its requests under way. */
  readonly sockets: OpenSockets;
  /** Writes a line to the log, once. */
  noteUpgrades(): void;
}

/** Answers a request with what the listeners of a server make of it. */
export type NodeBridge = (
  bridged: BridgedServer,
  request: Request,
  context: Context,
) => Response | Promise<Response>;

/** The modules of Node that the bridge needs. */
export interface NodeModules {
  readonly http: Members;
  readonly stream: Members;
  readonly diagnostics: Members;
}

/** The options of a server that concern its requests, as Node's servers have them. */
interface ServerOptions {
  readonly timeout?: number;
  readonly highWaterMark?: number;
  readonly joinDuplicateHeaders?: boolean;
}

const { Error, WeakMap } = globalThis;
/** What may wait to be sent before `write()` says that it is enough, unless the server says another. */
const HIGH_WATER_BYTES = 65_536;

/** Makes the bridge. */
export function nodeBridge({ http, stream, diagnostics }: NodeModules): NodeBridge {
  const requests = requestMaker(
    stream.Readable as typeof Readable,
    http.IncomingMessage as typeof IncomingMessage,
  );
  const responses = responseMaker(
    EventEmitter,
    http.ServerResponse as typeof ServerResponse,
    http.OutgoingMessage as typeof OutgoingMessage,
    http.STATUS_CODES as Readonly<Record<number, string>>,
  );
  const channel = diagnostics.channel as (name: string) => Channel;
  const started = channel("http.server.request.start");
  const finished = channel("http.server.response.finish");
  const known = new WeakMap<Server, OwnClasses>();
  const emitUpgrade = upgradeEmitter(stream.Duplex as typeof Duplex);
  const tellOfConnection = connectionTeller(http);

  return (bridged, request, context) => {
    const { server, sockets } = bridged;
    const { timeout = 0, highWaterMark, joinDuplicateHeaders = false } = server as ServerOptions;
    const task = taskOf(context);
    const parts = partsOf(request, task, joinDuplicateHeaders, highWaterMark);
    let classes = known.get(server);
    if (classes === undefined) {
      classes = ownClasses(server, http, requests.class, responses.class);
      known.set(server, classes);
    }
    if (server.listenerCount("upgrade") > 0 && asksForUpgrade(parts)) {
      if (task === null || task.head.peer.endpoint !== "http") {
        bridged.noteUpgrades();
        return refuseUpgrade();
      }
      return emitUpgrade(server, task, context, (socket) => {
        const taken = socket as unknown as BridgedSocket;
        return requests.make(parts, taken, classes.request) as unknown as IncomingMessage;
      });
    }
    const isEncrypted = task !== null
      ? task.head.peer.scheme === "https"
      : request.url.startsWith("https:");
    const socket = new BridgedSocket(server, isEncrypted, context);
    const req = requests.make(parts, socket, classes.request);
    const exchange = new BridgedExchange(bridged, requests, responses, req, socket, task);
    exchange.highWaterMark = highWaterMark ?? HIGH_WATER_BYTES;
    const res = exchange.res = responses.make(exchange, req, socket, classes.response);
    if (finished.hasSubscribers) {
      res.once("finish", () => finished.publish({ request: req, response: res, socket, server }));
    }
    sockets.add(socket);
    socket.own(exchange);
    if (timeout > 0) socket.setTimeout(timeout);
    if (started.hasSubscribers) started.publish({ request: req, response: res, socket, server });
    const isChecked = task !== null && task.head.expectsContinue &&
      server.listenerCount("checkContinue") > 0;
    const event = isChecked ? "checkContinue" : "request";
    try {
      tellOfConnection(server, socket);
      const args = [req as unknown as IncomingMessage, res as unknown as ServerResponse] as const;
      const isHeard = isChecked ? server.emit(event, ...args) : server.emit("request", ...args);
      if (!isHeard) throw new Error("the server of the app has no listener for requests");
    } catch (error) {
      // Whoever is given the error answers before that.
      nextTick(() => socket.destroy());
      throw error;
    }
    if (!responses.isDone(res)) exchange.watch(context);
    return responses.responseOf(res);
  };
}

/** One request and its response. */
class BridgedExchange implements ResponseParts, SocketOwner {
  highWaterMark = HIGH_WATER_BYTES;
  res!: BridgedResponse;
  readonly #bridged: BridgedServer;
  readonly #requests: RequestMaker;
  readonly #responses: ResponseMaker;
  readonly #req: BridgedRequest;
  readonly #socket: BridgedSocket;
  readonly #task: AppTask | null;
  #cause: Error | undefined = undefined;

  constructor(
    bridged: BridgedServer,
    requests: RequestMaker,
    responses: ResponseMaker,
    req: BridgedRequest,
    socket: BridgedSocket,
    task: AppTask | null,
  ) {
    this.#bridged = bridged;
    this.#requests = requests;
    this.#responses = responses;
    this.#req = req;
    this.#socket = socket;
    this.#task = task;
  }

  /** Ends the socket when the client goes; without a task, when the signal of `context` fires. */
  watch(context: Context): void {
    if (this.#task !== null) {
      this.#task.whenAborted((reason) => this.#onAborted(reason));
      return;
    }
    // To ask for it makes it.
    const { signal } = context;
    if (signal.aborted) this.#onClientGone();
    else signal.addEventListener("abort", () => this.#onClientGone(signal.reason), { once: true });
  }

  inform(status: number, fieldLines: string): void {
    if (status === 100) this.#task?.sentBody?.permit();
    else this.#task?.inform(status, fieldLines);
  }

  onFinished(): void {
    this.#bridged.sockets.delete(this.#socket);
    this.#socket.release();
    this.#requests.onResponseEnded(this.#req);
  }

  onSocketEnded(error: Error | undefined): void {
    this.#bridged.sockets.delete(this.#socket);
    // What was complete goes on its way.
    if (this.#responses.isDone(this.res)) return;
    this.#task?.cut();
    this.#responses.onSocketEnded(this.res, this.#cause ?? error);
    this.#socket.guard(() => this.#requests.onSocketEnded(this.#req, error));
  }

  onSocketTimeout(): boolean {
    const { complete } = this.#req as unknown as IncomingMessage;
    const byRequest = !complete && this.#req.emit("timeout", this.#socket);
    const byResponse = this.res.emit("timeout", this.#socket);
    const byServer = this.#bridged.server.emit("timeout", this.#socket as never);
    return byRequest || byResponse || byServer;
  }

  onListenerError(error: unknown): void {
    if (this.#task !== null) this.#task.failWith(error);
    else this.#cause = error as Error;
    this.#socket.destroy();
  }

  #onAborted(reason: AbortReason): void {
    // Whoever sends no more may still read; but from one that does so amid a response, no more is to be expected:
    // mostly it has gone, which cannot be told apart.
    const isGone = reason !== "client-half-closed" || this.#responses.isStreaming(this.res);
    if (isGone) this.#onClientGone();
    else this.#socket.guard(() => this.#requests.onHalfClosed(this.#req));
  }

  #onClientGone(cause?: Error): void {
    this.#cause = cause;
    this.#socket.destroy(undefined);
  }
}

/** What a request of Node's kind is made of: as the client sent it, as far as middleware has left it so. */
function partsOf(
  request: Request,
  task: AppTask | null,
  joinsAll: boolean,
  highWaterMark: number | undefined,
): RequestParts {
  const sent = sentRequest(request);
  const rawHeaders = sent?.fields ?? rawFields(request.headers);
  if (sent !== null && sent.task === task) {
    const { head, sentBody } = task;
    const body = sentBody === null || sentBody.used ? null : bodyReader(sentBody);
    const { method, minorVersion } = head;
    return { method, url: sent.target, rawHeaders, minorVersion, joinsAll, highWaterMark, body };
  }
  const { url, method } = request;
  return {
    method,
    url: url.slice(url.indexOf("/", url.indexOf("://") + 3)),
    rawHeaders,
    minorVersion: 1,
    joinsAll,
    highWaterMark,
    body: request.body === null ? null : streamReader(request.body),
  };
}

function rawFields(headers: Headers): string[] {
  const raw: string[] = [];
  for (const [name, value] of headers) raw.push(name, value);
  return raw;
}
