/**
 * A Mongrel2 endpoint: a handler's sockets, and the clients whose requests come over them.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { ProtocolError } from "../base/errors.ts";
import type { ExchangeHandler, Peer } from "../message/exchange.ts";
import type { RequestLimits } from "../message/request_limits.ts";
import { OwnLines } from "../http1/codec/writer.ts";
import type { Log } from "../base/log.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../websocket/codec/limits.ts";
import { FaultLog } from "../net/fault_log.ts";
import { FlushQueue } from "../net/flush_queue.ts";
import { Mongrel2Client } from "./client.ts";
import type { ClientHost } from "./client.ts";
import { ServerFlow } from "./delivery.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import { formatReply, headerValue, parseLentMessage } from "./codec/message.ts";
import { isFrame } from "./codec/socket_frames.ts";
import type { DispatchLinkReport } from "./dispatch_link.ts";
import { DirectTransport } from "./direct_transport.ts";
import { OpenRequests } from "./open_requests.ts";
import type { RequestLink, RequestOrigin } from "./open_requests.ts";
import type { Mongrel2Spec } from "./codec/spec.ts";
import type { Mongrel2Transport, TransportOwner } from "./transport.ts";
import { UploadFolder } from "./upload.ts";

/** Options of a {@linkcode Mongrel2Endpoint}. */
export interface Mongrel2EndpointOptions {
  /** Where Mongrel2 is; with a transport of another kind, what apps are told of it. */
  readonly spec: Mongrel2Spec;
  /** Makes what carries messages and replies. Default: sockets at `spec`. */
  readonly transport?: (owner: TransportOwner) => Mongrel2Transport;
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of requests, as far as Mongrel2 leaves any to the handler. */
  readonly limits: RequestLimits;
  /** Bytes of a WebSocket's message at the most. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Whether another process is a handler at `spec`: it would get part of each WebSocket's messages. */
  readonly isShared?: boolean;
  /** What `Server` says in responses that do not have it. Default: there is none. */
  readonly server?: string;
  /** What becomes of connections on which a client speaks JSON. Default: nobody answers there. */
  readonly jsonSockets?: "ignored" | "closed";
  /** Takes messages about faults. */
  readonly log: Log;
}

/** Interval at which deadlines are looked at, in milliseconds. */
const TICK_MS = 100;

/** Time that word of what was sent is awaited after the end of a response, in milliseconds. */
const WORD_TIMEOUT_MS = 60_000;
/** Time for which messages without a notice are remembered, in milliseconds. */
const MEMORY_MS = 1_000;

/** Time that is stayed for WebSockets to be closed, in milliseconds: more than they give their clients. */
const MAX_SOCKETS_MS = 6_000;
/** Time that is stayed for large responses, in milliseconds. */
const MAX_STAY_MS = 10_000;
/** Interval at which it is checked whether they are done, in milliseconds. */
const STAY_LOOK_MS = 20;
/** Looks at which none of them waited for its client: what is left of them can go by time. */
const MAX_QUIET_LOOKS = 10;

/** Servers behind dispatchers, besides one, that something is remembered of. */
const MAX_OTHER_SENDERS = 15;

const decoder = new TextDecoder();

/** What an endpoint has for its clients; it keeps the clock. */
type EndpointHost = { -readonly [Name in keyof ClientHost]: ClientHost[Name] };

/** Makes apps the handler of a Mongrel2 server. */
export class Mongrel2Endpoint implements AsyncDisposable {
  /** Resolves when Mongrel2 was found to listen, or could not be found for a second. */
  readonly connected: Promise<void>;

  /** Requests that got no answer, or only part of one, because the endpoint was ended. */
  cutOffCount = 0;

  /** Messages that came, those of them that were malformed, frames of WebSockets and notices; replies. */
  readonly counts: Record<"messages" | "malformed" | "frames" | "notices" | "replies", number> = {
    messages: 0,
    malformed: 0,
    frames: 0,
    notices: 0,
    replies: 0,
  };

  readonly #transport: Mongrel2Transport;
  /** What the clients have in common: those of the one server, or of the first that dispatchers stand before. */
  readonly #host: EndpointHost;
  /** The same of the others, by their senders' identities. */
  readonly #otherHosts = new Map<string, EndpointHost>();
  readonly #makeHost: (flow: ServerFlow) => EndpointHost;
  #firstSender: string | null = null;
  readonly #log: Log;
  readonly #faults: FaultLog;
  /** The clients that something has to be remembered of, and those with a request under way. */
  readonly #clients = new Map<string, Mongrel2Client>();
  readonly #busy = new Set<Mongrel2Client>();
  /** Those that have their response, of which Mongrel2 has still to give word, and since when. */
  readonly #untold = new Map<Mongrel2Client, number>();
  /** The same for clients without notices: it counts if they turn out to ask ahead. */
  readonly #recent = new Map<Mongrel2Client, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #onConnected = Promise.withResolvers<void>();
  readonly #flushes = new FlushQueue<Mongrel2Client>();
  #emptyWaiter: PromiseWithResolvers<void> | null = null;
  #closing: Promise<void> | null = null;
  readonly #uploads: UploadFolder;
  readonly #jsonSockets: "ignored" | "closed";
  /** Whether requests of clients that have none under way are returned to their dispatchers. */
  #isReturning = false;
  #isCutting = false;

  /**
   * Connects to Mongrel2, now or as soon as it runs.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   */
  constructor(
    { spec, handler, limits, log, ...options }: Mongrel2EndpointOptions,
  ) {
    const { maxMessageBytes = DEFAULT_WEBSOCKET_LIMITS.maxMessageBytes, isShared = false } =
      options;
    this.#log = log;
    this.#faults = new FaultLog(log);
    this.#jsonSockets = options.jsonSockets ?? "ignored";
    this.connected = this.#onConnected.promise;
    const owner: TransportOwner = {
      onMessage: (bytes, origin) => this.#onMessage(bytes, origin),
      onConnected: () => this.#onConnected.resolve(),
      onAwaited: (what, where) =>
        log("warning", `mongrel2: waiting for ${what}, which is not at ${where} yet`),
      onRoom: () => {
        for (const client of this.#busy) client.onRoom();
      },
      onLost: (link) => this.#onLost(link),
      onClosing: () => {
        for (const { socket } of this.#busy) socket?.drain();
      },
    };
    const sharing = isShared ? "with several --processes" : null;
    const transport = this.#transport = options.transport?.(owner) ??
      new DirectTransport(spec, sharing, owner);
    const address = addressOf(spec.send);
    const peer = (scheme: "http" | "https"): Peer => ({
      endpoint: "mongrel2",
      scheme,
      remoteAddr: address,
      localAddr: address,
    });
    const peers = { http: peer("http"), https: peer("https") };
    const date = new OwnLines(options.server);
    const uploads = this.#uploads = new UploadFolder(spec);
    const { counts } = this;
    this.#makeHost = (flow) => ({
      handler,
      limits,
      route: spec.route ?? "path",
      uploads,
      uploadsStart: spec.uploadsStart ?? "complete",
      log,
      peers,
      date,
      now: performance.now(),
      get isCongested() {
        return transport.isCongested;
      },
      maxMessageBytes,
      sharing: transport.sharing,
      flow,
      sendParts(open, beginning, rest) {
        counts.replies++;
        transport.sendParts(open, beginning, rest);
      },
      scheduleFlush: (client) => this.#flushes.add(client),
      onIdle: (client) => this.#onIdle(client),
    });
    this.#host = this.#makeHost(new ServerFlow());
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** How its links to dispatchers do; none if it has sockets to Mongrel2 itself. */
  get links(): readonly DispatchLinkReport[] {
    return this.#transport.reports;
  }

  /** Makes a new generation of the apps known to dispatchers. */
  setGeneration(generation: number): void {
    this.#transport.setGeneration(generation);
  }

  /** Clients with a request under way. */
  get clientCount(): number {
    return this.#busy.size;
  }

  /** Requests without a complete answer. */
  get unansweredCount(): number {
    return [...this.#busy].reduce((sum, { requestCount }) => sum + requestCount, 0);
  }

  /**
   * Leaves Mongrel2, which gives its requests to other handlers from here on, and finishes what has
   * come. Resolves when all is answered, which should be within `graceMs`.
   */
  async drain(graceMs = Infinity): Promise<void> {
    const socketsMs = Math.min(graceMs, MAX_SOCKETS_MS);
    if (this.#transport.kind === "dispatched") {
      // What concerns its clients comes to this handler as long as it has them.
      this.#isReturning = true;
      await Promise.all([this.#transport.leave(), this.#closeSockets(socketsMs)]);
    } else {
      await this.#closeSockets(socketsMs);
      await this.#awaitLargeResponses(Math.min(graceMs / 3, MAX_STAY_MS));
      await this.#transport.leave();
      // Deliveries from now on are reported to the remaining handlers.
      this.#host.flow.isHeard = false;
    }
    for (const client of this.#busy) client.flush();
    if (this.#busy.size > 0) {
      this.#emptyWaiter ??= Promise.withResolvers();
      await this.#emptyWaiter.promise;
    }
    await this.#close();
  }

  /** Takes leave of WebSockets, while Mongrel2 still passes their answers on. */
  async #closeSockets(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const sockets = () => [...this.#busy].flatMap(({ socket }) => socket ?? []);
    for (const socket of sockets()) socket.drain();
    while (sockets().length > 0 && this.#closing === null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, STAY_LOOK_MS));
    }
  }

  /**
   * Stays for large responses under way, since Mongrel2 will report their deliveries to others from
   * then on.
   */
  async #awaitLargeResponses(timeoutMs: number): Promise<void> {
    const large = new Set([...this.#busy].filter((client) => client.needsWord));
    const deadline = performance.now() + timeoutMs;
    let quietLooks = 0;
    while (large.size > 0 && this.#closing === null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, STAY_LOOK_MS));
      for (const client of large) if (!this.#busy.has(client)) large.delete(client);
      const needWord = [...large].some((client) => client.needsWord);
      quietLooks = needWord ? 0 : quietLooks + 1;
      if (quietLooks === MAX_QUIET_LOOKS) break;
    }
  }

  /** Ends what is under way immediately, and then closes the sockets. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#closing ??= this.#cutOff());
  }

  /** Closes the connections of all whose requests were not answered: they would wait for ever. */
  async #cutOff(): Promise<void> {
    clearInterval(this.#timer);
    this.#uploads[Symbol.dispose]();
    this.#isCutting = true;
    this.#isReturning = this.#transport.kind === "dispatched";
    for (const client of [...this.#busy]) {
      this.cutOffCount += client.requestCount;
      client.cutOff();
    }
    for (const client of [...this.#clients.values()]) client.onGone("shutdown");
    // Some may have been on their way still.
    await this.#transport.close();
    if (this.cutOffCount === 0) return;
    this.#log("warning", `mongrel2: requests cut off: ${this.cutOffCount}`);
  }

  #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#uploads[Symbol.dispose]();
    return this.#closing ??= this.#transport.close();
  }

  #onMessage(bytes: Uint8Array, origin: RequestOrigin | null): void {
    let message: Mongrel2Message;
    const { counts } = this;
    counts.messages++;
    try {
      message = parseLentMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      counts.malformed++;
      this.#faults.warn(`mongrel2: ${error.message}: skipped`);
      origin?.link.done(origin.request, "answered");
      return;
    }
    const key = `${message.senderId} ${message.connId}`;
    const method = headerValue(message, "METHOD");
    // A client may have these methods, too, in requests that are like others.
    const isNotice = method === "JSON" && headerValue(message, "VERSION") === undefined;
    const client = this.#clients.get(key);
    if (isNotice || (method === undefined && client === undefined)) {
      counts.notices++;
      this.#onNotice(message, client);
    } else if (isFrame(message)) {
      counts.frames++;
      this.#onFrame(message, client);
    } else if (method !== undefined && origin === null && this.#transport.kind === "dispatched") {
      // It could not be answered.
      counts.malformed++;
      this.#faults.warn("mongrel2: a dispatcher has sent a request as if it were none: skipped");
    } else {
      this.#onRequest(message, key, client, method === undefined ? null : origin);
      if (method !== undefined) return;
    }
    // Of these, none is answered.
    origin?.link.done(origin.request, "answered");
  }

  /** Takes a request, or part of one, which has no origin. */
  #onRequest(
    message: Mongrel2Message,
    key: string,
    known: Mongrel2Client | undefined,
    origin: RequestOrigin | null,
  ): void {
    if (this.#isReturning && origin !== null && (known === undefined || !this.#busy.has(known))) {
      origin.link.done(origin.request, "returned");
      return;
    }
    const client = known ?? this.#newClient(message, key);
    if (this.#isCutting) {
      this.cutOffCount++;
      client.turnAway(message);
      return;
    }
    this.#untold.delete(client);
    this.#recent.delete(client);
    this.#busy.add(client);
    if (origin !== null) client.open?.push(origin);
    client.onRequest(message);
  }

  #newClient({ senderId, connId }: Mongrel2Message, key: string): Mongrel2Client {
    const client = this.#transport.kind === "direct"
      ? new Mongrel2Client(senderId, connId, this.#host, null)
      : new Mongrel2Client(senderId, connId, this.#hostOf(senderId), new OpenRequests());
    this.#clients.set(key, client);
    return client;
  }

  /** What the clients of a server have in common. */
  #hostOf(senderId: string): EndpointHost {
    this.#firstSender ??= senderId;
    if (senderId === this.#firstSender) return this.#host;
    let host = this.#otherHosts.get(senderId);
    if (host !== undefined) return host;
    host = this.#makeHost(new ServerFlow());
    for (const oldest of this.#otherHosts.keys()) {
      if (this.#otherHosts.size < MAX_OTHER_SENDERS) break;
      this.#otherHosts.delete(oldest);
    }
    this.#otherHosts.set(senderId, host);
    return host;
  }

  /**
   * Gives up the clients of a Mongrel2 that has gone: when it comes again, its numbers are other clients'. Or
   * gives up those whose requests came over `link`: another handler has them by now.
   */
  #onLost(link: RequestLink | null): void {
    if (link === null) this.#host.flow.reset();
    for (const client of [...this.#clients.values()]) {
      const lost = link === null ? "all" : client.open?.forget(link);
      if (lost === "all") client.onGone("client-gone");
      // Its answers come in an order that is not kept any more.
      else if (lost === "some") client.disconnect();
    }
  }

  /** Takes a frame of the WebSocket of `client`, if it has one: that of a handler that has gone is closed. */
  #onFrame(message: Mongrel2Message, client: Mongrel2Client | undefined): void {
    if (client === undefined) {
      this.#closeConnection(message);
      return;
    }
    try {
      client.onFrame(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#faults.warn(`mongrel2: ${error.message}: its connection is closed`);
      client.disconnect();
    }
  }

  #closeConnection({ senderId, connId }: Mongrel2Message): void {
    this.#transport.sendParts(null, "", formatReply(senderId, [connId], EMPTY));
  }

  /** Takes what Mongrel2 says about a client. */
  #onNotice(message: Mongrel2Message, client: Mongrel2Client | undefined): void {
    // What a client sends over a JSON socket has a path in its headers, too.
    if (message.path !== "@*" || headerValue(message, "PATH") !== undefined) {
      if (this.#jsonSockets === "closed") this.#closeConnection(message);
      return;
    }
    let notice: { readonly type?: unknown } | null;
    try {
      notice = JSON.parse(decoder.decode(message.body));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#faults.warn("mongrel2: skipped a notice that is not JSON");
      return;
    }
    if (notice?.type === "disconnect") client?.onGone("client-gone");
    else if (notice?.type === "credits") {
      const isOther = client === undefined && this.#transport.kind === "dispatched";
      if (!isOther) (client?.flow ?? this.#host.flow).onWord();
      client?.onDelivered(Number(headerValue(message, "DOWNLOAD_CREDITS")));
      if (client !== undefined && !client.awaitsWord && this.#untold.delete(client)) {
        this.#forget(client);
      }
    }
  }

  #onIdle(client: Mongrel2Client): void {
    this.#busy.delete(client);
    if (client.awaitsWord) this.#untold.set(client, this.#host.now);
    else if (client.flow.state === "on" || client.isGone) this.#forget(client);
    else this.#recent.set(client, this.#host.now);
    if (this.#busy.size === 0) this.#emptyWaiter?.resolve();
  }

  #forget(client: Mongrel2Client): void {
    this.#untold.delete(client);
    this.#recent.delete(client);
    const key = `${client.senderId} ${client.connId}`;
    if (this.#clients.get(key) === client) this.#clients.delete(key);
  }

  #tick(): void {
    const now = performance.now();
    for (const host of [this.#host, ...this.#otherHosts.values()]) host.now = now;
    this.#host.date.update(Date.now());
    for (const client of this.#busy) client.checkDeadlines(now);
    this.#forgetOld(this.#untold, WORD_TIMEOUT_MS);
    this.#forgetOld(this.#recent, MEMORY_MS);
  }

  /** Forgets clients that have been in `clients`, in order, for longer than `maxMs`. */
  #forgetOld(clients: ReadonlyMap<Mongrel2Client, number>, maxMs: number): void {
    for (const [client, since] of clients) {
      if (this.#host.now - since < maxMs) break;
      this.#forget(client);
    }
  }
}

/** A ZeroMQ endpoint as an address, as far as it is one. */
function addressOf(endpoint: string): Deno.Addr {
  const [, host, port] = /^tcp:\/\/(.*):(\d+)$/.exec(endpoint) ?? [];
  if (host === undefined) return { transport: "unix", path: endpoint.replace(/^\w+:\/\//, "") };
  return { transport: "tcp", hostname: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}
