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
import { FlushQueue } from "../net/flush_queue.ts";
import { Mongrel2Client } from "./client.ts";
import type { ClientHost } from "./client.ts";
import { ServerFlow } from "./delivery.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import { formatReply, headerValue, parseLentMessage } from "./codec/message.ts";
import { isFrame } from "./codec/socket_frames.ts";
import { Mongrel2Sockets } from "./sockets.ts";
import type { Mongrel2Spec } from "./codec/spec.ts";
import { UploadFolder } from "./upload.ts";

/** Options of a {@linkcode Mongrel2Endpoint}. */
export interface Mongrel2EndpointOptions {
  /** Where Mongrel2 is. */
  readonly spec: Mongrel2Spec;
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of requests, as far as Mongrel2 leaves any to the handler. */
  readonly limits: RequestLimits;
  /** Bytes of a WebSocket's message at the most. Default: 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Whether another process is a handler of the same server: it would get part of each WebSocket's messages. */
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

const decoder = new TextDecoder();

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

  readonly #sockets: Mongrel2Sockets;
  readonly #host: { -readonly [Name in keyof ClientHost]: ClientHost[Name] };
  readonly #log: Log;
  /** The clients that something has to be remembered of, and those with a request under way. */
  readonly #clients = new Map<string, Mongrel2Client>();
  readonly #busy = new Set<Mongrel2Client>();
  readonly #flow = new ServerFlow();
  /** Those that have their response, of which Mongrel2 has still to give word, and since when. */
  readonly #untold = new Map<Mongrel2Client, number>();
  /** The same for clients without notices: it counts if they turn out to ask ahead. */
  readonly #recent = new Map<Mongrel2Client, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #onConnected = Promise.withResolvers<void>();
  readonly #flushes = new FlushQueue<Mongrel2Client>();
  #emptyWaiter: PromiseWithResolvers<void> | null = null;
  #closing: Promise<void> | null = null;
  readonly #jsonSockets: "ignored" | "closed";
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
    this.#jsonSockets = options.jsonSockets ?? "ignored";
    this.connected = this.#onConnected.promise;
    const sockets = this.#sockets = new Mongrel2Sockets(spec, {
      onMessage: (bytes) => this.#onMessage(bytes),
      onConnected: () => this.#onConnected.resolve(),
      onAwaited: (where) =>
        log("warning", `mongrel2: waiting for Mongrel2, which is not at ${where} yet`),
      onRoom: () => {
        for (const client of this.#busy) client.onRoom();
      },
      // When Mongrel2 comes again, its numbers are other clients'.
      onDisconnected: () => {
        this.#flow.reset();
        for (const client of [...this.#clients.values()]) client.onGone("client-gone");
      },
    });
    const address = addressOf(spec.send);
    const peer = (scheme: "http" | "https"): Peer => ({
      endpoint: "mongrel2",
      scheme,
      remoteAddr: address,
      localAddr: address,
    });
    this.#host = {
      handler,
      limits,
      uploads: new UploadFolder(spec),
      log,
      peers: { http: peer("http"), https: peer("https") },
      date: new OwnLines(options.server),
      now: 0,
      get isCongested() {
        return sockets.isCongested;
      },
      maxMessageBytes,
      isShared,
      flow: this.#flow,
      send: (reply) => {
        this.counts.replies++;
        return sockets.send(reply);
      },
      sendParts: (beginning, rest) => {
        this.counts.replies++;
        return sockets.sendParts(beginning, rest);
      },
      scheduleFlush: (client) => this.#flushes.add(client),
      onIdle: (client) => this.#onIdle(client),
    };
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
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
    await this.#closeSockets(Math.min(graceMs, MAX_SOCKETS_MS));
    await this.#awaitLargeResponses(Math.min(graceMs / 3, MAX_STAY_MS));
    await this.#sockets.leave();
    // Deliveries from now on are reported to the remaining handlers.
    this.#flow.isHeard = false;
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
    this.#isCutting = true;
    for (const client of [...this.#busy]) {
      this.cutOffCount += client.requestCount;
      client.cutOff();
    }
    for (const client of [...this.#clients.values()]) client.onGone("shutdown");
    // Some may have been on their way still.
    await this.#sockets.close();
    if (this.cutOffCount === 0) return;
    this.#log("warning", `mongrel2: requests cut off: ${this.cutOffCount}`);
  }

  #close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#closing ??= this.#sockets.close();
  }

  #onMessage(bytes: Uint8Array): void {
    let message: Mongrel2Message;
    const { counts } = this;
    counts.messages++;
    try {
      message = parseLentMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      counts.malformed++;
      this.#log("warning", `mongrel2: ${error.message}: skipped`);
      return;
    }
    const key = `${message.senderId} ${message.connId}`;
    const method = headerValue(message, "METHOD");
    // A client may have these methods, too, in requests that are like others.
    const isNotice = method === "JSON" && headerValue(message, "VERSION") === undefined;
    if (isNotice || (method === undefined && !this.#clients.has(key))) {
      counts.notices++;
      this.#onNotice(message, this.#clients.get(key));
      return;
    }
    if (isFrame(message)) {
      counts.frames++;
      this.#onFrame(message, this.#clients.get(key));
      return;
    }
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = new Mongrel2Client(message.senderId, message.connId, this.#host);
      this.#clients.set(key, client);
    }
    if (this.#isCutting) {
      this.cutOffCount++;
      client.turnAway(message);
      return;
    }
    this.#untold.delete(client);
    this.#recent.delete(client);
    this.#busy.add(client);
    client.onRequest(message);
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
      this.#log("warning", `mongrel2: ${error.message}: its connection is closed`);
      client.disconnect();
    }
  }

  #closeConnection({ senderId, connId }: Mongrel2Message): void {
    this.#sockets.send(formatReply(senderId, [connId], EMPTY));
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
      this.#log("warning", "mongrel2: skipped a notice that is not JSON");
      return;
    }
    if (notice?.type === "disconnect") client?.onGone("client-gone");
    else if (notice?.type === "credits") {
      this.#flow.onWord();
      client?.onDelivered(Number(headerValue(message, "DOWNLOAD_CREDITS")));
      if (client !== undefined && !client.awaitsWord && this.#untold.delete(client)) {
        this.#forget(client);
      }
    }
  }

  #onIdle(client: Mongrel2Client): void {
    this.#busy.delete(client);
    if (client.awaitsWord) this.#untold.set(client, this.#host.now);
    else if (this.#flow.state === "on" || client.isGone) this.#forget(client);
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
    const host = this.#host;
    host.now = performance.now();
    host.date.update(Date.now());
    for (const client of this.#busy) client.checkDeadlines(host.now);
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
