/**
 * `new Worker()` for apps of the own loader: the platform would know nothing of their modules.
 *
 * @module
 */

import type { WorkerGraph } from "../loader/graph_store.ts";
import type { AskForModule } from "./modules.ts";
import type { ImportRequest } from "./protocol.ts";

/** What the module of a nested worker is told first. */
export interface NestedStart {
  /** URL of its generated module; `null` if there is none. */
  readonly module: string | null;
  /** Why there is none. */
  readonly message: string;
  /** The modules of the apps. */
  readonly graph: WorkerGraph;
  /** Takes questions for modules, and gives the answers. */
  readonly port: MessagePort;
}

/** A question of a nested worker. */
export interface NestedQuestion {
  /** Number of the question; its answer has it, too. */
  readonly id: number;
  /** The question. */
  readonly request: ImportRequest;
}

const NESTED_MODULE = new URL("./nested.ts", import.meta.url);

/**
 * Makes `Worker` load modules of `graph`, and what else `ask` finds, on the current thread. Threads in
 * lockdown have no workers.
 */
export function installAppThreads(graph: WorkerGraph, ask: AskForModule): void {
  const Native = globalThis.Worker;

  class AppThread extends Native {
    constructor(specifier: string | URL, options: WorkerOptions = {}) {
      const url = new URL(specifier).href;
      if (options.type !== "module") {
        throw new Deno.errors.NotSupported(
          'Classic workers are not supported: give { type: "module" }',
        );
      }
      super(NESTED_MODULE, withReadOf(options, graph.folders));
      startThread(this, Native.prototype.postMessage, url);
    }
  }

  async function startThread(
    thread: Worker,
    post: (this: Worker, message: unknown, transfer: Transferable[]) => void,
    url: string,
  ): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = async ({ data }: MessageEvent<NestedQuestion>) => {
      port1.postMessage({ id: data.id, answer: await ask(data.request) });
    };
    const answer = await ask({ specifier: await readable(url), referrer: url, type: "" });
    const isThere = !("message" in answer);
    const start: NestedStart = {
      module: isThere ? `${graph.directory}${answer.file}` : null,
      message: isThere ? "" : answer.message,
      graph: isThere ? extended(graph, answer) : graph,
      port: port2,
    };
    post.call(thread, start, [port2]);
  }

  Object.defineProperty(AppThread, "name", { value: "Worker" });
  globalThis.Worker = AppThread as typeof Worker;
}

/** The graph with what was just added to it. */
function extended(
  graph: WorkerGraph,
  added: Pick<WorkerGraph, "files" | "redirects">,
): WorkerGraph {
  return {
    ...graph,
    files: { ...graph.files, ...added.files },
    redirects: { ...graph.redirects, ...added.redirects },
  };
}

/** A URL that the loader can read, too: only this thread knows its blobs. */
async function readable(url: string): Promise<string> {
  if (!url.startsWith("blob:")) return url;
  const response = await fetch(url);
  const text = await response.text();
  const type = response.headers.get("content-type") || "text/javascript";
  return `data:${type},${encodeURIComponent(text)}`;
}

/** The options with permission to read `folders`, where permissions are narrowed. */
function withReadOf(options: WorkerOptions, folders: readonly string[]): WorkerOptions {
  const permissions = options.deno?.permissions;
  if (permissions === undefined || permissions === "inherit") return options;
  const given = permissions === "none" ? {} : permissions;
  const { read } = given;
  if (read === true || read === "inherit") return options;
  const readable = [...(read || []), ...folders];
  return { ...options, deno: { ...options.deno, permissions: { ...given, read: readable } } };
}
