/**
 * `new Worker()` for apps: the platform would know nothing of the modules of the built-in loader, nor of the
 * sandbox.
 *
 * @module
 */

import { getterOf, isInstance, uncurried } from "../base/captured.ts";
import type { WorkerGraph } from "../loader/graph/graph_store.ts";
import { lock } from "../sandbox/locks.ts";
import type { SandboxRules } from "../sandbox/rules.ts";
import type { AskForModule } from "./modules.ts";
import type { Imported, ImportRequest } from "./protocol.ts";

/** What threads of apps get from the thread that makes them. */
export interface ThreadTerms {
  /** The modules of the apps, if the built-in loader has made them. */
  readonly graph: WorkerGraph | undefined;
  /** What they are kept from. */
  readonly sandbox: SandboxRules;
  /** Whether they may not use the runtime's own `import()`. */
  readonly lockdown: "locked" | undefined;
}

/** What a nested thread gets from the one that made it. */
export interface NestedServices extends ThreadTerms {
  /** Takes questions for modules, and gives the answers. */
  readonly port: MessagePort;
}

/** What a nested worker gets before it listens to the app that makes it. */
export interface NestedStart extends NestedServices {
  /** What only this thread and the nested one know: apps can get a word in before. */
  readonly secret: string;
  /** URL of its module. */
  readonly url: string;
}

/** A question of a nested worker. */
export interface NestedQuestion {
  /** Number of the question; its answer has it, too. */
  readonly id: number;
  /** The question. */
  readonly request: ImportRequest;
}

/** The answer to a question. */
export interface NestedAnswer {
  /** Number of the question. */
  readonly id: number;
  /** The answer. */
  readonly answer: Imported;
}

// Compiling finds modules by the name of URL itself.
const { MessageChannel, TypeError, URL: AbsoluteUrl, encodeURIComponent, fetch } = globalThis;
const { NotSupported } = Deno.errors;
const { defineProperty } = Object;
const { construct } = Reflect;
const randomUUID: () => string = crypto.randomUUID.bind(crypto);
const NESTED_MODULE = new URL("./nested.ts", import.meta.url).href;
const hrefOf = getterOf<URL, string>(URL.prototype, "href");
const startsWith = uncurried(String.prototype.startsWith);
const startPort = uncurried(MessagePort.prototype.start);
const postToPort: (port: MessagePort, message: NestedAnswer) => void = uncurried(
  MessagePort.prototype.postMessage,
) as never;
const postToWorker: (worker: Worker, message: NestedStart, transfer: Transferable[]) => void =
  uncurried(Worker.prototype.postMessage) as never;
const listen: (
  target: EventTarget,
  type: "message",
  listener: (event: MessageEvent) => void,
) => void = uncurried(EventTarget.prototype.addEventListener) as never;
const readText = uncurried(Response.prototype.text);
const headersOf = getterOf<Response, Headers>(Response.prototype, "headers");
const valueOf = uncurried(Headers.prototype.get);

/**
 * Makes `Worker` guard what it makes as `terms` say, and load modules of their graph, if there is one, and
 * what else `ask` finds, on the current thread.
 */
export function installAppThreads(terms: ThreadTerms, ask: AskForModule): void {
  const { graph } = terms;
  const Native = globalThis.Worker;
  const { prototype } = Native;

  function AppThread(specifier: string | URL, options: WorkerOptions = {}): Worker {
    if (new.target === undefined) throw new TypeError("Worker is a class: it needs new");
    const url = hrefOf(new AbsoluteUrl(specifier));
    if (options.type !== "module") {
      throw new NotSupported('Classic workers are not supported: give { type: "module" }');
    }
    const folders = graph === undefined ? [url] : graph.folders;
    const secret = randomUUID();
    // The platform calls what apps can replace while it makes a worker and posts to it.
    const worker = construct(
      Native,
      [`${NESTED_MODULE}#${secret}`, withReadOf(options, folders)],
      new.target,
    );
    // Who gets at these can but ask for modules, as every app can.
    const { port1, port2 } = new MessageChannel();
    if (graph !== undefined) answerQuestions(port1, url, ask);
    postToWorker(worker, { ...terms, secret, url, port: port2 }, [port2]);
    return worker;
  }

  AppThread.prototype = prototype;
  defineProperty(AppThread, "name", { value: "Worker" });
  // The platform's own would make unguarded workers.
  lock(prototype, "constructor", AppThread);
  globalThis.Worker = AppThread as unknown as typeof Worker;
}

/** Answers what the nested worker for the module at `url` asks on `port`. */
export function answerQuestions(port: MessagePort, url: string, ask: AskForModule): void {
  // The app may forget its blob at once.
  const source = readable(url);
  listen(port, "message", async ({ data: { id, request } }: MessageEvent<NestedQuestion>) => {
    const specifier = `${request.specifier}`;
    const answer = await ask({
      specifier: specifier === url ? await source : specifier,
      referrer: `${request.referrer}`,
      type: request.type,
      told: request.told,
    });
    postToPort(port, { id, answer });
  });
  startPort(port);
}

/** A URL that the loader can read, too: only this thread knows its blobs. */
async function readable(url: string): Promise<string> {
  if (!startsWith(url, "blob:")) return url;
  try {
    const response = await fetch(url);
    const text = await readText(response);
    const type = valueOf(headersOf(response), "content-type") || "text/javascript";
    return `data:${type},${encodeURIComponent(text)}`;
  } catch (error) {
    if (!isInstance(error, TypeError)) throw error;
    // It is gone: the loader says so to the nested worker.
    return url;
  }
}

function asPlace(place: string): string | URL {
  return startsWith(place, "file:") ? new AbsoluteUrl(place) : place;
}

/** The options with permission to read `folders`, and a file by its URL, where permissions are narrowed. */
function withReadOf(options: WorkerOptions, folders: readonly string[]): WorkerOptions {
  const permissions = options.deno?.permissions;
  if (permissions === undefined || permissions === "inherit") return options;
  const given = permissions === "none" ? {} : permissions;
  if (given.read === true || given.read === "inherit") return options;
  const places = given.read || [];
  const read: (string | URL)[] = [];
  for (let i = 0; i < places.length; i++) read[i] = places[i];
  for (let i = 0; i < folders.length; i++) {
    const isRemote = startsWith(folders[i], "http") || startsWith(folders[i], "data:") ||
      startsWith(folders[i], "blob:");
    if (!isRemote) read[read.length] = asPlace(folders[i]);
  }
  return { ...options, deno: { ...options.deno, permissions: { ...given, read } } };
}
