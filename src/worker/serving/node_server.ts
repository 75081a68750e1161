/**
 * Servers of `node:http` and `node:https` for apps that serve themselves with them: what listens while its
 * module is loaded gets the gateway's requests, as events with objects of Node's kind, and no socket is opened.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { nextTick } from "node:process";
import { ignoreRejection } from "../../captured.ts";
import type { Members, Method, NodeProcess } from "../../sandbox/locks.ts";
import { replace } from "../../sandbox/locks.ts";
import type { App } from "../apps.ts";
import type { NodeBridge } from "./node_bridge.ts";
import { nodeError } from "./node_members.ts";
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

const { Number, Promise, WeakSet } = globalThis;
const { defineProperty, getPrototypeOf, hasOwn } = Object;
const { apply } = Reflect;
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
  for (let each = getPrototypeOf(emitter); each !== null; each = getPrototypeOf(each)) {
    const name: unknown = hasOwn(each, "constructor") ? each.constructor?.name : undefined;
    if (name === "Server" || name === "ServerImpl") return true;
  }
  return false;
}

function takeListening(address: Deno.Addr | undefined): (() => void)[] {
  const http = process.getBuiltinModule("http")!;
  const https = process.getBuiltinModule("https")!;
  const bridge = lazyBridge(http, process.getBuiltinModule("stream")!);
  const ofHttp = (http.Server as { prototype: Members }).prototype;
  const ofHttps = (https.Server as { prototype: Members }).prototype;
  const undo = [takeListen(ofHttp, "http", bridge, address)];
  // In some versions, servers of both kinds are of one.
  if (ofHttps.listen !== ofHttp.listen) {
    undo.push(takeListen(ofHttps, "https", bridge, address));
  }
  return undo;
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
  const place = path === undefined ? `at port ${port}` : `at ${path}`;
  // Some listen at each address of a name, with a server each.
  const isAgain = module.served !== null && !module.isShutDown && address !== undefined &&
    "port" in address && address.port === port;
  const offered = isAgain
    ? undefined
    : module.offer(`a server of node:${scheme} ${place}`, fetchOf(server, bridge));
  const asked: Deno.Addr = path === undefined
    ? { transport: "tcp", hostname: host, port }
    : { transport: "unix", path };
  setUp(server, address ?? asked, offered);
  signal?.addEventListener("abort", () => void server.close());
  nextTick(() => server.emit("listening"));
  return server;
}

/** Gives a server the members that it has while it listens. */
function setUp(server: Server, address: Deno.Addr, offered: OfferedApp | undefined): void {
  const close = (callback?: (error?: Error) => void): Server => {
    if (!listening.delete(server)) {
      const error = nodeError("ERR_SERVER_NOT_RUNNING", "Server is not running.");
      if (callback !== undefined) nextTick(callback, error);
      return server;
    }
    own(server, "listening", false);
    if (callback !== undefined) server.once("close", callback);
    const ended = offered?.shutDown() ?? Promise.resolve();
    ended.then(() => server.emit("close"));
    return server;
  };
  own(server, "listening", true);
  own(server, "address", () => server.listening ? addressInfoOf(address) : null);
  own(server, "close", close);
  own(server, "closeAllConnections", () => {});
  own(server, "closeIdleConnections", () => {});
  own(server, "ref", () => server);
  own(server, "unref", () => server);
  own(server, "getConnections", (callback: (error: null, count: number) => void) => {
    nextTick(callback, null, 0);
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

/** Understands the arguments of `listen()`. */
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
  return {
    port: Number(options.port ?? 0) || 0,
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

function lazyBridge(http: Members, stream: Members): LazyBridge {
  const load = async () => {
    const { nodeBridge } = await import("./node_bridge.ts");
    return bridge.loaded = nodeBridge(http, stream);
  };
  const bridge: LazyBridge = { loaded: null, loading: load() };
  ignoreRejection(bridge.loading);
  return bridge;
}

function fetchOf(server: Server, bridge: LazyBridge): App["fetch"] {
  return (request, context) =>
    bridge.loaded !== null
      ? bridge.loaded(server, request, context)
      : bridge.loading.then((answer) => answer(server, request, context));
}
