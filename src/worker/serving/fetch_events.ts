/**
 * `addEventListener("fetch", (event) => event.respondWith(response))`, for apps that serve themselves with it.
 *
 * @module
 */

import { replace } from "../../sandbox/locks.ts";
import type { Context } from "../context.ts";
import { CONTEXT } from "../context.ts";
import type { LoadedModule } from "./served_module.ts";
import { servingModule } from "./served_module.ts";

type Listener = ((event: FetchEvent) => void) | { handleEvent(event: FetchEvent): void };

const { DOMException, Error, Event, Map } = globalThis;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const { apply } = Reflect;
const scope = globalThis;

/** What listeners get: the event of service workers. */
class FetchEvent extends Event {
  readonly request: Request;
  readonly #context: Context;
  #response: Response | Promise<Response> | null = null;

  constructor(request: Request, context: Context) {
    super("fetch");
    this.request = request;
    this.#context = context;
  }

  /** What it was responded with. */
  static responseOf(event: FetchEvent): Response | Promise<Response> | null {
    return event.#response;
  }

  get [CONTEXT](): Context {
    return this.#context;
  }

  respondWith(response: Response | Promise<Response>): void {
    if (this.#response !== null) {
      throw new DOMException("respondWith() was called already", "InvalidStateError");
    }
    this.#response = response;
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#context.waitUntil(promise);
  }

  passThroughOnException(): void {}
}

/** Makes `addEventListener()` give the gateway the listeners of modules that are loaded. */
export function takeFetchEvents(): () => void {
  const known = new Map<LoadedModule, Listener[]>();
  const native = scope.addEventListener;
  const { addEventListener } = {
    addEventListener(this: unknown, ...args: unknown[]): void {
      const module = args[0] === "fetch" && args[1] ? servingModule() : null;
      if (module === null) return apply(native, this ?? scope, args);
      const listeners = known.get(module) ?? [];
      listeners.push(args[1] as Listener);
      if (known.has(module)) return;
      known.set(module, listeners);
      module.offer('addEventListener("fetch")', (request, context) => {
        return dispatch(listeners, request, context);
      });
    },
  };
  const before = getOwnPropertyDescriptor(scope, "addEventListener");
  replace(scope, "addEventListener", addEventListener);
  return () => {
    if (scope.addEventListener !== addEventListener as unknown) return;
    if (before === undefined) delete (scope as Partial<typeof scope>).addEventListener;
    else defineProperty(scope, "addEventListener", before);
  };
}

function dispatch(
  listeners: readonly Listener[],
  request: Request,
  context: Context,
): Response | Promise<Response> {
  const event = new FetchEvent(request, context);
  for (const listener of listeners) {
    if (typeof listener === "function") apply(listener, scope, [event]);
    else listener.handleEvent(event);
  }
  const response = FetchEvent.responseOf(event);
  if (response === null) throw new Error("no listener for fetch events called respondWith()");
  return response;
}
