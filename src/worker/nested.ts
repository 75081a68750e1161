/**
 * What runs first in a worker that an app makes: gives it the services of its loader, then its module
 * and the messages that have come meanwhile.
 *
 * @module
 */

import { SafeMap, uncurried } from "../captured.ts";
import { tameUncaught } from "../uncaught.ts";
import type { NestedAnswer, NestedQuestion, NestedStart } from "./app_thread.ts";
import { installAppThreads } from "./app_thread.ts";
import type { AskForModule } from "./modules.ts";
import { installModules } from "./modules.ts";
import { installNodeTimers } from "./node_timers.ts";
import { guardThread } from "../sandbox/guard.ts";
import type { Imported } from "./protocol.ts";

const { MessageEvent, Promise } = globalThis;
const { hasOwn } = Object;
/** What the fragment of this module's URL says. */
const SECRET = new URL(import.meta.url).hash.slice(1);
const scope: EventTarget = globalThis;
const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;
const listen: (
  target: EventTarget,
  type: "message",
  listener: (event: MessageEvent) => void,
) => void = uncurried(addEventListener) as never;
const unlisten: typeof listen = uncurried(removeEventListener) as never;
const dispatch = uncurried(dispatchEvent);
const stopImmediatePropagation = uncurried(Event.prototype.stopImmediatePropagation);
const startPort = uncurried(MessagePort.prototype.start);
const post: (port: MessagePort, message: NestedQuestion) => void = uncurried(
  MessagePort.prototype.postMessage,
) as never;

/** Messages that the module has not heard. */
const early: MessageEvent[] = [];
let hasStarted = false;

tameUncaught();
listen(scope, "message", hold);

/**
 * Takes the loader's word, and keeps the other messages until the module listens: some may come first, as
 * an app can have the platform call it while its worker is made.
 */
function hold(event: MessageEvent): void {
  stopImmediatePropagation(event);
  const { data } = event;
  if (!hasStarted && isStart(data)) start(data);
  else early[early.length] = event;
}

function isStart(data: unknown): data is NestedStart {
  return SECRET !== "" && typeof data === "object" && data !== null && hasOwn(data, "secret") &&
    (data as NestedStart).secret === SECRET;
}

async function start({ url, graph, sandbox, port }: NestedStart): Promise<void> {
  hasStarted = true;
  const ask = questionsTo(port);
  const builtins = sandbox.trust === "full" ? "native" : "guarded";
  const modules = graph === undefined ? null : installModules(graph, ask, builtins);
  installNodeTimers();
  installAppThreads(graph, sandbox, ask);
  guardThread(sandbox);
  if (modules === null) await import(url);
  else await modules.services.import(url, [url]);
  unlisten(scope, "message", hold);
  for (let i = 0; i < early.length; i++) {
    const { data, ports } = early[i];
    dispatch(scope, new MessageEvent("message", { data, ports: ports as MessagePort[] }));
  }
}

function questionsTo(port: MessagePort): AskForModule {
  const answers = new SafeMap<number, (answer: Imported) => void>();
  let nextId = 1;
  listen(port, "message", ({ data: { id, answer } }: MessageEvent<NestedAnswer>) => {
    answers.get(id)?.(answer);
    answers.delete(id);
  });
  startPort(port);
  return (request) => {
    const id = nextId++;
    post(port, { id, request });
    return new Promise((resolve) => answers.set(id, resolve));
  };
}
