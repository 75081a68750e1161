/**
 * What runs first in a worker that an app makes: gives it the services of its loader, then its module
 * and the messages that have come meanwhile.
 *
 * @module
 */

import { uncurried } from "../captured.ts";
import { tameUncaught } from "../uncaught.ts";
import type { NestedStart } from "./app_thread.ts";
import { installNested } from "./nested_services.ts";

const { MessageEvent } = globalThis;
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

async function start(message: NestedStart): Promise<void> {
  hasStarted = true;
  await installNested(message)(message.url);
  unlisten(scope, "message", hold);
  for (let i = 0; i < early.length; i++) {
    const { data, ports } = early[i];
    dispatch(scope, new MessageEvent("message", { data, ports: ports as MessagePort[] }));
  }
}
