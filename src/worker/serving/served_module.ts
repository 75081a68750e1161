/**
 * Modules that serve themselves while they are loaded: with `Deno.serve()`, a listener for fetch events,
 * or a server of `node:http`. What they serve with becomes the app, and nothing listens.
 *
 * Several modules are loaded at a time. Which one calls is known by the context that calls, promises and
 * timers have from where they come from: no app can serve in another one's name.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Deferred } from "../../base/captured.ts";
import { deferred, ignoreRejection, SafeMap, settle, uncurried } from "../../base/captured.ts";
import type { Log } from "../../base/log.ts";
import { timerMs } from "../../base/timers.ts";
import type { App, ServedModule } from "../apps.ts";

/** What a module exports. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/** What became of an app that a module serves. */
export interface OfferedApp {
  /** Whether requests will come. */
  readonly isServed: boolean;
  /** The module waits for the end of its server: there is nothing more to wait for before it serves. */
  onEndAwaited(): void;
  /** Answers all further requests with a 503; resolves when those under way are done. */
  shutDown(): Promise<void>;
}

/** An app whose handler can be exchanged. */
type MutableApp = { -readonly [Name in "fetch"]: App[Name] };

const { Promise, Response, clearTimeout, queueMicrotask, setTimeout } = globalThis;

/** How long a module that serves may go on with its evaluation before it counts as loaded, in milliseconds. */
const EVALUATION_PATIENCE_MS = 1_000;
/** The same, when it waits for the end of its server, in milliseconds: it may export an app after all. */
const END_PATIENCE_MS = 20;
/** How long a module may take to serve after its evaluation if it exports nothing, in milliseconds. */
const SERVE_PATIENCE_MS = 10_000;
/** Most notes of one module. */
const MAX_NOTES = 16;

/** Tells by a number which module's code runs. Apps could lay their hands on it: it is all that they would have. */
const origins = new AsyncLocalStorage<number>();
const originOf: (origins: AsyncLocalStorage<number>) => number | undefined = uncurried(
  origins.getStore,
);
const runFrom: <Result>(
  origins: AsyncLocalStorage<number>,
  origin: number,
  work: () => Result,
) => Result = uncurried(origins.run) as never;

const modules = new SafeMap<number, LoadedModule>();
const numbers = new SafeMap<string, number>();
let lastNumber = 0;

/**
 * Imports a module with `evaluate`, the first time, on the current thread; later on, what came of that
 * counts. `url` is its name in messages.
 */
export function loadModule(
  url: string,
  placed: string,
  evaluate: () => Promise<ModuleExports>,
): LoadedModule {
  const known = modules.get(numbers.get(placed) ?? 0);
  if (known !== undefined) return known;
  const number = ++lastNumber;
  numbers.set(placed, number);
  const module = new LoadedModule(url);
  modules.set(number, module);
  module.evaluate(() => runFrom(origins, number, evaluate));
  return module;
}

/** The module that the code which calls belongs to, if what it serves is not to listen. */
export function servingModule(): LoadedModule | null {
  const origin = originOf(origins);
  // Some callbacks of the platform lose their context. With one module alone it is clear whose they are.
  const module = modules.get(origin ?? (lastNumber === 1 && modules.get(1)?.isOpen ? 1 : 0));
  return module !== undefined && module.takesServers ? module : null;
}

/** A module that apps or middleware come from. */
export class LoadedModule implements ServedModule {
  /** Its name in messages. */
  readonly url: string;
  readonly #accepted: Deferred<App> = deferred();
  readonly #notes: string[] = [];
  #exports: Promise<ModuleExports> | null = null;
  #log: Log | null = null;
  #app: MutableApp | null = null;
  #elsewhere: string | null = null;
  #hasHttp2 = false;
  #isOpen = true;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #drained: () => Promise<void> = () => new Promise((resolve) => resolve());

  /** Makes the module of that name. */
  constructor(url: string) {
    this.url = url;
  }

  /** Resolves when it has been evaluated, and rejects if it cannot be. */
  get exports(): Promise<ModuleExports> {
    return this.#exports!;
  }

  /** Resolves to the app that it serves if it need not be waited for any longer. */
  get accepted(): Promise<App> {
    return this.#accepted.promise;
  }

  /** The app that it serves by itself, so far. */
  get served(): App | null {
    return this.#app;
  }

  /** Whether it has shut down what it served, and may serve again. */
  get isShutDown(): boolean {
    return this.#app?.fetch === answerShutDown;
  }

  /** Whether it is not known yet what it serves with. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether what it serves is not to listen: while it is loaded, and later if it serves itself. */
  get takesServers(): boolean {
    return this.#isOpen || this.#app !== null;
  }

  /** What it listens with that cannot be served, and what to write instead; `null` if there is nothing. */
  get elsewhere(): string | null {
    return this.#elsewhere;
  }

  /** Takes note that it listens with a server of node:`kind`, at a place of its own. */
  listensElsewhere(kind: "http2" | "net" | "tls"): void {
    const instead = kind === "http2"
      ? "write createServer() of node:http, and let the gateway (--cert, --key) or a web server in " +
        "front of it have TLS and HTTP/2"
      : "those of node:http and node:https can";
    this.#elsewhere ??= `its server of node:${kind} cannot be served: ${instead}`;
    // Others may be there beside one that is served.
    if (kind !== "http2") return;
    this.#hasHttp2 = true;
    this.#onElsewhere();
  }

  /** Imports it. */
  evaluate(evaluate: () => Promise<ModuleExports>): void {
    const exports = this.#exports = evaluate();
    settle(exports, () => {}, (error) => {
      // Nobody waits for it any more.
      if (!this.#isOpen) queueMicrotask(() => throwAgain(error));
    });
    ignoreRejection(exports);
  }

  /** Waits for what a module without exports serves; whether it does. */
  async waitForApp(): Promise<boolean> {
    if (this.#app !== null) return true;
    const late = deferred<void>();
    const wait = (delayMs: number) => setTimeout(() => late.resolve(), timerMs(delayMs));
    let timer = wait(this.#hasHttp2 ? EVALUATION_PATIENCE_MS : SERVE_PATIENCE_MS);
    this.#onElsewhere = () => {
      clearTimeout(timer);
      timer = wait(EVALUATION_PATIENCE_MS);
    };
    settle(this.accepted, () => late.resolve(), () => {});
    this.#onServed = () => late.resolve();
    await late.promise;
    clearTimeout(timer);
    return this.#app !== null;
  }

  #onServed: () => void = () => {};
  #onElsewhere: () => void = () => {};

  /** Decides for the app that it serves by itself. */
  takeServed(): App {
    const app = this.#app!;
    this.#accepted.resolve(app);
    this.#close();
    return app;
  }

  /** Decides against it: `why` says what counts instead. */
  leaveServed(why: string): void {
    if (!this.#isOpen) return;
    this.#close();
    if (this.#app === null) return;
    this.#app = null;
    this.note(`what ${this.url} serves by itself is not served: ${why}`);
  }

  /** Takes an app that it serves with `how`, such as `Deno.serve()`, at a place of its own. */
  offer(how: string, fetch: App["fetch"]): OfferedApp {
    if (this.#app !== null && !this.isShutDown) {
      this.note(
        `${this.url} serves again, with ${how}, and only its first app is served: export the ` +
          "other one by name, and mount it, too (--mount /PREFIX=APP#NAME)",
      );
      return NOT_SERVED;
    }
    const app = this.#app ?? { fetch };
    app.fetch = fetch;
    this.#app = app;
    this.#acceptWithin(EVALUATION_PATIENCE_MS);
    this.#onServed();
    return {
      isServed: true,
      onEndAwaited: () => this.#acceptWithin(END_PATIENCE_MS),
      shutDown: () => {
        app.fetch = answerShutDown;
        return this.#drained();
      },
    };
  }

  /** Keeps `text` for the log. */
  note(text: string): void {
    if (this.#log !== null) this.#log("warning", text);
    else if (this.#notes.length < MAX_NOTES) this.#notes[this.#notes.length] = text;
  }

  /** Takes what waits for the requests under way. */
  start(drained: () => Promise<void>): void {
    this.#drained = drained;
  }

  /** Writes what was noted, and what will be. */
  tell(log: Log): void {
    this.#log = log;
    for (let i = 0; i < this.#notes.length; i++) log("warning", this.#notes[i]);
    this.#notes.length = 0;
  }

  #acceptWithin(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isOpen) return;
    this.#timer = setTimeout(() => {
      if (this.#app !== null) this.#accepted.resolve(this.#app);
    }, timerMs(delayMs));
  }

  #close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }
}

/** A server that gets no requests. */
const NOT_SERVED: OfferedApp = {
  isServed: false,
  onEndAwaited() {},
  shutDown: () => new Promise((resolve) => resolve()),
};

function answerShutDown(): Response {
  return new Response("The app has shut its server down.\n", { status: 503 });
}

function throwAgain(error: unknown): never {
  throw error;
}
