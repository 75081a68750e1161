/**
 * `Worker` of `node:worker_threads` for apps and their packages: such threads load by the same rules as
 * others that apps make, and are guarded like them.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { getterOf } from "../base/captured.ts";
import type { NodeWorkerClass, ThreadMaker } from "../sandbox/threads.ts";
import type { NestedServices, ThreadTerms } from "./app_thread.ts";
import { answerQuestions } from "./app_thread.ts";
import type { AskForModule } from "./modules.ts";

/** What such a thread gets in place of its `workerData`. */
export interface NodeThreadStart extends NestedServices {
  /** URL of its module, or text of CommonJS. */
  readonly main: { readonly url: string } | { readonly code: string };
  /** What the app gives it. */
  readonly workerData: unknown;
}

/** Options that the class has in Node. */
interface NodeWorkerOptions {
  readonly eval?: boolean;
  readonly workerData?: unknown;
  readonly transferList?: readonly Transferable[];
  readonly env?: Readonly<Record<string, unknown>> | symbol | null;
  readonly argv?: readonly unknown[];
  readonly execArgv?: readonly unknown[];
  readonly name?: unknown;
  readonly stdin?: unknown;
  readonly stdout?: unknown;
  readonly stderr?: unknown;
}

const { MessageChannel, String, TypeError, URL: AbsoluteUrl, structuredClone } = globalThis;
const { defineProperty, freeze, keys } = Object;
const NESTED_MODULE = new URL("./node_nested.ts", import.meta.url).href;
/** The runtime requires no permission to read anything but files. */
const MAIN = fixedUrl(`data:text/javascript,import ${JSON.stringify(NESTED_MODULE)};`);
const hrefOf = getterOf<URL, string>(URL.prototype, "href");

/** A URL that means the same to the runtime, whatever apps make of the class. */
function fixedUrl(text: string): URL {
  const url = new AbsoluteUrl(text);
  for (const [name, value] of [["href", url.href], ["protocol", url.protocol]]) {
    defineProperty(url, name, { value });
  }
  return freeze(defineProperty(url, "toString", { value: () => text }));
}

/** What makes the class for threads on `terms`, which load modules of their graph, and what else `ask` finds. */
export function nodeThreads(terms: ThreadTerms, ask: AskForModule): ThreadMaker {
  const { graph } = terms;
  return (make) => {
    function NodeThread(filename: unknown, options: NodeWorkerOptions = {}): object {
      if (new.target === undefined) throw new TypeError("Worker is a class: it needs new");
      const main: NodeThreadStart["main"] = options.eval
        ? { code: `${filename}` }
        : { url: urlOf(filename) };
      const { port1, port2 } = new MessageChannel();
      // Nothing of the app's own may run while the platform makes the thread.
      const { workerData, transferList } = structuredClone(
        { workerData: options.workerData, transferList: [...options.transferList ?? []] },
        { transfer: [...options.transferList ?? []] },
      );
      if (graph !== undefined) {
        answerQuestions(port1, "url" in main ? main.url : "data:,", ask);
      }
      const start: NodeThreadStart = { ...terms, main, port: port2, workerData };
      const given = {
        ...plainOptions(options),
        workerData: start,
        transferList: [port2, ...transferList],
      };
      return make(MAIN, given, new.target);
    }
    defineProperty(NodeThread, "name", { value: "Worker" });
    return NodeThread as unknown as NodeWorkerClass;
  };
}

/** What the runtime is given besides: plain values. */
function plainOptions(options: NodeWorkerOptions): Record<string, unknown> {
  // No limits of V8's memory: those that it cannot keep end the whole process.
  const { env, argv, execArgv, name, stdin, stdout, stderr } = options;
  return {
    ...env === undefined || env === null
      ? {}
      : { env: typeof env === "symbol" ? env : plainTexts(env) },
    ...argv === undefined ? {} : { argv: plainList(argv) },
    ...execArgv === undefined ? {} : { execArgv: plainList(execArgv) },
    ...name === undefined ? {} : { name: `${name}` },
    stdin: !!stdin,
    stdout: !!stdout,
    stderr: !!stderr,
  };
}

function plainList(values: readonly unknown[]): string[] {
  const list: string[] = [];
  for (let i = 0; i < values.length; i++) list[i] = `${values[i]}`;
  return list;
}

function plainTexts(record: Readonly<Record<string, unknown>>): Record<string, string> {
  const copy: Record<string, string> = {};
  const names = keys(record);
  for (let i = 0; i < names.length; i++) copy[names[i]] = String(record[names[i]]);
  return copy;
}

/** The URL of a thread's module: a path, as Node has it, or a URL. */
function urlOf(filename: unknown): string {
  if (typeof filename !== "string") return hrefOf(new AbsoluteUrl(`${filename}`));
  return AbsoluteUrl.parse(filename)?.href ?? hrefOf(pathToFileURL(filename));
}
