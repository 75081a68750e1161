/**
 * `Deno.serve()` for apps that serve themselves with it.
 *
 * @module
 */

import type { Deferred } from "../../base/captured.ts";
import { deferred, settle, uncurried } from "../../base/captured.ts";
import { lazyMember, replace } from "../../sandbox/locks.ts";
import type { App } from "../apps.ts";
import type { Context } from "../context.ts";
import type { LoadedModule, OfferedApp } from "./served_module.ts";
import { servingModule } from "./served_module.ts";

/** The options of `Deno.serve()` that matter here. */
interface ServeOptions {
  readonly handler?: unknown;
  readonly hostname?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
  readonly cert?: unknown;
  readonly onListen?: unknown;
  readonly onError?: unknown;
  readonly signal?: AbortSignal | null;
}

type Handler = App["fetch"];
type ErrorHandler = (error: unknown) => Response | Promise<Response>;

const { Number, TypeError } = globalThis;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const { apply } = Reflect;
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose;
const runtime = Deno;
const listen: (target: EventTarget, type: string, listener: () => void) => void = uncurried(
  EventTarget.prototype.addEventListener,
) as never;

/** Where `Deno.serve()` listens if nobody says. */
const DEFAULT_PORT = 8000;

/** Makes `Deno.serve()` give the gateway the handlers of modules that are loaded; it tells these `address`. */
export function takeDenoServe(address: Deno.Addr | undefined): () => void {
  const native = lazyMember(runtime, "serve");
  const { serve } = {
    serve(first: unknown, second: unknown): unknown {
      const module = servingModule();
      return module === null
        ? apply(native(), runtime, [first, second])
        : served(module, address, first, second);
    },
  };
  const before = getOwnPropertyDescriptor(runtime, "serve")!;
  replace(runtime, "serve", serve);
  return () => {
    if (runtime.serve === serve as unknown) defineProperty(runtime, "serve", before);
  };
}

function served(
  module: LoadedModule,
  address: Deno.Addr | undefined,
  first: unknown,
  second: unknown,
): Deno.HttpServer {
  const isBare = typeof first === "function";
  const options = (isBare ? {} : first ?? {}) as ServeOptions;
  const { hostname = "0.0.0.0", port = DEFAULT_PORT, path, cert, onListen, onError } = options;
  const handler = isBare ? first : typeof second === "function" ? second : options.handler;
  const { signal } = options;
  check(first, options, handler);
  const asked = path === undefined
    ? { transport: "tcp", hostname: `${hostname}`, port: Number(port) } as Deno.NetAddr
    : { transport: "unix", path: `${path}` } as Deno.UnixAddr;
  const place = "path" in asked ? `at ${asked.path}` : `at port ${asked.port}`;
  if (cert !== undefined) {
    module.note(
      `the certificate that ${module.url} gives Deno.serve() is not used: gatehouse takes it with ` +
        "--https ADDR --cert FILE --key FILE",
    );
  }
  const fetch = withErrorHandler(handler as Handler, onError as ErrorHandler | undefined);
  const server = new TakenServer(module.offer(`Deno.serve() ${place}`, fetch), address ?? asked);
  if (signal) {
    if (signal.aborted) server.shutdown();
    else listen(signal, "abort", () => void server.shutdown());
  }
  if (server.isServed && onListen) apply(onListen as () => void, options, [server.addr]);
  return server.forApp;
}

/** Refuses what `Deno.serve()` refuses. */
function check(first: unknown, options: ServeOptions, handler: unknown): void {
  if (first === undefined || first === null) {
    if (typeof handler === "function") return;
    throw new TypeError(
      "Cannot serve HTTP requests: either a `handler` or `options` must be specified",
    );
  }
  if (typeof handler !== "function") {
    const hint = typeof (options as { fetch?: unknown }).fetch === "function"
      ? " (write Deno.serve(app.fetch), or export default app)"
      : "";
    throw new TypeError(
      `Cannot serve HTTP requests: handler must be a function, received ${typeof handler}${hint}`,
    );
  }
  for (const name of ["onListen", "onError"] as const) {
    const value = options[name];
    if (value !== undefined && value !== null && typeof value !== "function") {
      throw new TypeError(`options.${name} is not a function`);
    }
  }
}

/** `fetch`, with `onError` for what it throws. */
export function withErrorHandler(
  handler: Handler,
  onError: ErrorHandler | null | undefined,
): Handler {
  if (onError === undefined || onError === null) return handler;
  return async (request: Request, context: Context) => {
    try {
      return await handler(request, context);
    } catch (error) {
      return await onError(error);
    }
  };
}

/** What `Deno.serve()` returns. */
class TakenServer {
  readonly isServed: boolean;
  readonly addr: Deno.Addr;
  readonly #offered: OfferedApp;
  readonly #finished: Deferred<void> = deferred();
  #shutdown: Promise<void> | null = null;

  constructor(offered: OfferedApp, address: Deno.Addr) {
    this.#offered = offered;
    this.isServed = offered.isServed;
    this.addr = { ...address };
  }

  shutdown(): Promise<void> {
    if (this.#shutdown === null) {
      this.#shutdown = this.#offered.shutDown();
      settle(this.#shutdown, () => this.#finished.resolve(), () => {});
    }
    return this.#finished.promise;
  }

  /** What the app gets of it. */
  get forApp(): Deno.HttpServer {
    const offered = this.#offered;
    const { promise } = this.#finished;
    const shutdown = () => this.shutdown();
    return {
      addr: this.addr,
      get finished() {
        offered.onEndAwaited();
        return promise;
      },
      ref() {},
      unref() {},
      shutdown,
      [asyncDispose]: shutdown,
    };
  }
}
