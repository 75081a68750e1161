/**
 * What runs first in a worker that an app makes: gives it the services of its loader, then its module
 * and the messages that have come meanwhile.
 *
 * @module
 */

import type { NestedQuestion, NestedStart } from "./app_thread.ts";
import { installAppThreads } from "./app_thread.ts";
import { AppModules } from "./modules.ts";
import { guardProcess } from "./process_guard.ts";
import type { Imported, ImportRequest } from "./protocol.ts";

const scope = globalThis as unknown as EventTarget & { onmessage: unknown };
const early: MessageEvent[] = [];

scope.addEventListener("message", hold);

/** Keeps messages until the module listens; its parent's first word is the loader's. */
function hold(event: Event): void {
  event.stopImmediatePropagation();
  const { data } = event as MessageEvent;
  if (isStart(data)) start(data);
  else early.push(event as MessageEvent);
}

function isStart(data: unknown): data is NestedStart {
  return typeof data === "object" && data !== null && "port" in data && "graph" in data &&
    data.port instanceof MessagePort;
}

async function start({ module, message, graph, port }: NestedStart): Promise<void> {
  const ask = questionsTo(port);
  AppModules.install(graph, ask, "native");
  guardProcess();
  installAppThreads(graph, ask);
  if (module === null) throw new TypeError(message);
  await import(module);
  scope.removeEventListener("message", hold);
  for (const { data, ports } of early) {
    scope.dispatchEvent(new MessageEvent("message", { data, ports: [...ports] }));
  }
}

function questionsTo(port: MessagePort): (request: ImportRequest) => Promise<Imported> {
  const answers = new Map<number, (answer: Imported) => void>();
  let nextId = 1;
  port.onmessage = ({ data: { id, answer } }) => {
    answers.get(id)?.(answer);
    answers.delete(id);
  };
  return (request) => {
    const id = nextId++;
    port.postMessage({ id, request } satisfies NestedQuestion);
    return new Promise((resolve) => answers.set(id, resolve));
  };
}
