/**
 * What apps print with `console`, with the worker and the request that it is of: as text, or as lines of JSON.
 * Apps cannot make what they print look like anything else: not as a line of the gateway's, nor as another
 * request's.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { rejected, resolved, uncurried } from "../base/captured.ts";
import { forLog, keepConsole } from "../base/log.ts";
import type { LineFormat, LogLevel } from "../base/log.ts";
import { jsonLine } from "../base/log_line.ts";
import type { RequestHead } from "../message/exchange.ts";
import { requestIdOf } from "../message/request_id.ts";

/** How what apps print is tagged. */
export interface ConsoleTerms {
  /** How the lines are written. */
  readonly format: LineFormat;
  /** What lines of JSON begin with; see `LogSettings`. */
  readonly mark: string;
}

/** Where something is printed. */
type Stream = "stdout" | "stderr";

const { Uint8Array, TextDecoder, WritableStream, console, queueMicrotask } = globalThis;
const { apply } = Reflect;
const { defineProperty, getPrototypeOf } = Object;
const { stderr, stdout } = Deno;
const heads = new AsyncLocalStorage<RequestHead>();
const getHead: (heads: AsyncLocalStorage<RequestHead>) => RequestHead | undefined = uncurried(
  heads.getStore,
);
const runWith: <Result>(
  heads: AsyncLocalStorage<RequestHead>,
  head: RequestHead,
  work: () => Result,
) => Result = uncurried(heads.run) as never;
const decoder = new TextDecoder();
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);
const endsWith: (text: string, end: string) => boolean = uncurried(String.prototype.endsWith);
const slice: (text: string, start: number, end: number) => string = uncurried(
  String.prototype.slice,
);

/** Methods of `console` that print, and how grave what they print is. */
const METHODS: Readonly<Record<string, LogLevel>> = {
  log: "info",
  info: "info",
  debug: "info",
  dir: "info",
  dirxml: "info",
  table: "info",
  count: "info",
  countReset: "warning",
  time: "info",
  timeLog: "info",
  timeEnd: "info",
  group: "info",
  groupCollapsed: "info",
  groupEnd: "info",
  warn: "warning",
  error: "error",
  assert: "error",
  trace: "error",
};

let isOn = false;

/** Whether what apps print is tagged. */
export function isTagging(): boolean {
  return isOn;
}

/** Calls `work`; what it prints, then and later, is tagged with the request of `head`, if anything is. */
export function tagged<Result>(head: RequestHead, work: () => Result): Result {
  return isOn ? runWith(heads, head, work) : work();
}

/** Has what this thread's apps print tagged from now on; `worker` is its name, `""` for the gateway's own thread. */
export function tagConsole({ format, mark }: ConsoleTerms, worker: string): void {
  isOn = true;
  const printers = keepConsole();
  const print = (stream: Stream, level: LogLevel, text: string): void => {
    if (endsWith(text, "\n")) text = slice(text, 0, text.length - 1);
    const head = getHead(heads);
    const requestId = head === undefined ? undefined : requestIdOf(head);
    printers[stream](
      format === "json"
        ? mark + jsonLine(level, text, {
          worker: worker === "" ? undefined : worker,
          requestId,
          source: "app",
          stream,
        })
        : `${tagOf(worker, requestId)}${forLog(text)}`,
    );
  };
  wrapMethods(print);
  // Text is text; lines of JSON have to be such, whoever writes.
  if (format === "json") wrapStreams(print);
}

function tagOf(worker: string, requestId: string | undefined): string {
  const name = worker === "" ? "app" : worker;
  return requestId === undefined ? `${name}: ` : `${name} [${requestId}]: `;
}

type Print = (stream: Stream, level: LogLevel, text: string) => void;
type Methods = Record<string, (...values: unknown[]) => void>;

/** Node's console formats as the platform's does, and writes to what it is given. */
function wrapMethods(print: Print): void {
  let level: LogLevel = "info";
  const sink = (stream: Stream) => ({
    write: (text: unknown) => {
      print(stream, level, `${text}`);
      return true;
    },
    on() {},
    once() {},
    removeListener() {},
    listenerCount: () => 0,
  });
  const { Console } = process.getBuiltinModule("node:console") as unknown as {
    Console: new (options: object) => Methods;
  };
  const made = new Console({
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    colorMode: false,
  });
  for (const name in METHODS) {
    const method = made[name];
    (console as unknown as Methods)[name] = (...values) => {
      level = METHODS[name];
      apply(method, made, values);
    };
  }
}

/** What is written to the standard streams otherwise. */
function wrapStreams(print: Print): void {
  for (const [name, stream] of [["stdout", stdout], ["stderr", stderr]] as const) {
    const write = (data: unknown): number => {
      const isBytes = data instanceof Uint8Array;
      print(name, "info", isBytes ? decode(decoder, data) : `${data}`);
      return isBytes ? data.byteLength : 0;
    };
    const prototype = getPrototypeOf(stream);
    define(prototype, "writeSync", write);
    define(prototype, "write", (data: unknown) => {
      try {
        return resolved(write(data));
      } catch (error) {
        return rejected(error);
      }
    });
    define(prototype, "writable", new WritableStream({ write: (chunk) => void write(chunk) }));
    define(process[name], "write", (data: unknown, ...rest: unknown[]) => {
      write(data);
      const done = rest[rest.length - 1];
      if (typeof done === "function") queueMicrotask(() => done());
      return true;
    });
  }
}

function define(target: object, name: string, value: unknown): void {
  defineProperty(target, name, { value, writable: false, enumerable: false, configurable: false });
}
