/**
 * Servers of `node:http` and `node:https` for apps that serve themselves with them: what listens while its
 * module is loaded gets the gateway's requests, as events with objects of Node's kind, and no socket is opened.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import type { Server, ServerResponse } from "node:http";
import { nextTick } from "node:process";
import { ignoreRejection } from "../../base/captured.ts";
import type { Members, Method, NodeProcess } from "../../sandbox/locks.ts";
import { replace } from "../../sandbox/locks.ts";
import type { App } from "../apps.ts";
import type { BridgedServer, NodeBridge, NodeModules } from "./node_bridge.ts";
import { nodeError } from "./node_members.ts";
import type { BridgedSocket } from "./node_socket.ts";
import { OpenSockets } from "./node_socket.ts";
import type { LoadedModule, OfferedApp } from "./served_module.ts";
import { servingModule } from "./served_module.ts";

/** What was taken. */
export interface TakenServers {
  /** All apps are loaded: those that have made no server of Node's by now need not be watched any more. */
  settle(): void;
  /** Leaves all to the runtime again. */
  leave(): void;
}

/** How a server was asked to listen. */
interface ListenRequest {
  readonly port: number;
  readonly host: string;
  readonly path: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly callback: Method | undefined;
}

const { Number, Promise, WeakMap, WeakSet } = globalThis;
const { defineProperty, getOwnPropertySymbols, getPrototypeOf, hasOwn } = Object;
const REJECTION = Symbol.for("nodejs.rejection");
const { apply } = Reflect;
const { isInteger } = Number;
const MAX_PORT = 65_535;
const { process } = globalThis as unknown as { process: NodeProcess };
const emitters = EventEmitter as unknown as { init: Method };

/**
 * Makes servers that listen give their requests' listeners to the gateway, for modules that are loaded. They are
 * told that they listen at `address`.
 *
 * Node's modules are loaded by the apps that use them, as that takes time; so a server is noticed when
 * it is made, which all emitters of events begin with.
 */
export function takeNodeServers(address: Deno.Addr | undefined): TakenServers {
  const native = emitters.init;
  const undo: (() => void)[] = [];
  const init = function (this: unknown, ...args: unknown[]): unknown {
    if (undo.length === 0 && isServer(this as object)) undo.push(...takeListening(address));
    return apply(native, this, args);
  };
  emitters.init = init;
  const settle = () => {
    if (emitters.init === init) emitters.init = native;
  };
  return {
    settle,
    leave() {
      settle();
      for (const each of undo) each();
    },
  };
}

/** Whether an object may be a server, of whatever kind. */
function isServer(emitter: object): boolean {
  try {
    for (let each = getPrototypeOf(emitter); each !== null; each = getPrototypeOf(each)) {
      const name: unknown = hasOwn(each, "constructor") ? each.constructor?.name : undefined;
      if (name === "Server" || name === "ServerImpl") return true;
    }
  } catch {
    // Members of classes of apps can throw.
  }
  return false;
}

function takeListening(address: Deno.Addr | undefined): (() => void)[] {
  const http = process.getBuiltinModule("http")!;
  const https = process.getBuiltinModule("https")!;
  const bridge = lazyBridge({
    http,
    stream: process.getBuiltinModule("stream")!,
    diagnostics: process.getBuiltinModule("diagnostics_channel")!,
  });
  const ofHttp = (http.Server as { prototype: Members }).prototype;
  const ofHttps = (https.Server as { prototype: Members }).prototype;
  giveTimeout(ofHttp);
  const undo = [takeListen(ofHttp, "http", bridge, address)];
  // In some versions, servers of both kinds are of one.
  if (ofHttps.listen !== ofHttp.listen) {
    undo.push(takeListen(ofHttps, "https", bridge, address));
  }
  undo.push(noticeOthers(process.getBuiltinModule("net")!, http));
  return undo;
}

/** Has servers take a time limit, where the runtime's (Deno 2.6) print instead that they cannot. */
function giveTimeout(prototype: Members): void {
  if ((prototype.setTimeout as Method).length > 0) return;
  const setTimeout = function (this: Server, timeoutMs: number, onTimeout?: () => void): Server {
    this.timeout = timeoutMs;
    if (onTimeout) this.on("timeout", onTimeout);
    return this;
  };
  replace(prototype, "setTimeout", setTimeout);
}

/** Has modules know of servers that listen at places of their own: why nothing is served may lie there. */
function noticeOthers(net: Members, http: Members): () => void {
  const { prototype } = net.Server as { prototype: Members };
  const native = prototype.listen as Method;
  const HttpServer = http.Server as new () => object;
  const listen = function (this: unknown, ...args: unknown[]): unknown {
    const { constructor } = this as object;
    const name = typeof constructor?.name === "string" ? constructor.name : "";
    const kind = name.startsWith("Http2") ? "http2" : name.startsWith("TLS") ? "tls" : "net";
    if (!(this instanceof HttpServer)) servingModule()?.listensElsewhere(kind);
    return apply(native, this, args);
  };
  replace(prototype, "listen", listen);
  return () => {
    if (prototype.listen === listen) replace(prototype, "listen", native);
  };
}

function takeListen(
  prototype: Members,
  scheme: "http" | "https",
  bridge: LazyBridge,
  address: Deno.Addr | undefined,
): () => void {
  const native = prototype.listen as Method;
  const listen = function (this: unknown, ...args: unknown[]): unknown {
    const module = servingModule();
    if (module === null) return apply(native, this, args);
    return listenHere(this as Server, module, scheme, bridge, address, args);
  };
  replace(prototype, "listen", listen);
  return () => {
    if (prototype.listen === listen) replace(prototype, "listen", native);
  };
}

const listening = new WeakSet<Server>();
const bridges = new WeakMap<Server, BridgedServer>();

function listenHere(
  server: Server,
  module: LoadedModule,
  scheme: "http" | "https",
  bridge: LazyBridge,
  address: Deno.Addr | undefined,
  args: readonly unknown[],
): Server {
  if (listening.has(server)) {
    throw nodeError(
      "ERR_SERVER_ALREADY_LISTEN",
      "Listen method has been called more than once without closing.",
    );
  }
  listening.add(server);
  const { callback, host, path, port, signal } = listenRequest(args);
  if (callback !== undefined) server.once("listening", callback as () => void);
  const bridged = bridgedServer(server, module);
  const place = path === undefined ? `at port ${port}` : `at ${path}`;
  // Some listen at each address of a name, with a server each.
  const isAgain = module.served !== null && !module.isShutDown && address !== undefined &&
    "port" in address && address.port === port;
  const offered = isAgain
    ? undefined
    : module.offer(`a server of node:${scheme} ${place}`, fetchOf(bridged, bridge));
  const asked: Deno.Addr = path === undefined
    ? { transport: "tcp", hostname: host, port }
    : { transport: "unix", path };
  setUp(bridged, address ?? asked, offered);
  const close = () => void server.close();
  if (signal?.aborted) nextTick(close);
  else signal?.addEventListener("abort", close, { once: true });
  nextTick(() => {
    if (server.listening) server.emit("listening");
  });
  return server;
}

function bridgedServer(server: Server, module: LoadedModule): BridgedServer {
  const known = bridges.get(server);
  if (known !== undefined) return known;
  let isNoted = false;
  const bridged: BridgedServer = {
    server,
    sockets: new OpenSockets(),
    noteUpgrades() {
      if (isNoted) return;
      isNoted = true;
      module.note(
        `${module.url} listens for "upgrade" (WebSocket), and cannot be given connections of FastCGI or ` +
          "Mongrel2: requests for them get a 501",
      );
    },
  };
  bridges.set(server, bridged);
  catchRejections(server);
  return bridged;
}

/**
 * Has what an asynchronous listener for requests rejects with fail its request alone. Node's servers can do so
 * by themselves, but it is off there unless it was asked for.
 */
function catchRejections(server: Server): void {
  const members = server as unknown as Record<symbol, unknown>;
  if (hasOwn(server, REJECTION)) return;
  for (const symbol of getOwnPropertySymbols(server)) {
    // The app has asked for it.
    if (symbol.description === "kCapture" && members[symbol] === true) return;
    if (symbol.description === "kCapture") members[symbol] = true;
  }
  const onRejection = (error: unknown, event: string, _: unknown, response?: ServerResponse) => {
    const isOfRequest = event === "request" || event === "checkContinue";
    const socket = response?.socket as unknown as BridgedSocket | null | undefined;
    if (isOfRequest && socket && !response!.writableFinished) socket.guard(() => throwAgain(error));
    // As if nobody had caught it.
    else new Promise((_, reject) => reject(error));
  };
  defineProperty(server, REJECTION, { value: onRejection, writable: true, configurable: true });
}

function throwAgain(error: unknown): never {
  throw error;
}

/** Gives a server the members that it has while it listens. */
function setUp(
  { server, sockets }: BridgedServer,
  address: Deno.Addr,
  offered: OfferedApp | undefined,
): void {
  const close = (callback?: (error?: Error) => void): Server => {
    if (!listening.delete(server)) {
      const error = nodeError("ERR_SERVER_NOT_RUNNING", "Server is not running.");
      if (typeof callback === "function") nextTick(callback, error);
      return server;
    }
    own(server, "listening", false);
    if (typeof callback === "function") server.once("close", callback);
    const ended = offered?.shutDown() ?? Promise.resolve();
    ended.then(() => server.emit("close"));
    return server;
  };
  own(server, "listening", true);
  own(server, "address", () => server.listening ? addressInfoOf(address) : null);
  own(server, "close", close);
  own(server, "closeAllConnections", () => sockets.destroyAll());
  own(server, "closeIdleConnections", () => {});
  own(server, "ref", () => server);
  own(server, "unref", () => server);
  own(server, "getConnections", (callback: (error: null, count: number) => void) => {
    nextTick(callback, null, sockets.size);
    return server;
  });
}

function own(server: Server, name: string, value: unknown): void {
  defineProperty(server, name, { value, writable: true, enumerable: false, configurable: true });
}

function addressInfoOf(address: Deno.Addr): unknown {
  if (!("hostname" in address)) return "path" in address ? address.path : null;
  const { hostname, port } = address;
  return { address: hostname, family: hostname.includes(":") ? "IPv6" : "IPv4", port };
}

/**
 * Understands the arguments of `listen()`.
 *
 * @throws {Error} as Node does, if they are none that anybody could listen by
 */
function listenRequest(args: readonly unknown[]): ListenRequest {
  const last = args.at(-1);
  const callback = typeof last === "function" ? last as Method : undefined;
  const [first, second] = args;
  const isObject = typeof first === "object" && first !== null;
  const isPath = typeof first === "string" && !/^\d+$/.test(first);
  const options = (isObject ? first : isPath ? { path: first } : {
    port: typeof first === "function" ? 0 : first,
    host: typeof second === "string" ? second : undefined,
  }) as Record<string, unknown>;
  const port = options.port === null ? 0 : options.port ?? 0;
  const isPort = typeof port === "number" || typeof port === "string" && port.trim() !== "";
  if (!isPort || !(Number(port) >= 0 && Number(port) <= MAX_PORT && isInteger(Number(port)))) {
    throw nodeError(
      "ERR_SOCKET_BAD_PORT",
      `options.port should be >= 0 and < 65536. Received ${typeof port} (${port}).`,
      "range",
    );
  }
  return {
    port: Number(port),
    host: typeof options.host === "string" ? options.host : "0.0.0.0",
    path: typeof options.path === "string" && options.port === undefined ? options.path : undefined,
    signal: options.signal as AbortSignal | undefined,
    callback,
  };
}

/** What makes Node's objects, once it is loaded: only apps that use them need it. */
interface LazyBridge {
  loaded: NodeBridge | null;
  readonly loading: Promise<NodeBridge>;
}

function lazyBridge(modules: NodeModules): LazyBridge {
  const load = async () => {
    const { nodeBridge } = await import("./node_bridge.ts");
    return bridge.loaded = nodeBridge(modules);
  };
  const bridge: LazyBridge = { loaded: null, loading: load() };
  ignoreRejection(bridge.loading);
  return bridge;
}

function fetchOf(bridged: BridgedServer, bridge: LazyBridge): App["fetch"] {
  return (request, context) =>
    bridge.loaded !== null
      ? bridge.loaded(bridged, request, context)
      : bridge.loading.then((answer) => answer(bridged, request, context));
}
