/**
 * What threads of apps get from the thread that made them.
 *
 * @module
 */

import { SafeMap, uncurried } from "../base/captured.ts";
import { guardThread } from "../sandbox/guard.ts";
import { lockImports } from "../sandbox/lockdown.ts";
import type { NestedAnswer, NestedQuestion, NestedServices } from "./app_thread.ts";
import { installAppThreads } from "./app_thread.ts";
import { mendForms } from "./forms.ts";
import type { AskForModule } from "./modules.ts";
import { installModules } from "./modules.ts";
import { nodeThreads } from "./node_threads.ts";
import { installNodeTimers } from "./node_timers.ts";
import type { Imported } from "./protocol.ts";

const { Promise } = globalThis;
const { addEventListener } = EventTarget.prototype;
const listen: (
  target: EventTarget,
  type: "message",
  listener: (event: MessageEvent) => void,
) => void = uncurried(addEventListener) as never;
const startPort = uncurried(MessagePort.prototype.start);
const post: (port: MessagePort, message: NestedQuestion) => void = uncurried(
  MessagePort.prototype.postMessage,
) as never;

/** What ports in threads for Node can do besides. */
type WaitingPort = Partial<Record<"ref" | "unref", () => void>>;

/** Gives the current thread its modules and its sandbox; returns what imports the module at a URL. */
export function installNested(
  { graph, sandbox, lockdown, port }: NestedServices,
): (url: string) => Promise<unknown> {
  const terms = { graph, sandbox, lockdown };
  const ask = questionsTo(port);
  const builtins = sandbox.trust === "full" ? "native" : "guarded";
  const modules = graph === undefined ? null : installModules(graph, ask, builtins);
  installNodeTimers();
  if (lockdown === "locked") lockImports(modules?.requireModule, "guarded", modules?.placeOf);
  installAppThreads(terms, ask);
  guardThread(sandbox, nodeThreads(terms, ask));
  return async (url) => {
    await mendForms();
    return modules === null ? await import(url) : await modules.services.import(url, [url]);
  };
}

function questionsTo(port: MessagePort): AskForModule {
  const answers = new SafeMap<number, (answer: Imported) => void>();
  let nextId = 1;
  listen(port, "message", ({ data: { id, answer } }: MessageEvent<NestedAnswer>) => {
    answers.get(id)?.(answer);
    answers.delete(id);
    // Threads for Node end when there is nothing that they wait for.
    if (answers.size === 0) (port as WaitingPort).unref?.();
  });
  startPort(port);
  (port as WaitingPort).unref?.();
  return (request) => {
    const id = nextId++;
    post(port, { id, request });
    (port as WaitingPort).ref?.();
    return new Promise((resolve) => answers.set(id, resolve));
  };
}
